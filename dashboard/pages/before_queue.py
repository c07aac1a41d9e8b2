"""What the record of calls (CDR) shows and the log of queues cannot: refused, lost in the menu, without a queue.

In: the address (?desde=&hasta=&linea=, and &que= with &pagina= for the calls behind a count). Out: the lines with their
counts, and the calls of one of them; both as files. Nobody's number is shown here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from dash import Dash, dcc, html
from dash.development.base_component import Component

from dashboard import components, filters, links
from dashboard.components import Children
from dashboard.context import Context, Cursor
from dashboard.filters import FilterError, Filters
from dashboard.paging import PAGE_ROWS, page_asked, page_links, page_shown
from dashboard.people.accounts import Identity
from dashboard.period_controls import PeriodControls
from dashboard.question_page import ERRORS, Asked, QuestionPage, asking
from dashboard.saving import Listing, cut_says, most_rows
from dashboard.work.exports import ExportError
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
from reports.definition import ValueUnit
from reports.export import Column, Table, file_word
from reports.figures import Scheme
from reports.format import count_text, date_text, duration_text, number_text, period_text

PATH = filters.BEFORE_QUEUE_PATH
TITLE = terms.BEFORE_QUEUE
IN_MENU = True

_LINE, _CALLS, _TOTAL = "Línea", "Llamadas de afuera", "Total"
_TABLE, _LIST = "lines", "calls"


@dataclass(frozen=True)
class Wanted:
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

    def number(self, total: BeforeQueue) -> int:
        """Return how many calls the list has, of what all its lines add up to."""
        return total.of(self.ending) if self.ending else total.calls


def draw(asked: Asked, _scheme: Scheme) -> Component:
    """Return the counts, and the list of one of them where an address asks for it. Raises FilterError."""
    wanted, cursor = _wanted(asked), asked.cursor
    days = recorded_days(cursor, wanted.filters.period)
    if days is None:
        return _nothing_loaded()
    lines = count_before_queue(cursor, wanted.filters.period, wanted.filters.lines)
    body = [_lines_panel(wanted, lines, days)]
    if wanted.is_listed and lines:
        body.append(_list_panel(cursor, wanted, lines))
    return html.Div(body, className="month")


def table_of(asked: Asked, part: str, _most: int) -> Table | None:
    """Return what a part of the page shows; None for one that it does not have, and for the list. FilterError."""
    wanted, cursor = _wanted(asked).filters, asked.cursor
    days = recorded_days(cursor, wanted.period)
    if days is None or part != _TABLE:
        return None
    lines = count_before_queue(cursor, wanted.period, wanted.lines)
    rows: list[list[Any]] = [_numbers(_name(line.service), line) for line in lines]
    rows.append(_numbers(_TOTAL, total_of(lines)))
    columns = [Column(_LINE), *(Column(each, ValueUnit.COUNT) for each in _headings()[1:])]
    return _file(asked, wanted, terms.NOT_IN_LOG, _says(wanted, days), columns, rows, total=True)


def saved_list(context: Context, search: str | None, most: int) -> Table | None:
    """Return the list for the query of an address, at most so many rows; None for one that cannot be shown."""
    try:
        with asking(context, search) as asked:
            wanted, cursor = _wanted(asked), asked.cursor
            days = recorded_days(cursor, wanted.filters.period)
            if days is None:
                return None
            calls = list_before_queue(cursor, wanted.filters.period, wanted.ending, wanted.filters.lines, limit=most)
            columns = [
                Column(heading, ValueUnit.SECONDS if heading == "Duración" else None, is_code=heading == "Llamada")
                for heading in terms.RECORDED_CALL_COLUMNS
            ]
            number = len(calls)
            if number >= most:
                number = wanted.number(
                    total_of(count_before_queue(cursor, wanted.filters.period, wanted.filters.lines))
                )
            says = (*_says(wanted.filters, days), *cut_says(len(calls), number))
            return _file(asked, wanted.filters, _list_title(wanted), says, columns, [_values(call) for call in calls])
    except ERRORS:
        return None  # the page itself says what is the matter


def plain_address(context: Context, search: str | None) -> str:
    """Return an address that asks for the same list with nothing in it but what the filters know. ExportError."""
    try:
        with asking(context, search) as asked:
            wanted = _wanted(asked)
    except ERRORS as error:
        raise ExportError(f"{error}.") from None
    return wanted.address(ending=wanted.ending).removeprefix(PATH)


def _says(wanted: Filters, days: RecordedDays) -> tuple[str, ...]:
    return (
        f"Período: {period_text(wanted.period)}",
        f"Líneas: {', '.join(map(terms.line_name, wanted.lines)) or 'todas'}",
        _covered(days, wanted),
    )


def _file(
    asked: Asked, wanted: Filters, title: str, says: tuple[str, ...], columns: Sequence[Column],
    rows: Sequence[Sequence[Any]], *, total: bool = False,
) -> Table:  # fmt: skip
    return Table(
        name=f"{file_word(TITLE)}_{file_word(title)}_{wanted.period.first:%Y-%m-%d}_{wanted.period.last:%Y-%m-%d}",
        title=f"{TITLE}: {title}",
        says=says,
        columns=tuple(columns),
        rows=rows,
        made_at=asked.made_at,
        demo=asked.context.is_demo,
        total=total,
    )


def _saved_for(context: Context, _identity: Identity, search: str | None, most: int) -> Table | None:
    return saved_list(context, search, most)  # nobody's number is in it, whoever asks


LISTING = Listing(PATH, TITLE, "before-file", plain_address, _saved_for)
SHOWS = QuestionPage(
    PATH, TITLE, PeriodControls("before"), "No se puede mostrar esta página", draw, table_of, kept=("que",),
    needs_log=False,
)  # fmt: skip
layout, page_of, saved_table = SHOWS.layout, SHOWS.page_of, SHOWS.saved_table


def register_callbacks(app: Dash, context: Context) -> None:
    """Fill the page; save its counts, a long list by the worker."""
    SHOWS.register(app, context, LISTING)


def _wanted(asked: Asked) -> Wanted:
    words, whole = asked.words, asked.question.filters
    ending = words.get("que", "")
    if ending not in ("", "todas", *Ending):
        raise FilterError(f"«{ending}» no es una de las causas")
    plain = Filters(whole.period, whole.lines)
    unknown = {*plain.lines} - {terms.NO_LINE, *(line.number for line in asked.context.lines)}
    if unknown:  # unless the site has numbers of a line of its own
        unknown -= {line.service for line in count_before_queue(asked.cursor, plain.period)}
    if unknown:  # a slip of the pen is not a zero
        raise FilterError(f"No hay línea «{min(unknown)}»")
    return Wanted(
        plain, Ending(ending) if ending in tuple(Ending) else None, bool(ending), page_asked(words.get("pagina"))
    )


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


def _lines_panel(asked: Wanted, lines: tuple[BeforeQueue, ...], days: RecordedDays) -> Component:
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
    asked_for = count_text(asked.period.days, "día", "días")
    held = f"El registro detallado tiene llamadas en {number_text(days.days)} de {asked_for}"
    return f"{held} ({period_text(asked.period)}); lo cargado va del {date_text(days.first)} al {date_text(days.last)}."


def _list_panel(cursor: Cursor, asked: Wanted, lines: tuple[BeforeQueue, ...]) -> Component:
    total = total_of(lines)
    number = asked.number(total)
    page, pages = page_shown(str(asked.page), number)
    wanted = asked.filters
    calls = list_before_queue(
        cursor, wanted.period, asked.ending, wanted.lines, limit=PAGE_ROWS, offset=(page - 1) * PAGE_ROWS
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
            *page_links(page, pages, lambda other: asked.address(ending=asked.ending, page=other)),
        ],
        kind="events",
        actions=links.saving(_LIST),
    )


def _list_title(asked: Wanted) -> str:
    title = terms.ENDINGS[asked.ending] if asked.ending else _CALLS
    lines = ", ".join(map(terms.line_name, asked.filters.lines))
    return f"{title} ({lines})" if lines else title


def _headings() -> tuple[str, ...]:
    return (_LINE, _CALLS, *(terms.ENDINGS[each] for each in Ending))


def _name(service: str | None) -> str:
    return terms.line_name(service) if service else terms.NO_LINE


def _numbers(name: str, line: BeforeQueue) -> list[Any]:
    return [name, line.calls, *(line.of(each) for each in Ending)]


def _cells(asked: Wanted, name: str, line: BeforeQueue, service: str | None) -> list[Children]:
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
