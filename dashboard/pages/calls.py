"""The calls behind a figure; of one call who called, and the lines of the log behind it: file and line of each.

In: the address of a figure (?cifra=&desde=&...), what narrows it (&hora=&causa=&operador=), or of a part of the
comparison with Asternic (?puente=&...), the page (&pagina=), and a call (&llamada=&en=). Out: the list that the figure
counts, a page at a time.
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

from dashboard import components, filters, links
from dashboard.components import Children, page_title
from dashboard.context import Context, Cursor
from dashboard.filters import FilterError, Filters
from dashboard.freshness import fresh_badge
from dashboard.limits_note import limits_notes
from dashboard.paging import PAGE_ROWS, page_asked, page_links, page_shown
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
from dashboard.saving import Listing, cut_says, most_rows, register_listing
from dashboard.security.identity import current
from dashboard.work.exports import ExportError
from etl.warehouse import Generation, WarehouseError
from reports import terms
from reports.bridge import list_item
from reports.bridge_items import BY_CODE
from reports.bridge_words import listed_text
from reports.calls import Caller, is_call, list_calls, list_events
from reports.completeness import completeness
from reports.definition import Dimension, PeriodError, Unit, ValueUnit
from reports.export import Column, Table, file_word
from reports.format import date_text, duration_text, number_text, unit_text
from reports.indicators import BY_NAME
from reports.measured import local_time, recorded
from reports.personal import Field, Level, Mask
from reports.query import QueryError, measure
from reports.rules import RulesError

PATH = filters.CALLS_PATH
TITLE = terms.CALLS
IN_MENU = False  # reached from a figure

#: Calls on a page of the list; the figure itself says how many there are.
PAGE_CALLS = PAGE_ROWS
#: Lines of one call that are shown: a call has a dozen, a callid that an exchange gave out again and again has more.
_MOST_EVENTS = 500
#: What the form asks for; whatever else narrows the list (a day, a class of waits) is kept.
_ASKED = ("hora", "causa", "operador")
_SECONDS = ("wait_seconds", "talk_seconds")
_AT_ONCE = {"transitionProps": {"duration": 0}}
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
            says = question.says
            calls, number = _rows_of(cursor, question, name, most, 0, mask)
            title = _title(cursor, question, name, number)
            made_at = local_time(datetime.fromisoformat(generation.made_at))
    except (FilterError, PeriodError, QueryError, RulesError, WarehouseError):
        return None  # the page itself says what is the matter
    shown = _columns_saved(asked)
    rows = []
    for values in calls.itertuples(index=False, name=None):  # a million of them as dicts at once would take a gigabyte
        call = dict(zip(calls.columns, values, strict=True))
        texts = {
            **call,
            "entered": call["entered_local"],
            "service": call["service"] or terms.NO_LINE,
            "name": terms.LINES.get(call["service"] or "", ""),
            "outcome": terms.OUTCOMES["answered" if call["answered"] else "abandoned"],
            "cause": terms.CAUSES.get(call["cause"] or "", ""),
        }
        rows.append([texts[key] for key in shown])
    return Table(
        name=f"llamadas{'' if asked.bridge else '_' + file_word(BY_NAME[name].label)}{question.file_suffix}",
        title=title,
        says=(*says, *cut_says(len(rows), number)),
        columns=tuple(
            Column(heading, ValueUnit.SECONDS if key in _SECONDS else None, is_code=key in _CODES)
            for key, heading in shown.items()
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
    return _query(asked, _figure_of(search))


LISTING = Listing(PATH, TITLE, "calls-file", plain_address, _saved_for)


def _columns_of(asked: Filters) -> dict[str, str]:
    """Return the columns of a list, by their headings: a queue is a fact of a queue visit."""
    of_visits = asked.unit is Unit.VISIT or bool(asked.bridge)
    return {key: heading for key, heading in terms.CALL_COLUMNS.items() if of_visits or key != "queue"}


def _columns_saved(asked: Filters) -> dict[str, str]:
    """Return the columns of a file: a line's name stands beside its number, where a page has both in one."""
    columns: dict[str, str] = {}
    for key, heading in _columns_of(asked).items():
        columns |= {key: heading, **({"name": terms.LINE_NAME} if key == "service" else {})}
    return columns


