"""The store of invented data: made once for a month, loaded through the real ETL, marked DATOS DE MUESTRA.

Its accounts, one for each role, get another password whenever it is opened.
"""

import re
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import select

from dashboard.people.accounts import (
    Role,
    add_account,
    hash_password,
    new_password,
    set_disabled,
    set_password,
    set_role,
)
from etl import store as stores
from etl.records import site as sites
from etl.records.audit import SYSTEM
from etl.records.engine import transaction
from etl.records.models import Account, Load
from etl.settings import ZONE, Settings

MONTHS = 13
#: The account of each role: its name, and who is behind it, invented like everything else here.
PEOPLE = {
    Role.OPERATOR: ("operadora", "Rosa Mamani Quispe"),
    Role.SUPERVISOR: ("supervisora", "Elena Rojas Vargas"),
    Role.MANAGER: ("gerencia", "Jorge Salinas Peredo"),
    Role.CHIEF: ("jefatura", "Carmen Flores Rocha"),
    Role.QUALITY: ("calidad", "Luis Terrazas Soto"),
    Role.ADMINISTRATOR: ("administracion", "Mario Camacho Lima"),
}


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
        # What was refused or taken out again on purpose does not come back by itself.
        states = set(session.scalars(select(Load.state).where(Load.state != "refused").distinct()))
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


def accounts_anew(store: stores.OpenStore) -> dict[Role, tuple[str, str]]:
    """Give every role its account with a password just made up; return name and password by role."""
    given = {}
    # Who administers first: somebody else may have become the last one who does.
    for role in reversed(PEOPLE):
        name, full_name = PEOPLE[role]
        password = new_password()
        hashed = hash_password(password)
        with transaction(store.records) as session:
            account = session.scalar(select(Account).where(Account.name == name))
            if account is None:
                add_account(session, SYSTEM, name, full_name, role, hashed, must_change=False)
            else:
                set_password(session, SYSTEM, account, hashed, must_change=False)
                set_role(session, SYSTEM, account, role)
                set_disabled(session, SYSTEM, account, False)
        given[role] = (name, password)
    return {role: given[role] for role in PEOPLE}


def last_complete_month(today: date) -> str:
    """Return the month before a day's, as yyyy-mm."""
    year, month = (today.year, today.month - 1) if today.month > 1 else (today.year - 1, 12)
    return f"{year}-{month:02d}"


def _marker(settings: Settings) -> Path:
    return settings.data / "muestra.txt"
