"""A file that was sent, checked, loaded, or discarded."""

import gzip
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from dashboard.work import uploads, works
from dashboard.work.uploads import UploadError, receive
from etl import pipeline
from etl import store as stores
from etl.readers.lines import blocks
from etl.records import jobs
from etl.records.audit import Action
from etl.records.engine import transaction
from etl.records.models import AuditEntry, Load, Upload
from tests.drawn_log import answered, line, log
from tests.product import Product
from tests.sending import LOG, MB, identity_of, row, run_next, send, waiting
from tests.sending import settings as settings
from tests.sending import store as store


def test_a_check_tells_what_is_in_a_file_and_loads_nothing(store: stores.OpenStore) -> None:
    data = log(
        *answered(0, "1"), line(100, "2", "ENTERQUEUE", "", "70712345", 1, queue="ventas"), "garbage of 70712345"
    )
    upload = send(store, data, "octubre.log")
    job = run_next(store)
    checked = row(store, upload.upload_id)
    assert (job.state, checked.state) == ("done", "checked")
    verdict = checked.verdict
    assert verdict is not None
    (file,) = verdict["files"]
    assert file == {
        "name": "octubre.log", "state": "checked", "source": "queue_log", "read": 5, "loaded": 4,
        "duplicates": 0, "quarantined": 1, "blank": 0, "held": 0, "message": "",
    }  # fmt: skip
    assert verdict["reasons"] == {"epoch": 1, "fields": 1}
    assert (verdict["first"], verdict["last"]) == ("2024-03-05 08:00:00", "2024-03-05 08:01:40")
    assert [(queue["queue"], queue["entries"], queue["service"]) for queue in verdict["queues"]] == [
        ("101", 1, "101"),
        ("ventas", 1, None),
    ]
    assert verdict["unknown_queues"] == ["ventas"]
    assert verdict["agents"] == [{"agent": "SIP/201", "connected": 1}]
    assert "octubre.log: revisado (queue_log): 5 leídas, se cargarían 4, 1 observada" in job.tells
    assert "70712345" not in str(verdict) + job.tells
    with transaction(store.records) as session:
        assert session.scalar(select(func.count()).select_from(Load)) == 0


def test_a_checked_file_is_loaded_once_and_then_no_longer_kept(store: stores.OpenStore) -> None:
    upload = send(store, LOG, "octubre.log")
    identity = identity_of(store.records)
    with pytest.raises(UploadError, match="no está o ya no espera"), transaction(store.records) as session:
        uploads.load_upload(session, identity, upload.upload_id)
    run_next(store)
    with transaction(store.records) as session:
        uploads.load_upload(session, identity, upload.upload_id)
    with pytest.raises(UploadError, match="no está o ya no espera"), transaction(store.records) as session:
        uploads.load_upload(session, identity, upload.upload_id)
    job = run_next(store)
    assert job.tells.startswith("octubre.log: cargado (queue_log): 3 leídas, 3 cargadas")
    assert job.answer is not None and job.answer["loads"] == [1]
    loaded = row(store, upload.upload_id)
    assert (loaded.state, loaded.loads) == ("loaded", [1])
    assert waiting(store.settings) == []
    with transaction(store.records) as session:
        acts = session.execute(
            select(AuditEntry.who, AuditEntry.action, AuditEntry.object, AuditEntry.result)
            .where(AuditEntry.action != Action.ACCOUNT)
            .order_by(AuditEntry.entry_id)
        ).all()
    assert [tuple(act) for act in acts] == [
        ("cuenta.chief", "upload", "upload 1", "done"),
        ("cuenta.chief", "upload", "upload 1", "done"),
        ("cuenta.chief", "load", "load 1", "done"),
    ]


def test_a_file_without_anything_new_says_which_load_has_it(store: stores.OpenStore, product: Product) -> None:
    path = product.folder / "in" / "queue_log"
    path.write_bytes(LOG)
    pipeline.ingest(store, [path])
    upload = send(store, LOG + b"1709640300|half a li")  # known up to its last whole line
    run_next(store)
    with transaction(store.records) as session:
        uploads.load_upload(session, identity_of(store.records), upload.upload_id)
    job = run_next(store)
    assert "sin líneas nuevas" in job.tells
    assert row(store, upload.upload_id).loads == [1]


