"""land -> read -> validate -> load -> build -> check -> publish; the only module that knows all of them."""

import shutil
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from etl import landing
from etl.build import Build, CheckError
from etl.draft import Draft
from etl.export_pieces import ExportPiece
from etl.exports import NOTHING_TOLD, Told
from etl.faults import reach
from etl.known_logs import holds_undone
from etl.lines import Cancelled, Piece, Progress, ReconciliationError, Tally, no_progress
from etl.pulls import UNDONE
from etl.records import site as sites
from etl.records.audit import SYSTEM, Action, Actor, Result, note
from etl.records.engine import transaction
from etl.records.jobs import State
from etl.records.models import Job, Load, LogFile
from etl.settings import ZONE_OFFSET_SECONDS, Database, Settings
from etl.sources import QUEUE_LOG
from etl.sources.exports import EXPORTS
from etl.store import OpenStore, StoreError, full_disk_told, is_no_space, now, warehouse_lock
from etl.warehouse import (
    CURRENT,
    DamagedError,
    Generation,
    WarehouseError,
    files_in_service,
    next_number,
    open_generation,
    publish,
    read_current,
    remove_unused,
    set_stray_logs_aside,
    sync_folder,
)

_CANCELLED = "la carga se canceló antes de publicarse"
_FAILED = "la carga falló antes de publicarse"


class UndoError(StoreError):
    """A load cannot be taken out; the message says why."""


@dataclass
class FileReport:
    """What became of one file: line counts, seconds, and a message where it was refused or held nothing new.

    ``known`` is the load that already holds a file without anything new.
    """

    name: str
    source: str = "queue_log"
    state: str = "published"
    read: int = 0
    loaded: int = 0
    duplicates: int = 0
    quarantined: int = 0
    blank: int = 0
    held: int = 0
    seconds: float = 0.0
    message: str = ""
    load: int | None = None
    known: int | None = None
    generation: int | None = None


def ingest(
    store: OpenStore,
    paths: Sequence[Path],
    *,
    progress: Progress = no_progress,
    by: Actor = SYSTEM,
    names: Mapping[Path, str] | None = None,
    databases: Sequence[Database] = (),
    job: int | None = None,
    told: Told = NOTHING_TOLD,
) -> list[FileReport]:
    """Load files, and what is new in databases' tables: land each, then build and publish one generation with all.

    A file that is refused leaves the others and yesterday's figures untouched. What an interrupted load had landed is
    completed first. ``names`` are what users know files by that lie under another name; ``told`` is what the sender
    says of exported totals that do not say it themselves. Raises AnotherLoadRuns,
    CheckError, ReconciliationError, WarehouseError; Cancelled from the progress, then none of the files is loaded.
    Neither is any where another error ends what the worker does for a ``job``: its files are still there, and whether
    they are loaded again is decided there.
    """
    with full_disk_told(store.settings), warehouse_lock(store.settings):
        reports: list[FileReport] = []
        try:
            recover(store, progress=progress)
            _apply_site(store, progress)
            for path in paths:
                started = time.perf_counter()
                name = (names or {}).get(path, path.name)
                progress(f"recibiendo {name}", None)
                report = _land(store, path, name, landing.Receiver(by, job), told)
                report.seconds = time.perf_counter() - started
                reports.append(report)
            for database in databases:
                started = time.perf_counter()
                report = _land_pull(store, database, landing.Receiver(by, job), progress)
                report.seconds = time.perf_counter() - started
                reports.append(report)
            by_load = {report.load: report for report in reports if report.load is not None}
            _publish_landed(store, progress, by_load, by=by)
        except Exception as error:
            landed = [report.load for report in reports if report.load is not None]
            if isinstance(error, Cancelled):
                _refuse_landed(store, landed, _CANCELLED, by)
            elif job is not None:
                with suppress(DBAPIError):  # on a full disk: then the next load finds what an ended job left
                    _refuse_landed(store, landed, _FAILED, by)
            raise
        return reports


