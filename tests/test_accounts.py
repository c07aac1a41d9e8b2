"""Accounts, passwords and sessions: what is kept of them, how long they last, and who may do what to whom."""

import json
import re
import sqlite3
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from datetime import timedelta
from functools import partial
from itertools import count, islice
from threading import Event
from typing import Any
from urllib.parse import urlencode

import pytest
from limits import parse
from sqlalchemy import Engine, event, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from typer.testing import CliRunner
from werkzeug.test import Client, TestResponse

from dashboard import cli
from dashboard.app import create_app
from dashboard.context import Context
from dashboard.people import accounts, administration
from dashboard.people.accounts import (
    AccountError,
    Identity,
    PasswordHash,
    Role,
    add_account,
    check_password,
    find_account,
    new_password,
    set_disabled,
    set_password,
    set_role,
    sign_in,
)
from dashboard.security.limits import Limits
from etl import store as stores
from etl.records.audit import SYSTEM, Actor
from etl.records.engine import transaction
from etl.records.models import Account, AuditEntry, SignIn
from etl.settings import Settings
from tests.people import DOOR

PASSWORD = "nueve gatos cruzan el puente"
OTHER = "la lluvia cae sobre el cerro"
HTML = {"Accept": "text/html"}
NUMBERS = count(1)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """A site without a single call, and people who sign in with the same password."""
    settings = Settings(data=tmp_path_factory.mktemp("people") / "data")
    stores.open_store(settings).records.dispose()
    with closing(Context(settings)) as people:
        yield people


@pytest.fixture(scope="module")
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


# Passwords


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("12345678", "al menos 10"),
        ("corto77", "al menos 10"),
        ("a" * 129, "hasta 128"),
        ("1234567890", "se adivina"),
        ("qwertyuiop", "se adivina"),
        ("Password123", "se adivina"),
        ("contraseña1", "se adivina"),
        ("Cochabamba2026", "se adivina"),
        ("wilstermann1", "se adivina"),
        ("aaaaaaaaaaaaaaa", "se adivina"),
        ("rosa.mamani1", "se adivina"),
        ("comteco2026", "se adivina"),
        ("", "al menos 10"),
    ],
)
def test_a_password_that_is_short_or_guessed_is_refused(password: str, says: str) -> None:
    """S19."""
    with pytest.raises(AccountError, match=says):
        check_password(password, name="rosa.mamani")


