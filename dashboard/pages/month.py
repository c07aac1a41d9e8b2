"""The month: did the call centre reach its target, by how much, and what explains it.

In: ?mes=2026-10 and the generation in service. Out: the page that a chief opens on the first of the month.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update, set_props
from dash.development.base_component import Component

from dashboard import components, links
from dashboard.components import Children, explained, icon, page_title
from dashboard.context import Context
from dashboard.definitions import rules_panel
from dashboard.exported_panel import exported_months_links, exported_panel
from dashboard.filters import Filters
from dashboard.freshness import drawn, time_of
from dashboard.headline import headline
from dashboard.limits_note import limits_notes
from dashboard.lines_table import LINE_TABLE_COLUMNS, line_rows, lines_table, register_lines_table
from dashboard.saving import making, register_saving, sent_file, still_shown
from etl.warehouse import WarehouseError
from reports import figures, terms
from reports.definition import Dimension, PeriodError, ValueUnit, month
from reports.export import Column, Table, file_word
from reports.exported import ExportedTotal, exported_instead, exported_months
from reports.figures import Figure
from reports.format import moment_text, month_text, number_text, percent_text, value_text
from reports.freshness import freshness_of
from reports.indicators import BY_NAME
from reports.measured import LineFigures, Recorded, recorded
from reports.on_record import CALLS_WITHOUT_LINE, missing_from_record
from reports.query import QueryError
from reports.rules import RulesError
from reports.summary import MonthSummary, TrendMonth, summarize
from reports.wording import (
    aim_text,
    aims_text,
    clause_text,
    comparison_text,
    no_verdict_text,
    threshold_text,
    verdict_text,
)
from reports.workbook.handover import Book
from reports.workbook.monthly import monthly_workbook
from reports.workbook.template import WorkbookError

PATH = "/"
TITLE = terms.HOME
IN_MENU = True

_QUERY = "mes"


def layout() -> Component:
    """Return the page before its figures are read."""
    return html.Div(
        [
            dcc.Store(id="month-shown"),
            dcc.Download(id="month-file"),
            html.Div(id="month-content"),
        ]
    )


def register_callbacks(app: Dash, context: Context) -> None:
    """Fill the page when the address changes or new data are in service; keep the address with the month chosen."""

    @app.callback(
        Output("month-content", "children"),
        Output("month-shown", "data"),
        Input("location", "search"),
        Input("clock", "n_intervals"),
        State("month-shown", "data"),
    )
    def show(search: str | None, _ticks: int | None, shown: dict[str, Any] | None) -> tuple[Any, Any]:
        state = {"search": search, "generation": context.generation_in_service()}
        if shown and {name: shown[name] for name in state} == state:
            return no_update, no_update
        children, title, text = page_of(context, search)
        set_props("title", {"data": page_title(title, demo=context.is_demo)})
        return children, {**state, "month": text}

    @app.callback(
        Output("location", "search"),
        Input("month-choice", "value"),
        State("month-shown", "data"),
        prevent_initial_call=True,
    )
    def choose(text: str | None, shown: dict[str, Any] | None) -> Any:
        # The choice is drawn with the page and then "changes" to what is shown already.
        return no_update if not text or (shown and text == shown["month"]) else address(text)

    @app.callback(
        Output("month-file", "data", allow_duplicate=True),
        Input("month-book", "n_clicks"),
        State("month-shown", "data"),
        prevent_initial_call=True,
    )
    def save_book(clicks: int | None, shown: dict[str, Any] | None) -> Any:
        if not clicks or not shown or not still_shown(context, shown):
            return no_update
        try:
            with making():  # half a second, whatever the month: it is not worth a job
                book = book_of(context, shown["month"])
        except (PeriodError, QueryError, RulesError, WarehouseError, WorkbookError) as error:
            set_props("failure", {"children": components.notice("No se hizo el libro del mes", html.P(f"{error}."))})
            return no_update
        set_props("failure", {"children": None})
        return sent_file(context, book.name, book.content, "xlsx")

    register_lines_table(app, "month-lines")
    register_saving(
        app, context, "month-file", "month-shown", lambda shown, part, _: saved_table(context, shown["month"], part)
    )


def book_of(context: Context, text: str) -> Book:
    """Return the book of a month. Raises WorkbookError and whatever keeps the page itself from showing it."""
    with context.reading() as (generation, cursor):
        return monthly_workbook(generation, cursor, context.rules(), text, recorded(cursor), demo=context.is_demo)


def saved_table(context: Context, text: str, part: str) -> Table | None:
    """Return what a part of the page of a month shows; None for a part or month it does not have."""
    try:
        with context.reading() as (generation, cursor):
            log = recorded(cursor)
            if text not in log.months:
                return None
            summary = summarize(generation, cursor, context.rules(), text, log)
    except (PeriodError, QueryError, RulesError, WarehouseError):
        return None  # the page itself says what is the matter
    return _table_of(summary, part, demo=context.is_demo)


def address(text: str) -> str:
    """Return the part of an address that names a month."""
    return "?" + urlencode({_QUERY: text})


def page_of(context: Context, search: str | None) -> tuple[Component, str, str | None]:
    """Return the content of the page for the query of an address, the title of its tab, and the month it shows."""
    text = None
    try:
        if context.is_empty:
            return links.no_data(), _title(), None
        with context.reading() as (generation, cursor):
            log = recorded(cursor)
            others = [each for each in exported_months(cursor) if each not in log.months]
            if not log.months and not others:
                return links.no_data(), _title(), None
            text = _wanted(search) or log.latest_whole or others[-1]
            period = month(text)
            if text not in log.months:
                exported = exported_instead(cursor, period, (), None)
                return _unrecorded(text, log, exported, others), _title(text), text
            summary = summarize(generation, cursor, context.rules(), text, log)
            found = summary.completeness
            exported = () if found.is_whole else exported_instead(cursor, period, (), found)
            notes = limits_notes(cursor, summary.period)
    except (PeriodError, QueryError, RulesError, WarehouseError) as error:
        says = [html.P(f"{error}."), html.P(dcc.Link("Ver el último mes completo", href=PATH))]
        return components.notice("No se puede mostrar este mes", says, heading=1), _title(), text
    return content(summary, log, time_of(context), notes, exported, others), _title(text), text


def _title(text: str | None = None) -> str:
    return month_text(text, capital=True) if text else TITLE


def content(
    summary: MonthSummary,
    log: Recorded,
    now: datetime | None = None,
    notes: Sequence[Component] = (),
    exported: Sequence[ExportedTotal] = (),
    others: Sequence[str] = (),
) -> Component:
    """Return the whole page of a month; `now` is the time by which data are late, `notes` stand above the figures.

    `exported` is what other systems say of what is not on record, `others` are months without a log that have exports.
    """
    return html.Div(
        [
            _head(summary, log, now),
            *notes,
            html.Div([_headline(summary), _trend(summary), _on_record(summary, others)], className="first-row"),
            _other_figures(summary),
            _by_line(summary),
            *exported_panel(exported),
            rules_panel(month_text(summary.month), summary.unit, summary.parameters),
        ],
        className="month",
    )


def _wanted(search: str | None) -> str | None:
    """Return the month that an address asks for, as it was typed."""
    found = parse_qs((search or "").removeprefix("?")).get(_QUERY)
    return found[-1] if found else None


def _unrecorded(text: str, log: Recorded, exported: Sequence[ExportedTotal], others: Sequence[str]) -> Component:
    says: list[Component] = [html.P("Ningún archivo cargado cubre ese mes: sus cifras no son cero, no se conocen.")]
    if log.months:
        first, last = (month_text(each) for each in (log.months[0], log.months[-1]))
        says.append(html.P(f"Hay registro desde {first} hasta {last}."))
        says.append(html.P(dcc.Link("Ver el último mes completo", href=PATH)))
    says += exported_months_links([each for each in others if each != text], PATH)
    return html.Div(
        [
            _picker(text, log),
            components.notice(
                f"No hay registro de {month_text(text)}",
                says,
                heading=1,
            ),
            *exported_panel(exported),
        ]
    )


def _book_button() -> Component:
    button: Component = html.Button(
        [icon("download"), "Libro del mes (Excel)"], id="month-book", type="button", className="action"
    )
    return button


def _picker(text: str, log: Recorded) -> Component:
    """Return the choice of the month, with a step to each side."""
    earlier = [each for each in log.months if each < text]
    later = [each for each in log.months if each > text]

    def step(name: str, label: str, to: str | None) -> Component:
        if to is None:
            return html.Span(icon(name), className="step", **components.aria(hidden="true"))
        spoken = html.Span(f"{label}: {month_text(to)}", className="only-spoken")
        return dcc.Link([icon(name), spoken], href=PATH + address(to), className="step", title=month_text(to))

    return html.Div(
        [
            step("chevron-left", terms.PREVIOUS_MONTH, earlier[-1] if earlier else None),
            dmc.Select(
                id="month-choice",
                data=[{"value": each, "label": month_text(each, capital=True)} for each in reversed(log.months)],
                value=text if text in log.months else None,
                placeholder="Elija un mes",
                allowDeselect=False,
                checkIconPosition="right",
                comboboxProps={"transitionProps": {"duration": 0}},
                className="month-choice",
                **components.aria(label=terms.MONTH),
            ),
            step("chevron-right", terms.NEXT_MONTH, later[0] if later else None),
        ],
        className="picker",
    )


def _head(summary: MonthSummary, log: Recorded, now: datetime | None) -> Component:
    return html.Div(
        [
            html.H1(month_text(summary.month, capital=True)),
            *([] if summary.is_over else [html.Span("mes en curso: cifras hasta la fecha", className="tag")]),
            drawn(
                freshness_of(summary.data_until, now),
                f"Cifras de la generación {summary.generation}, armada el {moment_text(summary.made_at)}",
            ),
            *([_book_button()] if links.may_export() else []),
            _picker(summary.month, log),
        ],
        className="page-head",
    )


def _headline(summary: MonthSummary) -> Component:
    more = [html.P(text, className="quiet") for text in (_against_previous(summary), _against_year_before(summary))]
    return headline(
        "month-service-level",
        terms.SERVICE_LEVEL,
        summary.figures["service_level"],
        summary.verdict,
        Filters(summary.period),
        summary.threshold_seconds,
        [each for each in more if each.children],
    )


def _against_previous(summary: MonthSummary) -> str:
    name = month_text(summary.previous_month, capital=True)
    if summary.previous is None:
        return f"{name}: {terms.NO_RECORD}"
    return comparison_text(name, summary.previous["service_level"], summary.figures["service_level"])


def _against_year_before(summary: MonthSummary) -> str:
    """Compare with the same month of the year before, where there is a record of it."""
    year_before = f"{int(summary.month[:4]) - 1}{summary.month[4:]}"
    found = next((each.figure for each in summary.trend if each.month == year_before), None)
    if found is None:
        return ""
    return comparison_text(month_text(year_before, capital=True), found, summary.figures["service_level"])


def _trend(summary: MonthSummary) -> Component:
    several = len(summary.trend) > 1
    columns = []
    for each in summary.trend:
        share = each.figure.value if each.figure else None
        target = each.verdict.target
        reached = each.verdict.complies
        word = no_verdict_text(each.figure, each.verdict) if reached is None else verdict_text(reached)
        spoken = f"{month_text(each.month, capital=True)}: {percent_text(share)}, {word}"
        first = month(each.month).first
        short: list[str | Component] = [terms.MONTHS_SHORT[first.month - 1]]
        # The year stands under the first month and under every January.
        if each is summary.trend[0] or first.month == 1:
            short += [html.Br(), str(first.year)]
        label: Children = (
            short
            if each.month == summary.month or each.figure is None
            else dcc.Link(short, href=PATH + address(each.month), title=f"Ver {month_text(each.month)}")
        )
        columns.append(
            components.column(
                label,
                number_text(100 * share, 1) if share is not None else terms.BLANK,
                share,
                float(target) if target is not None else None,
                chosen=each.month == summary.month,
                spoken=spoken,
            )
        )
    aims = aims_text([each.verdict.target for each in summary.trend])
    return components.panel(
        terms.TREND,
        [
            html.P(f"% de las llamadas registradas; {aims}", className="quiet"),
            html.Div(components.columns_chart(columns, terms.TREND), className="month-trend"),
            *([] if several else [html.P("Hay registro de un solo mes.", className="quiet")]),
        ],
        kind="trend",
        actions=links.saving("trend", picture="month-trend", drawn=_trend_figure(summary)),
    )


def _trend_figure(summary: MonthSummary) -> Figure:
    """Return the columns as a figure: the page draws them by itself, a picture is drawn of this."""
    firsts = [month(each.month).first for each in summary.trend]
    return figures.by_month(
        [f"{terms.MONTHS_SHORT[first.month - 1]}<br>{first.year}" for first in firsts],
        [each.figure.value if each.figure else None for each in summary.trend],
        [None if each.verdict.target is None else float(each.verdict.target) for each in summary.trend],
        next(place for place, each in enumerate(summary.trend) if each.month == summary.month),
    )


def _on_record(summary: MonthSummary, others: Sequence[str]) -> Component:
    """Return what the logs cover of the month and what is missing, nothing of it hidden behind a click."""
    found = summary.completeness
    body: list[Component] = [html.P(components.covered(found.text, whole=found.is_whole))]
    if missing := missing_from_record(summary):
        body.append(components.facts([(label, _told(summary, label, text)) for label, text in missing]))
    body += exported_months_links(others, PATH)
    return components.panel(terms.ON_RECORD, body, kind="on-record")


def _told(summary: MonthSummary, label: str, text: str) -> Children:
    """Return a fact with the ways on from it: calls without a line lead to themselves, and to where lines are set."""
    if label != CALLS_WITHOUT_LINE:
        return text
    number, comma, rest = text.partition(",")
    here = Filters(summary.period, lines=(terms.NO_LINE,))
    told: list[str | Component] = [links.calls_link(number, here, "registered"), comma + rest]
    if assign := links.setup_link("Asignar sus colas"):
        told += [". ", assign]
    return told


def _other_figures(summary: MonthSummary) -> Component:
    found = summary.figures
    total = found["registered"].numerator
    registered = f"{number_text(total)} {'registrada' if total == 1 else 'registradas'}"
    in_time = f"{number_text(found['answered_in_time'].numerator)} a tiempo"

    def mean(name: str) -> str:
        return f"de {number_text(found[name].denominator)} {terms.DENOMINATORS[name]}"

    here = Filters(summary.period)
    causes: list[tuple[str, Children]] = [
        (cause, links.calls_link(number_text(number), here.narrowed(causa=cause), "abandoned"))
        for cause, number in summary.causes
    ]
    meanings = [f"{cause}: {terms.CAUSES_EXPLAINED[cause]}" for cause, _ in summary.causes]
    explained_causes = explained(terms.BY_CAUSE, meanings, asks="Qué significa") if meanings else None

    parts = [
        _stat(summary, "answered", [f"de {registered}", in_time]),
        _stat(summary, "abandoned", [f"{percent_text(found['abandonment_rate'].value)} de {registered}"]),
        components.split(terms.BY_CAUSE, causes or [("ninguna", terms.BLANK)], explanation=explained_causes),
        _stat(summary, "asa", [mean("asa")]),
        _stat(summary, "aht", [mean("aht")]),
        _stat(summary, "max_wait", [f"entre {registered}"]),
    ]
    return components.panel(terms.OTHER_FIGURES, html.Div(parts, className="stats"), kind="others")


def _stat(summary: MonthSummary, name: str, lines: list[Children]) -> Component:
    indicator = BY_NAME[name]
    in_time = indicator.value_unit is ValueUnit.SECONDS
    was = value_text(summary.previous[name].value, indicator.value_unit) if summary.previous else terms.NO_RECORD
    return components.stat(
        indicator.label,
        value_text(summary.figures[name].value, indicator.value_unit),
        [*lines, html.Span(f"mes anterior: {was}", title=month_text(summary.previous_month, capital=True))],
        explanation=explained(
            f"{indicator.label}, {month_text(summary.month)}",
            [
                indicator.edge_case,
                clause_text(indicator),
                f"Unidad: {terms.UNITS[summary.unit]}{'; horas:minutos:segundos' if in_time else ''}.",
            ],
        ),
    )


def _total(summary: MonthSummary) -> LineFigures:
    return LineFigures("", terms.WITH_DATA, summary.figures, summary.verdict)


def _by_line(summary: MonthSummary) -> Component:
    notes: list[Children] = [
        [
            html.Span("La tabla se desplaza hacia los lados. ", className="only-narrow"),
            "Un encabezado ordena la tabla. «Faltaron»: atendidas a tiempo que le faltaron a cada línea para la meta; "
            "no suman lo que le faltó al total, porque unas líneas compensan a otras.",
        ]
    ]
    if any(not line.service for line in summary.lines):
        notes.append(
            [
                "«Sin línea»: entraron por colas que todavía no se asignaron; cuentan en el total. ",
                links.setup_link("Asignarlas en Puesta en marcha")
                or "Las asigna un supervisor(a) en Puesta en marcha.",
            ]
        )
    table = lines_table("month-lines", summary.lines, _total(summary), summary.completeness, Filters(summary.period))
    return components.panel(
        terms.BY_LINE,
        [table, *[html.P(note, className="quiet") for note in notes]],
        kind="by-line",
        actions=links.saving("lines"),
    )


def _table_of(summary: MonthSummary, part: str, *, demo: bool) -> Table | None:
    """Return the table behind a part of the page, None for a part that it does not have."""
    match part:
        case "lines":
            word, title = file_word(terms.BY_LINE), terms.BY_LINE
            columns, rows = LINE_TABLE_COLUMNS, line_rows(summary.lines, _total(summary), summary.completeness)
        case "trend":
            word, title = file_word(terms.OVER[Dimension.MONTH]), terms.TREND
            columns, rows = _TREND_COLUMNS, [_trend_row(each) for each in summary.trend]
        case _:
            return None
    return Table(
        name=f"{word}_{summary.month}",
        title=f"{terms.SERVICE_LEVEL}, {month_text(summary.month)}",
        says=(
            title,
            f"{terms.COUNTED_IN}: {terms.UNITS[summary.unit]}",
            f"Umbral: {threshold_text(summary.threshold_seconds)}",
            f"Meta: {aim_text(summary.verdict.target)}",
            summary.completeness.text,
        ),
        columns=columns,
        rows=rows,
        made_at=summary.made_at,
        demo=demo,
        total=part == "lines",
    )


_TREND_COLUMNS = (
    Column(terms.MONTH),
    Column(BY_NAME["answered_in_time"].label, ValueUnit.COUNT),
    Column(BY_NAME["registered"].label, ValueUnit.COUNT),
    Column(terms.SERVICE_LEVEL, ValueUnit.PERCENT),
    Column("Meta", ValueUnit.PERCENT),
    Column(terms.VERDICT),
)


def _trend_row(each: TrendMonth) -> list[Any]:
    figure, verdict = each.figure, each.verdict
    sides = (figure.numerator, figure.denominator, figure.value) if figure else (terms.NO_RECORD, None, None)
    target = None if verdict.target is None else float(verdict.target)
    return [month(each.month).first, *sides, target, "" if verdict.complies is None else verdict_text(verdict.complies)]