def recover(store: OpenStore, *, progress: Progress = no_progress) -> None:
    """Bring the manifest and CURRENT in line with each other.

    What is in service is published, what is not is landed and run again; a load in service that the manifest refuses
    was being undone, and that is completed.
    """
    current = read_current(store.settings.warehouse)
    _clear_builds(store.settings)
    in_service = set(current.loads) if current else set()
    _refuse_abandoned(store, in_service)
    with transaction(store.records) as session:
        states = {load_id: state for load_id, state in session.execute(select(Load.load_id, Load.state))}
        known = [load_id for load_id in in_service if states.get(load_id) == "landed"]
        if known and current is not None:
            for load_id, counts in _counts_in_service(store.settings, known).items():
                load = session.get_one(Load, load_id)
                _mark_published(load, current.number, *counts)
                _note_load(session, _landed_by(load) or SYSTEM, load)
        for load_id, state in states.items():
            if state == "published" and load_id not in in_service:  # the warehouse was lost, or is an older one
                session.get_one(Load, load_id).state = "landed"
    if missing := in_service - set(states):
        raise WarehouseError(
            f"La base de cifras contiene cargas que el manifiesto no conoce ({', '.join(map(str, sorted(missing)))}): "
            "restaure los registros. Si se perdieron, «callcenter rebuild» arma las cifras sin esas cargas."
        )
    if any(states[load_id] == "refused" for load_id in in_service):
        current = _serve_without(store, progress, frozenset())
    if current is not None:
        set_stray_logs_aside(store.settings.warehouse, current)
        remove_unused(store.settings.warehouse, current, older_than_seconds=store.settings.keep_generations_seconds)


def is_unfinished(store: OpenStore) -> bool:
    """Tell whether a load or an undo was cut off: the next load completes it, and so does one of no files."""
    current = read_current(store.settings.warehouse)
    in_service = set(current.loads) if current else set()
    with transaction(store.records) as session:
        states = session.execute(select(Load.load_id, Load.state))
        return any(state == "landed" or (state == "published") != (load in in_service) for load, state in states)


def rebuild(store: OpenStore, *, progress: Progress = no_progress, by: Actor = SYSTEM) -> Generation | None:
    """Build the warehouse anew from the raw store and the records: every month dirty, the same SQL.

    What is in service is not asked: a damaged CURRENT, and loads that the manifest does not know, end here.
    """
    with full_disk_told(store.settings), warehouse_lock(store.settings):
        _clear_builds(store.settings)
        with suppress(WarehouseError):  # a damaged CURRENT ends here
            current = read_current(store.settings.warehouse)
            _refuse_abandoned(store, set(current.loads) if current else set())
        generation = _publish_landed(store, progress, {}, anew=True, by=by)
        if generation is not None:
            keep = store.settings.keep_generations_seconds
            remove_unused(store.settings.warehouse, generation, older_than_seconds=keep)
            with transaction(store.records) as session:
                note(session, by, Action.LOAD, "rebuild", generation=generation.number, loads=len(generation.loads))
        return generation


def remap(
    store: OpenStore, *, progress: Progress = no_progress, decide: Callable[[], None] | None = None
) -> Generation | None:
    """Apply the site's mappings and parameters as they are now to the figures in service.

    `decide` may change them before: it is called when nothing else can stand in the way. Raises AnotherLoadRuns.
    """
    with full_disk_told(store.settings), warehouse_lock(store.settings):
        recover(store, progress=progress)
        if decide is not None:
            decide()
        return _apply_site(store, progress)


def texts_are_due(store: OpenStore) -> bool:
    """Tell whether lines set aside are so old that their text is to be forgotten, and still have it."""
    current = read_current(store.settings.warehouse)
    if current is None:
        return False
    kept = timedelta(days=store.settings.keep_set_aside_days)
    # Every build forgets what is due when it begins: only what became due since can be there still.
    since = datetime.fromisoformat(current.made_at) - kept
    with transaction(store.records) as session:
        due = select(Load.load_id).where(
            Load.state == "published", Load.quarantined > 0, Load.landed_at > since, Load.landed_at <= now() - kept
        )
        return session.scalar(due.limit(1)) is not None


def forget_texts(store: OpenStore, *, progress: Progress = no_progress, by: Actor = SYSTEM) -> None:
    """Put the same figures into service again without the text of lines set aside long ago, if there is any."""
    with full_disk_told(store.settings), warehouse_lock(store.settings):
        recover(store, progress=progress)
        current = read_current(store.settings.warehouse)
        if current is None or not texts_are_due(store):
            return
        build = _new_build(store, current)
        try:
            built, generation = build.finish(code=code_version(), made_at=now().isoformat())
            publish(store.settings.warehouse, built, generation)
        finally:
            build.close()
        with transaction(store.records) as session:
            note(session, by, Action.LOAD, "lines set aside", generation=generation.number, change="forgotten")


