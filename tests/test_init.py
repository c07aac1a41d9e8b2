"""A new site: asked for in Spanish or told by flags, whole or completed, its owner's alone; and its secret."""

import itertools
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import select
from typer.testing import CliRunner

from dashboard import cli
from dashboard.people.accounts import Role, find_account, is_password
from dashboard.serving import certificates
from dashboard.site.configuration import ConfigurationError
from dashboard.site.new_site import Answers, Piece, make_site, missing_pieces
from dashboard.site.secret import make_secret, new_secret, read_secret, weakness
from etl import store as stores
from etl.records.audit import SYSTEM, Action
from etl.records.engine import open_records, transaction
from etl.records.models import Account, AuditEntry
from etl.settings import Settings
from tests.commands import DONE, GOOD, REFUSED, USAGE, done, files_of
from tests.test_cli import ENGLISH
from tests.test_words import PATTERNS

MISCONFIGURED = 78
PASSWORD = "siete caballos azules corren"
MADE_UP = r"\b(?:[a-z2-9]{4}-){3}[a-z2-9]{4}\b"


def init(data: Path, *words: str, typed: str = "") -> Result:
    result = CliRunner().invoke(cli.app, ["init", str(data), *words], input=typed)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def accounts(data: Path) -> dict[str, Account]:
    records = open_records(Settings(data=data).database_url)
    try:
        with transaction(records) as session:
            return {account.name: account for account in session.scalars(select(Account))}
    finally:
        records.dispose()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A site as --yes makes it, only to be read; and what was said."""
    data = tmp_path_factory.mktemp("made") / "deep" / "site"
    result = init(data, "--yes", "--name", "Callcenter.Test", "--name", "10.20.30.40", "--admin", "Ana.Rojas",
                  "--admin-name", "Ana Rojas")  # fmt: skip
    assert result.exit_code == DONE, result.output
    return data, result


def test_a_site_has_all_its_pieces(made: tuple[Path, Result]) -> None:
    data, _ = made
    settings = Settings(data=data)
    assert missing_pieces(settings) == []
    assert settings.hosts == ("callcenter.test", "10.20.30.40") and settings.host == "0.0.0.0" and settings.port == 8050
    assert stores.store_kind(settings) == stores.SITE
    assert not weakness(read_secret(settings))
    assert certificates.server_pair(settings) == certificates.our_pair(settings)
    account = accounts(data)["ana.rojas"]
    assert (account.role, account.full_name, account.must_change) == (Role.ADMINISTRATOR, "Ana Rojas", True)


def test_the_first_password_is_shown_once_and_opens_the_account(made: tuple[Path, Result]) -> None:
    data, result = made
    shown = re.findall(MADE_UP, result.stdout)
    assert len(shown) == 1
    assert is_password(shown[0], accounts(data)["ana.rojas"].password_hash)
    for path in data.rglob("*"):
        assert not path.is_file() or shown[0].encode() not in path.read_bytes()


def test_the_secret_is_not_shown(made: tuple[Path, Result]) -> None:
    data, result = made
    assert read_secret(Settings(data=data)) not in result.output
    assert "PRIVATE KEY" not in result.output


def test_everything_is_its_owners_alone(made: tuple[Path, Result]) -> None:
    data, _ = made
    found = {path: stat.S_IMODE(path.stat().st_mode) for path in [data, *data.rglob("*")]}
    assert {mode for path, mode in found.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in found.items() if path.is_file()} == {0o600}


def test_it_makes_the_inbox_and_tells_of_it_and_of_the_backup(made: tuple[Path, Result]) -> None:
    data, result = made
    assert (data / "inbox").is_dir() and str(data / "inbox") in result.output
    assert "CALLCENTER_BACKUP" in result.output and "backup CARPETA --keys OTRA_CARPETA" in result.output


def test_it_says_what_is_left_to_do(made: tuple[Path, Result]) -> None:
    data, result = made
    text = " ".join(result.stdout.split())
    assert f"{data}/tls/authority.pem" in text and "certutil -addstore Root" in text
    assert f"callcenter --data {data} serve" in text
    assert "https://callcenter.test:8050/" in text and "https://10.20.30.40:8050/" in text
    fingerprint = certificates.fingerprint(data / "tls" / "authority.pem")
    assert fingerprint in text and len(fingerprint) == 95


def test_it_speaks_our_spanish(made: tuple[Path, Result]) -> None:
    said = made[1].stdout.replace(str(made[0]), "").replace("authority.pem", "").replace("certutil -addstore Root", "")
    assert not ENGLISH.search(said), said
    assert not [word.pattern for word in PATTERNS if word.search(said)]


def test_the_account_is_in_the_audit(made: tuple[Path, Result]) -> None:
    records = open_records(Settings(data=made[0]).database_url)
    with transaction(records) as session:
        entries = session.scalars(select(AuditEntry)).all()
        assert [(entry.action, entry.object, entry.role) for entry in entries] == [
            (Action.ACCOUNT, "ana.rojas", "consola")
        ]
    records.dispose()


def test_a_site_that_lacks_nothing_is_refused_and_stays_as_it_is(made: tuple[Path, Result]) -> None:
    data, _ = made
    before = files_of(data)
    result = init(data, "--yes", "--name", "otro.test")
    assert (result.exit_code, result.stdout) == (REFUSED, "")
    assert "ya es un sitio" in result.stderr
    assert files_of(data) == before


def test_what_is_not_told_is_asked(tmp_path: Path) -> None:
    typed = "callcenter.test, 10.1.1.1\n8443\njefa\nCarmen Flores\n"
    result = init(tmp_path / "site", typed=typed)
    assert result.exit_code == DONE, result.output
    for question in ("Nombres o direcciones", "Puerto", "Cuenta de quien administra", "nombre completo"):
        assert question in result.stdout
    settings = Settings(data=tmp_path / "site")
    assert (settings.hosts, settings.port) == (("callcenter.test", "10.1.1.1"), 8443)
    assert accounts(tmp_path / "site")["jefa"].full_name == "Carmen Flores"


def test_an_answer_broken_off_makes_nothing(tmp_path: Path) -> None:
    result = init(tmp_path / "site", typed="callcenter.test\n")
    assert result.exit_code == REFUSED
    assert not (tmp_path / "site").exists()


def test_a_password_from_standard_input_is_taken_and_need_not_be_changed(tmp_path: Path) -> None:
    result = init(tmp_path / "site", "--yes", "--name", "a.test", "--password-stdin", typed=PASSWORD + "\n")
    assert result.exit_code == DONE and PASSWORD not in result.output
    account = accounts(tmp_path / "site")["admin"]
    assert is_password(PASSWORD, account.password_hash) and not account.must_change


@pytest.mark.parametrize("password", ["", "corta", "12345678901"])
def test_a_password_that_will_not_do_is_refused_and_the_next_run_completes_the_site(
    tmp_path: Path, password: str
) -> None:
    data = tmp_path / "site"
    result = init(data, "--yes", "--name", "a.test", "--password-stdin", typed=password + "\n")
    assert result.exit_code == REFUSED and "ontraseña" in result.stderr
    assert missing_pieces(Settings(data=data)) == [Piece.ADMINISTRATOR]
    assert init(data, "--yes").exit_code == DONE
    assert missing_pieces(Settings(data=data)) == []


@pytest.mark.parametrize("name", ["https://callcenter", "call center", "ñandú"])
def test_a_name_that_is_none_makes_nothing(tmp_path: Path, name: str) -> None:
    result = init(tmp_path / "site", "--yes", "--name", name)
    assert (result.exit_code, result.stdout) == (MISCONFIGURED, "")
    assert "no es un nombre de computadora" in result.stderr
    assert not (tmp_path / "site").exists()


# Only what is missing


def test_whatever_piece_it_is_killed_after_the_next_run_completes_the_site(tmp_path: Path) -> None:
    class KilledError(Exception):
        pass

    def told_until(last: int) -> Callable[[str], None]:
        count = itertools.count(1)

        def tell(_: str) -> None:
            if next(count) == last:
                raise KilledError

        return tell

    for last in range(1, len(Piece)):
        data = tmp_path / f"site{last}"
        with pytest.raises(KilledError):
            make_site(data, _answers(), SYSTEM, tell=told_until(last), show_password=_nobody_looks)
        missing = missing_pieces(Settings(data=data))
        assert missing == list(Piece)[last:]
        before = files_of(data)
        make_site(data, _answers(), SYSTEM, tell=lambda _: None, show_password=_nobody_looks)
        assert missing_pieces(Settings(data=data)) == []
        after = files_of(data)
        assert {name for name in before if name != "records.sqlite"} <= {
            name for name, digest in after.items() if before.get(name) == digest
        }
        assert list(accounts(data)) == ["admin"]


@pytest.mark.parametrize("milliseconds", [700, 1000, 1300, 1600])
def test_killed_at_any_moment_the_next_run_completes_the_site(tmp_path: Path, milliseconds: int) -> None:
    data = tmp_path / "site"
    words = ["init", str(data), "--yes", "--name", "a.test"]
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "dashboard", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            process.wait(milliseconds / 1000)
        except subprocess.TimeoutExpired:
            process.kill()
    result = init(data, *words[2:])
    assert result.exit_code == DONE or "ya es un sitio" in result.stderr
    assert missing_pieces(Settings(data=data)) == []
    assert list(accounts(data)) == ["admin"]


def test_a_store_that_a_first_trial_made_becomes_a_site_with_its_data(tmp_path: Path) -> None:
    data = tmp_path / "site"
    done(data, "ingest", GOOD)
    before = {name: digest for name, digest in files_of(data).items() if name != "records.sqlite"}
    result = init(data, "--yes", "--name", "a.test")
    assert result.exit_code == DONE, result.output
    after = files_of(data)
    assert before.items() <= after.items()
    assert not [path for path in data.rglob("*") if path.stat().st_mode & 0o077]
    assert "queue_log" in done(data, "load", "list")


def test_a_missing_piece_is_made_and_the_others_stay(made: tuple[Path, Result], tmp_path: Path) -> None:
    data = tmp_path / "copy"
    shutil.copytree(made[0], data)
    (data / "secret.key").unlink()
    before = files_of(data)
    result = init(data, "--yes", "--name", "otro.test")
    assert result.exit_code == DONE and "no se cambian los nombres" in result.stderr
    after = files_of(data)
    assert after.keys() - before.keys() == {"secret.key"} and before.items() <= after.items()


def test_a_site_whose_only_administrator_was_disabled_gets_another(tmp_path: Path) -> None:
    data = tmp_path / "site"
    done(data, "init", data, "--yes", "--name", "a.test")
    records = open_records(Settings(data=data).database_url)
    with transaction(records) as session:
        find_account(session, "admin").disabled = True  # which no verb would do
    records.dispose()
    assert init(data, "--yes", "--admin", "otra", "--admin-name", "Otra Persona").exit_code == DONE
    assert sorted(accounts(data)) == ["admin", "otra"]


# What is left alone


def test_a_folder_with_something_else_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "carta.txt").write_text("mine")
    mode = tmp_path.stat().st_mode
    result = init(tmp_path, "--yes", "--name", "a.test")
    assert (result.exit_code, result.stdout) == (REFUSED, "")
    assert "no está vacía" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["carta.txt"] and tmp_path.stat().st_mode == mode
    result = init(tmp_path / "carta.txt", "--yes")
    assert result.exit_code == REFUSED and "es un archivo" in result.stderr


def test_a_demo_store_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "demo"
    stores.open_store(Settings(data=data), kind=stores.DEMO).records.dispose()
    before = files_of(data)
    result = init(data, "--yes")
    assert result.exit_code == REFUSED and "DATOS DE MUESTRA" in result.stderr
    assert files_of(data) == before


# A certificate of the site's own


def test_the_sites_own_certificate_is_named_in_the_settings(made: tuple[Path, Result], tmp_path: Path) -> None:
    ours = certificates.our_pair(Settings(data=made[0]))
    files = ["--certificate", str(ours.certificate), "--certificate-key", str(ours.key)]
    data = tmp_path / "it's a site"
    result = init(data, "--yes", "--name", "callcenter.test", *files)
    assert result.exit_code == DONE, result.output
    settings = Settings(data=data)
    assert certificates.server_pair(settings) == ours
    assert not (data / "tls").exists() and "authority.pem" not in result.stdout
    assert missing_pieces(settings) == []


def test_the_sites_own_certificate_that_will_not_do_makes_nothing(made: tuple[Path, Result], tmp_path: Path) -> None:
    ours = certificates.our_pair(Settings(data=made[0]))
    for certificate, key, name, says in (
        (ours.certificate, ours.key, "otro.test", "no sirve para otro.test"),
        (ours.certificate, certificates.authority(Settings(data=made[0])).key, "callcenter.test", "no corresponde"),
        (tmp_path / "none.pem", ours.key, "callcenter.test", "No se puede leer"),
    ):
        result = init(
            tmp_path / "site", "--yes", "--name", name, "--certificate", str(certificate), "--certificate-key", str(key)
        )
        assert (result.exit_code, result.stdout) == (MISCONFIGURED, "") and says in result.stderr
        assert not (tmp_path / "site").exists()
    assert init(tmp_path / "site", "--yes", "--certificate", str(ours.certificate)).exit_code == USAGE


# The secret


@pytest.mark.parametrize(
    "secret",
    ["", "dev", "changeme", "changeme" * 5, "x" * 64, "ab" * 32, "0123456789abcdefghijklmnopqrstuvwxyz",
     "9876543210zyxwvutsrqponmlkjihgfedcba", "abcdefghijk12345" * 4, "mi-secret-de-prueba-91827364-xkcd-qpw",
     "please-changeme-in-production-918273", "a" * 31],
)  # fmt: skip
def test_a_secret_that_could_be_guessed_is_told_why(secret: str) -> None:
    assert weakness(secret)


def test_a_secret_made_at_random_will_do_and_is_never_the_same() -> None:
    made = {new_secret() for _ in range(200)}
    assert len(made) == 200 and not any(map(weakness, made))


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data=tmp_path)
    with pytest.raises(ConfigurationError, match="Falta la clave secreta"):
        read_secret(settings)
    assert make_secret(settings) and not make_secret(settings)
    kept, other = read_secret(settings), new_secret()
    assert (tmp_path / "secret.key").read_text().strip() == kept
    monkeypatch.setenv("CALLCENTER_SECRET", other)
    assert read_secret(Settings(data=tmp_path)) == other
    monkeypatch.setenv("CALLCENTER_SECRET", "changeme")
    with pytest.raises(ConfigurationError, match="CALLCENTER_SECRET") as refused:
        read_secret(Settings(data=tmp_path))
    assert "changeme" not in str(refused.value)


# Settings


def test_the_file_of_the_store_says_what_the_environment_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "callcenter.env").write_text(
        "# comment\nCALLCENTER_PORT=9443\nCALLCENTER_HOSTS=' A.test ,[::1],,a.TEST'\nCALLCENTER_DATA=/elsewhere\n"
        "CALLCENTER_CERTIFICATE=\nUNKNOWN=1\nCALLCENTER_UNKNOWN=1\n"
    )
    settings = Settings(data=tmp_path)
    assert (settings.port, settings.hosts, settings.data) == (9443, ("a.test", "::1"), tmp_path)
    assert settings.certificate is None
    monkeypatch.setenv("CALLCENTER_PORT", "9000")
    assert Settings(data=tmp_path).port == 9000
    monkeypatch.setenv("CALLCENTER_DATA", str(tmp_path))
    assert Settings().hosts == ("a.test", "::1")


def _answers() -> Answers:
    return Answers(("a.test",), 8050, None, "admin", "Quien administra", None)


def _nobody_looks(name: str, password: str) -> None:
    assert name == "admin" and password
