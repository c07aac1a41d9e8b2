"""The strip above every page when the newest backup is too old, for whoever has to see to it.

In: the site's folder of backups. Out: a strip, or nothing; a demonstration has nothing to lose.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from threading import Event, Lock, Thread

from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from dashboard.components import warning_strip
from dashboard.context import Context
from dashboard.security.access import CALLBACK
from dashboard.security.identity import allowed

_LOG = logging.getLogger(__name__)
_OUTPUT = "backup-warning.children"
#: The folder may lie on another machine: it is not asked for every page that somebody opens, and never waited for, but
#: by whoever asks first, for a moment.
_KNOWN_SECONDS = 30.0
_FIRST_SECONDS = 1.0
#: From when on a folder that has not told what it holds is told of itself.
_SILENT_SECONDS = 120.0
_SILENT = "La carpeta de respaldos no responde"


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
    """What was said of the backups, for a while: a thread looks, nobody else."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = Lock()  # over these fields, never over a look
        self._asked = Event()
        self._looking_since: float | None = None
        self._until = 0.0
        self._text: str | None = None

    def text(self) -> str | None:
        """Return the last that is known."""
        if self._context.is_demo:
            return None
        with self._lock:
            now = time.monotonic()
            is_first = self._until == 0.0 and self._looking_since is None
            if self._looking_since is None and now >= self._until:
                self._looking_since = now
                Thread(target=self._look, name="backup-warning", daemon=True).start()
        if is_first:
            self._asked.wait(_FIRST_SECONDS)
        with self._lock:
            since = self._looking_since
            silent = since is not None and time.monotonic() - since >= _SILENT_SECONDS
            return _told(_SILENT) if silent else self._text

    def _look(self) -> None:
        from etl.safekeeping.rotation import backup_warning

        text = self._text
        try:
            found = backup_warning(self._context.settings, datetime.now(UTC).replace(tzinfo=None))
            text = _told(found) if found else None
        except OSError as error:  # the disk is gone, or not ours to read
            _LOG.warning("the folder of backups was not read: %s", type(error).__name__)
            text = _told(_SILENT)
        finally:
            with self._lock:
                self._text, self._looking_since = text, None
                self._until = time.monotonic() + _KNOWN_SECONDS
            self._asked.set()


def _told(text: str) -> str:
    return f"{text}: avise a quien administra el sistema."
