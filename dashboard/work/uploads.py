"""Files that people send: judged by their bytes, kept under a name of ours, checked, and loaded when they say so.

In: the bytes of a file and who sends it. Out: a row of ``Upload`` and jobs for the worker; or UploadError with the
reason in Spanish and the HTTP status that says the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from dashboard.people.accounts import Identity
from etl import landing
from etl.checkup import Checkup
from etl.exports import NOTHING_TOLD, Told
from etl.readers.sniff import header_of, sniff, unpacks_beyond
from etl.readers.tables import is_table_file
from etl.records import jobs
from etl.records.audit import SYSTEM, Action, Actor, Result, note
from etl.records.engine import transaction
from etl.records.models import Account, AuditEntry, Job, Load, LogFile, Upload
from etl.settings import ZONE_OFFSET_SECONDS, Settings
from etl.sources import QUEUE_LOG, SOURCES
from etl.sources.exports import EXPORTS

MOST_BYTES = 20 * 1024 * 1024
MOST_UNPACKED_BYTES = 300 * 1024 * 1024
#: So much is unpacked while whoever sends it waits; what that does not tell, the check does.
LOOKED_AT_BYTES = 4 * 1024 * 1024
MOST_A_DAY = 50
MOST_WAITING_BYTES = 2 * 1024**3
#: Whatever waits is deleted after so long: a file that nobody loads holds customers' numbers for nothing.
LONGEST_WAIT = timedelta(days=90)
#: And after something was written down on so many days meanwhile: a clock that jumps ahead makes no file old.
FEWEST_DAYS = 30
_SHOWN_NAME = 200
_OFFSET = timedelta(seconds=ZONE_OFFSET_SECONDS)
#: A file is there; in the other states it is gone.
_WAITING = ("received", "checked", "loading")
#: Why what is not even judged is refused, by its status.
_REASONS = {409: "known", 429: "limit"}
#: So many files of tables are read at once while their senders wait; of others the check tells.
_READING = threading.BoundedSemaphore(2)
_NOT_THERE = "Ese archivo no está o ya no espera."


class UploadError(Exception):
    """A file is not taken, or is not there; the message is for users, ``status`` what HTTP answers."""

    def __init__(self, message: str, status: int) -> None:
        """Say why, and with which status."""
        super().__init__(message)
        self.status = status


def receive(
    engine: Engine, settings: Settings, identity: Identity, name: str, source: str, data: bytes,
    told: Told = NOTHING_TOLD,
) -> Upload:  # fmt: skip
    """Take a file in and queue its check. UploadError: 400, 409, 413, 422, 429, 507; then nothing of it is kept.

    Its bytes decide what it is. The same bytes are taken once, also when two send them in the same moment. What is
    `told` is of exported totals that do not say it themselves.
    """
    shown, by = shown_name(name), identity.actor
    if len(data) > MOST_BYTES:
        _note_refused(engine, by, "size", len(data))
        raise UploadError(f"«{shown}» pasa de {MOST_BYTES // 1024**2} MB: envíelo comprimido (gz) o por partes.", 413)
    if source not in {EXPORTS.name, *(known.name for known in SOURCES)}:
        raise UploadError("No existe esa clase de archivo: elija una de las que se ofrecen.", 400)
    now = _now()
    digest = hashlib.sha256(data).hexdigest()
    with _refusal_noted(engine, by, len(data)), transaction(engine) as session:
        # Asked first, so that whoever sends too much is not even judged.
        _check_limits(session, identity.account_id, len(data), now)
        _check_known(session, settings, digest)
    draft = _draft(settings, data)
    try:
        reason = _why_not(draft, data, now, told)
        with _refusal_noted(engine, by, len(data)), transaction(engine) as session:
            _check_limits(session, identity.account_id, len(data), now)
            if reason is None:
                _check_known(session, settings, digest)
            upload = Upload(
                account_id=identity.account_id, name=shown, source=source, sha256=digest, bytes=len(data),
                received_at=now, state="received" if reason is None else "refused",
                verdict=None if reason is None else {"refused": reason}, loads=None, told=told.columns,
            )  # fmt: skip
            session.add(upload)
            session.flush()
            result = Result.DONE if reason is None else Result.REFUSED
            note(
                session, by, Action.UPLOAD, f"upload {upload.upload_id}", result,
                bytes=len(data), sha256=digest, reason=reason,
            )  # fmt: skip
            if reason is None:
                jobs.enqueue(session, "check", {"upload": upload.upload_id}, by)
                draft.replace(path_of(settings, upload.upload_id))
    finally:
        draft.unlink(missing_ok=True)
    if reason is not None:
        raise UploadError(f"«{shown}» no se acepta: {reason}", 422)
    return upload


def verdict_of(found: Checkup, name: str) -> dict[str, Any]:
    """Return what a check found, as plain JSON; instants are wall times of La Paz, to the second.

    Keys: ``files`` (name, state, source, read, loaded, duplicates, quarantined, blank, held, message), ``reasons``
    (code: lines set aside), ``first``, ``last``, ``gaps``, ``queues`` (queue, entries, dids, first, last, service),
    those of them without a line as ``unknown_queues``, ``agents`` (agent, connected).
    """
    kept = ("state", "source", "read", "loaded", "duplicates", "quarantined", "blank", "held", "message")
    queues = [
        asdict(queue) | {"dids": list(queue.dids), "first": _second(queue.first), "last": _second(queue.last)}
        for queue in found.queues
    ]
    return {
        "files": [{"name": name} | {key: getattr(report, key) for key in kept} for report in found.files],
        "reasons": dict(sorted(found.reasons.items())),
        "first": _second(found.first) if found.first else None,
        "last": _second(found.last) if found.last else None,
        "gaps": [[_second(start), _second(end)] for start, end in found.gaps],
        "queues": queues,
        "unknown_queues": [queue["queue"] for queue in queues if queue["service"] is None],
        "agents": [asdict(agent) for agent in found.agents],
    }


def load_upload(session: Session, identity: Identity, upload_id: int) -> Job:
    """Queue the load of a checked file. UploadError where there is none."""
    taking = update(Upload).where(Upload.upload_id == upload_id, Upload.state == "checked").values(state="loading")
    if session.scalar(taking.returning(Upload.upload_id)) is None:
        raise UploadError(_NOT_THERE, 404)
    return jobs.enqueue(session, "load", {"upload": upload_id}, identity.actor)


def discard(engine: Engine, settings: Settings, identity: Identity, upload_id: int) -> None:
    """Delete a file that waits, and the check that was queued for it. UploadError where there is none."""
    with transaction(engine) as session:
        waiting = ("received", "checked", "refused")  # of one not accepted only its row is left
        taking = update(Upload).where(Upload.upload_id == upload_id, Upload.state.in_(waiting))
        if session.scalar(taking.values(state="discarded").returning(Upload.upload_id)) is None:
            raise UploadError(_NOT_THERE, 404)
        note(session, identity.actor, Action.UPLOAD, f"upload {upload_id}", change="discarded")
        _forget_checks(session, upload_id, identity.actor)
    path_of(settings, upload_id).unlink(missing_ok=True)


def sweep(engine: Engine, settings: Settings, now: datetime) -> int:
    """Discard what waited too long, and delete files that no row says are there; return how many were discarded."""
    with transaction(engine) as session:
        old = select(Upload).where(Upload.state.in_(("received", "checked")), Upload.received_at < now - LONGEST_WAIT)
        gone = [each for each in session.scalars(old) if _days_noted(session, each.received_at, now) >= FEWEST_DAYS]
        for upload in gone:
            upload.state, upload_id = "discarded", upload.upload_id
            note(session, SYSTEM, Action.UPLOAD, f"upload {upload_id}", change="discarded", reason="age")
            _forget_checks(session, upload_id, SYSTEM)
        there = {str(number) for number in session.scalars(select(Upload.upload_id).where(Upload.state.in_(_WAITING)))}
    folder = _folder(settings)
    for path in folder.iterdir() if folder.exists() else ():
        with contextlib.suppress(FileNotFoundError):  # a draft that its own process took away meanwhile
            age = now - datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None)
            if path.name not in there and age > timedelta(hours=1):
                path.unlink(missing_ok=True)
    return len(gone)


def _days_noted(session: Session, since: datetime, until: datetime) -> int:
    """Return on how many days between two instants something was written down."""
    within = AuditEntry.entered_at > since, AuditEntry.entered_at <= until
    return session.scalar(select(func.count(func.distinct(func.date(AuditEntry.entered_at)))).where(*within)) or 0


def path_of(settings: Settings, upload_id: int) -> Path:
    """Return where a file waits."""
    return _folder(settings) / str(upload_id)


def shown_name(name: str) -> str:
    """Return a file's name as it is shown: one line, control and direction characters written out, cut."""
    text = "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in name[:1000])
    text = text.strip() or "sin nombre"
    return text if len(text) <= _SHOWN_NAME else text[: _SHOWN_NAME - 1] + "…"