def test_none_of_the_most_used_passwords_is_accepted() -> None:
    """S19: the 3000 most used that are long enough to be judged at all."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    listed = FREQUENCY_LISTS["passwords"]  # the most used first
    long_enough = [each for each in listed if len(each) >= accounts.SHORTEST_PASSWORD]
    accepted = []
    for password in listed[:3000] + long_enough[:100]:
        try:
            check_password(password)
        except AccountError:
            continue
        accepted.append(password)
    assert accepted == [] and len(long_enough) >= 100


@pytest.mark.parametrize("password", [PASSWORD, ("frase con espacios y ñandúes " * 3)[:64], "日本語の長い合言葉です"])
def test_a_phrase_is_accepted(password: str) -> None:
    check_password(password, name="rosa")


def test_what_we_make_up_is_never_the_same_and_has_no_doubtful_signs() -> None:
    made = [new_password() for _ in range(200)]
    check_password(made[0], name="rosa")
    assert len(set(made)) == 200
    assert all(re.fullmatch(r"([a-z2-9]{4}-){3}[a-z2-9]{4}", each) and not set(each) & set("0o1li") for each in made)


def test_the_table_holds_argon2id_hashes_and_sha256_of_sessions_only(records: Engine, hashed: PasswordHash) -> None:
    """S20."""
    with transaction(records) as session:
        account = add_account(session, SYSTEM, "rosa", "Rosa Mamani", Role.OPERATOR, hashed, must_change=True)
        token = sign_in(session, account, address="10.0.0.1", browser="x" * 500)
    with records.connect() as connection:
        kept = connection.execute(text("SELECT * FROM accounts")).mappings().one()
        held = connection.execute(text("SELECT * FROM sign_ins")).mappings().one()
    assert re.fullmatch(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}", kept["password_hash"])
    assert re.fullmatch("[0-9a-f]{64}", held["token_sha256"]) and len(token) >= 43
    everything = repr(dict(kept)) + repr(dict(held))
    assert PASSWORD not in everything and token not in everything


def test_changing_a_password_needs_the_old_one_and_ends_the_other_sessions(
    people: Context, visitor: Person, person: str
) -> None:
    """S19."""
    elsewhere = Person(people)
    elsewhere.sign_in(person)
    assert visitor.sign_in(person).status_code == 302

    def change(old: str, new: str, again: str | None = None) -> TestResponse:
        return visitor.form("/password", "/password", old=old, new=new, again=new if again is None else again)

    assert change("otra cosa cualquiera", OTHER).status_code == 401
    assert change(PASSWORD, "12345678").status_code == 422
    assert change(PASSWORD, OTHER, "no es la misma").status_code == 422
    assert "la que ya tenía" in change(PASSWORD, PASSWORD).text
    assert elsewhere.get("/", headers=HTML).status_code == 200
    old_token = visitor.token()
    assert change(PASSWORD, OTHER).status_code == 302
    assert visitor.get("/", headers=HTML).status_code == 200 and visitor.token() != old_token
    assert elsewhere.get("/", headers=HTML).status_code == 302
    assert Person(people).sign_in(person).status_code == 401
    assert Person(people).sign_in(person, OTHER).status_code == 302
    with Session(people.records) as session:
        done = session.execute(
            select(AuditEntry.action, AuditEntry.result).where(
                AuditEntry.who == person, AuditEntry.action == "password"
            )
        ).all()
    assert done == [("password", "refused"), ("password", "done")]


def test_a_first_password_opens_nothing_but_the_page_that_changes_it(
    people: Context, visitor: Person, person: str
) -> None:
    with transaction(people.records) as session:
        find_account(session, person).must_change = True
    visitor.sign_in(person)
    for path in ("/", "/nivel-de-servicio", "/llamadas", "/mi-cuenta"):
        answer = visitor.get(path, headers=HTML)
        assert answer.status_code == 302 and answer.headers["Location"] == "/password"
    body = {
        "output": "page.children", "outputs": {"id": "page", "property": "children"},
        "inputs": [{"id": "location", "property": "pathname", "value": "/"}], "changedPropIds": [],
    }  # fmt: skip
    shown = visitor.get("/password", headers=HTML).text
    assert "Contraseña actual (la que le entregaron)" in shown and "que sepa solo usted" in shown and "Salir" in shown
    assert shown.index("Al menos 10 caracteres") < shown.index("Guardar")
    token = re.search(r'name="csrf_token" value="([^"]+)"', shown)
    assert token
    marked = {"X-CSRFToken": token[1]}
    assert visitor.post("/_dash-update-component", json=body, headers=marked).status_code == 403
    assert visitor.form("/password", "/password", old=PASSWORD, new=OTHER, again=OTHER).status_code == 302
    assert visitor.get("/", headers=HTML).status_code == 200


def test_a_page_that_is_refused_keeps_the_menu_of_whoever_is_signed_in(visitor: Person, person: str) -> None:
    assert 'href="/mi-cuenta"' not in visitor.get("/no-esta", headers=HTML).text
    visitor.sign_in(person)
    for path in ("/no-esta", "/assets/no-esta.css"):
        answer = visitor.get(path, headers=HTML)
        assert answer.status_code == 404 and 'href="/mi-cuenta"' in answer.text, path


def test_a_change_of_password_under_way_does_not_outlive_its_reset(
    people: Context, visitor: Person, person: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever holds a stolen session types while somebody gives the account another password, or ends its sessions."""
    other = accounts.hash_password(OTHER)

    def reset(session: Session) -> None:
        set_password(session, SYSTEM, find_account(session, person), other, must_change=True)

    def end(session: Session) -> None:
        accounts.end_sign_ins(session, find_account(session, person).account_id)

    for meanwhile, good in ((end, PASSWORD), (reset, OTHER)):
        assert visitor.sign_in(person).status_code == 302

        def looked_at(password: str, hashed: str | None, act: Any = meanwhile) -> bool:
            found = accounts.is_password(password, hashed)
            with transaction(people.records) as session:
                act(session)
            return found

        with monkeypatch.context() as patched:
            patched.setattr("dashboard.security.sign_in.is_password", looked_at)
            answer = visitor.form(
                "/password", "/password", old=PASSWORD, new="tercera frase muy larga", again="tercera frase muy larga"
            )
        assert answer.headers["Location"] == "/login" and visitor.get("/", headers=HTML).status_code == 302
        with Session(people.records) as session:
            account = find_account(session, person)
            assert accounts.is_password(good, account.password_hash) and account.must_change == (good == OTHER)
            why = select(AuditEntry.details).where(AuditEntry.who == person, AuditEntry.action == "password")
            assert "meanwhile" in session.scalars(why.order_by(AuditEntry.entry_id.desc())).first()


