"""The strip above every page when nothing has come from the exchange for too long: figures look whole and are old.

In: the generation in service, the time it is. Out: a strip, or nothing; invented data are never late.
"""

from __future__ import annotations

from datetime import UTC, datetime

from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from dashboard.components import icon
from dashboard.context import Context
from dashboard.filters import LOADS_PATH
from dashboard.security.access import CALLBACK, RIGHT
from dashboard.security.identity import allowed
from etl.settings import FRESH
from etl.warehouse import Generation, WarehouseError
from reports.format import moment_text
from reports.measured import local_time

_OUTPUT = "stale-warning.children"


def stale_place() -> list[Component]:
    """Return where the strip stands, for whoever is to see it."""
    return [html.Div(id="stale-warning", role="status")] if allowed(CALLBACK, _OUTPUT) else []


def register_stale_warning(app: Dash, context: Context) -> None:
    """Look now and then."""

    @app.callback(Output("stale-warning", "children"), Input("clock", "n_intervals"))
    def warn(_ticks: int | None) -> Component | None:
        if context.is_demo:
            return None
        try:
            with context.reading() as (generation, _):
                text = stale_text(generation, datetime.now(UTC))
        except WarehouseError:
            return None  # the page itself says what is the matter
        if text is None:
            return None
        todo: list[str | Component] = [" Avise a su supervisor(a)."]
        if allowed(RIGHT, "load_files"):
            todo = [" Vea si el registro de la central sigue llegando: ", dcc.Link("Cargas", href=LOADS_PATH), "."]
        strip: Component = html.Div([icon("alert-triangle"), html.Span([text, *todo])], className="warning stale")
        return strip


def stale_text(generation: Generation, now: datetime) -> str | None:
    """Return what is told of figures whose newest event is older than the examination of the site allows."""
    newest = max(generation.last_epochs.values(), default=None)
    if newest is None or now.timestamp() - newest <= FRESH.total_seconds():
        return None
    return f"Los datos llegan hasta el {moment_text(local_time(datetime.fromtimestamp(newest, UTC)))}."
