"""What the page shows: what needs a hand, the hours covered, files, lines set aside, what nobody mapped, odd lines.

In: the quality of a period's data, or a page of the lines behind one of its numbers. Out: parts of the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from dash import dcc, html
from dash.development.base_component import Component

from dashboard import components, links
from dashboard.components import Children, icon
from dashboard.filters import Filters
from dashboard.pages.quality import tables
from dashboard.pages.quality.tables import Part
from dashboard.paging import page_links
from dashboard.people.personal import own_mask
from reports import figures, terms
from reports.attention import WEIGHTS, Issue, Place, Weight, issues_of
from reports.calls import is_call
from reports.coverage import Coverage, State
from reports.definition import Period, Unit
from reports.figures import Scheme
from reports.format import count_text, date_text, moment_text, number_text, period_text
from reports.odd_lines import KINDS, LineSetAside, OddLine
from reports.personal import Field, Level
from reports.quality import Quality

#: Months whose hours are drawn; of longer periods the table tells them.
_MOST_DRAWN = 3
#: Rows of a table on the page itself; its file holds all.
_MOST_ROWS = 100
_KINDS_OF_WEIGHT = {Weight.MISSING: "bad", Weight.MISPLACED: "warn", Weight.LOOK: "quiet"}


def content(found: Quality, scheme: Scheme, gap_lines: int, kept_days: int) -> Component:
    """Return everything below the head; texts of lines set aside are kept for `kept_days`."""
    return html.Div(
        [
            _issues(found),
            _coverage(found, scheme, gap_lines),
            html.Div([_lines(found), _reasons(found, kept_days)], className="half-row"),
            _files(found),
            html.Div([_queues(found), _interfaces(found)], className="half-row"),
            _findings(found),
            _sources(found),
        ],
        className="month quality",
    )


# --- what needs a hand


def _issues(found: Quality) -> Component:
    issues = issues_of(found)
    part = tables.issues(found, own_mask())
    if not issues:
        body: Component = html.P([icon("circle-check"), html.Span("Nada: los datos del período están completos.")],
                                 className="said")  # fmt: skip
    else:
        body = html.Ul([_issue(found.period, each) for each in issues], className="issue-list")
    title = f"{part.title}, {period_text(found.period)}"
    return components.panel(title, body, kind="issues", actions=links.saving("issues") if issues else None)


def _issue(period: Period, issue: Issue) -> Component:
    kind = _KINDS_OF_WEIGHT[issue.weight]
    mark = "alert-triangle" if issue.weight is not Weight.LOOK else "info-circle"
    way = _way(period, issue)
    return html.Li(
        [
            html.Span([icon(mark), WEIGHTS[issue.weight]], className=f"weight weight-{kind}"),
            html.Div(
                [html.Div(html.Strong(issue.says)), html.Div(_with(issue.remedy, way))],
                className="issue-says",
            ),
        ],
        className="issue",
    )


def _with(text: str, way: Component | None) -> Children:
    """Return a text with a way on from it, where there is one."""
    return [text, " ", way] if way else text


def _way(period: Period, issue: Issue) -> Component | None:
    """Return the link to where an issue is mended or seen, None for who may not open it."""
    match issue.place:
        case Place.LOADS:
            return links.loads_link("Ir a Cargas")
        case Place.SETUP:
            return links.setup_link("Ir a Puesta en marcha")
        case Place.SET_ASIDE:
            return _own_link(period, "Ver las filas", ver="observadas")
        case Place.LINES:
            return _own_link(period, "Ver las líneas", ver=issue.kind)


def _own_link(period: Period, text: str, **words: str) -> Component | None:
    href = links.quality_href(period, **words)
    link: Component | None = dcc.Link(text, href=href) if href else None
    return link


# --- hours


def _coverage(found: Quality, scheme: Scheme, gap_lines: int) -> Component:
    months = found.period.months()
    hours, gaps = (part(found, own_mask()) for part in (tables.hours, tables.gaps))
    maps: list[Component] = []
    if len(months) <= _MOST_DRAWN:
        maps = [_map(each, part, scheme, len(found.coverage) > 1) for part in months for each in found.coverage]
    missing = found.missing_hours
    says = (
        f"Azul: horas con líneas en el registro. ✕: {State.MISSING}. Claro: {State.QUIET}. Vacío: {State.OUTSIDE}. "
        f"Un silencio es un hueco si en las mismas horas de las semanas vecinas suele haber, en total, {gap_lines} "
        "líneas o más (D)."
    )
    head = components.covered(
        f"Faltan {count_text(missing, 'hora', 'horas')} de registro" if missing else "No falta ninguna hora usual",
        whole=not missing,
    )
    body: list[Component] = [html.P(head, className="of-record"), html.P(says, className="quiet")]
    told: list[Component] = [html.H3(gaps.title), _table(gaps)] if gaps.rows else []
    told += [html.H3(hours.title), _table(hours, links_of=_month_links(found))]
    # One map alone has the tables beside it.
    parts = [*maps, html.Div(told)] if len(maps) == 1 else maps
    body.append(html.Div(parts, className="half-row"))
    body += [] if len(maps) == 1 else told
    actions = links.saving({"hours": "Horas", **({"gaps": "Huecos"} if gaps.rows else {})})
    return components.panel("Horas que cubre el registro", body, kind="coverage", actions=actions)


def _map(each: Coverage, part: Period, scheme: Scheme, several: bool) -> Component:
    days = [f"{terms.WEEKDAYS[day.weekday()][:3]} {day:%d}" for day in part]
    at = [[datetime(day.year, day.month, day.day, hour) for hour in range(24)] for day in part]
    figure = figures.coverage_map(
        days,
        [[each.lines.get(hour) for hour in row] for row in at],
        [[each.states[hour] for hour in row] for row in at],
        scheme,
    )
    title = f"{period_text(part)}{f', central {each.pbx}' if several else ''}"
    drawn = components.chart(f"quality-map-{each.pbx}-{part.first:%Y-%m}", figure, f"Horas con registro, {title}")
    return html.Div([html.H3(title[:1].upper() + title[1:]), drawn])


def _month_links(found: Quality) -> Mapping[int, Sequence[Component | None]]:
    """Return the links of the column of months, where there is more than one."""
    if len(found.period.months()) == 1:
        return {}
    return {1: [_own_link(part, f"{part.first:%m/%Y}") for _ in found.coverage for part in found.period.months()]}


# --- lines and lines set aside


def _lines(found: Quality) -> Component:
    part = tables.lines(found, own_mask())
    says = (
        f"«{terms.NO_RECORD}»: ningún archivo nombra sus colas ese mes; cuántas llamadas hubo no se sabe. "
        f"«{terms.NO_CALLS}»: hay registro y nadie llamó."
    )
    return components.panel(
        part.title, [html.P(says, className="quiet"), _table(part)], kind="days", actions=links.saving("lines")
    )


def _reasons(found: Quality, kept_days: int) -> Component:
    part = tables.reasons(found, own_mask())
    number = found.set_aside
    if not number:
        return components.panel(part.title, html.P("Ninguna en los archivos de este período."), kind="reasons")
    ways = [_own_link(found.period, number_text(count), ver="observadas", motivo=code) for code, count in found.reasons]
    body = [
        html.P(
            [
                _own_link(found.period, count_text(number, "fila", "filas"), ver="observadas") or number_text(number),
                " en los archivos con líneas de este período; una con dos motivos está en los dos. "
                f"Su texto se borra a los {kept_days} días de la carga.",
            ],
            className="quiet",
        ),
        _table(part, links_of={1: ways}),
    ]
    actions = links.saving({"reasons": "Motivos", "set-aside": "Filas"})
    return components.panel(f"{part.title}: {number_text(number)}", body, kind="reasons", actions=actions)


def _files(found: Quality) -> Component:
    part = tables.files(found, own_mask())
    says = (
        "Cada archivo entero, también lo que tiene fuera del período. Leídas = cargadas + repetidas + las que cuenta "
        "mejor otra fuente + observadas + en blanco."
    )
    return components.panel(
        f"{part.title}: {number_text(len(part.rows))}",
        [html.P(says, className="quiet"), _table(part)],
        kind="loaded-files",
        actions=links.saving("files") if part.rows else None,
    )


# --- what nobody mapped


def _queues(found: Quality) -> Component:
    part = tables.queues(found, own_mask())
    if not part.rows:
        return components.panel(part.title, html.P("Todas las colas con llamadas tienen su línea."), kind="no-line")
    way = links.setup_link("Asignarlas en Puesta en marcha")
    body = [*([html.P(way)] if way else []), _table(part)]
    title = f"{part.title}: {number_text(len(part.rows))}"
    return components.panel(title, body, kind="no-line", actions=links.saving("queues"))


def _interfaces(found: Quality) -> Component:
    part = tables.interfaces(found, own_mask())
    title = f"{part.title}: {number_text(len(found.interfaces))}"
    if not found.interfaces:
        return components.panel(part.title, html.P("Todas las que atendieron tienen nombre."), kind="no-person")
    if own_mask().level(Field.AGENT) is Level.NONE:
        hidden = html.P("Los operadores no se muestran a su rol.", className="quiet")
        return components.panel(title, hidden, kind="no-person")
    way = links.setup_link("Nombrarlas en Puesta en marcha")
    body = [*([html.P(way)] if way else []), _table(part)]
    return components.panel(title, body, kind="no-person", actions=links.saving("interfaces"))


# --- findings and sources


def _findings(found: Quality) -> Component:
    part, events = (each(found, own_mask()) for each in (tables.findings, tables.events))
    ways = [
        _own_link(found.period, number_text(found.findings[kind]), ver=kind) if found.findings.get(kind) else None
        for kind in KINDS
    ]
    body: list[Component] = [html.P("Cada número abre sus líneas, con archivo y línea.", className="quiet")]
    body.append(_table(part, links_of={1: ways}))
    if events.rows:
        body += [html.H3(events.title), _table(events)]
    actions = links.saving({"findings": "Hallazgos", **({"events": "Eventos"} if events.rows else {})})
    return components.panel(part.title, body, kind="findings", actions=actions)


def _sources(found: Quality) -> Component:
    part = tables.sources(found, own_mask())
    return components.panel(part.title, _table(part), kind="sources", actions=links.saving("sources"))


# --- the lines behind a number


def listed_set_aside(
    period: Period, listed: Sequence[LineSetAside], number: int, reason: str, page: int, pages: int, *, with_text: bool
) -> Component:
    """Return a page of the lines that were set aside."""
    part = tables.set_aside(listed, with_text=with_text)
    says = "Los números y nombres que podrían ser de un cliente están ocultos." if with_text else (
        "Su rol no ve el texto de las filas."
    )  # fmt: skip
    words = {"ver": "observadas", **({"motivo": reason} if reason else {})}
    title = f"{part.title}: {number_text(number)}"
    return _listed(period, title, [says], _table(part), words, page, pages, saved="set-aside")


def listed_lines(
    period: Period, kind: str, listed: Sequence[OddLine], number: int, page: int, pages: int
) -> Component:  # fmt: skip
    """Return a page of the lines of a kind of finding, each a way to its call."""
    part = tables.odd_lines(kind, listed)
    says = [terms.ODD_KINDS_SAY[kind].capitalize() + "."] if kind in terms.ODD_KINDS_SAY else []
    title = f"{part.title}: {number_text(number)}"
    drawn = _table(part, links_of={2: [_call_link(each) for each in listed]})
    return _listed(period, title, says, drawn, {"ver": kind}, page, pages, saved="odd-lines")


def _call_link(line: OddLine) -> Component | None:
    """Return the way to the lines of a call; none where the line is of no call."""
    if not is_call(line.callid):
        return None
    day = line.at.date()
    href = links.calls_href(Filters(Period(day, day), unit=Unit.VISIT), "registered")
    if href is None:
        return None
    words = urlencode({"llamada": f"{line.pbx}|{line.callid}", "en": f"{line.at:%Y-%m-%dT%H:%M:%S}"})
    link: Component = dcc.Link(line.callid, href=f"{href}&{words}")
    return link


def _listed(
    period: Period, title: str, says: Sequence[str], drawn: Component, words: Mapping[str, str], page: int, pages: int,
    *, saved: str,
) -> Component:  # fmt: skip
    back = _own_link(period, f"Volver a {terms.QUALITY}")
    return components.panel(
        title,
        [
            html.P(_with(" ".join(says), back), className="quiet"),
            drawn,
            *page_links(page, pages, lambda other: links.quality_href(period, **words, pagina=str(other))),
        ],
        kind="listed",
        actions=links.saving(saved),
    )


def _table(part: Part, links_of: Mapping[int, Sequence[Component | None]] | None = None) -> Component:
    """Return a part as a table: at most so many rows of it; a cell with a link is the link."""
    ways = links_of or {}
    shown = [
        [(ways[place][number] if place in ways else None) or _told(value) for place, value in enumerate(row)]
        for number, row in enumerate(part.rows[:_MOST_ROWS])
    ]
    table = components.table(part.headings, shown, numbers=part.counts)
    left = len(part.rows) - len(shown)
    if left <= 0:
        return table
    more = html.P(f"Se muestran {number_text(len(shown))}; «{terms.DOWNLOAD}» las trae todas.", className="quiet")
    return html.Div([table, more])


def _told(value: Any) -> Children:
    match value:
        case None:
            return terms.BLANK
        case datetime():
            return moment_text(value)
        case date():
            return date_text(value)
        case int():
            return number_text(value)
    return str(value)
