"""What the record of calls (CDR) shows and the log of queues cannot: refused, lost in the menu, without a queue.

In: the address (?desde=&hasta=&linea=, and &que= with &pagina= for the calls behind a count). Out: the lines with their
counts, and the calls of one of them; both as files. Nobody's number is shown here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update, set_props
from dash.development.base_component import Component

from dashboard import components, filters, links
from dashboard.components import Children, page_title
from dashboard.context import Context, Cursor
from dashboard.filters import FilterError, Filters
from dashboard.freshness import fresh_badge
from dashboard.saving import most_rows, register_saving
from etl.warehouse import WarehouseError
from reports import terms
from reports.cdr import (
    BeforeQueue,
    Ending,
    RecordedCall,
    RecordedDays,
    count_before_queue,
    list_before_queue,
    recorded_days,
    total_of,
)
from reports.definition import PeriodError, ValueUnit, month
from reports.export import Column, Table, file_word
from reports.format import count_text, date_text, duration_text, number_text, period_text
from reports.measured import local_time, recorded

PATH = filters.BEFORE_QUEUE_PATH
TITLE = terms.BEFORE_QUEUE
IN_MENU = True

PAGE_CALLS = 100
_LINE, _CALLS, _TOTAL = "Línea", "Llamadas de afuera", "Total"
_TABLE, _LIST = "lines", "calls"


@dataclass(frozen=True)
class Asked:
    """What an address asks for: period and lines, and of which calls the list (None: no list), its page."""

    filters: Filters
    ending: Ending | None
    is_listed: bool
    page: int

    def address(self, service: str | None = None, ending: Ending | None = None, page: int = 1) -> str:
        """Return the address of the calls of a line (None: of all that are asked for) and an ending (None: of any)."""
        asked = self.filters if service is None else replace(self.filters, lines=(service,))
        words = {"que": ending.value if ending else "todas", **({"pagina": page} if page > 1 else {})}
        return f"{PATH}{asked.address}&{urlencode(words)}"


def layout() -> Component:
    """Return the page before its counts are read."""
    return html.Div([dcc.Store(id="before-shown"), dcc.Download(id="before-file"), html.Div(id="before-content")])


def register_callbacks(app: Dash, context: Context) -> None:
    """Fill the page when the address changes or new data are in service; save its parts."""

    @app.callback(
        Output("before-content", "children"),
        Output("before-shown", "data"),
        Input("location", "search"),
        Input("clock", "n_intervals"),
        State("before-shown", "data"),
    )
    def show(search: str | None, _ticks: int | None, shown: dict[str, Any] | None) -> tuple[Any, Any]:
        state = {"search": search, "generation": context.generation_in_service()}
        if shown == state:
            return no_update, no_update
        set_props("title", {"data": page_title(TITLE, demo=context.is_demo)})
        return page_of(context, search), state

    register_saving(
        app, context, "before-file", "before-shown",
        lambda shown, part, most: saved_table(context, shown.get("search"), part, most),
    )  # fmt: skip


def page_of(context: Context, search: str | None) -> Component:
    """Return the content of the page for the query of an address."""
    try:
        if context.is_empty:
            return links.no_data()
        with context.reading() as (generation, cursor):
            asked = _asked(context, cursor, search)
            period = asked.filters.period
            days = recorded_days(cursor, period)
            head = html.Div([html.H1(TITLE), fresh_badge(context, generation)], className="page-head")
            if days is None:
                return html.Div([head, _nothing_loaded()], className="month")
            lines = count_before_queue(cursor, period, asked.filters.lines)
            body: list[Component] = [head, _form(context, asked), _lines_panel(asked, lines, days)]
            if asked.is_listed and lines:
                body.append(_list_panel(cursor, asked, lines))
            return html.Div(body, className="month")
    except (FilterError, PeriodError, WarehouseError) as error:
        says = [html.P(f"{error}."), html.P(dcc.Link("Ver el último mes", href=PATH))]
        return components.notice("No se puede mostrar esta página", says, heading=1)


def saved_table(context: Context, search: str | None, part: str, most: int) -> Table | None:
    """Return what a part of the page shows for the query of an address; None for what it does not have."""
    try:
        with context.reading() as (generation, cursor):
            asked = _asked(context, cursor, search)
            made_at = local_time(datetime.fromisoformat(generation.made_at))
            wanted = asked.filters
            days = recorded_days(cursor, wanted.period)
            if days is None or part not in (_TABLE, _LIST):
                return None
            says = (
                f"Período: {period_text(wanted.period)}",
                f"Líneas: {', '.join(map(terms.line_name, wanted.lines)) or 'todas'}",
                _covered(days, wanted),
            )
            if part == _TABLE:
                lines = count_before_queue(cursor, wanted.period, wanted.lines)
                rows: list[list[Any]] = [_numbers(_name(line.service), line) for line in lines]
                rows.append(_numbers(_TOTAL, total_of(lines)))
                columns = [Column(_LINE), *(Column(each, ValueUnit.COUNT) for each in _headings()[1:])]
                title = terms.NOT_IN_LOG
            else:
                calls = list_before_queue(cursor, wanted.period, asked.ending, wanted.lines, limit=most)
                rows = [_values(call) for call in calls]
                columns = [
                    Column(heading, ValueUnit.SECONDS if heading == "Duración" else None, is_code=heading == "Llamada")
                    for heading in terms.RECORDED_CALL_COLUMNS
                ]
                title = _list_title(asked)
    except (FilterError, PeriodError, WarehouseError):
        return None  # the page itself says what is the matter
    return Table(
        name=f"{file_word(TITLE)}_{file_word(title)}_{wanted.period.first:%Y-%m-%d}_{wanted.period.last:%Y-%m-%d}",
        title=f"{TITLE}: {title}",
        says=says,
        columns=tuple(columns),
        rows=rows,
        made_at=made_at,
        demo=context.is_demo,
        total=part == _TABLE,
    )


def _asked(context: Context, cursor: Cursor, search: str | None) -> Asked:
    usual = recorded(cursor).latest_whole or f"{context.today():%Y-%m}"
    words = parse_qs((search or "").removeprefix("?"))
    ending = words.get("que", [""])[-1]
    if ending not in ("", "todas", *Ending):
        raise FilterError(f"«{ending}» no es una de las causas")
    text = words.get("pagina", ["1"])[-1]
    page = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 1
    for word in ("desde", "hasta"):
        words[word] = [_iso(each) for each in words.get(word, ())]
    typed = urlencode([(word, each) for word, found in words.items() for each in found])
    asked = filters.read(typed, today=context.today(), usual=month(usual))
    plain = Filters(asked.period, asked.lines)
    return Asked(plain, Ending(ending) if ending in tuple(Ending) else None, bool(ending), max(1, page))


def _iso(text: str) -> str:
    """Return a day as an address has it, of one that was typed as people write it; anything else as it is."""
    try:
        return f"{datetime.strptime(text.strip(), '%d/%m/%Y'):%Y-%m-%d}"
    except ValueError:
        return text


def _nothing_loaded() -> Component:
    says: list[Component] = [
        html.P(
            "No hay ningún registro detallado de llamadas (CDR) cargado, así que no se sabe quién no llegó a una cola: "
            "el registro de colas anota a quien entra, y a nadie antes."
        ),
        html.P(
            "Sirve el archivo Master.csv de Asterisk (en la central, /var/log/asterisk/cdr-csv) o la tabla cdr de la "
            "base asteriskcdrdb; se carga como cualquier otro archivo."
        ),
    ]
    return components.notice("Sin registro detallado de llamadas", says)


def _form(context: Context, asked: Asked) -> Component:
    """Return the period and the lines: a plain form, whose fields become the query of the address."""
    period = asked.filters.period
    lines = [(line.number, terms.line_name(line.number)) for line in context.lines]
    lines += [
        (line, terms.line_name(line)) for line in (terms.NO_LINE, *asked.filters.lines) if line not in dict(lines)
    ]
    days = [
        dmc.TextInput(
            name=name, label=label, value=date_text(day), size="xs", autoComplete="off", className="control",
            placeholder="31/10/2026",
        )
        for label, name, day in (("Desde", "desde", period.first), ("Hasta", "hasta", period.last))
    ]  # fmt: skip
    return html.Form(
        [
            *days,
            dmc.MultiSelect(
                name="linea", label=_LINE, value=list(asked.filters.lines), size="xs", clearable=True,
                data=[{"value": value, "label": label} for value, label in lines], placeholder="todas",
                hiddenInputValuesDivider=",", comboboxProps={"transitionProps": {"duration": 0}},
                className="control wide",
            ),
            html.Div(html.Button("Ver", type="submit", className="action strong"), className="buttons"),
        ],
        action=PATH,
        method="get",
        className="panel controls calls-controls",
        **components.aria(label="Período y líneas"),
    )  # fmt: skip


def _lines_panel(asked: Asked, lines: tuple[BeforeQueue, ...], days: RecordedDays) -> Component:
    told: list[Component] = [html.P(_covered(days, asked.filters), className="quiet")]
    if lines:
        rows = [_cells(asked, _name(line.service), line, line.service or terms.NO_LINE) for line in lines]
        if len(lines) > 1:
            rows.append(_cells(asked, _TOTAL, total_of(lines), None))
        told += [
            html.Div(components.table(_headings(), rows), className="before before-lines"),
            html.P(
                "En cada fila las demás columnas suman las llamadas de afuera, y cada cantidad abre su listado. "
                "El nivel de servicio cuenta solo a quienes entran a una cola.",
                className="quiet",
            ),
        ]
    else:
        told.append(html.P("El registro detallado no tiene llamadas de afuera en ese período."))
    explanation = components.explained(
        terms.NOT_IN_LOG, [f"{terms.ENDINGS[each]}: {terms.ENDING_SAYS[each]}" for each in Ending]
    )
    actions = links.saving(_TABLE) if lines else None
    return components.panel(terms.NOT_IN_LOG, html.Div(told), explanation=explanation, actions=actions)


def _covered(days: RecordedDays, asked: Filters) -> str:
    """Return what the record of calls covers of a period."""
    held = f"El registro detallado tiene llamadas en {days.days} de {count_text(asked.period.days, 'día', 'días')}"
    return f"{held} ({period_text(asked.period)}); lo cargado va del {date_text(days.first)} al {date_text(days.last)}."


def _list_panel(cursor: Cursor, asked: Asked, lines: tuple[BeforeQueue, ...]) -> Component:
    total = total_of(lines)
    number = total.of(asked.ending) if asked.ending else total.calls
    pages = max(1, -(-number // PAGE_CALLS))
    page = min(asked.page, pages)
    wanted = asked.filters
    calls = list_before_queue(
        cursor, wanted.period, asked.ending, wanted.lines, limit=PAGE_CALLS, offset=(page - 1) * PAGE_CALLS
    )
    if not calls:
        return components.panel(_list_title(asked), html.P("No hay ninguna."))
    notes = [terms.ENDING_SAYS[asked.ending] if asked.ending else "De la más antigua a la más nueva."]
    if number > most_rows("xlsx"):
        notes.append(f" Como Excel se guardan las primeras {number_text(most_rows('xlsx'))}.")
    return components.panel(
        f"{_list_title(asked)}: {number_text(number)}",
        [
            html.P(notes, className="quiet"),
            html.Div(
                components.table(terms.RECORDED_CALL_COLUMNS, [_shown(call) for call in calls]), className="before"
            ),
            *([_pages(asked, page, pages)] if pages > 1 else []),
        ],
        kind="events",
        actions=links.saving(_LIST),
    )


def _pages(asked: Asked, page: int, pages: int) -> Component:
    def to(text: str, other: int) -> Component | None:
        there = 1 <= other <= pages and other != page
        return dcc.Link(text, href=asked.address(ending=asked.ending, page=other)) if there else None

    steps = [to("Primera", 1), to("Anterior", page - 1),
             html.Span(f"Página {number_text(page)} de {number_text(pages)}", className="quiet"),
             to("Siguiente", page + 1), to("Última", pages)]  # fmt: skip
    nav: Component = html.Nav([step for step in steps if step], className="pages", **components.aria(label="Páginas"))
    return nav


def _list_title(asked: Asked) -> str:
    title = terms.ENDINGS[asked.ending] if asked.ending else _CALLS
    lines = ", ".join(map(terms.line_name, asked.filters.lines))
    return f"{title} ({lines})" if lines else title


def _headings() -> tuple[str, ...]:
    return (_LINE, _CALLS, *(terms.ENDINGS[each] for each in Ending))


def _name(service: str | None) -> str:
    return terms.line_name(service) if service else terms.NO_LINE


def _numbers(name: str, line: BeforeQueue) -> list[Any]:
    return [name, line.calls, *(line.of(each) for each in Ending)]


def _cells(asked: Asked, name: str, line: BeforeQueue, service: str | None) -> list[Children]:
    """Return the cells of a line; each count opens its calls."""
    counts: list[Children] = []
    for ending, count in ((None, line.calls), *((each, line.of(each)) for each in Ending)):
        text = number_text(count)
        counts.append(dcc.Link(text, href=asked.address(service, ending)) if count else text)
    return [name, *counts]


def _values(call: RecordedCall) -> list[Any]:
    return [
        call.started_local, _name(call.service), terms.ENDINGS[call.ending], call.last_app, call.disposition,
        call.duration_seconds, call.uniqueid, call.file, call.line,
    ]  # fmt: skip


def _shown(call: RecordedCall) -> list[Children]:
    return [
        f"{date_text(call.started_local.date())} {call.started_local:%H:%M:%S}", _name(call.service),
        terms.ENDINGS[call.ending], call.last_app, call.disposition, duration_text(call.duration_seconds),
        call.uniqueid, call.file, number_text(call.line),
    ]  # fmt: skip
