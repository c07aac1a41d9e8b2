"""The monthly book that managers take to a meeting.

In: a generation, a cursor on it, the rules, a month. Out: a Book: the name of its file and its bytes, read again and
compared with what was measured. Every figure comes from reports.summary and reports.query.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path

import duckdb
import pandas as pd

from etl.warehouse import Generation
from reports import terms
from reports.definition import Dimension, Period, Unit, month
from reports.format import month_text
from reports.measured import Figures, Recorded, figures_of, open_calls
from reports.query import measure
from reports.rules import Rules
from reports.summary import MonthSummary, summarize
from reports.workbook.handover import Book, check, packed
from reports.workbook.sheets import SHEETS, TABLE_FIGURES, MeasuredMonth, TimeRow, fill
from reports.workbook.template import WorkbookError, open_template

TEMPLATE = Path(__file__).resolve().parent.parent / "templates" / "monthly.xlsx"
_HALF_HOURS = tuple(time(number // 2, number % 2 * 30) for number in range(48))
_AUTHOR = "COMTECO R.L."
#: Instead of the registered of a half hour: there may be calls without an outcome yet, so not "sin llamadas".
_NONE = "ninguna"


def monthly_workbook(
    generation: Generation,
    cursor: duckdb.DuckDBPyConnection,
    rules: Rules,
    text: str,
    log: Recorded,
    *,
    demo: bool,
    template: Path = TEMPLATE,
) -> Book:
    """Measure a month ("2026-10") in line calls and return it as an Excel book, checked.

    The same generation, rules and month make the same bytes. With `demo` every sheet says DATOS DE MUESTRA.
    Raises WorkbookError for a month without record, a template that lacks something, or a book that differs from what
    was measured; PeriodError for a text that is no month; QueryError and RulesError as `measure` does.
    """
    if log.months:
        month(text)
    if text not in log.months:
        raise WorkbookError(_no_record_text(text, log))
    found = _measure(generation, cursor, rules, text, log)
    opened = open_template(template)
    if (titles := tuple(opened.book.sheetnames)) != SHEETS:
        raise WorkbookError(
            f"Las hojas de la plantilla {opened.name} son {', '.join(titles)}; deben ser {', '.join(SHEETS)}"
        )
    fill(opened, found, demo=demo)
    made_at = datetime.fromisoformat(generation.made_at)
    made_at = made_at.astimezone(UTC).replace(tzinfo=None) if made_at.tzinfo else made_at
    properties = opened.book.properties
    properties.title = f"{terms.PRODUCT}: {month_text(text)}" + (f" ({terms.DEMO_DATA})" if demo else "")
    properties.creator = properties.lastModifiedBy = _AUTHOR
    book = Book(file_name(text, demo=demo), packed(opened.book, made_at.replace(microsecond=0)), opened.written)
    check(book.content, book.written)
    return book


def file_name(text: str, *, demo: bool) -> str:
    """Return the name of a month's file: "callcenter-2026-10.xlsx"."""
    return f"callcenter-{text}{'-muestra' if demo else ''}.xlsx"


def _no_record_text(text: str, log: Recorded) -> str:
    if not log.months:
        return "Todavía no hay registro de ningún mes"
    first, last = (month_text(each) for each in (log.months[0], log.months[-1]))
    return f"No hay registro de {month_text(text)}; hay desde {first} hasta {last}"


def _measure(
    generation: Generation, cursor: duckdb.DuckDBPyConnection, rules: Rules, text: str, log: Recorded
) -> MeasuredMonth:
    summary = summarize(generation, cursor, rules, text, log)
    names, period = tuple(TABLE_FIGURES.values()), summary.period
    by_day = _groups(measure(cursor, rules, names, period, by=[Dimension.DAY], unit=Unit.LINE, total=True), "day")
    by_interval = _groups(
        measure(cursor, rules, names, period, by=[Dimension.INTERVAL], unit=Unit.LINE, total=True), "interval"
    )
    days = []
    for day in period:
        figures = by_day.get(f"{day:%Y-%m-%d}", {})
        days.append(TimeRow(day, figures, terms.WITH_DATA if figures else _state_of(cursor, rules, day, summary)))
    intervals = [TimeRow(start, by_interval.get(f"{start:%H:%M}", {}), _NONE) for start in _HALF_HOURS]
    found = MeasuredMonth(summary, days, by_day[""], intervals, by_interval[""])
    _check_sums(found)
    return found


def _state_of(cursor: duckdb.DuckDBPyConnection, rules: Rules, day: date, summary: MonthSummary) -> str:
    """Tell why a day has no figures."""
    if day not in summary.completeness.covered:
        return terms.NO_RECORD
    return terms.OPEN if open_calls(cursor, rules, Period(day, day)) else terms.NO_CALLS


def _groups(frame: pd.DataFrame, dimension: str) -> dict[str, Figures]:
    """Return the figures of each group of a frame of `measure`; those of its total under ""."""
    return {str(key): figures_of(rows) for key, rows in frame.groupby(frame[dimension].fillna(""), sort=False)}


def _check_sums(found: MeasuredMonth) -> None:
    """Raise WorkbookError unless lines, days and half hours each add up to the month."""
    summary = found.summary
    tables: Mapping[str, tuple[Sequence[Figures], Figures]] = {
        "las líneas": ([line.figures for line in summary.lines], summary.figures),
        "los días": ([day.figures for day in found.days], found.total_of_days),
        "las medias horas": ([each.figures for each in found.intervals], found.total_of_intervals),
    }
    for name in TABLE_FIGURES.values():
        whole = summary.figures[name]
        for what, (parts, total) in tables.items():
            sides = [
                (sum(part[name].numerator or 0 for part in parts if part), whole.numerator or 0),
                (sum(part[name].denominator or 0 for part in parts if part), whole.denominator or 0),
            ]
            if total[name] != whole or any(added != measured for added, measured in sides):
                raise WorkbookError(f"«{name}»: {what} no suman lo del mes. No se entrega")
