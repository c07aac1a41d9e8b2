"""The parts of the page as tables to be saved: each holds what the page shows of it, unrounded.

In: a question and its figures. Out: tables of reports.export.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from dashboard.pages.abandoned.measured import AGAIN, CAUSES, ENDS, SPLIT, Found, rows_of
from dashboard.question import Question
from reports import terms
from reports.definition import Dimension, Kind, ValueUnit
from reports.export import Column, Table, file_word
from reports.format import dimension_text
from reports.indicators import BY_NAME
from reports.measured import Figure

CAUSES_TITLE = "Abandonadas por causa"
WAITS_TITLE = "Cuándo dejan de esperar"
AGAIN_TITLE = "Vuelven a llamar"
TRANSFERS_TITLE = "A dónde se transfieren"
LINES_TITLE = "Transferidas y quién colgó, por línea"
DIDS_TITLE = "Por número marcado (DID)"
POSITIONS_TITLE = "Por lugar en la cola al entrar"

_Part = tuple[str, list[Column], list[list[Any]]]


def table_of(part: str, question: Question, found: Found, made_at: datetime, *, demo: bool) -> Table | None:
    """Return the table behind a part of the page, None for a part that it does not have."""
    told = PARTS[part](found) if part in PARTS else None
    if told is None:
        return None
    title, columns, rows = told
    return Table(
        name=f"abandonos-{file_word(title)}{question.file_suffix}",
        title=f"{terms.ABANDONED}: {title}",
        says=question.says,
        columns=tuple(columns),
        rows=rows,
        made_at=made_at,
        demo=demo,
        total=part == "ends",
    )


def _heading(name: str) -> list[Column]:
    """Return the columns of an indicator: a ratio's value between its two sides."""
    indicator = BY_NAME[name]
    if indicator.kind is Kind.COUNT:
        return [Column(indicator.label, ValueUnit.COUNT)]
    sides = [f"{indicator.label}: {text}" for text in (terms.NUMERATORS[name], f"de ({terms.DENOMINATORS[name]})")]
    return [*(Column(side, ValueUnit.COUNT) for side in sides), Column(indicator.label, indicator.value_unit)]


def _cells(name: str, figures: Mapping[str, Figure]) -> list[Any]:
    indicator, figure = BY_NAME[name], figures.get(name)
    if indicator.kind is Kind.COUNT:
        return [figure.numerator if figure else 0]
    return [figure.numerator, figure.denominator, figure.value] if figure else [0, 0, None]


def _split(title: str, names: Sequence[str], frame: pd.DataFrame, dimension: Dimension) -> _Part:
    columns = [Column(terms.DIMENSIONS[dimension].capitalize())]
    columns += [column for name in names for column in _heading(name)]
    rows = [
        [dimension_text(dimension, key), *(cell for name in names for cell in _cells(name, figures))]
        for key, figures in rows_of(frame, dimension)
    ]
    return title, columns, rows


def _causes(found: Found) -> _Part:
    return _split(CAUSES_TITLE, CAUSES, found.abandoned.by_cause, Dimension.CAUSE)


def _waits(found: Found) -> _Part:
    columns = [*(Column(terms.DIMENSIONS[each].capitalize()) for each in (Dimension.WAIT_CLASS, Dimension.CAUSE))]
    rows = found.waits[[Dimension.WAIT_CLASS.value, Dimension.CAUSE.value, "numerator"]]
    return WAITS_TITLE, [*columns, Column(BY_NAME["abandoned"].label, ValueUnit.COUNT)], rows.to_numpy(object).tolist()


def _again(found: Found) -> _Part | None:
    columns = [
        Column(terms.INDICATOR), Column(terms.NUMERATOR, ValueUnit.COUNT), Column(terms.DENOMINATOR, ValueUnit.COUNT),
        Column(terms.VALUE, ValueUnit.PERCENT), Column("Cómo se cuenta"),
    ]  # fmt: skip
    shown = [(BY_NAME[name], found.figures[name]) for name in AGAIN if name in found.figures]
    rows = [[each.label, it.numerator, it.denominator, it.value, each.edge_case] for each, it in shown]
    return (AGAIN_TITLE, columns, rows) if rows else None


def _transfers(found: Found) -> _Part | None:
    if found.transfers is None:
        return None
    dimensions = (Dimension.TRANSFER, Dimension.TRANSFER_KIND)
    columns = [Column(terms.DIMENSIONS[each].capitalize()) for each in dimensions]
    columns.append(Column(BY_NAME["transferred"].label, ValueUnit.COUNT))
    rows = found.transfers[[*(each.value for each in dimensions), "numerator"]]
    return TRANSFERS_TITLE, columns, rows.to_numpy(dtype=object).tolist()


def _lines(found: Found) -> _Part | None:
    if found.by_line is None:
        return None
    title, columns, rows = _split(LINES_TITLE, ENDS, found.by_line, Dimension.SERVICE)
    return title, columns, [*rows, [terms.TOTAL, *(cell for name in ENDS for cell in _cells(name, found.figures))]]


def _dids(found: Found) -> _Part:
    return _split(DIDS_TITLE, SPLIT, found.by_did, Dimension.DID)


def _positions(found: Found) -> _Part:
    return _split(POSITIONS_TITLE, SPLIT, found.by_position, Dimension.POSITION)


#: Every part that the page shows, by the name of its file.
PARTS: dict[str, Callable[[Found], _Part | None]] = {
    "causes": _causes,
    "abandon-waits": _waits,
    "again": _again,
    "transfers": _transfers,
    "ends": _lines,
    "dids": _dids,
    "positions": _positions,
}