def _figure_of(search: str | None) -> str:
    """Return the figure whose calls are asked for; of an operator's, and of a cause, all there are."""
    words = parse_qs((search or "").removeprefix("?"))
    name = words.get("cifra", ["registered"])[-1]
    if name != "registered":
        return name
    return "answered" if "operador" in words else "abandoned" if "causa" in words else name


def _query(asked: Filters, name: str, page: int = 1) -> str:
    words = {"cifra": name, **({"pagina": page} if page > 1 else {})}
    return f"{asked.address}&{urlencode(words)}"


def _rows_of(
    cursor: Cursor, question: Question, name: str, limit: int, offset: int, mask: Mask
) -> tuple[pd.DataFrame, int]:
    """Return some calls of the list, and how many there are in all. Raises QueryError."""
    asked = question.filters
    if asked.bridge:
        return list_item(
            cursor, question.rules, asked.bridge, asked.period, asked.lines, asked.unit,
            limit=limit, offset=offset, mask=mask,
        )  # fmt: skip
    calls = list_calls(
        cursor, question.rules, name, asked.period, asked.where, asked.unit, limit=limit, offset=offset, mask=mask
    )
    # A figure that has a list counts its calls; what is no count was refused above.
    return calls, int(question.ask(cursor, name)["numerator"].iloc[0])


def _title(cursor: Cursor, question: Question, name: str, number: int) -> str:
    """Return what the list is of; none where nothing was on record is not known to be none."""
    asked = question.filters
    if asked.bridge:
        return listed_text(BY_CODE[asked.bridge], number)
    label = BY_NAME[name].label
    if not number:
        found = completeness(cursor, question.rules, asked.period).narrowed(asked.lines)
        if not found.covered or (found.lines and not found.lines_with_record):
            return f"{label}: {terms.NO_RECORD}"
    return f"{label}: {number_text(number)} {unit_text(number, asked.unit)}"


def page_of(context: Context, search: str | None) -> Component:
    """Return the content of the page for the query of an address."""
    words = parse_qs((search or "").removeprefix("?"))
    name = _figure_of(search)
    try:
        if context.is_empty:
            return links.no_data()
        with context.reading() as (generation, cursor):
            log = recorded(cursor)
            if not log.months:
                return links.no_data()
            question = read_question(context, search, log)
            asked = question.filters
            says = question.says
            page = page_asked(words.get("pagina", [""])[-1])
            calls, number = _rows_of(cursor, question, name, PAGE_CALLS, (page - 1) * PAGE_CALLS, own_mask())
            last, pages = page_shown(str(page), number, PAGE_CALLS)
            if page > last:
                page = last
                calls, number = _rows_of(cursor, question, name, PAGE_CALLS, (page - 1) * PAGE_CALLS, own_mask())
            title = _title(cursor, question, name, number)
            notes = limits_notes(cursor, asked.period, asked.lines)
            operators = [] if asked.bridge else _operators(cursor, question)
            told = None
            if "llamada" in words:
                call = _call_asked(words)
                events = list_events(cursor, call.pbx, call.callid, call.near, limit=_MOST_EVENTS + 1, mask=own_mask())
                told = _call(call, events, _who_called(context, generation, cursor, call))
    except (FilterError, PeriodError, QueryError, RulesError, WarehouseError) as error:
        ways: list[str | Component] = [
            dcc.Link("Ver todas las llamadas", href=PATH),
            " · ",
            dcc.Link("Ver el nivel de servicio", href=filters.SERVICE_LEVEL_PATH),
        ]
        why = [html.P(f"{error}."), html.P(ways)]
        return components.notice("No se puede mostrar este listado", why, heading=1)
    return html.Div(
        [
            html.Div(
                [html.H1(title), fresh_badge(context, generation)],
                className="page-head",
            ),
            html.P([f"{' · '.join(says)}. ", dcc.Link("Volver a las cifras", href=_back(question))]),
            *notes,
            *([told] if told is not None else []),
            _part_of_bridge(asked.bridge) if asked.bridge else _form(context, asked, name, operators),
            _list(asked, name, number, calls, page, pages) if number else html.P(_none(title)),
        ],
        className="month",
    )


