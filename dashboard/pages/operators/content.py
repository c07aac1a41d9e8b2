"""What the page shows: the table of operators, who was on duty, pauses by reason, one operator's day.

In: a question and what was measured. Out: parts of a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pandas as pd
from dash import dcc, html
from dash.development.base_component import Component

from dashboard import components, links
from dashboard.components import Children, explained
from dashboard.filters import Filters
from dashboard.pages.operators.measured import Measured, OneMeasured, OperatorFigures, asked_of
from dashboard.question import Question
from reports import figures, terms
from reports.agent_day import AgentDay, Stretch
from reports.definition import Dimension, ValueUnit
from reports.format import date_text, duration_text, number_text, period_text, value_text
from reports.indicators import BY_NAME
from reports.wording import clause_text

PATH = "/operadores"
_UNITS = {
    "answered": ValueUnit.COUNT, "rings_unanswered": ValueUnit.COUNT, "occupancy": ValueUnit.PERCENT,
    **dict.fromkeys(
        ("talk_seconds", "aht", "mean_ring", "logged_in_seconds", "paused_seconds", "busy_seconds", "staffed_seconds"),
        ValueUnit.SECONDS,
    ),
}  # fmt: skip
_WORDS = ("agent", "mark")
_WIDTHS: dict[str, dict[str, Any]] = {
    "agent": {"minWidth": 156, "flex": 3, "pinned": "left"},
    "answered": {"minWidth": 88, "flex": 2},
    "mean_ring": {"minWidth": 82, "flex": 2},
    "rings_unanswered": {"minWidth": 84, "flex": 2},
    "talk_seconds": {"minWidth": 118, "flex": 2},
    "logged_in_seconds": {"minWidth": 108, "flex": 2},
    "busy_seconds": {"minWidth": 108, "flex": 2},
    "staffed_seconds": {"minWidth": 112, "flex": 2},
    "mark": {"minWidth": 148, "flex": 4, "wrapText": True, "autoHeight": True, "cellClass": "wrapped"},
}
_MARKS = (
    "«Sin salida»: tiempo en sesión que cerró una regla. «Sin sesión»: medias horas con actividad y sin ingreso "
    "anotado (mínimo). Ocupación = ocupado / (ocupado o disponible)."
)
_EXPLAINED = (
    "occupancy", "logged_in_seconds", "paused_seconds", "mean_ring", "rings_unanswered", "talk_seconds",
    "operators_on_duty",
)  # fmt: skip


def operators_panel(question: Question, found: Measured) -> Component:
    """Return the table of operators, by name: no ranking."""
    asked = asked_of(question)
    rows = [_row(each, asked) for each in found.operators]
    total = {**_row(found.total, asked, is_total=True), "agent_text": terms.TOTAL}
    columns = _columns(terms.OPERATOR_COLUMNS)
    notes: list[str | Component] = [
        html.Span("La tabla se desplaza hacia los lados. ", className="only-narrow"),
        "El nombre abre sus días, las atendidas abren sus llamadas. Tiempos en horas:minutos:segundos.",
    ]
    if asked.lines:
        notes.append(" La línea acota atendidas y conversación; el tiempo de un operador(a) no es de ninguna línea.")
    if not found.has_sessions:
        notes.append(
            " El registro de este período no tiene ingresos de operadores: no hay tiempo en sesión ni ocupación, y "
            "quién estuvo en turno se sabe solo por su actividad (mínimo)."
        )
    below: list[Component] = [html.P(_MARKS, className="quiet")]
    if to_name := _to_name(found):
        below.append(html.P(to_name, className="quiet"))
    return components.panel(
        f"{terms.OPERATORS}, {period_text(asked.period)}",
        [html.P(notes, className="quiet"), components.grid("operators-table", columns, rows, total), *below],
        kind="operators",
        explanation=explained(
            terms.OPERATORS,
            [f"{BY_NAME[name].label}: {BY_NAME[name].edge_case} ({clause_text(BY_NAME[name])})" for name in _EXPLAINED],
        ),
        actions=links.saving("operators"),
    )


def _to_name(found: Measured) -> list[str | Component]:
    """Return what the site has still to say of who is who, and where it says it."""
    told: list[str | Component] = []
    if unnamed := sum(each.unnamed for each in found.operators):
        one = f"La última es una interfaz {terms.UNNAMED}."
        told.append(one if unnamed == 1 else f"Las {number_text(unnamed)} últimas son interfaces {terms.UNNAMED}.")
    if alike := _apart(found):
        told.append(alike)
    if told and (way := links.setup_link("Puesta en marcha")) is not None:
        told += [" Se nombran y se unen en ", way, "."]
    return told


def _apart(found: Measured) -> str:
    """Return what to think of somebody with sessions and no calls beside somebody with calls and no session."""
    idle = [each.name for each in found.operators if each.count("logged_in_seconds") and not each.count("answered")]
    lone = [each.name for each in found.operators if each.count("answered") and not each.count("logged_in_seconds")]
    lone = [name for name in lone if name != terms.NO_AGENT]
    if not idle or not lone:
        return ""
    return (
        f" Tienen sesión y ninguna llamada: {', '.join(idle[:5])}; llamadas y ninguna sesión: {', '.join(lone[:5])}. "
        "Suele ser la misma persona escrita de dos maneras."
    )


def _columns(headings: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "field": field,
            "headerName": heading,
            **_WIDTHS.get(field, {"minWidth": 92, "flex": 2}),
            **({} if field in _WORDS else {"type": "rightAligned"}),
            **({"cellRenderer": "CallsLink"} if field in ("agent", "answered") else {}),
        }
        for field, heading in headings.items()
    ]


def _row(each: OperatorFigures, asked: Filters, *, is_total: bool = False) -> dict[str, str | int | float | None]:
    row: dict[str, str | int | float | None] = {"without": False}
    for field, value in each.cells.items():
        row[field] = value
        row[f"{field}_text"] = _text(field, value)
    narrowed = asked if is_total else asked.narrowed(operador=each.name)
    row["answered_href"] = links.calls_href(narrowed, "answered")
    if not is_total and each.name != terms.NO_AGENT:
        row["agent_href"] = operator_address(asked, each.name)
    return row


def _text(field: str, value: str | int | float | None) -> str:
    return value if isinstance(value, str) else value_text(value, _UNITS[field])


def operator_address(asked: Filters, name: str, day: date | None = None) -> str:
    """Return the address of an operator's days, and of one of them."""
    words = {"operador": name, **({"dia": f"{day:%Y-%m-%d}"} if day else {})}
    period = Filters(asked.period, asked.lines)
    return f"{PATH}{period.address}&{urlencode(words)}"


