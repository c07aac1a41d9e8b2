"""Operators: calls, sessions, pauses and occupancy of each, who was on duty when, one operator's day.

In: ?desde=&hasta=&linea= (or ?periodo=mes), of one operator &operador=&dia=. Out: a table by name, not by rank, with
the way to the calls it counts. Times that a rule ended, and who never logs in, are marked.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

from dash import Dash, Input, Output, State, dcc, html, no_update, set_props
from dash.development.base_component import Component

from dashboard import components, filters, links
from dashboard.components import Children, page_title
from dashboard.context import Context, Cursor
from dashboard.filters import FilterError
from dashboard.freshness import fresh_badge
from dashboard.limits_note import OPERATORS, limits_notes
from dashboard.pages.operators import content
from dashboard.pages.operators.measured import measure_one, measure_page
from dashboard.pages.operators.tables import table_of
from dashboard.people.personal import own_mask
from dashboard.question import Question, read_question
from dashboard.saving import register_saving
from etl.warehouse import WarehouseError
from reports import figures, terms
from reports.agent_day import read_agent_day
from reports.definition import PeriodError
from reports.export import Table
from reports.format import period_text
from reports.measured import local_time, recorded
from reports.personal import Field, Level
from reports.query import QueryError
from reports.rules import RulesError

PATH = content.PATH
TITLE = terms.OPERATORS
IN_MENU = True


def layout() -> Component:
    """Return the page before its figures are read."""
    return html.Div(
        [
            dcc.Store(id="operators-shown"),
            dcc.Download(id="operators-file"),
            html.Div([html.H1(TITLE), html.Div(id="operators-fresh", className="fresh")], className="page-head"),
            html.Div(id="operators-content"),
        ],
        className="month",
    )


def register_callbacks(app: Dash, context: Context) -> None:
    """Fill the page when the address, the colours or the data change."""

    @app.callback(
        Output("operators-content", "children"),
        Output("operators-fresh", "children"),
        Output("operators-shown", "data"),
        Input("location", "search"),
        Input("scheme", "data"),
        Input("clock", "n_intervals"),
        State("operators-shown", "data"),
    )
    def show(
        search: str | None, scheme: str | None, _ticks: int | None, shown: dict[str, Any] | None
    ) -> tuple[Any, Any, Any]:
        state = {"search": search, "scheme": scheme, "generation": context.generation_in_service()}
        if scheme is None or shown == state:
            return no_update, no_update, no_update
        set_props("title", {"data": page_title(TITLE, demo=context.is_demo)})
        body, fresh = page_of(context, search, figures.SCHEMES.get(scheme, figures.LIGHT))
        return body, fresh, state

    register_saving(
        app, context, "operators-file", "operators-shown",
        lambda shown, part, _: saved_table(context, shown["search"], part),
    )  # fmt: skip


def page_of(context: Context, search: str | None, scheme: figures.Scheme) -> tuple[Component, Children]:
    """Return the content of the page for the query of an address, and how fresh its figures are."""
    if own_mask().level(Field.AGENT) is not Level.FULL:
        return components.notice("No puede ver operadores", [html.P("Su rol no ve quién atendió.")]), ""
    try:
        if context.is_empty:
            return links.no_data(), ""
        with context.reading() as (generation, cursor):
            log = recorded(cursor)
            if not log.months:
                return links.no_data(), ""
            fresh = fresh_badge(context, generation)
            question = read_question(context, _dates_read(search), log)
            return _content(context, cursor, question, scheme), fresh
    except (FilterError, PeriodError, QueryError, RulesError, WarehouseError) as error:
        says = [html.P(f"{error}."), html.P(dcc.Link("Ver el último mes completo", href=PATH))]
        return components.notice("No se pueden mostrar estas cifras", says), ""


def _content(context: Context, cursor: Cursor, question: Question, scheme: figures.Scheme) -> Component:
    found = measure_page(cursor, question)
    notes = limits_notes(cursor, question.filters.period, question.filters.lines, OPERATORS)
    parts: list[Component] = [content.form(context, question), *notes]
    words = dict(question.filters.parts)
    if (name := words.get("operador")) is not None:
        chosen = next((each for each in found.operators if each.name == name), None)
        if chosen is None:
            raise QueryError(f"No hay operador(a) «{name}» en {period_text(question.filters.period)}")
        one = measure_one(cursor, question, chosen)
        day = words.get("dia") or (one.days[-1].name if one.days else None)
        shown = read_agent_day(cursor, name, filters.read_day(day)) if day else None
        back = dcc.Link("Ver a todos", href=PATH + question.whole.filters.address)
        parts += [html.P(back), *content.operator_panels(question, name, one, shown, scheme)]
    parts += [
        content.operators_panel(question, found),
        html.Div(
            [content.duty_panel(found, scheme), content.reasons_panel(found.reasons, saved=True)],
            className="half-row",
        ),
    ]
    asked: dict[str, Any] = {"data-says": f"Período: {period_text(question.filters.period)}"}
    return html.Div(parts, className="operators", **asked)


def _dates_read(search: str | None) -> str:
    """Return the query of an address with days as the form writes them, 31/10/2026, as addresses write them."""
    words = parse_qs((search or "").removeprefix("?"))
    for word in ("desde", "hasta"):
        for place, text in enumerate(words.get(word, ())):
            try:
                words[word][place] = datetime.strptime(text.strip(), "%d/%m/%Y").date().isoformat()
            except ValueError:
                continue  # as addresses write it, or told as it is
    _in_order(words)
    return "?" + urlencode(words, doseq=True)


def _in_order(words: dict[str, list[str]]) -> None:
    """Turn round a period that was typed from its last day to its first."""
    try:
        first, last = (date.fromisoformat(words[word][-1]) for word in ("desde", "hasta"))
    except (KeyError, ValueError):
        return
    if last < first:
        words["desde"], words["hasta"] = words["hasta"], words["desde"]


def saved_table(context: Context, search: str | None, part: str) -> Table | None:
    """Return what a part of the page shows for the query of an address; None for a part or address it does not have."""
    if own_mask().level(Field.AGENT) is not Level.FULL:
        return None
    try:
        with context.reading() as (generation, cursor):
            question = read_question(context, _dates_read(search), recorded(cursor)).whole
            made_at = local_time(datetime.fromisoformat(generation.made_at))
            return table_of(part, question, measure_page(cursor, question), made_at, demo=context.is_demo)
    except (FilterError, PeriodError, QueryError, RulesError, WarehouseError):
        return None  # the page itself says what is the matter
