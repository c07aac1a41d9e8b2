"""Pulls: what may be wrong with a table or its server, what a pull asks of it, and who asks for one."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import String, text, update

from dashboard.work import worker, works
from etl import known_logs, landing, pipeline
from etl.checkup import check
from etl.lines import Cancelled
from etl.pipeline import loading
from etl.readers import databases
from etl.records import jobs
from etl.records.audit import SYSTEM
from etl.records.engine import transaction
from etl.records.models import Job
from tests import mariadb, postgresql
from tests.commands import call
from tests.databases import LINES, TWENTY, Addresses, database, engine_of, product_in, pull
from tests.databases import new_mariadb as new_mariadb
from tests.databases import new_postgresql as new_postgresql
from tests.drawn_log import answered, line
from tests.reference_counter import LogFile
from tests.table_log import (
    ADAPTIVE,
    FREEPBX,
    ONE_COLUMN,
    table_of,
)

# The module asks for both servers by name, so that the marks are set before a fixture is.
pytestmark = pytest.mark.database


def test_rows_set_aside_are_named_by_line_and_id(new_mariadb: Addresses, tmp_path: Path) -> None:
    url = new_mariadb()
    table = table_of(url, replace(ONE_COLUMN, time=String(26)), TWENTY)
    with table.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO queue_log VALUES (4711, 'ayer', 'x.1', '101', 'NONE', 'PAUSE', '70712345')")
        )
    product = product_in(tmp_path / "store")
    (report,) = pull(product, database(url))
    assert (report.loaded, report.quarantined) == (len(TWENTY), 1)
    printed = call(product.folder / "data", "quarantine").stdout
    assert "(id 4711)" in printed and "70712345" not in printed
    assert product.rows("SELECT line, reasons FROM meta.quarantine") == [(len(TWENTY) + 1, "epoch")]


def test_texts_that_fill_their_column_are_told(new_mariadb: Addresses, tmp_path: Path) -> None:
    url = new_mariadb()
    long = "Local/2010000000000000000000000000000000000000000000000000000@from-queue/n"
    table_of(url, FREEPBX, [*TWENTY, line(5, "1", "RINGNOANSWER", 1000, agent=long)])
    product = product_in(tmp_path / "store")
    (report,) = pull(product, database(url))
    assert "pueden estar cortados (agent)" in report.message
    product.load(LogFile("queue_log", (*TWENTY, line(5, "1", "RINGNOANSWER", 1000, agent=long))))
    assert product.rows("SELECT agent FROM raw.queue_log WHERE event = 'RINGNOANSWER'") == [(long,)]


def test_old_tables_of_latin1_keep_their_letters(mariadb_server: sqlalchemy.URL, tmp_path: Path) -> None:
    names = ("Peña Ágreda", "Muñoz")
    with mariadb.database(mariadb_server, charset="latin1") as url:
        table = table_of(url, ADAPTIVE, TWENTY)
        table.add([line(3, "1", "RINGNOANSWER", 1, agent=names[0])])
        # As Asterisk does: UTF-8 through a connection that the server takes for latin1.
        raw = engine_of(f"{url}?charset=latin1")
        with raw.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO queue_log (time, callid, queuename, agent, event) "
                    "VALUES ('2024-03-05 08:00:04.000009', 'NONE', '101', :agent, 'PAUSE')"
                ),
                {"agent": names[1].encode().decode("cp1252")},
            )
        product = product_in(tmp_path / "store")
        for address in (url, f"{url}?charset=latin1"):
            pull(product, database(address))
            rows = product.rows("SELECT DISTINCT agent FROM raw.queue_log WHERE agent LIKE '%ñ%'")
            assert sorted(row[0] for row in rows) == sorted(names)


@pytest.mark.parametrize("way", ["mariadb", "postgresql"])
def test_a_wrong_password_is_refused_without_a_secret(way: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = sqlalchemy.make_url(request.getfixturevalue(f"new_{way}")()).set(password="clave-secreta")
    product = product_in(tmp_path / "store")
    (report,) = pull(product, database(url.render_as_string(hide_password=False)))
    assert report.state == "refused"
    assert "no acepta el usuario o la contraseña" in report.message
    assert "clave-secreta" not in repr(report) + repr(database(url.render_as_string(hide_password=False)))


@pytest.mark.parametrize("way", ["mariadb", "postgresql"])
def test_what_is_wrong_with_a_connection_is_told(way: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = sqlalchemy.make_url(request.getfixturevalue(f"new_{way}")())
    wrong = {
        "no existe la base": url.set(database="no_hay"),
        "no se puede conectar": url.set(port=9),
        "no se entiende": url.set(drivername="oracle"),
        "no hay en esa base una tabla": url,
    }
    product = product_in(tmp_path / "store")
    addresses = [database(each.render_as_string(hide_password=False)) for each in wrong.values()]
    for report, said in zip(pull(product, *addresses), wrong, strict=True):
        assert report.state == "refused"
        assert said in report.message
        assert mariadb.PASSWORD not in report.message and postgresql.PASSWORD not in report.message


def test_a_pull_that_is_killed_or_cancelled_leaves_nothing_and_the_next_one_completes(
    new_mariadb: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_mariadb()
    table_of(url, ADAPTIVE, TWENTY)
    product = product_in(tmp_path / "store")

    def cancel(told: str, share: float | None) -> None:
        if "filas leídas" in told:
            raise Cancelled

    with pytest.raises(Cancelled):
        pipeline.ingest(product.store(), [], databases=[database(url)], progress=cancel)
    assert [path.name for path in product.settings().warehouse.iterdir()] == [".lock"]
    assert not [path for path in product.settings().raw.rglob("*") if path.is_file()]
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        # Landed, and killed before anything is built.
        broken.setattr(loading, "publish_landed", _killed)
        pull(product, database(url))
    (report,) = pull(product, database(url))
    assert (report.state, report.message) == ("known", "sin filas nuevas")
    assert product.rows("SELECT COUNT(*) FROM raw.queue_log") == [(len(TWENTY),)]


@pytest.mark.parametrize("way", ["mariadb", "postgresql"])
def test_who_cancels_does_not_wait_for_the_rest_of_the_table(
    way: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = request.getfixturevalue(f"new_{way}")()
    table_of(url, ADAPTIVE, TWENTY * 40)
    monkeypatch.setattr(databases, "_BATCH_ROWS", 5)
    told: list[str] = []

    def cancel(text: str, share: float | None) -> None:
        told.append(text)
        if "filas leídas" in text:
            raise Cancelled

    product = product_in(tmp_path / "store")
    with pytest.raises(Cancelled):
        pipeline.ingest(product.store(), [], databases=[database(url)], progress=cancel)
    assert told[-1] == "central: 5 filas leídas"


def test_the_worker_pulls_what_is_due_and_not_what_was_undone(new_mariadb: Addresses, tmp_path: Path) -> None:
    url = new_mariadb()
    table = table_of(url, ADAPTIVE, TWENTY)
    product = product_in(tmp_path / "store")
    settings = product.settings().model_copy(update={"databases": (database(url),), "pull_seconds": 60})
    store = replace(product.store(), settings=settings)
    a_worker = worker._Worker(store, threading.Event(), worker.Pace())

    def work() -> list[str]:
        done = []
        while (job := jobs.claim(store.records, datetime(2030, 1, 1), jobs.Lane.LOADS)) is not None:
            assert works.do(store, job, lambda text, share: None)
            with transaction(store.records) as session:
                done.append(session.get_one(Job, job.job_id).tells)
        return done

    a_worker._queue_pulls()
    a_worker._queue_pulls()
    (tells,) = work()
    assert "60 leídas, 60 cargadas" in tells
    last = Job(work="inbox", state="done", queued_at=datetime(2030, 1, 1, 8))
    due = [worker.pull_is_due(last, datetime(2030, 1, 1, 8, 0) + timedelta(seconds=s), 60) for s in (0, 59, 60)]
    assert due == [False, False, True]

    def a_day_later() -> None:
        with transaction(store.records) as session:
            session.execute(update(Job).values(queued_at=datetime(2020, 1, 1)))
        a_worker._queue_pulls()

    pipeline.undo(store, 1, by=SYSTEM)
    table.add(answered(9000, "77"))
    a_day_later()
    assert work() == []  # undone: somebody has to name it
    pull(product, database(url))
    a_day_later()
    assert work() == ["1 sin novedad."]


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_check_says_of_a_table_what_it_says_of_a_file(new_mariadb: Addresses, tmp_path: Path) -> None:
    url = new_mariadb()
    table_of(url, ADAPTIVE, LINES)
    product = product_in(tmp_path / "store")
    found = check(product.settings(), [], databases=[database(url)])
    path = product.write(LogFile("queue_log", LINES))
    of_file = check(product.settings(), [path])
    assert (found.queues, found.agents, found.first, found.last) == (
        of_file.queues, of_file.agents, of_file.first, of_file.last,
    )  # fmt: skip
    (report,) = found.files
    assert (report.state, report.read, report.loaded) == ("checked", len(LINES), of_file.files[0].loaded)
    assert not product.settings().warehouse.exists() or not list(product.settings().warehouse.iterdir())
    pull(product, database(url))
    (known,) = check(product.settings(), [], databases=[database(url)]).files
    assert known.state == "known"


def test_the_command_pulls_by_name_and_shows_no_secret(
    new_mariadb: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    url = new_mariadb()
    table_of(url, ADAPTIVE, TWENTY)
    monkeypatch.setenv("CALLCENTER_DATABASES", json.dumps([{"name": "central", "url": url}]))
    data = tmp_path / "data"
    checked, loaded = call(data, "check", "--database", "central"), call(data, "ingest", "--database", "central")
    unknown = call(data, "ingest", "--database", "otra")
    assert (checked.exit_code, loaded.exit_code, unknown.exit_code) == (0, 0, 2)
    assert "central (tabla queue_log de 127.0.0.1/" in loaded.output
    assert "hay central" in unknown.output
    monkeypatch.setenv("CALLCENTER_DATABASES", json.dumps([{"name": "central", "url": url, "zone": "marte"}]))
    wrong = call(data, "ingest", "--database", "central")
    assert (wrong.exit_code, wrong.output.strip()) == (78, "Hay ajustes que no se entienden: CALLCENTER_DATABASES.")
    monkeypatch.setenv("CALLCENTER_DATABASES", url)
    for said in (checked, loaded, unknown, wrong):
        assert mariadb.PASSWORD not in said.output and "pruebas" not in said.output


def test_only_reading_is_asked_of_the_server(new_mariadb: Addresses, tmp_path: Path) -> None:
    url = sqlalchemy.make_url(new_mariadb())
    table_of(url.render_as_string(hide_password=False), ADAPTIVE, TWENTY)
    engine = engine_of(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE OR REPLACE USER solo_lee@'%%' IDENTIFIED BY 'x'")
        connection.exec_driver_sql(f"GRANT SELECT ON {url.database}.* TO solo_lee@'%%'")
    reader = url.set(username="solo_lee", password="x").render_as_string(hide_password=False)
    (report,) = pull(product_in(tmp_path / "store"), database(reader))
    assert report.state == "published"


def test_a_pull_lands_as_a_file_by_its_digest(new_mariadb: Addresses, tmp_path: Path) -> None:
    url = new_mariadb()
    table_of(url, ADAPTIVE, TWENTY)
    product = product_in(tmp_path / "store")
    (report,) = pull(product, database(url))
    (sha256,) = product.rows(f"SELECT sha256 FROM meta.loads WHERE load = {report.load}")[0]
    path = landing.raw_path(product.settings(), str(sha256))
    assert known_logs.piece_digest(path, 0, path.stat().st_size) == sha256
    assert path.read_bytes().startswith(b"PAR1")
