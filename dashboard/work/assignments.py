"""Which line a queue belongs to and whose an interface is: what is not known yet, the rules in force, what is saved.

In: a context, who asks, rows as a page sends them. Out: frozen values for the page; or a job that writes the rules and
applies them to the figures. Nothing is applied here.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.context import Context
from dashboard.people.accounts import Identity
from dashboard.work.intake import IntakeError, require
from dashboard.work.rights import EDIT_MAPPING
from etl.mapping import COLUMNS, QUEUES, UNMAPPED_AGENTS, rules_digest
from etl.model import NOT_COUNTED
from etl.records import jobs
from etl.records.audit import Action
from etl.records.engine import transaction
from etl.records.jobs import State
from etl.records.models import Account, AuditEntry, Job
from etl.records.site import (
    MappingError,
    PersonRule,
    QueueRule,
    Site,
    person_rules,
    queue_rules,
    read_site,
    reference_lines,
    rules_csv,
)
from etl.warehouse import WarehouseError

#: What a page sends in the place of a line to have the rule taken away.
REMOVED = "-"
_UNDER_WAY = (State.QUEUED, State.RUNNING)
_LONGEST = {"queue": 256, "did": 80, "interface": 256, "person": 256}
#: The columns of a rule as the page calls them.
_SPOKEN = {"valid_from": "«desde»", "valid_to": "«hasta»"}
Rule = QueueRule | PersonRule
_Span = tuple[date | None, date | None]


class RowErrors(Exception):
    """Rows that cannot be taken: what is wrong with each, by its number on the page."""

    def __init__(self, errors: dict[int, str]) -> None:
        """Keep what is wrong with which row."""
        super().__init__("; ".join(errors.values()))
        self.errors = errors


class ChangedMeanwhile(Exception):
    """The rules are not those that the page showed; the message says who changed them."""


@dataclass(frozen=True)
class Seen:
    """Calls of a queue, a DID of one, or an interface, that no rule covers; ``free`` are the days left for a rule."""

    name: str
    calls: int
    first: date
    last: date
    free: _Span


@dataclass(frozen=True)
class QueueSeen(Seen):
    """The same of a queue, with its calls by hour of the day, and by DID (blank where a call has none)."""

    hours: tuple[int, ...]
    dids: tuple[Seen, ...]


@dataclass(frozen=True)
class Applied:
    """The newest change that was asked for: whose it is and how far."""

    job: int
    what: str
    account: int | None
    who: str
    state: str
    tells: str

    @property
    def is_under_way(self) -> bool:
        """Whether the figures do not apply it yet."""
        return self.state in _UNDER_WAY


def rules_of(context: Context, what: str) -> tuple[Rule, ...]:
    """Return the rules of the queues or of the interfaces, as they are now."""
    return _rules(_site(context), what)


def version_of(context: Context, what: str) -> str:
    """Return what changes whenever these rules, or the calls that they are for, do."""
    return f"{rules_digest(rules_of(context, what))} {_loads(context)}"


def count_unknown_queues(context: Context) -> int:
    """Return how many queues have calls that no rule covers. WarehouseError."""
    if context.is_empty:
        return 0
    with context.reading() as (_, cursor):
        asked = "SELECT COUNT(DISTINCT queue) FROM core.queue_visits WHERE service IS NULL"
        return int(cursor.execute(asked).fetchall()[0][0])


def unknown_queues(context: Context) -> tuple[QueueSeen, ...]:
    """Return the queues with calls that no rule covers, the most calls first. WarehouseError."""
    if context.is_empty:
        return ()
    with context.reading() as (_, cursor):
        rows = cursor.execute(
            """SELECT queue, COALESCE(did, ''), entered_hour, COUNT(*), MIN(entered_date), MAX(entered_date)
            FROM core.queue_visits WHERE service IS NULL GROUP BY queue, COALESCE(did, ''), entered_hour"""
        ).fetchall()
    spans: dict[tuple[str, str], list[_Span]] = defaultdict(list)
    for rule in _site(context).queues:
        spans[rule.queue, _digits(rule.did or "")].append((rule.valid_from, rule.valid_to))
    by_queue: dict[str, list[tuple[str, int, int, date, date]]] = defaultdict(list)
    for queue, *row in rows:
        by_queue[queue].append(tuple(row))
    found = []
    for queue, parts in by_queue.items():
        hours = [0] * 24
        for _, hour, calls, _, _ in parts:
            hours[hour] += calls
        dids = {did: [part for part in parts if part[0] == did] for did in sorted({part[0] for part in parts})}
        seen = _seen(queue, parts, spans[queue, ""])
        found.append(
            QueueSeen(
                seen.name, seen.calls, seen.first, seen.last, seen.free, tuple(hours),
                _by_calls(_seen(did, own, spans[queue, _digits(did)]) for did, own in dids.items()),
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda each: (-each.calls, each.name)))


def unknown_interfaces(context: Context) -> tuple[Seen, ...]:
    """Return the interfaces that are nobody's, with answered calls, sessions or pauses; the most calls first.

    WarehouseError.
    """
    if context.is_empty:
        return ()
    with context.reading() as (_, cursor):
        rows = cursor.execute(
            f"SELECT agent, CAST(SUM(calls) AS BIGINT), MIN(first), MAX(last) FROM ({UNMAPPED_AGENTS}) GROUP BY agent"
        ).fetchall()
    spans: dict[str, list[_Span]] = defaultdict(list)
    for rule in _site(context).persons:
        spans[rule.interface].append((rule.valid_from, rule.valid_to))
    return _by_calls(
        Seen(agent, calls, first, last, _free(spans[agent], first, last)) for agent, calls, first, last in rows
    )


def newest_change(context: Context) -> Applied | None:
    """Return the newest change that was asked for here, None where there never was one."""
    with Session(context.records_to_read() or context.records) as session:
        query = select(Job, Account.full_name).outerjoin(Account, Account.account_id == Job.account_id)
        found = session.execute(query.where(Job.work == "mapping").order_by(Job.job_id.desc()).limit(1)).one_or_none()
    if found is None:
        return None
    job, who = found
    return Applied(job.job_id, str(job.asked.get("what")), job.account_id, who or "sistema", job.state, job.tells)


def save(context: Context, identity: Identity, what: str, shown: str, rows: Sequence[tuple[int, list[str]]]) -> int:
    """Queue these rows in the place of the rules that the page showed, and return the job.

    `shown` is the digest of those, `rows` the number of each row on the page with its columns. Raises RowErrors,
    ChangedMeanwhile, IntakeError; then nothing is changed.
    """
    require(context, identity, EDIT_MAPPING)
    rules = checked(what, rows)
    with transaction(context.records) as session:
        current = _rules(read_site(session), what)
        pending = select(Job).where(Job.work == "mapping", Job.state.in_(_UNDER_WAY))
        waits = any(job.asked.get("what") == what for job in session.scalars(pending))
        if waits or rules_digest(current) != shown:
            raise ChangedMeanwhile(_who_changed(session, what, waits=waits))
        if rules == current:
            raise IntakeError("No hay cambios que guardar.")
        text = rules_csv(COLUMNS[what], rules)
        # Whoever applies it looks once more: the console may be quicker.
        return jobs.enqueue(session, "mapping", {"what": what, "text": text, "shown": shown}, identity.actor).job_id


def checked(what: str, rows: Sequence[tuple[int, list[str]]]) -> tuple[Rule, ...]:
    """Return rows as rules; those without a line or person, or to be removed, are left out. RowErrors."""
    columns = COLUMNS[what]
    decided = columns[2] if what == QUEUES else columns[1]
    errors: dict[int, str] = {}
    kept: list[tuple[int, list[str]]] = []
    for place, values in rows:
        row = dict(zip(columns, (value.strip() for value in values), strict=True))
        if row[decided] in ("", REMOVED):
            continue
        if problem := _problem(row):
            errors[place] = problem
            continue
        try:
            _parsed(what, [list(row.values())])
        except MappingError as error:
            errors[place] = _spoken(error)
        kept.append((place, list(row.values())))
    if errors:
        raise RowErrors(errors)
    try:
        return _parsed(what, [values for _, values in kept])
    except MappingError as error:
        # Line 1 of the text is its heading.
        raise RowErrors({kept[line - 2][0]: _spoken(error) for line in error.lines}) from None


def line_choices() -> list[tuple[str, str]]:
    """Return what a queue may be assigned to: the numbers of the lines with a name to show, and not to be counted."""
    return [*((line.number, line.name) for line in reference_lines()), (NOT_COUNTED, "")]


def _parsed(what: str, rows: Sequence[list[str]]) -> tuple[Rule, ...]:
    text = rules_csv(COLUMNS[what], (), rows)
    return queue_rules(text, reference_lines()) if what == QUEUES else person_rules(text)


def _problem(row: dict[str, str]) -> str:
    for column, value in row.items():
        if not value.isprintable():
            return "tiene caracteres que no se ven: escríbalo de nuevo"
        if len(value) > _LONGEST.get(column, 80):
            return f"es demasiado largo: hasta {_LONGEST.get(column, 80)} letras"
    return ""


def _spoken(error: MappingError) -> str:
    reason = error.reason
    for column, word in _SPOKEN.items():
        reason = reason.replace(column, word)
    return reason


def _who_changed(session: Session, what: str, *, waits: bool) -> str:
    query = select(AuditEntry.who, Account.full_name).outerjoin(
        Account, Account.account_id == AuditEntry.account_id
    ).where(AuditEntry.action == Action.MAPPING, AuditEntry.object == what)  # fmt: skip
    if waits:
        return "Se está aplicando otro cambio: espere a que termine, actualice y guarde otra vez. No se guardó nada."
    found = session.execute(query.order_by(AuditEntry.entry_id.desc()).limit(1)).one_or_none()
    who = (found[1] or found[0]) if found is not None else "otra persona"
    return (
        f"Mientras tanto {who} cambió estas reglas: actualice la página, revise y guarde otra vez. No se guardó nada."
    )


def spelled_alike(name: str, unknown: Iterable[Seen], mapped: Iterable[PersonRule]) -> tuple[str, ...]:
    """Return the other interfaces that bear the same number, mapped ones with their person: perhaps the same one."""
    number = _number_in(name)
    others = {seen.name: seen.name for seen in unknown} | {r.interface: f"{r.interface} ({r.person})" for r in mapped}
    alike = [text for other, text in others.items() if other != name and number and _number_in(other) == number]
    return tuple(sorted(alike))


def _number_in(interface: str) -> str:
    """Return the number of SIP/201, Local/201@from-queue/n or Agent/201; "" of what has none of two digits or more."""
    found = re.fullmatch(r"[A-Za-z0-9]+/([0-9]{2,})(?:[@-].*)?", interface)
    return found[1] if found else ""


def _seen(name: str, parts: Sequence[tuple[str, int, int, date, date]], spans: Sequence[_Span]) -> Seen:
    first, last = min(part[3] for part in parts), max(part[4] for part in parts)
    return Seen(name, sum(part[2] for part in parts), first, last, _free(spans, first, last))


def _free(spans: Sequence[_Span], first: date, last: date) -> _Span:
    """Return from when and until when a new rule for these days may hold, beside those there are."""
    ended = [end for _, end in spans if end is not None and end < first]
    begin = [start for start, _ in spans if start is not None and start > last]
    day = timedelta(days=1)
    return (max(ended) + day if ended else None, min(begin) - day if begin else None)


def _by_calls(found: Iterable[Seen]) -> tuple[Seen, ...]:
    return tuple(sorted(found, key=lambda each: (-each.calls, each.name)))


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def _site(context: Context) -> Site:
    with Session(context.records_to_read() or context.records) as session:
        return read_site(session)


def _rules(site: Site, what: str) -> tuple[Rule, ...]:
    return site.queues if what == QUEUES else site.persons


def _loads(context: Context) -> str:
    """Return which loads are in service, shortened: a change of the rules alone leaves them as they are."""
    try:
        with context.reading() as (generation, _):
            return hashlib.sha256(repr(generation.loads).encode()).hexdigest()[:16]
    except WarehouseError:
        return ""