def _check_limits(session: Session, account_id: int, size: int, now: datetime) -> None:
    local = now + _OFFSET
    day = datetime(local.year, local.month, local.day) - _OFFSET
    sent = select(func.count()).where(Upload.account_id == account_id, Upload.received_at >= day)
    if (session.scalar(sent) or 0) >= MOST_A_DAY:
        raise UploadError(f"Ya envió {MOST_A_DAY} archivos hoy: siga mañana, o use la carpeta de entrada.", 429)
    waiting = select(func.sum(Upload.bytes)).where(Upload.state.in_(_WAITING))
    if (session.scalar(waiting) or 0) + size > MOST_WAITING_BYTES:
        raise UploadError("Hay demasiados archivos en espera (2 GB): cargue o descarte los que ya están.", 429)


def _check_known(session: Session, settings: Settings, digest: str) -> None:
    """Refuse bytes that were sent already and wait, or are in service."""
    sent = select(Upload, Account.name).join(Account, Account.account_id == Upload.account_id)
    sent = sent.where(Upload.sha256 == digest).order_by(Upload.upload_id.desc())
    for upload, who in session.execute(sent):
        when = f"{upload.received_at + _OFFSET:%d/%m/%Y %H:%M}"
        if upload.state in _WAITING:
            raise UploadError(f"Ese archivo ya se envió el {when} (por {who}) y espera su carga o su descarte.", 409)
        in_service = select(Load.load_id).where(Load.load_id.in_(upload.loads or ()), Load.state != "refused")
        if upload.state == "loaded" and session.scalar(in_service.limit(1)) is not None:
            raise UploadError(f"Ese archivo ya se cargó el {when} (por {who}).", 409)
    same = select(Load).join(LogFile, LogFile.file_id == Load.file_id)
    same = same.where(Load.sha256 == digest, Load.state != "refused", LogFile.pbx == settings.pbx)
    if (load := session.scalar(same.limit(1))) is not None:
        when = f"{load.landed_at + _OFFSET:%d/%m/%Y %H:%M}"
        raise UploadError(f"Ese archivo ya se cargó el {when} (por la carpeta de entrada o la consola).", 409)


