"""What jobs leave when they fail, are cut off, or are no longer wanted: called as their processes call it."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import duckdb
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from dashboard.context import Context
from dashboard.people.accounts import Identity, Role, set_disabled
from dashboard.work import intake, uploads, worker, works
from dashboard.work.worker import Inbox, Pace, _Worker
from etl import mapping, pipeline
from etl import store as stores
from etl.build import Build
from etl.lines import no_progress
from etl.pipeline import loading, publishing
from etl.records import jobs
from etl.records.audit import SYSTEM, Action
from etl.records.engine import transaction
from etl.records.models import Account, AuditEntry, Job, Load, MappingVersion, Upload
from etl.settings import SETTINGS_FILE, Database, GivenSettings
from etl.store import AnotherLoadRuns, warehouse_lock
from etl.warehouse import read_current
from tests.drawn_log import answered, log, write
from tests.people import account_of
from tests.product import Product, let_days_pass

A, B = log(*answered(0, "1")), log(*answered(5000, "2"))
HEAD = "queue,did,service,valid_from,valid_to\n"


@pytest.fixture
def store(product: Product) -> stores.OpenStore:
    return product.store()


@pytest.fixture
def view(product: Product, store: stores.OpenStore) -> Iterator[Context]:
    with closing(Context(product.settings())) as view:
        yield view


@pytest.fixture
def who(store: stores.OpenStore) -> Identity:
    account = account_of(store.records, Role.CHIEF)
    return Identity(account.account_id, account.name, account.full_name, Role.CHIEF, False, 0, "10.0.0.9")


def send(store: stores.OpenStore, who: Identity, name: str, data: bytes) -> int:
    """Send a file and let it be checked; return its number."""
    upload = uploads.receive(store.records, store.settings, who, name, "queue_log", data).upload_id
    run(store)
    return upload


def run(store: stores.OpenStore) -> Job:
    """Claim the next job and do it; return it as it ended."""
    job = jobs.claim(store.records, stores.now())
    assert job is not None
    works.do(store, job, no_progress)
    return job_of(store, job.job_id)


def job_of(store: stores.OpenStore, number: int) -> Job:
    with transaction(store.records) as session:
        return session.get_one(Job, number)


def queue(store: stores.OpenStore, work: str, who: Identity | None = None, **asked: Any) -> int:
    with transaction(store.records) as session:
        return jobs.enqueue(session, work, asked, who.actor if who else None).job_id


def states(store: stores.OpenStore) -> dict[int, str]:
    with transaction(store.records) as session:
        return {load_id: state for load_id, state in session.execute(select(Load.load_id, Load.state))}


def in_service(store: stores.OpenStore) -> list[int]:
    current = read_current(store.settings.warehouse)
    return sorted(current.loads) if current else []


def entries(store: stores.OpenStore, *actions: Action) -> list[tuple[str, str, str, str, str]]:
    with transaction(store.records) as session:
        found = select(AuditEntry).where(AuditEntry.action.in_(actions)).order_by(AuditEntry.entry_id)
        return [(e.who, e.role, e.address, e.object, e.result) for e in session.scalars(found)]


def out_of_memory(_: Build) -> None:
    raise duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate")


def full_disk(_: Build) -> None:
    raise OSError(28, "No space left on device")


class Killed(BaseException):
    """The process is gone: nothing after it is done."""


def kill(*_: object, **__: object) -> None:
    raise Killed


# --- what failed


def test_a_file_that_failed_to_load_and_was_discarded_never_goes_into_service(
    store: stores.OpenStore, view: Context, who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = send(store, who, "malo.log", A)
    intake.load_file(view, who, upload)
    monkeypatch.setattr(Build, "build_visits", out_of_memory)
    assert run(store).state == "failed"
    monkeypatch.undo()
    assert states(store) == {1: "refused"}
    assert "se descartó" in intake.discard_file(view, who, upload)
    other = send(store, who, "bueno.log", B)
    intake.load_file(view, who, other)
    assert run(store).state == "done"
    assert in_service(store) == [2]
    send(store, who, "malo.log", A)  # nobody says that it is loaded already


def test_what_an_ended_job_left_landed_is_refused_by_the_next_load_and_by_a_rebuild(
    store: stores.OpenStore, view: Context, who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, complete in enumerate((lambda: pipeline.ingest(store, []), lambda: pipeline.rebuild(store)), start=1):
        upload = send(store, who, "a.log", A)
        intake.load_file(view, who, upload)
        job = jobs.claim(store.records, stores.now())
        assert job is not None
        monkeypatch.setattr(Build, "build_visits", kill)
        with pytest.raises(Killed):
            works.do(store, job, no_progress)
        monkeypatch.undo()
        jobs.lose(store.records, job.job_id)  # it waits to be run again
        intake.cancel_job(view, who, job.job_id)
        assert states(store)[number] == "landed"
        complete()
        assert states(store)[number] == "refused"
        intake.discard_file(view, who, upload)
    assert in_service(store) == []


def test_what_was_in_service_is_not_taken_for_left_over_when_the_warehouse_is_lost(
    store: stores.OpenStore, view: Context, who: Identity
) -> None:
    upload = send(store, who, "a.log", A)
    intake.load_file(view, who, upload)
    number = run(store).job_id
    with transaction(store.records) as session:
        session.get_one(Job, number).state = "failed"  # whatever it was told: its lines are in service
    (store.settings.warehouse / "CURRENT").unlink()
    pipeline.ingest(store, [])
    assert in_service(store) == [1]


@pytest.mark.parametrize("seconds", [-600, 3600])
def test_a_full_disk_loses_no_file_of_the_inbox_whatever_the_clock_then_was(
    seconds: int, store: stores.OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.settings.inbox.mkdir(parents=True)
    path = store.settings.inbox / "queue_log"
    path.write_bytes(A)
    os.utime(path, (5, 5))
    now = 100.0
    monkeypatch.setattr(worker.time, "monotonic", lambda: now)
    at_work = _Worker(store, threading.Event(), Pace(settled=10, again=600))

    def look() -> Job | None:
        nonlocal now
        for _ in range(2):
            at_work._look_into_inbox()
            now += 11
        return jobs.claim(store.records, stores.now())

    first = look()
    assert first is not None and first.asked == {"files": ["queue_log"]}
    monkeypatch.setattr(Build, "build_visits", full_disk)
    works.do(store, first, no_progress)
    assert "No hay espacio" in job_of(store, first.job_id).tells
    assert states(store) == {1: "refused"}
    assert look() is None, "not at once"
    with transaction(store.records) as session:
        job = session.get_one(Job, first.job_id)
        assert job.ended_at is not None
        job.ended_at += timedelta(seconds=seconds)
    monkeypatch.undo()
    monkeypatch.setattr(worker.time, "monotonic", lambda: now)
    second = look()
    assert second is not None and second.asked == first.asked
    works.do(store, second, no_progress)
    assert in_service(store) == [2]
    assert look() is None


def test_what_a_file_was_refused_for_is_not_tried_again() -> None:
    inbox = Inbox(queued={"a": (1, 1), "b": (2, 2)}, jobs={1: ["a"], 2: ["b"]})
    inbox.note_ended(1, again=False)
    inbox.note_ended(2, again=True)
    assert (inbox.queued, inbox.jobs) == ({"a": (1, 1)}, {})


# --- what is no longer wanted


def test_a_load_that_is_cancelled_is_not_run_again_because_another_was_loaded_meanwhile(
    store: stores.OpenStore, view: Context, who: Identity
) -> None:
    sent = [send(store, who, name, data) for name, data in (("a.log", A), ("b.log", B))]
    for upload in sent:
        intake.load_file(view, who, upload)
    run(store)
    job = jobs.claim(store.records, stores.now())
    assert job is not None
    intake.cancel_job(view, who, job.job_id)
    at_work = _Worker(store, threading.Event(), Pace())
    jobs.lose(store.records, job.job_id, too_late=at_work._is_decided(job))  # as when its process had to be killed
    assert job_of(store, job.job_id).state == "cancelled"
    assert jobs.claim(store.records, stores.now()) is None
    assert in_service(store) == [1]


def cut_off_in_service(store: stores.OpenStore, view: Context, who: Identity, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A job whose process was killed when its figures were in service and the manifest did not say so yet."""
    intake.load_file(view, who, send(store, who, "a.log", A))
    job = jobs.claim(store.records, stores.now())
    assert job is not None
    monkeypatch.setattr(publishing, "mark_tallies", kill)
    with pytest.raises(Killed):
        works.do(store, job, no_progress)
    monkeypatch.undo()
    return job


