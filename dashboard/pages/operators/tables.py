"""The parts of the page as tables to be saved: each holds what the page shows of it, unrounded, both sides of a ratio.

In: a question and what was measured. Out: tables of reports.export.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pandas as pd

from dashboard.pages.operators.measured import Measured, OneMeasured, OperatorFigures
from dashboard.question import Question
from reports import terms
from reports.definition import Dimension, ValueUnit
from reports.export import Column, Table, file_word
from reports.format import period_text
from reports.indicators import BY_NAME

_COUNTS = ("answered", "rings_unanswered")
_WORDS = ("agent", "mark")
#: What stands before a mean: how many calls it is divided by.
_DIVIDED_BY = {"aht": "Atendidas con conversación conocida", "mean_ring": "Atendidas con timbre anotado"}


def table_of(part: str, question: Question, found: Measured, made_at: datetime, *, demo: bool) -> Table | None:
    """Return the table behind a part of the page, None for a part that it does not have."""
    match part:
        case "operators":
            title, columns, rows, total = terms.OPERATORS, *_operators(found), True
        case "duty":
            title, columns, rows, total = terms.ON_DUTY, *_duty(found), False
        case "reasons":
            title, columns, rows, total = terms.PAUSES_BY_REASON, *_reasons(found), len(found.reasons) > 1
        case _:
            return None
    return Table(
        name=f"{file_word(title)}{question.file_suffix}", title=title, says=_says(question),
        columns=tuple(columns), rows=rows, made_at=made_at, demo=demo, total=total,
    )  # fmt: skip


def days_table(name: str, question: Question, found: OneMeasured, made_at: datetime, *, demo: bool) -> Table:
    """Return the days of one operator, as they are shown."""
    first, *others = _columns()
    rows = [[date.fromisoformat(each.name), *_cells(each)[1:]] for each in found.days]
    title = f"Días de {name}"
    return Table(
        name=f"{file_word(title)}{question.whole.file_suffix}", title=title, says=_says(question),
        columns=(replace(first, heading="Día"), *others), rows=rows, made_at=made_at, demo=demo,
    )  # fmt: skip


def _says(question: Question) -> tuple[str, ...]:
    asked = question.filters
    lines = ", ".join(map(terms.line_name, asked.lines)) or "todas"
    return f"Período: {period_text(asked.period)}", f"Líneas (atendidas y conversación): {lines}"


def _operators(found: Measured) -> tuple[list[Column], list[list[Any]]]:
    return _columns(), [_cells(each) for each in (*found.operators, found.total)]


def _columns() -> list[Column]:
    columns = []
    for field, heading in terms.OPERATOR_COLUMNS.items():
        if field in _DIVIDED_BY:
            columns.append(Column(_DIVIDED_BY[field], ValueUnit.COUNT))
        unit = None if field in _WORDS else ValueUnit.COUNT if field in _COUNTS else ValueUnit.SECONDS
        columns.append(Column(heading, ValueUnit.PERCENT if field == "occupancy" else unit))
    return columns


def _cells(each: OperatorFigures) -> list[Any]:
    cells: list[Any] = []
    for field, value in each.cells.items():
        if field in _DIVIDED_BY:
            figure = each.figures.get(field)
            cells.append(figure.denominator if figure is not None else 0)
        cells.append(value)
    return cells


def _duty(found: Measured) -> tuple[list[Column], list[list[Any]]]:
    columns = [
        Column(terms.DIMENSIONS[Dimension.INTERVAL].capitalize()),
        Column("En sesión, de todos", ValueUnit.SECONDS),
        Column("Medias horas con alguien, sumadas", ValueUnit.SECONDS),
        Column("Promedio en turno", BY_NAME["operators_on_duty"].value_unit),
        Column(BY_NAME["registered"].label, ValueUnit.COUNT),
    ]
    frame = found.duty
    sides = zip(frame["numerator"], frame["denominator"], frame["value"], strict=True)
    duty = dict(zip(map(str, frame["interval"]), sides, strict=True))
    rows = [
        [slot, *duty.get(slot, (0, 0, None)), found.registered.get(slot, 0)]
        for slot in sorted({*duty, *found.registered})
    ]
    return columns, rows


def _reasons(found: Measured) -> tuple[list[Column], list[list[Any]]]:
    columns = [
        Column(terms.DIMENSIONS[Dimension.REASON].capitalize()),
        Column(BY_NAME["paused_seconds"].label, ValueUnit.SECONDS),
    ]
    pairs = zip(found.reasons["reason"], found.reasons["numerator"], strict=True)
    return columns, [[terms.TOTAL if pd.isna(reason) else reason, int(seconds)] for reason, seconds in pairs]
