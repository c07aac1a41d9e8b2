"""The app: pages, one frame around them, and what every answer must obey.

In: a Context. Out: a Dash app whose pages ask nothing of any other server.
"""

from __future__ import annotations

import logging
from html import escape
from pathlib import Path
from secrets import token_hex
from typing import Any, cast

import dash_mantine_components as dmc
from dash import Dash, Input, Output, dcc, html, set_props
from dash.development.base_component import Component
from dash.exceptions import DependencyException
from flask import Flask, Response, request
from flask_wtf.csrf import generate_csrf
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from dashboard.backup_warning import backup_place, register_backup_warning
from dashboard.browser import in_browser
from dashboard.components import THEME, demo_strip, header, notice, page_title
from dashboard.context import Context
from dashboard.failures import places_of
from dashboard.file_strip import register_strip, strip_place
from dashboard.freshness import register_freshness
from dashboard.pages import PAGES, own_account
from dashboard.people.accounts import Identity
from dashboard.plain_page import plain_page
from dashboard.saving import register_pictures
from dashboard.security import single_sign_on
from dashboard.security.access import PAGE, may
from dashboard.security.callbacks import answer_with
from dashboard.security.door import PASSWORD, SIGN_IN, SIGN_OUT, Door, guard, refused, wants_page
from dashboard.security.headers import SessionsOfPages, content_security_policy, protect
from dashboard.security.identity import allowed, who
from dashboard.security.sign_in import SignInPage, register_sign_in
from dashboard.stale_warning import register_stale_warning, stale_place
from etl.store import is_busy, is_no_space
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
_PLAIN = """<main class="plain"><h1>{heading}</h1><p>{says}</p>
        <p><a href="/">Ir a la página de inicio</a></p></main>"""
_PLAIN_MENU = """<header class="top"><div class="product"><span>{product}</span></div>
        <nav id="menu" aria-label="Páginas">{links}</nav></header>"""
# Heading and text of each refusal; any other failure reads as 500.
_REFUSALS = {
    400: ("Pedido no válido", "El pedido no se entiende, o no nombra a este servidor como corresponde."),
    401: ("Ingrese al sistema", "La sesión terminó o no hay ninguna."),
    403: ("No tiene permiso", "Su cuenta no abre esta página. Si la necesita, pídala a quien administra las cuentas."),
    404: ("Esta página no existe", "Revise la dirección: puede que esté mal escrita o que la página haya cambiado."),
    405: ("Pedido no válido", "Esta dirección no admite ese pedido."),
    411: ("Pedido no válido", "El pedido no dice cuánto mide."),
    413: ("Pedido demasiado grande", "El pedido supera el tamaño que el sistema acepta."),
    415: ("Pedido no válido", "El pedido no viene en la forma que el sistema entiende."),
    503: ("El sistema está ocupado", "Otro trabajo ocupa los registros: vuelva a intentarlo en un rato."),
    507: (
        "El disco del servidor está lleno",
        "No se guardó nada. Avise a quien administra el sistema: hace falta liberar espacio.",
    ),
    500: ("Algo falló", "El sistema no pudo responder. Vuelva a intentarlo; la causa quedó anotada en el servidor."),
}
#: What a browser sends by itself, and shows the answer of.
_FORMS = (SIGN_IN, SIGN_OUT, PASSWORD)
#: The callback that takes a file.
UPLOAD = "uploads-answer.children"
_CHECK_EVERY_MS = 60_000  # how often an open page asks whether new data are in service


def create_app(context: Context, door: Door) -> Dash:
    """Return the app of a store behind its door. AccessError when a page or callback has no row in access.csv."""
    server = Flask("callcenter", static_folder=None)
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
    register_backup_warning(app, context)
    register_stale_warning(app, context)
    register_freshness(app, context)
    register_strip(app, context)
    for page in PAGES:
        page.register_callbacks(app, context)
    paths = tuple(page.PATH for page in PAGES)
    by_site = single_sign_on.is_set(context.settings)
    public = (single_sign_on.START, single_sign_on.BACK) if by_site else ()
    limits = guard(app, context, door, paths, upload=UPLOAD, public=public)
    forms = SignInPage(context, paths, single_sign_on.button(context.settings) if by_site else "")
    register_sign_in(server, door, limits, forms)
    if by_site:
        single_sign_on.register_single_sign_on(server, context, door, limits, forms)
    policy = content_security_policy(app.csp_hashes())
    server.session_interface = SessionsOfPages()
    server.after_request(lambda response: protect(response, policy, tls=door.tls))
    server.register_error_handler(HTTPException, _refusal)
    server.register_error_handler(DependencyException, lambda _: _plain(404))  # a file that no component has
    server.register_error_handler(Exception, _failure)
    return app