def _part_of_bridge(code: str) -> Component:
    """Return what the listed part of the comparison with Asternic is; it is listed whole, nothing narrows it."""
    item = BY_CODE[code]
    own = " Cada fila es una línea del registro, a su hora, y no un ingreso a cola." if item.of_lines else ""
    return html.Section([html.P(item.says + own)], className="panel")


def _none(title: str) -> str:
    if title.endswith(terms.NO_RECORD):
        return "Ningún archivo cargado cubre lo pedido: cuántas llamadas hubo no se sabe."
    return "No hay ninguna con esos filtros."


def _operators(cursor: Cursor, question: Question) -> list[str]:
    """Return who answered in the period, as far as whoever asks may see them."""
    if own_mask().level(Field.AGENT) is not Level.FULL:
        return []
    whole = question.whole.filters
    found = measure(
        cursor, question.rules, ["answered"], whole.period, (Dimension.AGENT,),
        {"service": whole.lines} if whole.lines else None, Unit.VISIT,
    )  # fmt: skip
    return [str(name) for name in found["agent"]]


def _form(context: Context, asked: Filters, name: str, operators: list[str]) -> Component:
    """Return the filters: a plain form, whose fields become the query of the address."""
    chosen = dict(asked.parts)
    figures = dict.fromkeys([*filters.WITH_CALLS, name])
    hours = [f"{hour:02}" for hour in range(24)]
    # An operator's calls are visits by themselves: the unit goes when the operator does.
    unit = [] if asked.unit is Unit.LINE or "operador" in chosen else [("unidad", filters.word_of(asked.unit))]
    kept = [
        ("desde", f"{asked.period.first:%Y-%m-%d}"),
        ("hasta", f"{asked.period.last:%Y-%m-%d}"),
        *unit,
        *([("umbral", str(asked.threshold))] if asked.threshold is not None else []),
        *((word, value) for word, value in asked.parts if word not in _ASKED),
    ]
    lines = [(line.number, terms.line_name(line.number)) for line in context.lines]
    lines += [(line, line) for line in (terms.NO_LINE, *asked.lines) if line not in dict(lines)]
    hour_of = chosen.get("media_hora")
    whole = Filters(asked.period, unit=asked.unit if unit else Unit.LINE, threshold=asked.threshold)
    return html.Form(
        [
            *(dcc.Input(type="hidden", name=word, value=value) for word, value in kept),
            _choice("cifra", "Cuáles", [(each, BY_NAME[each].label) for each in figures], name, clearable=False),
            dmc.MultiSelect(
                name="linea", label=terms.CALL_COLUMNS["service"], value=list(asked.lines), size="xs", clearable=True,
                data=[{"value": value, "label": label} for value, label in dict(lines).items()],
                placeholder="todas", hiddenInputValuesDivider=",", comboboxProps=_AT_ONCE, className="control wide",
            ),
            _choice("hora", "Hora", [(hour, f"{hour}:00") for hour in hours], chosen.get("hora", ""))
            if hour_of is None else _choice("media_hora", "Media hora", [(hour_of, hour_of)], hour_of),
            _choice("causa", "Causa (abandonadas)", [(label, label) for label in terms.CAUSES.values()],
                    chosen.get("causa", "")),
            *([_choice("operador", "Operador(a) (atendidas)", [(each, each) for each in operators],
                       chosen.get("operador", ""), searchable=True)] if operators else []),
            html.Div(
                [html.Button("Filtrar", type="submit", className="action strong"),
                 html.A("Quitar filtros", href=PATH + _query(whole, "registered"), className="action")],
                className="buttons",
            ),
        ],
        action=PATH,
        method="get",
        className="panel controls calls-controls",
        **components.aria(label="Filtros"),
    )  # fmt: skip


