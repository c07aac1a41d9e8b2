"""Where backups may go: which folders will do, one backup at a time, and nothing left of those that were killed.

In: an open store, the folder of its backups and that of its keys. Out: nothing, or a refusal that says what to do.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import select

from etl.records.audit import Action, Result
from etl.records.engine import transaction
from etl.records.models import AuditEntry
from etl.safekeeping.keys import KEY_NAMES, fingerprint
from etl.safekeeping.manifest import NATIVE, PIECES, PREFIX, BackupError, backups_in, read_manifest
from etl.safekeeping.rotation import LONGEST
from etl.settings import Settings
from etl.store import OpenStore
from etl.store import now as clock
from etl.warehouse import CURRENT

#: Begins the names of the folders, in the store, where a backup is restored on trial.
TRIAL = ".backup-trial-"


def check_places(store: OpenStore, destination: Path, keys: Path | None) -> None:
    """Refuse places where a backup would be none: within a store, beside its keys, of another store, not there."""
    data, to = store.settings.data.resolve(), destination.resolve()
    if data in (to, *to.parents) or any(
        (to / name).exists() for name in (NATIVE, KEY_NAMES[0], f"warehouse/{CURRENT}")
    ):
        raise BackupError(f"{destination} es un almacén o está dentro de uno: indique otra carpeta.")
    if keys is not None and {data, to} & {keys.resolve(), *keys.resolve().parents}:
        raise BackupError(f"La carpeta de las claves ({keys}) no puede estar en la del respaldo ni en el almacén.")
    there = backups_in(destination)
    if _key_of(there) not in (None, fingerprint(store.key)):
        raise BackupError(f"{destination} guarda respaldos de otro almacén: indique otra carpeta.")
    if not there and _was_used(store, destination):
        same_disk = destination.exists() and destination.stat().st_dev == store.settings.data.stat().st_dev
        if same_disk or not destination.exists():
            raise BackupError(
                f"En {destination} no está ningún respaldo, y ya se habían hecho: revise que el disco esté conectado. "
                "Si los borró usted, indique otra carpeta."
            )


def _key_of(backups: Sequence[Path]) -> str | None:
    """Return the key's fingerprint that the newest whole backup tells, None without one."""
    for folder in reversed(backups):
        with contextlib.suppress(BackupError):
            return read_manifest(folder).key
    return None


def _was_used(store: OpenStore, destination: Path) -> bool:
    """Tell whether the audit knows of backups in this folder, young enough to be there still."""
    since = clock() - LONGEST
    with transaction(store.records) as session:
        entries = session.scalars(
            select(AuditEntry.details).where(
                AuditEntry.action == Action.BACKUP, AuditEntry.result == Result.DONE, AuditEntry.entered_at > since
            )
        ).all()
    return any(_folder_noted(details) == str(destination) for details in entries)


def _folder_noted(details: str) -> object:
    with contextlib.suppress(ValueError):
        found: object = json.loads(details).get("folder")
        return found
    return None


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Let one backup of a store be made at a time, and delete the trials of those that were killed."""
    lock = FileLock(settings.data / ".backup.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BackupError("Otro respaldo está en curso: espere a que termine.") from None
    try:
        for left in settings.data.glob(f"{TRIAL}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        lock.release()


def clear(destination: Path) -> None:
    """Delete what backups that were killed have left behind."""
    for path in destination.glob(f".{PREFIX}*"):
        shutil.rmtree(path, ignore_errors=True)
    for path in (destination / PIECES).glob("*/.*"):
        path.unlink(missing_ok=True)
