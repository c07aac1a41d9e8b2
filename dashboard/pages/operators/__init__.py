"""Operators: calls, sessions, pauses and occupancy of each, who was on duty when, one operator's day.

In: ?desde=&hasta=&linea= (or ?periodo=mes), of one operator &operador=&dia=. Out: a table by name, not by rank, with
the way to the calls it counts. Times that a rule ended, and who never logs in, are marked.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboard import components, filters
from dashboard.filters import FilterError, Filters
from dashboard.limits_note import OPERATORS
from dashboard.pages.operators import content, tables
from dashboard.pages.operators.measured import OneMeasured, measure_one, measure_page
from dashboard.people.personal import own_mask
from dashboard.period_controls import PeriodControls
from dashboard.question_page import Asked, QuestionPage
from reports import terms
from reports.agent_day import read_agent_day
from reports.export import Table
from reports.figures import Scheme
from reports.format import date_text, period_text
from reports.personal import Field, Level

PATH = content.PATH
TITLE = terms.OPERATORS
IN_MENU = True


def draw(asked: Asked, scheme: Scheme) -> Component:
    """Return the table of operators, above it the days of one where an address names one. FilterError, QueryError."""
    question, cursor = asked.question, asked.cursor
    found = measure_page(cursor, question)
    parts: list[Component] = []
    words = dict(question.filters.parts)
    if (name := words.get("operador")) is not None:
        chosen = next((each for each in found.operators if each.name == name), None)
        back = dcc.Link("Ver a todos", href=PATH + question.whole.filters.address)
        if chosen is None:
            why = f"No hay operador(a) «{name}» en {period_text(question.filters.period)}"
            parts.append(components.notice(why, html.P(back)))
        else:
            one = measure_one(cursor, question, chosen)
            day = _day_of(question.filters, one)
            shown = read_agent_day(cursor, name, day) if day is not None else None
            parts += [html.P(back), *content.operator_panels(question, name, one, shown, scheme)]
    parts += [
        content.operators_panel(question, found),
        html.Div(
            [content.duty_panel(found, scheme), content.reasons_panel(found.reasons, saved=True)],
            className="half-row",
        ),
    ]
    says: dict[str, Any] = {"data-says": f"Período: {period_text(question.filters.period)}"}
    return html.Div(parts, className="operators", **says)


def _day_of(asked: Filters, one: OneMeasured) -> date | None:
    """Return the day that is drawn of an operator: the one asked for, else the last with any activity."""
    text = dict(asked.parts).get("dia")
    if text is None:
        return date.fromisoformat(one.days[-1].name) if one.days else None
    if (day := filters.read_day(text)) not in asked.period:
        raise FilterError(f"El día {date_text(day)} no es del período pedido")
    return day


def table_of(asked: Asked, part: str, _most: int) -> Table | None:
    """Return what a part of the page shows, None for a part that it does not have. Raises QueryError."""
    found = measure_page(asked.cursor, asked.whole)
    if part == "days":
        name = dict(asked.question.filters.parts).get("operador")
        chosen = next((each for each in found.operators if each.name == name), None)
        if chosen is None:
            return None
        one = measure_one(asked.cursor, asked.question, chosen)
        return tables.days_table(chosen.name, asked.question, one, asked.made_at, demo=asked.context.is_demo)
    return tables.table_of(part, asked.whole, found, asked.made_at, demo=asked.context.is_demo)


def _refusal() -> Component | None:
    if own_mask().level(Field.AGENT) is Level.FULL:
        return None
    return components.notice("No puede ver operadores", [html.P("Su rol no ve quién atendió.")])


SHOWS = QuestionPage(
    PATH, TITLE, PeriodControls("operators", lines="Líneas (atendidas y conversación)"),
    "No se pueden mostrar estas cifras", draw, table_of, OPERATORS, kept=("operador",), refusal=_refusal,
)  # fmt: skip
layout, register_callbacks = SHOWS.layout, SHOWS.register
page_of, saved_table = SHOWS.page_of, SHOWS.saved_table
