"""Where a store lives, how much of the machine it may use and whom it answers; read once from the environment.

What the environment does not say is read from ``<data>/callcenter.env``, which ``callcenter init`` writes.
"""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

#: Bolivia keeps UTC-4 all year. Months, days and hours of every figure are read on this wall clock.
ZONE_NAME = "America/La_Paz"
ZONE = ZoneInfo(ZONE_NAME)
ZONE_OFFSET_SECONDS = -4 * 3600
#: How old the newest line of a PBX may be before somebody should look whether its log still arrives.
FRESH = timedelta(hours=36)
#: The file of a store that holds its settings, written as environment variables.
SETTINGS_FILE = "callcenter.env"
#: How the name of every setting begins in the environment.
ENVIRONMENT = "CALLCENTER_"


_OFFSET = re.compile(r"([+-])(0\d|1[0-4]):?([03]0|[14]5)")


def zone_offset(text: str) -> int | None:
    """Return the seconds that a table's clock is ahead of UTC: ``local``, ``utc`` or ``-04:00``; of ``auto`` None.

    Raises ValueError for anything else.
    """
    if text in ("auto", "local", "utc"):
        return {"auto": None, "local": ZONE_OFFSET_SECONDS, "utc": 0}[text]
    if (found := _OFFSET.fullmatch(text)) is None:
        raise ValueError("auto, local, utc or an offset like -04:00")
    seconds = int(found[2]) * 3600 + int(found[3]) * 60
    return -seconds if found[1] == "-" else seconds


class Database(BaseModel):
    """A table of a database that holds a log: where it is, whose calls it tells, how its clock goes.

    Without ``table`` the first one of a known layout is taken. ``overlap_seconds`` before the newest row known are read
    again each time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=r"^[\w.-]{1,40}$")
    url: SecretStr
    table: str = ""
    pbx: str = ""
    zone: str = "auto"
    overlap_seconds: int = Field(default=900, ge=0)

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        """Return a zone in small letters. Raises ValueError."""
        zone_offset(value := value.strip().casefold())
        return value


class Settings(BaseSettings):
    """Paths and limits of one store.

    ``data`` is the folder of the store (CALLCENTER_DATA); ``memory_limit`` is what DuckDB may use, of which the whole
    process stays under 2 GB; ``round_lines`` are built at once within it; ``records_url`` replaces
    ``<data>/records.sqlite`` by another SQLAlchemy URL. ``keep_set_aside_days`` after its load, the text of a line that
    was set aside is forgotten: it may hold anything. A silence of the log is a gap where the same hours of the weeks
    around it usually have ``gap_lines`` lines (``reports.coverage``).

    ``hosts`` are the names that the server answers to (commas between them in the environment), ``host`` and ``port``
    where it listens, ``connections_of_address`` how many of one address may be open at once; ``certificate`` and
    ``certificate_key`` are files of the site's own, in the place of those that ``callcenter init`` makes; ``secret``
    replaces ``<data>/secret.key``; ``backup`` is the folder of the backups; ``oidc_*`` name the site's single sign-on.

    ``databases`` are the tables that logs are pulled from (in the environment as JSON, a list of what ``Database``
    takes); the worker pulls every ``pull_seconds``, 0 for never. ``table_zone`` is the clock of a dump of such a table.

    ``watch`` are logs that grow, or folders with a ``queue_log`` (commas between them in the environment): the worker
    follows them with their rotated pieces, and looks every ``watch_seconds``.
    """

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT, extra="ignore", hide_input_in_errors=True)

    data: Path = Path("data")
    records_url: str = Field(default="", repr=False)  # may hold a password
    pbx: str = "pbx"
    memory_limit: str = "1000MB"
    threads: int = 2
    slab_bytes: int = 128 * 1024 * 1024
    round_lines: int = 6_000_000
    line_limit_bytes: int = 64 * 1024
    keep_generations_seconds: int = 600
    keep_set_aside_days: int = Field(default=90, ge=1)
    gap_lines: int = Field(default=20, ge=1)

    hosts: Annotated[tuple[str, ...], NoDecode] = ()
    host: str = "127.0.0.1"
    port: int = Field(default=8050, ge=0, le=65535)
    connections_of_address: int = Field(default=200, ge=10)
    certificate: Path | None = None
    certificate_key: Path | None = None
    secret: SecretStr = SecretStr("")
    backup: Path | None = None
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    oidc_name: str = ""

    databases: tuple[Database, ...] = Field(default=(), repr=False)
    pull_seconds: int = Field(default=0, ge=0)
    table_zone: str = "auto"

    watch: Annotated[tuple[Path, ...], NoDecode] = ()
    watch_seconds: float = Field(default=300, gt=0)

    @model_validator(mode="after")
    def _names_of_databases_differ(self) -> "Settings":
        """Refuse two connections of one name: what is known of one would be taken for the other's."""
        names = [each.name for each in self.databases]
        if len(names) != len(set(names)):
            raise ValueError("databases: a name stands twice")
        return self

    @field_validator("table_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        """Return a zone in small letters. Raises ValueError."""
        zone_offset(value := value.strip().casefold())
        return value

    @field_validator("hosts", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        """Return host names in small letters, without spaces, blanks or the brackets of an IPv6 address."""
        names = value.split(",") if isinstance(value, str) else value
        return tuple(dict.fromkeys(bare for name in names if (bare := str(name).strip().strip("[]").casefold())))

    @field_validator("watch", mode="before")
    @classmethod
    def _paths(cls, value: Any) -> Any:
        """Return the paths that a text names between commas."""
        names = value.split(",") if isinstance(value, str) else value
        return tuple(dict.fromkeys(name for each in names if (name := str(each).strip())))

    @field_validator("certificate", "certificate_key", "backup", mode="before")
    @classmethod
    def _nothing_is_none(cls, value: Any) -> Any:
        return value or None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what was given, then the environment, then the file of the store that those two name."""
        given = init_settings.init_kwargs if isinstance(init_settings, InitSettingsSource) else {}
        data = given.get("data") or env_settings().get("data") or cls.model_fields["data"].default
        return init_settings, env_settings, _StoreFile(settings_cls, env_file=Path(data) / SETTINGS_FILE)

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


class GivenSettings(Settings):
    """Settings that are what they are given and nothing else: neither the environment nor a file is asked."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what was given."""
        return (init_settings,)


def setting_line(name: str, value: str) -> str:
    """Return the line of a settings file that gives a variable this value, whatever is in it."""
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{name}='{quoted}'\n"


def setting_named(line: str) -> str:
    """Return the variable that a line of a settings file is about, in capitals; of another line anything."""
    return line.partition("=")[0].strip().removeprefix("export ").strip().upper()


class _StoreFile(DotEnvSettingsSource):
    """The settings file of a store; it cannot name another folder than its own."""

    def __call__(self) -> dict[str, Any]:
        found = super().__call__()
        found.pop("data", None)
        return found