def test_a_gzip_that_unpacks_to_more_than_300_mb_is_refused_by_its_check_in_bounded_memory(
    store: stores.OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_UNPACKED_BYTES", 30 * MB)
    data = gzip.compress(LOG + (b"x" * 1000 + b"\n") * 40_000, 1)
    upload = send(store, data, "bomba.gz")
    before = sum(path.stat().st_size for path in store.settings.data.rglob("*") if path.is_file())
    tracemalloc.start()
    try:
        job = run_next(store)
        assert tracemalloc.get_traced_memory()[1] < 10 * MB
    finally:
        tracemalloc.stop()
    assert "descomprimido pasa de 30 MB" in job.tells
    assert (row(store, upload.upload_id).state, waiting(store.settings)) == ("refused", [])
    after = sum(path.stat().st_size for path in store.settings.data.rglob("*") if path.is_file())
    assert after <= before


def test_while_somebody_waits_no_more_than_the_beginning_of_a_file_is_unpacked(
    store: stores.OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What that does not tell, the check tells in its own process: of events after a hole, and of a hole alone."""
    read = []

    def counted(*given: Any) -> Iterator[bytes]:
        for block in blocks(*given):
            read.append(len(block))
            yield block

    hole = b"\n" * (6 * MB)
    with monkeypatch.context() as patched:
        patched.setattr("etl.landing.recognition.blocks", counted)
        sent = [send(store, gzip.compress(data), "hueco.gz") for data in (hole + LOG, hole, b"a" * len(hole))]
        assert sum(read) == 3 * uploads.LOOKED_AT_BYTES
    events, nothing, noise = (run_next(store).answer for _ in range(3))
    assert row(store, sent[0].upload_id).state == "checked" and events is not None
    assert {row(store, each.upload_id).state for each in sent[1:]} == {"refused"}, (nothing, noise)


def test_a_file_that_waits_can_be_discarded_and_its_check_does_not_run(store: stores.OpenStore) -> None:
    upload = send(store, LOG)
    identity = identity_of(store.records)
    uploads.discard(store.records, store.settings, identity, upload.upload_id)
    assert (row(store, upload.upload_id).state, waiting(store.settings)) == ("discarded", [])
    assert jobs.claim(store.records, uploads._now()) is None
    for number in (upload.upload_id, 99):
        with pytest.raises(UploadError, match="Ese archivo no está o ya no espera") as gone:
            uploads.discard(store.records, store.settings, identity, number)
        assert gone.value.status == 404
    send(store, LOG)


def test_a_check_that_ends_after_the_file_was_discarded_changes_nothing(store: stores.OpenStore) -> None:
    upload = send(store, LOG)
    job = jobs.claim(store.records, uploads._now())
    assert job is not None

    def discard_meanwhile(*_: object) -> None:
        if row(store, upload.upload_id).state == "received":
            uploads.discard(store.records, store.settings, identity_of(store.records), upload.upload_id)
            uploads.path_of(store.settings, upload.upload_id).write_bytes(LOG)

    works.do(store, job, discard_meanwhile)
    assert row(store, upload.upload_id).state == "discarded"


def test_what_waited_for_90_days_and_what_nobody_knows_is_deleted(store: stores.OpenStore) -> None:
    old, young = send(store, LOG), send(store, log(*answered(10, "2")))
    stray = store.settings.data / "uploads" / ".draft-left"
    stray.write_bytes(b"x")
    with transaction(store.records) as session:
        session.get_one(Upload, old.upload_id).received_at -= uploads.LONGEST_WAIT + timedelta(hours=1)
    assert uploads.sweep(store.records, store.settings, uploads._now()) == 0, "nothing happened meanwhile"
    with transaction(store.records) as session:
        for days in range(1, uploads.FEWEST_DAYS):
            noted = uploads._now() - timedelta(days=days)
            session.add(AuditEntry(entered_at=noted, account_id=None, who="alguien", role="", address="",
                                   action=Action.SIGN_OUT, object="alguien", result="done", details=""))  # fmt: skip
    assert uploads.sweep(store.records, store.settings, uploads._now()) == 1
    assert (row(store, old.upload_id).state, row(store, young.upload_id).state) == ("discarded", "received")
    uploads.sweep(store.records, store.settings, uploads._now() + timedelta(hours=2))
    assert waiting(store.settings) == [str(young.upload_id)]


def test_a_clock_that_jumps_ahead_makes_no_file_old(store: stores.OpenStore) -> None:
    upload = send(store, LOG)
    ahead = uploads._now() + uploads.LONGEST_WAIT + timedelta(days=1)
    assert uploads.sweep(store.records, store.settings, ahead) == 0
    assert row(store, upload.upload_id).state == "received" and waiting(store.settings) == [str(upload.upload_id)]


def test_a_failure_that_nobody_foresaw_is_told_by_a_mark_and_quotes_nothing(
    store: stores.OpenStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> works.Outcome:
        raise ValueError("line of 70712345")

    monkeypatch.setitem(works.WORKS, "check", (fail, Action.UPLOAD))
    send(store, LOG)
    job = run_next(store)
    mark = job.tells.rpartition(" ")[2].rstrip(".")
    assert job.state == "failed" and len(mark) == 8
    assert mark in caplog.text and "ValueError" in caplog.text and "in fail" not in job.tells
    assert "70712345" not in caplog.text + job.tells


def test_identity_is_all_that_is_asked_of_whoever_sends(store: stores.OpenStore) -> None:
    """An account that is gone from the records cannot send: the foreign key holds, and nothing is left behind."""
    nobody = replace(identity_of(store.records), account_id=4711)
    with pytest.raises(Exception, match="FOREIGN KEY"):
        receive(store.records, store.settings, nobody, "a", "queue_log", LOG)
    assert waiting(store.settings) == []
