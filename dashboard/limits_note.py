"""The quiet note above figures that rest on a source which cannot tell everything.

In: a cursor, what the page shows figures of. Out: a note with the exact share and a link to the quality of the data, or
nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dash import dcc
from dash.development.base_component import Component

from dashboard import links
from dashboard.components import note
from dashboard.context import Cursor
from reports.definition import Period
from reports.limits import limits_of, suffering

#: What Inicio, Nivel de servicio and Llamadas show of what a source may lose (``LogSource.losses``).
SHOWN = ("wait", "cause", "talk", "did")
#: What the other pages show of it.
BRIDGE = ("wait", "cause", "transfers", "did", "visits")
OPERATORS = ("talk", "rings", "sessions")
ABANDONED = ("wait", "cause", "transfers", "did", "visits", "position", "hangup")


def limits_notes(
    cursor: Cursor, period: Period, lines: Sequence[str] = (), shown: Collection[str] = SHOWN
) -> list[Component]:
    """Return a note for each lossy source that lines of the period come from, if a figure shown suffers from it."""
    notes = []
    for limit in limits_of(cursor, period, lines):
        figures = suffering(limit.source.losses, shown)
        if not figures or not limit.lines:
            continue
        href = links.quality_href(period)
        way: list[str | Component] = [" ", dcc.Link("Qué no guarda", href=href)] if href else []
        of_lines = " (de las colas de las líneas elegidas)" if lines else ""
        notes.append(note([f"{limit.says}{of_lines}. Afecta: {', '.join(figures)}.", *way]))
    return notes
