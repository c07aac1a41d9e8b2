"""The worker: a process beside the web server that runs queued jobs, each in a process of its own, and makes rounds.

In: the settings of a store. Out: jobs done, failed or cancelled; the inbox looked at, days of the audit sealed, files
that wait too long discarded, a backup a day. Nothing is lost when it, or a job, is killed: the job is run again.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from dashboard.stopping import asked_to_stop
from dashboard.work.following import Following
from etl import pulls
from etl.faults import VARIABLE as FAULT
from etl.lines import Cancelled
from etl.records import jobs
from etl.records.audit import seal_days
from etl.records.engine import transaction
from etl.records.jobs import Lane
from etl.records.models import Job
from etl.settings import ENVIRONMENT, ZONE_OFFSET_SECONDS, GivenSettings, Settings
from etl.store import SITE, AnotherLoadRuns, OpenStore, open_store, store_kind

_LOG = logging.getLogger(__name__)
EXIT_BUSY = 75
#: What a job's process needs to know of the settings; no secret of the web server is among it.
_HANDED_ON = {
    "data", "records_url", "pbx", "memory_limit", "threads", "slab_bytes", "round_lines", "line_limit_bytes",
    "keep_generations_seconds", "keep_set_aside_days", "backup", "watch", "table_zone",
}  # fmt: skip
_OFFSET = timedelta(seconds=ZONE_OFFSET_SECONDS)
#: A backup is due from this hour of La Paz on; what the worker does of itself is tried again after a while.
_BACKUP_HOUR, _AGAIN = 1, timedelta(hours=1)
#: A mapping is written at once and then applied: to stop it half-way would only put the figures off.
_NOT_STOPPED = frozenset({"mapping"})
_NICE = 10
#: Jobs of a lane that run at the same time. A load has the lock of the figures; exports must leave pages a core.
_AT_ONCE = {Lane.LOADS: 1, Lane.EXPORTS: 2}


@dataclass(frozen=True)
class Pace:
    """Seconds between looks and beats, and how long things are waited for."""

    look: float = 0.5
    beat: float = 2.0
    lost: float = 10.0
    rounds: float = 60.0
    settled: float = 10.0
    goodbye: float = 10.0
    tell: float = 0.5
    again: float = 3600.0


@dataclass
class Inbox:
    """What is known of the files of the inbox: their size and time, since when, and the job it was queued as."""

    seen: dict[str, tuple[tuple[int, int], float]] = field(default_factory=dict)
    queued: dict[str, tuple[int, int]] = field(default_factory=dict)
    jobs: dict[int, list[str]] = field(default_factory=dict)

    def ready(self, folder: Path, *, now: float, wall: float, settled: float) -> list[str]:
        """Return files, new or changed, whose size and time have been the same for so many seconds."""
        found = []
        there: dict[str, tuple[tuple[int, int], float]] = {}
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            with suppress(OSError):  # taken away while we look
                name, state = path.relative_to(folder).as_posix(), path.stat()
                if path.name.startswith(".") or not path.is_file():
                    continue
                stamp = (state.st_size, state.st_mtime_ns)
                before = self.seen.get(name)
                since = before[1] if before is not None and before[0] == stamp else now
                there[name] = (stamp, since)
                # Whoever copies a file keeping its time sets that last: then its size is watched for as long.
                is_old = abs(wall - state.st_mtime) >= settled
                if self.queued.get(name) != stamp and is_old and now - since >= settled:
                    found.append(name)
        self.seen = there
        self.queued = {name: stamp for name, stamp in self.queued.items() if name in there}
        return found

    def note_queued(self, files: list[str], job: int) -> None:
        """Remember that these files, as they are, are a job's work now."""
        self.queued |= {name: self.seen[name][0] for name in files}
        self.jobs[job] = files

    def note_ended(self, job: int, *, again: bool) -> None:
        """Forget a job; and, where its files may do another time, that they were queued."""
        for name in self.jobs.pop(job, ()):
            if again:
                self.queued.pop(name, None)

    @property
    def waits(self) -> bool:
        """Whether a file is there that nobody has been given yet."""
        return any(self.queued.get(name) != stamp for name, (stamp, _) in self.seen.items())


