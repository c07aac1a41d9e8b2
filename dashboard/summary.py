"""One month in one value: the headline, what explains it, the lines, the months before, what is on record.

In: a generation, a cursor on it, the rules, a month. Out: MonthSummary. Every figure comes from reports.query; what is
counted here (months with a log, calls still open) enters no figure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import duckdb
import pandas as pd

from etl.settings import ZONE_OFFSET_SECONDS
from etl.warehouse import Generation
from reports import terms
from reports.completeness import Completeness, completeness
from reports.definition import Dimension, Period, Unit, month
from reports.query import calls_missing, complies, exact_gap, measure
from reports.rules import Parameter, Rules

#: The figures of the page: the headline first. The causes of what was not answered come apart.
FIGURES = (
    "service_level",
    "registered",
    "answered",
    "answered_in_time",
    "abandoned",
    "abandonment_rate",
    "asa",
    "aht",
    "max_wait",
)
#: Months shown side by side: a year and the same month of the year before.
TREND_MONTHS = 13

MONTHS_SQL = """
-- One row per day the logs cover.
SELECT DISTINCT CAST(hour_local AS DATE) AS day
FROM core.log_hours
ORDER BY day
"""
OPEN_SQL = """
-- One row per line with calls that have no outcome yet.
SELECT COALESCE(service, '') AS service, COUNT(*) AS calls
FROM core.line_calls
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
class LineMonth:
    """One line in the month. `service` is "" for calls without a line.

    `state` is one of reports.completeness, or terms.OPEN where no call has an outcome yet.
    """

    service: str
    name: str
    state: str
    figures: Figures
    verdict: Verdict


@dataclass(frozen=True)
class TrendMonth:
    """The service level of one month; no log, no value."""

    month: str
    figure: Figure | None
    verdict: Verdict


@dataclass(frozen=True)
class Recorded:
    """The days the logs cover."""

    days: tuple[date, ...]

    @property
    def months(self) -> tuple[str, ...]:
        """Months with a log, oldest first, as "2026-10"."""
        return tuple(dict.fromkeys(f"{day:%Y-%m}" for day in self.days))

    def is_over(self, text: str) -> bool:
        """Tell whether the logs reach the last day of a month."""
        return bool(self.days) and self.days[-1] >= month(text).last

    @property
    def latest_whole(self) -> str | None:
        """The newest month whose last day the logs reach; the newest of all where there is none."""
        whole = [text for text in self.months if self.is_over(text)]
        return whole[-1] if whole else self.months[-1] if self.months else None


@dataclass(frozen=True)
class MonthSummary:
    """Everything the page of a month shows."""

    month: str
    period: Period
    unit: Unit
    figures: Figures
    verdict: Verdict
    threshold_seconds: tuple[int, ...]
    previous_month: str
    previous: Figures | None
    causes: tuple[tuple[str, int], ...]
    lines: tuple[LineMonth, ...]
    trend: tuple[TrendMonth, ...]
    completeness: Completeness
    is_over: bool
    open_calls: Mapping[str, int]
    parameters: tuple[Parameter, ...]
    data_until: Mapping[str, datetime]
    generation: int
    made_at: datetime


def data_until(generation: Generation) -> dict[str, datetime]:
    """Return the wall time of the last event of each PBX."""
    return {pbx: _local(datetime.fromtimestamp(at, UTC)) for pbx, at in sorted(generation.last_epochs.items())}


def recorded(cursor: duckdb.DuckDBPyConnection) -> Recorded:
    """Read which days the logs cover."""
    return Recorded(tuple(day for (day,) in cursor.execute(MONTHS_SQL).fetchall()))


