"""People who sign in, or try to: a site of theirs, and a browser at an address of the network."""

import re
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from dashboard.app import create_app
from dashboard.context import Context
from dashboard.people import accounts
from dashboard.people.accounts import (
    PasswordHash,
    Role,
    add_account,
)
from etl import store as stores
from etl.records.audit import SYSTEM
from etl.records.engine import transaction
from etl.settings import Settings
from tests.people import DOOR

PASSWORD = "nueve gatos cruzan el puente"
OTHER = "la lluvia cae sobre el cerro"
HTML = {"Accept": "text/html"}
NUMBERS = count(1)


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """A site without a single call, and people who sign in with the same password."""
    settings = Settings(data=tmp_path_factory.mktemp("people") / "data")
    stores.open_store(settings).records.dispose()
    with closing(Context(settings)) as people:
        yield people


@pytest.fixture(scope="session")
def hashed() -> PasswordHash:
    return accounts.hash_password(PASSWORD)


@pytest.fixture
def person(people: Context, hashed: PasswordHash) -> str:
    """The name of a new account, with PASSWORD."""
    return somebody(people, hashed, f"persona{next(NUMBERS)}")


def somebody(people: Context, hashed: PasswordHash, name: str, role: Role = Role.SUPERVISOR) -> str:
    with transaction(people.records) as session:
        account = add_account(session, SYSTEM, name, "Alguien De Prueba", role, None, must_change=False)
        account.password_hash = hashed
        return account.name


class Person(Client):
    """A browser at an address of the network, of somebody who has not signed in yet."""

    def __init__(self, people: Context, address: str = "10.1.0.1") -> None:
        super().__init__(create_app(people, DOOR).server)
        self.address = address

    def open(self, *args: Any, **named: Any) -> TestResponse:
        named.setdefault("environ_base", {"REMOTE_ADDR": self.address})
        return super().open(*args, **named)

    def form(self, path: str, page: str = "/login", **values: str) -> TestResponse:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page, headers=HTML).text)
        return self.post(path, data={"csrf_token": found[1] if found else "", **values})

    def sign_in(self, name: str, password: str = PASSWORD) -> TestResponse:
        return self.form("/login", name=name, password=password)

    def token(self) -> str:
        cookie = self.get_cookie(DOOR.cookie)
        return cookie.value if cookie else ""


@pytest.fixture
def visitor(people: Context) -> Person:
    """Each test has a server of its own: another's wrong passwords are not counted."""
    return Person(people)
