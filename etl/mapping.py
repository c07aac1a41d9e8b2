"""The site's mappings as CSV: out with what is not mapped yet first, in with a check of every row."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from etl import pipeline
from etl.records import site as sites
from etl.records.audit import SYSTEM, Action, Actor, note
from etl.records.engine import transaction
from etl.store import OpenStore, warehouse_lock
from etl.warehouse import open_generation, read_current

QUEUES, AGENTS = "queues", "agents"
#: What a file of rules has, by what it maps.
COLUMNS = {
    QUEUES: ("queue", "did", "service", "valid_from", "valid_to"),
    AGENTS: ("interface", "person", "valid_from", "valid_to"),
}
#: For the reader only: how much an unmapped row weighs. Ignored when the file comes back.
_WEIGHT = ("calls", "first_day", "last_day")


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


def take_in(store: OpenStore, what: str, text: str, *, name: str, by: Actor = SYSTEM, shown: str | None = None) -> int:
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
    with warehouse_lock(store.settings), transaction(store.records) as session:
        site = sites.read_site(session)
        current, wanted = (site.queues, queues) if what == QUEUES else (site.persons, persons)
        # The same again is a job that was cut off after this.
        if shown is not None and shown != rules_digest(current) and current != wanted:
            raise sites.MappingError(f"{name}: mientras tanto cambiaron las reglas; revíselas y guarde otra vez")
        if what == QUEUES:
            sites.replace_queues(session, queues)
        else:
            sites.replace_persons(session, persons)
        note(session, by, Action.MAPPING, what, rules=len(queues or persons))
    pipeline.remap(store)
    return len(queues or persons)


def _unmapped(warehouse: Path, what: str) -> list[list[str]]:
    if read_current(warehouse) is None:
        return []
    sql = {
        QUEUES: """SELECT queue, COALESCE(did, ''), '', '', '', COUNT(*), MIN(entered_date), MAX(entered_date)
            FROM core.queue_visits WHERE service IS NULL GROUP BY queue, did ORDER BY COUNT(*) DESC, queue, did""",
        AGENTS: """SELECT agent, '', '', '', COUNT(*), MIN(entered_date), MAX(entered_date)
            FROM core.queue_visits WHERE agent IS NOT NULL AND person IS NULL GROUP BY agent
            ORDER BY COUNT(*) DESC, agent""",
    }[what]
    _, connection = open_generation(warehouse)
    try:
        return [[str(cell) for cell in row] for row in connection.execute(sql).fetchall()]
    finally:
        connection.close()