def summarize(
    generation: Generation, cursor: duckdb.DuckDBPyConnection, rules: Rules, text: str, log: Recorded
) -> MonthSummary:
    """Measure a month ("2026-10") in line calls. Raises PeriodError, QueryError or RulesError, each with a message."""
    period = month(text)
    target = rules.target(period.first)
    by_line = measure(cursor, rules, FIGURES, period, by=[Dimension.SERVICE], unit=Unit.LINE, total=True)
    of_line = {str(service): _figures(rows) for service, rows in by_line.groupby("service", sort=False)}
    whole = _figures(by_line[by_line["service"].isna()])
    on_record = completeness(cursor, rules, period)
    before = f"{period.first - timedelta(days=1):%Y-%m}"
    previous = (
        _figures(measure(cursor, rules, FIGURES, month(before), unit=Unit.LINE)) if before in log.months else None
    )
    causes = measure(cursor, rules, ["abandoned"], period, by=[Dimension.CAUSE], unit=Unit.LINE)
    counted = {"", *rules.counted_lines(period)}
    still_open = {
        service: int(number)
        for service, number in cursor.execute(OPEN_SQL, [period.first, period.last]).fetchall()
        if service in counted
    }
    lines = [
        _line(line, of_line.get(line, {}), target, _state(line, of_line, still_open, on_record))
        for line in on_record.lines
    ]
    if terms.NO_LINE in of_line:
        # Not a line: no target is set for it.
        lines.append(_line("", of_line[terms.NO_LINE], None, terms.WITH_DATA))
    return MonthSummary(
        month=text,
        period=period,
        unit=Unit.LINE,
        figures=whole,
        verdict=_verdict(whole["service_level"], target),
        threshold_seconds=tuple(
            piece.value for piece in rules.pieces("threshold_seconds", period) if isinstance(piece.value, int)
        ),
        previous_month=before,
        previous=previous,
        causes=tuple(
            (str(cause), int(number)) for cause, number in zip(causes["cause"], causes["numerator"], strict=True)
        ),
        lines=tuple(lines),
        trend=_trend(cursor, rules, text, log.months),
        completeness=on_record,
        is_over=log.is_over(text),
        open_calls=still_open,
        parameters=rules.in_force(period),
        data_until=data_until(generation),
        generation=generation.number,
        made_at=_local(datetime.fromisoformat(generation.made_at)),
    )


def _figures(rows: pd.DataFrame) -> dict[str, Figure]:
    """Return the figures of the rows of one group, by indicator."""
    columns = (rows["indicator"], rows["numerator"], rows["denominator"], rows["value"])
    return {
        str(name): Figure(_whole(n), _whole(of), None if pd.isna(value) else float(value))
        for name, n, of, value in zip(*columns, strict=True)
    }


def _whole(value: object) -> int | None:
    return None if pd.isna(value) else int(value)  # type: ignore[call-overload]


def _verdict(figure: Figure | None, target: Decimal | None) -> Verdict:
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


def _line(service: str, figures: Figures, target: Decimal | None, state: str) -> LineMonth:
    name = terms.LINES.get(service, "")
    return LineMonth(service, name, state, figures, _verdict(figures.get("service_level"), target))


def _trend(cursor: duckdb.DuckDBPyConnection, rules: Rules, text: str, months: Sequence[str]) -> tuple[TrendMonth, ...]:
    """Measure the months up to this one, those without a log between them blank."""
    shown = [text]
    while len(shown) < TREND_MONTHS and months and shown[0] > months[0]:
        shown.insert(0, f"{month(shown[0]).first - timedelta(days=1):%Y-%m}")
    period = Period(month(shown[0]).first, month(text).last)
    rows = measure(cursor, rules, ["service_level"], period, by=[Dimension.MONTH], unit=Unit.LINE)
    found = {
        str(key): Figure(_whole(n), _whole(of), None if pd.isna(value) else float(value))
        for key, n, of, value in zip(rows["month"], rows["numerator"], rows["denominator"], rows["value"], strict=True)
    }
    return tuple(
        TrendMonth(key, found.get(key), _verdict(found.get(key), rules.target(month(key).first))) for key in shown
    )


def _local(instant: datetime) -> datetime:
    """Return La Paz wall time of an instant; one without a zone is UTC."""
    return instant.replace(tzinfo=None) + timedelta(seconds=ZONE_OFFSET_SECONDS)
