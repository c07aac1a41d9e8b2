"""The strip above every page when nothing has come from an exchange for too long: figures look whole and are old.

In: the generation in service, the time it is. Out: a strip, or nothing; invented data are never late.
"""

from __future__ import annotations

from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from dashboard.components import icon
from dashboard.context import Context
from dashboard.filters import LOADS_PATH
from dashboard.freshness import time_of
from dashboard.security.access import CALLBACK, RIGHT
from dashboard.security.identity import allowed
from etl.warehouse import WarehouseError
from reports.freshness import freshness

_OUTPUT = "stale-warning.children"


def stale_place() -> list[Component]:
    """Return where the strip stands, for whoever is to see it."""
    return [html.Div(id="stale-warning", role="status")] if allowed(CALLBACK, _OUTPUT) else []


def register_stale_warning(app: Dash, context: Context) -> None:
    """Look now and then."""

    @app.callback(Output("stale-warning", "children"), Input("clock", "n_intervals"))
    def warn(_ticks: int | None) -> Component | None:
        try:
            with context.reading() as (generation, _):
                found = freshness(generation, time_of(context))
        except WarehouseError:
            return None  # the page itself says what is the matter
        if not found.old:
            return None
        todo: list[str | Component] = [" Avise a su supervisor(a)."]
        if allowed(RIGHT, "load_files"):
            todo = [" Vea si el registro de la central sigue llegando: ", dcc.Link("Cargas", href=LOADS_PATH), "."]
        strip: Component = html.Div(
            [icon("alert-triangle"), html.Span([found.old_text, *todo])], className="warning stale"
        )
        return strip
