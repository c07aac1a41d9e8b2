"""The month: did the call centre reach its target, by how much, and what explains it.

In: ?mes=2026-10 and the generation in service. Out: the page that a chief opens on the first of the month.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update, set_props
from dash.development.base_component import Component

from dashboard import components, filters
from dashboard.components import Children, explained, icon, page_title, status
from dashboard.context import Context
from dashboard.definitions import rules_panel, target_text
from dashboard.filters import Filters
from dashboard.summary import Figure, LineMonth, MonthSummary, Recorded, Verdict, recorded, summarize
from etl.warehouse import WarehouseError
from reports import terms
from reports.definition import PeriodError, ValueUnit, month
from reports.format import month_text, number_text, percent_text, value_text
from reports.indicators import BY_NAME
from reports.query import QueryError
from reports.rules import RulesError

PATH = "/"
TITLE = terms.HOME
ROLES: tuple[str, ...] = ()  # until accounts exist: whoever sits at this computer
IN_MENU = True

_QUERY = "mes"


def layout() -> Component:
    """Return the page before its figures are read."""
    return html.Div(
        [
            dcc.Store(id="month-shown"),
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


def address(text: str) -> str:
    """Return the part of an address that names a month."""
    return "?" + urlencode({_QUERY: text})


def page_of(context: Context, search: str | None) -> tuple[Component, str, str | None]:
    """Return the content of the page for the query of an address, the title of its tab, and the month it shows."""
    text = None
    try:
        if context.is_empty:
            return components.no_data(), _title(), None
        with context.reading() as (generation, cursor):
            log = recorded(cursor)
            if not log.months:
                return components.no_data(), _title(), None
            text = _wanted(search) or log.latest_whole or log.months[-1]
            month(text)
            if text not in log.months:
                return _unrecorded(text, log), _title(text), text
            summary = summarize(generation, cursor, context.rules(), text, log)
    except (PeriodError, QueryError, RulesError, WarehouseError) as error:
        says = [html.P(f"{error}."), html.P(dcc.Link("Ver el último mes completo", href=PATH))]
        return components.notice("No se puede mostrar este mes", says, heading=1), _title(), text
    return content(summary, log), _title(text), text


def _title(text: str | None = None) -> str:
    return month_text(text, capital=True) if text else TITLE


def content(summary: MonthSummary, log: Recorded) -> Component:
    """Return the whole page of a month."""
    return html.Div(
        [
            _head(summary, log),
            html.Div([_headline(summary), _trend(summary), _on_record(summary)], className="first-row"),
            _other_figures(summary),
            _by_line(summary),
            rules_panel(month_text(summary.month), summary.parameters),
        ],
        className="month",
    )


def _wanted(search: str | None) -> str | None:
    """Return the month that an address asks for, as it was typed."""
    found = parse_qs((search or "").removeprefix("?")).get(_QUERY)
    return found[-1] if found else None


def _unrecorded(text: str, log: Recorded) -> Component:
    first, last = (month_text(each) for each in (log.months[0], log.months[-1]))
    return html.Div(
        [
            _picker(text, log),
            components.notice(
                f"No hay registro de {month_text(text)}",
                [
                    html.P("Ningún archivo cargado cubre ese mes: sus cifras no son cero, no se conocen."),
                    html.P(f"Hay registro desde {first} hasta {last}."),
                    html.P(dcc.Link("Ver el último mes completo", href=PATH)),
                ],
                heading=1,
            ),
        ]
    )


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


def _head(summary: MonthSummary, log: Recorded) -> Component:
    return html.Div(
        [
            html.H1(month_text(summary.month, capital=True)),
            *([] if summary.is_over else [html.Span("mes en curso: cifras hasta la fecha", className="tag")]),
            html.Div(
                components.fresh_text(summary.data_until),
                className="fresh",
                title=f"Cifras de la generación {summary.generation}, "
                f"armada el {components.moment_text(summary.made_at)}",
            ),
            _picker(summary.month, log),
        ],
        className="page-head",
    )


def _headline(summary: MonthSummary) -> Component:
    figure, verdict = summary.figures["service_level"], summary.verdict
    asked = Filters(summary.period)
    threshold = " y ".join(f"{seconds} s" for seconds in summary.threshold_seconds)
    in_time, registered = number_text(figure.numerator), number_text(figure.denominator)
    indicator = BY_NAME["service_level"]
    target = f"meta: {target_text(verdict.target)} o más" if verdict.target is not None else ""
    otherwise = terms.NO_TARGET if verdict.target is None else terms.NO_CALLS
    how = explained(
        f"{indicator.label}, {month_text(summary.month)}",
        [
            f"Llamadas atendidas con espera de hasta {threshold} x 100 / llamadas registradas: "
            f"{in_time} / {registered} = {percent_text(figure.value, 3)}.",
            indicator.clause + ".",
            indicator.edge_case,
            f"Resolución de la ATT: {terms.NO_REGULATOR_TARGET}.",
            f"Unidad: {terms.UNITS[summary.unit]} a la línea. Más abajo: {terms.RULES}.",
        ],
    )
    return components.panel(
        indicator.label,
        [
            html.Div(
                [
                    html.Span(percent_text(figure.value), id="month-service-level", className="big"),
                    html.Div([status(verdict.complies, otherwise), html.Span(target, className="quiet")]),
                ],
                className="big-row",
            ),
            html.P(_gap_text(figure, verdict), className="gap"),
            html.P(
                [
                    dcc.Link(in_time, href=filters.calls_address(asked, "answered_in_time"), className="figure-link"),
                    f"{_ending(figure.numerator, ' llamada atendida', ' llamadas atendidas')} a tiempo "
                    f"(hasta {threshold} de espera) de ",
                    dcc.Link(registered, href=filters.calls_address(asked, "registered"), className="figure-link"),
                    _ending(figure.denominator, " llamada registrada", " llamadas registradas"),
                ]
            ),
            html.P(_against_previous(summary), className="quiet"),
            *([html.P(year_before, className="quiet")] if (year_before := _against_year_before(summary)) else []),
        ],
        kind="headline",
        explanation=how,
    )


def _gap_text(figure: Figure, verdict: Verdict) -> str:
    """Say how many calls the target was missed by, or how many there were to spare."""
    if verdict.complies is None:
        return "" if figure.denominator else "Sin llamadas registradas no hay nivel de servicio."
    if verdict.complies:
        calls = f"{number_text(verdict.spare)} {_ending(verdict.spare, 'llamada', 'llamadas')}"
        return f"margen de {calls} sobre la meta" if verdict.spare else "justo en la meta"
    text = f"{_ending(verdict.missing, 'faltó', 'faltaron')} {number_text(verdict.missing)} "
    text += _ending(verdict.missing, "llamada", "llamadas")
    if verdict.target is not None and percent_text(figure.value) == target_text(verdict.target, 1):
        text += f" (sin redondear: {percent_text(figure.value, 3)})"
    return text


def _ending(number: int | None, one: str, many: str) -> str:
    """Return the word that goes with a number."""
    return one if number == 1 else many


def _against_previous(summary: MonthSummary) -> str:
    name = month_text(summary.previous_month, capital=True)
    if summary.previous is None:
        return f"{name}: {terms.NO_RECORD}"
    return _compared(name, summary.previous["service_level"], summary.figures["service_level"])


def _against_year_before(summary: MonthSummary) -> str:
    """Compare with the same month of the year before, where there is a record of it."""
    year_before = f"{int(summary.month[:4]) - 1}{summary.month[4:]}"
    found = next((each.figure for each in summary.trend if each.month == year_before), None)
    if found is None:
        return ""
    return _compared(month_text(year_before, capital=True), found, summary.figures["service_level"])


def _compared(name: str, before: Figure, now: Figure) -> str:
    text = f"{name}: {percent_text(before.value)}"
    if before.denominator:
        text += f" ({number_text(before.numerator)} de {number_text(before.denominator)})"
    if before.value is None or now.value is None:
        return text
    points = 100 * (now.value - before.value)
    written = number_text(abs(points), 1)
    if written == number_text(0, 1):
        return f"{text}; sin cambio"
    return f"{text}; {'subió' if points > 0 else 'bajó'} {written} {'punto' if written == '1,0' else 'puntos'}"


def _trend(summary: MonthSummary) -> Component:
    several = len(summary.trend) > 1
    targets = [each.verdict.target for each in summary.trend if each.verdict.target is not None]
    columns = []
    for each in summary.trend:
        share = each.figure.value if each.figure else None
        target = each.verdict.target
        word = {True: terms.COMPLIES, False: terms.DOES_NOT_COMPLY, None: terms.NO_RECORD}[each.verdict.complies]
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
    same = targets and len(set(targets)) == 1
    note = (
        f"línea: meta {target_text(targets[0])}" if same else "línea: meta de cada mes" if targets else terms.NO_TARGET
    )
    return components.panel(
        terms.TREND,
        [
            html.P(f"% de las llamadas registradas; {note}", className="quiet"),
            components.columns_chart(columns, terms.TREND),
            *([] if several else [html.P("Hay registro de un solo mes.", className="quiet")]),
        ],
        kind="trend",
    )


def _on_record(summary: MonthSummary) -> Component:
    """Return what the logs cover of the month and what is missing, nothing of it hidden behind a click."""
    found = summary.completeness
    pairs: list[tuple[str, Children]] = []
    if missing := [day for day in found.period if day not in found.covered]:
        pairs.append(("Días sin registro", _days_text(missing)))
    silent = [line for line in found.lines if line not in found.lines_with_record]
    if silent:
        pairs.append(("Líneas sin registro", ", ".join(map(terms.line_name, silent))))
    if partial := _partly_unrecorded(summary):
        pairs.append(("Líneas con días sin registro", "; ".join(partial)))
    if quiet := [line for line in found.lines_with_record if not found.days_of(line, terms.WITH_DATA)]:
        pairs.append(("Líneas sin llamadas", ", ".join(map(terms.line_name, quiet))))
    if summary.open_calls:
        parts = [
            f"{number_text(n)} de {terms.line_name(line) or terms.NO_LINE}" for line, n in summary.open_calls.items()
        ]
        total = f"{number_text(sum(summary.open_calls.values()))} ({', '.join(parts)})" if len(parts) > 1 else parts[0]
        pairs.append(("Llamadas en curso", f"{total}: todavía en ninguna cifra"))
    without = next((line for line in summary.lines if not line.service), None)
    if without is not None and without.figures["registered"].numerator:
        number = without.figures["registered"].numerator
        pairs.append(
            ("Llamadas sin línea", f"{number_text(number)}, dentro del total; su cola no está asignada a una línea")
        )
    whole = found.is_whole
    mark = html.Span(
        [icon("circle-check" if whole else "alert-triangle"), found.text],
        className="covered" if whole else "covered partly",
    )
    body: list[Component] = [html.P(mark)]
    if pairs:
        body.append(components.facts(pairs))
    return components.panel(terms.ON_RECORD, body, kind="on-record")


def _partly_unrecorded(summary: MonthSummary) -> list[str]:
    """Return the lines without a record on days that the logs do cover, each with how many."""
    found = summary.completeness
    days: dict[str, int] = {}
    for item in found.line_days:
        if item.state == terms.NO_RECORD and item.day in found.covered and item.service in found.lines_with_record:
            days[item.service] = days.get(item.service, 0) + 1
    return [f"{terms.line_name(line)}: {n} {_ending(n, 'día', 'días')}" for line, n in days.items()]


def _days_text(days: Sequence[date]) -> str:
    """Return days as "3, 7 a 9 y 12": neighbours joined."""
    spans: list[list[date]] = []
    for day in days:
        if spans and day - spans[-1][-1] == timedelta(days=1):
            spans[-1].append(day)
        else:
            spans.append([day])
    texts = [f"{span[0].day} a {span[-1].day}" if len(span) > 1 else f"{span[0].day}" for span in spans]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} y {texts[-1]}"


def _other_figures(summary: MonthSummary) -> Component:
    figures = summary.figures
    total = figures["registered"].numerator
    registered = f"{number_text(total)} {_ending(total, 'registrada', 'registradas')}"
    in_time = f"{number_text(figures['answered_in_time'].numerator)} a tiempo"

    def mean(name: str) -> str:
        return f"de {number_text(figures[name].denominator)} {terms.DENOMINATORS[name]}"

    causes = [(cause, number_text(number)) for cause, number in summary.causes]

    parts = [
        _stat(summary, "answered", [f"de {registered}", in_time]),
        _stat(summary, "abandoned", [f"{percent_text(figures['abandonment_rate'].value)} de {registered}"]),
        components.split(terms.BY_CAUSE, causes or [("ninguna", terms.BLANK)]),
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
                f"{indicator.clause[:1].upper()}{indicator.clause[1:]}.",
                f"Unidad: {terms.UNITS[summary.unit]}{'; horas:minutos:segundos' if in_time else ''}.",
            ],
        ),
    )


def _by_line(summary: MonthSummary) -> Component:
    asked = Filters(summary.period)
    rows = [_row(line, asked, (line.service or terms.NO_LINE,)) for line in summary.lines]
    total = _row(LineMonth("", "", terms.WITH_DATA, summary.figures, summary.verdict), asked, ())
    found = summary.completeness
    total |= {
        "service_text": terms.TOTAL,
        "name_text": f"{len(found.lines_with_record)} de {len(found.lines)} líneas",
    }
    columns = [
        {
            "field": field,
            "headerName": heading,
            **components.LINE_WIDTHS.get(field, components.USUAL_WIDTH),
            **({} if field in ("service", "name", "verdict") else {"type": "rightAligned"}),
            **({"cellRenderer": "Verdict"} if field == "verdict" else {}),
            **({"cellRenderer": "CallsLink"} if field in filters.WITH_CALLS else {}),
        }
        for field, heading in terms.LINE_COLUMNS.items()
    ]
    notes: list[Children] = [
        [
            html.Span("La tabla se desplaza hacia los lados. ", className="only-narrow"),
            "Un encabezado ordena la tabla. «Faltaron»: atendidas a tiempo que le faltaron a cada línea para la meta; "
            "no suman lo que le faltó al total, porque unas líneas compensan a otras.",
        ]
    ]
    if any(not line.service for line in summary.lines):
        notes.append(
            "«Sin línea»: entraron por colas que todavía no se asignaron; cuentan en el total. "
            "Se asignan con «callcenter map queues»."
        )
    return components.panel(
        terms.BY_LINE,
        [components.grid("month-lines", columns, rows, total), *[html.P(note, className="quiet") for note in notes]],
        kind="by-line",
    )


def _row(line: LineMonth, asked: Filters, lines: tuple[str, ...]) -> dict[str, str | int | float | None]:
    """Return one row of the table: what to sort by, what to read, and where its calls are."""
    figures, verdict = line.figures, line.verdict
    row: dict[str, str | int | float | None] = {
        "service": int(line.service) if line.service.isdigit() else None,
        "service_text": line.service or terms.NO_LINE,
        "name": line.name or None,
        "name_text": line.name if line.service else "por asignar",
        "without": line.state != terms.WITH_DATA,
        "verdict": None if verdict.complies is None else int(verdict.complies),
        "verdict_text": {True: terms.COMPLIES, False: terms.DOES_NOT_COMPLY, None: terms.BLANK}[verdict.complies],
        "missing": verdict.missing if verdict.complies is not None else None,
        "missing_text": number_text(verdict.missing) if verdict.complies is not None else terms.BLANK,
    }
    for name in ("registered", "answered", "answered_in_time", "service_level", "abandoned", "asa"):
        figure = figures.get(name)
        row[name] = figure.value if figure else None
        row[f"{name}_text"] = value_text(figure.value if figure else None, BY_NAME[name].value_unit)
    for name in filters.WITH_CALLS:
        row[f"{name}_href"] = filters.calls_address(replace(asked, lines=lines), name)
    if line.state != terms.WITH_DATA:
        row["registered_text"] = line.state
    return row
