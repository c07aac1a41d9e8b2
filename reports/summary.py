"""One month in one value: the headline, what explains it, the lines, the months before, what is on record.

In: a generation, a cursor on it, the rules, a month. Out: MonthSummary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb
import pandas as pd

from etl.warehouse import Generation
from reports.completeness import Completeness, completeness
from reports.definition import Dimension, Period, Unit, month
from reports.measured import (
    Figure,
    Figures,
    LineFigures,
    Recorded,
    Verdict,
    data_until,
    figures_of,
    lines_of,
    local_time,
    open_calls,
    verdict_of,
    whole,
)
from reports.query import QueryError, measure
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


@dataclass(frozen=True)
class TrendMonth:
    """The service level of one month; no log, no value."""

    month: str
    figure: Figure | None
    verdict: Verdict


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
    lines: tuple[LineFigures, ...]
    trend: tuple[TrendMonth, ...]
    completeness: Completeness
    is_over: bool
    open_calls: Mapping[str, int]
    parameters: tuple[Parameter, ...]
    data_until: Mapping[str, datetime]
    generation: int
    made_at: datetime


def summarize(
    generation: Generation, cursor: duckdb.DuckDBPyConnection, rules: Rules, text: str, log: Recorded
) -> MonthSummary:
    """Measure a month ("2026-10") in line calls. Raises PeriodError, QueryError or RulesError, each with a message."""
    period = month(text)
    target = rules.target(period.first)
    by_line = measure(cursor, rules, FIGURES, period, by=[Dimension.SERVICE], unit=Unit.LINE, total=True)
    total = figures_of(by_line[by_line["service"].isna()])
    on_record = completeness(cursor, rules, period)
    before = f"{period.first - timedelta(days=1):%Y-%m}"
    previous = _measured_before(cursor, rules, before) if before in log.months else None
    causes = measure(cursor, rules, ["abandoned"], period, by=[Dimension.CAUSE], unit=Unit.LINE)
    still_open = open_calls(cursor, rules, period)
    return MonthSummary(
        month=text,
        period=period,
        unit=Unit.LINE,
        figures=total,
        verdict=verdict_of(total["service_level"], target),
        threshold_seconds=rules.thresholds(period),
        previous_month=before,
        previous=previous,
        causes=tuple(
            (str(cause), int(number)) for cause, number in zip(causes["cause"], causes["numerator"], strict=True)
        ),
        lines=lines_of(by_line, target, on_record, still_open),
        trend=_trend(cursor, rules, text, log.months),
        completeness=on_record,
        is_over=log.is_over(text),
        open_calls=still_open,
        parameters=rules.in_force(period),
        data_until=data_until(generation),
        generation=generation.number,
        made_at=local_time(datetime.fromisoformat(generation.made_at)),
    )


def _measured_before(cursor: duckdb.DuckDBPyConnection, rules: Rules, text: str) -> Figures | None:
    """Measure the month before; None where the rules begin after it."""
    try:
        return figures_of(measure(cursor, rules, FIGURES, month(text), unit=Unit.LINE))
    except QueryError:
        return None


def _trend(cursor: duckdb.DuckDBPyConnection, rules: Rules, text: str, months: Sequence[str]) -> tuple[TrendMonth, ...]:
    """Measure the months up to this one, those without a log between them blank."""
    shown = [text]
    while len(shown) < TREND_MONTHS and months and shown[0] > months[0]:
        shown.insert(0, f"{month(shown[0]).first - timedelta(days=1):%Y-%m}")
    rows = _measure_from_first_ruled(cursor, rules, shown)
    found = {
        str(key): Figure(whole(n), whole(of), None if pd.isna(value) else float(value))
        for key, n, of, value in zip(rows["month"], rows["numerator"], rows["denominator"], rows["value"], strict=True)
    }
    # A log in which nobody's call has an outcome is no missing log.
    figures = {key: found.get(key, Figure(0, 0, None) if key in months else None) for key in shown}
    return tuple(
        TrendMonth(key, figure, verdict_of(figure, rules.target(month(key).first))) for key, figure in figures.items()
    )


def _measure_from_first_ruled(cursor: duckdb.DuckDBPyConnection, rules: Rules, months: Sequence[str]) -> pd.DataFrame:
    """Measure months in a row, those before the rules begin left out. Raises QueryError when the last has none."""
    for first in months:
        period = Period(month(first).first, month(months[-1]).last)
        try:
            return measure(cursor, rules, ["service_level"], period, by=[Dimension.MONTH], unit=Unit.LINE)
        except QueryError:
            if first == months[-1]:
                raise
    raise AssertionError("no month")
