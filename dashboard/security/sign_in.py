"""Signing in and out, and changing one's own password: plain forms that need no JavaScript.

In: the server, its context and door. Out: the routes /login, /logout, /password and /healthz.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, request, session
from flask_wtf.csrf import generate_csrf
from sqlalchemy.exc import SQLAlchemyError

from dashboard.context import Context
from dashboard.failures import places_of
from dashboard.people.accounts import (
    AccountError,
    end_sign_in,
    find_account,
    hash_chosen,
    is_open,
    is_password,
    set_password,
    sign_in,
)
from dashboard.plain_page import plain_page
from dashboard.security.door import HEALTH, PASSWORD, SIGN_IN, SIGN_OUT, Door
from dashboard.security.identity import current, leave, who
from dashboard.security.limits import Limits
from etl.records.audit import Action, Actor, Result, note
from etl.records.engine import transaction
from etl.records.models import Account
from reports import terms

_LOG = logging.getLogger(__name__)

#: What the components of the pages need.
_BROWSERS = "Navegadores: Chrome o Edge desde la versión 111, Firefox desde la 113, Safari desde la 16.4."
_FORGOTTEN = "¿Olvidó su contraseña? Pida otra a su supervisor(a) o a quien administra las cuentas."
_CHOOSE = """<p>La contraseña que le entregaron también la conoce quien se la dio, y sirve solo para llegar hasta aquí.
            Elija ahora una que sepa solo usted.</p>"""
_RULE = """<p class="quiet">Al menos 10 caracteres, sin su cuenta y sin palabras que otros probarían primero: sirve una
            frase larga que solo usted diría.</p>"""
_LEAVE = """<form method="post" action="{action}" class="leave"><input type="hidden" name="csrf_token" value="{token}">
            <button type="submit">Salir</button></form>"""
_WRONG = "La cuenta o la contraseña no es correcta."
_FORM = """{strip}<main class="sign-in"><p class="product">{product}</p><h1>{heading}</h1>{says}
        <form method="post" action="{action}">
            <input type="hidden" name="csrf_token" value="{token}">
            {fields}
            <button type="submit">{button}</button>
        </form>{after}</main>"""
_FIELD = """<label for="{name}">{label}</label>
            <input id="{name}" name="{name}" type="{kind}" autocomplete="{fills}" value="{value}" required{more}>"""


@dataclass(frozen=True)
class SignInPage:
    """The page of the forms. `elsewhere` is HTML under the form of the sign-in: another way in."""

    context: Context
    paths: tuple[str, ...]
    elsewhere: str = ""

    def page(self, heading: str, fields: str, action: str, button: str, says: str = "", after: str = "") -> str:
        """Return a page with one form."""
        form = _FORM.format(
            product=escape(terms.PRODUCT),
            heading=escape(heading),
            fields=fields,
            action=escape(action),
            button=escape(button),
            token=generate_csrf(),
            after=after,
            says=f'<p class="refused" role="alert">{escape(says)}</p>' if says else "",
            strip=f'<div class="demo"><strong>{escape(terms.DEMO_DATA)}</strong></div>' if self.context.is_demo else "",
        )
        return plain_page(heading, form)

    def form(self, code: int = 200, says: str = "", name: str = "", wait: int = 0) -> Response:
        """Return the page that asks who somebody is."""
        fields = _field("name", "Cuenta", value=name, fills="username", more=" autofocus") + _field(
            "password", "Contraseña", kind="password", fills="current-password"
        )
        asked = request.query_string.decode("latin-1")
        action = f"{SIGN_IN}?{asked}" if _is_page(request.args.get("next", ""), self.paths) else SIGN_IN
        after = f'{self.elsewhere}<p class="quiet">{_FORGOTTEN}</p><p class="quiet">{_BROWSERS}</p>'
        response = Response(self.page("Ingresar", fields, action, "Ingresar", says, after), code)
        if wait:
            response.headers["Retry-After"] = str(wait)
        return response


def register_sign_in(server: Flask, door: Door, limits: Limits, page: SignInPage) -> None:
    """Add the routes."""
    context, paths, form = page.context, page.paths, page.form

    @server.get(SIGN_IN)
    def show_sign_in() -> Response:
        if who() is not None:
            return _see("/")
        return form()

    @server.post(SIGN_IN)
    def do_sign_in() -> Response:
        name, password = request.form.get("name", "")[:200], request.form.get("password", "")[:1000]
        typed, address = name.strip().casefold(), request.remote_addr or ""
        slowly = limits.wait(limits.wrong_from_address, address)
        if not slowly or limits.wait(limits.wrong_passwords, typed, address):
            return look_at(typed, name, password, address)
        # Behind the address there may be an office, and one of it who guesses: the others still sign in, more slowly.
        note_too_many(context, limits)
        with limits.turn() as is_ours:
            if is_ours:
                return look_at(typed, name, password, address)
        return form(429, "Hay muchos intentos desde esta red: espere unos segundos y vuelva a probar.", name, 2)

    def look_at(typed: str, name: str, password: str, address: str) -> Response:
        # Counted before the password is looked at: attempts side by side are not more than one after another.
        if wait := limits.hit(limits.wrong_passwords, typed, address):
            note_too_many(context, limits)
            return form(429, f"Demasiados intentos: espere {-(-wait // 60)} min y vuelva a probar.", name, wait)
        with transaction(context.records) as records:
            try:
                account: Account | None = find_account(records, typed)
            except AccountError:
                account = None
        good = is_password(password, account.password_hash if account else None)
        if not good or account is None or account.disabled:
            limits.hit(limits.wrong_from_address, address)
            note_refused(context, limits, account, "wrong")
            return form(401, _WRONG, name)
        limits.forget(limits.wrong_passwords, typed, address)
        return admit(context, door, account, _next(paths))

    @server.post(SIGN_OUT)
    def do_sign_out() -> Response:
        me = current()
        try:
            with transaction(context.records) as records:
                end_sign_in(records, me.sign_in_id)
                note(records, me.actor, Action.SIGN_OUT, me.name)
        except SQLAlchemyError as error:  # on a full disk, too, whoever leaves has left
            _LOG.error("the end of a session was not written: %s", places_of(error))
            leave(request.cookies.get(door.cookie))
        session.clear()
        response = _see(SIGN_IN)
        response.delete_cookie(door.cookie, secure=door.tls, httponly=True, samesite="Lax")
        response.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
        return response

    def password_form(code: int = 200, says: str = "") -> Response:
        me = current()
        given = " (la que le entregaron)" if me.must_change else ""
        fields = "".join((
            _CHOOSE if me.must_change else "",
            f'<input type="hidden" name="name" autocomplete="username" value="{escape(me.name)}">',
            _field("old", f"Contraseña actual{given}", kind="password", fills="current-password", more=" autofocus"),
            _field("new", "Contraseña nueva", kind="password", fills="new-password"),
            _field("again", "Contraseña nueva, otra vez", kind="password", fills="new-password"),
            _RULE,
        ))  # fmt: skip
        after = _LEAVE.format(action=SIGN_OUT, token=generate_csrf())
        if not me.must_change:
            after = '<p><a href="/">Volver sin cambiarla</a></p>'
        heading = "Elija su contraseña" if me.must_change else "Cambiar la contraseña"
        return Response(page.page(heading, fields, PASSWORD, "Guardar", says, after), code)

    @server.get(PASSWORD)
    def show_password() -> Response:
        return password_form()

    @server.post(PASSWORD)
    def do_password() -> Response:
        me = current()
        old, new, again = (request.form.get(field, "")[:1000] for field in ("old", "new", "again"))
        if wait := limits.hit(limits.wrong_passwords, me.name, me.address):
            return password_form(429, f"Demasiados intentos: espere {-(-wait // 60)} min.")
        with transaction(context.records) as records:
            account = find_account(records, me.name)
        if not is_password(old, account.password_hash):
            context.note(me.actor, Action.PASSWORD, me.name, Result.REFUSED, why="wrong")
            return password_form(401, "La contraseña actual no es correcta.")
        try:
            if new != again:
                raise AccountError("Las dos contraseñas nuevas no son iguales.")
            hashed = hash_chosen(new, name=me.name, before=account.password_hash)
            with transaction(context.records) as records:
                now = find_account(records, me.name)
                # Reset, or its sessions ended, while the one that was typed was looked at.
                if now.password_hash != account.password_hash or not is_open(records, me.sign_in_id):
                    note(records, me.actor, Action.PASSWORD, me.name, Result.REFUSED, why="meanwhile")
                    return _see(SIGN_IN)
                set_password(records, me.actor, now, hashed, must_change=False)
        except AccountError as error:
            return password_form(422, str(error))
        finally:
            limits.forget(limits.wrong_passwords, me.name, me.address)
        return admit(context, door, now, "/")

    @server.get(HEALTH)
    def health() -> Response:
        return Response("ok\n", mimetype="text/plain")


def admit(context: Context, door: Door, account: Account, where: str) -> Response:
    """Begin a session for an account that has shown who it is, and send it on."""
    address = request.remote_addr or ""
    with transaction(context.records) as records:
        now = records.get(Account, account.account_id)
        # Closed, or given another password, while the one that was typed was looked at.
        if now is None or now.disabled or now.password_hash != account.password_hash:
            return _see(SIGN_IN)
        token = sign_in(records, account, address=address, browser=request.headers.get("User-Agent", ""))
        note(records, Actor(account.account_id, account.name, account.role, address), Action.SIGN_IN, account.name)
    session.clear()  # another token for the forms of another person
    response = _see(where)
    response.set_cookie(door.cookie, token, secure=door.tls, httponly=True, samesite="Lax", path="/")
    return response


def note_refused(context: Context, limits: Limits, account: Account | None, why: str) -> None:
    """Write down that somebody was not let in; of accounts that are not there, so often from one address."""
    address = request.remote_addr or ""
    if account is None and limits.hit(limits.unknown_entries, address):
        note_too_many(context, limits)
        return
    # What was typed as a name may be a password: only a name that is one is written down.
    actor = Actor(account.account_id if account else None, account.name if account else "(desconocida)", "", address)
    context.note(actor, Action.SIGN_IN, actor.name, Result.REFUSED, why=why)


def note_too_many(context: Context, limits: Limits) -> None:
    """Write down that there is more from an address than is written down, once in a while."""
    address = request.remote_addr or ""
    if limits.tells_that_it_was_too_often("sign_in", address):
        context.note(Actor(None, "(desconocida)", "", address), Action.SIGN_IN, "(desconocida)", Result.REFUSED,
                     why="too many")  # fmt: skip


def _next(paths: tuple[str, ...]) -> str:
    where = request.args.get("next", "")
    return where if _is_page(where, paths) else "/"


def _is_page(where: str, paths: tuple[str, ...]) -> bool:
    """Tell whether an address is one of our own pages: nobody is sent elsewhere after signing in."""
    try:
        parts = urlsplit(where)
    except ValueError:
        return False
    own = not parts.scheme and not parts.netloc and parts.path in paths
    return own and where.startswith("/") and where.isprintable()


def _see(where: str) -> Response:
    return Response(status=302, headers={"Location": where})


def _field(name: str, label: str, *, kind: str = "text", fills: str, value: str = "", more: Any = "") -> str:
    return _FIELD.format(name=name, label=escape(label), kind=kind, fills=fills, value=escape(value), more=more)
