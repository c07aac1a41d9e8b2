"""The block "de exportación": what another system exported of days or lines that no log covers, with file and row.

In: totals of reports.exported. Out: a part of a page, apart from every indicator; nothing where there is none.
"""

from __future__ import annotations

from collections.abc import Sequence

from dash import dcc, html
from dash.development.base_component import Component

from dashboard import components
from reports.exported import ExportedTotal, exported_title, exported_words
from reports.format import month_text

TITLE = "De exportación"
_SAYS = (
    "Lo que otro sistema exportó de lo que no tiene registro. No son llamadas contadas una por una: "
    "no entran en ninguna cifra ni en la meta."
)


def exported_panel(totals: Sequence[ExportedTotal]) -> list[Component]:
    """Return the block, nothing where there are no totals."""
    if not totals:
        return []
    rows = [[exported_title(total), *(text for _, text in exported_words(total))] for total in totals]
    headings = ("Sistema", *(label for label, _ in exported_words(totals[0])))
    body = [html.P(_SAYS, className="quiet"), components.table(headings, rows)]
    return [components.panel(TITLE, body, kind="exported")]


def exported_months_links(months: Sequence[str], path: str) -> list[Component]:
    """Return a line with the months that exports tell something of, each a way there."""
    if not months:
        return []
    ways: list[str | Component] = ["Hay exportaciones de: "]
    for place, month in enumerate(months):
        ways += [", "] if place else []
        ways.append(dcc.Link(month_text(month), href=f"{path}?mes={month}"))
    return [html.P([*ways, "."])]
