"""The site's mappings as CSV: out with what is not mapped yet first, in with a check of every row.

Each that was ever saved is kept, whole, and can be had again.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from etl import pipeline
from etl.lines import Progress, no_progress
from etl.records import site as sites
from etl.records.audit import SYSTEM, Action, Actor, note
from etl.records.engine import transaction
from etl.records.models import MappingVersion
from etl.settings import ZONE_OFFSET_SECONDS
from etl.store import OpenStore, now
from etl.warehouse import open_generation, read_current

QUEUES, AGENTS = "queues", "agents"
#: What a file of rules has, by what it maps.
COLUMNS = {
    QUEUES: ("queue", "did", "service", "valid_from", "valid_to"),
    AGENTS: ("interface", "person", "valid_from", "valid_to"),
}
#: For the reader only: how much an unmapped row weighs. Ignored when the file comes back.
_WEIGHT = ("calls", "first_day", "last_day")
_BEGAN = f"CAST(make_timestamp((began_epoch + ({ZONE_OFFSET_SECONDS})) * 1000000) AS DATE)"
#: Spellings that are nobody's yet: of answered calls, and of sessions and pauses, which may be other ones.
UNMAPPED_AGENTS = f"""
    SELECT agent, COUNT(*) AS calls, MIN(entered_date) AS first, MAX(entered_date) AS last FROM core.queue_visits
    WHERE agent IS NOT NULL AND person IS NULL GROUP BY agent
    UNION ALL
    SELECT agent, 0, MIN({_BEGAN}), MAX({_BEGAN}) FROM core.agent_spans AS span WHERE NOT EXISTS (
        SELECT 1 FROM core.agent_persons AS rule WHERE rule.interface = span.agent
            AND {_BEGAN} BETWEEN COALESCE(rule.valid_from, {_BEGAN}) AND COALESCE(rule.valid_to, {_BEGAN})
    ) GROUP BY agent"""
_Rules = Sequence[sites.QueueRule | sites.PersonRule]


def as_csv(store: OpenStore, what: str) -> str:
    """Return the mapping of queues or agents; what has calls and no rule comes first, with a blank to fill in."""
    site = store.site()
    rules: tuple[sites.QueueRule, ...] | tuple[sites.PersonRule, ...] = site.queues if what == QUEUES else site.persons
    return sites.rules_csv((*COLUMNS[what], *_WEIGHT), rules, _unmapped(store.settings.warehouse, what))


def read_text(path: Path) -> str:
    """Return the text of a CSV as a spreadsheet saves it: UTF-8, else the cp1252 of Windows. Raises MappingError."""
    content = path.read_bytes()
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise sites.MappingError(f"{path.name}: no es un texto CSV; guárdelo en la planilla como «CSV»")


def rules_digest(rules: Sequence[sites.QueueRule | sites.PersonRule]) -> str:
    """Return a digest of rules, by which whoever changes them says what they changed."""
    return hashlib.sha256(repr(tuple(rules)).encode()).hexdigest()


def take_in(
    store: OpenStore,
    what: str,
    text: str,
    *,
    name: str,
    by: Actor = SYSTEM,
    shown: str | None = None,
    progress: Progress = no_progress,
) -> int:
    """Put a CSV in the place of the mapping, apply it to the figures, and return how many rules it has.

    `shown` is the digest of the rules that it was made from: where somebody changed those since, it is refused. Raises
    MappingError naming file, line, column and remedy, and AnotherLoadRuns; then nothing is changed.
    """
    queues: tuple[sites.QueueRule, ...] = ()
    persons: tuple[sites.PersonRule, ...] = ()
    try:
        if what == QUEUES:
            queues = sites.queue_rules(text, sites.reference_lines())
        else:
            persons = sites.person_rules(text)
    except sites.MappingError as error:
        raise sites.MappingError(f"{name}: {error}") from None

    def decide() -> None:
        with transaction(store.records) as session:
            site = sites.read_site(session)
            current, wanted = (site.queues, queues) if what == QUEUES else (site.persons, persons)
            # The same again is a job that was cut off after this, or a file without a change.
            if current == wanted:
                return
            if shown is not None and shown != rules_digest(current):
                raise sites.MappingError(f"{name}: mientras tanto cambiaron las reglas; revíselas y guarde otra vez")
            if what == QUEUES:
                sites.replace_queues(session, queues)
            else:
                sites.replace_persons(session, persons)
            before = _kept_before(session, what, current)
            version = _keep(session, what, wanted, before.number + 1 if before else 1, by)
            note(
                session, by, Action.MAPPING, what, rules=len(wanted), version=version.number,
                before=before.sha256 if before else None, after=version.sha256,
            )  # fmt: skip

    pipeline.remap(store, progress=progress, decide=decide)
    return len(queues or persons)


def versions(session: Session, what: str) -> Sequence[MappingVersion]:
    """Return every mapping of queues or agents that was saved, the oldest first."""
    asked = select(MappingVersion).where(MappingVersion.what == what).order_by(MappingVersion.number)
    return session.scalars(asked).all()


def _kept_before(session: Session, what: str, rules: _Rules) -> MappingVersion | None:
    """Return the version of these rules, kept now where none was kept yet; None where there never were any."""
    last = next(reversed(versions(session, what)), None)
    if last is not None and last.text == sites.rules_csv(COLUMNS[what], rules):
        return last
    if last is None and not rules:
        return None
    return _keep(session, what, rules, last.number + 1 if last else 1, None)


def _keep(session: Session, what: str, rules: _Rules, number: int, by: Actor | None) -> MappingVersion:
    text = sites.rules_csv(COLUMNS[what], rules)
    version = MappingVersion(
        what=what, number=number, saved_at=now(), account_id=by.account_id if by else None, who=by.name if by else "",
        rules=len(rules), text=text, sha256=hashlib.sha256(text.encode()).hexdigest(),
    )  # fmt: skip
    session.add(version)
    session.flush()
    return version


def _unmapped(warehouse: Path, what: str) -> list[list[str]]:
    if read_current(warehouse) is None:
        return []
    sql = {
        QUEUES: """SELECT queue, COALESCE(did, ''), '', '', '', COUNT(*), MIN(entered_date), MAX(entered_date)
            FROM core.queue_visits WHERE service IS NULL GROUP BY queue, did ORDER BY COUNT(*) DESC, queue, did""",
        AGENTS: f"""SELECT agent, '', '', '', CAST(SUM(calls) AS BIGINT), MIN(first), MAX(last)
            FROM ({UNMAPPED_AGENTS}) GROUP BY agent ORDER BY SUM(calls) DESC, agent""",
    }[what]
    _, connection = open_generation(warehouse)
    try:
        return [[str(cell) for cell in row] for row in connection.execute(sql).fetchall()]
    finally:
        connection.close()
