"""The doctor names what is wrong with a site, says what to do, and changes nothing by looking."""

import os
import shutil
from collections import namedtuple
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text, update

from dashboard.people import accounts
from dashboard.people.accounts import Role
from dashboard.serving import certificates
from dashboard.site import doctor
from dashboard.site.doctor import Finding, Verdict, examine, findings_text, is_wrong
from etl import pipeline
from etl import store as stores
from etl.records.audit import SYSTEM, Action, Result, seal_days
from etl.records.engine import engine_at, transaction, upgrade
from etl.records.models import AuditEntry, Job, Load
from etl.safekeeping.backup import back_up
from etl.settings import Settings
from etl.warehouse import CURRENT, read_current
from tests.commands import DONE, REFUSED, call, files_of
from tests.served import one_call
from tests.test_words import PATTERNS

#: A while after the call that the site holds (31/10/2026 08:00), its backup and its audit.
NOW = datetime(2026, 10, 31, 20, 0)


@pytest.fixture(scope="module")
def well_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a site with which all is well; only to be copied."""
    folder = tmp_path_factory.mktemp("well")
    settings = Settings(data=folder / "data", threads=1)
    log = folder / "queue_log"
    log.write_text("".join(f"{line}\n" for line in one_call("", 0).lines))
    settings.data.mkdir(mode=0o700)
    store = stores.open_store(settings)
    pipeline.ingest(store, [log])
    with transaction(store.records) as session:
        accounts.add_account(session, SYSTEM, "raiz", "Ana Paz", Role.ADMINISTRATOR, None, must_change=False)
        session.execute(update(Load).values(landed_at=NOW - timedelta(hours=8)))
    back_up(store, folder / "backups", NOW - timedelta(hours=2), keys=folder / "keys")
    with transaction(store.records) as session:
        seal_days(session, stores.now() + timedelta(days=2))
    store.records.dispose()
    log.unlink()
    return folder


@pytest.fixture
def settings(well_site: Path, tmp_path: Path) -> Settings:
    """A copy of it, with the folder of its backups named."""
    for name in ("data", "backups"):
        shutil.copytree(well_site / name, tmp_path / name)
    return Settings(data=tmp_path / "data", backup=tmp_path / "backups", threads=1)


def by_subject(settings: Settings, *, now: datetime = NOW, deep: bool = True) -> dict[str, Finding]:
    found = examine(settings, now, deep=deep)
    assert len({finding.subject for finding in found}) == len(found)
    return {finding.subject: finding for finding in found}


def records(settings: Settings) -> Engine:
    return engine_at(settings.database_url)


def test_a_site_that_is_well_is_told_so(settings: Settings) -> None:
    found = by_subject(settings)
    as_root = {"Usuario"} if os.geteuid() == 0 else set()
    assert {s for s, finding in found.items() if finding.verdict is not Verdict.GOOD} == {"Respaldo", *as_root}
    assert not is_wrong(list(found.values()))
    assert found["Datos"].seen == "Registro hasta 31/10/2026 08:00"
    assert found["Respaldo"].seen == "del 31/10/2026 14:00, en el mismo disco que el almacén"
    assert found["Cuentas"].seen == "1 habilitada, 1 de administración"
    assert found["Cargas"].seen == "1 en servicio"
    assert "DuckDB" in found["Versiones"].seen
    assert found["Certificado"].seen.startswith("ninguno")
    assert all(finding.remedy for finding in found.values() if finding.verdict is not Verdict.GOOD)


def test_looking_changes_nothing(settings: Settings) -> None:
    before = files_of(settings.data)
    examine(settings, NOW)
    assert files_of(settings.data) == before


def test_older_records_are_not_migrated_by_looking(settings: Settings) -> None:
    (settings.data / "records.sqlite").unlink()
    engine = records(settings)
    upgrade(engine, "0001")
    engine.dispose()
    (settings.data / "records.sqlite").chmod(0o600)
    (settings.data / "pseudonyms.key").unlink()
    before = files_of(settings.data)
    found = by_subject(settings)
    assert found["Registros"].verdict is Verdict.ATTENTION
    assert "revisión 0001" in found["Registros"].seen
    assert files_of(settings.data) == before


def test_where_there_is_no_store_none_is_made(tmp_path: Path) -> None:
    found = by_subject(Settings(data=tmp_path / "nothing"))
    assert found["Almacén"].verdict is found["Registros"].verdict is Verdict.BAD
    assert not (tmp_path / "nothing").exists()
    (tmp_path / "empty").mkdir()
    assert by_subject(Settings(data=tmp_path / "empty"))["Registros"].verdict is Verdict.BAD
    assert list((tmp_path / "empty").iterdir()) == []


def in_records(change: str) -> Callable[[Settings], None]:
    def harm(settings: Settings) -> None:
        engine = records(settings)
        with engine.begin() as connection:
            for name in connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
            connection.exec_driver_sql(change)
        engine.dispose()

    return harm


def segment_of(settings: Settings) -> Path:
    current = read_current(settings.warehouse)
    assert current is not None
    return settings.warehouse / current.segments[0].file


def piece_of(settings: Settings) -> Path:
    (path,) = [path for path in settings.raw.rglob("*") if path.is_file()]
    return path


def spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def job(settings: Settings, state: str, at: datetime) -> None:
    engine = records(settings)
    with transaction(engine) as session:
        session.add(
            Job(work="backup", asked={}, account_id=None, state=state, cancel=False, attempts=0, share=None, tells="",
                answer=None, queued_at=at, started_at=None, beat_at=at, ended_at=None, retry_of=None)
        )  # fmt: skip
    engine.dispose()


def late_entry(settings: Settings) -> None:
    engine = records(settings)
    with transaction(engine) as session:
        session.add(
            AuditEntry(entered_at=NOW - timedelta(days=3), account_id=None, who="x", role="", address="",
                       action=Action.JOB, object="", result=Result.DONE, details="")
        )  # fmt: skip
    engine.dispose()


@pytest.mark.parametrize(
    ("harm", "subject", "verdict", "told"),
    [
        (lambda s: s.data.chmod(0o755), "Permisos", Verdict.ATTENTION, "pueden entrar"),
        (lambda s: (s.data / "records.sqlite").chmod(0o644), "Permisos", Verdict.BAD, "leer records.sqlite"),
        (lambda s: (s.data / "pseudonyms.key").chmod(0o640), "Permisos", Verdict.BAD, "leer pseudonyms.key"),
        (lambda s: (s.data / "records.sqlite").unlink(), "Registros", Verdict.BAD, "no hay registros"),
        (lambda s: (s.data / "records.sqlite").write_bytes(b""), "Registros", Verdict.BAD, "está vacía"),
        (lambda s: (s.data / "records.sqlite").write_bytes(b"x" * 9000), "Registros", Verdict.BAD, "not a database"),
        (in_records("UPDATE alembic_version SET version_num = '9999'"), "Registros", Verdict.BAD, "revisión 9999"),
        (in_records("UPDATE accounts SET disabled = 1"), "Cuentas", Verdict.ATTENTION, "nadie puede entrar"),
        (in_records("UPDATE accounts SET role = 'chief'"), "Cuentas", Verdict.BAD, "0 de administración"),
        (in_records("UPDATE audit_entries SET details = 'x' WHERE entry_id = 1"), "Auditoría", Verdict.BAD, "cambió"),
        (late_entry, "Auditoría", Verdict.ATTENTION, "sin cierre diario desde el 28/10/2026"),
        (lambda s: segment_of(s).unlink(), "Cifras", Verdict.BAD, "falta callers-2026-10-1.duckdb"),
        (lambda s: spoil(segment_of(s)), "Cifras", Verdict.BAD, "no es el que se publicó"),
        (lambda s: (s.warehouse / CURRENT).write_text("{"), "Cifras", Verdict.BAD, "está dañado"),
        (lambda s: shutil.rmtree(s.warehouse), "Cifras", Verdict.ATTENTION, "todavía no hay"),
        (in_records("UPDATE loads SET state = 'landed'"), "Cargas", Verdict.ATTENTION, "no en los registros"),
        (in_records("UPDATE loads SET state = 'refused'"), "Cargas", Verdict.BAD, "1 en las cifras y no en los"),
        (lambda s: piece_of(s).unlink(), "Archivos recibidos", Verdict.BAD, "falta el de la carga 1"),
        (lambda s: piece_of(s).write_bytes(b"x"), "Archivos recibidos", Verdict.BAD, "no está entero"),
        (lambda s: job(s, "queued", NOW - timedelta(hours=1)), "Tareas", Verdict.ATTENTION, "nadie atiende"),
        (lambda s: job(s, "running", NOW - timedelta(minutes=5)), "Tareas", Verdict.ATTENTION, "hay tareas"),
        (lambda s: shutil.rmtree(s.backup), "Respaldo", Verdict.BAD, "ninguno en"),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(
    harm: Callable[[Settings], None], subject: str, verdict: Verdict, told: str, settings: Settings
) -> None:
    before = by_subject(settings)
    harm(settings)
    found = by_subject(settings)
    assert found[subject].verdict is verdict, found[subject]
    assert told in found[subject].seen
    assert found[subject].remedy
    others = {"Cifras", "Cargas", "Datos", "Disco"} if subject in ("Cifras", "Cargas") else {"Disco"}
    if subject != "Registros":  # all else hangs on them
        for name in before.keys() - {subject} - others:
            assert found[name].verdict is before[name].verdict, found[name]


def test_keys_that_were_never_copied_or_are_newer_than_their_copy_are_told(settings: Settings) -> None:
    assert by_subject(settings)["Claves"].seen.startswith("copiadas aparte el ")
    soon = stores.now().timestamp() + 365 * 86400
    os.utime(settings.data / "pseudonyms.key", (soon, soon))
    found = by_subject(settings)["Claves"]
    assert found.verdict is Verdict.ATTENTION and "es anterior a ellas" in found.seen
    store = stores.open_store(settings)
    with store.records.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_entries_no_update")
        connection.execute(text("UPDATE audit_entries SET object = 'x' WHERE object = 'claves'"))
    found = by_subject(settings)["Claves"]
    assert found.verdict is Verdict.ATTENTION and found.seen == "sin copia: un respaldo no las contiene"
    assert found.remedy == f"callcenter backup {settings.backup} --keys OTRA_CARPETA"


def test_without_reading_the_segments_only_their_length_is_looked_at(settings: Settings) -> None:
    spoil(segment_of(settings))
    assert by_subject(settings, deep=False)["Cifras"].verdict is Verdict.GOOD
    with segment_of(settings).open("ab") as file:
        file.write(b"x")
    assert by_subject(settings, deep=False)["Cifras"].verdict is Verdict.BAD


@pytest.mark.parametrize(
    ("later", "subject", "verdict", "told"),
    [
        (timedelta(hours=24), "Respaldo", Verdict.ATTENTION, "mismo disco"),
        (timedelta(hours=24, minutes=1), "Respaldo", Verdict.BAD, "el último es del 31/10/2026 14:00"),
        (timedelta(hours=27), "Datos", Verdict.GOOD, "Registro hasta 31/10/2026 08:00"),
        (timedelta(hours=29), "Datos", Verdict.ATTENTION, "Registro hasta 31/10/2026 08:00"),
    ],
)
def test_what_grows_old_is_told(
    later: timedelta, subject: str, verdict: Verdict, told: str, settings: Settings
) -> None:
    found = by_subject(settings, now=NOW + later)[subject]
    assert found.verdict is verdict
    assert told in found.seen


def test_without_a_folder_of_backups_a_site_is_not_well_and_a_demonstration_is(settings: Settings) -> None:
    settings = settings.model_copy(update={"backup": None})
    assert by_subject(settings)["Respaldo"].verdict is Verdict.BAD
    in_records("UPDATE store SET kind = 'demo'")(settings)
    found = by_subject(settings, now=NOW + timedelta(days=90))
    assert found["Respaldo"].verdict is found["Datos"].verdict is Verdict.GOOD


@pytest.mark.parametrize(
    ("days", "verdict", "told"),
    [
        (0, Verdict.GOOD, "(en 397 días)"),
        (380, Verdict.ATTENTION, "(en 17 días)"),
        (399, Verdict.BAD, "venció el"),
    ],
)
def test_the_days_that_a_certificate_has_left_are_told(
    days: int, verdict: Verdict, told: str, settings: Settings
) -> None:
    certificates.make_certificates(settings.model_copy(update={"hosts": ("call.test",)}), NOW.replace(tzinfo=UTC))
    found = by_subject(settings, now=NOW + timedelta(days=days))["Certificado"]
    assert found.verdict is verdict
    assert told in found.seen
    (settings.data / "tls" / "server.pem").write_text("no certificate")
    assert by_subject(settings)["Certificado"].verdict is Verdict.BAD


Usage = namedtuple("Usage", ["total", "used", "free"])


@pytest.mark.parametrize(
    ("free", "received", "verdict", "told"),
    [
        (100e9, 0, Verdict.GOOD, "100,0 GB libres de 200,0 GB"),
        (100e9, 3_000_000_000, Verdict.GOOD, "crece "),
        (50e9, 90_000_000_000, Verdict.ATTENTION, "alcanza para "),
        (5e9, 0, Verdict.BAD, "5,0 GB libres"),
        (0.9e9, 0, Verdict.BAD, "900,0 MB libres"),
    ],
)
def test_free_disk_and_its_growth_are_told(
    free: float, received: int, verdict: Verdict, told: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _path: Usage(200e9, 200e9 - free, free))
    if received:
        in_records(f"UPDATE loads SET bytes = {received}")(settings)
    found = by_subject(settings)["Disco"]
    assert (found.verdict, told in found.seen) == (verdict, True), found


@pytest.mark.database
def test_records_on_postgresql_are_looked_at_too(
    postgresql: Callable[[], str], tmp_path: Path, settings: Settings
) -> None:
    url = postgresql()
    from etl.safekeeping.restore import restore

    new = settings.model_copy(update={"data": tmp_path / "new", "records_url": url})
    restore(settings.backup or tmp_path, new, None, new_key=True)
    found = by_subject(new, now=NOW)
    assert found["Registros"].verdict is Verdict.GOOD
    assert "postgresql+psycopg://127.0.0.1:" in found["Registros"].seen
    assert "test" not in found["Registros"].seen
    assert found["Cuentas"].seen == "1 habilitada, 1 de administración"
    text_ = findings_text(list(found.values()))
    gone = new.model_copy(update={"records_url": "postgresql+psycopg://test:muy-secreta@127.0.0.1:1/nada"})
    lost = by_subject(gone)
    assert lost["Registros"].verdict is Verdict.BAD
    for password in ("muy-secreta", "solo para pruebas"):
        assert password not in text_ + findings_text(list(lost.values()))
    assert url.partition("@")[0] not in text_


def test_the_command_prints_a_line_each_and_exits_1_when_something_is_wrong(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLCENTER_BACKUP", str(settings.backup))
    back_up(stores.open_store(settings), settings.backup or Path(), stores.now())
    result = call(settings.data, "doctor")
    assert result.exit_code == DONE, result.output
    lines = result.stdout.splitlines()
    assert {line.split()[0] for line in lines} <= {"bien", "atención", "mal"}
    assert len(lines) == len(examine(settings, stores.now()))
    assert not [word.pattern for word in PATTERNS if word.search(result.stdout)]
    (settings.data / "pseudonyms.key").chmod(0o644)
    result = call(settings.data, "doctor")
    assert result.exit_code == REFUSED
    assert "mal       Permisos" in result.stdout
    assert "-> chmod 600 " in result.stdout


def test_a_line_of_the_command_stays_one_line(settings: Settings) -> None:
    findings = [Finding("Disco", Verdict.GOOD, "uno\r\nmal  Disco  lleno\x1b[2K")]
    assert findings_text(findings).count("\n") == 1
    assert "\x1b" not in findings_text(findings)
