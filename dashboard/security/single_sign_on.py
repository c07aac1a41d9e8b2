"""Signing in by the site's own sign-in server (OpenID Connect), where the settings name one.

In: the provider's answer. Out: the session of an account that was added beforehand without a password: whoever the
provider knows is not thereby known here, and what role they have is told here alone.
"""

from __future__ import annotations

import logging
from html import escape
from typing import Any

from flask import Flask, Response, url_for
from sqlalchemy import select

from dashboard.context import Context
from dashboard.security.door import Door
from dashboard.security.limits import Limits
from dashboard.security.sign_in import SignInPage, admit, note_refused
from etl.records.audit import Action, Actor, note
from etl.records.engine import transaction
from etl.records.models import Account
from etl.settings import Settings

_LOG = logging.getLogger(__name__)
START, BACK = "/login/unico", "/login/unico/vuelta"
_TIMEOUT_SECONDS = 10


def is_set(settings: Settings) -> bool:
    """Tell whether the settings name a provider."""
    return bool(settings.oidc_issuer and settings.oidc_client_id)


def button(settings: Settings) -> str:
    """Return the other way in, as HTML for the sign-in page."""
    name = settings.oidc_name or "la cuenta de la institución"
    return f'<a class="other-way" href="{START}">Ingresar con {escape(name)}</a>'


def register_single_sign_on(server: Flask, context: Context, door: Door, limits: Limits, page: SignInPage) -> None:
    """Add the two routes: to the provider, and back from it."""
    # Only where there is a provider: importing these takes a while.
    from authlib.integrations.base_client.errors import OAuthError
    from authlib.integrations.flask_client import OAuth
    from joserfc.errors import JoseError
    from requests import RequestException

    settings = context.settings
    provider = OAuth(server).register(
        "site",
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret.get_secret_value() or None,
        server_metadata_url=f"{settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={
            "scope": "openid profile email",
            "code_challenge_method": "S256",
            "timeout": _TIMEOUT_SECONDS,
        },
    )

    def refuse(says: str, why: str, code: int = 401) -> Response:
        note_refused(context, limits, None, why)
        return page.form(code, says)

    @server.get(START)
    def start() -> Any:
        try:
            return provider.authorize_redirect(url_for("back", _external=True))
        except (OAuthError, RequestException, ValueError) as error:
            _LOG.error("the sign-in server does not answer: %s", type(error).__name__)
            return refuse(
                "El servidor de cuentas no responde: pruebe más tarde o ingrese con su contraseña.", "down", 503
            )

    @server.get(BACK)
    def back() -> Any:
        try:
            claims = provider.authorize_access_token()["userinfo"]
        except (OAuthError, JoseError, RequestException, KeyError, ValueError) as error:
            _LOG.warning("the sign-in server's answer is refused: %s", type(error).__name__)
            return refuse("El servidor de cuentas no confirmó quién es usted: vuelva a intentarlo.", "not confirmed")
        account = _account_of(context, str(claims["iss"]), str(claims["sub"]), claims)
        if account is None or account.disabled:
            return refuse(
                "Su cuenta no está habilitada aquí: pídala a quien administra las cuentas.", "no account", 403
            )
        return admit(context, door, account, "/")


def _account_of(context: Context, issuer: str, subject: str, claims: dict[str, Any]) -> Account | None:
    """Return the account of a subject: the first time, the one without a password that bears its name."""
    known = f"{issuer} {subject}"[:255]
    with transaction(context.records) as session:
        account = session.scalar(select(Account).where(Account.subject == known))
        if account is not None:
            return account
        for claim in ("preferred_username", "email"):
            if claim == "email" and claims.get("email_verified") is not True:
                continue
            name = str(claims.get(claim) or "").strip().casefold()
            account = session.scalar(
                select(Account).where(Account.name == name, Account.subject.is_(None), Account.password_hash.is_(None))
            )
            if account is not None:
                account.subject = known
                note(
                    session,
                    Actor(account.account_id, account.name, account.role),
                    Action.ACCOUNT,
                    name,
                    change="linked",
                )
                return account
    return None
