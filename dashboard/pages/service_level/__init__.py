"""The service level of any period: when it was missed, how long people waited, by line, hour and day.

In: ?desde=&hasta=&linea=&unidad=&umbral= (or ?periodo=mes) and the generation in service. Out: one figure and what
explains it, each part a way to its calls.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dash import Dash, Input, Output, State, ctx, dcc, html, no_update, set_props
from dash.development.base_component import Component

from dashboard import components, filters, links
from dashboard.components import Children, page_title
from dashboard.context import Context
from dashboard.filters import FilterError
from dashboard.freshness import fresh_badge
from dashboard.limits_note import limits_notes
from dashboard.lines_table import register_lines_table
from dashboard.pages.service_level import controls, tables
from dashboard.pages.service_level.content import content, unrecorded
from dashboard.pages.service_level.measured import measure_page
from dashboard.question import Question, read_question
from dashboard.saving import register_saving
from etl.warehouse import WarehouseError
from reports import figures, terms
from reports.definition import PeriodError
from reports.export import Table
from reports.exported import ExportedTotal, exported_instead
from reports.format import period_text
from reports.measured import local_time, recorded
from reports.query import QueryError
from reports.rules import RulesError

PATH = filters.SERVICE_LEVEL_PATH
TITLE = terms.SERVICE_LEVEL
IN_MENU = True


def layout() -> Component:
    """Return the page with its controls, before its figures are read."""
    return html.Div(
        [
            dcc.Store(id="sl-shown"),
            dcc.Download(id="sl-file"),
            html.Div([html.H1(TITLE), html.Div(id="sl-fresh", className="fresh")], className="page-head"),
            controls.bar(),
            html.Div(id="sl-content"),
        ],
        className="month",
    )


def register_callbacks(app: Dash, context: Context) -> None:
    """Fill the page when the address, the colours or the data change; keep the address with the controls."""

    @app.callback(
        Output("sl-content", "children"),
        Output("sl-fresh", "children"),
        Output("sl-shown", "data"),
        *(Output(name, "value") for name in controls.CONTROLS),
        Output("sl-lines", "data"),
        Input("location", "search"),
        Input("scheme", "data"),
        Input("clock", "n_intervals"),
        State("sl-shown", "data"),
    )
    def show(
        search: str | None, scheme: str | None, _ticks: int | None, shown: dict[str, Any] | None
    ) -> tuple[Any, ...]:
        state = {"search": search, "scheme": scheme, "generation": context.generation_in_service()}
        if scheme is None or (shown and {name: shown[name] for name in state} == state):
            return (no_update,) * (4 + len(controls.CONTROLS))
        body, fresh, question = page_of(context, search, figures.SCHEMES.get(scheme, figures.LIGHT))
        # Controls that nothing fills would seem to ask for something.
        set_props("sl-controls", {"className": controls.SHOWN if question is not None else controls.HIDDEN})
        values: tuple[Any, ...] = (no_update,) * len(controls.CONTROLS)
        if question is not None:
            values = controls.values(question, context)
            title = f"{TITLE}, {period_text(question.filters.period)}"
            set_props("title", {"data": page_title(title, demo=context.is_demo)})
        address = question.filters.address if question is not None else None
        return body, fresh, {**state, "address": address}, *values, controls.line_choices(context)

    @app.callback(
        Output("location", "search", allow_duplicate=True),
        *(Input(name, "value") for name in controls.CONTROLS),
        State("sl-shown", "data"),
        prevent_initial_call=True,
    )
    def choose(
        preset: str | None, first: str | None, last: str | None, lines: list[str] | None, unit: str | None,
        threshold: int | None, shown: dict[str, Any] | None,
    ) -> Any:  # fmt: skip
        if not shown or shown["address"] is None:
            return no_update
        before = filters.read(shown["address"], today=context.today())
        # The controls are filled from the address and then "change" to what is shown already.
        return controls.chosen(before, context, preset, first, last, lines, unit, threshold) or no_update

    for name in ("sl-first", "sl-last"):
        app.callback(Output(name, "error"), Input(name, "value"))(controls.day_error)

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
    register_saving(
        app, context, "sl-file", "sl-shown", lambda shown, part, _: saved_table(context, shown["address"], part)
    )


def page_of(
    context: Context, search: str | None, scheme: figures.Scheme
) -> tuple[Component, Children, Question | None]:
    """Return the figures for the query of an address, how fresh they are, and the question if it can be read."""
    try:
        if context.is_empty:
            return links.no_data(), "", None
        with context.reading() as (generation, cursor):
            log = recorded(cursor)
            if not log.months:
                return links.no_data(), "", None
            fresh = fresh_badge(context, generation)
            question = read_question(context, search, log).whole
            if not any(day in question.filters.period for day in log.days):
                asked = question.filters
                instead = exported_instead(cursor, asked.period, asked.lines, None)
                return unrecorded(asked.period, log.days[0], log.days[-1], instead), fresh, question
            asked = question.filters
            notes = limits_notes(cursor, asked.period, asked.lines)
            found = measure_page(cursor, question)
            exported: tuple[ExportedTotal, ...] = ()
            if not found.on_record.is_whole:
                exported = exported_instead(cursor, asked.period, asked.lines, found.on_record)
            body = content(question, found, scheme, exported)
            return html.Div([*notes, body], className="month") if notes else body, fresh, question
    except (FilterError, PeriodError, QueryError, RulesError, WarehouseError) as error:
        says = [html.P(f"{error}."), html.P(dcc.Link("Ver el último mes completo", href=PATH))]
        return components.notice("No se pueden mostrar estas cifras", says), "", None


def saved_table(context: Context, search: str | None, part: str) -> Table | None:
    """Return what a part of the page shows for the query of an address; None for a part or address it does not have."""
    try:
        with context.reading() as (generation, cursor):
            question = read_question(context, search, recorded(cursor)).whole
            made_at = local_time(datetime.fromisoformat(generation.made_at))
            return tables.table_of(part, question, measure_page(cursor, question), made_at, demo=context.is_demo)
    except (FilterError, PeriodError, QueryError, RulesError, WarehouseError):
        return None  # the page itself says what is the matter