@dataclass(frozen=True)
class Undoable:
    """A load as whoever may undo it knows it: its file, and its lines there."""

    load: int
    name: str
    first_line: int
    lines: int


def loads_undone_with(session: Session, load_id: int) -> list[Undoable]:
    """Tell which loads go when one is undone: itself, and the later pieces of the same file. Raises UndoError."""
    load = session.get(Load, load_id)
    if load is None:
        raise UndoError(f"No existe la carga {load_id}: vea los números con «callcenter load list».")
    if load.state == "refused":
        raise UndoError(f"La carga {load_id} no está en servicio: {load.refusal or 'fue rechazada'}.")
    later = select(Load, LogFile.name).join(LogFile, LogFile.file_id == Load.file_id)
    later = later.where(Load.file_id == load.file_id, Load.first_byte >= load.first_byte, Load.state != "refused")
    return [
        Undoable(going.load_id, name, going.first_line, going.lines)
        for going, name in session.execute(later.order_by(Load.first_byte))
    ]


def is_undone(session: Session, load_id: int) -> bool:
    """Tell whether the manifest says that a load was in service and was taken out again."""
    load = session.get(Load, load_id)
    return load is not None and load.state == "refused" and (load.refusal or "").startswith(UNDONE)


def was_undone(session: Session, path: Path) -> bool:
    """Tell whether a file holds, in the same place, a piece that was undone and was not loaded again since.

    Such a file is loaded when somebody names it, and not because it still lies in the inbox.
    """
    undone = select(Load, LogFile).join(LogFile, LogFile.file_id == Load.file_id)
    undone = undone.where(Load.state == "refused", Load.refusal.startswith(UNDONE))
    rows = [(load, log) for load, log in session.execute(undone)]
    return bool(rows) and holds_undone(session, path, rows)


def undo(
    store: OpenStore, load_id: int, *, by: Actor, told: Sequence[int] | None = None, progress: Progress = no_progress
) -> Generation | None:
    """Take a load, and the later pieces of its file, out again: figures are as if it had never been loaded.

    `told` are the loads that whoever asked was told of, in their order: where others would go now, none does.

    Everything that remains is built anew, privately; then the manifest says ``refused``, with the entry of the audit;
    then the new generation is put into service (None where nothing remains). Killed before the manifest's change,
    nothing has happened; killed after it, the next load or undo completes it. Undoing again what is undone does
    nothing. The bytes stay in the raw store, and the same file can be loaded again. Raises UndoError, AnotherLoadRuns,
    and what a rebuild raises.
    """
    with full_disk_told(store.settings), warehouse_lock(store.settings):
        recover(store, progress=progress)
        with transaction(store.records) as session:
            if is_undone(session, load_id):
                return read_current(store.settings.warehouse)
            going = [each.load for each in loads_undone_with(session, load_id)]
        if told is not None and going != list(told):
            raise UndoError(
                f"Mientras tanto cambió qué cargas se deshacen con la {load_id} (ahora {', '.join(map(str, going))}): "
                "no se deshizo nada. Revíselas y pídalo otra vez."
            )

        def decide() -> None:
            with transaction(store.records) as session:
                loads = [session.get_one(Load, each) for each in going]
                day = now() + timedelta(seconds=ZONE_OFFSET_SECONDS)
                for load in loads:
                    load.state, load.refusal = "refused", f"{UNDONE}{day:%d/%m/%Y} por {by.name}"
                note(
                    session, by, Action.UNDO, f"load {load_id}",
                    loads=" ".join(map(str, going)), lines=sum(load.lines for load in loads),
                )  # fmt: skip

        return _serve_without(store, progress, frozenset(going), decide)


def drop_landed(store: OpenStore, job: int) -> bool:
    """Refuse what a job landed and is not in service, for a load that was stopped by force.

    Tells whether something that it landed is in service all the same. Raises AnotherLoadRuns.
    """
    with warehouse_lock(store.settings):
        recover(store)
        with transaction(store.records) as session:
            landed = session.execute(select(Load.load_id, Load.state).where(Load.job_id == job)).all()
        _refuse_landed(store, [load for load, state in landed if state == "landed"], _CANCELLED, SYSTEM)
        return any(state == "published" for _, state in landed)


