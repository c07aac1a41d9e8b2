"""How much of a period the logs cover: which days, which lines, and what a line's empty day means.

In: a connection, the rules, a period. Out: days and lines with record, and the state of every line's day (rules.md,
section 2): "con datos", "sin llamadas" (its queues exist in the log, nobody called) or "sin registro" (unknown, not 0).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import duckdb

from etl.views import months_between
from reports import terms
from reports.definition import Period
from reports.rules import Rules

# One row per line and day with a record, and whether a call came. A queue exists in a calendar month's log when that
# log names it: a queue that rests on Sundays has no calls then, one that vanished for the month has no record. A queue
# without any rule of the site belongs to the line whose number it bears.
STATES_SQL = """
-- One row per line and day that has a record.
WITH covered AS (
    SELECT DISTINCT pbx, CAST(hour_local AS DATE) AS day
    FROM core.log_hours
    WHERE CAST(hour_local AS DATE) BETWEEN ? AND ?
),
named AS (
    SELECT DISTINCT pbx, queue, EXTRACT(YEAR FROM log_date) * 100 + EXTRACT(MONTH FROM log_date) AS month
    FROM core.log_queues
    WHERE EXTRACT(YEAR FROM log_date) * 100 + EXTRACT(MONTH FROM log_date) BETWEEN ? AND ?
),
existing AS (
    SELECT named.pbx, named.queue, covered.day
    FROM named
    JOIN covered ON covered.pbx = named.pbx
        AND EXTRACT(YEAR FROM covered.day) * 100 + EXTRACT(MONTH FROM covered.day) = named.month
),
recorded AS (
    SELECT rule.service, existing.day, 0 AS called
    FROM existing
    JOIN core.queue_lines AS rule ON rule.queue = existing.queue
        AND (rule.valid_from IS NULL OR rule.valid_from <= existing.day)
        AND (rule.valid_to IS NULL OR rule.valid_to >= existing.day)
    UNION ALL
    SELECT existing.queue AS service, existing.day, 0 AS called
    FROM existing
    WHERE NOT EXISTS (SELECT 1 FROM core.queue_lines AS rule WHERE rule.queue = existing.queue)
    UNION ALL
    SELECT service, entered_date AS day, 1 AS called
    FROM {registered}
    WHERE entered_date BETWEEN ? AND ?
    UNION ALL
    SELECT service, entered_date AS day, 1 AS called
    FROM {waiting}
    WHERE is_open AND entered_date BETWEEN ? AND ?
),
final AS (
    SELECT service, day, MAX(called) AS called
    FROM recorded
    WHERE service IS NOT NULL
    GROUP BY service, day
)
SELECT service, day, called FROM final
"""
DAYS_SQL = """
-- One row per day the logs cover.
SELECT DISTINCT CAST(hour_local AS DATE) AS day
FROM core.log_hours
WHERE CAST(hour_local AS DATE) BETWEEN ? AND ?
"""


@dataclass(frozen=True)
class LineDay:
    """One line on one day, and its state: terms.WITH_DATA, NO_CALLS or NO_RECORD."""

    service: str
    day: date
    state: str


@dataclass(frozen=True)
class Completeness:
    """What of a period is on record.

    `counted`: from when to when which lines enter the total; `called`: line and day with a record -> whether any call
    came. Days on which a line does not enter the total do not count for it.
    """

    period: Period
    covered: frozenset[date]
    lines: tuple[str, ...]
    counted: tuple[tuple[date, date, frozenset[str]], ...]
    called: Mapping[tuple[str, date], bool]

    @cached_property
    def line_days(self) -> tuple[LineDay, ...]:
        """Every counted line on every day, by line, then day."""
        states = {None: terms.NO_RECORD, False: terms.NO_CALLS, True: terms.WITH_DATA}
        return tuple(
            LineDay(line, day, states[self.called.get((line, day))])
            for line in self.lines
            for day in self.period
            if self._counts(line, day)
        )

    @property
    def days_with_log(self) -> int:
        """Number of days of the period with at least one log line."""
        return len(self.covered)

    @cached_property
    def lines_with_record(self) -> tuple[str, ...]:
        """Lines with a record on some day, in the order of the rules."""
        recorded = {line for line, day in self.called if self._counts(line, day)}
        return tuple(line for line in self.lines if line in recorded)

    def _counts(self, line: str, day: date) -> bool:
        return any(first <= day <= last and line in lines for first, last, lines in self.counted)

    @property
    def is_whole(self) -> bool:
        """Whether every day and every line has a record."""
        return self.days_with_log == self.period.days and self.lines_with_record == self.lines

    def narrowed(self, lines: Sequence[str]) -> Completeness:
        """Return the same for some lines only; for all where none is named."""
        kept = tuple(line for line in self.lines if line in lines) if lines else self.lines
        return replace(self, lines=kept)

    def days_of(self, service: str, state: str) -> int:
        """Return how many days a line was in a state."""
        return sum(item.service == service and item.state == state for item in self.line_days)

    @property
    def text(self) -> str:
        """As users read it: "31 de 31 días, 11 de 12 líneas"; without lines of the total, the days alone."""
        days, lines = self.period.days, len(self.lines)
        of_days = f"{self.days_with_log} de {days} {'día' if days == 1 else 'días'}"
        if not lines:
            return of_days
        return f"{of_days}, {len(self.lines_with_record)} de {lines} {'línea' if lines == 1 else 'líneas'}"


def completeness(connection: duckdb.DuckDBPyConnection, rules: Rules, period: Period) -> Completeness:
    """Read what the logs cover of a period. Only days on which a line enters the total count for it."""
    span = [period.first, period.last]
    months = [day.year * 100 + day.month for day in span]
    sql = STATES_SQL.format(
        registered=months_between(connection, "core.queue_visits_by_half_hour", period.first, period.last, within=()),
        waiting=months_between(connection, "core.queue_visits_by_wait", period.first, period.last),
    )
    found = connection.execute(sql, [*span, *months, *span, *span]).fetchall()
    covered = frozenset(day for (day,) in connection.execute(DAYS_SQL, span).fetchall())
    counted = tuple(
        (piece.valid_from or period.first, piece.valid_to or period.last, frozenset(map(str, piece.value)))
        for piece in rules.pieces("counted_lines", period)
        if isinstance(piece.value, tuple)
    )
    called = {(service, day): bool(flag) for service, day, flag in found}
    return Completeness(period, covered, rules.counted_lines(period), counted, called)
