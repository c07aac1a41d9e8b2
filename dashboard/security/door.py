"""The door of the server: every request is judged here before anything answers it, and refused unless it is allowed.

In: an app, its context, and what the door rests on (secret, trusted names, TLS). Out: requests with an identity that
may, everything else refused: 302 to the sign-in page for a page, 401, 403, 400, 411, 413, 415 or 429 for the rest.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from dash import Dash
from flask import Flask, Response, abort, jsonify, make_response, redirect, request
from flask_wtf.csrf import CSRFError, CSRFProtect, generate_csrf
from werkzeug.exceptions import HTTPException
from werkzeug.sansio.http import parse_cookie

from dashboard.context import Context
from dashboard.people.accounts import Identity
from dashboard.security.access import CALLBACK, EXPORT, PAGE, RIGHT, access, require_rows
from dashboard.security.callbacks import NotACallback, called
from dashboard.security.identity import holder, register_identity, who
from dashboard.security.limits import Limits
from dashboard.serving.whole_requests import LargeBodies
from dashboard.site.secret import weakness
from etl.records.audit import Action, Result

_LOG = logging.getLogger(__name__)
SIGN_IN, SIGN_OUT, PASSWORD, HEALTH = "/login", "/logout", "/password", "/healthz"
CALLBACKS = "/_dash-update-component"
#: Files that the worker made; each is its asker's alone (dashboard.file_strip).
FILES = "/archivos/"
_FILE = re.compile(re.escape(FILES) + "[0-9]{1,9}")
#: What the sign-in page needs before anybody is known.
PUBLIC = frozenset({
    SIGN_IN, HEALTH, "/assets/callcenter.css", "/assets/favicon.svg", "/assets/inter/inter-latin-wght-normal.woff2",
})  # fmt: skip
#: What Dash and its pages fetch besides pages; it answers any other path with its own page.
_FRAME = frozenset({"/_dash-layout", "/_dash-dependencies", CALLBACKS})
_FRAME_FILES = re.compile("/(assets|_dash-component-suites)/.+")
_BODY_BYTES = 256 * 1024
#: A file of 20 MB, written as Dash sends it (base64), with what stands around it.
UPLOAD_BODY_BYTES = 28 * 1024 * 1024 + _BODY_BYTES
#: A name or an address of version 4, or one of version 6 in its brackets; and a port.
_HOST = re.compile(r"(?P<name>\[[0-9a-f.]*:[0-9a-f:.]*\]|[^\s:@/\[\]]+)(:[0-9]{1,5})?")


class DoorError(Exception):
    """The door would not hold: the message says what is weak."""


@dataclass(frozen=True)
class Door:
    """What the door rests on: the secret that signs, the names this server answers to, whether it speaks TLS."""

    secret: str
    hosts: tuple[str, ...]
    tls: bool

    def __post_init__(self) -> None:
        """Refuse a secret that could be guessed. DoorError."""
        if why := weakness(self.secret):
            raise DoorError(f"La clave secreta del servidor es débil: {why}.")

    @property
    def cookie(self) -> str:
        """Return the name of the session's cookie: with TLS one that no other server of the domain can write."""
        return self._host_only("sid")

    @property
    def csrf_cookie(self) -> str:
        """Return the name of the cookie that a form's token is compared with."""
        return self._host_only("csrf")

    def _host_only(self, name: str) -> str:
        return f"__Host-{name}" if self.tls else name

    def trusts(self, host: str) -> bool:
        """Tell whether a request's Host names this server, with any port."""
        read = _HOST.fullmatch(host.casefold())
        return read is not None and read["name"].strip("[]") in self.hosts


def guard(
    app: Dash, context: Context, door: Door, paths: tuple[str, ...], upload: str, public: tuple[str, ...] = ()
) -> Limits:
    """Put the door before everything the server answers. `upload` is the callback that takes a file, `public` more
    paths that anybody reaches.

    Raises AccessError when a page or callback has no row in access.csv.
    """
    server: Flask = app.server
    server.config.update(
        SECRET_KEY=door.secret,
        SESSION_COOKIE_NAME=door.csrf_cookie,
        SESSION_COOKIE_SECURE=door.tls,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=UPLOAD_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=_BODY_BYTES,
        LARGE_BODIES=LargeBodies(_BODY_BYTES, lambda cookies: _may_send_file(context, door, upload, cookies)),
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
        WTF_CSRF_CHECK_DEFAULT=False,  # told below, in the order that matters
    )
    limits = Limits()
    protection = CSRFProtect(server)
    register_identity(server, context, door.cookie)
    require_rows(access(), app.callback_map.items(), paths)

    @server.before_request
    def judge() -> Any:
        _judge_form(door)
        if request.path in PUBLIC or request.path in public:
            if request.method == "POST":
                protection.protect()
            return None
        identity = who()
        if identity is None:
            return _nobody(paths)
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            protection.protect()
        if request.path == SIGN_OUT and request.method != "POST":  # Dash would answer with a page
            abort(405)
        if request.path in (SIGN_OUT, PASSWORD):
            return None
        if identity.must_change:
            return _must_change(paths)
        if request.path == CALLBACKS:
            return _judge_callback(app, context, identity, limits, upload)
        if request.path in paths:
            if not access().may(identity.role, PAGE, request.path):
                _note_denied(context, limits, identity, f"{PAGE} {request.path}")
                abort(403)
        elif _FILE.fullmatch(request.path) and request.method in ("GET", "HEAD"):
            if not access().may(identity.role, RIGHT, "export"):
                _note_denied(context, limits, identity, f"{RIGHT} export")
                abort(403)
        elif not _is_frame(request.path):
            abort(404)
        return None

    @server.after_request
    def hand_token(response: Response) -> Response:
        # Dash sends it back with every callback.
        if response.mimetype == "text/html" and response.status_code == 200 and who() is not None:
            response.set_cookie("_csrf_token", generate_csrf(), secure=door.tls, samesite="Lax")
        return response

    server.register_error_handler(CSRFError, _refused_token)
    return limits