def run(settings: Settings, *, stop: threading.Event | None = None, pace: Pace | None = None) -> None:
    """Work until told to stop: by a signal, or by the event where one is given. One worker works on a store."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    pace = pace or Pace()
    with asked_to_stop() if stop is None else nullcontext(stop) as asked, _only_worker(settings, asked) as alone:
        if not alone:
            return
        store = open_store(settings, kind=store_kind(settings) or SITE)
        try:
            _Worker(store, asked, pace).work()
        finally:
            store.records.dispose()


@dataclass
class _Worker:
    store: OpenStore
    stop: threading.Event
    pace: Pace
    inbox: Inbox = field(default_factory=Inbox)
    following: Following = field(init=False)
    next_round: float = 0.0
    next_inbox: float = 0.0
    next_sweep: float = 0.0
    running: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.following = Following(self.store)

    def work(self) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._complete()
        places = [lane for lane, number in _AT_ONCE.items() for _ in range(number)]
        with ThreadPoolExecutor(len(places), thread_name_prefix="lane") as pool:
            lanes = [pool.submit(self._work_lane, lane) for lane in places]
            try:
                while not self.stop.wait(self.pace.look) and not any(lane.done() for lane in lanes):
                    pass
            finally:
                self.stop.set()
        self.following.close()
        for lane in lanes:
            lane.result()  # where one broke, all end, and whoever keeps the worker alive starts it again

    def _work_lane(self, lane: Lane) -> None:
        while not self.stop.is_set():
            try:
                self._requeue_lost(lane)
                with _disk_told():
                    self._make_rounds(lane)
                job = jobs.claim(self.store.records, _now(), lane)
            except DBAPIError as error:  # somebody holds the records for long, or their server is away
                _LOG.warning("the records cannot be used: %s", type(error).__name__)
                job = None
            if job is None:
                self.stop.wait(self.pace.look)
                continue
            self.running.add(job.job_id)
            try:
                self._attend(job)
            finally:
                self.running.discard(job.job_id)

    def _requeue_lost(self, lane: Lane) -> None:
        """Put back what a worker before this one was running when it died."""
        lost = timedelta(seconds=self.pace.lost)
        for number in jobs.requeue_lost(self.store.records, _now(), lost, lane, but=set(self.running)):
            with transaction(self.store.records) as session:
                job = session.get_one(Job, number)
            if job.ended_at is not None:
                self._is_decided(job)

    def _complete(self) -> None:
        """Queue what completes a load or an undo that was cut off with nobody left to run it again."""
        from etl import pipeline
        from etl.warehouse import WarehouseError

        try:
            if pipeline.is_unfinished(self.store):
                with transaction(self.store.records) as session:
                    jobs.enqueue(session, "inbox", {"files": []}, None)
        except WarehouseError as error:
            _LOG.warning("%s", error)

    # --- one job

    def _attend(self, job: Job) -> None:
        """Run a job in a process of its own and see it through to its end."""
        scratch = self._scratch / str(job.job_id)
        for folder in (self._scratch, scratch):
            folder.mkdir(mode=0o700, exist_ok=True)
        _LOG.info("job %s (%s), attempt %s", job.job_id, job.work, job.attempts)
        process = self._start(job, scratch)
        stopped = False
        try:
            stopped = self._wait_for(process, job)
        finally:
            if process.poll() is None:
                process.kill()
            code = process.wait()
            if process.stdin is not None:
                with suppress(OSError):
                    process.stdin.close()
            shutil.rmtree(scratch, ignore_errors=True)
        _LOG.info("job %s (%s) ended with %s", job.job_id, job.work, code)
        if code in (0, EXIT_BUSY):
            return
        if self.stop.is_set() and not stopped:
            jobs.requeue(self.store.records, job.job_id, "El sistema se cerró: empieza de nuevo.")
            return
        is_last = stopped or job.attempts >= jobs.MOST_ATTEMPTS
        jobs.lose(self.store.records, job.job_id, too_late=is_last and self._is_decided(job))

    def _wait_for(self, process: subprocess.Popen[bytes], job: Job) -> bool:
        """Wait for a job's process, and beat for it; tell whether it had to be stopped because it was cancelled."""
        unwanted: float | None = None
        beaten = time.monotonic()
        while process.poll() is None:
            if self.stop.wait(min(self.pace.look, self.pace.beat) / 2):
                return False
            now = time.monotonic()
            if now - beaten >= self.pace.beat:
                beaten = now
                with suppress(DBAPIError):  # held by somebody else: the next beat comes soon
                    if not jobs.beat(self.store.records, job.job_id) and unwanted is None:
                        unwanted = now
            if unwanted is not None and now - unwanted >= self.pace.goodbye and job.work not in _NOT_STOPPED:
                process.kill()
                process.wait()
                return True
        return False

    def _is_decided(self, job: Job) -> bool:
        """Clear away what a job that ends here left; tell whether what it was to do is decided all the same."""
        from dashboard.work import works

        deadline = time.monotonic() + self.pace.goodbye
        while True:
            try:
                return works.after_kill(self.store, job)
            except AnotherLoadRuns:
                if time.monotonic() > deadline:
                    return False
                time.sleep(self.pace.look)

    def _start(self, job: Job, scratch: Path) -> subprocess.Popen[bytes]:
        # What reads files that people sent is given what it needs, and none of the web server's secrets.
        environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(ENVIRONMENT)}
        environment |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch.absolute()))
        if (fault := os.environ.get(FAULT)) is not None:
            environment[FAULT] = fault
        process = subprocess.Popen(
            [sys.executable, "-m", "dashboard.work.worker", "--job", str(job.job_id)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment,
        )  # fmt: skip
        handed = self.store.settings.model_dump(mode="json", include=_HANDED_ON)
        handed["data"] = str(self.store.settings.data.absolute())
        if named := job.asked.get("databases"):
            handed["databases"] = [
                each.model_dump(mode="json") | {"url": each.url.get_secret_value()}
                for each in self.store.settings.databases
                if each.name in named
            ]
        if process.stdin is not None:
            with suppress(OSError):  # it died at once: seen soon
                process.stdin.write(json.dumps(handed).encode() + b"\n")
                process.stdin.flush()
        return process

    @property
    def _scratch(self) -> Path:
        """Where jobs keep what they need for a moment: with the data, not in a folder that others can read."""
        return self.store.settings.data / "jobs"

    # --- rounds

    def _make_rounds(self, lane: Lane) -> None:
        now = time.monotonic()
        if lane is Lane.EXPORTS:
            if now >= self.next_sweep:
                self.next_sweep = now + self.pace.rounds
                self._sweep_exports()
            return
        self.following.make_round()
        if now >= self.next_inbox:
            self._look_into_inbox()
            self.next_inbox = now + (min(self.pace.settled, self.pace.rounds) if self.inbox.waits else self.pace.rounds)
        if now >= self.next_round:
            self.next_round = now + self.pace.rounds
            with transaction(self.store.records) as session:
                seal_days(session, _now())
            self._sweep()
            self._queue_backup()
            self._queue_pulls()
            self._queue_forgetting()

    def _look_into_inbox(self) -> None:
        self._take_back()
        files = self.inbox.ready(
            self.store.settings.inbox, now=time.monotonic(), wall=time.time(), settled=self.pace.settled
        )
        if files:
            with transaction(self.store.records) as session:
                number = jobs.enqueue(session, "inbox", {"files": files}, None).job_id
            self.inbox.note_queued(files, number)

    def _take_back(self) -> None:
        """Let files be looked at again whose job failed for a reason that may have passed since: a full disk."""
        if not self.inbox.jobs:
            return
        from dashboard.work.works import AGAIN

        with transaction(self.store.records) as session:
            ended = select(Job).where(Job.job_id.in_(self.inbox.jobs), Job.ended_at.is_not(None))
            for job in session.scalars(ended):
                again = job.state == jobs.State.FAILED and bool((job.answer or {}).get(AGAIN))
                if not again or abs(_now() - (job.ended_at or _now())) >= timedelta(seconds=self.pace.again):
                    self.inbox.note_ended(job.job_id, again=again)

    def _sweep(self) -> None:
        from dashboard.work import uploads

        uploads.sweep(self.store.records, self.store.settings, _now())

    def _sweep_exports(self) -> None:
        from dashboard.work import exports

        exports.sweep(self.store.records, self.store.settings, _now())

    def _queue_pulls(self) -> None:
        """Queue a look into the databases that are due; one job, so that one build takes in what all of them have."""
        settings = self.store.settings
        if not settings.pull_seconds or not settings.databases:
            return
        with transaction(self.store.records) as session:
            asked = select(Job).where(Job.work == "inbox").order_by(Job.job_id.desc()).limit(200)
            last = next((job for job in session.scalars(asked) if job.asked.get("databases")), None)
            wanted = [each.name for each in settings.databases if not pulls.was_undone(session, each, settings)]
            if wanted and pull_is_due(last, _now(), settings.pull_seconds):
                jobs.enqueue(session, "inbox", {"files": [], "databases": wanted}, None)

    def _queue_backup(self) -> None:
        if self.store.settings.backup is None:
            return
        with transaction(self.store.records) as session:
            if backup_is_due(_last_job(session, "backup"), _now()):
                jobs.enqueue(session, "backup", {}, None)

    def _queue_forgetting(self) -> None:
        """Queue that the text of lines set aside long ago is forgotten, where no load has done so by the way."""
        from etl import pipeline
        from etl.warehouse import WarehouseError

        try:
            if not pipeline.texts_are_due(self.store):
                return
        except WarehouseError as error:
            _LOG.warning("%s", error)
            return
        with transaction(self.store.records) as session:
            last = _last_job(session, "forget")
            if last is None or (last.ended_at is not None and abs(_now() - last.ended_at) >= _AGAIN):
                jobs.enqueue(session, "forget", {}, None)


def _last_job(session: Session, work: str) -> Job | None:
    return session.scalar(select(Job).where(Job.work == work).order_by(Job.job_id.desc()).limit(1))


def pull_is_due(last: Job | None, now: datetime, every: int) -> bool:
    """Tell whether databases are to be looked into: so many seconds after they were asked for last, and not twice.

    Where they were asked for so much later than now, the clock was wrong: that one does not count.
    """
    if last is None:
        return True
    if last.state in (jobs.State.QUEUED, jobs.State.RUNNING):
        return False
    return abs(now - last.queued_at) >= timedelta(seconds=every)


def backup_is_due(last: Job | None, now: datetime) -> bool:
    """Tell whether a backup is to be queued: once a day from one o'clock on, and again when the last one failed.

    The last may be of a day to come, when the clock was wrong: that one does not count.
    """
    if last is None:
        return True
    if last.state in (jobs.State.QUEUED, jobs.State.RUNNING):
        return False
    if last.state == jobs.State.FAILED and last.ended_at is not None:
        return abs(now - last.ended_at) >= _AGAIN
    local = now + _OFFSET - timedelta(hours=_BACKUP_HOUR)
    return (last.queued_at + _OFFSET - timedelta(hours=_BACKUP_HOUR)).date() != local.date()


# --- the process of one job


def main(arguments: list[str] | None = None) -> int:
    """Run one job that this process was started for; return the exit code: 0 ended, 75 another load runs, 1 not ours.

    The first line of standard input holds the settings; where the input ends, the worker is gone, and so is this.
    """
    from dashboard.serving.supervisor import follow_parent
    from dashboard.work import works

    parser = argparse.ArgumentParser(prog="python -m dashboard.work.worker")
    parser.add_argument("--job", type=int, required=True)
    number = parser.parse_args(arguments).job
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = GivenSettings(**json.loads(_first_line()))
    follow_parent()
    if hasattr(os, "nice"):
        os.nice(_NICE)  # pages come first
    store = open_store(settings, kind=store_kind(settings) or SITE, create=False)
    with transaction(store.records) as session:
        job = session.get(Job, number)
    if job is None or job.state != jobs.State.RUNNING:
        return 1
    try:
        return 0 if works.do(store, job, Teller(store, number)) else 1
    except AnotherLoadRuns as busy:
        jobs.requeue(store.records, number, str(busy))
        return EXIT_BUSY


@dataclass
class Teller:
    """A progress that writes how far a job is, now and then, and raises Cancelled when it is wanted no longer."""

    store: OpenStore
    job: int
    every: float = Pace.tell
    told: float = -1e9

    def __call__(self, text: str, share: float | None) -> None:
        """Take a text and the share done (0 to 1), None where it is not known."""
        now = time.monotonic()
        # Before something long, and before all is published, it is asked in any case.
        if now - self.told < self.every and share is not None and share < 1:
            return
        self.told = now
        try:
            wanted = jobs.beat(self.store.records, self.job, share, text[:400])
        except DBAPIError:  # held by somebody else: the next one tells
            return
        if not wanted:
            raise Cancelled


@contextmanager
def _disk_told() -> Iterator[None]:
    """Go on where a file or a folder cannot be had: jobs are done all the same, and the next round looks again."""
    try:
        yield
    except OSError as error:
        _LOG.warning("a round was left off: %s", error.strerror or type(error).__name__)


def _first_line() -> bytes:
    """Read a line without taking what follows it."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(sys.__stdin__.fileno() if sys.__stdin__ else 0, 1)
        if not byte:
            break
        line += byte
    return line


@contextmanager
def _only_worker(settings: Settings, stop: threading.Event) -> Iterator[bool]:
    """Hold the lock of the worker, waiting for it; false where it was told to stop before."""
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(settings.data / ".worker.lock", mode=0o600)
    while not stop.is_set():
        try:
            lock.acquire(timeout=0)
            break
        except Timeout:
            stop.wait(0.5)
    try:
        yield lock.is_locked
    finally:
        lock.release()


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


if __name__ == "__main__":
    sys.exit(main())
