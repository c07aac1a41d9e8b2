"""What comes in through the page of loads: files sent, the worker's jobs, loads in service, and what is asked of each.

In: a context, who asks, what a browser sent. Out: frozen values for the page; or a job queued, a file kept or deleted.
Whatever a browser names (a file, a job, a load) is looked up here, and every right is asked for here once more.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import PurePath
from typing import Any, Protocol

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from dashboard.console import hidden, reason_text
from dashboard.context import Context
from dashboard.people.accounts import Identity
from dashboard.security.access import RIGHT, may
from dashboard.work import uploads
from dashboard.work.rights import LOAD_FILES, RIGHTS, UNDO_LOAD
from dashboard.work.uploads import MOST_BYTES, UploadError
from etl.exports import NOTHING_TOLD, Told
from etl.pipeline import UndoError, loads_undone_with
from etl.records import jobs
from etl.records.audit import Action, Actor, Result
from etl.records.engine import transaction
from etl.records.jobs import JobError, State
from etl.records.models import Account, AuditEntry, Job, Load, LogFile, Upload
from etl.settings import ZONE_OFFSET_SECONDS
from etl.sources import SOURCES
from etl.warehouse import WarehouseError

SEE_SET_ASIDE = "see_set_aside"
#: A job that waits so long with nobody at work: there is no worker.
SILENT = timedelta(seconds=30)
_OFFSET = timedelta(seconds=ZONE_OFFSET_SECONDS)
_WAITING = ("received", "checked", "loading")
_UNDER_WAY = (State.QUEUED, State.RUNNING)
_SYSTEM = "sistema"
_DATA, _BASE64 = "data:", ";base64"
#: What somebody may cancel or have tried again. A mapping is neither: it is applied whole, and an old one is history.
_IN_HAND = frozenset({"check", "load", "inbox", "undo"})
_MOST_SET_ASIDE = 200
_LONGEST_QUEUE = 200


class IntakeError(Exception):
    """Something asked for cannot be; the message is for users."""


@dataclass(frozen=True)
class SentFile:
    """A file that waits, or was not accepted: who sent it and when (La Paz), what the check found of it."""

    upload: int
    name: str
    bytes: int
    who: str
    sent_at: datetime
    state: str
    verdict: dict[str, Any]
    check_failed: str


@dataclass(frozen=True)
class JobShown:
    """A job as the page tells it: about what, for whom, how far; ``may_cancel`` and ``may_retry`` by its state."""

    job: int
    work: str
    about: str
    state: str
    share: float | None
    tells: str
    who: str
    queued_at: datetime
    ended_at: datetime | None
    may_cancel: bool
    may_retry: bool


@dataclass(frozen=True)
class LoadShown:
    """A load in service, or one that is not (``refusal`` says why): its lines, its span, who loaded it and when."""

    load: int
    name: str
    pbx: str
    lines: int | None
    loaded: int | None
    duplicates: int | None
    set_aside: int | None
    first: datetime | None
    last: datetime | None
    who: str
    loaded_at: datetime | None
    refusal: str


@dataclass(frozen=True)
class SetAside:
    """A line that was set aside: its number, why, and its text with the numbers of customers hidden."""

    line: int
    why: str
    text: str


def take_file(
    context: Context, identity: Identity, name: object, contents: object, said: Sequence[object] = ()
) -> Upload:
    """Take in a file as a browser sends it, a data URL in base64. UploadError; then nothing of it is kept.

    `said` are first day, last day and queue of an exported report, as they were typed.
    """
    require(context, identity, LOAD_FILES)
    told = told_of(*(each if isinstance(each, str) else "" for each in said)) if said else NOTHING_TOLD
    data = _bytes_of(context, identity, contents)
    shown = name if isinstance(name, str) else ""
    return uploads.receive(context.records, context.settings, identity, shown, SOURCES[0].name, data, told)


def told_of(first: str, last: str, queue: str) -> Told:
    """Return what was typed of an exported report: days as 31/10/2026, a queue. UploadError for what is none."""
    days: list[date | None] = []
    for text, label in ((first.strip(), "Desde"), (last.strip(), "Hasta")):
        try:
            days.append(datetime.strptime(text, "%d/%m/%Y").date() if text else None)
        except ValueError:
            raise UploadError(
                f"{label}: una fecha se escribe 31/10/2026. Corríjala y vuelva a enviarlo.", 400
            ) from None
    if days[0] and days[1] and days[0] > days[1]:
        raise UploadError("«Desde» es posterior a «Hasta»: corríjalo y vuelva a enviarlo.", 400)
    return Told(days[0], days[1], queue.strip()[:_LONGEST_QUEUE] or None)


def load_file(context: Context, identity: Identity, upload_id: int) -> str:
    """Queue the load of a checked file and say so. IntakeError."""
    require(context, identity, LOAD_FILES)
    with transaction(context.records) as session:
        try:
            uploads.load_upload(session, identity, upload_id)
        except UploadError as error:
            upload = session.get(Upload, upload_id)
            if upload is not None and upload.state in ("loading", "loaded"):
                return "Ese archivo ya se mandó a cargar."  # a second click, or a colleague
            raise IntakeError(str(error)) from None
    return "La carga quedó pedida: las cifras cambian cuando termine."


def discard_file(context: Context, identity: Identity, upload_id: int) -> str:
    """Delete a file that waits and say so. IntakeError."""
    require(context, identity, LOAD_FILES)
    try:
        uploads.discard(context.records, context.settings, identity, upload_id)
    except UploadError as error:
        raise IntakeError(str(error)) from None
    return "El archivo se descartó: no se cargó nada de él."


def cancel_job(context: Context, identity: Identity, job_id: int) -> str:
    """Ask a job to stop and say so. IntakeError."""
    _of_job(context, identity, job_id, jobs.cancel)
    return "Se pidió cancelar: el trabajo se detiene sin dejar nada a medias."


def retry_job(context: Context, identity: Identity, job_id: int) -> str:
    """Queue a job anew that failed or was cancelled, and say so. IntakeError."""
    _of_job(context, identity, job_id, jobs.retry)
    return "El trabajo se pidió otra vez."


def undone_with(context: Context, identity: Identity, load_id: int) -> Sequence[tuple[int, str, int]]:
    """Tell which loads go when one is undone: number, file, lines. IntakeError."""
    require(context, identity, UNDO_LOAD)
    with transaction(context.records) as session:
        return _undone_with(session, load_id)


def undo_load(context: Context, identity: Identity, told: Sequence[int]) -> str:
    """Queue the undo of a load, of which the user was told which loads go with it, and say so. IntakeError."""
    require(context, identity, UNDO_LOAD)
    if not told:
        raise IntakeError("Elija la carga que quiere deshacer.")
    with transaction(context.records) as session:
        if [load for load, _, _ in _undone_with(session, told[0])] != list(told):
            raise IntakeError("Mientras tanto cambió qué cargas se deshacen: ábralo otra vez y revise.")
        for job in session.scalars(select(Job).where(Job.work == "undo", Job.state.in_(_UNDER_WAY))):
            if job.asked.get("load") in told:
                raise IntakeError("Ya se pidió deshacer esa carga.")
        jobs.enqueue(session, "undo", {"load": told[0], "told": list(told)}, identity.actor)
    return "Se pidió deshacer la carga: las cifras cambian cuando termine."


def sent_files(context: Context) -> list[SentFile]:
    """Return the files that wait, and those not accepted today, the newest first."""
    today = _now() + _OFFSET
    midnight = datetime(today.year, today.month, today.day) - _OFFSET
    with _reading(context) as session:
        query = select(Upload, Account.full_name).join(Account, Account.account_id == Upload.account_id)
        recent = or_(Upload.state.in_(_WAITING), (Upload.state == "refused") & (Upload.received_at >= midnight))
        found = session.execute(query.where(recent).order_by(Upload.upload_id.desc()).limit(50)).all()
        failed = _failed_checks(session)
    return [
        SentFile(
            upload.upload_id, upload.name, upload.bytes, who, upload.received_at + _OFFSET, upload.state,
            upload.verdict or {}, failed.get(upload.upload_id, "") if upload.state == "received" else "",
        )
        for upload, who in found
    ]  # fmt: skip


def jobs_shown(context: Context, identity: Identity, limit: int = 40) -> list[JobShown]:
    """Return what is under way, and the newest of what ended, the newest first."""
    with _reading(context) as session:
        found = [*session.scalars(select(Job).where(Job.state.in_(_UNDER_WAY)).order_by(Job.job_id.desc()))]
        ended = select(Job).where(Job.state.not_in(_UNDER_WAY)).order_by(Job.job_id.desc()).limit(limit)
        found += session.scalars(ended)
        retried = set(session.scalars(select(Job.retry_of).where(Job.retry_of.is_not(None))))
        people = _full_names(session, [job.account_id for job in found])
        files = _files_of(session, [job.asked.get("upload") for job in found])
    return [_job_shown(job, identity, people, files, retried) for job in found]


def is_silent(context: Context) -> bool:
    """Tell whether a job has waited for long and none runs: the process that works them off is not there."""
    with _reading(context) as session:
        found = session.scalars(select(Job).where(Job.state.in_(_UNDER_WAY))).all()
    late = _now() - SILENT
    # One that another load kept waiting was looked at then, by a worker.
    waits = any(job.state == State.QUEUED and max(job.queued_at, job.beat_at or job.queued_at) < late for job in found)
    works = any(job.state == State.RUNNING and job.beat_at is not None and job.beat_at >= late for job in found)
    return waits and not works


def is_under_way(context: Context) -> bool:
    """Tell whether a job waits or runs."""
    with _reading(context) as session:
        return session.scalar(select(Job.job_id).where(Job.state.in_(_UNDER_WAY)).limit(1)) is not None


def state_of_loads(context: Context) -> list[int | None]:
    """Return what changes whenever the loads shown do."""
    with _reading(context) as session:
        refused = session.scalar(select(func.count()).where(Load.state == "refused"))
    return [context.generation_in_service(), refused]


def loads_shown(context: Context) -> list[LoadShown]:
    """Return the loads in service and those taken out or refused, the newest first. WarehouseError."""
    rows: list[tuple[Any, ...]] = []
    if not context.is_empty:
        with context.reading() as (_, cursor):
            rows = cursor.execute(
                "SELECT load, name, pbx, lines, loaded, duplicates, quarantined, least_epoch, greatest_epoch "
                "FROM meta.loads"
            ).fetchall()
    with _reading(context) as session:
        who = _who_loaded(session)
        names = {name: full_name for name, full_name in session.execute(select(Account.name, Account.full_name))}
        landed = {load: at for load, at in session.execute(select(Load.load_id, Load.landed_at))}
        refused = session.execute(
            select(Load, LogFile.name, LogFile.pbx)
            .join(LogFile, LogFile.file_id == Load.file_id)
            .where(Load.state == "refused")
            .order_by(Load.load_id.desc())
            .limit(200)
        ).all()
    found = [
        LoadShown(
            load, name, pbx, lines, loaded, duplicates, set_aside, _local(first), _local(last),
            who.get(load, ""), landed[load] + _OFFSET if load in landed else None, "",
        )
        for load, name, pbx, lines, loaded, duplicates, set_aside, first, last in rows
    ]  # fmt: skip
    found += [
        LoadShown(
            load.load_id, name, pbx, load.lines, None, None, None, _local(load.first_epoch), _local(load.last_epoch),
            who.get(load.load_id, ""), load.landed_at + _OFFSET, _refusal_told(load.refusal or "rechazada", names),
        )
        for load, name, pbx in refused
    ]  # fmt: skip
    return sorted(found, key=lambda each: -each.load)


def _refusal_told(refusal: str, names: dict[str, str]) -> str:
    """Return why a load is not in service, whoever undid it by their full name, as the other columns have it."""
    text, by, name = refusal.rpartition(" por ")
    return f"{text}{by}{names[name]}" if by and name in names else refusal


def set_aside_lines(context: Context, identity: Identity, load_id: int) -> tuple[int, list[SetAside]]:
    """Return how many lines of a load were set aside, and the first of them. IntakeError."""
    require(context, identity, SEE_SET_ASIDE)
    try:
        with context.reading() as (_, cursor):
            (number,) = cursor.execute("SELECT COUNT(*) FROM meta.quarantine WHERE load = ?", [load_id]).fetchall()[0]
            rows = cursor.execute(
                f"SELECT line, reasons, text FROM meta.quarantine WHERE load = ? ORDER BY line LIMIT {_MOST_SET_ASIDE}",
                [load_id],
            ).fetchall()
    except WarehouseError as error:
        raise IntakeError(str(error)) from None
    return number, [SetAside(line, reasons_text(reasons), hidden(text)) for line, reasons, text in rows]


def reasons_text(codes: str) -> str:
    """Return the reasons of a line, codes with commas between them, as users read them."""
    return "; ".join(reason_text(code).partition(": ")[2] or code for code in codes.split(","))


def require(context: Context, identity: Identity, right: str | None) -> None:
    """Refuse, and write down, what somebody may not. IntakeError."""
    if right is None or not may(identity.role, RIGHT, right):
        context.note(identity.actor, Action.DENIED, f"{RIGHT} {right}", Result.REFUSED)
        raise IntakeError("Su cuenta no tiene permiso para esto.")


def _bytes_of(context: Context, identity: Identity, contents: object) -> bytes:
    """Return what a data URL holds; what it says of its kind is not believed. UploadError."""
    head, comma, text = contents.partition(",") if isinstance(contents, str) else ("", "", "")
    if not head.startswith(_DATA) or not (head.endswith(_BASE64) or (head == _DATA and not text)):
        _note_broken(context, identity, "no data URL")
        raise UploadError("El archivo llegó incompleto: envíelo otra vez. No se guardó nada.", 400)
    size = len(text) // 4 * 3 - text[-2:].count("=")
    if size > MOST_BYTES:  # told before it takes as much memory again
        _note_broken(context, identity, "size")
        raise UploadError(f"El archivo pasa de {MOST_BYTES // 1024**2} MB: envíelo comprimido (gz) o por partes.", 413)
    try:
        return base64.b64decode(text if comma else "", validate=True)
    except (binascii.Error, ValueError):
        _note_broken(context, identity, "base64")
        raise UploadError("El archivo llegó dañado: envíelo otra vez. No se guardó nada.", 400) from None


def _note_broken(context: Context, identity: Identity, reason: str) -> None:
    context.note(identity.actor, Action.UPLOAD, "file", Result.REFUSED, reason=reason)


class _Asked(Protocol):
    """What is asked of a job: `jobs.cancel`, `jobs.retry`."""

    def __call__(self, session: Session, job_id: int, *, by: Actor) -> object: ...


def _of_job(context: Context, identity: Identity, job_id: int, asked: _Asked) -> None:
    """Ask something of a job for somebody who may. IntakeError."""
    with transaction(context.records) as session:
        right = _right_of(session, job_id)
    require(context, identity, right)
    with transaction(context.records) as session:
        try:
            asked(session, job_id, by=identity.actor)
        except JobError as error:
            raise IntakeError(str(error)) from None


def _right_of(session: Session, job_id: int) -> str | None:
    """Return the right to cancel or retry a job; None where nobody has it. IntakeError where there is no job."""
    job = session.get(Job, job_id)
    if job is None:
        raise IntakeError("Ese trabajo no existe.")
    return _right_to(job)


def _right_to(job: Job) -> str | None:
    return RIGHTS[job.work] if job.work in _IN_HAND else None


def _undone_with(session: Session, load_id: int) -> list[tuple[int, str, int]]:
    try:
        return [(going.load, going.name, going.lines) for going in loads_undone_with(session, load_id)]
    except UndoError as error:
        raise IntakeError(str(error)) from None


def _job_shown(
    job: Job, identity: Identity, people: dict[int, str], files: dict[int, Upload], retried: set[int | None]
) -> JobShown:
    right = _right_to(job)
    mine = right is not None and may(identity.role, RIGHT, right)
    ended_badly = job.state in (State.FAILED, State.CANCELLED) and job.job_id not in retried
    return JobShown(
        job.job_id, job.work, _about(job, files), job.state, job.share, job.tells,
        people.get(job.account_id or 0, _SYSTEM), job.queued_at + _OFFSET,
        job.ended_at + _OFFSET if job.ended_at else None,
        may_cancel=mine and job.state in _UNDER_WAY and not job.cancel,
        may_retry=mine and ended_badly and _file_waits(job, files),
    )  # fmt: skip


def _file_waits(job: Job, files: dict[int, Upload]) -> bool:
    """Tell whether the file that a job needs is there for it; true for one that needs none."""
    if "upload" not in job.asked:
        return True
    upload = files.get(job.asked["upload"])
    return upload is not None and upload.state == {"check": "received", "load": "checked"}.get(job.work)


def _about(job: Job, files: dict[int, Upload]) -> str:
    asked = job.asked
    if (upload := files.get(asked.get("upload", 0))) is not None:
        return upload.name
    match job.work:
        case "undo":
            return f"carga {asked.get('load')}"
        case "export":
            return str(asked.get("title", ""))
        case "mapping":
            return "colas" if asked.get("what") == "queues" else "operadores"
        case "inbox" if asked.get("databases"):
            return ", ".join(map(str, asked["databases"]))
        case "inbox" if asked.get("files") or asked.get("watched"):
            followed = [PurePath(name).name for name in asked.get("watched", ())]
            names = [uploads.shown_name(str(name)) for name in (*asked["files"], *followed)]
            return ", ".join(names[:3]) + (f" y {len(names) - 3} más" if len(names) > 3 else "")
    return ""


def _full_names(session: Session, accounts: Sequence[int | None]) -> dict[int, str]:
    wanted = {number for number in accounts if number is not None}
    query = select(Account.account_id, Account.full_name).where(Account.account_id.in_(wanted))
    return {number: name for number, name in session.execute(query)}


def _files_of(session: Session, numbers: Sequence[object]) -> dict[int, Upload]:
    wanted = {number for number in numbers if isinstance(number, int)}
    return {each.upload_id: each for each in session.scalars(select(Upload).where(Upload.upload_id.in_(wanted)))}


def _failed_checks(session: Session) -> dict[int, str]:
    """Return, for files whose last check did not end well, what it told."""
    told: dict[int, str] = {}
    for job in session.scalars(select(Job).where(Job.work == "check").order_by(Job.job_id.desc()).limit(500)):
        number = job.asked.get("upload")
        if isinstance(number, int) and number not in told:
            told[number] = job.tells if job.state in (State.FAILED, State.CANCELLED) else ""
    return told


def _who_loaded(session: Session) -> dict[int, str]:
    """Return for each load who had it loaded, as the audit knows it."""
    done: ColumnElement[bool] = (AuditEntry.action == Action.LOAD) & (AuditEntry.result == Result.DONE)
    query = select(AuditEntry.object, AuditEntry.who, Account.full_name)
    query = query.outerjoin(Account, Account.account_id == AuditEntry.account_id)
    found: dict[int, str] = {}
    loads = AuditEntry.object.startswith("load ", autoescape=True)
    for what, who, full_name in session.execute(query.where(done, loads).order_by(AuditEntry.entry_id)):
        found.setdefault(int(what.removeprefix("load ")), full_name or who)
    return found


def _reading(context: Context) -> Session:
    """Return a session that only reads, and keeps no writer waiting."""
    return Session(context.records_to_read() or context.records)


def _local(epoch: int | None) -> datetime | None:
    return None if epoch is None else datetime.fromtimestamp(epoch + ZONE_OFFSET_SECONDS, UTC).replace(tzinfo=None)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