def _why_not(path: Path, data: bytes, now: datetime, told: Told) -> str | None:
    """Return why a file is not taken, by its bytes; None where it is, or the check will tell."""
    if not data:
        return "está vacío (0 bytes)."
    seen = sniff(data)
    if seen.problem:
        return f"es {seen.what} y {seen.problem}."
    latest = landing.latest_epoch(now)
    if not is_table_file(path):
        if not seen.could_be_log:
            return f"es {seen.what}; aquí se carga: {QUEUE_LOG.title}."
        try:
            landing.recognise(path, latest_epoch=latest, within=LOOKED_AT_BYTES)
            return None
        except landing.Undecided:
            return None
        except landing.Refused as refusal:
            if not refusal.is_no_log:
                return f"{refusal}."
    return _why_no_table(path, data, latest, told)


def _why_no_table(path: Path, data: bytes, latest: int, told: Told) -> str | None:
    """Return why a file is no table that can be loaded; None where it is, or is so large that the check tells it."""
    if unpacks_beyond(path, LOOKED_AT_BYTES) or not _READING.acquire(blocking=False):
        return None
    try:
        landing.judge(path, told, latest_epoch=latest)
    except landing.Refused as refusal:
        expected = f" Se esperaba: {QUEUE_LOG.title}; lo que llegó es {header_of(data)}." if refusal.is_no_log else ""
        return f"{refusal}.{expected}"
    finally:
        _READING.release()
    return None


def _draft(settings: Settings, data: bytes) -> Path:
    """Write the bytes durably under a name that nobody chose; only the server's own user may read them."""
    folder = _folder(settings)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f".draft-{token_hex(8)}"
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise UploadError(
            "No se pudo guardar el archivo en el servidor (¿disco lleno?): avise a quien administra el sistema.", 507
        ) from error
    return path


def _forget_checks(session: Session, upload_id: int, by: Actor) -> None:
    """Cancel the checks of a file that is gone."""
    pending = select(Job).where(Job.work == "check", Job.state.in_((jobs.State.QUEUED, jobs.State.RUNNING)))
    for job in session.scalars(pending).all():
        if job.asked.get("upload") == upload_id:
            jobs.cancel(session, job.job_id, by=by)


@contextlib.contextmanager
def _refusal_noted(engine: Engine, by: Actor, size: int) -> Iterator[None]:
    """Write down a refusal that no row of an upload tells of."""
    try:
        yield
    except UploadError as error:
        _note_refused(engine, by, _REASONS[error.status], size)
        raise


def _note_refused(engine: Engine, by: Actor, reason: str, size: int) -> None:
    with transaction(engine) as session:
        note(session, by, Action.UPLOAD, "file", Result.REFUSED, reason=reason, bytes=size)


def _folder(settings: Settings) -> Path:
    return settings.data / "uploads"


def _second(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