def _serve_without(
    store: OpenStore, progress: Progress, without: frozenset[int], decide: Callable[[], None] | None = None
) -> Generation | None:
    """Put everything but some loads into service, built anew; `decide` is called when it is ready and not seen yet."""
    with transaction(store.records) as session:
        remaining = select(Load.load_id).where(Load.state != "refused", Load.load_id.not_in(without))
        nothing = session.scalar(remaining.limit(1)) is None
    if not nothing:
        return _publish_landed(store, progress, {}, anew=True, without=without, decide=decide)
    if decide is not None:
        decide()
    reach("before_current")
    (store.settings.warehouse / CURRENT).unlink(missing_ok=True)
    sync_folder(store.settings.warehouse)
    reach("after_current")
    return None


def _apply_site(store: OpenStore, progress: Progress) -> Generation | None:
    """Bring the generation in service in line with the site: lines from visits; other parameters need a rebuild."""
    current = read_current(store.settings.warehouse)
    site = store.site()
    if current is None:
        return None
    if current.rules != site.build_rules:
        return _publish_landed(store, progress, {}, anew=True)
    if current.mapping == site.mapping_digest:
        return current
    build = _new_build(store, current)
    try:
        build.remap()
        built, generation = build.finish(code=code_version(), made_at=now().isoformat())
        publish(store.settings.warehouse, built, generation)
    finally:
        build.close()
    return generation


def _land(store: OpenStore, path: Path, name: str, receiver: landing.Receiver, told: Told) -> FileReport:
    return _landed(
        store, name, receiver, "file",
        lambda: landing.land(path, store.records, store.settings, name=name, now=now(), receiver=receiver, told=told),
    )  # fmt: skip


def _land_pull(store: OpenStore, database: Database, receiver: landing.Receiver, progress: Progress) -> FileReport:
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


def tell_landed(report: FileReport, landed: landing.Landed, nothing_new: str) -> None:
    """Say in a report what landing led to."""
    report.read, report.held, report.load = landed.lines, landed.held, landed.load
    report.source, report.name = landed.source, landed.name or report.name
    report.message = "; ".join(landed.notes)
    if landed.load is None:
        report.state, report.known = nothing_new, landed.known
        report.duplicates = landed.lines
        if landed.source == QUEUE_LOG.name:
            report.message = "sin líneas nuevas" if landed.lines else "solo una línea sin terminar: se retiene"
        else:
            report.message = "sin filas nuevas" if landed.source != EXPORTS.name else "ya estaba cargado"


def _publish_landed(
    store: OpenStore,
    progress: Progress,
    reports: dict[int, FileReport],
    *,
    anew: bool = False,
    by: Actor = SYSTEM,
    without: frozenset[int] = frozenset(),
    decide: Callable[[], None] | None = None,
) -> Generation | None:
    """Load what is landed, or everything `anew`, in rounds that fit the memory, and publish them together at the end.

    What rounds add is what one would: nothing is seen of any before all are there. The loads `without` are as if they
    were not there; `decide` is called before all is seen.
    """
    try:
        current = read_current(store.settings.warehouse)
    except DamagedError:
        if not anew:
            raise
        current = None
    with transaction(store.records) as session:
        states = ("landed", "published") if anew else ("landed",)
        wanted = select(Load).where(Load.state.in_(states), Load.load_id.not_in(without))
        todo = landing.pieces(session, store.settings, list(session.scalars(wanted)), without)
    rounds = _rounds(todo, store.settings.round_lines)
    tallies: list[Tally] = []
    passing: list[Path] = []
    try:
        for number, part in enumerate(rounds, start=1):
            told = {piece.load: reports[piece.load] for piece in part if piece.load in reports}
            last = number == len(rounds)
            built, current, counted = _build_round(
                store, progress, told, part, current, anew=anew and number == 1, without=without
            )
            tallies += counted
            passing += [store.settings.warehouse / path.name for path in built]
            try:
                if last:
                    progress("publicando", 1.0)
                    if decide is not None:
                        decide()
                publish(store.settings.warehouse, built, current, in_service=last)
            finally:
                shutil.rmtree(_build_folder(store, current.number), ignore_errors=True)
    except _Refused as refused:
        if anew:
            raise ReconciliationError(refused.reason) from refused
        for load_id, reason in _refuse(store, refused.load, refused.reason, by).items():
            if (report := reports.pop(load_id, None)) is not None:
                report.state, report.message, report.load, report.generation = "refused", reason, None, None
                report.loaded = report.duplicates = report.quarantined = report.blank = 0
    except CheckError as error:
        if _refuse_landed(store, [piece.load for piece in todo], str(error), by):
            raise CheckError(f"{error} Los archivos de esta carga quedan rechazados.") from error
        raise
    else:
        if current is not None and rounds:
            reach("before_manifest")
            _mark_tallies(store, tallies, current, by)
            _settle_reports(store.settings, reports, current, several=len(rounds) > 1)
        return current
    finally:
        _drop_passing(store.settings, passing)
    return _publish_landed(store, progress, reports, by=by)


