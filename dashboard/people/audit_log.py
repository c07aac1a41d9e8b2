"""The audit as it is read: a part of it, newest first, so many entries at a time, asked of the database.

In: the query of an address (?desde=&hasta=&accion=&cuenta=&resultado=&pagina=). Out: what it asks for, and what
is wrong in it, word by word; entries and how many there are; whether the chain of sealed days holds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import TypeVar
from urllib.parse import parse_qs, urlencode

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from dashboard.context import Context
from dashboard.filters import YEARS, FilterError, read_day
from etl.records.audit import Action, Result, broken_seals
from etl.records.models import AuditEntry, AuditSeal
from etl.settings import ZONE_OFFSET_SECONDS
from reports import terms
from reports.format import number_text

PAGE_ENTRIES = 50
#: Days of the chain that are looked at whenever the page opens; all of them when somebody asks.
RECENT_DAYS = 7
_MOST_PAGES = 1_000_000
_T = TypeVar("_T")
#: Details whose numbers name something and count nothing.
_NAMING = ("generation", "line", "of", "sha256")
_OFFSET = timedelta(seconds=ZONE_OFFSET_SECONDS)


@dataclass(frozen=True)
class AuditAsked:
    """Which entries: of days (La Paz, inclusive), an action, an account that acted or was acted on, a result."""

    first: date | None = None
    last: date | None = None
    action: str = ""
    account: str = ""
    result: str = ""
    page: int = 1

    @property
    def address(self) -> str:
        """The query of an address that asks for this, "" for everything."""
        words = {
            "desde": f"{self.first:%Y-%m-%d}" if self.first else "",
            "hasta": f"{self.last:%Y-%m-%d}" if self.last else "",
            "accion": self.action,
            "cuenta": self.account,
            "resultado": self.result,
            "pagina": str(self.page) if self.page > 1 else "",
        }
        given = {word: text for word, text in words.items() if text}
        return f"?{urlencode(given)}" if given else ""

    def on_page(self, page: int) -> AuditAsked:
        """Return the same, another page of it."""
        return replace(self, page=page)


@dataclass(frozen=True)
class EntryShown:
    """An entry in the words of users; its instant is La Paz time."""

    at: datetime
    who: str
    role: str
    address: str
    action: str
    about: str
    result: str
    details: str


@dataclass(frozen=True)
class Chain:
    """The sealed days: how many, the last, and those of them looked at that are not what was sealed."""

    days: int
    last: date | None
    looked_at: int
    broken: tuple[date, ...]


@dataclass(frozen=True)
class Wrong:
    """A word of an address that cannot be read: what stands in it, and what is the matter."""

    typed: str
    says: str


def read_asked(search: str | None) -> AuditAsked:
    """Return what the query of an address asks for; blanks ask for everything. FilterError."""
    asked, wrong = read_typed(search)
    for each in wrong.values():
        raise FilterError(each.says)
    return asked


def read_typed(search: str | None) -> tuple[AuditAsked, dict[str, Wrong]]:
    """Return what the query of an address asks for in the words that can be read, and the others."""
    words = parse_qs((search or "").removeprefix("?"))
    wrong: dict[str, Wrong] = {}

    def read(name: str, reader: Callable[[str], _T], blank: _T) -> _T:
        text = words.get(name, [""])[-1].strip()
        try:
            return reader(text) if text else blank
        except FilterError as error:
            wrong[name] = Wrong(text[:40], str(error))
            return blank

    first, until = (read(name, _day, None) for name in ("desde", "hasta"))
    if first and until and first > until:
        wrong["hasta"] = Wrong(f"{until:%d/%m/%Y}", "El primer día es posterior al último")
        until = None
    action, result = read("accion", _action, ""), read("resultado", _result, "")
    account = words.get("cuenta", [""])[-1].strip()[:64].casefold()
    return AuditAsked(first, until, action, account, result, read("pagina", _page, 1)), wrong


def count_asked(context: Context, asked: AuditAsked) -> int:
    """Return how many entries are asked for."""
    with _reading(context) as session:
        return session.scalar(select(func.count()).select_from(AuditEntry).where(*_where(asked))) or 0


def entries_shown(context: Context, asked: AuditAsked, *, limit: int, offset: int = 0) -> list[EntryShown]:
    """Return entries that are asked for, the newest first."""
    query = select(AuditEntry).where(*_where(asked)).order_by(AuditEntry.entry_id.desc()).limit(limit).offset(offset)
    with _reading(context) as session:
        return [_shown(entry) for entry in session.scalars(query)]


def chain_of(context: Context, *, days: int | None = RECENT_DAYS) -> Chain:
    """Look whether the last sealed days (None: all) still are what was sealed."""
    with _reading(context) as session:
        number, last = session.execute(select(func.count(), func.max(AuditSeal.day))).one()
        looked_at = number if days is None else min(days, number)
        return Chain(number, last, looked_at, tuple(broken_seals(session, last=days)))


def details_text(details: str) -> str:
    """Return the details of an entry in the words of users; what has no word stays as it was written."""
    try:
        told = json.loads(details) if details else {}
    except ValueError:  # cut, for it was too long
        return details
    if not isinstance(told, dict):
        return details
    parts = []
    for name, value in told.items():
        match value:
            case None:
                continue
            case False if name == "must_change":  # said only of who must
                continue
            case bool():
                text = "sí" if value else "no"
            case int() if name not in _NAMING:
                text = number_text(value)
            case str():
                text = terms.AUDIT_VALUES.get(value) or terms.ROLES.get(value) or value
            case _:
                text = str(value)
        parts.append(f"{terms.AUDIT_DETAILS.get(name, name)}: {text}")
    return " · ".join(parts)


def _day(text: str) -> date:
    """Return a day as people type it, 31/10/2026, or as addresses have it. FilterError."""
    day, _, rest = text.partition("/")
    month, _, year = rest.partition("/")
    try:
        found = read_day(f"{year}-{month:0>2}-{day:0>2}" if rest else text)
    except FilterError:
        raise FilterError(f"«{text[:40]}» no es una fecha; escriba dd/mm/aaaa") from None
    if not YEARS[0] <= found.year <= YEARS[1]:
        raise FilterError(f"Los días van de {YEARS[0]} a {YEARS[1]}")
    return found


def _action(text: str) -> str:
    if text not in list(Action):
        raise FilterError(f"«{text[:40]}» no es una acción de la auditoría")
    return text


def _result(text: str) -> str:
    if text not in list(Result):
        raise FilterError(f"«{text[:40]}» no es un resultado de la auditoría")
    return text


def _page(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= _MOST_PAGES):
        raise FilterError(f"«{text[:40]}» no es una página")
    return int(text)


def about_text(text: str) -> str:
    """Return what an act was about in the words of users: "load 3" as "carga 3"; names and files as they are."""
    kind, space, rest = text.partition(" ")
    return f"{terms.AUDIT_OBJECTS[kind]} {rest}" if space and kind in terms.AUDIT_OBJECTS else text


def _where(asked: AuditAsked) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if asked.first:
        found.append(AuditEntry.entered_at >= datetime.combine(asked.first, time()) - _OFFSET)
    if asked.last:
        found.append(AuditEntry.entered_at < datetime.combine(asked.last + timedelta(days=1), time()) - _OFFSET)
    if asked.action:
        found.append(AuditEntry.action == asked.action)
    if asked.result:
        found.append(AuditEntry.result == asked.result)
    if asked.account:
        found.append(or_(AuditEntry.who == asked.account, AuditEntry.object == asked.account))
    return found


def _shown(entry: AuditEntry) -> EntryShown:
    return EntryShown(
        entry.entered_at + _OFFSET,
        entry.who,
        terms.ROLES.get(entry.role, entry.role),
        entry.address,
        terms.AUDIT_ACTIONS.get(entry.action, entry.action),
        about_text(entry.object),
        terms.AUDIT_RESULTS.get(entry.result, entry.result),
        details_text(entry.details),
    )


def _reading(context: Context) -> Session:
    return Session(context.records_to_read() or context.records)
