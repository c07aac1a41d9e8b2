"""Callbacks that run in the browser: functions of assets/callcenter.js.

In: an app, the function's name, what it is called with. Out: nothing.
"""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash


def in_browser(app: Dash, function: str, *dependencies: Any, **options: Any) -> None:
    """Let the browser answer a callback itself."""
    answer: Any = app.clientside_callback  # Dash gives it no types
    answer(ClientsideFunction("callcenter", function), *dependencies, **options)
