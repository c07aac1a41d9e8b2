"""The quality of the data of a period: what is missing, set aside, unmapped or odd, and what to do about each.

In: ?mes= or ?desde=&hasta= (or ?periodo=), the lines behind one of its numbers (&ver=&motivo=&pagina=), the generation
in service. Out: counts, each with its lines; nothing here is a figure of the manual.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from dash import Dash, Input, Output, State, dcc, html, no_update, set_props
from dash.development.base_component import Component

from dashboard import components, filters, links
from dashboard.components import page_title
from dashboard.context import Context, Cursor
from dashboard.filters import FilterError
from dashboard.freshness import fresh_badge, time_of
from dashboard.pages.quality import content, tables
from dashboard.people.personal import own_mask
from dashboard.question import Question, read_question
from dashboard.saving import register_saving
from dashboard.security.access import RIGHT
from dashboard.security.identity import allowed
from dashboard.work.intake import SEE_SET_ASIDE
from etl.warehouse import Generation, WarehouseError
from reports import figures, terms
from reports.definition import Period, PeriodError
from reports.export import Column, Table, file_word
from reports.figures import Scheme
from reports.format import number_text, period_text
from reports.measured import Recorded, local_time, recorded
from reports.odd_lines import KINDS, count_odd_lines, count_set_aside, list_odd_lines, list_set_aside
from reports.personal import Field, Level
from reports.quality import Quality, read_quality
from reports.rules import RulesError

PATH = filters.QUALITY_PATH
TITLE = terms.QUALITY
IN_MENU = True

#: Lines on a page of a list; lines that a file holds (20.000 as Excel take 2 s of one core).
PAGE_LINES, MOST_SAVED = 100, 20_000
_SET_ASIDE = "observadas"


def layout() -> Component:
    """Return the page before it is filled."""
    return html.Div([dcc.Store(id="quality-shown"), dcc.Download(id="quality-file"), html.Div(id="quality-content")])


def register_callbacks(app: Dash, context: Context) -> None:
    """Fill the page when the address, the colours or the data change."""

    @app.callback(
        Output("quality-content", "children"),
        Output("quality-shown", "data"),
        Input("location", "search"),
        Input("scheme", "data"),
        Input("clock", "n_intervals"),
        State("quality-shown", "data"),
    )
    def show(
        search: str | None, scheme: str | None, _ticks: int | None, shown: dict[str, Any] | None
    ) -> tuple[Any, Any]:
        state = {"search": search, "scheme": scheme, "generation": context.generation_in_service()}
        if scheme is None or shown == state:
            return no_update, no_update
        set_props("title", {"data": page_title(TITLE, demo=context.is_demo)})
        return page_of(context, search, figures.SCHEMES.get(scheme, figures.LIGHT)), state

    register_saving(
        app, context, "quality-file", "quality-shown",
        lambda shown, part, most: saved_table(context, shown["search"], part, most),
    )  # fmt: skip


def page_of(context: Context, search: str | None, scheme: Scheme) -> Component:
    """Return the page for the query of an address."""
    try:
        if context.is_empty:
            return links.no_data()
        with context.reading() as (generation, cursor):
            log = recorded(cursor)
            question = _question(context, search, log)
            period = question.filters.period
            listed = _list_of(cursor, period, search)
            body = listed
            if body is None:
                quality, settings = _quality(context, generation, cursor, question), context.settings
                body = content.content(quality, scheme, settings.gap_lines, settings.keep_set_aside_days)
            return html.Div([_head(context, generation, period, log), body], className="month quality")
    except (FilterError, PeriodError, RulesError, WarehouseError) as error:
        says = [html.P(f"{error}."), html.P(dcc.Link("Ver el último mes completo", href=PATH))]
        return components.notice("No se puede mostrar la calidad de los datos", says, heading=1)


def saved_table(context: Context, search: str | None, part: str, most: int) -> Table | None:
    """Return what a part of the page shows for the query of an address; None for a part or address it does not have."""
    try:
        with context.reading() as (generation, cursor):
            question = _question(context, search, recorded(cursor))
            period, words = question.filters.period, _words(search)
            made_at = local_time(datetime.fromisoformat(generation.made_at))
            says = [f"Período: {period_text(period)}"]
            most = min(most, MOST_SAVED)
            match part:
                case "set-aside":
                    reason = words.get("motivo", "")
                    number = count_set_aside(cursor, period, reason)
                    lines = list_set_aside(cursor, period, reason, limit=most, mask=own_mask())
                    table = tables.set_aside(lines, with_text=_sees_text())
                case "odd-lines" if words.get("ver") in KINDS:
                    number = count_odd_lines(cursor, words["ver"], period)
                    table = tables.odd_lines(words["ver"], list_odd_lines(cursor, words["ver"], period, limit=most))
                case _ if part in tables.PARTS:
                    table = tables.PARTS[part](_quality(context, generation, cursor, question), own_mask())
                    number = len(table.rows)
                case _:
                    return None
    except (FilterError, PeriodError, RulesError, WarehouseError):
        return None  # the page itself says what is the matter
    if number > len(table.rows):
        says.append(f"Las primeras {number_text(len(table.rows))} de {number_text(number)}")
    return Table(
        name=f"calidad_{file_word(table.title)}_{period.first:%Y-%m-%d}_{period.last:%Y-%m-%d}",
        title=table.title,
        says=tuple(says),
        columns=tuple(Column(heading, is_code=heading in table.codes) for heading in table.headings),
        rows=table.rows,
        made_at=made_at,
        demo=context.is_demo,
    )


def _question(context: Context, search: str | None, log: Recorded) -> Question:
    return read_question(context, search, log).whole


def _quality(context: Context, generation: Generation, cursor: Cursor, question: Question) -> Quality:
    return read_quality(
        cursor, generation, question.rules, question.filters.period,
        gap_lines=context.settings.gap_lines, now=time_of(context),
    )  # fmt: skip


def _head(context: Context, generation: Generation, period: Period, log: Recorded) -> Component:
    return html.Div(
        [
            html.H1(f"{TITLE}, {period_text(period)}"),
            fresh_badge(context, generation),
            content.picker(period, log),
        ],
        className="page-head",
    )


def _list_of(cursor: Cursor, period: Period, search: str | None) -> Component | None:
    """Return the list that an address asks for, None where it asks for none. FilterError for one there is not."""
    words = _words(search)
    kind = words.get("ver")
    if kind is None:
        return None
    if kind == _SET_ASIDE:
        reason = words.get("motivo", "")
        number = count_set_aside(cursor, period, reason)
        page, pages = _page_asked(words, number)
        lines = list_set_aside(
            cursor, period, reason, limit=PAGE_LINES, offset=(page - 1) * PAGE_LINES, mask=own_mask()
        )
        return content.listed_set_aside(period, lines, number, reason, page, pages, with_text=_sees_text())
    if kind not in KINDS:
        raise FilterError("No hay un listado así; abra uno desde la página")
    number = count_odd_lines(cursor, kind, period)
    page, pages = _page_asked(words, number)
    odd = list_odd_lines(cursor, kind, period, limit=PAGE_LINES, offset=(page - 1) * PAGE_LINES)
    return content.listed_lines(period, kind, odd, number, page, pages)


def _words(search: str | None) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs((search or "").removeprefix("?")).items()}


def _page_asked(words: dict[str, str], number: int) -> tuple[int, int]:
    """Return the page that an address asks for, and how many there are; what is no page is the first or the last."""
    pages = max(1, -(-number // PAGE_LINES))
    text = words.get("pagina", "1")
    wanted = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 1
    return min(max(1, wanted), pages), pages


def _sees_text() -> bool:
    """Tell whether whoever asks may see the text of lines set aside: by the right and by the field, both."""
    return allowed(RIGHT, SEE_SET_ASIDE) and own_mask().level(Field.SET_ASIDE) is not Level.NONE
