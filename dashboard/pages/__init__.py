"""PAGES, in menu order. A page is a module with what ``Page`` lists; who may open it stands in access.csv."""

from __future__ import annotations

from typing import Protocol

from dash import Dash
from dash.development.base_component import Component

from dashboard.context import Context
from dashboard.pages import (
    abandoned,
    accounts,
    audit,
    before_queue,
    bridge,
    calls,
    loads,
    month,
    operators,
    own_account,
    quality,
    service_level,
    setup,
)
from dashboard.saving import Listing


class Page(Protocol):
    """What a module of this folder has to offer."""

    PATH: str
    TITLE: str
    IN_MENU: bool

    def layout(self) -> Component:
        """Return the page before its figures are read."""

    def register_callbacks(self, app: Dash, context: Context) -> None:
        """Tell the app what the page answers."""


PAGES: tuple[Page, ...] = (
    month,
    service_level,
    operators,
    abandoned,
    bridge,
    before_queue,
    calls,
    quality,
    loads,
    setup,
    accounts,
    audit,
    own_account,
)
#: Lists that the worker saves where they are long, by the path of their page.
LISTINGS: dict[str, Listing] = {page.LISTING.path: page.LISTING for page in (calls, audit, abandoned, before_queue)}
