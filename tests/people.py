"""Who asks in a test: one account of each role, signed in, over the same door that everybody passes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, select
from werkzeug.test import Client, TestResponse

from dashboard.app import create_app
from dashboard.context import Context
from dashboard.people.accounts import Role, add_account, sign_in
from dashboard.security.door import Door
from etl import store as stores
from etl.records.audit import SYSTEM
from etl.records.engine import transaction
from etl.records.models import Account

DOOR = Door("only the tests ever sign with this: x7Qm-29dK_v5Tz", ("127.0.0.1", "localhost", "::1"), tls=False)


def account_of(records: Engine, role: Role) -> Account:
    """The account of a role, made where it is not there; without a password, which takes its time to be hashed."""
    with transaction(records) as session:
        found = session.scalar(select(Account).where(Account.name == f"cuenta.{role}"))
        return found or add_account(session, SYSTEM, f"cuenta.{role}", f"Cuenta {role}", role, None, must_change=False)


def token_of(context: Context, role: Role) -> str:
    """What the cookie of somebody of a role holds; the store is made where there is none."""
    if context.records_to_read() is None:
        stores.open_store(context.settings).records.dispose()
    account = account_of(context.records, role)
    with transaction(context.records) as session:
        return sign_in(session, account, address="127.0.0.1", browser="test")


class SignedIn(Client):
    """A browser in which somebody has signed in: it sends the mark of its session with every form, as Dash does."""

    def __init__(self, context: Context, role: Role = Role.CHIEF, app: Any = None) -> None:
        super().__init__((app or create_app(context, DOOR)).server)
        self.set_cookie(DOOR.cookie, token_of(context, role))
        self.get("/", headers={"Accept": "text/html"}, buffered=True)

    def open(self, *args: Any, **named: Any) -> TestResponse:
        token = self.get_cookie("_csrf_token")
        if named.get("method") == "POST" and token is not None:
            named["headers"] = {"X-CSRFToken": token.value, **(named.get("headers") or {})}
        return super().open(*args, **named)


@contextmanager
def asking_as(context: Context, role: Role) -> Iterator[None]:
    """A request of somebody of a role is under way: for what is called without HTTP."""
    app = create_app(context, DOOR)
    cookie = f"{DOOR.cookie}={token_of(context, role)}"
    with app.server.test_request_context("/", headers={"Cookie": cookie}):
        yield
