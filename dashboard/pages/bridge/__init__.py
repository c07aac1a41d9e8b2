"""Why another tool shows another number: the ways to measure side by side, and the bridge from Asternic's to ours.

In: ?desde=&hasta=&linea=&unidad= (or ?periodo=mes) and the generation in service. Out: the answer in a sentence, and
what it is made of, each part a way to its calls.
"""

from __future__ import annotations

from dash.development.base_component import Component

from dashboard import filters
from dashboard.limits_note import BRIDGE
from dashboard.pages.bridge import tables
from dashboard.pages.bridge.content import content
from dashboard.pages.bridge.measured import measure_page
from dashboard.period_controls import PeriodControls
from dashboard.question_page import Asked, QuestionPage
from reports import terms
from reports.export import Table
from reports.figures import Scheme

PATH = filters.BRIDGE_PATH
TITLE = terms.BRIDGE
IN_MENU = True


def draw(asked: Asked, scheme: Scheme) -> Component:
    """Return the comparison. Raises QueryError."""
    return content(asked.whole, measure_page(asked.cursor, asked.whole), scheme)


def table_of(asked: Asked, part: str, _most: int) -> Table | None:
    """Return what a part of the page shows, None for a part that it does not have. Raises QueryError."""
    found = measure_page(asked.cursor, asked.whole)
    return tables.table_of(part, asked.whole, found, asked.made_at, demo=asked.context.is_demo)


SHOWS = QuestionPage(
    PATH, TITLE, PeriodControls("bridge", has_unit=True), "No se puede mostrar esta comparación", draw, table_of, BRIDGE
)
layout, register_callbacks = SHOWS.layout, SHOWS.register
page_of, saved_table = SHOWS.page_of, SHOWS.saved_table
