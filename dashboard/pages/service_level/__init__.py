"""The service level of any period: when it was missed, how long people waited, by line, hour and day.

In: ?desde=&hasta=&linea=&unidad=&umbral= (or ?periodo=mes) and the generation in service. Out: one figure and what
explains it, each part a way to its calls.
"""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State, ctx, no_update
from dash.development.base_component import Component

from dashboard import filters, links
from dashboard.context import Context
from dashboard.limits_note import SHOWN
from dashboard.lines_table import register_lines_table
from dashboard.pages.service_level import tables
from dashboard.pages.service_level.content import content
from dashboard.pages.service_level.measured import measure_page
from dashboard.period_controls import PeriodControls
from dashboard.question_page import Asked, QuestionPage
from reports import terms
from reports.export import Table
from reports.exported import ExportedTotal, exported_instead
from reports.figures import Scheme

PATH = filters.SERVICE_LEVEL_PATH
TITLE = terms.SERVICE_LEVEL
IN_MENU = True


def draw(asked: Asked, scheme: Scheme) -> Component:
    """Return the figures, with what other systems say of what is not on record. Raises QueryError."""
    found, wanted = measure_page(asked.cursor, asked.whole), asked.whole.filters
    exported: tuple[ExportedTotal, ...] = ()
    if not found.on_record.is_whole:
        exported = exported_instead(asked.cursor, wanted.period, wanted.lines, found.on_record)
    return content(asked.whole, found, scheme, exported)


def table_of(asked: Asked, part: str, _most: int) -> Table | None:
    """Return what a part of the page shows, None for a part that it does not have. Raises QueryError."""
    found = measure_page(asked.cursor, asked.whole)
    return tables.table_of(part, asked.whole, found, asked.made_at, demo=asked.context.is_demo)


SHOWS = QuestionPage(
    PATH, TITLE, PeriodControls("sl", has_unit=True, has_threshold=True), "No se pueden mostrar estas cifras",
    draw, table_of, SHOWN,
)  # fmt: skip
layout, page_of, saved_table = SHOWS.layout, SHOWS.page_of, SHOWS.saved_table


def register_callbacks(app: Dash, context: Context) -> None:
    """Fill the page; open the calls behind a cell of its heat maps."""
    SHOWS.register(app, context)

    @app.callback(
        Output("location", "href"),
        Input("sl-heat", "clickData"),
        Input("sl-heat-hours", "clickData"),
        State("sl-shown", "data"),
        prevent_initial_call=True,
    )
    def open_cell(by_half_hour: Any, by_hour: Any, shown: dict[str, Any] | None) -> Any:
        hourly = ctx.triggered_id == "sl-heat-hours"
        click = by_hour if hourly else by_half_hour
        if not click or not shown or not click["points"][0].get("customdata"):
            return no_update
        if shown["address"] is None or click["points"][0]["y"] not in terms.WEEKDAYS:
            return no_update
        asked = filters.read(shown["address"], today=context.today())
        point = click["points"][0]
        time = {"hora": point["x"][:2]} if hourly else {"media_hora": point["x"]}
        weekday = str(terms.WEEKDAYS.index(point["y"]) + 1)
        return links.calls_href(asked.narrowed(dia_semana=weekday, **time), "registered") or no_update

    register_lines_table(app, "sl-by-line")