def duty_panel(found: Measured, scheme: figures.Scheme) -> Component:
    """Return who was on duty by half hour, beside the calls."""
    indicator = BY_NAME["operators_on_duty"]
    says = "Promedio del período; debajo, todas sus llamadas registradas en esa media hora."
    return components.panel(
        terms.ON_DUTY,
        [
            html.P(says, className="quiet"),
            components.chart(
                "operators-duty", figures.on_duty(found.duty, found.registered, scheme), terms.ON_DUTY
            ),
        ],
        kind="duty",
        explanation=explained(indicator.label, [indicator.edge_case, clause_text(indicator)]),
        actions=links.saving("duty", picture="operators-duty"),
    )  # fmt: skip


def reasons_panel(reasons: pd.DataFrame, *, whose: str = "", saved: bool = False) -> Component:
    """Return pauses by reason: the time of each, and of all."""
    rows: list[list[Children]] = [
        [terms.TOTAL if pd.isna(reason) else str(reason), duration_text(int(seconds))]
        for reason, seconds in zip(reasons["reason"], reasons["numerator"], strict=True)
    ]
    headings = (terms.DIMENSIONS[Dimension.REASON].capitalize(), BY_NAME["paused_seconds"].label)
    body = components.table(headings, rows, numbers=headings[1:]) if len(rows) > 1 else html.P("No hubo pausas.")
    title = f"{terms.PAUSES_BY_REASON}{f': {whose}' if whose else ''}"
    indicator = BY_NAME["paused_seconds"]
    return components.panel(
        title, body, kind="reasons-of-one" if whose else "reasons",
        explanation=explained(indicator.label, [indicator.edge_case]),
        actions=links.saving("reasons") if saved else None,
    )  # fmt: skip


