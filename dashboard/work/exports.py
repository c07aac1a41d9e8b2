"""Files too long to be made while a page waits: asked for there, made by the worker, fetched for a day by who asked.

In: what a page shows, by its address, and who asks. Out: jobs ``export``, and of each that is done a file under
<data>/exports. The rights are those that the account has at each step, not those it had at the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, Select, select
from sqlalchemy.orm import Session

from dashboard.context import Context
from dashboard.people.accounts import Identity, Role
from dashboard.security.access import EXPORT, may
from etl.records import jobs
from etl.records.audit import Action, Result
from etl.records.engine import transaction
from etl.records.jobs import JobError, State
from etl.records.models import Account, Job
from etl.settings import Settings

WORK = jobs.EXPORT
#: A file that nobody fetched in a day was not needed; it is made again by the same button.
KEPT = timedelta(hours=24)
#: Of one account, waiting or being made.
MOST_WAITING = 5
#: Shown of one account in the strip.
_MOST_SHOWN = 5
_UNDER_WAY = (State.QUEUED, State.RUNNING)
_DRAFT = ".draft-"
#: Media types of the files, by their endings.
MEDIA_TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv",
}


class ExportError(Exception):
    """A file is not made, or not handed out; the message, for users, says why and what to do."""


class NotYoursError(Exception):
    """There is no such file for whoever asks: none at all, not ready, too old, or somebody else's."""


class MayNotError(Exception):
    """The file is theirs, but the account may no longer see what is in it."""


@dataclass(frozen=True)
class Wanted:
    """What a file is to hold: of which page, its address (no personal data), and the generation that it shows.

    ``right`` is the export's name in access.csv, ``title`` the page's, ``file`` the name that the file is saved under.
    """

    page: str
    right: str
    title: str
    ending: str
    address: str
    generation: int | None
    file: str


@dataclass(frozen=True)
class FileShown:
    """A file as the strip tells of it; ``share`` is None where it is not known, ``bytes`` until it is there."""

    number: int
    file: str
    state: str
    is_ending: bool
    share: float | None
    tells: str
    bytes: int | None

    @property
    def is_under_way(self) -> bool:
        """Whether it is still to come."""
        return self.state in _UNDER_WAY

    @property
    def is_ready(self) -> bool:
        """Whether it can be fetched."""
        return self.state == State.DONE


@dataclass(frozen=True)
class Prepared:
    """A file to be handed out."""

    path: Path
    file: str
    media_type: str


def ask(context: Context, identity: Identity, wanted: Wanted) -> int:
    """Queue a file and return its number; one that is under way already is not made twice. ExportError."""
    require(identity, wanted.right)
    asked = asdict(wanted)
    with transaction(context.records) as session:
        waiting = session.scalars(_own(identity.account_id).where(Job.state.in_(_UNDER_WAY))).all()
        for job in waiting:
            if job.asked == asked and not job.cancel:
                return job.job_id
        _leave_room(waiting)
        return jobs.enqueue(session, WORK, asked, identity.actor).job_id


def files_of(context: Context, identity: Identity) -> list[FileShown]:
    """Return what is being made for an account, and what became of it within a day, the newest first."""
    with Session(context.records_to_read() or context.records) as session:
        ended = Job.ended_at.is_(None) | (Job.ended_at > _now() - KEPT)
        found = session.scalars(_own(identity.account_id).where(ended).order_by(Job.job_id.desc()).limit(50)).all()
    retried = {job.retry_of for job in found}
    shown = [job for job in found if _is_shown(job) and job.job_id not in retried]
    return [
        FileShown(
            job.job_id, str(job.asked["file"]), job.state, job.cancel, job.share, job.tells,
            (job.answer or {}).get("bytes"),
        )
        for job in shown[:_MOST_SHOWN]
    ]  # fmt: skip


def cancel(context: Context, identity: Identity, number: int) -> None:
    """Ask for a file no longer. NotYoursError; nothing happens to one that is ready."""
    with transaction(context.records) as session:
        _own_job(session, identity, number)
        with suppress(JobError):  # it ended meanwhile
            jobs.cancel(session, number, by=identity.actor)


def retry(context: Context, identity: Identity, number: int) -> int:
    """Queue a file again that was not made, of the figures in service now; return its number.

    Raises NotYoursError or ExportError.
    """
    generation = context.generation_in_service()
    with transaction(context.records) as session:
        job = _own_job(session, identity, number)
        require(identity, str(job.asked["right"]))
        _leave_room(session.scalars(_own(identity.account_id).where(Job.state.in_(_UNDER_WAY))).all())
        try:
            again = jobs.retry(session, number, by=identity.actor)
        except JobError as error:
            raise ExportError(str(error)) from None
        again.asked = {**again.asked, "generation": generation}
        return again.job_id


