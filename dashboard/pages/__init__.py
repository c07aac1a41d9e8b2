"""PAGES, in menu order. A page is a module with PATH, TITLE, ROLES, layout() and register_callbacks(app, context)."""

from __future__ import annotations

from typing import Protocol

from dash import Dash
from dash.development.base_component import Component

from dashboard.context import Context
from dashboard.pages import month


class Page(Protocol):
    """What a module of this folder has to offer."""

    PATH: str
    TITLE: str
    ROLES: tuple[str, ...]

    def layout(self) -> Component:
        """Return the page before its figures are read."""

    def register_callbacks(self, app: Dash, context: Context) -> None:
        """Tell the app what the page answers."""


PAGES: tuple[Page, ...] = (month,)
