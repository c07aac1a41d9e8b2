"""Saving what a page shows: its tables as Excel and CSV, its charts as pictures.

In: the choices that components.saving draws, and what a page's parts hold. Out: files, made of the address shown.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, html, no_update, set_props

from dashboard.browser import in_browser
from dashboard.components import notice
from dashboard.context import Context
from dashboard.security.identity import current
from etl.records.audit import Action, Result
from reports.export import Table, csv_bytes, xlsx_bytes


@dataclass(frozen=True)
class _Kind:
    """A kind of file; `most_rows` is what it holds and is made of within some seconds."""

    write: Callable[[Table], bytes]
    media_type: str
    most_rows: int


_KINDS = {
    "xlsx": _Kind(xlsx_bytes, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", 100_000),
    "csv": _Kind(csv_bytes, "text/csv", 1_000_000),
}


#: Files made at the same time, lest they keep the pages of everybody waiting.
_MAKING = BoundedSemaphore(2)
# The state of a page as its store holds it, one of its parts, how many rows the file takes; None for a part that the
# page does not have.
TableOf = Callable[[dict[str, Any], str, int], Table | None]


def register_saving(app: Dash, context: Context, download: str, store: str, table_of: TableOf) -> None:
    """Answer the choices of a page: `download` is its dcc.Download, `store` holds what it shows."""

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
        if ending not in _KINDS:
            return no_update
        table = table_of(shown, part, _KINDS[ending].most_rows)
        if table is None:
            return no_update
        set_props("failure", {"children": None})
        with _MAKING:
            content = _KINDS[ending].write(table)
        return sent_file(context, f"{table.file_name}.{ending}", content, ending, rows=len(table.rows))


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


def sent_file(context: Context, name: str, content: bytes, ending: str, **facts: int) -> dict[str, Any]:
    """Return what a dcc.Download takes: a file, the name it is saved under, and what it is.

    Who took it is written down first: no file without its entry in the audit.
    """
    context.note(current().actor, Action.EXPORT, name, Result.DONE, bytes=len(content), **facts)
    encoded = b64encode(content).decode("ascii")
    return {"content": encoded, "filename": name, "type": _KINDS[ending].media_type, "base64": True}
