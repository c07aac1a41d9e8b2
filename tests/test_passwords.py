"""Passwords: which are taken, what is kept of them, how they are changed and what that ends."""

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner
from werkzeug.test import TestResponse

from dashboard import cli
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
    set_password,
    sign_in,
)
from etl.records.audit import SYSTEM
from etl.records.engine import transaction
from etl.records.models import AuditEntry
from tests.signing import HTML, OTHER, PASSWORD, Person, somebody
from tests.signing import person as person
from tests.signing import visitor as visitor


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