def refused(code: int, says: str, **more: Any) -> Response:
    """Return a refusal as JSON, for what is no page."""
    response: Response = jsonify({"error": says, **more})
    response.status_code = code
    return response


def wants_page() -> bool:
    """Tell whether a person is looking: a browser that opens an address, not a script that asks for data."""
    return request.method in ("GET", "HEAD") and "text/html" in request.headers.get("Accept", "")


def _judge_form(door: Door) -> None:
    """Refuse what no honest browser sends here."""
    if not door.trusts(request.headers.get("Host", "")):
        abort(400)
    if request.method not in ("GET", "HEAD", "OPTIONS", "POST"):
        abort(405)
    if request.method != "POST":
        return
    # A body whose length nobody tells would be cut at the limit and answered as if it were whole.
    if "Transfer-Encoding" in request.headers or request.content_length is None:
        abort(411)
    if request.content_length > UPLOAD_BODY_BYTES:
        abort(413)
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        abort(403)
    origin, referer = request.headers.get("Origin"), request.headers.get("Referer")
    if origin is not None and not (_is_own(origin, door) and _is_bare(origin)):
        abort(403)
    if referer and not _is_own(referer, door):
        abort(403)


def _may_send_file(context: Context, door: Door, upload: str, cookies: str) -> bool:
    """Tell whether the cookies of a request are of somebody who may send a file, before it is received."""
    identity = holder(context, parse_cookie(cookies).get(door.cookie), by_itself=True)
    return identity is not None and not identity.must_change and access().may(identity.role, CALLBACK, upload)


def _is_frame(path: str) -> bool:
    return path in _FRAME or _FRAME_FILES.fullmatch(path) is not None


def _is_own(address: str, door: Door) -> bool:
    """Tell whether an address is of this server, by the name it was asked for."""
    try:
        parts = urlsplit(address)
        return (parts.scheme, parts.netloc.casefold()) == (
            "https" if door.tls else "http", request.headers.get("Host", "").casefold(),
        )  # fmt: skip
    except ValueError:
        return False


def _is_bare(origin: str) -> bool:
    """Tell whether an origin is one: nothing follows the name."""
    parts = urlsplit(origin)
    return not (parts.path or parts.query or parts.fragment)


def _nobody(paths: tuple[str, ...]) -> Response:
    if wants_page() and (request.path in paths or request.path == PASSWORD):
        asked = quote(request.full_path.rstrip("?"), safe="")
        return _to(f"{SIGN_IN}?next={asked}" if request.path != "/" or request.query_string else SIGN_IN)
    return refused(401, "Ingrese al sistema: la sesión terminó o no hay ninguna.", sign_in=SIGN_IN)


def _must_change(paths: tuple[str, ...]) -> Response | None:
    if _is_frame(request.path) and request.path != CALLBACKS:
        return None
    if wants_page() and request.path in paths:
        return _to(PASSWORD)
    return refused(403, "Cambie primero su contraseña.", sign_in=PASSWORD)


def _to(where: str) -> Response:
    return make_response(redirect(where, 302))


def _judge_callback(app: Dash, context: Context, identity: Identity, limits: Limits, upload: str) -> Response | None:
    if request.method != "POST":
        abort(405)
    if request.mimetype != "application/json":
        abort(415)
    large = (request.content_length or 0) > _BODY_BYTES
    if large and not access().may(identity.role, CALLBACK, upload):
        abort(413)
    try:
        asked = called(request.get_data(), app.callback_map)
    except NotACallback as error:
        _LOG.warning("refused a callback: %s", error)
        abort(400)
    name = asked.name
    if large and name != upload:
        abort(413)
    kind = access().kind_of_callback(name)
    if kind is None or not access().may(identity.role, kind, name):
        _note_denied(context, limits, identity, f"{kind} {name}")
        return refused(403, "Su cuenta no tiene permiso para esto.")
    if kind == EXPORT and asked.pressed and (seconds := limits.hit(limits.exports, str(identity.account_id))):
        return _too_often(seconds)
    return None


def _too_often(seconds: int) -> Response:
    response = refused(429, f"Demasiados pedidos seguidos: espere {seconds} s.")
    response.headers["Retry-After"] = str(seconds)
    return response


def _note_denied(context: Context, limits: Limits, identity: Identity, what: str) -> None:
    whose = str(identity.account_id)
    if not limits.hit(limits.denied_entries, whose):
        context.note(identity.actor, Action.DENIED, what, Result.REFUSED)
    elif limits.tells_that_it_was_too_often("denied", whose):
        context.note(identity.actor, Action.DENIED, what, Result.REFUSED, why="too many")


def _refused_token(error: HTTPException) -> Response:
    if wants_page() or request.path in (SIGN_IN, SIGN_OUT, PASSWORD):
        return _to(SIGN_IN if who() is None else "/")
    return refused(400, "El pedido no trae la marca de esta sesión: vuelva a cargar la página.")
