"""How much of a period the logs cover: which days, which lines, and what a line's empty day means.

In: a connection, the rules, a period. Out: days and lines with record, and the state of every line's day (rules.md,
section 2): "con datos", "sin llamadas" (its queues exist in the log, nobody called) or "sin registro" (unknown, not 0).
"""

from __future__ import annotations

from collections.abc import Sequence
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
    FROM {visits}
    WHERE entered_date BETWEEN ? AND ?
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
    """What of a period is on record. `line_days` has every counted line on every day, by line, then day."""

    period: Period
    covered: frozenset[date]
    lines: tuple[str, ...]
    line_days: tuple[LineDay, ...]

    @property
    def days_with_log(self) -> int:
        """Number of days of the period with at least one log line."""
        return len(self.covered)

    @cached_property
    def lines_with_record(self) -> tuple[str, ...]:
        """Lines with a record on some day, in the order of the rules."""
        recorded = {item.service for item in self.line_days if item.state != terms.NO_RECORD}
        return tuple(line for line in self.lines if line in recorded)

    @property
    def is_whole(self) -> bool:
        """Whether every day and every line has a record."""
        return self.days_with_log == self.period.days and self.lines_with_record == self.lines

    def narrowed(self, lines: Sequence[str]) -> Completeness:
        """Return the same for some lines only; for all where none is named."""
        kept = tuple(line for line in self.lines if line in lines) if lines else self.lines
        return replace(self, lines=kept, line_days=tuple(item for item in self.line_days if item.service in kept))

    def days_of(self, service: str, state: str) -> int:
        """Return how many days a line was in a state."""
        return sum(item.service == service and item.state == state for item in self.line_days)

    @property
    def text(self) -> str:
        """As users read it: "31 de 31 días, 11 de 12 líneas"."""
        days, lines = self.period.days, len(self.lines)
        return (
            f"{self.days_with_log} de {days} {'día' if days == 1 else 'días'}, "
            f"{len(self.lines_with_record)} de {lines} {'línea' if lines == 1 else 'líneas'}"
        )


def completeness(connection: duckdb.DuckDBPyConnection, rules: Rules, period: Period) -> Completeness:
    """Read what the logs cover of a period. Only days on which a line enters the total count for it."""
    span = [period.first, period.last]
    months = [day.year * 100 + day.month for day in span]
    visits = months_between(connection, "core.queue_visits_by_wait", period.first, period.last)
    called = {
        (service, day): bool(flag)
        for service, day, flag in connection.execute(
            STATES_SQL.format(visits=visits), [*span, *months, *span]
        ).fetchall()
    }
    covered = frozenset(day for (day,) in connection.execute(DAYS_SQL, span).fetchall())
    lines = rules.counted_lines(period)
    counted = {day: rules.value("counted_lines", day) for day in period}
    states = {None: terms.NO_RECORD, False: terms.NO_CALLS, True: terms.WITH_DATA}
    line_days = tuple(
        LineDay(line, day, states[called.get((line, day))])
        for line in lines
        for day in period
        if line in counted[day]  # type: ignore[operator]
    )
    return Completeness(period, covered, lines, line_days)
