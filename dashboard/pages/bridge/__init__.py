"""Why another tool shows another number: the ways to measure side by side, and the bridge from Asternic's to ours.

In: ?desde=&hasta=&linea=&unidad= (or ?periodo=mes) and the generation in service. Out: the answer in a sentence, and
what it is made of, each part a way to its calls.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update, set_props
from dash.development.base_component import Component

from dashboard import components, filters, links
from dashboard.components import Children, page_title
from dashboard.context import Context
from dashboard.filters import FilterError
from dashboard.freshness import fresh_badge
from dashboard.limits_note import BRIDGE, limits_notes
from dashboard.pages.bridge import controls, tables
from dashboard.pages.bridge.content import content
from dashboard.pages.bridge.measured import measure_page
from dashboard.pages.service_level.content import unrecorded
from dashboard.pages.service_level.controls import HIDDEN, SHOWN, day_error, line_choices
from dashboard.question import Question, read_question
from dashboard.saving import register_saving
from etl.warehouse import WarehouseError
from reports import figures, terms
from reports.definition import PeriodError
from reports.export import Table
from reports.format import period_text
from reports.measured import local_time, recorded
from reports.query import QueryError
from reports.rules import RulesError

PATH = filters.BRIDGE_PATH
TITLE = terms.BRIDGE
IN_MENU = True


def layout() -> Component:
    """Return the page with its controls, before its figures are read."""
    return html.Div(
        [
            dcc.Store(id="bridge-shown"),
            dcc.Download(id="bridge-file"),
            html.Div([html.H1(TITLE), html.Div(id="bridge-fresh", className="fresh")], className="page-head"),
            controls.bar(),
            html.Div(id="bridge-content"),
        ],
        className="month",
    )


def register_callbacks(app: Dash, context: Context) -> None:
    """Fill the page when the address, the colours or the data change; keep the address with the controls."""

    @app.callback(
        Output("bridge-content", "children"),
        Output("bridge-fresh", "children"),
        Output("bridge-shown", "data"),
        *(Output(name, "value") for name in controls.CONTROLS),
        Output("bridge-lines", "data"),
        Input("location", "search"),
        Input("scheme", "data"),
        Input("clock", "n_intervals"),
        State("bridge-shown", "data"),
    )
    def show(
        search: str | None, scheme: str | None, _ticks: int | None, shown: dict[str, Any] | None
    ) -> tuple[Any, ...]:
        state = {"search": search, "scheme": scheme, "generation": context.generation_in_service()}
        if scheme is None or (shown and {name: shown[name] for name in state} == state):
            return (no_update,) * (4 + len(controls.CONTROLS))
        body, fresh, question = page_of(context, search, figures.SCHEMES.get(scheme, figures.LIGHT))
        # Controls that nothing fills would seem to ask for something.
        set_props("bridge-controls", {"className": SHOWN if question is not None else HIDDEN})
        values: tuple[Any, ...] = (no_update,) * len(controls.CONTROLS)
        if question is not None:
            values = controls.values(question, context)
            title = f"{TITLE} {period_text(question.filters.period)}"
            set_props("title", {"data": page_title(title, demo=context.is_demo)})
        address = question.filters.address if question is not None else None
        return body, fresh, {**state, "address": address}, *values, line_choices(context)

    @app.callback(
        Output("location", "search", allow_duplicate=True),
        *(Input(name, "value") for name in controls.CONTROLS),
        State("bridge-shown", "data"),
        prevent_initial_call=True,
    )
    def choose(
        preset: str | None, first: str | None, last: str | None, lines: list[str] | None, unit: str | None,
        shown: dict[str, Any] | None,
    ) -> Any:  # fmt: skip
        if not shown or shown["address"] is None:
            return no_update
        before = filters.read(shown["address"], today=context.today())
        # The controls are filled from the address and then "change" to what is shown already.
        return controls.chosen(before, context, preset, first, last, lines, unit) or no_update

    for name in ("bridge-first", "bridge-last"):
        app.callback(Output(name, "error"), Input(name, "value"))(day_error)

    register_saving(
        app, context, "bridge-file", "bridge-shown", lambda shown, part, _: saved_table(context, shown["address"], part)
    )


def page_of(
    context: Context, search: str | None, scheme: figures.Scheme
) -> tuple[Component, Children, Question | None]:
    """Return the page for the query of an address, how fresh it is, and the question if it can be read."""
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
                return unrecorded(question.filters.period, log.days[0], log.days[-1]), fresh, question
            asked = question.filters
            notes = limits_notes(cursor, asked.period, asked.lines, BRIDGE)
            body = content(question, measure_page(cursor, question), scheme)
            return html.Div([*notes, body], className="month"), fresh, question
    except (FilterError, PeriodError, QueryError, RulesError, WarehouseError) as error:
        says = [html.P(f"{error}."), html.P(dcc.Link("Ver el último mes completo", href=PATH))]
        return components.notice("No se puede mostrar esta comparación", says), "", None


def saved_table(context: Context, search: str | None, part: str) -> Table | None:
    """Return what a part of the page shows for the query of an address; None for a part or address it does not have."""
    try:
        with context.reading() as (generation, cursor):
            question = read_question(context, search, recorded(cursor)).whole
            made_at = local_time(datetime.fromisoformat(generation.made_at))
            return tables.table_of(part, question, measure_page(cursor, question), made_at, demo=context.is_demo)
    except (FilterError, PeriodError, QueryError, RulesError, WarehouseError):
        return None  # the page itself says what is the matter
