"""The quality of the data of a period: what is missing, set aside, unmapped or odd, and what to do about each.

In: ?mes= or ?desde=&hasta= (or ?periodo=), the lines behind one of its numbers (&ver=&motivo=&pagina=), the generation
in service. Out: counts, each with its lines; nothing here is a figure of the manual.
"""

from __future__ import annotations

from dash.development.base_component import Component

from dashboard import filters
from dashboard.filters import FilterError
from dashboard.freshness import time_of
from dashboard.pages.quality import content, tables
from dashboard.paging import PAGE_ROWS, page_shown
from dashboard.people.personal import own_mask
from dashboard.period_controls import PeriodControls
from dashboard.question_page import Asked, QuestionPage
from dashboard.saving import cut_says
from dashboard.security.access import RIGHT
from dashboard.security.identity import allowed
from dashboard.work.intake import SEE_SET_ASIDE
from reports import terms
from reports.definition import ValueUnit
from reports.export import Column, Table, file_word
from reports.figures import Scheme
from reports.format import period_text
from reports.odd_lines import KINDS, count_odd_lines, count_set_aside, list_odd_lines, list_set_aside
from reports.personal import Field, Level
from reports.quality import Quality, read_quality

PATH = filters.QUALITY_PATH
TITLE = terms.QUALITY
IN_MENU = True

#: Lines on a page of a list; lines that a file holds (20.000 as Excel take 2 s of one core).
PAGE_LINES, MOST_SAVED = PAGE_ROWS, 20_000
_SET_ASIDE = "observadas"


def draw(asked: Asked, scheme: Scheme) -> Component:
    """Return the quality of the period's data, or the lines behind one of its numbers. Raises FilterError."""
    listed = _list_of(asked)
    if listed is not None:
        return listed
    settings = asked.context.settings
    return content.content(_quality(asked), scheme, settings.gap_lines, settings.keep_set_aside_days)


def table_of(asked: Asked, part: str, most: int) -> Table | None:
    """Return what a part of the page shows, at most so many rows; None for a part that it does not have."""
    cursor, period, words = asked.cursor, asked.question.filters.period, asked.words
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
            table = tables.PARTS[part](_quality(asked), own_mask())
            number = len(table.rows)
        case _:
            return None
    return Table(
        name=f"calidad_{file_word(table.title)}_{period.first:%Y-%m-%d}_{period.last:%Y-%m-%d}",
        title=table.title,
        says=(f"Período: {period_text(period)}", *cut_says(len(table.rows), number)),
        columns=tuple(
            Column(heading, ValueUnit.COUNT if heading in table.counts else None, is_code=heading in table.codes)
            for heading in table.headings
        ),
        rows=table.rows,
        made_at=asked.made_at,
        demo=asked.context.is_demo,
    )


SHOWS = QuestionPage(
    PATH, TITLE, PeriodControls("quality", lines=""), "No se puede mostrar la calidad de los datos", draw, table_of,
    kept=("ver", "motivo"), needs_log=False,
)  # fmt: skip
layout, register_callbacks = SHOWS.layout, SHOWS.register
page_of, saved_table = SHOWS.page_of, SHOWS.saved_table


def _quality(asked: Asked) -> Quality:
    return read_quality(
        asked.cursor, asked.generation, asked.whole.rules, asked.whole.filters.period,
        gap_lines=asked.context.settings.gap_lines, now=time_of(asked.context),
    )  # fmt: skip


def _list_of(asked: Asked) -> Component | None:
    """Return the list that an address asks for, None where it asks for none. FilterError for one there is not."""
    cursor, period, words = asked.cursor, asked.question.filters.period, asked.words
    kind = words.get("ver")
    if kind is None:
        return None
    if kind == _SET_ASIDE:
        reason = words.get("motivo", "")
        number = count_set_aside(cursor, period, reason)
        page, pages = page_shown(words.get("pagina"), number, PAGE_LINES)
        lines = list_set_aside(
            cursor, period, reason, limit=PAGE_LINES, offset=(page - 1) * PAGE_LINES, mask=own_mask()
        )
        return content.listed_set_aside(period, lines, number, reason, page, pages, with_text=_sees_text())
    if kind not in KINDS:
        raise FilterError("No hay un listado así; abra uno desde la página")
    number = count_odd_lines(cursor, kind, period)
    page, pages = page_shown(words.get("pagina"), number, PAGE_LINES)
    odd = list_odd_lines(cursor, kind, period, limit=PAGE_LINES, offset=(page - 1) * PAGE_LINES)
    return content.listed_lines(period, kind, odd, number, page, pages)


def _sees_text() -> bool:
    """Tell whether whoever asks may see the text of lines set aside: by the right and by the field, both."""
    return allowed(RIGHT, SEE_SET_ASIDE) and own_mask().level(Field.SET_ASIDE) is not Level.NONE
