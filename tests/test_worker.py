"""The worker as it runs: jobs in processes of their own, and nothing lost whichever of them is killed."""

import json
import logging
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psutil
import pytest
from sqlalchemy import select

from dashboard.people.accounts import Identity, Role
from dashboard.work import exports, uploads, worker
from dashboard.work.worker import Pace
from etl import pipeline
from etl import store as stores
from etl.records import jobs
from etl.records.audit import SYSTEM, Action
from etl.records.engine import transaction
from etl.records.models import AuditEntry, AuditSeal, Job, Load, Upload
from etl.settings import Settings
from etl.simulation.volume import write_day
from etl.store import warehouse_lock
from etl.warehouse import read_current
from tests.drawn_log import answered, log, write
from tests.people import account_of
from tests.product import Product
from tests.sending import settings as settings
from tests.sending import store as store

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kills by SIGKILL, which this system has not")
ROOT = Path(__file__).parents[1]
#: Three lanes look: as often as that they cost a fifth of a core, and more often nothing is sooner.
QUICK = Pace(look=0.15, beat=0.1, lost=1.0, rounds=0.3, settled=0.2, goodbye=1.5)
LOG = log(*answered(0, "1"))
LINES = 40_000

#: A worker that may be killed, and whose pace is a test's.
WORKER = """
import json, sys
from dashboard.serving import supervisor
from dashboard.work import worker
from etl.settings import Settings
supervisor.follow_parent()
worker.run(Settings(**json.loads(sys.argv[1])), pace=worker.Pace(**json.loads(sys.argv[2])))
"""


@pytest.fixture(autouse=True)
def _short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "PAUSE", timedelta(seconds=0.2))


@contextmanager
def working(settings: Settings, pace: Pace = QUICK) -> Iterator[None]:
    """A worker works meanwhile; its jobs are processes all the same."""
    stop = Event()
    thread = Thread(target=worker.run, args=(settings,), kwargs={"stop": stop, "pace": pace})
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=30)
    assert not thread.is_alive()