def _choice(
    name: str,
    label: str,
    choices: list[tuple[str, str]],
    value: str,
    *,
    clearable: bool = True,
    searchable: bool = False,
) -> Component:
    choice: Component = dmc.Select(
        name=name, label=label, size="xs", value=value or None, placeholder="todas", clearable=clearable,
        allowDeselect=clearable, searchable=searchable, nothingFoundMessage="No hay",
        data=[{"value": word, "label": text} for word, text in choices], className="control", comboboxProps=_AT_ONCE,
    )  # fmt: skip
    return choice


def _call_asked(words: dict[str, list[str]]) -> CallAsked:
    """Return the call that an address names. FilterError."""
    pbx, _, callid = words.get("llamada", [""])[-1].partition("|")
    if callid and not is_call(callid):
        raise FilterError(f"«{callid}» no es una llamada: así anota la central lo que no es de ninguna")
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
    path = filters.BRIDGE_PATH if question.filters.bridge else filters.SERVICE_LEVEL_PATH
    return path + question.whole.filters.address


def _list(asked: Filters, name: str, number: int, calls: pd.DataFrame, page: int, pages: int) -> Component:
    columns = [
        {
            "field": key,
            "headerName": heading,
            "minWidth": {"entered": 170, "service": 236, "callid": 170, "agent": 150}.get(key, 110),
            "flex": 1,
            # Sorted is the list, from its first page to its last: not what happens to be on one of them.
            "sortable": pages == 1,
            **({"type": "rightAligned"} if key in _SECONDS else {}),
            **({"cellRenderer": "CallsLink"} if key == "callid" else {}),
        }
        for key, heading in _columns_of(asked).items()
    ]
    rows = [_row(PATH + _query(asked, name, page), call) for call in calls.to_dict("records")]
    notes: list[str | Component] = [
        html.Span("La tabla se desplaza hacia los lados. ", className="only-narrow"),
        "La llamada abre las líneas del registro que la cuentan.",
    ]
    if pages > 1:
        first = (page - 1) * PAGE_CALLS + 1
        notes.append(
            f" De la más antigua a la más nueva, de la {number_text(first)} a la {number_text(first + len(rows) - 1)} "
            f"de {number_text(number)}; {_file_says(number)}"
        )
    return components.panel(
        terms.CALLS,
        [
            html.P(notes, className="quiet"),
            components.grid("calls-list", columns, rows, None),
            *page_links(page, pages, lambda other: PATH + _query(asked, name, other)),
        ],
        kind="calls",
        actions=links.saving("calls"),
    )


def _file_says(number: int) -> str:
    """Return how much of the list a file holds."""
    most = {word: most_rows(ending) for word, ending in (("Excel", "xlsx"), ("CSV", "csv"))}
    cut = [f"en {word} las primeras {number_text(rows)}" for word, rows in most.items() if number > rows]
    but = f" ({', '.join(cut)})" if cut else ""
    return f"«Descargar» las trae todas{but}."


def _row(here: str, call: dict[Any, Any]) -> dict[str, str | int | float | None]:
    """Return one call of the list; `here` is the address of the list."""
    entered: datetime = call["entered_local"]
    address = urlencode({"llamada": f"{call['pbx']}|{call['callid']}", "en": f"{entered:%Y-%m-%dT%H:%M:%S}"})
    href = f"{here}&{address}" if is_call(call["callid"]) else ""
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
        "callid_href": href,
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
        for event in events.head(_MOST_EVENTS).to_dict("records")
    ]  # fmt: skip
    more = f" Se muestran las primeras {number_text(_MOST_EVENTS)}: hay más." if len(events) > len(rows) else ""
    body = components.table(terms.EVENT_COLUMNS, rows) if rows else html.P("No hay líneas de esa llamada.")
    return components.panel(
        f"Líneas del registro de la llamada {call.callid}",
        [
            *who_called,
            html.P(f"En las líneas, números y nombres de los clientes son seudónimos (~…).{more}", className="quiet"),
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
