"""Who gives up and who calls again: abandoned by cause and wait, answered later that day, transfers, who hung up.

In: ?desde=&hasta=&linea=&unidad= (or ?periodo=hoy), which of the abandoned (&despues=sin-respuesta&pagina=), and the
generation in service. Out: figures that open their calls, and the list of whom to call back, numbers masked.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update, set_props
from dash.development.base_component import Component

from dashboard import components, filters, links
from dashboard.components import page_title
from dashboard.context import Context
from dashboard.filters import FilterError
from dashboard.freshness import fresh_badge
from dashboard.limits_note import ABANDONED, limits_notes
from dashboard.pages.abandoned import tables
from dashboard.pages.abandoned.content import content
from dashboard.pages.abandoned.listing import list_panel, read_page, saved_list, which_asked
from dashboard.pages.abandoned.measured import measure_page
from dashboard.people.accounts import Identity
from dashboard.people.personal import mask_of, own_mask
from dashboard.question import Question, read_question
from dashboard.saving import Listing, register_listing
from dashboard.work.exports import ExportError
from etl.warehouse import WarehouseError
from reports import terms
from reports.abandoned import Later
from reports.definition import PeriodError
from reports.export import Table
from reports.format import date_text, period_text
from reports.measured import local_time, recorded
from reports.query import QueryError
from reports.rules import RulesError

PATH = filters.ABANDONED_PATH
TITLE = terms.ABANDONED
IN_MENU = True

_LIST = "abandoned-list"
_TYPED = re.compile(r"([0-3][0-9])/([01][0-9])/([0-9]{4})")
_AT_ONCE = {"transitionProps": {"duration": 0}}


def layout() -> Component:
    """Return the page before its figures are read."""
    return html.Div(
        [dcc.Store(id="abandoned-shown"), dcc.Download(id="abandoned-file"), html.Div(id="abandoned-content")]
    )


def register_callbacks(app: Dash, context: Context) -> None:
    """Fill the page when the address changes or new data are in service."""

    @app.callback(
        Output("abandoned-content", "children"),
        Output("abandoned-shown", "data"),
        Input("location", "search"),
        Input("clock", "n_intervals"),
        State("abandoned-shown", "data"),
    )
    def show(search: str | None, _ticks: int | None, shown: dict[str, Any] | None) -> tuple[Any, Any]:
        state = {"search": search, "generation": context.generation_in_service()}
        if shown == state:
            return no_update, no_update
        set_props("title", {"data": page_title(TITLE, demo=context.is_demo)})
        return page_of(context, search), state

    def other(shown: dict[str, Any], part: str, _most: int) -> Table | None:
        return None if part == _LIST else saved_table(context, shown.get("search"), part)

    register_listing(app, context, LISTING, "abandoned-shown", other)


def page_of(context: Context, search: str | None) -> Component:
    """Return the content of the page for the query of an address."""
    search = with_iso_days(search)
    try:
        if context.is_empty:
            return links.no_data()
        with context.reading() as (generation, cursor):
            log = recorded(cursor)
            if not log.months:
                return links.no_data()
            question = read_question(context, search, log).whole
            fresh, which = fresh_badge(context, generation), which_asked(search)
            notes = limits_notes(cursor, question.filters.period, question.filters.lines, ABANDONED)
            body: Component
            if not any(day in question.filters.period for day in log.days):
                says = [
                    html.P("Ningún archivo cargado cubre ese período: sus cifras no son cero, no se conocen."),
                    html.P(f"Hay registro desde el {date_text(log.days[0])} hasta el {date_text(log.days[-1])}."),
                ]
                body = components.notice(f"No hay registro de {period_text(question.filters.period)}", says)
            elif which is not None:
                body = list_panel(question, read_page(context, generation, cursor, question, which, search, own_mask()))
            else:
                body = content(question, measure_page(cursor, question))
    except (FilterError, PeriodError, QueryError, RulesError, WarehouseError) as error:
        why = [html.P(f"{error}."), html.P(dcc.Link("Ver el último mes completo", href=PATH))]
        return components.notice("No se pueden mostrar estas cifras", why, heading=1)
    return html.Div(
        [
            html.Div([html.H1(TITLE), fresh], className="page-head"),
            _form(context, question, which),
            *notes,
            body,
        ],
        className="month",
    )


def with_iso_days(search: str | None) -> str | None:
    """Return the query of an address with its days as 2026-10-31, whichever way they were typed into the filters."""
    words = parse_qs((search or "").removeprefix("?"))
    typed = [text for name in ("desde", "hasta") for text in words.get(name, ()) if _TYPED.fullmatch(text)]
    if not typed:
        return search
    pairs = [(name, text) for name, texts in words.items() for text in texts]
    iso = [(name, _TYPED.sub(r"\3-\2-\1", text) if name in ("desde", "hasta") else text) for name, text in pairs]
    return "?" + urlencode(iso)


def _form(context: Context, question: Question, which: Later | None) -> Component:
    """Return the filters: a plain form, whose fields become the query of the address."""
    asked = question.filters
    lines = {line.number: terms.line_name(line.number) for line in context.lines}
    lines |= {line: lines.get(line, line) for line in (terms.NO_LINE, *asked.lines)}
    units = [{"value": word, "label": terms.UNITS_PLURAL[unit].capitalize()} for word, unit in filters.UNITS.items()]
    kept: dict[str, str | tuple[str, ...]] = {"unidad": filters.word_of(asked.unit), "linea": asked.lines}
    if which is not None:
        kept["despues"] = which.value
    presets = [
        dcc.Link(label, href=f"{PATH}?{urlencode({'periodo': word, **kept}, doseq=True)}")
        for word, label in filters.PRESETS.items()
    ]
    days = [
        dmc.TextInput(
            name=name, label=label, value=date_text(day), size="xs", className="control",
            inputProps={"inputMode": "numeric"},
        )
        for name, label, day in (("desde", "Desde", asked.period.first), ("hasta", "Hasta", asked.period.last))
    ]  # fmt: skip
    return html.Form(
        [
            html.Nav(presets, className="lists control wide", **components.aria(label="Período")),
            *days,
            dmc.MultiSelect(
                name="linea", label="Líneas", value=list(asked.lines), size="xs", clearable=True, placeholder="todas",
                data=[{"value": value, "label": text} for value, text in lines.items()],
                hiddenInputValuesDivider=",", comboboxProps=_AT_ONCE, className="control wide",
            ),
            dmc.Select(
                name="unidad", label=terms.COUNTED_IN, value=filters.word_of(asked.unit), data=units, size="xs",
                allowDeselect=False, comboboxProps=_AT_ONCE, className="control unit",
            ),
            *([dcc.Input(type="hidden", name="despues", value=which.value)] if which is not None else []),
            html.Div(html.Button("Filtrar", type="submit", className="action strong"), className="buttons"),
        ],
        action=PATH,
        method="get",
        className="panel controls calls-controls",
        **components.aria(label="Filtros"),
    )  # fmt: skip


def saved_table(context: Context, search: str | None, part: str) -> Table | None:
    """Return what a part of the page shows for the query of an address; None for a part or address it does not have."""
    try:
        with context.reading() as (generation, cursor):
            question = read_question(context, with_iso_days(search), recorded(cursor)).whole
            made_at = local_time(datetime.fromisoformat(generation.made_at))
            return tables.table_of(part, question, measure_page(cursor, question), made_at, demo=context.is_demo)
    except (FilterError, PeriodError, QueryError, RulesError, WarehouseError):
        return None  # the page itself says what is the matter


def plain_address(context: Context, search: str | None) -> str:
    """Return an address that asks for the same list with nothing in it but what the filters know. ExportError."""
    search = with_iso_days(search)
    try:
        with context.reading() as (_, cursor):
            asked = read_question(context, search, recorded(cursor)).whole.filters
        which = which_asked(search)
    except (FilterError, PeriodError, RulesError, WarehouseError) as error:
        raise ExportError(f"{error}.") from None
    if not {*asked.lines} <= {terms.NO_LINE, *(line.number for line in context.lines)}:
        raise ExportError("La dirección nombra una línea que no existe: quítela y guarde otra vez.")
    return f"{asked.address}&{urlencode({'despues': (which or Later.ALL).value})}"


def _saved_for(context: Context, identity: Identity, search: str | None, most: int) -> Table | None:
    return saved_list(context, mask_of(identity), with_iso_days(search), most)


LISTING = Listing(PATH, TITLE, "abandoned-file", plain_address, _saved_for)
