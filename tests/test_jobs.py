"""The queue of jobs: each run once, by one worker, or told to have failed; on both databases."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from etl.records import jobs
from etl.records.audit import Action, Actor
from etl.records.engine import open_records, transaction
from etl.records.jobs import JobError, Lane, State
from etl.records.models import Account, AuditEntry, Job, Upload

LOST = timedelta(seconds=10)


def now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def add(records: Engine, *works: str, **asked: Any) -> list[int]:
    with transaction(records) as session:
        return [jobs.enqueue(session, work, asked, None).job_id for work in works]


def state(records: Engine, job_id: int) -> tuple[str, int, str]:
    with transaction(records) as session:
        job = session.get_one(Job, job_id)
        return job.state, job.attempts, job.tells


def finish(records: Engine, job_id: int, state: State, answer: dict[str, Any] | None, tells: str) -> bool:
    with transaction(records) as session:
        return jobs.end(session, job_id, state, answer, tells)


def silent(records: Engine, job_id: int, seconds: float) -> None:
    """Let the last beat of a job be so long ago."""
    with transaction(records) as session:
        past = now() - timedelta(seconds=seconds)
        session.execute(update(Job).where(Job.job_id == job_id).values(beat_at=past))


def test_jobs_are_run_in_their_order_and_tell_what_came_of_them(records: Engine) -> None:
    first, second = add(records, "check", "load", upload=3)
    job = jobs.claim(records, now())
    assert job is not None
    assert (job.job_id, job.state, job.attempts, job.asked, job.cancel) == (
        first, State.RUNNING, 1, {"upload": 3}, False,
    )  # fmt: skip
    assert jobs.beat(records, first, 0.5, "a medias")
    assert jobs.beat(records, first)
    with transaction(records) as session:
        told = session.get_one(Job, first)
        assert (told.share, told.tells) == (0.5, "a medias"), "a beat without news leaves them"
    assert finish(records, first, State.DONE, {"lines": 3}, "listo")
    assert not finish(records, first, State.FAILED, None, "otra vez")
    assert (claimed := jobs.claim(records, now())) is not None and claimed.job_id == second
    assert jobs.claim(records, now()) is None
    with transaction(records) as session:
        newest, oldest = session.scalars(select(Job).order_by(Job.job_id.desc())).all()
        assert (newest.job_id, oldest.job_id) == (second, first)
        assert (oldest.state, oldest.answer, oldest.tells, oldest.share) == (State.DONE, {"lines": 3}, "listo", 1.0)


def test_in_one_lane_nothing_waits_for_the_other(records: Engine) -> None:
    load, export, undo, another = add(records, "load", "export", "undo", "export")

    def claimed(lane: Lane) -> int | None:
        job = jobs.claim(records, now(), lane)
        return job and job.job_id

    assert [claimed(Lane.EXPORTS) for _ in range(3)] == [export, another, None]
    assert [claimed(Lane.LOADS) for _ in range(3)] == [load, undo, None]
    for number in (load, export, undo, another):
        silent(records, number, 11)
    assert jobs.requeue_lost(records, now(), LOST, Lane.EXPORTS, but={another}) == [export]
    assert jobs.requeue_lost(records, now(), LOST, Lane.LOADS) == [load, undo]
    assert jobs.requeue_lost(records, now(), LOST) == [another]


def test_many_workers_never_run_the_same_job(new_records_url: Callable[[], str]) -> None:
    url = new_records_url()
    records = open_records(url)
    wanted = add(records, *["check"] * 24)
    engines = [open_records(url) for _ in range(6)]

    def work(engine: Engine) -> list[int]:
        found = []
        while (job := jobs.claim(engine, now())) is not None:
            found.append(job.job_id)
        return found

    with ThreadPoolExecutor(len(engines)) as pool:
        claimed = [number for found in pool.map(work, engines) for number in found]
    assert sorted(claimed) == wanted
    for engine in (records, *engines):
        engine.dispose()


def test_a_queued_job_that_is_cancelled_never_runs_and_a_running_one_stops_at_its_next_beat(records: Engine) -> None:
    running, queued = add(records, "load", "load")
    assert jobs.claim(records, now()) is not None
    by = Actor(None, "jefa", "chief")
    with transaction(records) as session:
        jobs.cancel(session, queued, by=by)
        jobs.cancel(session, running, by=by)
    assert state(records, queued) == (State.CANCELLED, 0, "Cancelado antes de empezar.")
    assert jobs.claim(records, now()) is None
    assert not jobs.beat(records, running, 0.1, "sigue")
    finish(records, running, State.CANCELLED, None, "Cancelado.")
    with pytest.raises(JobError, match="ya terminó"), transaction(records) as session:
        jobs.cancel(session, running)
    with transaction(records) as session:
        found = session.scalars(select(AuditEntry).where(AuditEntry.action == Action.JOB)).all()
        assert [(entry.who, entry.object) for entry in found] == [("jefa", f"job {queued}"), ("jefa", f"job {running}")]


def test_a_job_whose_worker_died_is_run_again_and_after_three_attempts_has_failed(records: Engine) -> None:
    (number,) = add(records, "load")
    for attempt in (1, 2, 3):
        job = jobs.claim(records, now())
        assert job is not None and job.attempts == attempt
        assert jobs.requeue_lost(records, now(), LOST) == [], "it was heard of a moment ago"
        silent(records, number, 11)
        assert jobs.requeue_lost(records, now(), LOST) == [number]
    state_, attempts, tells = state(records, number)
    assert (state_, attempts) == (State.FAILED, 3)
    assert "se interrumpió 3 veces" in tells
    assert jobs.claim(records, now()) is None


def test_a_lost_job_that_nobody_wants_is_not_run_again(records: Engine) -> None:
    cancelled, decided = add(records, "load", "undo")
    for number in (cancelled, decided):
        assert jobs.claim(records, now()) is not None
        with transaction(records) as session:
            jobs.cancel(session, number)
    jobs.lose(records, cancelled)
    assert state(records, cancelled)[0] == State.CANCELLED
    jobs.lose(records, decided, too_late=True)
    assert state(records, decided)[0] == State.QUEUED
    assert (again := jobs.claim(records, now())) is not None and not again.cancel
    assert jobs.beat(records, decided)


def test_a_job_put_back_because_another_load_runs_waits_and_has_not_used_an_attempt(records: Engine) -> None:
    waiting, next_one = add(records, "load", "check")
    assert jobs.claim(records, now()) is not None
    jobs.requeue(records, waiting, "Otra carga está en curso.")
    assert state(records, waiting) == (State.QUEUED, 0, "Otra carga está en curso.")
    assert (other := jobs.claim(records, now())) is not None and other.job_id == next_one
    assert jobs.claim(records, now()) is None
    later = jobs.claim(records, now() + jobs.PAUSE + timedelta(seconds=1))
    assert later is not None and (later.job_id, later.attempts) == (waiting, 1)


def test_what_failed_is_tried_again_as_a_new_row_once(records: Engine) -> None:
    (number,) = add(records, "mapping", what="queues", text="x")
    for why, message in ((number, "Solo se reintenta"), (99, "No existe")):
        with pytest.raises(JobError, match=message), transaction(records) as session:
            jobs.retry(session, why)
    assert jobs.claim(records, now()) is not None
    finish(records, number, State.FAILED, None, "no se pudo")
    with transaction(records) as session:
        again = jobs.retry(session, number)
    assert (again.retry_of, again.state, again.asked) == (number, State.QUEUED, {"what": "queues", "text": "x"})
    with pytest.raises(JobError, match="ya se reintentó"), transaction(records) as session:
        jobs.retry(session, number)
    assert state(records, number) == (State.FAILED, 1, "no se pudo")


def test_the_file_of_a_load_that_did_not_come_about_can_be_loaded_or_discarded(records: Engine) -> None:
    with transaction(records) as session:
        session.add(
            Account(
                account_id=1, name="ana", full_name="Ana", role="chief", password_hash=None, must_change=False,
                disabled=False, subject=None, created_at=now(), password_at=None,
            )
        )  # fmt: skip
        session.flush()
        session.add(
            Upload(
                upload_id=1, account_id=1, name="log", source="queue_log", sha256="0" * 64, bytes=3,
                received_at=now(), state="loading", verdict=None, loads=None,
            )
        )  # fmt: skip
    (number,) = add(records, "load", upload=1)

    def file_state() -> str:
        with transaction(records) as session:
            return session.get_one(Upload, 1).state

    with transaction(records) as session:
        jobs.cancel(session, number)
    assert file_state() == "checked"
    with transaction(records) as session:
        again = jobs.retry(session, number)
    assert file_state() == "loading"
    assert jobs.claim(records, now()) is not None
    finish(records, again.job_id, State.FAILED, None, "no se pudo")
    assert file_state() == "checked"
    with transaction(records) as session:
        session.get_one(Upload, 1).state = "discarded"
    with pytest.raises(JobError, match="ya no espera"), transaction(records) as session:
        jobs.retry(session, again.job_id)