def _frame(context: Context) -> Component:
    """Return what stays while pages change, for whoever asks."""
    me = who()
    if me is None:  # Dash looks at it once by itself; the door lets nobody else this far
        return html.Div()
    menu = _menu(me)
    frame: Component = dmc.MantineProvider(
        [
            dcc.Location(id="location", refresh="callback-nav"),
            dcc.Interval(id="clock", interval=_CHECK_EVERY_MS),
            dcc.Store(id="title"),
            dcc.Store(id="scheme"),
            header(terms.PRODUCT, menu, _account(me)),
            *([demo_strip()] if context.is_demo else []),
            *backup_place(),
            *stale_place(),
            *strip_place(),
            html.Div(id="failure", role="alert"),
            html.Div(id="refusal", role="alert", className="refused", hidden=True),
            html.Main(id="page", tabIndex=-1),
        ],
        theme=THEME,
        defaultColorScheme="auto",
    )
    return frame


def _menu(me: Identity) -> list[tuple[str, str]]:
    """Return title and path of the pages in somebody's menu."""
    shown = [page for page in PAGES if page.IN_MENU and may(me.role, PAGE, page.PATH)]
    return [(terms.IN_MENU.get(page.TITLE, page.TITLE), page.PATH) for page in shown]


def _page(path: str | None) -> Component:
    for page in PAGES:
        if path == page.PATH:
            return page.layout() if allowed(PAGE, page.PATH) else _no_page(403)
    return _no_page(404)


def _no_page(code: int) -> Component:
    heading, says = _REFUSALS[code]
    return notice(heading, [html.P(says), html.P(dcc.Link("Ir a la página de inicio", href="/"))], heading=1)


def _account(me: Identity) -> Component:
    """Return who is signed in, and the way out."""
    token = dcc.Input(type="hidden", name="csrf_token", value=generate_csrf(), id="sign-out-token")
    name = dcc.Link(me.full_name, href=own_account.PATH, title="Mi cuenta: contraseña y sesiones")
    leave: Component = html.Form(
        [name, token, html.Button("Salir", type="submit")],
        action=SIGN_OUT, method="post", className="account",
    )  # fmt: skip
    return leave


def _report_failure(error: Exception) -> None:
    """Tell the user that a page could not be filled, and the log why; the same mark stands in both."""
    mark = token_hex(4)
    _LOG.error("callback failed, mark %s: %s", mark, places_of(error))
    if code := _unwritable(error):
        heading, says = _REFUSALS[code]
        answer_with(code)
        set_props("failure", {"children": notice(heading, html.P(says))})
        return
    answer_with(500)
    text = f"Vuelva a cargar la página. Si se repite, avise a quien administra el sistema y mencione la marca {mark}."
    set_props("failure", {"children": notice("El sistema no pudo mostrar esta página", html.P(text))})


def _refusal(error: HTTPException) -> Response:
    code = error.code or 500
    if code < 400:
        return Response(error.get_body(), code, error.get_headers())
    response = _plain(code)
    if code == 411:
        response.headers["Connection"] = "close"
    return response


def _failure(error: Exception) -> Response:
    mark = token_hex(4)
    _LOG.error("request failed, mark %s: %s", mark, places_of(error))
    return _plain(code) if (code := _unwritable(error)) else _plain(500, mark)


def _unwritable(error: Exception) -> int:
    """Return the status that says why nothing can be written, 0 where an error says nothing of that."""
    # Of the database its own words alone: the statement may hold anything.
    said = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(error, DBAPIError | OSError) or not isinstance(said, Exception):
        return 0
    return 507 if is_no_space(said) else 503 if is_busy(said) else 0


def _plain(code: int, mark: str = "") -> Response:
    """Return a refusal: a page, which needs no JavaScript, to whoever looks at one, else JSON."""
    heading, says = _REFUSALS.get(code, _REFUSALS[500])
    if mark:
        says += f" Marca: {mark}."
    is_form = request.path in _FORMS and "text/html" in request.headers.get("Accept", "")
    if not (wants_page() or is_form):
        return refused(code, f"{heading}. {says}", **({"id": mark} if mark else {}))
    me = who() if code in (403, 404) else None  # what else fails may be what tells who asks
    links = "".join(f'<a href="{path}">{escape(title)}</a>' for title, path in (_menu(me) if me else []))
    menu = _PLAIN_MENU.format(product=escape(terms.PRODUCT), links=links) if me and not me.must_change else ""
    return Response(plain_page(heading, menu + _PLAIN.format(heading=escape(heading), says=escape(says))), code)
