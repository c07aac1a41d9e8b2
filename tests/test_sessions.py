"""Sessions: how long they last, what ends them, and what a full disk leaves of them."""

import re
import sqlite3
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from dashboard.context import Context
from dashboard.people import accounts
from dashboard.people.accounts import (
    Role,
    find_account,
    set_disabled,
    set_role,
)
from etl.records.audit import SYSTEM
from etl.records.engine import transaction
from etl.records.models import SignIn
from tests.people import DOOR
from tests.signing import HTML, PASSWORD, Person
from tests.signing import person as person
from tests.signing import visitor as visitor


def test_a_cookie_replayed_after_signing_out_is_nobody(people: Context, visitor: Person, person: str) -> None:
    """S14."""
    visitor.sign_in(person)
    replayed = Person(people)
    replayed.set_cookie(DOOR.cookie, visitor.token())
    assert replayed.get("/", headers=HTML).status_code == 200
    assert visitor.form("/logout", "/password").status_code == 302
    assert replayed.get("/", headers=HTML).status_code == 302
    assert replayed.get("/_dash-layout").status_code == 401


@pytest.mark.parametrize(
    ("started", "seen", "good"),
    [
        (timedelta(hours=11, minutes=59), timedelta(minutes=1), True),
        (timedelta(hours=12), timedelta(minutes=1), False),
        (timedelta(minutes=90), timedelta(minutes=59), True),
        (timedelta(minutes=90), timedelta(minutes=60), False),
    ],
)
def test_a_session_ends_after_an_hour_without_use_and_after_twelve(
    started: timedelta, seen: timedelta, good: bool, people: Context, visitor: Person, person: str
) -> None:
    """S18, by moving what is written of it."""
    visitor.sign_in(person)
    aged(people, person, started, seen)
    assert visitor.get("/", headers=HTML).status_code == (200 if good else 302)


@pytest.mark.parametrize("ahead", [timedelta(minutes=6), timedelta(days=61)])
def test_a_session_of_a_clock_that_was_ahead_is_over(
    ahead: timedelta, people: Context, visitor: Person, person: str
) -> None:
    visitor.sign_in(person)
    for started, seen in ((-ahead, -ahead), (timedelta(0), -ahead), (-ahead, timedelta(0))):
        aged(people, person, started, seen)
        assert visitor.get("/", headers=HTML).status_code == 302
        with Session(people.records) as session:
            assert not accounts.open_sign_ins(session, find_account(session, person).account_id)
    aged(people, person, -timedelta(minutes=2), -timedelta(minutes=2))  # as clocks differ
    assert visitor.get("/", headers=HTML).status_code == 200


@pytest.fixture
def full(people: Context) -> Iterator[None]:
    """The records take nothing more, as on a full disk; what is in them can be read."""
    for engine in (people.records, people.records_to_read()):
        assert engine is not None
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA user_version")

    def refuse(*_: object) -> None:
        raise OperationalError("", None, sqlite3.OperationalError("database or disk is full"))

    event.listen(people.records, "before_cursor_execute", refuse)
    try:
        yield
    finally:
        event.remove(people.records, "before_cursor_execute", refuse)
        accounts._NOT_NOTED_UNTIL.clear()


def test_on_a_full_disk_whoever_is_signed_in_goes_on_reading(
    people: Context, visitor: Person, person: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    visitor.sign_in(person)
    aged(people, person, timedelta(minutes=50), timedelta(minutes=40))
    request.getfixturevalue("full")
    for _ in range(3):
        assert visitor.get("/", headers=HTML).status_code == 200
        accounts._NOT_NOTED_UNTIL.update(dict.fromkeys(accounts._NOT_NOTED_UNTIL, 0.0))  # half a minute later
    assert caplog.text.count("not noted as seen") == 1


def test_on_a_full_disk_whoever_signs_out_has_left(
    people: Context, visitor: Person, person: str, request: pytest.FixtureRequest
) -> None:
    visitor.sign_in(person)
    cookie = visitor.get_cookie(DOOR.cookie)
    assert cookie is not None and visitor.get("/", headers=HTML).status_code == 200
    request.getfixturevalue("full")
    mark = visitor.get_cookie("_csrf_token")
    assert mark is not None
    out = visitor.post("/logout", data={"csrf_token": mark.value})
    assert out.status_code == 302 and "cookies" in out.headers["Clear-Site-Data"]
    assert visitor.get_cookie(DOOR.cookie) is None
    visitor.set_cookie(DOOR.cookie, cookie.value)
    assert visitor.get("/", headers=HTML).status_code == 302


def test_on_a_full_disk_the_sign_in_says_why_it_does_not_work(
    people: Context, visitor: Person, person: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("full")
    token = re.search(r'name="csrf_token" value="([^"]+)"', visitor.get("/login", headers=HTML).text)
    assert token is not None
    asked = {"csrf_token": token[1], "name": person, "password": PASSWORD}
    answer = visitor.post("/login", data=asked, headers=HTML)
    assert answer.status_code == 507 and "<h1>El disco del servidor está lleno</h1>" in answer.text


def test_an_open_page_that_nobody_uses_does_not_keep_its_session_alive(
    people: Context, visitor: Person, person: str
) -> None:
    """Its clock asks every minute; that is nobody."""
    visitor.sign_in(person)
    page = visitor.get("/", headers=HTML)
    assert page.status_code == 200
    mark = visitor.get_cookie("_csrf_token")
    assert mark

    def asks(changed: str) -> None:
        body = {
            "output": "..month-content.children...month-shown.data..",
            "outputs": [{"id": "month-content", "property": "children"}, {"id": "month-shown", "property": "data"}],
            "inputs": [
                {"id": "location", "property": "search", "value": ""},
                {"id": "clock", "property": "n_intervals", "value": 7},
            ],
            "state": [{"id": "month-shown", "property": "data", "value": None}],
            "changedPropIds": [changed],
        }
        answer = visitor.post("/_dash-update-component", json=body, headers={"X-CSRFToken": mark.value})
        assert answer.status_code == 200

    aged(people, person, timedelta(minutes=50), timedelta(minutes=40))
    asks("clock.n_intervals")
    assert minutes_unseen(people, person) == 40
    asks("location.search")
    assert minutes_unseen(people, person) == 0


def aged(people: Context, name: str, started: timedelta, seen: timedelta) -> None:
    now = accounts._now()
    with transaction(people.records) as session:
        account = find_account(session, name)
        moved = update(SignIn).where(SignIn.account_id == account.account_id)
        session.execute(moved.values(started_at=now - started, seen_at=now - seen))


def minutes_unseen(people: Context, name: str) -> int:
    with Session(people.records) as session:
        account = find_account(session, name)
        (held,) = session.scalars(select(SignIn).where(SignIn.account_id == account.account_id)).all()
        return int((accounts._now() - held.seen_at).total_seconds() // 60)


def test_a_closed_account_and_another_role_act_at_the_next_request(
    people: Context, visitor: Person, person: str
) -> None:
    """S11."""
    visitor.sign_in(person)
    assert visitor.get("/llamadas", headers=HTML).status_code == 200
    with transaction(people.records) as session:
        set_role(session, SYSTEM, find_account(session, person), Role.OPERATOR)
    assert visitor.get("/llamadas", headers=HTML).status_code == 403
    with transaction(people.records) as session:
        set_disabled(session, SYSTEM, find_account(session, person), True)
    assert visitor.get("/", headers=HTML).status_code == 302
    with transaction(people.records) as session:
        set_disabled(session, SYSTEM, find_account(session, person), False)
    assert visitor.get("/", headers=HTML).status_code == 302, "a session that was ended stays ended"