def operator_panels(
    question: Question, name: str, found: OneMeasured, shown: AgentDay | None, scheme: figures.Scheme
) -> list[Component]:
    """Return one operator's day and days."""
    asked = asked_of(question)
    parts: list[Component] = []
    if shown is not None:
        parts.append(_day_panel(asked, name, found, shown, scheme))
    fields = [field for field in terms.OPERATOR_COLUMNS if field not in _WORDS]
    rows: list[list[Children]] = []
    for each in found.days:
        day = date.fromisoformat(each.name)
        texts: dict[str, Children] = {field: _text(field, each.cells[field]) for field in fields}
        texts["answered"] = _answered_link(asked, name, day, each)
        rows.append([dcc.Link(date_text(day), href=operator_address(asked, name, day)), *texts.values(), each.mark])
    headings = ["Día", *(terms.OPERATOR_COLUMNS[field] for field in fields), terms.OPERATOR_COLUMNS["mark"]]
    days = components.panel(
        f"Días de {name}",
        components.table(headings, rows, numbers=headings[1:-1]),
        kind="operator-days",
        actions=links.saving("days"),
    )
    return [*parts, days, reasons_panel(found.reasons, whose=name)]


def _answered_link(asked: Filters, name: str, day: date, each: OperatorFigures) -> Component | str:
    number = each.count("answered")
    if not number:
        return number_text(number)
    text = number_text(number)
    return links.calls_link(text, asked.narrowed(operador=name, dia=f"{day:%Y-%m-%d}"), "answered")


def _day_panel(
    asked: Filters, name: str, found: OneMeasured, shown: AgentDay, scheme: figures.Scheme
) -> Component:  # fmt: skip
    midnight = datetime(shown.day.year, shown.day.month, shown.day.day)
    rows = [
        ("Sesión", [_bar(each, midnight, "sesión") for each in shown.sessions]),
        ("Pausas", [_bar(each, midnight, each.what or terms.NO_REASON) for each in shown.pauses]),
        ("Llamadas", [_bar(each, midnight, f"cola {each.what}") for each in shown.calls]),
    ]
    days = [date.fromisoformat(each.name) for each in found.days]
    near = [
        dcc.Link(text, href=operator_address(asked, name, day))
        for text, day in (
            ("Día anterior", max((day for day in days if day < shown.day), default=None)),
            ("Día siguiente", min((day for day in days if day > shown.day), default=None)),
        )
        if day is not None
    ]
    texts: list[list[Children]] = []
    for what, stretches in (("Sesión", shown.sessions), ("Pausa", shown.pauses)):
        for each in stretches:
            reason = (each.what or terms.NO_REASON) if what == "Pausa" else ""
            texts.append([what, *_span(each, shown.day), reason, terms.ENDED_BY[each.ended_by]])
    of_day = next((each for each in found.days if each.name == f"{shown.day:%Y-%m-%d}"), None)
    calls = _answered_link(asked, name, shown.day, of_day) if of_day is not None else "0"
    said: list[Any] = ["Atendidas: ", calls, ". ", *_between(near)]
    if asked.lines:  # as whoever looks at a day wants to know what kept an operator busy
        said.append("El dibujo muestra las llamadas de todas las líneas. ")
    drawn = components.chart("operators-day", figures.agent_day(rows, scheme), f"{name}, {date_text(shown.day)}")
    return components.panel(
        f"{name}, {date_text(shown.day)}",
        [
            html.P(said, className="quiet"),
            drawn,
            components.table(("", "Desde", "Hasta", "Duración", "Motivo", "Cómo terminó"), texts)
            if texts
            else html.P("El registro no tiene sesiones ni pausas de este día: solo se sabe su actividad (mínimo)."),
        ],
        kind="operator-day",
    )


def _between(parts: Sequence[Component]) -> list[Children]:
    return [piece for part in parts for piece in (part, " ")]


def _bar(each: Stretch, midnight: datetime, what: str) -> tuple[float, float, str]:
    start, end = (max(0.0, min(24.0, (at - midnight) / timedelta(hours=1))) for at in (each.began, each.until))
    return start, end, f"{each.began:%H:%M:%S} a {each.until:%H:%M:%S}, {duration_text(each.seconds)}: {what}"


def _span(each: Stretch, day: date) -> tuple[str, str, str]:
    began, until = (
        f"{at:%H:%M:%S}" if at.date() == day else f"{at:%d/%m/%Y %H:%M:%S}" for at in (each.began, each.until)
    )
    return began, until, duration_text(each.seconds)
