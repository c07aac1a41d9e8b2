"""The store of invented data: made once for a month, loaded through the real ETL, marked DATOS DE MUESTRA."""

import re
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import select

from etl import store as stores
from etl.records import site as sites
from etl.records.engine import transaction
from etl.records.models import Load
from etl.settings import ZONE, Settings

MONTHS = 13


def open_demo(
    settings: Settings, *, until: str | None = None, today: date | None = None
) -> tuple[stores.OpenStore, str]:
    """Open the demo store and tell its last month: the one asked for, else the last complete one.

    Raises StoreError when the folder holds a site's store, or the month is not written yyyy-mm or not over yet.
    """
    last = last_complete_month(today or datetime.now(UTC).astimezone(ZONE).date())
    if until is not None and not re.fullmatch("[0-9]{4}-(0[1-9]|1[0-2])", until):
        raise stores.StoreError(f"--until {until}: escriba el mes como aaaa-mm, por ejemplo {last}.")
    if until is not None and until > last:
        raise stores.StoreError(f"--until {until}: el último mes completo es {last}; la muestra no inventa el futuro.")
    return stores.open_store(settings, kind=stores.DEMO), until or last


def needs_sample(store: stores.OpenStore, month: str) -> bool:
    """Whether the store does not hold the whole sample of that month yet. Raises StoreError for another month's."""
    with transaction(store.records) as session:
        states = set(session.scalars(select(Load.state).distinct()))
    marker = _marker(store.settings)
    made = marker.read_text(encoding="utf-8").strip() if marker.exists() else None
    if made is not None and made != month and states:
        raise stores.StoreError(
            f"La muestra de {store.settings.data} termina en {made}; borre esa carpeta o pida --until {made}."
        )
    return made != month or states != {"published"}


def write_sample_files(store: stores.OpenStore, month: str) -> list[Path]:
    """Write the sample's logs and give the store its mapping; return the logs, as a real PBX would leave them."""
    from etl.simulation.sample import write_sample

    folder = store.settings.data / "muestra"
    shutil.rmtree(folder, ignore_errors=True)
    sample = write_sample(folder, until=month, months=MONTHS)
    with transaction(store.records) as session:
        sites.replace_queues(session, sites.queue_rules(sample.queue_rules_csv, sites.reference_lines()))
        sites.replace_persons(session, sites.person_rules(sample.agent_rules_csv))
    _marker(store.settings).write_text(month + "\n", encoding="utf-8")
    return list(sample.files)


def last_complete_month(today: date) -> str:
    """Return the month before a day's, as yyyy-mm."""
    year, month = (today.year, today.month - 1) if today.month > 1 else (today.year - 1, 12)
    return f"{year}-{month:02d}"


def _marker(settings: Settings) -> Path:
    return settings.data / "muestra.txt"
