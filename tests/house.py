"""A site with an account of each role, and its pages as each of them asks for them."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from dashboard.app import create_app
from dashboard.context import Context
from dashboard.people.accounts import Role, add_account, find_account, sign_in
from etl import store as stores
from etl.records.audit import SYSTEM, Action
from etl.records.engine import transaction
from etl.records.models import Account, AuditEntry, SignIn
from etl.settings import Settings
from tests.people import DOOR, SignedIn, account_of

EVIL = "<img src=x onerror=alert(1)>"
ACT = "accounts-answer.children"


@dataclass
class House:
    """A site with one account for each role and some more; whoever is asked for has signed in once."""

    context: Context
    app: Any
    clients: dict[Role, SignedIn]

    def client(self, role: Role) -> SignedIn:
        if role not in self.clients:
            self.clients[role] = SignedIn(self.context, role, self.app)
        return self.clients[role]

    def call(self, role: Role, body: dict[str, Any]) -> TestResponse:
        return self.client(role).post("/_dash-update-component", json=body)

    def press(self, role: Role, act: str, account: object, fields: tuple[Any, ...] = ()) -> TestResponse:
        """Somebody presses a button of an account on the page of accounts."""
        button = {"account-act": act}
        return self.call(role, {
            "output": ACT,
            "outputs": {"id": "accounts-answer", "property": "children"},
            "inputs": [[{"id": button, "property": "n_clicks", "value": 1}]],
            "state": [
                {"id": "location", "property": "search", "value": f"?cuenta={account}"},
                [{"id": {"account-field": "role"}, "property": "value", "value": each} for each in fields],
            ],
            "changedPropIds": [f"{json.dumps(button, separators=(',', ':'))}.n_clicks"],
        })  # fmt: skip

    def account(self, name: str) -> Account:
        with Session(self.context.records) as session:
            return find_account(session, name)

    def new(self, name: str, role: Role = Role.OPERATOR, full_name: str = "Alguien De Prueba") -> int:
        with transaction(self.context.records) as session:
            account = add_account(session, SYSTEM, name, full_name, role, None, must_change=False)
            account.password_hash = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43
            return account.account_id

    def session_of(self, account_id: int) -> int:
        with transaction(self.context.records) as session:
            account = session.get_one(Account, account_id)
            token = sign_in(session, account, address="10.0.0.9", browser="Firefox/128.0")
            session.flush()
            assert token
            return max(session.scalars(select(SignIn.sign_in_id).where(SignIn.account_id == account_id)))

    def entries(self, action: Action) -> list[AuditEntry]:
        with Session(self.context.records) as session:
            query = select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.entry_id)
            return list(session.scalars(query))


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    settings = Settings(data=tmp_path_factory.mktemp("house") / "data")
    stores.open_store(settings).records.dispose()
    with closing(Context(settings)) as context:
        for role in Role:
            account_of(context.records, role)
        yield House(context, create_app(context, DOOR), {})


def told(answer: TestResponse) -> str:
    """Every text of an answer, as the page would show it."""
    return " ".join(re.findall(r'"children": ?"([^"]*)"', json.dumps(answer.json, ensure_ascii=False)))


def changed(answer: TestResponse) -> dict[str, Any]:
    """What a callback changes on the page."""
    found: dict[str, Any] = json.loads(answer.text)["response"]
    return found


def end(house: House, role: Role, which: str) -> TestResponse:
    button = {"own-end": which}
    return house.call(role, {
        "output": "own-answer.children",
        "outputs": {"id": "own-answer", "property": "children"},
        "inputs": [[{"id": button, "property": "n_clicks", "value": 1}]],
        "changedPropIds": [f"{json.dumps(button, separators=(',', ':'))}.n_clicks"],
    })  # fmt: skip
