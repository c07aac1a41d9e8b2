"""From the number of calls that Asternic Lite shows to the number registered, item by item, each a list of its calls.

In: a connection (opened by others), the rules, a period, lines and a unit. Out: Bridge, whose parts always add up (what
no item explains is a part of its own), and the list behind each part.

Asternic's number is read as Asternic reads it: one per line COMPLETEAGENT, COMPLETECALLER, ABANDON or EXITWITHTIMEOUT
of the queues asked for, in the period of the line's own instant; of equal lines in one second its table keeps one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pandas as pd

from reports.bridge_items import ANSWERED_EVENTS, BESIDE, BY_CODE, ITEMS, UNANSWERED_EVENTS, Item
from reports.bridge_sql import LISTED_COLUMNS, Asked
from reports.calls import agents_masked
from reports.definition import Dimension, Period, Unit
from reports.personal import Mask
from reports.query import QueryError, measure
from reports.rules import Rules

_UNANSWERED_CAUSES = (("ABANDON", "caller_hung_up"), ("EXITWITHTIMEOUT", "timeout"))


@dataclass(frozen=True)
class Step:
    """One item, how many things it has, and what they add to Asternic's number."""

    item: Item
    number: int

    @property
    def change(self) -> int:
        """What the item adds; less than nothing where Asternic counts what we do not."""
        return self.item.effect * self.number


@dataclass(frozen=True)
class Shown:
    """What Asternic Lite shows: answered and not answered."""

    answered: int
    unanswered: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.answered + self.unanswered


@dataclass(frozen=True)
class Bridge:
    """From what Asternic shows to what is registered. `beside` are items that change neither number.

    `queues` are those whose lines were read, () for all. `unexplained` is what is missing (or, below 0, too much) for
    the items to add up to `registered`: 0 unless something is wrong, and never hidden. `loose` is how many lines no
    item explains.
    """

    shown: Shown
    steps: tuple[Step, ...]
    beside: tuple[Step, ...]
    registered: int
    unit: Unit
    queues: tuple[str, ...]
    loose: int = 0

    @property
    def unexplained(self) -> int:
        """What the items leave over."""
        return self.registered - self.shown.total - sum(step.change for step in self.steps)


def measure_bridge(
    connection: duckdb.DuckDBPyConnection,
    rules: Rules,
    period: Period,
    lines: Sequence[str] = (),
    unit: Unit = Unit.LINE,
) -> Bridge:
    """Measure the bridge of a period to the registered in a unit, of lines or of all that enter the total.

    Lines named are those queues of Asternic that serve them in the period. Raises QueryError.
    """
    asked = Asked(connection, rules, period, tuple(lines), unit)
    loose = asked.loose_lines()
    found = connection.execute(
        f"""SELECT item, shown, event, open, reconstructed_in_both, CAST(SUM(calls) AS BIGINT)
        FROM ({asked.marked(_lost(loose))}) GROUP BY item, shown, event, open, reconstructed_in_both""",
        asked.bound,
    ).fetchall()
    numbers = Counter(loose[~loose["of_visit"]]["item"])
    for item, _, _, still_open, reconstructed, number in found:
        for code in (item, "open" if still_open else None, "reconstructed" if reconstructed else None):
            if code is not None:
                numbers[code] += number
    if unit is not Unit.VISIT:
        numbers["chained"] = connection.execute(f"SELECT COUNT(*) FROM ({asked.chained()})", asked.bound).fetchall()[0][
            0
        ]
    where = {Dimension.SERVICE.value: asked.lines} if asked.lines else None
    registered = measure(connection, rules, ["registered"], period, (), where, unit)
    return Bridge(
        _shown_of([(str(event), number) for _, shown, event, _, _, number in found if shown], loose),
        tuple(Step(item, numbers[item.code]) for item in ITEMS if item.code != "chained" or unit is not Unit.VISIT),
        tuple(Step(item, numbers[item.code]) for item in BESIDE),
        int(registered["numerator"].iloc[0]),
        unit,
        asked.queues,
        numbers["unexplained"],
    )