@contextmanager
def worker_process(settings: Settings, *, fault: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process of its own, which ends with this one."""
    asked = [json.dumps(settings.model_dump(mode="json", include=worker._HANDED_ON)), json.dumps(vars(QUICK))]
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, *asked], cwd=ROOT, env=os.environ | {"CALLCENTER_FAULT": fault},
        stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=30)


def until(found: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait for what is neither None nor false."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def job_of(store: stores.OpenStore, number: int) -> Job:
    with transaction(store.records) as session:
        return session.get_one(Job, number)


def ended(store: stores.OpenStore, number: int) -> Job:
    until(lambda: job_of(store, number).ended_at)
    return job_of(store, number)


def chief(store: stores.OpenStore) -> Identity:
    account = account_of(store.records, Role.CHIEF)
    return Identity(account.account_id, account.name, account.full_name, Role.CHIEF, False, 1)


def send(store: stores.OpenStore, data: bytes, name: str = "octubre.log") -> int:
    return uploads.receive(store.records, store.settings, chief(store), name, "queue_log", data).upload_id


def queue(store: stores.OpenStore, work: str, **asked: object) -> int:
    who = chief(store)
    with transaction(store.records) as session:
        return jobs.enqueue(session, work, asked, who.actor).job_id


def queue_load(store: stores.OpenStore, data: bytes) -> int:
    """Queue the load of a file as if it had been checked; return the job."""
    upload, who = send(store, data), chief(store)
    with transaction(store.records) as session:
        jobs.cancel(session, session.scalars(select(Job.job_id).order_by(Job.job_id.desc())).first() or 0)
        session.get_one(Upload, upload).state = "checked"
        return uploads.load_upload(session, who, upload).job_id


def large_log(folder: Path) -> bytes:
    """A log that takes a while to load."""
    path = folder / "large"
    write_day(path, date="2024-03-05", lines=LINES)
    return path.read_bytes()


def in_service(store: stores.OpenStore) -> list[tuple[object, ...]]:
    return Product(store.settings.data.parent).rows("SELECT load, lines, loaded FROM meta.loads ORDER BY load")


def children(process: psutil.Process) -> list[psutil.Process]:
    return process.children() if process.is_running() else []


def entries(store: stores.OpenStore, *actions: Action) -> list[tuple[str, str, str]]:
    with transaction(store.records) as session:
        found = session.scalars(
            select(AuditEntry).where(AuditEntry.action.in_(actions)).order_by(AuditEntry.entry_id)
        ).all()
        return [(entry.who, entry.object, entry.result) for entry in found]


# --- what it does


def test_a_file_goes_from_its_upload_through_check_and_load_to_its_undo(store: stores.OpenStore) -> None:
    with working(store.settings):
        upload = send(store, LOG)
        assert ended(store, 1).state == "done"
        who = chief(store)
        with transaction(store.records) as session:
            checked = session.get_one(Upload, upload)
            assert checked.state == "checked" and checked.verdict is not None
            load = uploads.load_upload(session, who, upload)
        assert ended(store, load.job_id).tells.startswith("octubre.log: cargado (queue_log): 3 leídas, 3 cargadas")
        assert in_service(store) == [(1, 3, 3)]
        undo = queue(store, "undo", load=1)
        assert ended(store, undo).tells == "La carga 1 se deshizo. Cargas en servicio: 0."
    assert read_current(store.settings.warehouse) is None
    assert entries(store, Action.UPLOAD, Action.LOAD, Action.UNDO) == [
        ("cuenta.chief", "upload 1", "done"),
        ("cuenta.chief", "upload 1", "done"),
        ("cuenta.chief", "load 1", "done"),
        ("cuenta.chief", "load 1", "done"),
    ]
    assert list((store.settings.data / "jobs").iterdir()) == []
    assert stat.S_IMODE((store.settings.data / "jobs").stat().st_mode) == 0o700


def test_the_inbox_is_looked_into_and_each_file_loaded_once_when_it_is_whole(
    store: stores.OpenStore, product: Product
) -> None:
    inbox = store.settings.inbox
    inbox.mkdir(parents=True)
    (inbox / ".hidden").write_bytes(LOG)
    (inbox / "bad").write_bytes(b"nothing of a log\n")
    with working(store.settings):
        (inbox / "queue_log").write_bytes(LOG)

        def loaded(lines: int) -> Callable[[], bool]:
            return lambda: (
                read_current(store.settings.warehouse) is not None
                and sum(int(str(row[1])) for row in in_service(store)) == lines
            )

        until(loaded(3))
        (inbox / "queue_log").write_bytes(log(*answered(0, "1"), *answered(100, "2")))
        until(loaded(6))
        time.sleep(0.8)  # further looks find nothing to do
    with transaction(store.records) as session:
        found = session.scalars(select(Job).order_by(Job.job_id)).all()
    assert {job.work for job in found} == {"inbox"}
    assert sorted(name for job in found for name in job.asked["files"]) == ["bad", "queue_log", "queue_log"]
    assert "bad: rechazado: no es un queue_log" in "\n".join(job.tells for job in found)
    assert in_service(store) == [(1, 3, 3), (2, 3, 3)]
    assert entries(store, Action.LOAD)[-1] == ("sistema", "load 2", "done")


def test_the_inbox_does_not_load_again_what_was_undone(store: stores.OpenStore) -> None:
    store.settings.inbox.mkdir(parents=True)
    (store.settings.inbox / "queue_log").write_bytes(LOG)
    pipeline.ingest(store, [store.settings.inbox / "queue_log"])
    pipeline.undo(store, 1, by=SYSTEM)
    with working(store.settings):
        number = until(lambda: _first_job(store))
        job = ended(store, number)
    assert "queue_log: se deshizo su carga" in job.tells
    assert read_current(store.settings.warehouse) is None


def _first_job(store: stores.OpenStore) -> int | None:
    with transaction(store.records) as session:
        return session.scalar(select(Job.job_id).limit(1))


def test_a_mapping_and_what_cannot_be_one_are_told(store: stores.OpenStore, product: Product) -> None:
    pipeline.ingest(store, [write(product, "log", LOG.replace(b"|101|", b"|ventas|"))])
    good = queue(store, "mapping", what="queues", text="queue,did,service,valid_from,valid_to\nventas,,102,,\n")
    bad = queue(store, "mapping", what="queues", text="queue,did,service,valid_from,valid_to\nventas,,999,,\n")
    with working(store.settings):
        assert ended(store, good).tells == "1 regla en vigor; las cifras ya la aplican."
        failed = ended(store, bad)
    assert (failed.state, "asignación: " in failed.tells, "999" in failed.tells) == ("failed", True, True)
    assert product.rows("SELECT service FROM core.queue_visits") == [("102",)]
    assert entries(store, Action.MAPPING) == [
        ("cuenta.chief", "queues", "done"),
        ("cuenta.chief", f"job {bad}", "failed"),
    ]


def test_while_another_load_runs_a_job_waits_and_then_is_done(store: stores.OpenStore) -> None:
    number = queue_load(store, LOG)
    with working(store.settings):
        with warehouse_lock(store.settings):
            until(lambda: (job := job_of(store, number)).state == "queued" and "Otra carga está en curso" in job.tells)
        job = ended(store, number)
    assert (job.state, job.attempts) == ("done", 1)
    assert in_service(store) == [(1, 3, 3)]


def test_days_of_the_audit_are_sealed_and_a_backup_is_queued_where_there_is_a_folder(
    store: stores.OpenStore, tmp_path: Path
) -> None:
    with transaction(store.records) as session:
        session.add(
            AuditEntry(
                entered_at=datetime(2024, 3, 5, 12), account_id=None, who="sistema", role="", address="",
                action=Action.MAPPING, object="", result="done", details="",
            )
        )  # fmt: skip
    settings = store.settings.model_copy(update={"backup": tmp_path / "backups"})
    with working(settings):
        number = until(lambda: _first_job(store))
        job = ended(store, number)
    assert (job.work, job.state) == ("backup", "done")
    with transaction(store.records) as session:
        assert [seal.day.isoformat() for seal in session.scalars(select(AuditSeal))] == ["2024-03-05"]
        assert session.scalars(select(Job.job_id)).all() == [number], "one a day"


# --- the lane of exports


def queue_export(store: stores.OpenStore, product: Product, **more: object) -> int:
    """Queue the file of the audit, which needs no figures; return the job."""
    given = {"page": "/auditoria", "right": "audit-file.data", "title": "Auditoría", "ending": "csv", "address": ""}
    return queue(store, "export", **given, generation=None, file="auditoria.csv", **more)


def job_processes() -> list[psutil.Process]:
    """The processes of jobs, among whatever else these tests have opened."""
    found = []
    for process in psutil.Process().children():
        with suppress(psutil.Error):  # it ended just now
            if "--job" in process.cmdline():
                found.append(process)
    return found


def test_an_export_is_made_while_a_load_runs_and_two_at_once(
    store: stores.OpenStore, product: Product, tmp_path: Path
) -> None:
    load = queue_load(store, large_log(tmp_path))
    with working(store.settings):
        until(lambda: job_of(store, load).tells.startswith("recibiendo"))
        (process,) = job_processes()
        freeze(process, store)
        exported = [queue_export(store, product, number=number) for number in range(3)]
        most = 0

        def all_ended() -> bool:
            nonlocal most
            most = max(most, len(job_processes()))
            return all(job_of(store, number).ended_at for number in exported)

        until(all_ended)
        assert job_of(store, load).state == "running" and most == 3, "the load, and two exports at once"
        os.kill(process.pid, signal.SIGCONT)
        assert ended(store, load).state == "done"
    assert {job_of(store, number).state for number in exported} == {"done"}
    assert all(exports.path_of(store.settings, number).is_file() for number in exported)


def test_an_export_whose_process_is_killed_is_made_again_and_noted_once(
    store: stores.OpenStore, product: Product
) -> None:
    number = queue_export(store, product)
    with working(store.settings):
        (process,) = until(job_processes)
        process.kill()
        job = ended(store, number)
    assert (job.state, job.attempts) == ("done", 2)
    assert entries(store, Action.EXPORT) == [("cuenta.chief", "auditoria.csv", "done")]
    assert [path.name for path in exports.path_of(store.settings, 0).parent.iterdir()] == [str(number)]


def test_a_lane_that_breaks_ends_the_worker(store: stores.OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever keeps it alive starts it again: a worker that makes no exports would be noticed by nobody."""

    def fails(*_: object) -> int:
        raise RuntimeError("broken")

    monkeypatch.setattr(exports, "sweep", fails)
    with pytest.raises(RuntimeError, match="broken"):
        worker.run(store.settings, stop=Event(), pace=QUICK)


# --- cancelled


def test_a_running_load_that_is_cancelled_stops_and_leaves_nothing(store: stores.OpenStore, tmp_path: Path) -> None:
    number = queue_load(store, large_log(tmp_path))
    with working(store.settings, replace(QUICK, goodbye=60)):
        until(lambda: job_of(store, number).tells.startswith("recibiendo"))
        with transaction(store.records) as session:
            jobs.cancel(session, number)
        job = ended(store, number)
    assert (job.state, job.tells) == ("cancelled", "Cancelado: no se cambió nada.")
    assert_nothing_came_of_it(store)


def assert_nothing_came_of_it(store: stores.OpenStore) -> None:
    """Not now, and not by the next load either; the file is there to be loaded or discarded."""
    assert not pipeline.is_unfinished(store)
    pipeline.ingest(store, [])
    assert read_current(store.settings.warehouse) is None
    with transaction(store.records) as session:
        upload = session.get_one(Upload, 1)
        assert upload.state == "checked"
    assert uploads.path_of(store.settings, 1).exists()


def test_a_job_that_does_not_stop_when_it_is_asked_is_killed(store: stores.OpenStore, tmp_path: Path) -> None:
    number = queue_load(store, large_log(tmp_path))
    with working(store.settings):
        until(lambda: job_of(store, number).tells.startswith("recibiendo"))
        (process,) = children(psutil.Process())
        freeze(process, store)
        with transaction(store.records) as session:
            jobs.cancel(session, number)
        job = ended(store, number)
        assert not process.is_running()
    assert (job.state, job.attempts) == ("cancelled", 1)
    assert_nothing_came_of_it(store)


def freeze(process: psutil.Process, store: stores.OpenStore) -> None:
    """Stop a process while it holds no lock of the records."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        os.kill(process.pid, signal.SIGSTOP)
        with closing(sqlite3.connect(store.settings.data / "records.sqlite", timeout=0)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                pass
            else:
                return
        os.kill(process.pid, signal.SIGCONT)
        time.sleep(0.001)
    raise AssertionError("not caught")


# --- killed


def test_a_load_whose_process_is_killed_is_run_again_and_is_there_once(store: stores.OpenStore, tmp_path: Path) -> None:
    number = queue_load(store, large_log(tmp_path))
    with working(store.settings):
        until(lambda: job_of(store, number).tells.startswith("recibiendo"))
        (process,) = children(psutil.Process())
        os.kill(process.pid, signal.SIGKILL)
        job = ended(store, number)
    assert (job.state, job.attempts) == ("done", 2)
    assert in_service(store) == [(1, LINES, LINES)]
    with transaction(store.records) as session:
        assert session.get_one(Upload, 1).loads == [1]
    assert entries(store, Action.LOAD) == [("cuenta.chief", "load 1", "done")]


def test_a_load_whose_worker_is_killed_is_run_again_by_the_next_and_is_there_once(
    store: stores.OpenStore, tmp_path: Path
) -> None:
    number = queue_load(store, large_log(tmp_path))
    with worker_process(store.settings) as process:
        until(lambda: job_of(store, number).tells.startswith("recibiendo"))
        (child,) = children(psutil.Process(process.pid))
        os.kill(process.pid, signal.SIGKILL)
        until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 10)
    assert job_of(store, number).state == "running"
    began = time.monotonic()
    with working(store.settings):
        until(lambda: job_of(store, number).attempts == 2)
        assert time.monotonic() - began < 10
        job = ended(store, number)
    assert job.state == "done"
    assert in_service(store) == [(1, LINES, LINES)]
    with transaction(store.records) as session:
        assert [load.state for load in session.scalars(select(Load))] == ["published"]
        assert session.get_one(Upload, 1).loads == [1]


@pytest.mark.parametrize(("point", "attempts", "state"), [("before_manifest", 2, "done"), ("checkpoint", 3, "failed")])
def test_a_load_that_dies_at_the_same_point_each_time_is_completed_or_given_up(
    point: str, attempts: int, state: str, store: stores.OpenStore
) -> None:
    """Before the manifest, what is in service is found by the next attempt; before that, all three die."""
    number = queue_load(store, LOG)
    with worker_process(store.settings, fault=point):
        job = ended(store, number)
    assert (job.state, job.attempts) == (state, attempts)
    with transaction(store.records) as session:
        upload = session.get_one(Upload, 1)
        assert (upload.state, upload.loads) == (("loaded", [1]) if state == "done" else ("checked", None))
    if state == "done":
        assert in_service(store) == [(1, 3, 3)]
        return
    assert "se interrumpió 3 veces" in job.tells
    assert_nothing_came_of_it(store)
    with transaction(store.records) as session:
        again = jobs.retry(session, number).job_id
    with working(store.settings):
        assert ended(store, again).state == "done"
    assert in_service(store) == [(2, 3, 3)]


def test_an_undo_that_was_decided_when_it_is_killed_is_completed(store: stores.OpenStore, product: Product) -> None:
    pipeline.ingest(store, [write(product, "a", LOG), write(product, "b", log(*answered(100, "2")))])
    number = queue(store, "undo", load=2)
    with worker_process(store.settings, fault="before_current"):
        until(lambda: job_of(store, number).attempts == 2)
    with working(store.settings):
        assert ended(store, number).state == "done"
    assert in_service(store) == [(1, 3, 3)]
    assert entries(store, Action.UNDO) == [("cuenta.chief", "load 2", "done")]


def test_what_was_cut_off_with_nobody_to_run_it_again_is_completed_by_a_new_worker(
    store: stores.OpenStore, product: Product
) -> None:
    path = write(product, "queue_log", LOG)
    subprocess.run(
        [sys.executable, "-m", "dashboard", "--data", str(store.settings.data), "ingest", str(path)],
        cwd=ROOT, env=os.environ | {"CALLCENTER_FAULT": "checkpoint"}, check=False, capture_output=True,
    )  # fmt: skip
    assert pipeline.is_unfinished(store)
    with working(store.settings):
        until(lambda: read_current(store.settings.warehouse) is not None)
    assert in_service(store) == [(1, 3, 3)]


def test_a_worker_that_is_told_to_end_puts_its_job_back_without_using_an_attempt(
    store: stores.OpenStore, tmp_path: Path
) -> None:
    number = queue_load(store, large_log(tmp_path))
    with working(store.settings):
        until(lambda: job_of(store, number).tells.startswith("recibiendo"))
    job = job_of(store, number)
    assert (job.state, job.attempts) == ("queued", 0)
    with working(store.settings):
        assert ended(store, number).state == "done"
    assert in_service(store) == [(1, LINES, LINES)]


def test_a_second_worker_waits_for_the_first_to_end(store: stores.OpenStore) -> None:
    with worker_process(store.settings), working(store.settings):
        first = queue(store, "undo", load=9)
        assert ended(store, first).state == "failed"
        assert children(psutil.Process()) != []
    assert "No existe la carga 9" in job_of(store, first).tells


def test_leftovers_of_killed_jobs_are_cleared_and_logs_hold_no_settings(
    store: stores.OpenStore, caplog: pytest.LogCaptureFixture
) -> None:
    left = store.settings.data / "jobs" / "7" / "callcenter-check-x"
    left.mkdir(parents=True)
    (left / "records.sqlite").write_bytes(b"70712345")
    caplog.set_level(logging.INFO)
    with working(store.settings):
        queue(store, "undo", load=9)
        until(lambda: job_of(store, 1).ended_at is not None)
    assert not left.exists()
    assert "records" not in caplog.text
