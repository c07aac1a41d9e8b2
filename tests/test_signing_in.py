"""Signing in: wrong passwords close the way to nobody else, and nothing tells which account there is."""

import json
import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from itertools import count, islice
from threading import Event
from urllib.parse import urlencode

import pytest
from limits import parse
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import Client

from dashboard.context import Context
from dashboard.people import accounts
from dashboard.people.accounts import (
    PasswordHash,
    find_account,
    set_disabled,
)
from dashboard.security.limits import Limits
from etl.records.audit import SYSTEM
from etl.records.engine import transaction
from etl.records.models import AuditEntry
from tests.signing import HTML, OTHER, PASSWORD, Person, somebody
from tests.signing import person as person
from tests.signing import visitor as visitor


def test_five_wrong_passwords_close_the_way_for_that_account_from_there_only(
    people: Context, hashed: PasswordHash, visitor: Person, person: str
) -> None:
    """S16."""
    colleague = somebody(people, hashed, f"colega.{person}")
    assert [visitor.sign_in(person, "no es esta").status_code for _ in range(5)] == [401] * 5
    refused = visitor.sign_in(person)
    assert refused.status_code == 429 and 0 < int(refused.headers["Retry-After"]) <= 15 * 60
    visitor.get("/login", headers={**HTML, "X-Forwarded-For": "10.9.9.9"})
    found = re.search(r'name="csrf_token" value="([^"]+)"', visitor.get("/login", headers=HTML).text)
    forged = visitor.post(
        "/login", data={"csrf_token": found[1] if found else "", "name": person, "password": PASSWORD},
        headers={"X-Forwarded-For": "10.9.9.9"},
    )  # fmt: skip
    assert forged.status_code == 429
    assert visitor.sign_in(colleague).status_code == 302
    elsewhere = Person(people, "10.1.0.2")
    elsewhere.application = visitor.application  # the same server
    assert elsewhere.sign_in(person).status_code == 302


@pytest.fixture
def strict(people: Context, monkeypatch: pytest.MonkeyPatch) -> Person:
    """A visitor of a server that is sooner tired of an address."""
    few = partial(Limits, wrong_from_address=parse("6 per 15 minute"), unknown_entries=parse("4 per 15 minute"))
    monkeypatch.setattr("dashboard.security.door.Limits", few)
    monkeypatch.setattr("dashboard.security.limits.PAUSE_SECONDS", 0.01)
    return Person(people, "10.1.0.9")


def refusals(people: Context, address: str) -> list[str]:
    with Session(people.records) as session:
        found = select(AuditEntry.details).where(AuditEntry.address == address, AuditEntry.result == "refused")
        return [json.loads(details)["why"] for details in session.scalars(found.order_by(AuditEntry.entry_id))]


def test_wrong_passwords_of_one_close_an_address_to_nobody_else(
    people: Context, hashed: PasswordHash, strict: Person, person: str
) -> None:
    """S16: behind one address of the network there may be a whole office."""
    colleague = somebody(people, hashed, f"colega.{person}")
    assert [strict.sign_in(f"nadie{number}").status_code for number in range(12)] == [401] * 12
    assert [strict.sign_in(person, "no es esta").status_code for _ in range(6)] == [401] * 5 + [429]
    assert strict.sign_in(colleague).status_code == 302


def test_nobody_fills_the_audit_with_wrong_passwords(people: Context, strict: Person, person: str) -> None:
    strict.address = "10.1.0.10"
    for number in range(12):
        strict.sign_in(f"nadie{number}")
    for _ in range(12):
        strict.sign_in("siempre.la.misma")
    assert refusals(people, strict.address) == ["wrong"] * 4 + ["too many"]
    # Of an account that there is, each wrong password is written down.
    for _ in range(12):
        strict.sign_in(person, "no es esta")
    assert refusals(people, strict.address) == ["wrong"] * 4 + ["too many"] + ["wrong"] * 5


