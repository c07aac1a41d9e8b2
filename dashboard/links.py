"""What is offered to whoever asks: links to pages they may open, files they may take. The door itself decides.

In: where a link leads, or the choices of a part. Out: the link, or its text alone; the choices, or nothing.
"""

from __future__ import annotations

from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboard import components, filters
from dashboard.components import Children
from dashboard.filters import CALLS_PATH, LOADS_PATH, QUALITY_PATH, SETUP_PATH, Filters
from dashboard.security.access import PAGE, RIGHT, may
from dashboard.security.identity import who
from reports.definition import Period


def calls_href(asked: Filters, indicator: str) -> str | None:
    """Return the address of the calls behind a figure, None for who may not open them."""
    return filters.calls_address(asked, indicator) if _offered(PAGE, CALLS_PATH) else None


def may_open_calls() -> bool:
    """Tell whether whoever asks may open single calls."""
    return _offered(PAGE, CALLS_PATH)


def calls_link(text: str, asked: Filters, indicator: str, class_name: str = "") -> Component | str:
    """Return a number that opens its calls, or the number alone."""
    href = calls_href(asked, indicator)
    if href is None:
        return text
    link: Component = dcc.Link(text, href=href, className=class_name)
    return link


def bridge_link(text: str, asked: Filters, code: str) -> Component | str:
    """Return a number of the comparison with Asternic that opens its calls, or the number alone."""
    if not _offered(PAGE, CALLS_PATH):
        return text
    link: Component = dcc.Link(text, href=filters.bridge_calls_address(asked, code), className="figure-link")
    return link


def saving(*parts: Any, **options: Any) -> Component | None:
    """Return the choice of files of a part (components.saving), None for who may take none."""
    return components.saving(*parts, **options) if may_export() else None


def may_export() -> bool:
    """Tell whether files are offered to whoever asks."""
    return _offered(RIGHT, "export")


def setup_link(text: str) -> Component | None:
    """Return the way to where queues get their lines, None for who may not assign them."""
    link: Component | None = dcc.Link(text, href=SETUP_PATH) if _offered(RIGHT, "edit_mapping") else None
    return link


def quality_href(period: Period, **words: str) -> str | None:
    """Return the address of the quality of a period's data, None for who may not open it."""
    return filters.quality_address(period, **words) if _offered(PAGE, QUALITY_PATH) else None


def loads_link(text: str) -> Component | None:
    """Return the way to the loads, None for who may not open them."""
    link: Component | None = dcc.Link(text, href=LOADS_PATH) if _offered(PAGE, LOADS_PATH) else None
    return link


def no_data() -> Component:
    """Return what a page says while nothing was ever loaded: to each what they can do about it."""
    told: list[Component] = [html.P("El sistema todavía no tiene ningún registro de la central.")]
    if _offered(RIGHT, "load_files"):
        says: Children = ["Envíe uno en ", dcc.Link("Cargas", href=LOADS_PATH), "."]
        told.append(html.P(says))
    elif _offered(RIGHT, "manage_accounts"):
        told += [
            html.P("Lo envía un supervisor(a) o la Jefatura en la página Cargas; en el servidor, desde una terminal:"),
            components.command("callcenter ingest queue_log"),
        ]
    else:
        told.append(html.P("Pida a su supervisor(a) que lo cargue."))
    told.append(html.P("Esta página se llena sola, en menos de un minuto, cuando termine la carga."))
    return components.notice("Todavía no hay datos", told, heading=1)


def _offered(kind: str, name: str) -> bool:
    """Tell whether something is offered: outside of any request there is nobody to keep it from."""
    identity = who()
    return identity is None or may(identity.role, kind, name)