def test_while_a_password_is_judged_and_hashed_everybody_else_writes(
    people: Context, visitor: Person, person: str, hashed: PasswordHash, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def hashing(work: Any, *given: Any) -> Any:
        with ThreadPoolExecutor(1) as somebody_else:
            written.append(somebody_else.submit(write, people).result(30))
        return submit(work, *given)

    submit = accounts._HASHING.submit
    visitor.sign_in(person)
    other = somebody(people, hashed, f"otra.{person}", Role.ADMINISTRATOR)
    with transaction(people.records) as session:
        account_id, other_id = (find_account(session, name).account_id for name in (person, other))
    monkeypatch.setattr(accounts._HASHING, "submit", hashing)
    assert visitor.form("/password", "/password", old=PASSWORD, new=OTHER, again=OTHER).status_code == 302
    assert administration.give_password(
        people, Identity(other_id, other, "Otra", Role.ADMINISTRATOR, False, 0), account_id
    )
    told = CliRunner().invoke(
        cli.app, ["--data", str(people.settings.data), "user", "password", person, "--password-stdin"], input=PASSWORD
    )
    assert told.exit_code == 0, told.output
    assert len(written) > 4 and all(written)


def write(people: Context) -> bool:
    """Write to the records at once or not at all."""
    with closing(sqlite3.connect(people.settings.data / "records.sqlite", timeout=0)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        return True


# Signing in


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


# Sessions


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


# Rules of accounts, on both databases


@pytest.fixture
def chiefs(records: Engine) -> Engine:
    """Two who administer, one operator; none with a password."""
    with transaction(records) as session:
        for name, role in (("mario", Role.ADMINISTRATOR), ("nina", Role.ADMINISTRATOR), ("rosa", Role.OPERATOR)):
            add_account(session, SYSTEM, name, name.title(), role, None, must_change=False)
    return records


def actor(records: Engine, name: str) -> Actor:
    with Session(records) as session:
        account = find_account(session, name)
        return Actor(account.account_id, account.name, account.role)


def test_the_last_who_administers_keeps_account_and_role(chiefs: Engine) -> None:
    with transaction(chiefs) as session:
        set_disabled(session, SYSTEM, find_account(session, "nina"), True)
    for act in (
        lambda session, account: set_role(session, SYSTEM, account, Role.CHIEF),
        lambda session, account: set_disabled(session, SYSTEM, account, True),
    ):
        with pytest.raises(AccountError, match="última cuenta de administración"), transaction(chiefs) as session:
            act(session, find_account(session, "mario"))
    with transaction(chiefs) as session:
        set_disabled(session, SYSTEM, find_account(session, "nina"), False)
    with transaction(chiefs) as session:
        set_role(session, SYSTEM, find_account(session, "mario"), Role.CHIEF)
        assert find_account(session, "mario").role == Role.CHIEF


def test_nobody_changes_their_own_role_or_closes_their_own_account(chiefs: Engine) -> None:
    mario = actor(chiefs, "mario")
    with transaction(chiefs) as session:
        account = find_account(session, "mario")
        with pytest.raises(AccountError, match="su propio rol"):
            set_role(session, mario, account, Role.CHIEF)
        with pytest.raises(AccountError, match="su propia cuenta"):
            set_disabled(session, mario, account, True)
        set_role(session, mario, find_account(session, "nina"), Role.CHIEF)


@pytest.mark.parametrize("name", ["", "a", "x" * 65, "ñandú", "dos palabras", "a;b", "<b>", "a\nb", "\uff41na", "../a"])
def test_a_name_that_is_none_is_refused(name: str, chiefs: Engine) -> None:
    with pytest.raises(AccountError, match="nombre de cuenta"), transaction(chiefs) as session:
        add_account(session, SYSTEM, name, "Alguien", Role.OPERATOR, None, must_change=False)


@pytest.mark.parametrize("full_name", ["", "   ", "x" * 121, "a\x00b", "a\u202eb"])
def test_a_full_name_that_is_none_is_refused(full_name: str, chiefs: Engine) -> None:
    with pytest.raises(AccountError, match="nombre completo"), transaction(chiefs) as session:
        add_account(session, SYSTEM, "ana", full_name, Role.OPERATOR, None, must_change=False)


def test_a_name_is_one_account_however_it_is_written(chiefs: Engine) -> None:
    with pytest.raises(AccountError, match="ya existe"), transaction(chiefs) as session:
        add_account(session, SYSTEM, " ROSA ", "Otra Rosa", Role.OPERATOR, None, must_change=False)
    with transaction(chiefs) as session:
        assert find_account(session, "Rosa ").name == "rosa"


def test_every_change_of_an_account_has_its_entry_and_no_password_is_in_it(
    chiefs: Engine, hashed: PasswordHash
) -> None:
    mario = actor(chiefs, "mario")
    with transaction(chiefs) as session:
        rosa = find_account(session, "rosa")
        set_password(session, mario, rosa, hashed, must_change=True)
        set_role(session, mario, rosa, Role.SUPERVISOR)
        set_disabled(session, mario, rosa, True)
        set_disabled(session, mario, rosa, False)
    with Session(chiefs) as session:
        kept = session.scalars(select(AuditEntry).where(AuditEntry.who == "mario").order_by(AuditEntry.entry_id)).all()
        assert [(each.action, each.object) for each in kept] == [
            ("password", "rosa"), ("role", "rosa"), ("account", "rosa"), ("account", "rosa"),
        ]  # fmt: skip
        assert '"before": "operator", "after": "supervisor"' in kept[1].details
        assert not any(PASSWORD in each.details + each.object for each in kept)
        assert session.scalar(select(Account.must_change).where(Account.name == "rosa")) is True
