"""Who asks: known from the session's cookie and the records at every request, never from what a browser says.

In: a request. Out: an Identity, or none.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from flask import Flask, Request, request
from flask_login import LoginManager, UserMixin, current_user

from dashboard.context import Context
from dashboard.people.accounts import Identity, identify
from dashboard.security.access import may

_CALLBACKS = "/_dash-update-component"
_FILES = "/archivos/"
#: The property that a dcc.Interval changes.
_TICK = ".n_intervals"
_MOST_BYTES_OF_A_TICK = 64 * 1024
_LONGEST_TOKEN = 200
#: What cookies held (as SHA-256) whose sessions ended while the records could not be written: as long as this process
#: lives.
_LEFT: set[str] = set()


class NobodyError(Exception):
    """Nobody is signed in where somebody must be."""


class _User(UserMixin):
    """What flask-login holds of an identity."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity

    def get_id(self) -> str:
        return str(self.identity.account_id)


def register_identity(server: Flask, context: Context, cookie: str) -> None:
    """Let every request know who sent it, by the cookie of that name."""
    manager: Any = LoginManager()
    manager.session_protection = None
    manager.init_app(server)

    @manager.request_loader
    def load(asking: Request) -> _User | None:
        identity = holder(
            context, asking.cookies.get(cookie), address=asking.remote_addr or "", by_itself=_is_tick(asking)
        )
        return _User(identity) if identity else None


def holder(context: Context, token: str | None, *, address: str = "", by_itself: bool) -> Identity | None:
    """Return who holds a cookie; `by_itself` as for accounts.identify."""
    if not token or len(token) > _LONGEST_TOKEN:
        return None
    records = context.records_to_read()
    if records is None or _sha256(token) in _LEFT:
        return None
    return identify(records, context.records, token, address=address, by_itself=by_itself)


def leave(token: str | None) -> None:
    """Let nobody hold a cookie any more whose session the records could not be told to end."""
    if token:
        _LEFT.add(_sha256(token))


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _is_tick(asking: Request) -> bool:
    """Tell whether a page asks because its clock ticked, or fetches a file that it waited for.

    An open tab alone keeps no session alive.
    """
    if asking.path.startswith(_FILES):
        return True
    if asking.path != _CALLBACKS or not 0 < (asking.content_length or 0) <= _MOST_BYTES_OF_A_TICK:
        return False
    try:
        body = json.loads(asking.get_data())
    except (ValueError, RecursionError):
        return False
    changed = body.get("changedPropIds") if isinstance(body, dict) else None
    return isinstance(changed, list) and bool(changed) and all(str(each).endswith(_TICK) for each in changed)


def who() -> Identity | None:
    """Return who asks, None for nobody."""
    user = current_user._get_current_object() if request else None
    return user.identity if isinstance(user, _User) else None


def current() -> Identity:
    """Return who asks. NobodyError: the door lets nobody through to where this is asked."""
    identity = who()
    if identity is None:
        raise NobodyError
    return identity


def allowed(kind: str, name: str) -> bool:
    """Tell whether who asks may."""
    identity = who()
    return identity is not None and may(identity.role, kind, name)
