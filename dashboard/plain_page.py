"""The shell of a page that needs no JavaScript: signing in, and whatever is refused.

In: a title and the HTML of the body. Out: the page as text.
"""

from __future__ import annotations

from html import escape

from reports import terms

_PAGE = """<!DOCTYPE html>
<html lang="es-BO">
    <head>
        <meta charset="UTF-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>{title}</title>
        <link rel="icon" type="image/svg+xml" href="/assets/favicon.svg">
        <link rel="stylesheet" href="/assets/callcenter.css">
    </head>
    <body>{body}</body>
</html>"""


def plain_page(title: str, body: str) -> str:
    """Return a page with the product's name after its title; `body` is HTML, the title is escaped here."""
    return _PAGE.format(title=escape(f"{title} · {terms.PRODUCT}"), body=body)
