"""Every frame of the page, measured once; the page draws them and its files hold them.

In: a cursor and a question. Out: frames of reports.query and what is on record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from dashboard.context import Cursor
from dashboard.question import Question
from reports import terms
from reports.completeness import Completeness, completeness
from reports.definition import Dimension, Facts
from reports.indicators import BY_NAME, INDICATORS
from reports.measured import LineFigures, Verdict, figures_of, lines_of, open_calls, verdict_of
from reports.query import by_hour, wait_curve

#: The figures of each line.
LINE_FIGURES = tuple(name for name in terms.LINE_COLUMNS if name in BY_NAME)
#: More days than this are shown by month.
DAYS_SHOWN = 92
#: The curve of the waits goes at least this far.
CURVE_SECONDS = 120


@dataclass(frozen=True)
class Measured:
    """What the page shows. `step` is the dimension that `by_step` goes along: day, or month in a long period."""

    heat: pd.DataFrame
    heat_by_hour: pd.DataFrame
    by_hour: pd.DataFrame
    by_step: pd.DataFrame
    step: Dimension
    classes: pd.DataFrame
    curve: pd.DataFrame
    on_record: Completeness
    still_open: Mapping[str, int]
    verdict: Verdict
    total: LineFigures
    lines: tuple[LineFigures, ...]


def measure_page(cursor: Cursor, question: Question) -> Measured:
    """Measure everything of the page. Raises QueryError."""
    asked = question.filters
    step = Dimension.DAY if asked.period.days <= DAYS_SHOWN else Dimension.MONTH
    names = [
        each.name
        for each in INDICATORS
        if asked.unit in each.units and each.facts is Facts.OUTCOME and not each.implied
    ]
    figures = figures_of(question.ask(cursor, *names))
    by_line = question.ask(cursor, *LINE_FIGURES, by=(Dimension.SERVICE,))
    on_record = completeness(cursor, question.rules, asked.period).narrowed(asked.lines)
    still_open = open_calls(cursor, question.rules, asked.period, asked.lines, asked.unit)
    # What is not one of the lines of the total has no target.
    target = question.target if on_record.lines else None
    verdict = verdict_of(figures["service_level"], target)
    heat = question.ask(cursor, "service_level", by=(Dimension.WEEKDAY, Dimension.INTERVAL))
    return Measured(
        heat=heat,
        heat_by_hour=by_hour(heat, weekdays=True),
        by_hour=by_hour(heat),
        by_step=question.ask(cursor, "service_level", by=(step,)),
        step=step,
        classes=question.ask(cursor, "wait_distribution"),
        curve=wait_curve(
            cursor, question.rules, asked.period, asked.where, asked.unit,
            until=max(CURVE_SECONDS, *question.thresholds),
        ),
        on_record=on_record,
        still_open=still_open,
        verdict=verdict,
        total=LineFigures("", terms.WITH_DATA, figures, verdict),
        lines=lines_of(by_line, target, on_record, still_open),
    )  # fmt: skip
