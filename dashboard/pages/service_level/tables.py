"""The parts of the page as tables to be saved: each holds what the page shows of it, unrounded.

In: a question and its frames. Out: tables of reports.export.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pandas as pd

from dashboard.lines_table import LINE_TABLE_COLUMNS, line_rows
from dashboard.pages.service_level.measured import Measured
from dashboard.question import Question
from reports import terms
from reports.definition import Dimension, ValueUnit
from reports.export import Column, Table, Valued, file_word
from reports.format import dimension_text
from reports.indicators import BY_NAME

# What the numbers of a CSV are counted in.
_VALUED_IN = {
    ValueUnit.PERCENT: "fracción de 1", ValueUnit.SECONDS: "segundos", ValueUnit.COUNT: "cantidad",
    ValueUnit.MEAN: "promedio",
}  # fmt: skip
_NUMERATOR = Column(terms.NUMERATOR, ValueUnit.COUNT)
_DENOMINATOR = Column(terms.DENOMINATOR, ValueUnit.COUNT)
_LEVEL = (
    Column(BY_NAME["answered_in_time"].label, ValueUnit.COUNT),
    Column(BY_NAME["registered"].label, ValueUnit.COUNT),
    Column(BY_NAME["service_level"].label, ValueUnit.PERCENT),
)


def table_of(part: str, question: Question, found: Measured, made_at: datetime, *, demo: bool) -> Table | None:
    """Return the table behind a part of the page, None for a part that it does not have."""
    if part not in _PARTS:
        return None
    title, columns, rows = _PARTS[part](found)
    return Table(
        name=f"{file_word(terms.SERVICE_LEVEL)}-{file_word(title)}{question.file_suffix}",
        title=f"{terms.SERVICE_LEVEL}: {title}",
        says=(*question.says, found.on_record.text),
        columns=tuple(columns),
        rows=rows,
        made_at=made_at,
        demo=demo,
        total=part == "lines",
    )


_Part = tuple[str, list[Column], list[list[Any]]]


def _lines(found: Measured) -> _Part:
    return terms.BY_LINE, list(LINE_TABLE_COLUMNS), line_rows(found.lines, found.total, found.on_record)


def _heat(found: Measured) -> _Part:
    return terms.HEAT_MAP, *_split(found.heat, Dimension.WEEKDAY, Dimension.INTERVAL)


def _by_hour(found: Measured) -> _Part:
    return terms.OVER[Dimension.HOUR], *_split(found.by_hour, Dimension.HOUR)


def _by_step(found: Measured) -> _Part:
    return terms.OVER[found.step], *_split(found.by_step, found.step)


def _curve(found: Measured) -> _Part:
    columns = [
        Column("Segundos de espera", ValueUnit.COUNT),
        Column("Atendidas hasta esa espera", ValueUnit.COUNT),
        Column(BY_NAME["registered"].label, ValueUnit.COUNT),
        Column("De las registradas", ValueUnit.PERCENT),
    ]
    return terms.WAITS, columns, found.curve.to_numpy(dtype=object).tolist()


def _classes(found: Measured) -> _Part:
    columns = [
        *(Column(terms.DIMENSIONS[name].capitalize()) for name in (Dimension.OUTCOME, Dimension.WAIT_CLASS)),
        Column("Cantidad", ValueUnit.COUNT),
        Column("De ese resultado", ValueUnit.COUNT),
        Column("Parte del resultado", ValueUnit.PERCENT),
    ]
    return "Tramos de espera", columns, _rows(found.classes, Dimension.OUTCOME, Dimension.WAIT_CLASS)


def _all(found: Measured) -> _Part:
    columns = [
        Column(terms.INDICATOR), _NUMERATOR, _DENOMINATOR, Column(terms.VALUE), Column("Valor en"), Column("Regla")
    ]  # fmt: skip
    rows = [
        [
            BY_NAME[name].label, figure.numerator, figure.denominator,
            Valued(figure.value, BY_NAME[name].value_unit), _VALUED_IN[BY_NAME[name].value_unit], BY_NAME[name].clause,
        ]
        for name, figure in found.total.figures.items()
    ]  # fmt: skip
    return terms.ALL_FIGURES, columns, rows


def _split(frame: pd.DataFrame, *dimensions: Dimension) -> tuple[list[Column], list[list[Any]]]:
    columns = [Column(terms.DIMENSIONS[dimension].capitalize()) for dimension in dimensions]
    return [*columns, *_LEVEL], _rows(frame, *dimensions)


def _rows(frame: pd.DataFrame, *dimensions: Dimension) -> list[list[Any]]:
    plain = frame.drop(columns="indicator").itertuples(index=False, name=None)
    return [[*map(_key, dimensions, row), *row[len(dimensions) :]] for row in plain]


def _key(dimension: Dimension, text: str) -> str | date:
    return date.fromisoformat(text) if dimension is Dimension.DAY else dimension_text(dimension, text)


_PARTS: dict[str, Callable[[Measured], _Part]] = {
    "lines": _lines,
    "heat": _heat,
    "curve": _curve,
    "classes": _classes,
    Dimension.HOUR.value: _by_hour,
    Dimension.DAY.value: _by_step,
    Dimension.MONTH.value: _by_step,
    "all": _all,
}
