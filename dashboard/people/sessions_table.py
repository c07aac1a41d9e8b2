"""The sessions of an account as a table, on the page of the accounts and on one's own.

In: sessions. Out: a component.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from dash.development.base_component import Component

from dashboard import components
from dashboard.components import Children
from dashboard.people.administration import SessionShown
from reports import terms

#: What a browser calls itself, in the order in which it is looked for: most also claim to be those below.
_BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
_SYSTEMS = {"Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows", "Mac OS": "Mac",
            "Linux": "Linux"}  # fmt: skip
_LONGEST = 40


def sessions_table(sessions: Sequence[SessionShown], end: Callable[[SessionShown], Children] | None) -> Component:
    """Return the table; `end` gives what stands before a row, where a session may be ended."""
    headings = terms.SESSION_COLUMNS if end else terms.SESSION_COLUMNS[1:]
    rows: list[list[Children]] = [
        [
            *([end(each)] if end else []), _moment(each.started_at), _moment(each.seen_at),
            each.address or terms.BLANK, browser_text(each.browser),
        ]
        for each in sessions
    ]  # fmt: skip
    return components.table(headings, rows)


def browser_text(agent: str) -> str:
    """Return what a browser says of itself as people know it: "Chrome 156, Windows"; else its beginning."""
    name = next((name for name in _BROWSERS if f"{name}/" in agent), None)
    system = next((text for sign, text in _SYSTEMS.items() if sign in agent), "")
    if name is None:
        return agent[:_LONGEST] or terms.BLANK
    version = re.search(rf"(?:Version|{name})/([0-9]+)" if name == "Safari" else rf"{name}/([0-9]+)", agent)
    return ", ".join(filter(None, (f"{_BROWSERS[name]} {version[1] if version else ''}".strip(), system)))


def _moment(at: datetime) -> str:
    """Return an instant without its year: no session lasts longer than some hours."""
    return f"{at:%d/%m %H:%M}"