def test_at_an_address_with_many_wrong_passwords_one_after_another_is_looked_at(
    strict: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They take their turns, a few wait for theirs, and whoever comes then is asked to come again: no thread waits."""
    strict.address = "10.1.0.11"
    for number in range(7):
        strict.sign_in(f"nadie{number}")
    page = strict.get("/login", headers=HTML)
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    first, go, together, most = Event(), Event(), count(1), []

    def looked_at(_password: str, _hashed: str | None) -> bool:
        most.append(next(together))
        first.set()
        go.wait(30)
        return False

    def try_one(number: int) -> int:
        browser = Person.__new__(Person)
        Client.__init__(browser, strict.application)
        browser.address = strict.address
        for cookie in strict._cookies.values():
            browser.set_cookie(cookie.key, cookie.value)
        sent = {"csrf_token": found[1] if found else "", "name": f"otro{number}", "password": "no es esta"}
        return browser.post("/login", data=sent).status_code

    monkeypatch.setattr("dashboard.security.sign_in.is_password", looked_at)
    with ThreadPoolExecutor(12) as many:
        asked = [many.submit(try_one, number) for number in range(12)]
        refused = list(islice(as_completed(asked, timeout=30), 8))
        assert first.wait(30) and len(most) == 1
        assert [each.result() for each in refused] == [429] * 8
        go.set()
    assert sorted(each.result() for each in asked) == [401] * 4 + [429] * 8


def test_an_account_that_is_not_there_answers_like_one_that_is_and_as_slowly(
    people: Context, hashed: PasswordHash
) -> None:
    """S17. Medians of forty each, taken in turn; without the hash for nobody the ratio is about five."""
    known = [somebody(people, hashed, f"medida{number}") for number in range(8)]
    seconds: dict[str, list[float]] = {"known": [], "unknown": []}
    answers = set()
    visitor = Person(people)
    visitor.sign_in("nadie.aun", "para que haya un primero")
    found = re.search(r'name="csrf_token" value="([^"]+)"', visitor.get("/login", headers=HTML).text)
    for turn in range(40):
        for kind, name in (("known", known[turn % 8]), ("unknown", f"nadie{turn % 8}")):
            sent = {"csrf_token": found[1] if found else "", "name": name, "password": "no es esta frase"}
            started = time.perf_counter()
            answer = visitor.post("/login", data=sent)
            seconds[kind].append(time.perf_counter() - started)
            says = re.sub(r'name="csrf_token" value="[^"]+"', "", answer.text.replace(name, ""))
            answers.add((answer.status_code, says))
    assert len(answers) == 1 and next(iter(answers))[0] == 401
    ratio = statistics.median(seconds["known"]) / statistics.median(seconds["unknown"])
    assert 0.75 < ratio < 1.33, ratio


def test_a_closed_account_answers_like_a_wrong_password(people: Context, visitor: Person, person: str) -> None:
    with transaction(people.records) as session:
        set_disabled(session, SYSTEM, find_account(session, person), True)
    closed = visitor.sign_in(person)
    wrong = visitor.sign_in("nadie.con.ese.nombre")
    assert closed.status_code == wrong.status_code == 401
    assert "La cuenta o la contraseña no es correcta." in closed.text


def test_a_password_that_changes_while_it_is_looked_at_opens_no_session(
    people: Context, visitor: Person, person: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken_away(password: str, hashed: str | None) -> bool:
        with transaction(people.records) as session:
            find_account(session, person).password_hash = accounts.hash_password(OTHER)
        return True

    monkeypatch.setattr("dashboard.security.sign_in.is_password", taken_away)
    assert visitor.sign_in(person).headers["Location"] == "/login"
    assert not visitor.token()


@pytest.mark.parametrize("path", ["/login", "/logout", "/password"])
def test_a_form_without_its_mark_does_nothing(path: str, people: Context, visitor: Person, person: str) -> None:
    visitor.sign_in(person)
    values = {"name": person, "password": PASSWORD, "old": PASSWORD, "new": OTHER, "again": OTHER}
    before = visitor.token()
    for mark in ({}, {"csrf_token": "IjEi.aaaa.bbbb"}):
        answer = visitor.post(path, data={**values, **mark})
        assert answer.status_code == 302 and visitor.token() == before
    assert visitor.get("/", headers=HTML).status_code == 200
    assert Person(people).sign_in(person).status_code == 302


@pytest.mark.parametrize(
    ("where", "lands"),
    [
        ("/mi-cuenta", "/mi-cuenta"),
        ("/llamadas?cifra=answered", "/llamadas?cifra=answered"),
        ("https://evil.example/", "/"),
        ("//evil.example/mi-cuenta", "/"),
        ("/\\evil.example", "/"),
        ("/logout", "/"),
        ("/mi-cuenta\r\nSet-Cookie: a=b", "/"),
    ],
)
def test_after_signing_in_nobody_lands_elsewhere(
    where: str, lands: str, people: Context, visitor: Person, person: str
) -> None:
    query = urlencode({"next": where})
    answer = visitor.form(f"/login?{query}", f"/login?{query}", name=person, password=PASSWORD)
    assert answer.status_code == 302 and answer.headers["Location"] == lands
