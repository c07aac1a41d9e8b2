"""The lines side by side: the same table, the same words and the same file on every page.

In: lines as reports.measured gives them, their total, what was asked. Out: a table, and its values to be saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dash import Dash, Input
from dash.development.base_component import Component

from dashboard import components, filters, links
from dashboard.browser import in_browser
from dashboard.components import Row
from dashboard.filters import Filters
from reports import terms
from reports.completeness import Completeness
from reports.definition import ValueUnit
from reports.export import Column
from reports.format import number_text, value_text
from reports.indicators import BY_NAME
from reports.measured import LineFigures
from reports.wording import verdict_text

_FIGURES = tuple(name for name in terms.LINE_COLUMNS if name in BY_NAME)
_WORDS = ("service", "name", "verdict")
#: The columns of the table when it is saved.
LINE_TABLE_COLUMNS = tuple(
    Column(
        heading,
        None if field in _WORDS else BY_NAME[field].value_unit if field in BY_NAME else ValueUnit.COUNT,
    )
    for field, heading in terms.LINE_COLUMNS.items()
)
_WIDTHS: dict[str, dict[str, Any]] = {
    "service": {"width": 112, "pinned": "left"},
    "name": {"minWidth": 194, "flex": 3},
    "verdict": {"minWidth": 122, "flex": 2},
}
_USUAL_WIDTH = {"minWidth": 98, "flex": 2}


def register_lines_table(app: Dash, identity: str) -> None:
    """Let the service level and its verdict stand beside the line where few columns fit."""
    in_browser(app, "orderLines", Input(identity, "virtualRowData"), prevent_initial_call=True)


def lines_table(
    identity: str, lines: Sequence[LineFigures], total: LineFigures, on_record: Completeness, asked: Filters
) -> Component:
    """Return the table; every number of calls in it opens them."""
    columns = [
        {
            "field": field,
            "headerName": heading,
            **_WIDTHS.get(field, _USUAL_WIDTH),
            **({} if field in _WORDS else {"type": "rightAligned"}),
            **({"cellRenderer": "Verdict"} if field == "verdict" else {}),
            **({"cellRenderer": "CallsLink"} if field in filters.WITH_CALLS else {}),
        }
        for field, heading in terms.LINE_COLUMNS.items()
    ]
    rows = [_row(line, replace(asked, lines=(line.service or terms.NO_LINE,))) for line in lines]
    below = {**_row(total, asked), "service_text": terms.TOTAL, "name_text": _on_record_text(lines, on_record)}
    return components.grid(identity, columns, rows, below)


def _row(line: LineFigures, asked: Filters) -> Row:
    """Return one row of the table: what to sort by, what to read, and where its calls are."""
    verdict = line.verdict
    name = terms.LINES.get(line.service, "")
    row: dict[str, str | int | float | None] = {
        "service": int(line.service) if line.service.isdigit() else None,
        "service_text": line.service or terms.NO_LINE,
        "name": name or None,
        "name_text": _name(line),
        "without": line.state != terms.WITH_DATA,
        "verdict": None if verdict.complies is None else int(verdict.complies),
        "verdict_text": verdict_text(verdict.complies),
        "missing": verdict.missing if verdict.complies is not None else None,
        "missing_text": number_text(verdict.missing) if verdict.complies is not None else terms.BLANK,
    }
    for indicator in _FIGURES:
        figure = line.figures.get(indicator)
        row[indicator] = figure.value if figure else None
        row[f"{indicator}_text"] = value_text(figure.value if figure else None, BY_NAME[indicator].value_unit)
    for indicator in filters.WITH_CALLS:
        row[f"{indicator}_href"] = links.calls_href(asked, indicator)
    if line.state != terms.WITH_DATA:
        row["registered_text"] = line.state
    return row


def line_rows(lines: Sequence[LineFigures], total: LineFigures, on_record: Completeness) -> list[list[Any]]:
    """Return the values of the table, the total last; a line without calls bears its state."""
    rows = [_values(line, line.service or terms.NO_LINE, _name(line)) for line in lines]
    return [*rows, _values(total, terms.TOTAL, _on_record_text(lines, on_record))]


def _name(line: LineFigures) -> str:
    return terms.LINES.get(line.service, "") if line.service else "por asignar"


def _on_record_text(lines: Sequence[LineFigures], on_record: Completeness) -> str:
    """Return what stands beside the total: "11 de 12 líneas"."""
    shown = [line.service for line in lines if line.service]
    with_record = sum(line in on_record.lines_with_record for line in shown)
    return f"{with_record} de {len(shown)} {'línea' if len(shown) == 1 else 'líneas'}" if shown else ""


def _values(line: LineFigures, service: str, name: str) -> list[Any]:
    verdict = line.verdict
    values: list[Any] = []
    for field in terms.LINE_COLUMNS:
        match field:
            case "service":
                values.append(service)
            case "name":
                values.append(name)
            case "verdict":
                values.append(verdict_text(verdict.complies) if verdict.complies is not None else "")
            case "missing":
                values.append(verdict.missing if verdict.complies is not None else None)
            case "registered" if line.state != terms.WITH_DATA:
                values.append(line.state)
            case _:
                figure = line.figures.get(field)
                value = figure.value if figure else None
                is_count = BY_NAME[field].value_unit is ValueUnit.COUNT
                values.append(int(value) if is_count and value is not None else value)
    return values