def list_item(
    connection: duckdb.DuckDBPyConnection,
    rules: Rules,
    code: str,
    period: Period,
    lines: Sequence[str] = (),
    unit: Unit = Unit.LINE,
    *,
    limit: int = 1000,
    offset: int = 0,
    mask: Mask | None = None,
) -> tuple[pd.DataFrame, int]:
    """List what a part of the bridge counts, oldest first, and how many there are in all.

    Columns as in reports.calls.list_calls: a row is a queue visit, or, of items of lines, a line at its own instant
    with what it says of wait and talk. Raises QueryError, also for a part that the bridge does not have.
    """
    if code not in BY_CODE or (code == "chained" and unit is Unit.VISIT):
        raise QueryError(f"«{code}» no es una parte de la comparación con Asternic")
    asked = Asked(connection, rules, period, tuple(lines), unit)
    loose = asked.loose_lines()
    columns = LISTED_COLUMNS
    events = {"asternic_answered": ANSWERED_EVENTS, "asternic_unanswered": UNANSWERED_EVENTS}.get(code, ())
    bound = asked.bound
    if events:
        visits = f"SELECT {columns} FROM ({asked.marked(_lost(loose), whole=True)}) WHERE shown AND event IN {events}"
        of_lines = f"NOT of_visit AND item <> 'repeated' AND event IN {events}"
    elif BY_CODE[code].of_lines:
        visits, bound = "", []
        of_lines = f"NOT of_visit AND item = '{code}'"
    else:
        condition = {"open": "open", "reconstructed": "reconstructed_in_both"}.get(code, f"item = '{code}'")
        visits = f"SELECT {columns} FROM ({asked.marked(_lost(loose), whole=True)}) WHERE {condition}"
        if code == "chained":
            visits = f"SELECT {columns} FROM ({asked.chained(whole=True)})"
        of_lines = ""
    causes = " ".join(f"WHEN '{event}' THEN '{cause}'" for event, cause in _UNANSWERED_CAUSES)
    own = f"""SELECT pbx, callid, CAST(0 AS INTEGER) AS ordinal, service, queue, agent, entered_local,
        entered_local AS outcome_local, event IN {ANSWERED_EVENTS} AS answered, CASE event {causes} END AS cause,
        CAST(wait_seconds AS INTEGER) AS wait_seconds, CAST(talk_seconds AS INTEGER) AS talk_seconds
        FROM loose_lines WHERE {of_lines}"""
    rows = " UNION ALL ".join(part for part in (visits, own if of_lines else "") if part)
    connection.register("loose_lines", loose)
    try:
        number = int(connection.execute(f"SELECT COUNT(*) FROM ({rows})", bound).fetchall()[0][0])
        found = connection.execute(
            f"SELECT * FROM ({rows}) ORDER BY entered_local, pbx, callid, ordinal LIMIT {limit:d} OFFSET {offset:d}",
            bound,
        ).df()
    finally:
        connection.unregister("loose_lines")
    return agents_masked(found, mask), number


def measure_shown(
    connection: duckdb.DuckDBPyConnection,
    rules: Rules,
    period: Period,
    lines: Sequence[str] = (),
    queues: Sequence[str] = (),
) -> Shown:
    """Measure what Asternic Lite shows of a period: of the queues named, else those of the lines. Raises QueryError."""
    asked = Asked(connection, rules, period, tuple(lines), Unit.VISIT, queues)
    loose = asked.loose_lines()
    found = connection.execute(
        f"""SELECT event, CAST(SUM(calls) AS BIGINT) FROM ({asked.marked(_lost(loose))})
        WHERE shown GROUP BY event""",
        asked.bound,
    ).fetchall()
    return _shown_of([(str(event), int(number)) for event, number in found], loose)


def _shown_of(ends: Sequence[tuple[str, int]], loose: pd.DataFrame) -> Shown:
    """Add up how many ends of visits there are by event, and the lines that no visit ends with."""
    numbers = Counter(loose[~loose["of_visit"] & (loose["item"] != "repeated")]["event"])
    for event, number in ends:
        numbers[event] += number
    return Shown(sum(numbers[each] for each in ANSWERED_EVENTS), sum(numbers[each] for each in UNANSWERED_EVENTS))


def _lost(loose: pd.DataFrame) -> list[tuple[int, int]]:
    """Return the places of the ends of visits that Asternic's table does not keep."""
    of_visits = loose[loose["of_visit"]]
    return [(int(load), int(line)) for load, line in zip(of_visits["load"], of_visits["line"], strict=True)]
