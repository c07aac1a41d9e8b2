"""The strip above every page when the newest backup is too old, for whoever has to see to it.

In: the site's folder of backups. Out: a strip, or nothing; a demonstration has nothing to lose.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from threading import Lock

from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from dashboard.components import warning_strip
from dashboard.context import Context
from dashboard.security.access import CALLBACK
from dashboard.security.identity import allowed

_OUTPUT = "backup-warning.children"
#: The folder may lie on another machine: it is not asked for every page that somebody opens.
_KNOWN_SECONDS = 30.0


def backup_place() -> list[Component]:
    """Return where the strip stands, for whoever is to see it."""
    return [html.Div(id="backup-warning", role="alert")] if allowed(CALLBACK, _OUTPUT) else []


def register_backup_warning(app: Dash, context: Context) -> None:
    """Look now and then."""
    known = _Known(context)

    @app.callback(Output("backup-warning", "children"), Input("clock", "n_intervals"))
    def warn(_ticks: int | None) -> Component | None:
        text = known.text()
        return warning_strip(text) if text else None


class _Known:
    """What was said of the backups, for a while."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = Lock()
        self._until = 0.0
        self._text: str | None = None

    def text(self) -> str | None:
        with self._lock:
            if time.monotonic() >= self._until:
                self._text = self._look()
                self._until = time.monotonic() + _KNOWN_SECONDS
            return self._text

    def _look(self) -> str | None:
        if self._context.is_demo:
            return None
        from etl.safekeeping.rotation import backup_warning

        found = backup_warning(self._context.settings, datetime.now(UTC).replace(tzinfo=None))
        return f"{found}: avise a quien administra el sistema." if found else None