def test_a_load_that_is_in_service_when_it_is_cancelled_says_so(
    store: stores.OpenStore, view: Context, who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = cut_off_in_service(store, view, who, monkeypatch)
    intake.cancel_job(view, who, job.job_id)
    assert works.after_kill(store, job), "it is in service"
    jobs.lose(store.records, job.job_id, too_late=True)
    assert run(store).state == "done"
    assert entries(store, Action.LOAD) == [("cuenta.chief", "chief", "10.0.0.9", "load 1", "done")]
    assert [load.who for load in intake.loads_shown(view)] == ["Cuenta chief"]


def test_an_undo_takes_out_the_loads_that_were_told_and_no_others(
    store: stores.OpenStore, view: Context, who: Identity, product: Product
) -> None:
    path = write(product, "queue_log", A)
    pipeline.ingest(store, [path])
    told = [load for load, _, _ in intake.undone_with(view, who, 1)]
    intake.undo_load(view, who, told)
    with path.open("ab") as growing:
        growing.write(log(*answered(600, "2")))
    pipeline.ingest(store, [path])
    job = run(store)
    assert (job.state, "Mientras tanto cambió qué cargas se deshacen con la 1 (ahora 1, 2)" in job.tells) == (
        "failed", True,
    )  # fmt: skip
    intake.retry_job(view, who, job.job_id)
    assert run(store).state == "failed", "it is the same order"
    assert in_service(store) == [1, 2]
    intake.undo_load(view, who, [load for load, _, _ in intake.undone_with(view, who, 1)])
    assert run(store).state == "done"
    assert in_service(store) == []


# --- who has it done


def test_what_the_worker_does_is_told_with_the_address_and_role_of_whoever_asked(
    store: stores.OpenStore, view: Context, who: Identity
) -> None:
    upload = send(store, who, "a.log", A)
    intake.load_file(view, who, upload)
    with transaction(store.records) as session:
        session.get_one(Account, who.account_id).role = Role.SUPERVISOR  # may load, too
    run(store)
    intake.undo_load(view, who, [1])
    run(store)
    queue(store, "mapping", who, what="queues", text=f"{HEAD}101,,102,,\n", shown=None)
    run(store)
    found = entries(store, Action.UPLOAD, Action.LOAD, Action.UNDO, Action.MAPPING)
    assert {(name, role, address) for name, role, address, _, _ in found} == {("cuenta.chief", "chief", "10.0.0.9")}
    assert [what for _, _, _, what, _ in found] == ["upload 1", "upload 1", "load 1", "load 1", "queues"]


@pytest.mark.parametrize("lost", ["closed", "right"])
def test_what_an_account_asked_for_is_not_done_once_it_is_closed_or_may_no_longer(
    lost: str, store: stores.OpenStore, view: Context, who: Identity
) -> None:
    upload = send(store, who, "a.log", A)
    intake.load_file(view, who, upload)
    queue(store, "mapping", who, what="queues", text=f"{HEAD}101,,102,,\n", shown=None)
    with transaction(store.records) as session:
        account = session.get_one(Account, who.account_id)
        if lost == "closed":
            set_disabled(session, SYSTEM, account, True)
        else:
            account.role = Role.QUALITY
    for _ in range(2):
        job = run(store)
        assert (job.state, "ya no tiene permiso: no se hizo nada" in job.tells) == ("failed", True)
    assert (in_service(store), store.site().queues) == ([], ())
    with transaction(store.records) as session:
        assert session.get_one(Upload, upload).state == "checked", "a colleague may load it"
    assert [result for _, _, _, _, result in entries(store, Action.LOAD, Action.MAPPING)] == ["refused", "refused"]


def test_what_was_done_when_it_was_cut_off_is_told_also_where_the_account_is_closed_since(
    store: stores.OpenStore, view: Context, who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = cut_off_in_service(store, view, who, monkeypatch)
    with transaction(store.records) as session:
        set_disabled(session, SYSTEM, session.get_one(Account, who.account_id), True)
    jobs.lose(store.records, job.job_id)
    assert run(store).state == "done"
    assert in_service(store) == [1]


# --- mappings


def test_a_mapping_is_changed_while_nobody_else_can_hold_the_figures_and_told_once(
    store: stores.OpenStore, who: Identity, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.ingest(store, [write(product, "log", A)])
    text = f"{HEAD}101,,102,,\n"
    with warehouse_lock(store.settings), pytest.raises(AnotherLoadRuns):
        mapping.take_in(store, "queues", text, name="x", by=who.actor)
    assert store.site().queues == ()
    real = sites_replaced(monkeypatch, store)
    mapping.take_in(store, "queues", text, name="x", by=who.actor)
    assert real == [True], "changed under the lock under which it is applied"
    assert product.rows("SELECT service FROM core.queue_visits") == [("102",)]
    mapping.take_in(store, "queues", text, name="x", by=who.actor)
    assert len(entries(store, Action.MAPPING)) == 1, "nothing changed the second time"


def sites_replaced(monkeypatch: pytest.MonkeyPatch, store: stores.OpenStore) -> list[bool]:
    """Tell of each change of the rules whether the lock of the figures is held, up to the end of what applies it."""
    held: list[bool] = []
    apply_site: Callable[..., Any] = loading.apply_site

    def watched(*args: Any) -> Any:
        if store.site().queues:
            with pytest.raises(AnotherLoadRuns), warehouse_lock(store.settings):
                pass
            held.append(True)
        return apply_site(*args)

    monkeypatch.setattr(loading, "apply_site", watched)
    return held


def test_every_mapping_that_was_saved_can_be_had_again_and_the_audit_names_both(
    store: stores.OpenStore, who: Identity
) -> None:
    for service in ("101", "102"):
        mapping.take_in(store, "queues", f"{HEAD}5003,,{service},,\n", name="x", by=who.actor)
    mapping.take_in(store, "agents", "interface,person,valid_from,valid_to\nSIP/1,Ana,,\n", name="x", by=who.actor)
    with transaction(store.records) as session:
        first, second = mapping.versions(session, "queues")
        found = session.scalars(select(AuditEntry.details).where(AuditEntry.action == Action.MAPPING)).all()
        assert [(v.number, v.who, v.rules) for v in (first, second)] == [(1, "cuenta.chief", 1), (2, "cuenta.chief", 1)]
        assert first.text == f"{HEAD}5003,,101,,\n"
        assert [version.number for version in mapping.versions(session, "agents")] == [1]
    details = [json.loads(each) for each in found]
    assert details[0] == {"rules": 1, "version": 1, "before": None, "after": first.sha256}
    assert details[1] == {"rules": 1, "version": 2, "before": first.sha256, "after": second.sha256}
    mapping.take_in(store, "queues", first.text, name="x", by=who.actor)
    assert [rule.service for rule in store.site().queues] == ["101"]


def test_rules_that_were_in_force_before_any_was_kept_are_kept_before_they_are_changed(
    store: stores.OpenStore, who: Identity, product: Product
) -> None:
    mapping.take_in(store, "queues", f"{HEAD}5003,,101,,\n", name="x", by=who.actor)
    with transaction(store.records) as session:  # as records are whose rules an older version wrote
        for statement in ("DROP TRIGGER mapping_versions_no_delete", "DELETE FROM mapping_versions"):
            session.connection().exec_driver_sql(statement)
    mapping.take_in(store, "queues", HEAD, name="x", by=who.actor)
    with transaction(store.records) as session:
        found = session.scalars(select(MappingVersion).order_by(MappingVersion.number)).all()
        assert [(v.number, v.who, v.text) for v in found] == [
            (1, "", f"{HEAD}5003,,101,,\n"), (2, "cuenta.chief", HEAD),
        ]  # fmt: skip


# --- the worker's own


def given_to(store: stores.OpenStore, number: int, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict[str, str]]:
    """What the process of a job is handed, as it reads it, and its environment."""
    started: dict[str, Any] = {}

    class Started:
        """Keeps what a process would have been given."""

        def __init__(self, _: object, **given: Any) -> None:
            started.update(given)
            read, write = os.pipe()
            self.stdin, self.given = os.fdopen(write, "wb"), os.fdopen(read, "rb")

    monkeypatch.setattr(worker.subprocess, "Popen", Started)
    process: Any = _Worker(store, threading.Event(), Pace())._start(job_of(store, number), store.settings.data)
    process.stdin.close()
    with process.given as given:
        return given.read().decode(), started["env"]


def test_the_process_of_a_job_is_given_no_secret_of_the_web_server(
    store: stores.OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    (store.settings.data / SETTINGS_FILE).write_text("CALLCENTER_OIDC_CLIENT_SECRET='delproveedor'\n")
    monkeypatch.setenv("CALLCENTER_SECRET", "delservidor")
    monkeypatch.setenv("CALLCENTER_FAULT", "load:99")
    text, environment = given_to(store, queue(store, "check", upload=9), monkeypatch)
    handed = json.loads(text)
    assert "delservidor" not in str(environment)
    assert {name for name in environment if name.startswith("CALLCENTER")} == {"CALLCENTER_FAULT"}
    settings = GivenSettings(**handed)
    assert settings.data == store.settings.data.absolute()
    assert settings.keep_set_aside_days == store.settings.keep_set_aside_days
    assert (settings.secret.get_secret_value(), settings.oidc_client_secret.get_secret_value()) == ("", "")


def test_the_process_of_a_pull_is_given_the_passwords_of_the_databases_it_names_alone(
    store: stores.OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = tuple(
        Database(name=name, url=SecretStr(f"mysql://ana:de-{name}@servidor/asterisk")) for name in ("central", "otra")
    )
    monkeypatch.setattr(store, "settings", store.settings.model_copy(update={"databases": both}))
    text, _ = given_to(store, queue(store, "inbox", files=[], databases=["otra"]), monkeypatch)
    assert [each.name for each in GivenSettings(**json.loads(text)).databases] == ["otra"]
    assert "de-central" not in text and "de-otra" in text


def test_the_worker_queues_the_forgetting_of_old_texts_when_it_is_due_and_once(
    store: stores.OpenStore, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.ingest(store, [write(product, "log", log(*answered(0, "1"), "170970000x|1.1|101|NONE|Inventado|"))])
    at_work = _Worker(store, threading.Event(), Pace())
    at_work._queue_forgetting()
    assert jobs.claim(store.records, stores.now()) is None, "nothing is due"
    let_days_pass(monkeypatch, 90)
    for _ in range(2):
        at_work._queue_forgetting()
    assert run(store).tells.startswith("Se borraron los textos")
    assert product.rows("SELECT text FROM meta.quarantine") == [(None,)]
    at_work._queue_forgetting()
    assert jobs.claim(store.records, stores.now()) is None


def test_a_draft_that_goes_away_while_the_folder_is_swept_ends_nothing(
    store: stores.OpenStore, who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = uploads.receive(store.records, store.settings, who, "a.log", "queue_log", A).upload_id
    waiting = uploads.path_of(store.settings, upload)
    gone = waiting.with_name(".draft-gone")
    monkeypatch.setattr(type(waiting), "iterdir", lambda _: iter([gone, waiting]))
    assert uploads.sweep(store.records, store.settings, stores.now()) == 0
    monkeypatch.undo()
    assert waiting.exists()


def test_a_folder_that_cannot_be_read_stops_rounds_and_not_the_worker(
    store: stores.OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, stop = queue(store, "undo", load=9), threading.Event()
    attended: list[int] = []

    def lost(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    def attend(_: object, job: Job) -> None:
        attended.append(job.job_id)
        stop.set()

    monkeypatch.setattr(_Worker, "_look_into_inbox", lost)
    monkeypatch.setattr(_Worker, "_attend", attend)
    _Worker(store, stop, Pace(look=0.01))._work_lane(jobs.Lane.LOADS)
    assert attended == [number]
