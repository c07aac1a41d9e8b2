"""What backups remember of the audit: the last seal of their moment, which nobody can change in the records afterwards.

In: a session of the records, folders of backups. Out: those whose seal the records do not have, or have otherwise.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from etl.records.audit import Action
from etl.records.models import AuditEntry, AuditSeal
from etl.safekeeping.manifest import BackupError, Seal, read_manifest


@dataclass(frozen=True)
class OtherSeal:
    """A backup whose seal is not that of the records.

    ``is_explained`` where the records were restored from an older backup since: those days were lived through twice.
    """

    backup: str
    day: date
    is_explained: bool


def last_seal(session: Session) -> Seal | None:
    """Return the newest seal of the audit, None where no day is sealed."""
    seal = session.scalar(select(AuditSeal).order_by(AuditSeal.day.desc()).limit(1))
    return _remembered(seal) if seal is not None else None


def other_seals(session: Session, backups: Iterable[Path], *, before: datetime | None = None) -> list[OtherSeal]:
    """Return the backups (those made `before` an instant, in UTC) whose seal the records do not have as it was."""
    own = {seal.day.isoformat(): _remembered(seal) for seal in session.scalars(select(AuditSeal))}
    entries = select(AuditEntry.object, AuditEntry.entered_at).where(AuditEntry.action == Action.RESTORE)
    restored = [(name, at) for name, at in session.execute(entries)]
    found = []
    for folder in backups:
        with contextlib.suppress(BackupError):  # a damaged one is told of elsewhere
            manifest = read_manifest(folder)
            seal = manifest.seal
            if seal is None or seal == own.get(seal.day) or (before is not None and manifest.made_at >= before):
                continue
            explained = any(name < folder.name and manifest.made_at < at for name, at in restored)
            found.append(OtherSeal(folder.name, date.fromisoformat(seal.day), explained))
    return found


def _remembered(seal: AuditSeal) -> Seal:
    return Seal(seal.day.isoformat(), seal.sha256, seal.entries, seal.last_entry)
