"""The command ``callcenter user``: passwords from a prompt or the standard input, every act written down."""

import csv
import re
import stat
from io import StringIO
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from dashboard import cli
from dashboard.people.accounts import AccountError, Role, find_account, is_password, sign_in
from etl import store as stores
from etl.records.engine import open_records, transaction
from etl.records.models import Account, AuditEntry, SignIn
from etl.settings import Settings
from tests.commands import DONE, REFUSED, USAGE

PASSWORD = "siete llaves abren la puerta"
MADE_UP = r"([a-z2-9]{4}-){3}[a-z2-9]{4}"


def user(data: Path, *words: str | Path, typed: str = "") -> Result:
    """What `callcenter user WORDS...` does when that is typed, or piped into it."""
    result = CliRunner().invoke(cli.app, ["--data", str(data), "user", *map(str, words)], input=typed)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def account(data: Path, name: str) -> Account:
    records = open_records(Settings(data=data).database_url)
    try:
        with Session(records) as session:
            return find_account(session, name)
    finally:
        records.dispose()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A site whose first account administers it."""
    folder = tmp_path / "data"
    added = user(folder, "add", "Mario", "--full-name", "Mario Camacho", "--role", "administrator", "--password-stdin",
                 typed=PASSWORD + "\n")  # fmt: skip
    assert added.exit_code == DONE, added.output
    return folder


def test_the_first_account_makes_the_store_where_there_is_none(data: Path) -> None:
    kept = account(data, "mario")
    assert (kept.full_name, kept.role, kept.disabled, kept.must_change) == (
        "Mario Camacho", Role.ADMINISTRATOR, False, False,
    )  # fmt: skip
    assert is_password(PASSWORD, kept.password_hash)
    assert stores.store_kind(Settings(data=data)) == stores.SITE


def test_a_password_is_asked_for_twice(data: Path) -> None:
    words = ("add", "ana", "--full-name", "Ana Rojas", "--role", "jefa")
    other = user(data, *words, typed=f"{PASSWORD}\notra cosa\n")
    assert other.exit_code == REFUSED and "no son iguales" in other.output
    same = user(data, *words, typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert same.exit_code == DONE and PASSWORD not in same.output
    assert account(data, "ana").role == Role.CHIEF


def test_a_made_up_password_is_shown_once_and_must_be_changed(data: Path) -> None:
    added = user(data, "add", "rosa", "--full-name", "Rosa Mamani", "--role", "operator", "--made-up")
    shown = re.findall(MADE_UP, added.stdout)
    found = re.search(MADE_UP, added.stdout)
    assert added.exit_code == DONE and found and len(shown) == 1
    kept = account(data, "rosa")
    assert kept.must_change and is_password(found[0], kept.password_hash)
    again = user(data, "password", "rosa", "--made-up")
    other = re.search(MADE_UP, again.stdout)
    assert other and other[0] != found[0] and is_password(other[0], account(data, "rosa").password_hash)


def test_a_password_given_anew_ends_the_sessions(data: Path) -> None:
    records = open_records(Settings(data=data).database_url)
    with transaction(records) as session:
        sign_in(session, find_account(session, "mario"), address="10.0.0.1", browser="test")
    given = user(data, "password", "MARIO", "--password-stdin", "--must-change", typed="otra frase de la puerta\n")
    assert given.exit_code == DONE and account(data, "mario").must_change
    with Session(records) as session:
        assert session.scalars(select(SignIn)).one().ended_at is not None
    records.dispose()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("add", "b", "--full-name", "B", "--role", "chief", "--made-up"), REFUSED, "no sirve como nombre"),
        (("add", "mario", "--full-name", "B", "--role", "chief", "--made-up"), REFUSED, "ya existe"),
        (("add", "beto", "--full-name", " ", "--role", "chief", "--made-up"), REFUSED, "nombre completo"),
        (("add", "beto", "--full-name", "B", "--role", "rey", "--made-up"), USAGE, "no existe el rol «rey»"),
        (("add", "beto", "--full-name", "B", "--role", "chief", "--made-up", "--password-stdin"), USAGE, "no van"),
        (("add", "beto", "--full-name", "B", "--role", "chief", "--password-stdin"), REFUSED, "al menos 10"),
        (("add", "beto", "--full-name", "B", "--role", "chief", "--password", "x"), USAGE, "la opción --password"),
        (("add", "beto", "--full-name", "B"), USAGE, "--role"),
        (("disable", "nadie"), REFUSED, "No existe la cuenta «nadie»"),
        (("disable", "mario"), REFUSED, "última cuenta de administración"),
        (("role", "mario", "chief"), REFUSED, "última cuenta de administración"),
        (("role", "mario", "rey"), USAGE, "no existe el rol «rey»"),
        (("password", "nadie", "--made-up"), REFUSED, "No existe la cuenta «nadie»"),
        (("import", "no-esta.csv"), REFUSED, "no-esta.csv"),
        ((), USAGE, "Quién ingresa al sistema"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_the_reason(words: tuple[str, ...], code: int, says: str, data: Path) -> None:
    result = user(data, *words, typed="corta\n")
    assert result.exit_code == code and says in result.output
    with pytest.raises(AccountError):
        account(data, "beto")
    assert account(data, "mario").role == Role.ADMINISTRATOR


def test_an_account_is_closed_opened_given_a_role_and_listed(data: Path) -> None:
    user(data, "add", "rosa", "--full-name", "Rosa Mamani", "--role", "operator", "--made-up")
    assert "cerrada" in user(data, "disable", "rosa").stdout
    listed = user(data, "list").stdout
    assert re.search(r"^rosa +Rosa Mamani +Operador\(a\) +cerrada +nunca +0", listed, re.M)
    assert re.search(r"^mario +Mario Camacho +Administración +abierta", listed, re.M)
    assert "abierta" in user(data, "disable", "rosa", "--enable").stdout
    assert "Supervisor(a)" in user(data, "role", "rosa", "supervisora").stdout
    assert account(data, "rosa").role == Role.SUPERVISOR and not account(data, "rosa").disabled


def test_many_are_added_by_a_file_all_or_none(data: Path, tmp_path: Path) -> None:
    bad, good, out = tmp_path / "mala.csv", tmp_path / "buena.csv", tmp_path / "claves.csv"
    bad.write_text("cuenta;nombre;rol\nana;Ana;jefa\nmario;Otro;jefa\nx;;rey\n", encoding="utf-8")
    refused = user(data, "import", bad, "--out", out)
    assert refused.exit_code == REFUSED and not out.exists()
    for part in ("Línea 3, columna cuenta: «mario» ya existe", "Línea 4, columna cuenta", "Línea 4, columna nombre",
                 "Línea 4, columna rol"):  # fmt: skip
        assert part in refused.output
    good.write_bytes("cuenta,nombre,rol\nana,Ana Ñ.,jefa\nluis,Luis,calidad\n".encode("cp1252"))
    added = user(data, "import", good)
    rows = list(csv.DictReader(StringIO(added.stdout), delimiter=";"))
    assert added.exit_code == DONE and [row["Cuenta"] for row in rows] == ["ana", "luis"]
    kept = account(data, "ana")
    assert kept.must_change and kept.full_name == "Ana Ñ."
    assert is_password(rows[0]["Primera contraseña"], kept.password_hash)


def test_the_file_of_first_passwords_is_its_owner_s_alone_and_replaces_none(data: Path, tmp_path: Path) -> None:
    given, out = tmp_path / "c.csv", tmp_path / "claves.csv"
    given.write_text("cuenta;nombre;rol\nana;Ana;jefa\n", encoding="utf-8")
    out.write_text("de otro", encoding="utf-8")
    assert user(data, "import", given, "--out", out).exit_code == REFUSED
    assert out.read_text(encoding="utf-8") == "de otro"
    with pytest.raises(AccountError):
        account(data, "ana")
    out.unlink()
    assert user(data, "import", given, "--out", out).exit_code == DONE
    assert re.search(MADE_UP, out.read_text(encoding="utf-8-sig"))
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_what_is_done_from_the_console_says_so_in_the_audit(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "operaciones")
    user(data, "add", "rosa", "--full-name", "Rosa Mamani", "--role", "operator", "--made-up")
    user(data, "role", "rosa", "quality")
    user(data, "disable", "rosa")
    records = open_records(Settings(data=data).database_url)
    with Session(records) as session:
        kept = session.scalars(select(AuditEntry).where(AuditEntry.who == "operaciones")).all()
        assert [(each.role, each.action, each.object) for each in kept] == [
            ("consola", "account", "rosa"), ("consola", "role", "rosa"), ("consola", "account", "rosa"),
        ]  # fmt: skip
    records.dispose()


def test_a_demo_store_takes_it_too_and_an_empty_folder_only_what_adds(tmp_path: Path) -> None:
    stores.open_store(Settings(data=tmp_path / "demo"), kind=stores.DEMO).records.dispose()
    words = ("add", "ana", "--full-name", "Ana", "--role", "chief", "--made-up")
    assert user(tmp_path / "demo", *words).exit_code == DONE
    assert account(tmp_path / "demo", "ana").role == Role.CHIEF
    for words in (("list",), ("disable", "ana"), ("role", "ana", "chief"), ("password", "ana", "--made-up")):
        assert user(tmp_path / "nada", *words).exit_code == REFUSED
    assert not (tmp_path / "nada").exists()


def test_a_store_without_accounts_says_how_to_add_the_first(tmp_path: Path) -> None:
    stores.open_store(Settings(data=tmp_path / "data")).records.dispose()
    assert "callcenter user add" in user(tmp_path / "data", "list").stdout
