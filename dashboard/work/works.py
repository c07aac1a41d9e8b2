"""What each kind of job does, in a process of its own: check, load, inbox, undo, mapping, backup, forget, export.

In: an open store, a job, whom it is for, a progress that may raise Cancelled. Out: how it ended, with what belongs into
the same transaction as that end. Errors that users can act on are told in their words, any other by a mark.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

from sqlalchemy.orm import Session

from dashboard.console import mapping_text, report_text
from dashboard.failures import places_of
from dashboard.people.accounts import Role
from dashboard.security.access import RIGHT, may
from dashboard.work import exports, uploads
from dashboard.work.rights import RIGHTS
from etl import mapping, pipeline
from etl.build import CheckError
from etl.checkup import check
from etl.exports import Told
from etl.follow import is_followed
from etl.lines import Cancelled, Progress, ReconciliationError
from etl.readers.sniff import unpacks_beyond
from etl.records import jobs
from etl.records.audit import SYSTEM, Action, Actor, Result, note
from etl.records.engine import RecordsError, transaction
from etl.records.models import Account, Job, Upload
from etl.records.site import MappingError
from etl.store import AnotherLoadRuns, OpenStore, StoreError
from etl.warehouse import WarehouseError

_LOG = logging.getLogger(__name__)
#: In the answer of a job that failed for a reason that may pass.
AGAIN = "again"
#: Whose message is written for users.
_TOLD = (
    CheckError, MappingError, ReconciliationError, RecordsError, StoreError, WarehouseError, exports.ExportError,
    uploads.UploadError,
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """How a job ended: its answer (plain JSON), what users read, what is written with it, and what is done after."""

    tells: str
    answer: dict[str, Any] = field(default_factory=dict)
    state: jobs.State = jobs.State.DONE
    settle: Callable[[Session], None] | None = None
    after: Callable[[], None] | None = None


def do(store: OpenStore, job: Job, progress: Progress) -> bool:
    """Do a job and end it; tell whether it was still ours to end. Raises AnotherLoadRuns."""
    by = actor_of(store, job)
    try:
        _require_right(store, job, by)
        outcome = WORKS[job.work][0](store, job, by, progress)
    except AnotherLoadRuns:
        raise
    except Cancelled:
        outcome = Outcome("Cancelado: no se cambió nada.", state=jobs.State.CANCELLED)
    except _MayNotError as error:
        outcome = _failed(job, by, str(error), Result.REFUSED, reason="right")
    except _TOLD as error:
        # A verdict on what a file holds stays what it is; a full disk does not.
        outcome = _failed(job, by, str(error), again=isinstance(error, WarehouseError))
    except OSError as error:
        _LOG.error("job %s (%s) failed: %s", job.job_id, job.work, error.strerror or type(error).__name__)
        told = f"No se pudo leer o escribir ({error.strerror or error}). Vuelva a intentarlo."
        outcome = _failed(job, by, told, again=True)
    except Exception as error:
        # Not its message: it may quote a line of a log, with a customer's number.
        mark = token_hex(4)
        _LOG.error("job %s (%s) failed, mark %s: %s", job.job_id, job.work, mark, places_of(error))
        told = f"Falla del sistema: avise a quien lo administra y mencione la marca {mark}."
        outcome = _failed(job, by, told, again=True)
    with transaction(store.records) as session:
        if not jobs.end(session, job.job_id, outcome.state, outcome.answer, outcome.tells):
            return False
        if outcome.settle is not None:
            outcome.settle(session)
    if outcome.after is not None:
        outcome.after()
    return True


def actor_of(store: OpenStore, job: Job) -> Actor:
    """Return whom a job is for: the account that asked, from where and in which role it did, or the system."""
    with transaction(store.records) as session:
        account = session.get(Account, job.account_id) if job.account_id is not None else None
        if account is None:
            return SYSTEM
        return Actor(account.account_id, account.name, job.role or account.role, job.address or "")


def inbox_files(store: OpenStore) -> list[Path]:
    """Return what lies in the inbox, hidden files left out."""
    inbox = store.settings.inbox
    return sorted(path for path in inbox.rglob("*") if path.is_file() and not path.name.startswith("."))


class _MayNotError(Exception):
    """Whoever asked may no longer have it done; the message is for users."""


def _require_right(store: OpenStore, job: Job, by: Actor) -> None:
    """Refuse a job whose account was closed, or lost the right, after asking.

    Not one whose work was done already when it was cut off, nor an export, which asks for itself.
    """
    if by.account_id is None or (right := RIGHTS.get(job.work)) is None:
        return
    with transaction(store.records) as session:
        account = session.get_one(Account, by.account_id)
        if not account.disabled and may(Role(account.role), RIGHT, right):
            return
    if job.attempts > 1 and after_kill(store, job):
        return
    raise _MayNotError("La cuenta que lo pidió está cerrada o ya no tiene permiso: no se hizo nada.")


def _failed(
    job: Job, by: Actor, tells: str, result: Result = Result.FAILED, *, again: bool = False, reason: str | None = None
) -> Outcome:
    """Return how a job failed; ``again`` in its answer where the same may do at another time."""
    details = {"work": job.work} | ({"reason": reason} if reason else {})
    if again and job.work == "inbox" and job.asked.get("files"):
        tells = f"{tells} Los archivos de la carpeta de entrada se revisan otra vez dentro de una hora."

    def settle(session: Session) -> None:
        note(session, by, WORKS[job.work][1], f"job {job.job_id}", result, **details)

    return Outcome(tells, {AGAIN: True} if again else {}, jobs.State.FAILED, settle)


def _upload(store: OpenStore, job: Job, state: str) -> tuple[Upload, Path]:
    """Return the file that a job is about. UploadError when it is gone."""
    with transaction(store.records) as session:
        upload = session.get(Upload, int(job.asked["upload"]))
    if upload is None or upload.state != state:
        raise uploads.UploadError("El archivo ya no espera: se descartó o se cargó.", 404)
    path = uploads.path_of(store.settings, upload.upload_id)
    if not path.exists():
        raise uploads.UploadError("El archivo que esperaba ya no está en el servidor: vuelva a subirlo.", 404)
    return upload, path


def _check(store: OpenStore, job: Job, by: Actor, progress: Progress) -> Outcome:
    upload, path = _upload(store, job, "received")
    progress(f"revisando {upload.name}", None)
    if unpacks_beyond(path, uploads.MOST_UNPACKED_BYTES):
        reason = f"descomprimido pasa de {uploads.MOST_UNPACKED_BYTES // 1024**2} MB: envíelo por partes."
        return _judged(store, upload, by, {"refused": reason}, f"{upload.name}: no se acepta: {reason}", is_good=False)
    found = check(store.settings, [path], progress=progress, told=Told.of(upload.told))
    verdict = uploads.verdict_of(found, upload.name)
    (report,) = found.files
    is_good = report.state != "refused"
    if not is_good:
        verdict["refused"] = report.message.removeprefix(f"{report.name}: rechazado: ")
        tells = f"{upload.name}: no se acepta: {verdict['refused']}"
    else:
        report.name = upload.name
        tells = report_text(report)
    return _judged(store, upload, by, verdict, tells, is_good=is_good)


def _judged(
    store: OpenStore, upload: Upload, by: Actor, verdict: dict[str, Any], tells: str, *, is_good: bool
) -> Outcome:
    number = upload.upload_id

    def settle(session: Session) -> None:
        judged = session.get_one(Upload, number, populate_existing=True)
        if judged.state == "received":  # discarded meanwhile
            judged.state, judged.verdict = ("checked" if is_good else "refused"), verdict
            result = Result.DONE if is_good else Result.REFUSED
            counts = (verdict.get("files") or [{}])[0]
            note(
                session, by, Action.UPLOAD, f"upload {number}", result, change="checked", lines=counts.get("read"),
                quarantined=counts.get("quarantined"), reason=verdict.get("refused"),
            )  # fmt: skip

    def after() -> None:
        if not is_good:
            uploads.path_of(store.settings, number).unlink(missing_ok=True)

    return Outcome(tells, {"upload": number}, settle=settle, after=after)


def _load(store: OpenStore, job: Job, by: Actor, progress: Progress) -> Outcome:
    upload, path = _upload(store, job, "loading")
    number = upload.upload_id
    (report,) = pipeline.ingest(
        store, [path], progress=progress, by=by, names={path: upload.name}, job=job.job_id, told=Told.of(upload.told)
    )
    is_good = report.state != "refused"
    load = report.load if report.load is not None else report.known

    def settle(session: Session) -> None:
        loaded = session.get_one(Upload, number, populate_existing=True)
        loaded.state, loaded.loads = ("loaded", [load] if load is not None else []) if is_good else ("refused", None)
        if not is_good:
            loaded.verdict = (loaded.verdict or {}) | {"refused": report.message}

    answer = {"upload": number, "loads": [load] if load is not None else [], "files": [asdict(report)]}
    return Outcome(
        report_text(report), answer, jobs.State.DONE if is_good else jobs.State.FAILED, settle,
        lambda: path.unlink(missing_ok=True),
    )  # fmt: skip


def _inbox(store: OpenStore, job: Job, by: Actor, progress: Progress) -> Outcome:
    asked = job.asked.get("files")
    inbox = store.settings.inbox
    files = inbox_files(store) if asked is None else [inbox / name for name in asked]
    watched = [Path(name) for name in job.asked.get("watched", ())]
    files += [path for path in watched if is_followed(path, [each.absolute() for each in store.settings.watch])]
    there = [path for path in files if path.is_file()]
    undone = {path for path in there if pipeline.was_undone(store, path)}
    named = job.asked.get("databases", ())
    reports = pipeline.ingest(
        store, [path for path in there if path not in undone], progress=progress, by=by, job=job.job_id,
        databases=[each for each in store.settings.databases if each.name in named],
    )  # fmt: skip
    counts = {state: sum(report.state == state for report in reports) for state in ("published", "known", "refused")}
    lines = [report_text(report) for report in reports if report.state != "known"]
    lines += [f"{path.name}: se deshizo su carga; para cargarlo otra vez, envíelo o nómbrelo." for path in undone]
    if counts["known"] or not lines:
        lines.append(f"{counts['known']} sin novedad.")
    return Outcome("\n".join(lines), counts | {"undone": len(undone), "files": [asdict(report) for report in reports]})


def _undo(store: OpenStore, job: Job, by: Actor, progress: Progress) -> Outcome:
    load = int(job.asked["load"])
    told = [int(each) for each in job.asked.get("told", [load])]
    generation = pipeline.undo(store, load, by=by, told=told, progress=progress)
    left = len(generation.loads) if generation else 0
    answer = {"load": load, "generation": generation.number if generation else None, "loads": left}
    return Outcome(f"La carga {load} se deshizo. Cargas en servicio: {left}.", answer)


def _mapping(store: OpenStore, job: Job, by: Actor, progress: Progress) -> Outcome:
    what, text = str(job.asked["what"]), str(job.asked["text"])
    progress("aplicando la asignación", None)
    rules = mapping.take_in(store, what, text, name="asignación", by=by, shown=job.asked.get("shown"))
    return Outcome(mapping_text(rules), {"what": what, "rules": rules})


def _forget(store: OpenStore, job: Job, by: Actor, progress: Progress) -> Outcome:
    progress("borrando textos antiguos", None)
    pipeline.forget_texts(store, by=by, progress=progress)
    return Outcome("Se borraron los textos de filas observadas que cumplieron su plazo.")


def _backup(store: OpenStore, job: Job, by: Actor, progress: Progress) -> Outcome:
    from etl.safekeeping.backup import back_up

    if store.settings.backup is None:
        raise StoreError("No hay carpeta de respaldos: indíquela en CALLCENTER_BACKUP.")
    made = back_up(store, store.settings.backup, by=by, progress=progress)
    return Outcome(f"Respaldo hecho: {made.folder.name}.", {"folder": made.folder.name, "pieces": made.copied_pieces})


def _export(store: OpenStore, job: Job, by: Actor, progress: Progress) -> Outcome:
    from dashboard.work.making import make  # the pages, which no other work needs

    return make(store, job, by, progress)


#: Each work: what does it, and the action that the audit knows it by.
WORKS: dict[str, tuple[Callable[[OpenStore, Job, Actor, Progress], Outcome], Action]] = {
    "check": (_check, Action.UPLOAD),
    "load": (_load, Action.LOAD),
    "inbox": (_inbox, Action.LOAD),
    "undo": (_undo, Action.UNDO),
    "mapping": (_mapping, Action.MAPPING),
    "backup": (_backup, Action.BACKUP),
    "forget": (_forget, Action.LOAD),
    exports.WORK: (_export, Action.EXPORT),
}


def after_kill(store: OpenStore, job: Job) -> bool:
    """Leave nothing half-done of a job that is not run again; tell whether what it was to do is decided all the same.

    What it had landed would be completed by the next load, and might kill that one too. Raises AnotherLoadRuns.
    """
    if job.work in ("load", "inbox"):
        return pipeline.drop_landed(store, job.job_id)
    if job.work == exports.WORK:
        exports.draft_of(store.settings, job.job_id).unlink(missing_ok=True)
    if job.work == "undo":
        with transaction(store.records) as session:
            return pipeline.is_undone(session, int(job.asked["load"]))
    return False


def names(paths: Sequence[Path], folder: Path) -> list[str]:
    """Return paths as a job names them: from a folder on."""
    return [path.relative_to(folder).as_posix() for path in paths]
