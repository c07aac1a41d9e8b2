"""What pages and sheets measure alike: figures with their verdicts, the lines side by side, what is on record.

In: frames of reports.query, a cursor. Out: values. Every figure comes from reports.query; what is counted here (days
with a log, calls still open) enters no figure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

import duckdb
import pandas as pd

from etl.settings import ZONE_OFFSET_SECONDS
from etl.views import BY_WAIT, months_between
from etl.warehouse import Generation
from reports import terms
from reports.completeness import Completeness
from reports.definition import Period, Subject, Unit, month
from reports.query import TABLES, calls_missing, complies, exact_gap
from reports.rules import Rules

MONTHS_SQL = """
-- One row per day the logs cover.
SELECT DISTINCT CAST(hour_local AS DATE) AS day
FROM core.log_hours
ORDER BY day
"""
OPEN_SQL = """
-- One row per line with calls that have no outcome yet.
SELECT COALESCE(service, '') AS service, SUM(calls) AS calls
FROM {source}
WHERE is_open AND counted AND entered_date BETWEEN ? AND ?
GROUP BY COALESCE(service, '')
"""


@dataclass(frozen=True)
class Figure:
    """One measured value with what it was divided from; None is a blank."""

    numerator: int | None
    denominator: int | None
    value: float | None


Figures = Mapping[str, Figure]


@dataclass(frozen=True)
class Verdict:
    """Whether the target was reached, on the unrounded value; None without a target or without calls.

    `missing` is how many more calls had to be answered in time, `spare` how many fewer would have done.
    """

    target: Decimal | None
    complies: bool | None
    missing: int = 0
    spare: int = 0


@dataclass(frozen=True)
class LineFigures:
    """One line over a period. `service` is "" for calls without a line.

    `state` is one of reports.completeness, or terms.OPEN where no call has an outcome yet.
    """

    service: str
    state: str
    figures: Figures
    verdict: Verdict


@dataclass(frozen=True)
class Recorded:
    """The days the logs cover."""

    days: tuple[date, ...]

    @cached_property
    def months(self) -> tuple[str, ...]:
        """Months with a log, oldest first, as "2026-10"."""
        return tuple(f"{year:04}-{number:02}" for year, number in dict.fromkeys((d.year, d.month) for d in self.days))

    def is_over(self, text: str) -> bool:
        """Tell whether the logs reach the last day of a month."""
        return bool(self.days) and self.days[-1] >= month(text).last

    @property
    def latest_whole(self) -> str | None:
        """The newest month whose last day the logs reach; the newest of all where there is none."""
        whole = [text for text in self.months if self.is_over(text)]
        return whole[-1] if whole else self.months[-1] if self.months else None


def data_until(generation: Generation) -> dict[str, datetime]:
    """Return the wall time of the last event of each PBX."""
    return {pbx: local_time(datetime.fromtimestamp(at, UTC)) for pbx, at in sorted(generation.last_epochs.items())}


def recorded(cursor: duckdb.DuckDBPyConnection) -> Recorded:
    """Read which days the logs cover."""
    return Recorded(tuple(day for (day,) in cursor.execute(MONTHS_SQL).fetchall()))


def open_calls(
    cursor: duckdb.DuckDBPyConnection,
    rules: Rules,
    period: Period,
    lines: Sequence[str] = (),
    unit: Unit = Unit.LINE,
) -> dict[str, int]:
    """Count what has no outcome yet, by line ("" = none): of the lines named, else of those in the total."""
    asked = {"" if line == terms.NO_LINE else line for line in lines}
    counted = asked or {"", *rules.counted_lines(period)}
    source = months_between(cursor, f"{TABLES[Subject.CALLS, unit]}{BY_WAIT}", period.first, period.last)
    found = cursor.execute(OPEN_SQL.format(source=source), [period.first, period.last]).fetchall()
    return {service: int(number) for service, number in found if service in counted}


def lines_of(
    by_line: pd.DataFrame,
    target: Decimal | None,
    on_record: Completeness,
    still_open: Mapping[str, int],
) -> tuple[LineFigures, ...]:
    """Return the lines on record in the order of the rules, then others that were measured; calls without a line last.

    `by_line` is that of `measure` by service. A line without calls has a state and no figures: none of them is zero.
    """
    measured = {str(service): figures_of(rows) for service, rows in by_line.groupby("service", sort=False)}
    wanted = [*on_record.lines]
    wanted += [line for line in measured if line not in on_record.lines and line != terms.NO_LINE]
    lines = []
    for line in wanted:
        figures = measured.get(line, {})
        state = _state(line, measured, still_open, on_record)
        lines.append(LineFigures(line, state, figures, verdict_of(figures.get("service_level"), target)))
    if terms.NO_LINE in measured:
        # Not a line: no target is set for it.
        figures = measured[terms.NO_LINE]
        lines.append(LineFigures("", terms.WITH_DATA, figures, verdict_of(figures.get("service_level"), None)))
    return tuple(lines)


def figures_of(rows: pd.DataFrame) -> dict[str, Figure]:
    """Return the figures of the rows of one group, by indicator."""
    columns = (rows["indicator"], rows["numerator"], rows["denominator"], rows["value"])
    return {
        str(name): Figure(whole(n), whole(of), None if pd.isna(value) else float(value))
        for name, n, of, value in zip(*columns, strict=True)
    }


def whole(value: Any) -> int | None:
    """Return a cell of a frame as a whole number, None for a blank."""
    return None if pd.isna(value) else int(value)


def verdict_of(figure: Figure | None, target: Decimal | None) -> Verdict:
    """Hold a service level against its target, on the exact counts."""
    if figure is None or target is None or figure.numerator is None or not figure.denominator:
        return Verdict(target, None)
    n, registered = figure.numerator, figure.denominator
    return Verdict(
        target,
        complies(n, registered, target),
        calls_missing(n, registered, target),
        max(0, math.floor(-exact_gap(n, registered, target))),
    )


def _state(
    service: str, measured: Mapping[str, Figures], still_open: Mapping[str, int], on_record: Completeness
) -> str:
    if service in measured:
        return terms.WITH_DATA
    if service in still_open:
        return terms.OPEN
    return terms.NO_CALLS if service in on_record.lines_with_record else terms.NO_RECORD


def local_time(instant: datetime) -> datetime:
    """Return La Paz wall time of an instant; one without a zone is UTC."""
    return instant.replace(tzinfo=None) + timedelta(seconds=ZONE_OFFSET_SECONDS)
