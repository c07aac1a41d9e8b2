"""The app: pages, one frame around them, and what every answer must obey.

In: a Context. Out: a Dash app whose pages ask nothing of any other server.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from html import escape
from pathlib import Path
from secrets import token_hex
from typing import Any, cast

import dash_mantine_components as dmc
from dash import Dash, Input, Output, dcc, html, set_props
from dash.development.base_component import Component
from flask import Flask, Response, abort, request
from werkzeug.exceptions import HTTPException

from dashboard.browser import in_browser
from dashboard.components import THEME, demo_strip, header, notice, page_title
from dashboard.context import Context
from dashboard.pages import PAGES
from dashboard.saving import register_pictures
from dashboard.server import is_loopback
from reports import terms

_LOG = logging.getLogger(__name__)
_INDEX = """<!DOCTYPE html>
<html lang="es-BO">
    <head>
        {%metas%}
        <title>{%title%}</title>
        <link rel="icon" type="image/svg+xml" href="/assets/favicon.svg">
        {%css%}
    </head>
    <body>
        <noscript>El sistema necesita JavaScript: actívelo en el navegador y vuelva a cargar la página.</noscript>
        {%app_entry%}
        <footer>
            {%config%}
            {%scripts%}
            {%renderer%}
        </footer>
    </body>
</html>"""
_PLAIN = """<!DOCTYPE html>
<html lang="es-BO">
    <head>
        <meta charset="UTF-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>{title}</title>
        <link rel="icon" type="image/svg+xml" href="/assets/favicon.svg">
        <link rel="stylesheet" href="/assets/callcenter.css">
    </head>
    <body><main class="plain"><h1>{heading}</h1><p>{says}</p>
        <p><a href="/">Ir a la página de inicio</a></p></main></body>
</html>"""
# Heading and text of each refusal; any other failure reads as 500.
_REFUSALS = {
    400: (
        "Pedido no válido",
        "El pedido no se entiende o no nombra a esta misma computadora: use http://127.0.0.1 o http://localhost.",
    ),
    404: ("Esta página no existe", "Revise la dirección: puede que esté mal escrita o que la página haya cambiado."),
    405: ("Pedido no válido", "Esta dirección no admite ese pedido."),
    413: ("Pedido demasiado grande", "El pedido supera el tamaño que el sistema acepta."),
    500: ("Algo falló", "El sistema no pudo responder. Vuelva a intentarlo; la causa quedó anotada en el servidor."),
}
_CHECK_EVERY_MS = 60_000  # how often an open page asks whether new data are in service
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def create_app(context: Context) -> Dash:
    """Return the app of a store, ready to be served on loopback."""
    server = Flask("callcenter", static_folder=None)
    server.before_request(_refuse_strangers)
    app = Dash(
        __name__,
        server=cast(Any, server),
        assets_folder=str(Path(__file__).parent / "assets"),
        pages_folder="",
        use_pages=False,
        serve_locally=True,
        suppress_callback_exceptions=True,
        include_pages_meta=False,
        index_string=_INDEX,
        title=page_title(PAGES[0].TITLE, demo=context.is_demo),
        update_title="",
        on_error=_report_failure,
        enable_mcp=False,
        add_log_handler=False,
    )
    app.layout = lambda: _frame(context)
    app.callback(Output("page", "children"), Input("location", "pathname"))(_page)
    in_browser(app, "setTitle", Output("title", "id"), Input("title", "data"))
    in_browser(app, "markPage", Output("menu", "id"), Input("location", "pathname"))
    in_browser(app, "watchScheme", Output("scheme", "data"), Input("location", "pathname"))
    register_pictures(app)
    for page in PAGES:
        page.register_callbacks(app, context)

    policy = _content_security_policy(app.csp_hashes())

    @server.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if not request.path.startswith(("/assets/", "/_dash-component-suites/")):
            response.headers["Cache-Control"] = "no-store"
        return response

    server.register_error_handler(HTTPException, _refusal)
    server.register_error_handler(Exception, _failure)
    return app


def _frame(context: Context) -> Component:
    """Return what stays while pages change."""
    frame: Component = dmc.MantineProvider(
        [
            dcc.Location(id="location", refresh="callback-nav"),
            dcc.Interval(id="clock", interval=_CHECK_EVERY_MS),
            dcc.Store(id="title"),
            dcc.Store(id="scheme"),
            header(terms.PRODUCT, [(page.TITLE, page.PATH) for page in PAGES if page.IN_MENU]),
            *([demo_strip()] if context.is_demo else []),
            html.Div(id="failure", role="alert"),
            html.Main(id="page", tabIndex=-1),
        ],
        theme=THEME,
        defaultColorScheme="auto",
    )
    return frame


def _page(path: str | None) -> Component:
    for page in PAGES:
        if path == page.PATH:
            return page.layout()
    heading, says = _REFUSALS[404]
    return notice(heading, [html.P(says), html.P(dcc.Link("Ir a la página de inicio", href="/"))], heading=1)


def _report_failure(error: Exception) -> None:
    """Tell the user that a page could not be filled, and the log why; the same mark stands in both."""
    mark = token_hex(4)
    _LOG.error("callback failed, mark %s", mark, exc_info=error)
    text = f"Vuelva a cargar la página. Si se repite, avise a quien administra el sistema y mencione la marca {mark}."
    set_props("failure", {"children": notice("El sistema no pudo mostrar esta página", html.P(text))})


def _content_security_policy(hashes: Sequence[str]) -> str:
    """Return what a page may load: its own files and nothing else.

    Mantine and AG Grid write style elements, AG Grid has its icons as data, plotly draws a picture to be saved from a
    blob of the page's own.
    """
    rules = {
        "default-src": "'self'",
        "script-src": " ".join(["'self'", *hashes]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _refuse_strangers() -> None:
    """Refuse a request that does not name this computer (another site's name led here), and a page that is not ours."""
    if not is_loopback(request.headers.get("Host", "")):
        abort(400)
    if request.path not in {page.PATH for page in PAGES} and not request.path.startswith(("/_dash-", "/assets/")):
        abort(404)


def _refusal(error: HTTPException) -> Response:
    code = error.code or 500
    if code < 400:
        return Response(error.get_body(), code, error.get_headers())
    return _plain(code)


def _failure(error: Exception) -> Response:
    _LOG.error("request failed", exc_info=error)
    return _plain(500)


def _plain(code: int) -> Response:
    """Return the page of a refusal, which needs no JavaScript."""
    heading, says = _REFUSALS.get(code, _REFUSALS[500])
    title = f"{heading} · {terms.PRODUCT}"
    return Response(_PLAIN.format(title=escape(title), heading=escape(heading), says=escape(says)), code)