def dismiss(context: Context, identity: Identity, number: int) -> None:
    """Tell of a file no longer. NotYoursError."""
    with transaction(context.records) as session:
        job = _own_job(session, identity, number)
        if job.ended_at is not None:
            job.answer = {**(job.answer or {}), "dismissed": True}


def prepared(context: Context, identity: Identity, number: int) -> Prepared:
    """Return a file for whoever asked for it, as long as they may see what is in it.

    Raises NotYoursError, or MayNotError once that is written down.
    """
    with Session(context.records_to_read() or context.records) as session:
        job = _own_job(session, identity, number)
    answer, path = job.answer or {}, path_of(context.settings, number)
    if job.state != State.DONE or job.ended_at is None or job.ended_at < _now() - KEPT or not path.is_file():
        raise NotYoursError
    # How much is masked goes by the role: a file made for another shows what that one sees.
    if not may(identity.role, EXPORT, str(job.asked["right"])) or answer.get("role") != identity.role:
        context.note(identity.actor, Action.DENIED, f"{EXPORT} {job.asked['right']}", Result.REFUSED)
        raise MayNotError
    return Prepared(path, str(answer["file"]), MEDIA_TYPES[str(job.asked["ending"])])


def asker(engine: Engine, job: Job) -> Identity:
    """Return who asked for a file, as the account is now. ExportError where it is closed or may no longer."""
    with transaction(engine) as session:
        account = session.get(Account, job.account_id) if job.account_id is not None else None
        if account is None or account.disabled:
            raise ExportError("La cuenta que pidió el archivo está cerrada.")
        identity = Identity(
            account.account_id, account.name, account.full_name, Role(account.role), account.must_change, 0
        )
    require(identity, str(job.asked["right"]))
    return identity


def require(identity: Identity, right: str) -> None:
    """Refuse what somebody may not save. ExportError."""
    if not may(identity.role, EXPORT, right):
        raise ExportError("Su cuenta ya no tiene permiso para guardar este archivo.")


def path_of(settings: Settings, number: int) -> Path:
    """Return where a file waits to be fetched."""
    return settings.data.absolute() / "exports" / str(number)


def draft_of(settings: Settings, number: int) -> Path:
    """Return where a file is written before it is one."""
    path = path_of(settings, number)
    return path.with_name(f"{_DRAFT}{path.name}")


def sweep(engine: Engine, settings: Settings, now: datetime) -> int:
    """Delete what is older than a day, or of a closed account, or of no job that is done; return how many.

    `now` is in UTC.
    """
    folder = path_of(settings, 0).parent
    there = [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
    if not there:
        return 0
    with transaction(engine) as session:
        good = select(Job.job_id).join(Account, Account.account_id == Job.account_id)
        good = good.where(Job.work == WORK, Job.state == State.DONE, Job.ended_at >= now - KEPT)
        kept = {str(number) for number in session.scalars(good.where(Account.disabled.is_(False)))}
        # Their drafts are being written, their files are about to be theirs.
        running = select(Job.job_id).where(Job.work == WORK, Job.state == State.RUNNING)
        kept |= {name for number in session.scalars(running) for name in (str(number), f"{_DRAFT}{number}")}
    gone = [path for path in there if path.name not in kept]
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)


def bytes_kept(settings: Settings) -> int:
    """Return how much disk the files take that wait to be fetched."""
    folder = path_of(settings, 0).parent
    found = 0
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(OSError):  # swept meanwhile
            found += path.stat().st_size
    return found


def _own(account_id: int) -> Select[Job]:
    return select(Job).where(Job.work == WORK, Job.account_id == account_id)


def _own_job(session: Session, identity: Identity, number: int) -> Job:
    job = session.scalar(_own(identity.account_id).where(Job.job_id == number))
    if job is None:
        raise NotYoursError
    return job


def _is_shown(job: Job) -> bool:
    return job.state != State.CANCELLED and not (job.answer or {}).get("dismissed")


def _leave_room(waiting: Sequence[Job]) -> None:
    if len(waiting) >= MOST_WAITING:
        raise ExportError(f"Ya se preparan {len(waiting)} archivos suyos: espere a que terminen, o cancele alguno.")


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
