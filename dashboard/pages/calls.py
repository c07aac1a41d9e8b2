"""The calls behind a figure, and the lines of the log behind a call: file and line of each.

In: the address of a figure (?cifra=&desde=&...), and of a call (&llamada=&en=). Out: the list that the figure counts.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

import pandas as pd
from dash import Dash, Input, Output, State, dcc, html, no_update, set_props
from dash.development.base_component import Component

from dashboard import components, filters
from dashboard.components import Children, page_title
from dashboard.context import Context
from dashboard.filters import FilterError, Filters
from dashboard.pages.service_level import PATH as SERVICE_LEVEL_PATH
from dashboard.pages.service_level import period_text
from dashboard.summary import data_until, recorded
from etl.warehouse import WarehouseError
from reports import terms
from reports.calls import list_calls, list_events
from reports.definition import Period, PeriodError, Unit, month
from reports.export import csv_bytes
from reports.format import date_text, dimension_text, duration_text, number_text
from reports.indicators import BY_NAME
from reports.query import QueryError, measure
from reports.rules import Rules, RulesError

PATH = filters.CALLS_PATH
TITLE = terms.CALLS
ROLES: tuple[str, ...] = ()  # until accounts exist: whoever sits at this computer
IN_MENU = False  # reached from a figure

#: Calls shown of a list; the figure itself says how many there are.
_SHOWN = 2000
#: Rows that a spreadsheet holds.
_DOWNLOADED = 1_000_000


def layout() -> Component:
    """Return the page before its list is read."""
    return html.Div([dcc.Store(id="calls-shown"), dcc.Download(id="calls-file"), html.Div(id="calls-content")])


def register_callbacks(app: Dash, context: Context) -> None:
    """Fill the page when the address changes or new data are in service."""

    @app.callback(
        Output("calls-content", "children"),
        Output("calls-shown", "data"),
        Input("location", "search"),
        Input("clock", "n_intervals"),
        State("calls-shown", "data"),
    )
    def show(search: str | None, _ticks: int | None, shown: dict[str, Any] | None) -> tuple[Any, Any]:
        state = {"search": search, "generation": context.generation_in_service()}
        if shown == state:
            return no_update, no_update
        set_props("title", {"data": page_title(TITLE, demo=context.is_demo)})
        return page_of(context, search), state

    @app.callback(
        Output("calls-file", "data"),
        Input("calls-download", "n_clicks"),
        State("location", "search"),
        prevent_initial_call=True,
    )
    def download(clicks: int | None, search: str | None) -> Any:
        if not clicks:
            return no_update
        content, name = calls_csv(context, search)
        return components.file_download(content, name)


def calls_csv(context: Context, search: str | None) -> tuple[bytes, str]:
    """Return every call of the list for the query of an address as CSV, and the name of its file."""
    name = _figure_of(search)
    with context.reading() as (_, cursor):
        asked = _asked(context, search, month("2000-01"))
        calls = list_calls(
            cursor, _rules(context, asked), name, asked.period, asked.where, asked.unit, limit=_DOWNLOADED
        )
    by_visit = asked.unit is Unit.VISIT
    shown = [key for key in terms.CALL_COLUMNS if by_visit or key not in ("queue", "agent")]
    headings = [terms.CALL_COLUMNS[key] + (" (segundos)" if key.endswith("_seconds") else "") for key in shown]
    rows = []
    for call in calls.to_dict("records"):
        texts = {
            **call,
            "entered": call["entered_local"],
            "service": call["service"] or terms.NO_LINE,
            "outcome": terms.OUTCOMES["answered" if call["answered"] else "abandoned"],
            "cause": terms.CAUSES.get(call["cause"] or "", ""),
            # A callid looks like a number with decimals: a spreadsheet would round it.
            "callid": f"'{call['callid']}",
        }
        rows.append([texts[key] for key in shown])
    return csv_bytes(headings, rows), f"llamadas_{name}_{asked.period.first:%Y-%m-%d}_{asked.period.last:%Y-%m-%d}.csv"


def _figure_of(search: str | None) -> str:
    return parse_qs((search or "").removeprefix("?")).get("cifra", ["registered"])[-1]


def _asked(context: Context, search: str | None, usual: Period) -> Filters:
    return filters.read(search, today=context.today(), usual=usual)


def _rules(context: Context, asked: Filters) -> Rules:
    rules = context.rules()
    return rules if asked.threshold is None else rules.trying_threshold(asked.threshold)


def page_of(context: Context, search: str | None) -> Component:
    """Return the content of the page for the query of an address."""
    words = parse_qs((search or "").removeprefix("?"))
    name = _figure_of(search)
    try:
        if context.is_empty:
            return components.no_data()
        with context.reading() as (generation, cursor):
            log = recorded(cursor)
            if not log.months:
                return components.no_data()
            asked = _asked(context, search, month(log.latest_whole or log.months[-1]))
            rules = _rules(context, asked)
            calls = list_calls(cursor, rules, name, asked.period, asked.where, asked.unit, limit=_SHOWN)
            counted = measure(cursor, rules, [name], asked.period, where=asked.where, unit=asked.unit)
            number = int(counted["numerator"].iloc[0])
            events = None
            if "llamada" in words:
                pbx, _, callid = words["llamada"][-1].partition("|")
                events = (callid, list_events(cursor, pbx, callid, _instant(words)))
            return html.Div(
                [
                    html.Div(
                        [
                            html.H1(f"{BY_NAME[name].label}: {number_text(number)} {terms.UNITS_PLURAL[asked.unit]}"),
                            html.Div(components.fresh_text(data_until(generation)), className="fresh"),
                        ],
                        className="page-head",
                    ),
                    html.P([_question(asked), " ", dcc.Link("Volver a las cifras", href=_back(asked))]),
                    *([_events(*events)] if events is not None else []),
                    _list(asked, name, number, calls),
                ],
                className="month",
            )
    except (FilterError, PeriodError, QueryError, RulesError, WarehouseError) as error:
        says = [html.P(f"{error}."), html.P(dcc.Link("Ver el nivel de servicio", href=SERVICE_LEVEL_PATH))]
        return components.notice("No se puede mostrar este listado", says, heading=1)


def _instant(words: dict[str, list[str]]) -> datetime:
    try:
        return datetime.fromisoformat(words["en"][-1])
    except (KeyError, ValueError):
        raise FilterError("La dirección de la llamada está incompleta: ábrala desde su listado") from None


def _question(asked: Filters) -> str:
    parts = [period_text(asked.period)]
    parts.append(", ".join(map(terms.line_name, asked.lines)) if asked.lines else "todas las líneas")
    parts += [
        f"{terms.DIMENSIONS[filters.PARTS[word]]}: {dimension_text(filters.PARTS[word], value)}"
        for word, value in asked.parts
    ]
    if asked.threshold is not None:
        parts.append(f"prueba con un umbral de {asked.threshold} s")
    text = " · ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def _back(asked: Filters) -> str:
    return SERVICE_LEVEL_PATH + Filters(asked.period, asked.lines, asked.unit, asked.threshold).address


def _list(asked: Filters, name: str, number: int, calls: pd.DataFrame) -> Component:
    by_visit = asked.unit is Unit.VISIT
    shown = [key for key in terms.CALL_COLUMNS if by_visit or key not in ("queue", "agent")]
    columns = [
        {
            "field": key,
            "headerName": terms.CALL_COLUMNS[key],
            "minWidth": {"entered": 170, "service": 210, "callid": 170}.get(key, 110),
            "flex": 1,
            **({"type": "rightAligned"} if key.endswith("_seconds") else {}),
            **({"cellRenderer": "CallsLink"} if key == "callid" else {}),
        }
        for key in shown
    ]
    rows = [_row(asked, name, call) for call in calls.to_dict("records")]
    note = "La llamada abre las líneas del registro que la cuentan."
    if number > len(rows):
        note = f"Se muestran las primeras {number_text(len(rows))}. {note}"
    return components.panel(
        terms.CALLS,
        [
            html.Div(
                [
                    html.P(note, className="quiet"),
                    html.Button("Descargar (CSV)", id="calls-download", type="button", className="action"),
                ],
                className="below-table",
            ),
            components.grid("calls-list", columns, rows, None, page_size=50),
        ],
        kind="calls",
    )


def _row(asked: Filters, name: str, call: dict[Any, Any]) -> dict[str, str | int | float | None]:
    entered: datetime = call["entered_local"]
    address = urlencode(
        {"cifra": name, "llamada": f"{call['pbx']}|{call['callid']}", "en": f"{entered:%Y-%m-%dT%H:%M:%S}"}
    )
    row: dict[str, str | int | float | None] = {
        "entered": f"{entered:%Y-%m-%d %H:%M:%S}",
        "entered_text": f"{date_text(entered.date())} {entered:%H:%M:%S}",
        "service": call["service"] or "",
        "service_text": terms.line_name(call["service"]) if call["service"] else terms.NO_LINE,
        "outcome": int(call["answered"]),
        "outcome_text": terms.OUTCOMES["answered" if call["answered"] else "abandoned"],
        "cause": call["cause"] or "",
        "cause_text": terms.CAUSES.get(call["cause"] or "", ""),
        "queue": call["queue"] or "",
        "queue_text": call["queue"] or "",
        "agent": call["agent"] or "",
        "agent_text": call["agent"] or "",
        "callid": call["callid"],
        "callid_text": call["callid"],
        "callid_href": f"{PATH}{asked.address}&{address}",
        "without": False,
    }
    for key in ("wait_seconds", "talk_seconds"):
        seconds = None if pd.isna(call[key]) else int(call[key])
        row[key] = seconds
        row[f"{key}_text"] = duration_text(seconds)
    return row


def _events(callid: str, events: pd.DataFrame) -> Component:
    rows: list[list[Children]] = [
        [
            f"{event['at_local']:%d/%m/%Y %H:%M:%S}", event["queue"], event["agent"], event["event"],
            event["data"], event["file"], number_text(int(event["line"])),
        ]
        for event in events.to_dict("records")
    ]  # fmt: skip
    body = components.table(terms.EVENT_COLUMNS, rows) if rows else html.P("No hay líneas de esa llamada.")
    return components.panel(
        f"Líneas del registro de la llamada {callid}",
        [
            html.P("Los números y nombres de los clientes se guardan como seudónimos (~…).", className="quiet"),
            body,
        ],
        kind="events",
    )
