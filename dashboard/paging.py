"""The pages of a long list: which one an address asks for, and the way to the others.

In: the word of an address, how many rows there are, the address of a page. Out: numbers, a part of the page.
"""

from __future__ import annotations

from collections.abc import Callable

from dash import dcc, html
from dash.development.base_component import Component

from dashboard.components import aria
from reports.format import number_text

#: Rows on a page of a list.
PAGE_ROWS = 100


def page_asked(text: str | None) -> int:
    """Return the page that a word of an address asks for; what is no page is the first."""
    return max(1, int(text)) if text and text.isascii() and text.isdigit() and len(text) < 10 else 1


def page_shown(text: str | None, number: int, size: int = PAGE_ROWS) -> tuple[int, int]:
    """Return the page that is shown of a list of so many rows, and how many there are; beyond the last is the last."""
    pages = max(1, -(-number // size))
    return min(page_asked(text), pages), pages


def page_links(page: int, pages: int, href: Callable[[int], str | None]) -> list[Component]:
    """Return where we are in a list and the way to its other pages; nothing where there is but one.

    `href` gives the address of a page, None for who may not open it.
    """
    if pages == 1:
        return []

    def to(text: str, other: int) -> Component | None:
        address = href(other) if 1 <= other <= pages and other != page else None
        return dcc.Link(text, href=address) if address is not None else None

    here = html.Span(f"Página {number_text(page)} de {number_text(pages)}", className="quiet")
    steps = [to("Primera", 1), to("Anterior", page - 1), here, to("Siguiente", page + 1), to("Última", pages)]
    return [html.Nav([step for step in steps if step is not None], className="pages", **aria(label="Páginas"))]
