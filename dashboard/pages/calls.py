"""The calls behind a figure; of one call who called, and the lines of the log behind it: file and line of each.

In: the address of a figure (?cifra=&desde=&...), and of a call (&llamada=&en=). Out: the list that the figure counts.
Whoever called is masked; the number in full is answered to who may see it and says why, and is kept nowhere.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

import dash_mantine_components as dmc
import pandas as pd
from dash import Dash, Input, Output, State, dcc, html, no_update, set_props
from dash.development.base_component import Component

from dashboard import components, filters
from dashboard.components import Children, page_title
from dashboard.context import Context, Cursor
from dashboard.filters import FilterError, Filters
from dashboard.people.accounts import Identity
from dashboard.people.personal import (
    LONGEST_REASON,
    SHORTEST_REASON,
    CallAsked,
    PersonalError,
    callers_shown,
    mask_of,
    may_unmask,
    own_mask,
    unmasked,
)
from dashboard.question import Question, read_question
from dashboard.saving import Listing, register_listing
from dashboard.security.identity import current
from dashboard.work.exports import ExportError
from etl.warehouse import Generation, WarehouseError
from reports import terms
from reports.calls import Caller, list_calls, list_events
from reports.definition import PeriodError, Unit, ValueUnit
from reports.export import Column, Table
from reports.format import date_text, duration_text, number_text, unit_text
from reports.indicators import BY_NAME
from reports.measured import data_until, local_time, recorded
from reports.personal import Mask
from reports.query import QueryError
from reports.rules import RulesError
from reports.wording import fresh_text

PATH = filters.CALLS_PATH
TITLE = terms.CALLS
IN_MENU = False  # reached from a figure

#: Calls shown of a list; the figure itself says how many there are.
_SHOWN = 500
_SECONDS = ("wait_seconds", "talk_seconds")
# Texts that look like numbers.
_CODES = ("callid", "queue", "agent")


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
        Output("call-who", "children"),
        Output("call-reason", "error"),
        Input("call-unmask", "n_clicks"),
        State("call-reason", "value"),
        State("location", "search"),
        prevent_initial_call=True,
    )
    def unmask(clicks: int | None, reason: str | None, search: str | None) -> tuple[Any, Any]:
        if not clicks:
            return no_update, no_update
        try:
            call = _call_asked(parse_qs((search or "").removeprefix("?")))
            callers = unmasked(context, current(), call, reason if isinstance(reason, str) else None)
        except (FilterError, PersonalError) as error:
            return no_update, str(error)
        return _who(callers, in_full=True), no_update

    register_listing(app, context, LISTING, "calls-shown")


def saved_calls(context: Context, search: str | None, most: int, mask: Mask | None = None) -> Table | None:
    """Return the calls of the list for the query of an address, at most so many; None for one that cannot be shown.

    The mask is that of whoever asks, where none is given.
    """
    mask = own_mask() if mask is None else mask
    name = _figure_of(search)
    try:
        with context.reading() as (generation, cursor):
            question = read_question(context, search, recorded(cursor))
            asked = question.filters
            says, number = question.says, _number(question.ask(cursor, name))
            calls = list_calls(
                cursor, question.rules, name, asked.period, asked.where, asked.unit, limit=most, mask=mask
            )
            made_at = local_time(datetime.fromisoformat(generation.made_at))
    except (FilterError, PeriodError, QueryError, RulesError, WarehouseError):
        return None  # the page itself says what is the matter
    shown = _columns_of(asked)
    rows = []
    for values in calls.itertuples(index=False, name=None):  # a million of them as dicts at once would take a gigabyte
        call = dict(zip(calls.columns, values, strict=True))
        texts = {
            **call,
            "entered": call["entered_local"],
            "service": call["service"] or terms.NO_LINE,
            "outcome": terms.OUTCOMES["answered" if call["answered"] else "abandoned"],
            "cause": terms.CAUSES.get(call["cause"] or "", ""),
        }
        rows.append([texts[key] for key in shown])
    left = [f"Las primeras {number_text(len(rows))} de {number_text(number)}"] if len(rows) < number else []
    return Table(
        name=f"llamadas_{name}{question.file_suffix}",
        title=f"{BY_NAME[name].label}: {number_text(number)} {unit_text(number, asked.unit)}",
        says=(*says, *left),
        columns=tuple(
            Column(terms.CALL_COLUMNS[key], ValueUnit.SECONDS if key in _SECONDS else None, is_code=key in _CODES)
            for key in shown
        ),
        rows=rows,
        made_at=made_at,
        demo=context.is_demo,
    )


def _saved_for(context: Context, identity: Identity, search: str | None, most: int) -> Table | None:
    return saved_calls(context, search, most, mask_of(identity))


def plain_address(context: Context, search: str | None) -> str:
    """Return an address that asks for the same list with nothing in it but what the filters know. ExportError.

    What a list is narrowed to (an hour, a cause) matched its calls and is thus a value of ours; of the lines one may be
    anything that somebody typed beside others that match.
    """
    try:
        with context.reading() as (_, cursor):
            asked = read_question(context, search, recorded(cursor)).filters
    except (FilterError, PeriodError, RulesError, WarehouseError) as error:
        raise ExportError(f"{error}.") from None
    if not {*asked.lines} <= {terms.NO_LINE, *(line.number for line in context.lines)}:
        raise ExportError("La dirección nombra una línea que no existe: quítela y guarde otra vez.")
    return f"{asked.address}&{urlencode({'cifra': _figure_of(search)})}"


LISTING = Listing(PATH, TITLE, "calls-file", plain_address, _saved_for)


def _columns_of(asked: Filters) -> list[str]:
    """Return the columns of a list: queue and operator are facts of a queue visit."""
    return [key for key in terms.CALL_COLUMNS if asked.unit is Unit.VISIT or key not in ("queue", "agent")]


def _figure_of(search: str | None) -> str:
    return parse_qs((search or "").removeprefix("?")).get("cifra", ["registered"])[-1]


def _number(counted: pd.DataFrame) -> int:
    return int(counted["numerator"].iloc[0])


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
            question = read_question(context, search, log)
            asked = question.filters
            calls = list_calls(
                cursor, question.rules, name, asked.period, asked.where, asked.unit, limit=_SHOWN, mask=own_mask()
            )
            says, number = question.says, _number(question.ask(cursor, name))
            told = None
            if "llamada" in words:
                call = _call_asked(words)
                events = list_events(cursor, call.pbx, call.callid, call.near, mask=own_mask())
                told = _call(call, events, _who_called(context, generation, cursor, call))
    except (FilterError, PeriodError, QueryError, RulesError, WarehouseError) as error:
        why = [html.P(f"{error}."), html.P(dcc.Link("Ver el nivel de servicio", href=filters.SERVICE_LEVEL_PATH))]
        return components.notice("No se puede mostrar este listado", why, heading=1)
    return html.Div(
        [
            html.Div(
                [
                    html.H1(f"{BY_NAME[name].label}: {number_text(number)} {unit_text(number, asked.unit)}"),
                    html.Div(fresh_text(data_until(generation)), className="fresh"),
                ],
                className="page-head",
            ),
            html.P([f"{' · '.join(says)}. ", dcc.Link("Volver a las cifras", href=_back(question))]),
            *([told] if told is not None else []),
            _list(asked, name, number, calls),
        ],
        className="month",
    )


def _call_asked(words: dict[str, list[str]]) -> CallAsked:
    """Return the call that an address names. FilterError."""
    pbx, _, callid = words.get("llamada", [""])[-1].partition("|")
    return CallAsked(pbx, callid, _instant(words))


def _instant(words: dict[str, list[str]]) -> datetime:
    try:
        instant = datetime.fromisoformat(words["en"][-1])
    except (KeyError, ValueError):
        instant = None
    first, last = filters.YEARS
    if instant is None or instant.tzinfo is not None or not first <= instant.year <= last:
        raise FilterError("La dirección de la llamada está incompleta: ábrala desde su listado")
    return instant


def _back(question: Question) -> str:
    return filters.SERVICE_LEVEL_PATH + question.whole.filters.address


def _list(asked: Filters, name: str, number: int, calls: pd.DataFrame) -> Component:
    columns = [
        {
            "field": key,
            "headerName": terms.CALL_COLUMNS[key],
            "minWidth": {"entered": 170, "service": 236, "callid": 170}.get(key, 110),
            "flex": 1,
            **({"type": "rightAligned"} if key in _SECONDS else {}),
            **({"cellRenderer": "CallsLink"} if key == "callid" else {}),
        }
        for key in _columns_of(asked)
    ]
    here = f"{PATH}{asked.address}&{urlencode({'cifra': name})}"
    rows = [_row(here, call) for call in calls.to_dict("records")]
    note = "La llamada abre las líneas del registro que la cuentan."
    if number > len(rows):
        note = f"Se muestran las primeras {number_text(len(rows))}. {note}"
    return components.panel(
        terms.CALLS,
        [
            html.P(note, className="quiet"),
            components.grid("calls-list", columns, rows, None, page_size=50),
        ],
        kind="calls",
        actions=components.saving("calls"),
    )


def _row(here: str, call: dict[Any, Any]) -> dict[str, str | int | float | None]:
    """Return one call of the list; `here` is the address of the list."""
    entered: datetime = call["entered_local"]
    address = urlencode({"llamada": f"{call['pbx']}|{call['callid']}", "en": f"{entered:%Y-%m-%dT%H:%M:%S}"})
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
        "callid_href": f"{here}&{address}",
        "without": False,
    }
    for key in _SECONDS:
        seconds = None if pd.isna(call[key]) else int(call[key])
        row[key] = seconds
        row[f"{key}_text"] = duration_text(seconds)
    return row


def _who_called(context: Context, generation: Generation, cursor: Cursor, call: CallAsked) -> list[Component]:
    """Return who called; where that cannot be read, why, so that the lines of the call are seen all the same."""
    try:
        callers = callers_shown(context, generation, cursor, call)
    except WarehouseError as error:
        return [html.P(str(error), className="quiet")]
    return [html.Div(_who(callers), id="call-who", role="status")] if callers else []


def _call(call: CallAsked, events: pd.DataFrame, who_called: list[Component]) -> Component:
    rows: list[list[Children]] = [
        [
            f"{event['at_local']:%d/%m/%Y %H:%M:%S}", event["queue"], event["agent"], event["event"],
            event["data"], event["file"], number_text(int(event["line"])),
        ]
        for event in events.to_dict("records")
    ]  # fmt: skip
    body = components.table(terms.EVENT_COLUMNS, rows) if rows else html.P("No hay líneas de esa llamada.")
    return components.panel(
        f"Líneas del registro de la llamada {call.callid}",
        [
            *who_called,
            html.P("En las líneas, números y nombres de los clientes son seudónimos (~…).", className="quiet"),
            body,
        ],
        kind="events",
    )


def _who(callers: list[Caller], *, in_full: bool = False) -> list[Component]:
    """Return who called, as far as it is shown; below it, for who may and where it is kept, how to see it in full."""
    pairs: list[tuple[str, Children]] = []
    for caller in callers:
        pairs.append((terms.CALLER_NUMBER, _said(caller, caller.number, bool(caller.mark))))
        if caller.name is not None:
            pairs.append((terms.CALLER_NAME, caller.name))
    told: list[Component] = [components.facts(pairs)]
    if in_full:
        told.append(html.P("Quién lo vio, cuándo y por qué quedó anotado en la auditoría.", className="quiet"))
    elif may_unmask() and any(caller.number or caller.name for caller in callers):
        told.append(_unmasking())
    return told


def _said(caller: Caller, number: str | None, has_one: bool) -> str:
    if number is not None:
        return number
    return f"ya no se conserva (seudónimo {caller.mark})" if has_one else "la central no lo anotó"


def _unmasking() -> Component:
    """Return the form that asks why; what is typed is written down."""
    reason = dmc.TextInput(
        id="call-reason",
        label="Motivo para ver el número completo",
        description=f"De {SHORTEST_REASON} a {LONGEST_REASON} letras; queda anotado con su cuenta.",
        inputWrapperOrder=["label", "description", "error", "input"],  # the button stays beside the field
        autoComplete="off",
        value="",
    )
    button = html.Button(terms.UNMASK, id="call-unmask", type="button", className="action")
    return html.Div([reason, button], className="unmasking")