def _settle_reports(
    settings: Settings, reports: dict[int, FileReport], generation: Generation, *, several: bool
) -> None:
    """Say of each file which generation has it; a later round may have placed lines that an earlier one could not."""
    for report in reports.values():
        report.generation = generation.number
    if several and reports:
        _, connection = open_generation(settings.warehouse)
        try:
            for load, loaded, duplicates, quarantined in connection.execute(
                "SELECT load, loaded, duplicates, quarantined FROM meta.loads"
            ).fetchall():
                if load in reports:
                    reports[load].loaded, reports[load].quarantined = loaded, quarantined
                    reports[load].duplicates = duplicates
        finally:
            connection.close()


def _drop_passing(settings: Settings, built: Sequence[Path]) -> None:
    """Delete the segments that only a round on the way needed, or one of a load that failed: none was in service."""
    named = files_in_service(settings.warehouse)
    for path in built:
        if path.name not in named:
            path.unlink(missing_ok=True)


class _Refused(Exception):
    """The lines of a piece do not add up: which load, and why."""

    def __init__(self, load: int, reason: str) -> None:
        super().__init__(reason)
        self.load, self.reason = load, reason


def _rounds(todo: Sequence[Piece | ExportPiece], most_lines: int) -> list[list[Piece | ExportPiece]]:
    """Split pieces, in their order, so that no round but of one piece has more lines."""
    rounds: list[list[Piece | ExportPiece]] = []
    lines = 0
    for piece in todo:
        if not rounds or lines + piece.lines > most_lines:
            rounds.append([])
            lines = 0
        rounds[-1].append(piece)
        lines += piece.lines
    return rounds


def _build_round(
    store: OpenStore,
    progress: Progress,
    reports: dict[int, FileReport],
    todo: Sequence[Piece | ExportPiece],
    current: Generation | None,
    *,
    anew: bool,
    without: frozenset[int],
) -> tuple[list[Path], Generation, list[Tally]]:
    """Build a generation of the one before and some pieces; return its files, what names them, what became of lines.

    Raises _Refused for a piece whose lines do not add up, CheckError.
    """
    build = _new_build(store, current, anew=anew, without=without, progress=progress)
    try:
        for piece in todo:
            started = time.perf_counter()
            report = reports.get(piece.load)
            try:
                tally = build.add(piece)
            except ReconciliationError as error:
                raise _Refused(piece.load, str(error)) from error
            if report is not None:
                report.loaded, report.duplicates = tally.loaded, tally.duplicates
                report.quarantined, report.blank = tally.quarantined, tally.blank
                report.seconds += time.perf_counter() - started
        progress("armando ingresos a cola y llamadas", 1.0)
        build.build_visits()
        for report in reports.values():
            move_strays(build, report)
        built, generation = build.finish(code=code_version(), made_at=now().isoformat())
    except BaseException:
        build.close()
        raise
    build.draft.connection.close()
    return built, generation, build.tallies


def _mark_tallies(store: OpenStore, tallies: Sequence[Tally], generation: Generation, by: Actor) -> None:
    with transaction(store.records) as session:
        for tally in tallies:
            load = session.get_one(Load, tally.load)
            is_new = load.state != "published"
            _mark_published(load, generation.number, tally.loaded, tally.duplicates, tally.quarantined, tally.blank)
            if is_new:
                _note_load(session, _landed_by(load) or by, load)


def _landed_by(load: Load) -> Actor | None:
    """Return who received a piece, who need not be who completes its load; None where that was not kept yet."""
    return Actor(**load.landed_by) if load.landed_by else None


def _note_load(session: Session, by: Actor, load: Load, result: Result = Result.DONE) -> None:
    note(
        session, by, Action.LOAD, f"load {load.load_id}", result, lines=load.lines, loaded=load.loaded,
        duplicates=load.duplicates, quarantined=load.quarantined,
    )  # fmt: skip


