"""The audit: acts that matter, each one row that is only ever added, and a seal on every day that is over.

In: a session of the records, who acts, what. Out: the entry, in the same transaction as the act itself: no act without
its entry. No personal data of customers goes into it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from etl.records.models import AuditEntry, AuditSeal
from etl.settings import ZONE_OFFSET_SECONDS

#: A day is sealed only so long after its end: a transaction begun before midnight may still be under way.
_SETTLE = timedelta(minutes=10)
_OFFSET = timedelta(seconds=ZONE_OFFSET_SECONDS)
_LONGEST = 2000
_BEFORE_ALL = -(2**31)  # not 0: a row slipped in before the first one must be seen too

#: What of an entry is sealed: all of it.
_SEALED = tuple(AuditEntry.__table__.columns)


class Action(StrEnum):
    """What is written down. What users read is in ``reports.terms``."""

    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    DENIED = "denied"
    PASSWORD = "password"
    ACCOUNT = "account"
    ROLE = "role"
    EXPORT = "export"
    UNMASK = "unmask"
    UPLOAD = "upload"
    LOAD = "load"
    UNDO = "undo"
    MAPPING = "mapping"
    JOB = "job"
    BACKUP = "backup"
    RESTORE = "restore"


class Result(StrEnum):
    """How it ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class Actor:
    """Who acts: an account as it is at that moment, or the system itself."""

    account_id: int | None
    name: str
    role: str
    address: str = ""


#: What nobody signed in for: the worker's own rounds.
SYSTEM = Actor(None, "sistema", "")


def console_actor(user: str) -> Actor:
    """Return whoever gives a command on the server itself, by the name the machine knows them by."""
    return Actor(None, user, "consola")


def note(
    session: Session,
    actor: Actor,
    action: Action,
    object_: str = "",
    result: Result = Result.DONE,
    **details: str | int | float | bool | None,
) -> AuditEntry:
    """Add an entry. Control characters are written out, so that no value can forge a line; long values are cut."""
    entry = AuditEntry(
        entered_at=datetime.now(UTC).replace(tzinfo=None),
        account_id=actor.account_id,
        who=_one_line(actor.name)[:64],
        role=actor.role[:16],
        address=_one_line(actor.address)[:64],
        action=action,
        object=_one_line(object_)[:_LONGEST],
        result=result,
        details=_one_line(json.dumps(details, ensure_ascii=False))[:_LONGEST] if details else "",
    )
    session.add(entry)
    session.flush()
    return entry


def seal_days(session: Session, now: datetime) -> list[date]:
    """Seal every day (La Paz) that is over and has entries not yet sealed; return those days. `now` is in UTC."""
    last = session.scalar(select(AuditSeal).order_by(AuditSeal.day.desc()).limit(1))
    chain, after = (last.sha256, last.last_entry) if last else ("", _BEFORE_ALL)
    today = (now - _SETTLE + _OFFSET).date()
    sealed = []
    for day, entries in _by_day(session, after, _starts(today), now):
        # What was written with a clock gone back belongs to the first day that is sealed after it; what is sealed after
        # a day of a clock gone ahead gets the days after that one, until the calendar is there.
        is_ahead = last is not None and last.day >= today
        day = max(day, last.day + timedelta(days=1)) if last else day
        if day >= today and not is_ahead:
            break
        chain = _digest(chain, entries)
        last = AuditSeal(day=day, entries=len(entries), last_entry=entries[-1].entry_id, sha256=chain, sealed_at=now)
        session.add(last)
        sealed.append(day)
    session.flush()
    return sealed


def broken_seals(session: Session, *, last: int | None = None) -> list[date]:
    """Return the days whose entries are not what was sealed, and those sealed after them; none when all is well.

    `last` looks at so many days only, the newest, and believes the seal before them.
    """
    seals = session.scalars(select(AuditSeal).order_by(AuditSeal.day)).all()
    first = max(0, len(seals) - last) if last is not None else 0
    chain, after = (seals[first - 1].sha256, seals[first - 1].last_entry) if first else ("", _BEFORE_ALL)
    broken = []
    for seal in seals[first:]:
        # Bare rows: a million entries as objects would take most of the time.
        entries = session.execute(
            select(*_SEALED)
            .where(AuditEntry.entry_id > after, AuditEntry.entry_id <= seal.last_entry)
            .order_by(AuditEntry.entry_id)
        ).all()
        chain = _digest(chain, entries)
        if chain != seal.sha256 or len(entries) != seal.entries:
            broken.append(seal.day)
        after = seal.last_entry
    return broken


def _by_day(session: Session, after: int, before: datetime, now: datetime) -> Iterator[tuple[date, list[Row[Any]]]]:
    """Give the entries after one, in their order, day by day, up to the first of a day that is not over.

    An earlier instant stays with the day before it, and so does one that is still to come: a clock was wrong.
    """
    day: date | None = None
    entries: list[Row[Any]] = []
    rows = session.execute(select(*_SEALED).where(AuditEntry.entry_id > after).order_by(AuditEntry.entry_id))
    for entry in rows:
        if entry.entered_at <= now:
            if entry.entered_at >= before:
                break
            own = (entry.entered_at + _OFFSET).date()
            if day is not None and own > day:
                yield day, entries
                entries = []
            day = own if day is None else max(day, own)
        entries.append(entry)
    if day is not None and entries:
        yield day, entries


def _starts(day: date) -> datetime:
    return datetime(day.year, day.month, day.day) - _OFFSET


def _digest(chain: str, entries: Iterable[Row[Any]]) -> str:
    sha = hashlib.sha256(chain.encode())
    for entry in entries:
        row = [
            entry.entry_id, entry.entered_at.isoformat(), entry.account_id, entry.who, entry.role, entry.address,
            entry.action, entry.object, entry.result, entry.details,
        ]  # fmt: skip
        sha.update(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return sha.hexdigest()


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
