"""The queue of the worker's jobs, a table of the records: asked for by pages, run by the worker, kept as a history.

In: what is asked for and by whom. Out: rows of ``Job``. Every change of a state is one short transaction, so that two
workers never run the same job, on either database.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Engine, or_, select, update
from sqlalchemy.orm import Session

from etl.records.audit import SYSTEM, Action, Actor, note
from etl.records.engine import transaction
from etl.records.models import Job, Upload

MOST_ATTEMPTS = 3
#: How long a job waits that was put back because another load runs.
PAUSE = timedelta(seconds=5)
#: The work that has a lane of its own.
EXPORT = "export"


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Lane(StrEnum):
    """Jobs that wait for each other: whatever changes the figures in one, the files that pages hand out in another."""

    LOADS = "loads"
    EXPORTS = "exports"


class JobError(Exception):
    """A job cannot be cancelled or tried again; the message, for users, says why."""


def enqueue(
    session: Session, work: str, asked: dict[str, Any], by: Actor | None, *, retry_of: int | None = None
) -> Job:
    """Add a job to the end of the queue. ``by`` is who asks, None for the system itself."""
    by = by or SYSTEM
    job = Job(
        work=work, asked=asked, account_id=by.account_id, role=by.role, address=by.address, state=State.QUEUED,
        cancel=False, attempts=0, share=None, tells="", answer=None, queued_at=_now(), started_at=None, beat_at=None,
        ended_at=None, retry_of=retry_of,
    )  # fmt: skip
    session.add(job)
    session.flush()
    return job


def claim(engine: Engine, now: datetime, lane: Lane | None = None) -> Job | None:
    """Take the oldest job that waits (in a lane, where one is named), for whoever calls and nobody else; else None."""
    waits = (*_within(lane), Job.state == State.QUEUED, or_(Job.beat_at.is_(None), Job.beat_at <= now - PAUSE))
    with transaction(engine) as session:
        oldest = session.scalar(select(Job.job_id).where(*waits).order_by(Job.job_id).limit(1))
        if oldest is None:
            return None
        taking = update(Job).where(Job.job_id == oldest, *waits).returning(Job)
        taking = taking.values(
            state=State.RUNNING, attempts=Job.attempts + 1, started_at=now, beat_at=now, share=None, cancel=False
        )
        return session.scalar(taking.execution_options(populate_existing=True))


def beat(engine: Engine, job_id: int, share: float | None = None, tells: str | None = None) -> bool:
    """Say that a job is alive and, where given, how far; return whether it is still wanted."""
    known: dict[str, Any] = {"beat_at": _now()}
    if tells is not None:
        known |= {"tells": tells, "share": share}
    with transaction(engine) as session:
        beating = update(Job).where(Job.job_id == job_id, Job.state == State.RUNNING).values(**known)
        cancel = session.scalar(beating.returning(Job.cancel))
    return cancel is False


def end(session: Session, job_id: int, state: State, answer: dict[str, Any] | None, tells: str) -> bool:
    """End a running job, in the transaction of what it did; tell whether it was running."""
    job = session.get(Job, job_id, populate_existing=True)
    if job is None or job.state != State.RUNNING:
        return False
    _end(session, job, state, answer, tells)
    return True


def requeue(engine: Engine, job_id: int, tells: str) -> None:
    """Put a running job back, for a reason that is not its own: the attempt does not count, and it waits a little."""
    with transaction(engine) as session:
        job = session.get(Job, job_id)
        if job is not None and job.state == State.RUNNING:
            if job.cancel:
                _end(session, job, State.CANCELLED, None, "Cancelado.")
                return
            job.state, job.attempts, job.tells, job.share = State.QUEUED, job.attempts - 1, tells, None
            job.beat_at = _now()


def lose(engine: Engine, job_id: int, *, too_late: bool = False) -> None:
    """Put a job back whose process died under it; after so many attempts it has failed.

    Asked to stop, it is cancelled instead. Neither where that comes `too_late`: what it was to do is decided already,
    and it only has to say so.
    """
    with transaction(engine) as session:
        job = session.get(Job, job_id)
        if job is not None and job.state == State.RUNNING:
            job.cancel = job.cancel and not too_late
            _lose(session, job, MOST_ATTEMPTS + 1 if too_late else MOST_ATTEMPTS)


def requeue_lost(
    engine: Engine, now: datetime, older_than: timedelta, lane: Lane | None = None, *, but: Collection[int] = ()
) -> list[int]:
    """Put back every running job that nobody has heard of for so long: its worker died. Return their numbers.

    Those in `but` have a worker, whatever they lack.
    """
    with transaction(engine) as session:
        silent = (*_within(lane), Job.state == State.RUNNING, Job.beat_at < now - older_than, Job.job_id.not_in(but))
        lost = list(session.scalars(select(Job).where(*silent).order_by(Job.job_id)))
        for job in lost:
            _lose(session, job)
        return [job.job_id for job in lost]


def cancel(session: Session, job_id: int, *, by: Actor = SYSTEM) -> None:
    """Let a queued job never run, and ask a running one to stop at its next beat. Raises JobError."""
    job = session.get(Job, job_id, populate_existing=True)
    if job is None:
        raise JobError(f"No existe el trabajo {job_id}.")
    if job.state == State.QUEUED:
        _end(session, job, State.CANCELLED, None, "Cancelado antes de empezar.")
    elif job.state == State.RUNNING:
        job.cancel = True
    else:
        raise JobError("El trabajo ya terminó.")
    note(session, by, Action.JOB, f"job {job_id}", change="cancel", work=job.work)


def cancel_all(session: Session, tells: str, *, by: Actor, reason: str) -> int:
    """End every job that has not ended, also one that runs: nobody is left to run it. Return how many."""
    under_way = select(Job).where(Job.state.in_((State.QUEUED, State.RUNNING))).order_by(Job.job_id)
    found = session.scalars(under_way).all()
    for job in found:
        _end(session, job, State.CANCELLED, None, tells)
        note(session, by, Action.JOB, f"job {job.job_id}", change="cancel", work=job.work, reason=reason)
    return len(found)


def retry(session: Session, job_id: int, *, by: Actor = SYSTEM) -> Job:
    """Queue again, as a new row and for whoever asks now, what failed or was cancelled. Raises JobError."""
    job = session.get(Job, job_id, populate_existing=True)
    if job is None:
        raise JobError(f"No existe el trabajo {job_id}.")
    if job.state not in (State.FAILED, State.CANCELLED):
        raise JobError("Solo se reintenta un trabajo que falló o se canceló.")
    if session.scalar(select(Job.job_id).where(Job.retry_of == job_id).limit(1)) is not None:
        raise JobError("El trabajo ya se reintentó: mire el más reciente.")
    upload = _upload_of(session, job)
    if upload is not None:
        ready = {"load": "checked", "check": "received"}.get(job.work)
        if upload.state != ready:
            raise JobError("El archivo ya no espera: vuelva a subirlo.")
        if job.work == "load":
            upload.state = "loading"
    again = enqueue(session, job.work, job.asked, by, retry_of=job_id)
    note(session, by, Action.JOB, f"job {again.job_id}", change="retry", work=job.work, of=job_id)
    return again


def _within(lane: Lane | None) -> tuple[ColumnElement[bool], ...]:
    match lane:
        case None:
            return ()
        case Lane.EXPORTS:
            return (Job.work == EXPORT,)
        case Lane.LOADS:
            return (Job.work != EXPORT,)


def _lose(session: Session, job: Job, most: int = MOST_ATTEMPTS) -> None:
    if job.cancel:
        _end(session, job, State.CANCELLED, None, "Cancelado.")
    elif job.attempts >= most:
        _end(
            session, job, State.FAILED, None,
            f"El proceso se interrumpió {job.attempts} veces y no se vuelve a intentar solo. "
            "Las cifras anteriores siguen en servicio: avise a quien administra el sistema.",
        )  # fmt: skip
    else:
        job.state, job.beat_at, job.share = State.QUEUED, None, None
        job.tells = "Se interrumpió: empieza de nuevo."


def _end(session: Session, job: Job, state: State, answer: dict[str, Any] | None, tells: str) -> None:
    job.state, job.answer, job.tells, job.ended_at = state, answer, tells, _now()
    if state == State.DONE:
        job.share = 1.0
    elif job.work == "load" and (upload := _upload_of(session, job)) is not None and upload.state == "loading":
        upload.state = "checked"  # the file is still there: it can be loaded or discarded


def _upload_of(session: Session, job: Job) -> Upload | None:
    number = job.asked.get("upload")
    return session.get(Upload, number, populate_existing=True) if isinstance(number, int) else None


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
