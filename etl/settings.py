"""Where a store lives and how much of the machine it may use; read once from the environment."""

from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic_settings import BaseSettings, SettingsConfigDict

#: Bolivia keeps UTC-4 all year. Months, days and hours of every figure are read on this wall clock.
ZONE_NAME = "America/La_Paz"
ZONE = ZoneInfo(ZONE_NAME)
ZONE_OFFSET_SECONDS = -4 * 3600


class Settings(BaseSettings):
    """Paths and limits of one store.

    ``data`` is the folder of the store (CALLCENTER_DATA); ``memory_limit`` is what DuckDB may use, of which the whole
    process stays under 2 GB; ``round_lines`` are built at once within it; ``records_url`` replaces
    ``<data>/records.sqlite`` by another SQLAlchemy URL.
    """

    model_config = SettingsConfigDict(env_prefix="CALLCENTER_", extra="ignore")

    data: Path = Path("data")
    records_url: str = ""
    pbx: str = "pbx"
    memory_limit: str = "1000MB"
    threads: int = 2
    slab_bytes: int = 128 * 1024 * 1024
    round_lines: int = 6_000_000
    line_limit_bytes: int = 64 * 1024
    keep_generations_seconds: int = 600

    @property
    def raw(self) -> Path:
        """Folder of the immutable pieces as they were received."""
        return self.data / "raw"

    @property
    def warehouse(self) -> Path:
        """Folder of the published segments and of CURRENT."""
        return self.data / "warehouse"

    @property
    def inbox(self) -> Path:
        """Folder that ``ingest`` without a path looks into."""
        return self.data / "inbox"

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the records."""
        return self.records_url or f"sqlite:///{self.data / 'records.sqlite'}"
