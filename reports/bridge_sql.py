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
from etl.views import STORED_LINES, months_between
from reports import terms
from reports.bridge_items import SHOWN_EVENTS
from reports.definition import Dimension, Period, Subject, Unit
from reports.indicators import TRANSFER_EVENTS
from reports.query import LONGEST_CALL, TABLES, select
from reports.rules import Rules

_VISITS = TABLES[Subject.CALLS, Unit.VISIT]
_DAY_SECONDS = 86400
#: So many neighbouring lines are counted together.
_BLOCK = 256
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
        self.bound = list(selection.bound)
        begun = "registered AND "
        if not selection.condition.startswith(begun):
            raise ValueError("the condition of a selection does not begin with what is registered")
        self.asked = selection.condition.removeprefix(begun)
        self.start = (period.first - date(1970, 1, 1)).days * _DAY_SECONDS - ZONE_OFFSET_SECONDS
        self.end = self.start + period.days * _DAY_SECONDS
        # A call ends so much later than it began; that it ends earlier, only a clock that was set back can tell.
        reach = LONGEST_CALL // 2
        self.visits = months_between(connection, _VISITS, period.first - LONGEST_CALL, period.last + reach)
        self.raw = months_between(connection, STORED_LINES, period.first, period.last)
        self.near = {
            table: months_between(connection, table, period.first - reach, period.last + reach)
            for table in (STORED_LINES, _VISITS, "core.chained_calls", "meta.findings", "meta.strays")
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
            f"kind IN ({int(EventKind.OTHER)}, {int(EventKind.ANSWERED_END)}, {int(EventKind.UNANSWERED_END)}) "
            f"AND epoch >= {self.start} AND epoch < {self.end} AND event IN {SHOWN_EVENTS} AND {self._of_queues}"
        )

    def loose_lines(self) -> pd.DataFrame:
        """Return the lines that Asternic counts and no visit ends with, each under its item.

        And those that its table does not keep: equal to another one of the same second, whether a visit ends with it
        (`of_visit`) or none (item "repeated").
        """
        loose = self._loose()
        equal = self._equal_ends(loose)
        if not len(loose) and not len(equal):
            return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _LOOSE_COLUMNS.items()})
        self.connection.register("suspects", pd.concat([loose, equal], ignore_index=True) if len(equal) else loose)
        try:
            return self.connection.execute(self._told_lines()).df().astype(_LOOSE_COLUMNS)
        finally:
            self.connection.unregister("suspects")

    def _loose(self) -> pd.DataFrame:
        """Return the lines that Asternic counts and no visit ends with: looked for where both are not equally many."""
        ends = f"SELECT end_load AS load, end_line AS line FROM {self.visits} WHERE {self._ends}"
        numbers = f"SELECT load, line // {_BLOCK} AS block, COUNT(*) AS number"
        blocks = self.connection.execute(
            f"""WITH lines AS ({numbers} FROM {self.raw} WHERE {self._lines} GROUP BY ALL),
                ends AS ({numbers} FROM ({ends}) GROUP BY ALL)
            SELECT lines.load, lines.block FROM lines
            LEFT JOIN ends ON ends.load = lines.load AND ends.block = lines.block
            WHERE lines.number <> COALESCE(ends.number, 0)"""
        ).df()
        self.connection.register("blocks", blocks.astype("int64"))
        try:
            within = f"JOIN blocks AS b ON b.load = q.load AND b.block = q.line // {_BLOCK}"
            return self.connection.execute(
                f"""SELECT q.*, FALSE AS of_visit FROM (SELECT * FROM {self.raw} WHERE {self._lines}) AS q {within}
                ANTI JOIN (SELECT q.load, q.line FROM ({ends}) AS q {within}) AS v
                    ON v.load = q.load AND v.line = q.line"""
            ).df()
        finally:
            self.connection.unregister("blocks")

    def _equal_ends(self, loose: pd.DataFrame) -> pd.DataFrame:
        """Return the lines that visits end with where another visit, or a loose line, ends alike in the same second."""
        self.connection.register("loose", loose[["callid", "epoch"]].astype({"callid": "str", "epoch": "int64"}))
        try:
            places = self.connection.execute(
                f"""SELECT end_load AS load, end_line AS line FROM (
                    SELECT end_load, end_line, COUNT(*) OVER (
                        PARTITION BY pbx, callid, queue, ended_epoch, outcome_event
                    ) AS alike
                    FROM {self.visits} WHERE NOT alone AND {self._ends}
                ) WHERE alike > 1
                UNION SELECT v.end_load, v.end_line FROM {self.visits} AS v
                JOIN loose AS q ON q.epoch = v.ended_epoch AND q.callid = v.callid WHERE {self._ends}"""
            ).df()
            if not len(places):
                return loose.head(0)
            self.connection.register("places", places)
            try:
                return self.connection.execute(
                    f"""SELECT q.*, TRUE AS of_visit FROM {self.raw} AS q
                    JOIN places AS p ON p.load = q.load AND p.line = q.line"""
                ).df()
            finally:
                self.connection.unregister("places")
        finally:
            self.connection.unregister("loose")

    def _told_lines(self) -> str:
        """Return the SELECT of the suspects: what is loose and what is equal to another, by what is known of it."""
        return f"""
        WITH lines AS (
            SELECT s.*, loads.pbx, ROW_NUMBER() OVER (
                PARTITION BY loads.pbx, s.callid, s.epoch, s.queue, s.agent, s.event
                ORDER BY CASE WHEN s.of_visit THEN 0 ELSE 1 END, s.load, s.line
            ) AS copy
            FROM suspects AS s JOIN meta.loads AS loads ON loads.load = s.load
        ), callids AS (SELECT DISTINCT pbx, callid FROM lines),
        visits AS (
            SELECT v.pbx, v.callid, v.queue, MIN(service) AS service, BOOL_OR(outcome_event = 'SYSCOMPAT') AS lends
            FROM {self.near[_VISITS]} AS v JOIN callids AS c ON c.pbx = v.pbx AND c.callid = v.callid
            GROUP BY v.pbx, v.callid, v.queue
        ), outbound AS (
            SELECT DISTINCT loads.pbx, q.callid
            FROM (SELECT load, callid FROM {self.near[STORED_LINES]} WHERE kind = {int(EventKind.OUTBOUND)}) AS q
            JOIN meta.loads AS loads ON loads.load = q.load
        ), found AS (
            SELECT load, line, MIN(kind) AS kind FROM {self.near["meta.findings"]}
            WHERE kind IN ('second_end', 'second_connect') GROUP BY load, line
        ), aside AS (SELECT DISTINCT load, line FROM {self.near["meta.strays"]})
        SELECT q.load, q.line, q.pbx, q.callid, q.queue, NULLIF(q.agent, 'NONE') AS agent, v.service,
            CAST(q.event AS VARCHAR) AS event,
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

        `lost` are ends that Asternic's table does not keep. A row stands for `calls` visits that are alike; with
        `whole` for one, with what a list shows.
        """
        kept = "TRUE"
        if lost:
            kept = f"NOT COALESCE((end_load, end_line) IN ({', '.join(f'({a:d}, {b:d})' for a, b in lost)}), FALSE)"
        named = f"[{', '.join(map(_text, self.services))}]::VARCHAR[]"
        other = f"WHEN NOT list_contains({named}, COALESCE(service, '')) THEN 'other_line'" if self.lines else ""
        columns = f"{_LISTED}, 1 AS calls" if whole else "service, answered, cause, COUNT(*) AS calls"
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
                WHEN NOT entered_within THEN 'entered_outside' ELSE 'outside_total' END END AS item,
            wanted AND is_open AS open, ours AND reconstructed AND shown AS reconstructed_in_both
        FROM (
            SELECT {columns}, counted, outcome_event AS event, COALESCE({self.asked}, FALSE) AS wanted,
                wanted AND registered AS ours, {kept} AS kept, is_open, reconstructed,
                COALESCE({self._ends}, FALSE) AND {kept} AS shown, COALESCE({self._within}, FALSE) AS within,
                {self._entered} AS entered_within
            FROM {self.visits} WHERE {self._entered} OR {self._within}
            {"" if whole else "GROUP BY ALL"}
        )"""

    def chained(self, *, whole: bool = False) -> str:
        """Return the SELECT of the visits that do not begin their call, `whole` with what a list shows."""
        # The visits of a callid are numbered from one on, each call of several takes the next ones.
        return f"""
        SELECT {_LISTED if whole else "1"} FROM {self.visits} AS v
        ANTI JOIN (
            SELECT pbx, callid, SUM(visits) OVER (PARTITION BY pbx, callid ORDER BY ordinal) - visits + 1 AS begins
            FROM {self.near["core.chained_calls"]} WHERE unit = '{self.unit.value}'
        ) AS c ON c.pbx = v.pbx AND c.callid = v.callid AND c.begins = v.ordinal
        WHERE NOT alone AND registered AND {self._entered} AND {self.asked}"""


def _text(value: str) -> str:
    """Return a text as a SQL literal."""
    return "'" + value.replace("'", "''") + "'"
