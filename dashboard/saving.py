"""Saving what a page shows: its tables as Excel and CSV, its charts as pictures.

In: the choices that components.saving draws, and what a page's parts hold. Out: files, made of the address shown: at
once, or, of a list that is too long for that, by the worker (dashboard.work.exports).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, html, no_update, set_props

from dashboard.browser import in_browser
from dashboard.components import notice
from dashboard.context import Context
from dashboard.people.accounts import Identity
from dashboard.people.personal import mask_of
from dashboard.security.identity import current
from dashboard.work import exports
from dashboard.work.exports import MEDIA_TYPES, ExportError, Wanted
from etl.records.audit import Action, Result
from reports.export import Table, csv_bytes, xlsx_bytes
from reports.format import number_text
from reports.personal import Field, Level

#: Rows that are written while the page waits: as Excel 0.5 s of one core, as CSV 0.06 s (100,000 rows take 10 s).
AT_ONCE_ROWS = 5_000
#: How each kind of file is written, and what it holds: 100,000 calls as Excel take 10 s and 0.4 GB, a million as CSV
#: 50 s and 0.9 GB of the job's process.
_KINDS: dict[str, tuple[Callable[[Table], bytes], int]] = {
    "xlsx": (xlsx_bytes, 100_000),
    "csv": (csv_bytes, 1_000_000),
}
#: Files made at the same time, lest they keep the pages of everybody waiting.
_MAKING = BoundedSemaphore(2)
# The state of a page as its store holds it, one of its parts, how many rows the file takes; None for a part that the
# page does not have.
TableOf = Callable[[dict[str, Any], str, int], Table | None]


@dataclass(frozen=True)
class Listing:
    """A page's list that may be too long to be saved while the page waits.

    `address_of` makes of the query of an address one that asks for the same and bears no personal data (ExportError
    where it cannot), `table_of` the table of such an address for somebody, at most so many rows: one function for the
    page and the worker. `of_figures`: another generation in service would have other rows.
    """

    path: str
    title: str
    download: str
    address_of: Callable[[Context, str | None], str]
    table_of: Callable[[Context, Identity, str | None, int], Table | None]
    of_figures: bool = True

    @property
    def right(self) -> str:
        """What access.csv calls its export."""
        return f"{self.download}.data"


def register_saving(app: Dash, context: Context, download: str, store: str, table_of: TableOf) -> None:
    """Answer the choices of a page: `download` is its dcc.Download, `store` holds what it shows."""

    def save(shown: dict[str, Any], part: str, ending: str) -> Any:
        table = table_of(shown, part, most_rows(ending))
        return no_update if table is None else _sent_table(context, table, ending)

    _register(app, context, download, store, save)


def register_listing(app: Dash, context: Context, listing: Listing, store: str, others: TableOf | None = None) -> None:
    """Answer the choices of a page's list: a short one is sent at once, a long one is made by the worker.

    `others` gives the tables of the page's other parts, None for the list.
    """

    def save(shown: dict[str, Any], part: str, ending: str) -> Any:
        if others is not None and (other := others(shown, part, most_rows(ending))) is not None:
            return _sent_table(context, other, ending)
        table = listing.table_of(context, current(), shown.get("search"), AT_ONCE_ROWS + 1)
        if table is None:
            return no_update
        if len(table.rows) <= AT_ONCE_ROWS:
            return _sent_table(context, table, ending)
        try:
            address = listing.address_of(context, shown.get("search"))
            file, generation = f"{table.file_name}.{ending}", shown.get("generation")
            wanted = Wanted(listing.path, listing.right, listing.title, ending, address, generation, file)
            number = exports.ask(context, current(), wanted)
        except ExportError as error:
            set_props("failure", {"children": notice("No se puede preparar el archivo", html.P(str(error)))})
            return no_update
        set_props("failure", {"children": None})
        set_props("exports-pressed", {"data": number})
        return no_update

    _register(app, context, listing.download, store, save)


def _register(
    app: Dash, context: Context, download: str, store: str, answer: Callable[[dict[str, Any], str, str], Any]
) -> None:
    @app.callback(
        Output(download, "data"),
        Input({"part": ALL, "ending": ALL}, "n_clicks"),
        State(store, "data"),
        prevent_initial_call=True,
    )
    def save(clicks: list[int | None], shown: dict[str, Any] | None) -> Any:
        # The choices come with the page, unclicked.
        if not any(clicks) or not shown or not ctx.triggered_id or not ctx.triggered[0]["value"]:
            return no_update
        if not still_shown(context, shown):
            return no_update
        part, ending = str(ctx.triggered_id["part"]), str(ctx.triggered_id["ending"])
        return answer(shown, part, ending) if ending in _KINDS else no_update


def most_rows(ending: str) -> int:
    """Return how many rows a kind of file holds."""
    return _KINDS[ending][1]


def cut_says(rows: int, number: int) -> tuple[str, ...]:
    """Return what a file of so many rows says above them of a list that has more, a line each."""
    return (f"Las primeras {number_text(rows)} de {number_text(number)}",) if rows < number else ()


def written(table: Table, ending: str) -> bytes:
    """Return a table as a file of a kind."""
    return _KINDS[ending][0](table)


@contextmanager
def making() -> Iterator[None]:
    """Wait until few enough others make a file within this process."""
    with _MAKING:
        yield


def still_shown(context: Context, shown: dict[str, Any]) -> bool:
    """Tell whether the data in service are those that the page shows; if not, draw it anew and say so."""
    if shown.get("generation") == context.generation_in_service():
        return True
    says = html.P("La página ya muestra las cifras nuevas: revíselas y vuelva a guardar.")
    set_props("failure", {"children": notice("Hay datos nuevos: no se guardó nada", says)})
    # Any other number makes the page look again.
    set_props("clock", {"n_intervals": -1 - (context.generation_in_service() or 0)})
    return False


def register_pictures(app: Dash) -> None:
    """Let every chart be saved as a picture; the browser draws it. Once for all pages."""
    drawn = State({"drawn": ALL}, "data")
    in_browser(app, "savePicture", Input({"picture": ALL}, "n_clicks"), drawn, prevent_initial_call=True)


def sent_file(context: Context, name: str, content: bytes, ending: str, rows: int | None = None) -> dict[str, Any]:
    """Return what a dcc.Download takes: a file, the name it is saved under, and what it is.

    Who took it is written down first: no file without its entry in the audit.
    """
    me = current()
    facts = {} if rows is None else {"rows": rows}
    context.note(me.actor, Action.EXPORT, name, Result.DONE, bytes=len(content), **facts, masked=is_masked(me))
    encoded = b64encode(content).decode("ascii")
    return {"content": encoded, "filename": name, "type": MEDIA_TYPES[ending], "base64": True}


def is_masked(identity: Identity) -> bool:
    """Tell whether the files of somebody hide anything, for the audit."""
    mask = mask_of(identity)
    return any(mask.level(field) is not Level.FULL for field in Field)


def _sent_table(context: Context, table: Table, ending: str) -> dict[str, Any]:
    set_props("failure", {"children": None})
    with making():
        content = written(table, ending)
    return sent_file(context, f"{table.file_name}.{ending}", content, ending, rows=len(table.rows))
