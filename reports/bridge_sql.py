"""The SQL of the bridge to Asternic: which visits and which lines of the log stand in which of the two numbers.

In: one question. Out: statements over its visits, and a frame of the lines that no visit ends with. Nothing is counted
here (reports.bridge).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import duckdb
import pandas as pd

from etl.schema import EventKind
from etl.settings import ZONE_OFFSET_SECONDS
from etl.views import LINES, months_between
from reports import terms
from reports.bridge_items import SHOWN_EVENTS, TRANSFER_EVENTS
from reports.definition import Dimension, Period, Subject, Unit
from reports.query import LONGEST_CALL, TABLES, select
from reports.rules import Rules

_VISITS = TABLES[Subject.CALLS, Unit.VISIT]
_DAY_SECONDS = 86400
_LOOSE_COLUMNS = {
    "load": "int64", "line": "int64", "pbx": "str", "callid": "str", "queue": "str", "agent": "str", "service": "str",
    "event": "str", "entered_local": "datetime64[us]", "wait_seconds": "Int64", "talk_seconds": "Int64",
    "item": "str", "of_visit": "bool",
}  # fmt: skip
#: What a list shows of a visit.
LISTED_COLUMNS = (
    "pbx, callid, ordinal, service, queue, agent, entered_local, outcome_local, answered, cause, wait_seconds, "
    "talk_seconds"
)
_LISTED = LISTED_COLUMNS.replace("agent", "COALESCE(person, agent) AS agent")


class Asked:
    """One question, and the SQL of its visits and lines.

    `bound` are the values of the marks in every statement of `marked` and `further`.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        rules: Rules,
        period: Period,
        lines: tuple[str, ...],
        unit: Unit,
        queues: Sequence[str] = (),
    ) -> None:
        """Raise QueryError for a line that nothing knows. `queues` are read instead of those that serve the lines."""
        self.connection, self.period, self.unit = connection, period, unit
        self.lines = tuple(dict.fromkeys(lines))
        where = {Dimension.SERVICE.value: self.lines} if self.lines else None
        selection = select(connection, rules, "registered", period, where, Unit.VISIT)
        self.ours, self.bound = selection.condition, list(selection.bound)
        self.start = (period.first - date(1970, 1, 1)).days * _DAY_SECONDS - ZONE_OFFSET_SECONDS
        self.end = self.start + period.days * _DAY_SECONDS
        # A call ends so much later than it began; that it ends earlier, only a clock that was set back can tell.
        first, last = period.first - LONGEST_CALL, period.last + LONGEST_CALL
        self.visits = months_between(connection, _VISITS, first, last)
        self.raw = months_between(connection, LINES, period.first, period.last)
        self.near = {
            table: months_between(connection, table, first, last)
            for table in (LINES, "core.chained_calls", "meta.findings", "meta.strays")
        }
        self.services = ["" if line == terms.NO_LINE else line for line in self.lines]
        self.queues = tuple(queues) or (self._queues() if self.lines else ())

    @property
    def _within(self) -> str:
        """Tell that a visit ended in the period."""
        return f"(ended_epoch >= {self.start} AND ended_epoch < {self.end})"

    @property
    def _entered(self) -> str:
        return f"entered_date BETWEEN DATE '{self.period.first}' AND DATE '{self.period.last}'"

    def _queues(self) -> tuple[str, ...]:
        """Return the queues that serve the lines in the period: by their visits, by the mapping, by their names."""
        found = self.connection.execute(
            f"""SELECT queue FROM {self.visits}
            WHERE ({self._entered} OR {self._within}) AND list_contains(?, COALESCE(service, ''))
            UNION SELECT queue FROM core.queue_lines WHERE list_contains(?, service)
                AND (valid_from IS NULL OR valid_from <= ?) AND (valid_to IS NULL OR valid_to >= ?)
            UNION SELECT queue FROM core.log_queues WHERE list_contains(?, queue)
                AND queue NOT IN (SELECT queue FROM core.queue_lines)""",
            [self.services, self.services, self.period.last, self.period.first, self.services],
        ).fetchall()
        return tuple(sorted(queue for (queue,) in found))

    @property
    def _of_queues(self) -> str:
        """Tell that a queue is one of those read."""
        if not (self.lines or self.queues):
            return "TRUE"
        return f"list_contains([{', '.join(map(_text, self.queues))}]::VARCHAR[], queue)"

    @property
    def _ends(self) -> str:
        """Tell that a visit has an end that Asternic shows in the period."""
        return f"(outcome_event IN {SHOWN_EVENTS} AND {self._within} AND {self._of_queues})"

    @property
    def _lines(self) -> str:
        """Tell that a line is one that Asternic counts in the period."""
        return (
            f"epoch >= {self.start} AND epoch < {self.end} AND kind IN ({int(EventKind.OTHER)}, "
            f"{int(EventKind.ANSWERED_END)}, {int(EventKind.UNANSWERED_END)}) AND event IN {SHOWN_EVENTS} "
            f"AND {self._of_queues}"
        )

    def loose_lines(self) -> pd.DataFrame:
        """Return the lines that Asternic counts and no visit ends with, each under its item.

        And those that its table does not keep: equal to another one of the same second, whether a visit ends with it
        (`of_visit`) or none (item "repeated").
        """
        loose, equal = self._suspects()
        if not loose and not equal:
            return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _LOOSE_COLUMNS.items()})
        self.connection.register("suspects", pd.DataFrame(loose, columns=["load", "line"], dtype="int64"))
        self.connection.register("equals", pd.DataFrame(equal, columns=["pbx", "callid"], dtype="str"))
        try:
            return self.connection.execute(self._told_lines()).df().astype(_LOOSE_COLUMNS)
        finally:
            self.connection.unregister("suspects")
            self.connection.unregister("equals")

    def _suspects(self) -> tuple[list[tuple[int, int]], list[tuple[str, str]]]:
        """Return the places of the lines that no visit ends with, and callids with equal ends in one second."""
        loose = self.connection.execute(
            f"""SELECT q.load, q.line FROM (SELECT load, line FROM {self.raw} WHERE {self._lines}) AS q
            ANTI JOIN (SELECT end_load, end_line FROM {self.visits} WHERE {self._ends}) AS v
                ON v.end_load = q.load AND v.end_line = q.line
            ORDER BY q.load, q.line"""
        ).fetchall()
        equal = self.connection.execute(
            f"""SELECT DISTINCT pbx, callid FROM {self.visits} WHERE NOT alone AND {self._ends}
            GROUP BY pbx, callid, queue, ended_epoch, outcome_event HAVING COUNT(*) > 1 ORDER BY pbx, callid"""
        ).fetchall()
        return loose, equal

    def _told_lines(self) -> str:
        """Return the SELECT of the suspects and of every line that may be equal to one, told by what is known of it."""
        return f"""
        WITH loose AS (
            SELECT q.* FROM {self.raw} AS q JOIN suspects AS s ON s.load = q.load AND s.line = q.line
        ), callids AS (SELECT pbx, callid FROM loose UNION SELECT pbx, callid FROM equals),
        lines AS (
            SELECT q.*, s.load IS NULL AS of_visit, ROW_NUMBER() OVER (
                PARTITION BY q.pbx, q.callid, q.epoch, q.queue, q.agent, q.event
                ORDER BY CASE WHEN s.load IS NULL THEN 0 ELSE 1 END, q.load, q.line
            ) AS copy
            FROM {self.raw} AS q JOIN callids AS c ON c.pbx = q.pbx AND c.callid = q.callid
            LEFT JOIN suspects AS s ON s.load = q.load AND s.line = q.line
            WHERE {self._lines}
        ), visits AS (
            SELECT v.pbx, v.callid, v.queue, MIN(service) AS service, BOOL_OR(outcome_event = 'SYSCOMPAT') AS lends
            FROM {self.visits} AS v JOIN callids AS c ON c.pbx = v.pbx AND c.callid = v.callid
            GROUP BY v.pbx, v.callid, v.queue
        ), outbound AS (
            SELECT DISTINCT q.pbx, q.callid FROM {self.near[LINES]} AS q
            JOIN callids AS c ON c.pbx = q.pbx AND c.callid = q.callid WHERE q.kind = {int(EventKind.OUTBOUND)}
        ), found AS (
            SELECT f.load, f.line, MIN(f.kind) AS kind FROM {self.near["meta.findings"]} AS f
            JOIN suspects AS s ON s.load = f.load AND s.line = f.line
            WHERE f.kind IN ('second_end', 'second_connect') GROUP BY f.load, f.line
        ), aside AS (
            SELECT DISTINCT t.load, t.line FROM {self.near["meta.strays"]} AS t
            JOIN suspects AS s ON s.load = t.load AND s.line = t.line
        )
        SELECT q.load, q.line, q.pbx, q.callid, q.queue, NULLIF(q.agent, 'NONE') AS agent, v.service, q.event,
            make_timestamp((q.epoch + ({ZONE_OFFSET_SECONDS})) * 1000000) AS entered_local,
            q.hold_seconds AS wait_seconds, q.talk_seconds,
            CASE WHEN q.of_visit THEN 'same_second'
                WHEN q.copy > 1 THEN 'repeated'
                WHEN q.kind = {int(EventKind.OTHER)} THEN 'no_callid'
                WHEN aside.load IS NOT NULL THEN 'set_aside'
                WHEN outbound.callid IS NOT NULL THEN 'outbound'
                WHEN found.kind IS NOT NULL THEN found.kind
                WHEN q.event = 'ABANDON' AND v.lends THEN 'lent'
                ELSE 'unexplained' END AS item,
            q.of_visit
        FROM lines AS q
        LEFT JOIN visits AS v ON v.pbx = q.pbx AND v.callid = q.callid AND v.queue = q.queue
        LEFT JOIN outbound ON outbound.pbx = q.pbx AND outbound.callid = q.callid
        LEFT JOIN found ON found.load = q.load AND found.line = q.line
        LEFT JOIN aside ON aside.load = q.load AND aside.line = q.line
        WHERE NOT q.of_visit OR q.copy > 1
        ORDER BY q.epoch, q.load, q.line"""

    def marked(self, lost: Sequence[tuple[int, int]], *, whole: bool = False) -> str:
        """Return the SELECT of the visits of either number: `item`, whether Asternic shows its end, the `event`.

        `lost` are ends that Asternic's table does not keep; `whole` adds what a list shows.
        """
        kept = "TRUE"
        if lost:
            kept = f"NOT COALESCE((end_load, end_line) IN ({', '.join(f'({a:d}, {b:d})' for a, b in lost)}), FALSE)"
        named = f"[{', '.join(map(_text, self.services))}]::VARCHAR[]"
        other = f"WHEN NOT list_contains({named}, COALESCE(service, '')) THEN 'other_line'" if self.lines else ""
        return f"""
        SELECT *, CASE WHEN ours = shown THEN NULL WHEN ours THEN CASE
                WHEN NOT kept THEN 'same_second'
                WHEN event IS NULL AND answered THEN 'unlogged_end'
                WHEN event IS NULL AND cause = 'restart' THEN 'restart'
                WHEN event IS NULL THEN 'unknown'
                WHEN event IN {TRANSFER_EVENTS} THEN 'transferred'
                WHEN event = 'EXITWITHKEY' THEN 'key' WHEN event = 'EXITEMPTY' THEN 'empty'
                WHEN event = 'WITHDRAW' THEN 'withdrawn' WHEN event = 'SYSCOMPAT' THEN 'incompatible'
                WHEN NOT within THEN 'ended_outside' ELSE 'unexplained' END
            ELSE CASE WHEN NOT counted THEN 'not_counted' {other}
                WHEN NOT entered_within THEN 'entered_outside' ELSE 'outside_total' END END AS item
        FROM (
            SELECT {_LISTED if whole else "service, answered, cause"}, counted, outcome_event AS event,
                COALESCE({self.ours}, FALSE) AS ours, {kept} AS kept,
                COALESCE({self._ends}, FALSE) AND {kept} AS shown, COALESCE({self._within}, FALSE) AS within,
                {self._entered} AS entered_within
            FROM {self.visits} WHERE {self._entered} OR {self._within}
        )"""

    def further(self, *, whole: bool = False) -> dict[str, str]:
        """Return the SELECT of the visits of each item that no end of theirs tells, `whole` with what a list shows."""
        columns = _LISTED if whole else "1"
        ours = f"SELECT * FROM {self.visits} WHERE {self._entered} AND {self.ours}"
        begun = "registered AND "
        if not self.ours.startswith(begun):
            raise ValueError("the condition of a selection does not begin with what is registered")
        told = {
            "open": f"SELECT {columns} FROM {self.visits} WHERE is_open AND {self.ours.removeprefix(begun)}",
            "reconstructed": f"SELECT {columns} FROM ({ours}) WHERE reconstructed AND {self._ends}",
        }
        if self.unit is not Unit.VISIT:
            # The visits of a callid are numbered from one on, each call of several takes the next ones.
            told["chained"] = f"""
            SELECT {columns} FROM (SELECT * FROM ({ours}) WHERE NOT alone) AS v
            ANTI JOIN (
                SELECT pbx, callid, SUM(visits) OVER (PARTITION BY pbx, callid ORDER BY ordinal) - visits + 1 AS begins
                FROM {self.near["core.chained_calls"]} WHERE unit = '{self.unit.value}'
            ) AS c ON c.pbx = v.pbx AND c.callid = v.callid AND c.begins = v.ordinal"""
        return told


def _text(value: str) -> str:
    """Return a text as a SQL literal."""
    return "'" + value.replace("'", "''") + "'"
