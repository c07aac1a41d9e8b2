"""The worker's following of a log: what is refused of its pieces does not hold up the log that grows."""

import os
from pathlib import Path

import pytest

from dashboard.work import works
from dashboard.work.following import Following
from etl import store as stores
from etl.lines import no_progress
from etl.pipeline import undo, was_undone
from etl.records import engine, jobs
from etl.records.audit import SYSTEM
from tests.drawn_log import answered, ingest, log, write
from tests.product import Product

pytestmark = pytest.mark.duckdb


def worked_off(store: stores.OpenStore) -> list[str] | None:
    """Do the next job; return the names of the logs that it was asked for."""
    job = jobs.claim(store.records, stores.now())
    if job is None:
        return None
    works.do(store, job, no_progress)
    return sorted(Path(path).name for path in job.asked["watched"])


def test_a_piece_that_is_refused_leaves_the_live_log_to_the_next_look(product: Product) -> None:
    live = product.folder / "asterisk" / "queue_log"
    live.parent.mkdir()
    live.write_bytes(log(*answered(0, "1")))
    bad = live.with_name("queue_log.1")
    bad.write_bytes(b"no log\nat all\n")
    os.utime(bad, (1, 1))
    store = product.store()
    store.settings.watch, store.settings.watch_seconds = (live,), 1e-9
    following = Following(store)
    try:
        following.make_round()
        assert worked_off(store) == ["queue_log", "queue_log.1"]
        with live.open("ab") as file:
            file.write(log(*answered(100, "2")))
        following.make_round()
        assert worked_off(store) == ["queue_log"]
    finally:
        following.close()
    assert len(product.visits()) == 2


def test_the_records_are_not_held_while_a_file_is_compared_with_what_was_undone(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(product, "queue_log", log(*answered(0, "1")))
    (report,) = ingest(product, path)
    store = product.store()
    undo(store, report.load or 0, by=SYSTEM)
    asked: list[bool] = []

    def digest(*_: object) -> str:
        with engine.transaction(product.store().records) as session:
            asked.append(session.in_transaction())
        return "of another"

    monkeypatch.setattr("etl.known_logs.stream_digest", digest)
    assert was_undone(store, path) is False
    assert asked == [True]
