"""A store: its folder, its kind (a site's or a demonstration's), its key, its lock.

In: settings. Out: the open store that loads and the command work on.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from filelock import FileLock
from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError

from etl.locks import HeldByAnother, hold
from etl.pseudonyms import read_key
from etl.records import site as sites
from etl.records.engine import open_records, transaction
from etl.records.models import Store
from etl.settings import Settings
from etl.warehouse import CURRENT, WarehouseError

SITE, DEMO = "site", "demo"
#: What the system, DuckDB and SQLite say when a disk, a quota or the size of a file is at its limit.
_NO_SPACE = ("no space left", "disk is full", "quota exceeded", "file too large")
_BUSY = ("database is locked", "database table is locked", "lock timeout")


class StoreError(Exception):
    """The store is not one that this command may touch; the message says which and what to do."""


class AnotherLoadRuns(Exception):
    """Another process holds the warehouse's lock; the message says which and since when."""


@dataclass
class OpenStore:
    """An open store: its settings, its records, its kind (site or demo) and the key of its pseudonyms."""

    settings: Settings
    records: Engine
    kind: str
    key: bytes = field(repr=False)

    def site(self) -> sites.Site:
        """Read the site's mappings and parameters."""
        with transaction(self.records) as session:
            return sites.read_site(session)


def open_store(settings: Settings, *, kind: str = SITE, create: bool = True) -> OpenStore:
    """Open a store, creating a plain one where there is none.

    Raises StoreError when the folder holds a store of the other kind, or none and ``create`` is false.
    """
    if not create and not settings.records_url and not (settings.data / "records.sqlite").exists():
        raise StoreError(f"En {settings.data} no hay un almacén: cargue primero un registro con «callcenter ingest».")
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    _close_to_others(settings.data)
    records = open_records(settings.database_url)
    with transaction(records) as session:
        store = session.scalar(select(Store).limit(1))
        if store is None:
            store = Store(store_id=1, kind=kind, created_at=now())
            session.add(store)
            sites.seed(session)
        found = store.kind
    if found != kind:
        shown = {SITE: "de un sitio", DEMO: "de demostración (DATOS DE MUESTRA)"}
        raise StoreError(
            f"El almacén de {settings.data} es {shown[found]} y esta orden trabaja con uno {shown[kind]}: "
            "indique otra carpeta con --data."
        )
    return OpenStore(settings, records, kind, store_key(settings))


def _close_to_others(folder: Path) -> None:
    """Take from others what they may do with the folder of a store, where it is ours: what lies in it is shut too."""
    if sys.platform == "win32":
        return
    found = folder.stat()
    is_everybodys = bool(found.st_mode & stat.S_ISVTX)  # as /tmp itself
    if found.st_uid == os.geteuid() and found.st_mode & 0o077 and not is_everybodys:
        with suppress(OSError):  # a file system without owners
            folder.chmod(stat.S_IMODE(found.st_mode) & 0o700)


def store_key(settings: Settings) -> bytes:
    """Read the key of the store, made at first use. With another one, what is known would be counted twice."""
    path = settings.data / "pseudonyms.key"
    remedy = "restáurelo de un respaldo; si se perdió, borre la carpeta warehouse y ejecute «callcenter rebuild»."
    if not path.exists() and (settings.warehouse / CURRENT).exists():
        raise StoreError(f"Falta {path}, con el que se hicieron las cifras en servicio: {remedy}")
    try:
        return read_key(path)
    except ValueError as error:
        raise StoreError(f"{path} está dañado: {remedy}") from error


def store_kind(settings: Settings) -> str | None:
    """Return the kind of the store in the folder, None where there is none."""
    if not settings.records_url and not (settings.data / "records.sqlite").exists():
        return None
    records = open_records(settings.database_url)
    try:
        with transaction(records) as session:
            store = session.scalar(select(Store).limit(1))
            return store.kind if store else None
    finally:
        records.dispose()


@contextmanager
def warehouse_lock(settings: Settings) -> Iterator[None]:
    """Hold the one lock of the warehouse (freed by the kernel when a process dies). Raises AnotherLoadRuns."""
    settings.warehouse.mkdir(parents=True, exist_ok=True)
    note = settings.warehouse / ".lock-holder"
    with ExitStack() as held:
        try:
            held.enter_context(hold(FileLock(settings.warehouse / ".lock"), note, f"{now():%d/%m/%Y %H:%M:%S} UTC"))
        except HeldByAnother as holder:
            raise AnotherLoadRuns(f"Otra carga está en curso ({holder}): espere a que termine.") from None
        yield


@contextmanager
def full_disk_told(settings: Settings) -> Iterator[None]:
    """Say what a full disk means for whoever runs a load. Raises WarehouseError."""
    try:
        yield
    except (OSError, duckdb.Error, DBAPIError) as error:
        if not is_no_space(error):
            raise
        raise WarehouseError(
            f"No hay espacio en el disco de {settings.data}: las cifras anteriores siguen en servicio. "
            "Libere espacio y repita la carga."
        ) from error


def is_no_space(error: Exception) -> bool:
    """Tell whether an error says that the disk is full."""
    return any(sign in str(error).lower() for sign in _NO_SPACE)


def is_busy(error: Exception) -> bool:
    """Tell whether an error says that somebody else kept the records for longer than one waits."""
    return any(sign in str(error).lower() for sign in _BUSY)


def now() -> datetime:
    """Return the instant it is, in UTC, as the records hold it."""
    return datetime.now(UTC).replace(tzinfo=None)