def _refuse(store: OpenStore, load_id: int, reason: str, by: Actor) -> dict[int, str]:
    """Refuse a landed piece, and what was landed after it of the same file: all of that is received again later."""
    with transaction(store.records) as session:
        piece = session.get_one(Load, load_id)
        later = select(Load).where(
            Load.file_id == piece.file_id, Load.state == "landed", Load.first_byte >= piece.first_byte
        )
        refused = list(session.scalars(later))
        for load in refused:
            load.state, load.refusal = "refused", reason
            _note_load(session, by, load, Result.REFUSED)
        return {load.load_id: reason for load in refused}


def _refuse_abandoned(store: OpenStore, in_service: Collection[int]) -> None:
    """Refuse what a job landed that has ended without putting it into service: nobody waits for it any more."""
    with transaction(store.records) as session:
        left = select(Load.load_id).join(Job, Job.job_id == Load.job_id)
        left = left.where(
            Load.state == "landed", Load.published_at.is_(None), Job.state.in_((State.FAILED, State.CANCELLED))
        )
        abandoned = [load for load in session.scalars(left) if load not in in_service]
    if abandoned:
        _refuse_landed(store, abandoned, _FAILED, SYSTEM)


def _refuse_landed(store: OpenStore, loads: Sequence[int], reason: str, by: Actor) -> int:
    """Refuse the landed pieces of a build whose check failed, lest they stop every later load; return how many."""
    with transaction(store.records) as session:
        landed = list(session.scalars(select(Load).where(Load.load_id.in_(loads), Load.state == "landed")))
        for load in landed:
            load.state, load.refusal = "refused", reason
            _note_load(session, by, load, Result.REFUSED)
        return len(landed)


def move_strays(build: Build, report: FileReport) -> None:
    """Count in a report what was set aside, or laid aside for a better source, after its lines were loaded."""
    strays, overlaid = build.calls.strays_of(report.load or 0), build.overlaps.laid_aside[report.load or 0]
    report.loaded -= strays + overlaid
    report.quarantined += strays
    report.duplicates += overlaid


def _new_build(
    store: OpenStore,
    current: Generation | None,
    *,
    anew: bool = False,
    without: Collection[int] = (),
    progress: Progress = no_progress,
) -> Build:
    with transaction(store.records) as session:
        wanted = select(Load.load_id, Load.file_id).join(LogFile, LogFile.file_id == Load.file_id)
        wanted = wanted.where(Load.state != "refused", Load.load_id.not_in(without), LogFile.source != EXPORTS.name)
        load_files = {load_id: file_id for load_id, file_id in session.execute(wanted)}
        before = now() - timedelta(days=store.settings.keep_set_aside_days)
        forgotten = frozenset(session.scalars(select(Load.load_id).where(Load.landed_at <= before)))
        files, site = landing.file_infos(session, without), sites.read_site(session)
    number = next_number(store.settings.warehouse, current)
    draft = Draft(
        settings=store.settings, site=site, key=store.key, folder=_build_folder(store, number), current=current,
        number=number, files=files, load_files=load_files, anew=anew, forgotten=forgotten,
    )  # fmt: skip
    return Build(draft, progress)


def _build_folder(store: OpenStore, number: int) -> Path:
    return store.settings.warehouse / f".build-{number}"


def _mark_published(load: Load, generation: int, loaded: int, duplicates: int, quarantined: int, blank: int) -> None:
    load.state, load.generation, load.published_at = "published", generation, now()
    load.loaded, load.duplicates, load.quarantined, load.blank = loaded, duplicates, quarantined, blank


def _counts_in_service(settings: Settings, loads: Sequence[int]) -> dict[int, tuple[int, int, int, int]]:
    _, connection = open_generation(settings.warehouse)
    try:
        rows = connection.execute(
            # As read, like the tallies: the view has moved the strays.
            "SELECT load, loaded, duplicates, quarantined, blank FROM loads_all.meta.loads "
            f"WHERE load IN ({', '.join(map(str, loads))})"
        ).fetchall()
    finally:
        connection.close()
    return {row[0]: tuple(row[1:]) for row in rows}


def _clear_builds(settings: Settings) -> None:
    """Delete what a killed build left behind; called under the lock."""
    for folder in settings.warehouse.glob(".build-*"):
        shutil.rmtree(folder, ignore_errors=True)
    for draft in (*settings.raw.glob(".draft-*"), *settings.warehouse.glob(f".{CURRENT}.*")):
        draft.unlink(missing_ok=True)


def code_version() -> str:
    """Return the version of the product that runs."""
    try:
        return version("comteco-callcenter")
    except PackageNotFoundError:
        return "0"
