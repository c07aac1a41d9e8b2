"""Until when the log reaches, at the head of every page, marked where that is long ago.

In: a generation, or the context alone. Out: one component, the same everywhere; pages that read no generation have a
place that a callback fills. Invented data are never late. The strip for everybody is dashboard.stale_warning.
"""

from __future__ import annotations

from datetime import UTC, datetime

from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from dashboard.components import fresh
from dashboard.context import Context
from etl.warehouse import Generation, WarehouseError
from reports.freshness import Freshness, freshness


def time_of(context: Context) -> datetime | None:
    """Return the time by which data are late; None in a store of invented ones."""
    return None if context.is_demo else datetime.now(UTC)


def fresh_badge(context: Context, generation: Generation) -> Component:
    """Return until when a generation reaches."""
    return drawn(freshness(generation, time_of(context)))


def drawn(found: Freshness, title: str | None = None) -> Component:
    """Return the component of what was found; `title` tells more to who points at it."""
    return fresh(found.text, old=bool(found.old), title=title)


def fresh_place() -> Component:
    """Return where it stands on a page that reads no generation by itself."""
    return html.Div(id="fresh-place", className="fresh")


def register_freshness(app: Dash, context: Context) -> None:
    """Fill that place now and then."""

    @app.callback(Output("fresh-place", "children"), Input("clock", "n_intervals"))
    def tell(_ticks: int | None) -> Component | None:
        try:
            with context.reading() as (generation, _):
                return fresh_badge(context, generation)
        except WarehouseError:
            return None  # the page itself says what is the matter
