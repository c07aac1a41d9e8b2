"""Who sees how much of customers' data: personal.csv, one row per field, one column per role; and showing one in full.

In: the table, who asks, a call. Out: the mask that goes with every question (``reports.personal``), and who called.
Nothing is shown in full without a reason and its entry in the audit.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.context import Context, Cursor
from dashboard.people.accounts import Identity, Role
from dashboard.security.access import RIGHT, may
from dashboard.security.identity import who
from etl.callers import ClearCallers
from etl.records.audit import Action, Result, note
from etl.records.engine import transaction
from etl.records.models import AuditEntry
from etl.store import StoreError, store_key
from etl.warehouse import Generation, WarehouseError
from reports.calls import Caller, list_callers
from reports.personal import Field, Level, Mask, hidden_remark

_TABLE = Path(__file__).parents[1] / "personal.csv"
UNMASK = "unmask"
SHORTEST_REASON, LONGEST_REASON = 10, 200
#: Numbers that one account is shown in full within an hour: more is a list.
MOST_AN_HOUR = 30


class FieldClass(StrEnum):
    """Whose data a field holds: a customer's, perhaps a customer's, one's own staff's."""

    PERSONAL = "personal"
    MAY_CONTAIN = "may_contain"
    STAFF = "staff"


#: What a cell may say. Customers' data are in nobody's view in full without a reason, free text in nobody's at all.
_LEVELS = {
    FieldClass.PERSONAL: {Level.NONE, Level.MASKED, Level.REASON},
    FieldClass.MAY_CONTAIN: {Level.NONE, Level.MASKED},
    FieldClass.STAFF: {Level.NONE, Level.MASKED, Level.FULL},
}


class PersonalError(Exception):
    """A number is not shown in full, or the table will not do; the message says why."""


@dataclass(frozen=True)
class CallAsked:
    """The call that somebody looks at: its exchange, its callid, a local instant of it."""

    pbx: str
    callid: str
    near: datetime


def read_personal(text: str) -> Mapping[Role, Mask]:
    """Read the table. PersonalError for another head, a field missing or unknown, a cell that its class forbids."""
    reader = csv.DictReader(text.splitlines())
    if reader.fieldnames != ["field", "class", *Role]:
        raise PersonalError(f"the columns are {reader.fieldnames}")
    levels: dict[Role, dict[Field, Level]] = {role: {} for role in Role}
    for row in reader:
        try:
            field, allowed = Field(row["field"]), _LEVELS[FieldClass(row["class"])]
            cells = {role: Level(row[role]) for role in Role}
        except ValueError as error:
            raise PersonalError(f"row {reader.line_num}: {error}") from None
        if field in levels[Role.CHIEF] or not allowed >= set(cells.values()):
            raise PersonalError(f"row {reader.line_num}: a second row of {field}, or a level that its class forbids")
        for role, level in cells.items():
            levels[role][field] = level
    if missing := set(Field) - levels[Role.CHIEF].keys():
        raise PersonalError(f"no row of {', '.join(sorted(missing))}")
    return {role: Mask(fields) for role, fields in levels.items()}


@cache
def personal() -> Mapping[Role, Mask]:
    """Return the table as it is in force."""
    return read_personal(_TABLE.read_text(encoding="utf-8"))


def mask_of(identity: Identity | None) -> Mask:
    """Return how much somebody sees; outside of any request, where there is nobody, what nobody in particular does."""
    return Mask() if identity is None else personal()[identity.role]


def own_mask() -> Mask:
    """Return how much whoever asks sees."""
    return mask_of(who())


def may_unmask() -> bool:
    """Tell whether whoever asks may see a number in full for a reason: by the right and by the fields, both."""
    identity = who()
    return identity is not None and _may_unmask(identity)


def callers_shown(context: Context, generation: Generation, cursor: Cursor, call: CallAsked) -> list[Caller]:
    """Return who called as far as whoever asks sees it without a reason."""
    return _callers(context, generation, cursor, call, own_mask())


def unmasked(context: Context, identity: Identity, call: CallAsked, reason: str | None) -> list[Caller]:
    """Return who called in full, once the reason stands in the audit with the lines that say who. PersonalError.

    The entry holds file and line, never number or name: what the reason repeats of them is hidden in it.
    """
    if not _may_unmask(identity):
        context.note(identity.actor, Action.DENIED, UNMASK, Result.REFUSED)
        raise PersonalError("Su cuenta no tiene permiso para ver números completos.")
    given = " ".join((reason or "").split())
    if not SHORTEST_REASON <= len(given) <= LONGEST_REASON:
        raise PersonalError(f"Escriba el motivo, de {SHORTEST_REASON} a {LONGEST_REASON} letras.")
    try:
        with context.reading() as (generation, cursor):
            callers = _callers(context, generation, cursor, call, mask_of(identity).with_reason())
    except WarehouseError as error:
        raise PersonalError(str(error)) from None
    known = [text for caller in callers for text in (caller.number, caller.name) if text]
    if not known:
        raise PersonalError("De esa llamada no se conserva ningún número.")
    lines = "; ".join(f"{caller.file}, línea {caller.line}" for caller in callers)
    with transaction(context.records) as session:
        is_one_more = _count_lately(session, identity, Result.DONE) < MOST_AN_HOUR
        if is_one_more:
            note(session, identity.actor, Action.UNMASK, lines, reason=hidden_remark(given, *known))
        elif not _count_lately(session, identity, Result.REFUSED):  # one entry tells it
            note(session, identity.actor, Action.UNMASK, lines, Result.REFUSED, why="too many")
    if not is_one_more:
        raise PersonalError(f"Ya vio {MOST_AN_HOUR} números completos en la última hora: siga más tarde.")
    return callers


def _count_lately(session: Session, identity: Identity, result: Result) -> int:
    """Return how often an account asked for numbers in full within the hour, with that result."""
    hour_ago = _now() - timedelta(hours=1)
    found = select(func.count()).where(
        AuditEntry.entered_at > hour_ago, AuditEntry.account_id == identity.account_id,
        AuditEntry.action == Action.UNMASK, AuditEntry.result == result,
    )  # fmt: skip
    return session.scalar(found) or 0


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _may_unmask(identity: Identity) -> bool:
    return may(identity.role, RIGHT, UNMASK) and mask_of(identity).may_unmask()


def _callers(
    context: Context, generation: Generation, cursor: Cursor, call: CallAsked, mask: Mask
) -> list[Caller]:  # fmt: skip
    clear = clear_callers(context, generation)
    return list_callers(cursor, clear, call.pbx, call.callid, call.near, mask=mask)


def clear_callers(context: Context, generation: Generation) -> ClearCallers:
    """Return where the clear numbers of a generation are looked up; who asks hides what comes out. WarehouseError."""
    try:
        key = store_key(context.settings)
    except StoreError as error:
        raise WarehouseError(str(error)) from None
    return ClearCallers(context.settings.warehouse, generation, key)
