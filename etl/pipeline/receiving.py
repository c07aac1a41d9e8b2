"""One file, or what is new in one database, landed: a report out, of a refusal too."""

from collections.abc import Callable
from pathlib import Path

from etl import landing
from etl.exports import Told
from etl.lines import Progress
from etl.pipeline.file_reports import FileReport, tell_landed
from etl.records.audit import Action, Result, note
from etl.records.engine import transaction
from etl.settings import Database
from etl.store import OpenStore, is_no_space, now


def land_file(store: OpenStore, path: Path, name: str, receiver: landing.Receiver, told: Told) -> FileReport:
    """Land a file, known to users by a name. Raises OSError where the disk is full."""
    return _landed(
        store, name, receiver, "file",
        lambda: landing.land(path, store.records, store.settings, name=name, now=now(), receiver=receiver, told=told),
    )  # fmt: skip


def land_pull(store: OpenStore, database: Database, receiver: landing.Receiver, progress: Progress) -> FileReport:
    """Land what is new in the tables of a database. Raises OSError where the disk is full, Cancelled."""
    progress(f"leyendo la base de datos {database.name}", None)
    return _landed(
        store, database.name, receiver, f"database {database.name}",
        lambda: landing.land_pull(
            database, store.records, store.settings, now=now(), progress=progress, receiver=receiver
        ),
    )  # fmt: skip


def _landed(
    store: OpenStore, name: str, receiver: landing.Receiver, what: str, land: Callable[[], landing.Landed]
) -> FileReport:
    report = FileReport(name=name)
    try:
        landed = land()
    except landing.Refused as refusal:
        report.state, report.message = "refused", f"{name}: rechazado: {refusal}"
        with transaction(store.records) as session:
            note(session, receiver.actor, Action.LOAD, what, Result.REFUSED, reason=str(refusal))
        return report
    except OSError as error:
        if is_no_space(error):
            raise
        report.state, report.message = "refused", f"{name}: no se pudo recibir: {error.strerror or error}"
        return report
    tell_landed(report, landed, "known")
    return report
