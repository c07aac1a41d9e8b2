"""Who gives up and who calls again: abandoned by cause and wait, answered later that day, transfers, who hung up.

In: ?desde=&hasta=&linea=&unidad= (or ?periodo=hoy), which of the abandoned (&despues=sin-respuesta&pagina=), and the
generation in service. Out: figures that open their calls, and the list of whom to call back, numbers masked.
"""

from __future__ import annotations

from urllib.parse import urlencode

from dash import Dash
from dash.development.base_component import Component

from dashboard import filters
from dashboard.context import Context
from dashboard.filters import FilterError
from dashboard.limits_note import ABANDONED
from dashboard.pages.abandoned import tables
from dashboard.pages.abandoned.content import content
from dashboard.pages.abandoned.listing import list_panel, read_page, saved_list, which_asked
from dashboard.pages.abandoned.measured import measure_page
from dashboard.people.accounts import Identity
from dashboard.people.personal import mask_of, own_mask
from dashboard.period_controls import PeriodControls
from dashboard.question import read_question
from dashboard.question_page import Asked, QuestionPage
from dashboard.saving import Listing
from dashboard.work.exports import ExportError
from etl.warehouse import WarehouseError
from reports import terms
from reports.abandoned import Later
from reports.definition import PeriodError
from reports.export import Table
from reports.figures import Scheme
from reports.measured import recorded
from reports.rules import RulesError

PATH = filters.ABANDONED_PATH
TITLE = terms.ABANDONED
IN_MENU = True


def draw(asked: Asked, _scheme: Scheme) -> Component:
    """Return the figures, or the list that an address asks for. Raises FilterError, QueryError or WarehouseError."""
    which = which_asked(asked.search)
    if which is None:
        return content(asked.whole, measure_page(asked.cursor, asked.whole))
    shown = read_page(
        asked.context, asked.generation, asked.cursor, asked.whole, which, asked.search, own_mask()
    )  # fmt: skip
    return list_panel(asked.whole, shown)


def table_of(asked: Asked, part: str, _most: int) -> Table | None:
    """Return what a part of the page shows, None for one that it does not have and for the list. Raises QueryError."""
    if part not in tables.PARTS:
        return None
    found = measure_page(asked.cursor, asked.whole)
    return tables.table_of(part, asked.whole, found, asked.made_at, demo=asked.context.is_demo)


def plain_address(context: Context, search: str | None) -> str:
    """Return an address that asks for the same list with nothing in it but what the filters know. ExportError."""
    try:
        with context.reading() as (_, cursor):
            asked = read_question(context, search, recorded(cursor)).whole.filters
        which = which_asked(search)
    except (FilterError, PeriodError, RulesError, WarehouseError) as error:
        raise ExportError(f"{error}.") from None
    if not {*asked.lines} <= {terms.NO_LINE, *(line.number for line in context.lines)}:
        raise ExportError("La dirección nombra una línea que no existe: quítela y guarde otra vez.")
    return f"{asked.address}&{urlencode({'despues': (which or Later.ALL).value})}"


def _saved_for(context: Context, identity: Identity, search: str | None, most: int) -> Table | None:
    return saved_list(context, mask_of(identity), search, most)


LISTING = Listing(PATH, TITLE, "abandoned-file", plain_address, _saved_for)
SHOWS = QuestionPage(
    PATH, TITLE, PeriodControls("abandoned", has_unit=True), "No se pueden mostrar estas cifras", draw, table_of,
    ABANDONED, kept=("despues",),
)  # fmt: skip
layout, page_of, saved_table = SHOWS.layout, SHOWS.page_of, SHOWS.saved_table


def register_callbacks(app: Dash, context: Context) -> None:
    """Fill the page; save its parts, a long list by the worker."""
    SHOWS.register(app, context, LISTING)
