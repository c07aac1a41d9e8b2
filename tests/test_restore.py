"""A store made from a backup is the store that was saved; what is damaged, or has no room, is not restored."""

import os
import random
import shutil
import signal
import stat
import time
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect, select, text

from dashboard.people import accounts
from dashboard.people.accounts import Role
from dashboard.site.doctor import Finding, Verdict, examine
from etl import pipeline
from etl import store as stores
from etl.records import jobs
from etl.records.audit import SYSTEM, Action, broken_seals, note, seal_days
from etl.records.engine import REVISION, engine_at, transaction, upgrade
from etl.records.models import Account, AuditEntry, Job, Load, Store, Upload
from etl.records.portable import write_tables
from etl.safekeeping.manifest import FORMAT, MANIFEST, backups_in, read_manifest
from etl.safekeeping.restore import RestoreError, _write_settings, restore
from etl.settings import Settings
from etl.warehouse import read_current
from tests.business import business
from tests.commands import DAY, DONE, GOOD, REFUSED, USAGE, call, done
from tests.saved_sites import AT, NAME, PASSWORD, SECRET, Site, killing, restored, rewrite
from tests.test_words import PATTERNS

# --- the way there and back


@pytest.mark.parametrize("target", ["sqlite", pytest.param("postgresql", marks=pytest.mark.database)])
def test_from_backup_and_key_alone_the_whole_store_comes_back(
    target: str, full: Site, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    figures, tables = business(full.product()), full.tables()
    folder = full.back_up(keys=full.keys)
    shutil.rmtree(full.settings.data)
    away = tmp_path / "away"
    away.mkdir()
    for path in (full.backups, full.keys):
        path.rename(away / path.name)

    url = request.getfixturevalue("postgresql")() if target == "postgresql" else ""
    new = restored(away / "backups" / folder.name, Site(tmp_path / "new", url), away / "keys")

    assert business(new.product()) == figures
    found = new.tables()
    same = {"store", "log_files", "queue_lines", "agent_persons", "parameters", "accounts", "audit_seals", "jobs"}
    same |= {"mapping_versions"}
    assert tables["mapping_versions"].rows == 1
    assert {name: found[name] for name in same} == {name: tables[name] for name in same}
    assert found["loads"].rows == tables["loads"].rows
    store = new.open()
    with transaction(store.records) as session:
        ana = accounts.find_account(session, "ana")
        assert accounts.is_password(PASSWORD, ana.password_hash)
        assert list(accounts.open_sign_ins(session, ana.account_id)) == []
        assert broken_seals(session) == []
        acts = [(entry.action, entry.object) for entry in session.scalars(select(AuditEntry)).all()]
        assert (Action.RESTORE, NAME) in acts
        assert [upload.state for upload in session.scalars(select(Upload))] == ["discarded"]
        assert [job.answer for job in session.scalars(select(Job).order_by(Job.job_id))] == [
            {"loads": [1, 2], "text": "ñ\u2028"},
            None,
        ]
    store.records.dispose()
    assert (new.settings.data / "secret.key").read_text() == SECRET
    assert (new.settings.data / "tls" / "server.key").read_text() == f"{SECRET} tls"
    assert stat.S_IMODE((new.settings.data / "secret.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(new.settings.data.stat().st_mode) == 0o700
    assert not [path for path in new.folder.iterdir() if path.name != "in" and path != new.settings.data]


def test_a_restored_store_goes_on_where_the_saved_one_stood(full: Site, tmp_path: Path) -> None:
    folder = full.back_up(keys=full.keys)
    new = Site(tmp_path / "new")
    new.folder.mkdir()
    restored(folder, new, full.keys)
    again = full.folder / "log-0"
    store = new.open()
    (known,) = pipeline.ingest(store, [again])
    assert (known.state, known.loaded) == ("known", 0)
    with transaction(store.records) as session:
        before = session.scalars(select(Account.account_id)).all()
        eva = accounts.add_account(session, SYSTEM, "eva", "Eva Sol", Role.QUALITY, None, must_change=False)
        assert eva.account_id not in before
        note(session, SYSTEM, Action.JOB, "x")
        assert seal_days(session, stores.now() + timedelta(days=9))
        assert broken_seals(session) == []
    store.records.dispose()
    new.ingest(300)
    assert len(new.product().calls("line")) == 6
    assert new.settings.data.joinpath("callcenter.env").read_text().count("RECORDS_URL") == 0


@pytest.mark.database
def test_what_restored_records_on_postgresql_number_next_is_free(
    postgresql: Callable[[], str], small: Site, tmp_path: Path
) -> None:
    folder = small.back_up(keys=small.keys)
    new = Site(tmp_path / "new", postgresql())
    new.folder.mkdir()
    restored(folder, new, small.keys)
    new.ingest(50)
    assert len(new.product().calls("line")) == 2
    store = new.open()
    with transaction(store.records) as session:
        assert session.scalars(select(Load.load_id).order_by(Load.load_id)).all() == [1, 2]
    store.records.dispose()


def test_the_indicator_is_the_same_to_the_second(small: Site, tmp_path: Path) -> None:
    store = small.open()
    pipeline.ingest(store, [GOOD])
    store.records.dispose()
    words = ("kpi", "registered", "answered", "service_level", "asa", *DAY, "--by", "service,hour", "--format", "csv")
    told = done(small.settings.data, *words)
    assert "service_level,101," in told
    folder = small.back_up(keys=small.keys)
    shutil.rmtree(small.settings.data)
    new = restored(folder, Site(tmp_path / "new"), small.keys)
    assert done(new.settings.data, *words) == told


def with_records_of(folder: Path, revision: str, tmp_path: Path) -> None:
    """Put records of another revision, with the same loads, into a backup: what an older version would have written."""
    old = engine_at(f"sqlite:///{tmp_path / 'old.sqlite'}")
    upgrade(old, revision)
    store = engine_at(f"sqlite:///{folder / 'records.sqlite'}")
    with old.begin() as connection, store.connect() as source:
        for table in ("store", "log_files", "loads", "parameters"):
            columns = [column["name"] for column in inspect(connection).get_columns(table)]
            names = ", ".join(columns)
            values = ", ".join(f":{name}" for name in columns)
            rows = [dict(row._mapping) for row in source.execute(text(f"SELECT {names} FROM {table}"))]
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), rows)
    shutil.rmtree(folder / "records")
    (folder / "records").mkdir()
    with old.connect() as connection:
        tables = write_tables(connection, folder / "records")
    for engine in (old, store):
        engine.dispose()
    told = {name: {"rows": table.rows, "sha256": table.sha256} for name, table in tables.items()}
    rewrite(folder, lambda content: content.update(revision=revision, tables=told, files={}))


def test_a_backup_of_an_older_version_is_migrated(small: Site, tmp_path: Path) -> None:
    folder = small.back_up(AT, keys=small.keys)
    with_records_of(folder, "0001", tmp_path)
    new = restored(folder, Site(tmp_path / "new"), small.keys)
    assert business(new.product()) == business(small.product())
    store = new.open()
    with transaction(store.records) as session:
        assert session.connection().scalar(text("SELECT version_num FROM alembic_version")) == REVISION
        assert session.scalars(select(Store.kind)).one() == "site"
        assert Action.RESTORE in session.scalars(select(AuditEntry.action)).all()
    store.records.dispose()


def test_figures_that_come_out_otherwise_are_told(small: Site, tmp_path: Path) -> None:
    folder = small.back_up(AT, keys=small.keys)
    manifest = read_manifest(folder)
    assert manifest.figures is not None
    assert manifest.figures["core.line_calls 2026-10"] == [1, 1, 1, 5]
    rewrite(folder, lambda content: content["figures"].update({"core.line_calls 2026-10": [2, 2, 1, 5]}))
    result = restore(folder, Site(tmp_path / "new").settings, small.keys)
    assert result.differences == {"core.line_calls 2026-10": ([2, 2, 1, 5], [1, 1, 1, 5])}
    assert read_current(Site(tmp_path / "new").settings.warehouse) is not None


# --- what is not restored


def spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("harm", [Path.unlink, cut, spoil], ids=["missing", "cut", "spoilt"])
def test_a_backup_half_copied_or_damaged_in_any_file_is_not_restored(
    harm: Callable[[Path], None], small: Site, tmp_path: Path
) -> None:
    folder = small.back_up(AT, keys=small.keys)
    files = [path for path in small.backups.rglob("*") if path.is_file()]
    assert len(files) > 12
    for path in files:
        copy = tmp_path / "copy"
        shutil.copytree(small.backups, copy)
        harm(copy / path.relative_to(small.backups))
        new = Site(tmp_path / "new")
        with pytest.raises(RestoreError, match=r"incompleto|dañado|no está entero|versión más nueva"):
            restore(copy / folder.name, new.settings, small.keys)
        assert not new.folder.exists() or list(new.folder.iterdir()) == []
        shutil.rmtree(copy)


def test_another_key_a_damaged_one_or_none_restores_nothing(small: Site, tmp_path: Path) -> None:
    folder = small.back_up(AT, keys=small.keys)
    new = Site(tmp_path / "new")
    own = (small.keys / "pseudonyms.key").read_text()
    for content, told in [("5a" * 32, "no es la clave de este"), ("5a5a", "está dañado"), ("ñ", "está dañado")]:
        (small.keys / "pseudonyms.key").write_text(content)
        with pytest.raises(RestoreError, match=told):
            restore(folder, new.settings, small.keys)
    (small.keys / "pseudonyms.key").unlink()
    for keys, told in [(small.keys, "indique su carpeta"), (None, "con --keys"), (tmp_path / "no", "No existe")]:
        with pytest.raises(RestoreError, match=told):
            restore(folder, new.settings, keys)
    assert not new.folder.exists()
    result = restore(folder, new.settings, None, new_key=True)
    assert result.differences == {}
    assert (new.settings.data / "pseudonyms.key").read_text() != own
    assert len(new.product().calls("line")) == 1


def test_a_place_that_is_not_empty_is_left_alone(small: Site, tmp_path: Path) -> None:
    folder = small.back_up(AT, keys=small.keys)
    for what in ("a file", "a store"):
        new = Site(tmp_path / what)
        new.settings.data.mkdir(parents=True)
        if what == "a store":
            new.open().records.dispose()
        else:
            (new.settings.data / "note.txt").write_text("mine")
        before = {path.name for path in new.settings.data.iterdir()}
        with pytest.raises(RestoreError, match="no está vacía"):
            restore(folder, new.settings, small.keys)
        assert {path.name for path in new.settings.data.iterdir()} == before
    empty = Site(tmp_path / "empty")
    empty.settings.data.mkdir(parents=True)
    restored(folder, empty, small.keys)


@pytest.mark.database
def test_a_database_that_is_not_empty_is_left_alone_and_one_that_fails_stays_empty(
    postgresql: Callable[[], str], small: Site, tmp_path: Path
) -> None:
    folder = small.back_up(AT, keys=small.keys)
    new = Site(tmp_path / "new", postgresql())
    engine = create_engine(new.url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE theirs (x INTEGER)")
    with pytest.raises(RestoreError, match="no está vacía"):
        restore(folder, new.settings, small.keys)
    with engine.begin() as connection:
        assert inspect(connection).get_table_names() == ["theirs"]
        connection.exec_driver_sql("DROP TABLE theirs")
        # Fails in the middle of the rows, once the tables are there.
        connection.exec_driver_sql("CREATE TYPE parameters AS (x INTEGER)")
    with pytest.raises(RestoreError, match="La base de registros no tomó el respaldo"):
        restore(folder, new.settings, small.keys)
    with engine.begin() as connection:
        assert inspect(connection).get_table_names() == []
        connection.exec_driver_sql("DROP TYPE parameters")
    assert not new.settings.data.exists()
    engine.dispose()
    restored(folder, new, small.keys)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills by SIGKILL, which this system has not")
def test_a_restoration_killed_at_any_moment_leaves_the_place_empty_or_whole(small: Site, tmp_path: Path) -> None:
    small.back_up(AT, keys=small.keys)
    chance = random.Random(5)
    new = Site(tmp_path / "new")
    wanted = business(small.product())
    started = time.perf_counter()
    restored(small.backups, new, small.keys)
    takes = time.perf_counter() - started
    shutil.rmtree(new.folder)
    killed = 0
    with killing() as kill:
        for _ in range(8):
            ended = kill("restore", new.settings.data, small.backups, small.keys, chance.uniform(0, takes / 2))
            killed += ended == -signal.SIGKILL
            assert new.settings.data.exists() or ended == -signal.SIGKILL
            if new.settings.data.exists():
                assert business(new.product()) == wanted
                shutil.rmtree(new.folder)
    assert killed > 2
    restored(small.backups, new, small.keys)
    assert not [path for path in new.folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("newer", [{"revision": "9999"}, {"format": FORMAT + 1}], ids=str)
def test_a_backup_of_a_newer_version_is_not_restored(newer: dict[str, Any], small: Site, tmp_path: Path) -> None:
    folder = small.back_up(AT, keys=small.keys)
    rewrite(folder, lambda content: content.update(newer))
    with pytest.raises(RestoreError, match="versión más nueva"):
        restore(folder, Site(tmp_path / "new").settings, small.keys)
    assert not (tmp_path / "new").exists()


FORGED: list[dict[str, Any]] = [
    {"pieces": [1, 2]}, {"pieces": {"/elsewhere": 5}}, {"pieces": {"aa/../../x": 5}}, {"pieces": {"a" * 64: "5"}},
    {"files": {"../../x": {"bytes": 1, "sha256": "a" * 64}}}, {"files": {"x": 1}},
    {"tables": {"../x": {"rows": 1, "sha256": "a" * 64}}}, {"kind": "../x"}, {"kind": None},
    {"revision": "base; drop"}, {"revision": "0000"}, {"revision": 3}, {"figures": {"core.line_calls": 1}},
    {"made_at": 1}, {"seal": [1]}, {"key": 1}, {"more": 1},
]  # fmt: skip


def test_a_manifest_that_no_backup_of_ours_has_is_told_and_nothing_is_restored(small: Site, tmp_path: Path) -> None:
    """Its sum fits: that tells of what was lost, not of who wrote it."""
    folder = small.back_up(AT, keys=small.keys)
    written = (folder / MANIFEST).read_bytes()
    for forged in FORGED:
        (folder / MANIFEST).write_bytes(written)
        rewrite(folder, partial(dict.update, **forged))
        with pytest.raises(RestoreError, match=rf"{NAME} está dañado \({MANIFEST}\): use otro respaldo"):
            restore(folder, Site(tmp_path / "new").settings, small.keys)
    assert not (tmp_path / "new").exists()


def test_a_folder_without_backups_restores_nothing(small: Site, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "no"):
        with pytest.raises(RestoreError):
            restore(folder, Site(tmp_path / "new").settings, small.keys)


# --- what is not taken over from then


def test_orders_of_then_are_not_carried_out_and_the_site_s_backups_are_left_alone(small: Site, tmp_path: Path) -> None:
    (small.settings.data / "callcenter.env").write_text(
        f"CALLCENTER_HOSTS='call.test'\nexport CALLCENTER_BACKUP = '{small.backups}'\n"
    )
    store = small.open()
    with transaction(store.records) as session:
        numbers = [jobs.enqueue(session, work, {"load": 1}, None).job_id for work in ("undo", "backup", "inbox")]
    assert jobs.claim(store.records, stores.now()) is not None  # one of them ran at that moment
    store.records.dispose()
    small.back_up(keys=small.keys)
    result = restore(small.backups, Site(tmp_path / "new").settings, small.keys)
    assert (result.cancelled_jobs, result.backup_setting) == (3, str(small.backups))
    settings = Settings(data=result.folder)
    assert (settings.backup, settings.hosts) == (None, ("call.test",))
    store = stores.open_store(settings)
    assert jobs.claim(store.records, stores.now()) is None
    with transaction(store.records) as session:
        found = session.scalars(select(Job).order_by(Job.job_id)).all()
        assert {(job.state, job.tells) for job in found} == {("cancelled", "Se canceló al restaurar un respaldo.")}
        told = session.scalars(select(AuditEntry.object).where(AuditEntry.action == Action.JOB)).all()
        assert told == [f"job {number}" for number in numbers]
    store.records.dispose()
    again = call(tmp_path / "again", "restore", small.backups, "--keys", small.keys)
    assert again.exit_code == DONE
    assert f"CALLCENTER_BACKUP ({small.backups}) se quitó de los ajustes" in again.stderr
    assert "Trabajos de entonces que se cancelaron: 3." in again.stdout


@pytest.mark.parametrize("last", ["CALLCENTER_PORT=8050", "CALLCENTER_PORT='8050'", "CALLCENTER_HOSTS='x.lan'\r\n"])
def test_a_settings_file_without_an_end_of_line_takes_the_records_place(last: str, tmp_path: Path) -> None:
    url = "postgresql+psycopg://cc:p'w\\d@db.lan/cc"
    draft = tmp_path / "draft"
    draft.mkdir()
    (draft / "callcenter.env").write_text(f"CALLCENTER_PBX=pbx\nCALLCENTER_RECORDS_URL=other\n{last}", newline="")
    _write_settings(tmp_path, draft, Settings(data=draft, records_url=url))
    found = Settings(data=draft)
    assert (found.records_url, found.pbx) == (url, "pbx")
    assert (found.port, found.hosts) == (8050, ("x.lan",) if "HOSTS" in last else ())


# --- the audit held from outside


def reseal(settings: Settings) -> None:
    """Change the audit of a sealed day and seal it anew, as somebody may who owns the database."""
    engine = engine_at(settings.database_url)
    with engine.begin() as connection:
        for name in connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.exec_driver_sql("UPDATE audit_entries SET who = 'nadie' WHERE entry_id = 1")
        connection.exec_driver_sql("DELETE FROM audit_seals")
    with transaction(engine) as session:
        seal_days(session, stores.now() + timedelta(days=2))
        assert broken_seals(session) == [], "by its own seals nothing is wrong"
    engine.dispose()


def sealed(site: Site) -> date:
    store = site.open()
    with transaction(store.records) as session:
        note(session, SYSTEM, Action.JOB, "x")
        (day,) = seal_days(session, stores.now() + timedelta(days=2))
    store.records.dispose()
    return day


def test_a_backup_remembers_the_last_seal_and_an_audit_sealed_anew_is_found_by_it(small: Site, tmp_path: Path) -> None:
    day = sealed(small)
    first = small.back_up(AT, keys=small.keys)
    seal = read_manifest(first).seal
    assert seal is not None and seal.day == day.isoformat()
    settings = small.settings.model_copy(update={"backup": small.backups})
    assert _audit_finding(settings).verdict is Verdict.GOOD
    reseal(small.settings)
    finding = _audit_finding(settings)
    assert finding.verdict is Verdict.BAD
    assert f"el cierre del {day:%d/%m/%Y} no es el que guarda el respaldo {first.name}" in finding.seen
    small.back_up(AT + timedelta(days=1), keys=small.keys)
    result = call(tmp_path / "new", "restore", small.backups, "--keys", small.keys)
    assert (result.exit_code, f"no es la que se cerró: {day:%d/%m/%Y}" in result.stderr) == (REFUSED, True)
    restored(first, Site(tmp_path / "first"), small.keys)


def test_days_that_were_lived_twice_are_told_apart_from_an_audit_that_was_changed(small: Site, tmp_path: Path) -> None:
    first = small.back_up(AT, keys=small.keys)
    sealed(small)
    small.back_up(AT + timedelta(hours=1), keys=small.keys)
    new = restored(first, Site(tmp_path / "new"), small.keys)
    finding = _audit_finding(new.settings.model_copy(update={"backup": small.backups}))
    assert finding.verdict is Verdict.ATTENTION
    assert "es de antes de una restauración" in finding.seen


def _audit_finding(settings: Settings) -> Finding:
    (finding,) = [found for found in examine(settings, AT) if found.subject == "Auditoría"]
    return finding


def test_a_backup_of_the_format_before_has_no_seal_and_is_restored(small: Site, tmp_path: Path) -> None:
    folder = small.back_up(AT, keys=small.keys)

    def before(content: dict[str, Any]) -> None:
        content["format"] = 1
        del content["seal"]

    rewrite(folder, before)
    assert restored(folder, Site(tmp_path / "new"), small.keys).settings.data.is_dir()


# --- by command


def test_the_commands_say_what_they_did(small: Site, tmp_path: Path) -> None:
    data = small.settings.data
    made = call(data, "backup", small.backups)
    assert made.exit_code == DONE
    (folder,) = backups_in(small.backups)
    assert made.stdout.startswith(f"{folder}: ")
    assert made.stdout.endswith("1 archivos recibidos (1 nuevos); restaurado a prueba, igual.\n")
    assert "guárdelas aparte con --keys" in made.stderr
    assert call(data, "backup", small.backups, "--keys", small.keys).stderr == ""
    assert len(backups_in(small.backups)) == 2
    again = call(tmp_path / "new", "restore", small.backups, "--keys", small.keys)
    assert again.exit_code == DONE, again.output
    assert "1 archivos recibidos; las cifras son las del respaldo." in again.stdout
    assert done(tmp_path / "new", "load", "list") == done(data, "load", "list")
    for words in (made.stdout + made.stderr, again.stdout):
        assert not [word.pattern for word in PATTERNS if word.search(words)], words


def test_the_commands_say_what_they_did_not_do(small: Site, tmp_path: Path) -> None:
    folder = small.back_up(AT, keys=small.keys)
    data = small.settings.data
    for code, told, words in [
        (USAGE, "falta --keys CARPETA", ("restore", folder)),
        (REFUSED, "no está vacía", ("--data", str(data), "restore", folder, "--keys", small.keys)),
        (REFUSED, "No existe la carpeta de las claves", ("restore", folder, "--keys", tmp_path / "no")),
        (REFUSED, "está dentro de uno", ("--data", str(data), "backup", data / "here")),
        (REFUSED, "no hay un almacén", ("backup", tmp_path / "there")),
    ]:
        result = call(tmp_path / "new", *words)
        assert (result.exit_code, result.stdout, told in result.stderr) == (code, "", True), result.output
    assert not (tmp_path / "new").exists()
    rewrite(folder, lambda content: content["figures"].update({"core.calls 2026-10": [9, 9, 9, 9]}))
    result = call(tmp_path / "new", "restore", folder, "--keys", small.keys)
    assert (result.exit_code, "hay cifras distintas" in result.stdout) == (REFUSED, True)
    assert "core.calls 2026-10: [9, 9, 9, 9] en el respaldo, [1, 1, 1, 5] ahora" in result.stderr
