"""land -> read -> validate -> load -> build -> check -> publish; the only module that knows all of them."""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout
from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from etl import landing
from etl.build import Build, CheckError
from etl.draft import Draft
from etl.faults import reach
from etl.lines import Piece, Progress, ReconciliationError, Tally, no_progress
from etl.pseudonyms import read_key
from etl.records import site as sites
from etl.records.engine import open_records, transaction
from etl.records.models import Load, Store
from etl.settings import Settings
from etl.warehouse import (
    CURRENT,
    DamagedError,
    Generation,
    WarehouseError,
    next_number,
    open_generation,
    publish,
    read_current,
    remove_unused,
    set_stray_logs_aside,
)

SITE, DEMO = "site", "demo"
#: What the system, DuckDB and SQLite say when a disk, a quota or the size of a file is at its limit.
_NO_SPACE = ("no space left", "disk is full", "quota exceeded", "file too large")


class StoreError(Exception):
    """The store is not one that this command may touch; the message says which and what to do."""


class AnotherLoadRuns(Exception):
    """Another process holds the warehouse's lock; the message says which and since when."""


@dataclass
class FileReport:
    """What became of one file: line counts, seconds, and a message where it was refused or held nothing new."""

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
    generation: int | None = None


@dataclass
class OpenStore:
    """An open store: its settings, its records, its kind (site or demo) and the key of its pseudonyms."""

    settings: Settings
    records: Engine
    kind: str
    key: bytes = field(repr=False)

    def site(self) -> sites.Site:
        """Read the site's mappings and parameters."""
        with transaction(self.records) as session:
            return sites.read_site(session)


def open_store(settings: Settings, *, kind: str = SITE, create: bool = True) -> OpenStore:
    """Open a store, creating a plain one where there is none.

    Raises StoreError when the folder holds a store of the other kind, or none and ``create`` is false.
    """
    if not create and not settings.records_url and not (settings.data / "records.sqlite").exists():
        raise StoreError(f"En {settings.data} no hay un almacén: cargue primero un registro con «callcenter ingest».")
    settings.data.mkdir(parents=True, exist_ok=True)
    records = open_records(settings.database_url)
    with transaction(records) as session:
        store = session.scalar(select(Store).limit(1))
        if store is None:
            store = Store(store_id=1, kind=kind, created_at=_now())
            session.add(store)
            sites.seed(session)
        found = store.kind
    if found != kind:
        shown = {SITE: "de un sitio", DEMO: "de demostración (DATOS DE MUESTRA)"}
        raise StoreError(
            f"El almacén de {settings.data} es {shown[found]} y esta orden trabaja con uno {shown[kind]}: "
            "indique otra carpeta con --data."
        )
    return OpenStore(settings, records, kind, store_key(settings))


def store_key(settings: Settings) -> bytes:
    """Read the key of the store, made at first use. With another one, what is known would be counted twice."""
    path = settings.data / "pseudonyms.key"
    remedy = "restáurelo de un respaldo; si se perdió, borre la carpeta warehouse y ejecute «callcenter rebuild»."
    if not path.exists() and (settings.warehouse / CURRENT).exists():
        raise StoreError(f"Falta {path}, con el que se hicieron las cifras en servicio: {remedy}")
    try:
        return read_key(path)
    except ValueError as error:
        raise StoreError(f"{path} está dañado: {remedy}") from error


def store_kind(settings: Settings) -> str | None:
    """Return the kind of the store in the folder, None where there is none."""
    if not settings.records_url and not (settings.data / "records.sqlite").exists():
        return None
    records = open_records(settings.database_url)
    try:
        with transaction(records) as session:
            store = session.scalar(select(Store).limit(1))
            return store.kind if store else None
    finally:
        records.dispose()


@contextmanager
def warehouse_lock(settings: Settings) -> Iterator[None]:
    """Hold the one lock of the warehouse (freed by the kernel when a process dies). Raises AnotherLoadRuns."""
    settings.warehouse.mkdir(parents=True, exist_ok=True)
    note = settings.warehouse / ".lock-holder"
    lock = FileLock(settings.warehouse / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        holder = note.read_text(encoding="utf-8") if note.exists() else "otro proceso"
        raise AnotherLoadRuns(f"Otra carga está en curso ({holder}): espere a que termine.") from None
    try:
        note.write_text(f"proceso {os.getpid()}, desde {_now():%d/%m/%Y %H:%M:%S} UTC", encoding="utf-8")
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


@contextmanager
def _full_disk_told(settings: Settings) -> Iterator[None]:
    """Say what a full disk means for whoever runs a load. Raises WarehouseError."""
    try:
        yield
    except (OSError, duckdb.Error, DBAPIError) as error:
        if not _is_no_space(error):
            raise
        raise WarehouseError(
            f"No hay espacio en el disco de {settings.data}: las cifras anteriores siguen en servicio. "
            "Libere espacio y repita la carga; lo que ya se había recibido se completa solo."
        ) from error


def _is_no_space(error: Exception) -> bool:
    return any(sign in str(error).lower() for sign in _NO_SPACE)


def ingest(store: OpenStore, paths: Sequence[Path], *, progress: Progress = no_progress) -> list[FileReport]:
    """Load files into the warehouse: land each, then build and publish one generation with all of them.

    A file that is refused leaves the others and yesterday's figures untouched. What an interrupted load had landed is
    completed first. Raises AnotherLoadRuns, CheckError, ReconciliationError, WarehouseError.
    """
    with _full_disk_told(store.settings), warehouse_lock(store.settings):
        recover(store)
        _apply_site(store, progress)
        reports = []
        for path in paths:
            started = time.perf_counter()
            progress(f"recibiendo {path.name}", None)
            report = _land(store, path)
            report.seconds = time.perf_counter() - started
            reports.append(report)
        _publish_landed(store, progress, {report.load: report for report in reports if report.load is not None})
        return reports


def recover(store: OpenStore) -> None:
    """Bring the manifest in line with CURRENT: what is in service is published, all else is landed and run again."""
    current = read_current(store.settings.warehouse)
    _clear_builds(store.settings)
    in_service = set(current.loads) if current else set()
    with transaction(store.records) as session:
        found = session.execute(select(Load.load_id, Load.state).where(Load.state != "refused"))
        states = {load_id: state for load_id, state in found}
        known = [load_id for load_id in in_service if states.get(load_id) == "landed"]
        if known and current is not None:
            for load_id, counts in _counts_in_service(store.settings, known).items():
                _mark_published(session.get_one(Load, load_id), current.number, *counts)
        for load_id, state in states.items():
            if state == "published" and load_id not in in_service:  # the warehouse was lost, or is an older one
                session.get_one(Load, load_id).state = "landed"
    if missing := in_service - set(states):
        raise WarehouseError(
            f"La base de cifras contiene cargas que el manifiesto no conoce ({', '.join(map(str, sorted(missing)))}): "
            "restaure los registros. Si se perdieron, «callcenter rebuild» arma las cifras sin esas cargas."
        )
    if current is not None:
        set_stray_logs_aside(store.settings.warehouse, current)
        remove_unused(store.settings.warehouse, current, older_than_seconds=store.settings.keep_generations_seconds)


def rebuild(store: OpenStore, *, progress: Progress = no_progress) -> Generation | None:
    """Build the warehouse anew from the raw store and the records: every month dirty, the same SQL.

    What is in service is not asked: a damaged CURRENT, and loads that the manifest does not know, end here.
    """
    with _full_disk_told(store.settings), warehouse_lock(store.settings):
        _clear_builds(store.settings)
        generation = _publish_landed(store, progress, {}, anew=True)
        if generation is not None:
            keep = store.settings.keep_generations_seconds
            remove_unused(store.settings.warehouse, generation, older_than_seconds=keep)
        return generation


def remap(store: OpenStore, *, progress: Progress = no_progress) -> Generation | None:
    """Apply the site's mappings and parameters as they are now to the figures in service."""
    with _full_disk_told(store.settings), warehouse_lock(store.settings):
        recover(store)
        return _apply_site(store, progress)


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
    with transaction(store.records) as session:
        build = _new_build(store, session, current)
    try:
        build.remap()
        built, generation = build.finish(code=code_version(), made_at=_now().isoformat())
        publish(store.settings.warehouse, built, generation)
    finally:
        build.close()
    return generation


def _land(store: OpenStore, path: Path) -> FileReport:
    report = FileReport(name=path.name)
    try:
        with transaction(store.records) as session:
            landed = landing.land(path, session, store.settings, name=path.name, now=_now())
    except landing.Refused as refusal:
        report.state, report.message = "refused", f"{path.name}: rechazado: {refusal}"
        return report
    except OSError as error:
        if _is_no_space(error):
            raise
        report.state, report.message = "refused", f"{path.name}: no se pudo recibir: {error.strerror or error}"
        return report
    report.read = landed.lines
    report.held = landed.held
    report.load = landed.load
    if landed.load is None:
        report.state = "known"
        report.duplicates = landed.lines
        report.message = "sin líneas nuevas" if landed.lines else "solo una línea sin terminar: se retiene"
    return report


def _publish_landed(
    store: OpenStore, progress: Progress, reports: dict[int, FileReport], *, anew: bool = False
) -> Generation | None:
    """Load what is landed, or everything `anew`, in rounds that fit the memory, and publish them together at the end.

    What rounds add is what one would: nothing is seen of any before all are there.
    """
    try:
        current = read_current(store.settings.warehouse)
    except DamagedError:
        if not anew:
            raise
        current = None
    with transaction(store.records) as session:
        states = ("landed", "published") if anew else ("landed",)
        loads = list(session.scalars(select(Load).where(Load.state.in_(states))))
        todo = landing.pieces(session, store.settings, loads)
    rounds = _rounds(todo, store.settings.round_lines)
    tallies: list[Tally] = []
    passing: list[Path] = []
    for number, part in enumerate(rounds, start=1):
        told = {piece.load: reports[piece.load] for piece in part if piece.load in reports}
        last = number == len(rounds)
        try:
            built, current, counted = _build_round(store, progress, told, part, current, anew=anew and number == 1)
        except _Refused as refused:
            if anew:
                raise ReconciliationError(refused.reason) from refused
            for load_id, reason in _refuse(store, refused.load, refused.reason).items():
                if (report := reports.pop(load_id, None)) is not None:
                    report.state, report.message, report.load, report.generation = "refused", reason, None, None
                    report.loaded = report.duplicates = report.quarantined = report.blank = 0
            return _publish_landed(store, progress, reports)
        except CheckError as error:
            if _refuse_landed(store, [piece.load for piece in todo], str(error)):
                raise CheckError(f"{error} Los archivos de esta carga quedan rechazados.") from error
            raise
        tallies += counted
        if last:
            progress("publicando", 1.0)
        try:
            publish(store.settings.warehouse, built, current, in_service=last)
        finally:
            shutil.rmtree(_build_folder(store, current.number), ignore_errors=True)
        if not last:
            passing += [store.settings.warehouse / path.name for path in built]
    if current is not None and rounds:
        reach("before_manifest")
        _mark_tallies(store, tallies, current)
        _settle_reports(store.settings, reports, current, several=len(rounds) > 1)
        _drop_passing(passing, current)
    return current


def _settle_reports(
    settings: Settings, reports: dict[int, FileReport], generation: Generation, *, several: bool
) -> None:
    """Say of each file which generation has it; a later round may have placed lines that an earlier one could not."""
    for report in reports.values():
        report.generation = generation.number
    if several and reports:
        _, connection = open_generation(settings.warehouse)
        try:
            for load, loaded, quarantined in connection.execute(
                "SELECT load, loaded, quarantined FROM meta.loads"
            ).fetchall():
                if load in reports:
                    reports[load].loaded, reports[load].quarantined = loaded, quarantined
        finally:
            connection.close()


def _drop_passing(passing: Sequence[Path], generation: Generation) -> None:
    """Delete the segments that only a round on the way needed; they were never in service."""
    named = {segment.file for segment in generation.segments}
    for path in passing:
        if path.name not in named:
            path.unlink(missing_ok=True)


class _Refused(Exception):
    """The lines of a piece do not add up: which load, and why."""

    def __init__(self, load: int, reason: str) -> None:
        super().__init__(reason)
        self.load, self.reason = load, reason


def _rounds(todo: Sequence[Piece], most_lines: int) -> list[list[Piece]]:
    """Split pieces, in their order, so that no round but of one piece has more lines."""
    rounds: list[list[Piece]] = []
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
    todo: Sequence[Piece],
    current: Generation | None,
    *,
    anew: bool,
) -> tuple[list[Path], Generation, list[Tally]]:
    """Build a generation of the one before and some pieces; return its files, what names them, what became of lines.

    Raises _Refused for a piece whose lines do not add up, CheckError.
    """
    with transaction(store.records) as session:
        build = _new_build(store, session, current, anew=anew, progress=progress)
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
            _move_strays(build, report)
        built, generation = build.finish(code=code_version(), made_at=_now().isoformat())
    except BaseException:
        build.close()
        raise
    build.draft.connection.close()
    return built, generation, build.tallies


def _mark_tallies(store: OpenStore, tallies: Sequence[Tally], generation: Generation) -> None:
    with transaction(store.records) as session:
        for tally in tallies:
            load = session.get_one(Load, tally.load)
            _mark_published(load, generation.number, tally.loaded, tally.duplicates, tally.quarantined, tally.blank)


def _refuse(store: OpenStore, load_id: int, reason: str) -> dict[int, str]:
    """Refuse a landed piece, and what was landed after it of the same file: all of that is received again later."""
    with transaction(store.records) as session:
        piece = session.get_one(Load, load_id)
        later = select(Load).where(
            Load.file_id == piece.file_id, Load.state == "landed", Load.first_byte >= piece.first_byte
        )
        refused = list(session.scalars(later))
        for load in refused:
            load.state, load.refusal = "refused", reason
        return {load.load_id: reason for load in refused}


def _refuse_landed(store: OpenStore, loads: Sequence[int], reason: str) -> int:
    """Refuse the landed pieces of a build whose check failed, lest they stop every later load; return how many."""
    with transaction(store.records) as session:
        landed = list(session.scalars(select(Load).where(Load.load_id.in_(loads), Load.state == "landed")))
        for load in landed:
            load.state, load.refusal = "refused", reason
        return len(landed)


def _move_strays(build: Build, report: FileReport) -> None:
    strays = build.calls.strays_of(report.load or 0)
    report.loaded -= strays
    report.quarantined += strays


def _new_build(
    store: OpenStore,
    session: Session,
    current: Generation | None,
    *,
    anew: bool = False,
    progress: Progress = no_progress,
) -> Build:
    load_files = {
        load_id: file_id
        for load_id, file_id in session.execute(select(Load.load_id, Load.file_id).where(Load.state != "refused"))
    }
    number = next_number(store.settings.warehouse, current)
    draft = Draft(
        settings=store.settings, site=sites.read_site(session), key=store.key,
        folder=_build_folder(store, number), current=current, number=number,
        files=landing.file_infos(session), load_files=load_files, anew=anew,
    )  # fmt: skip
    return Build(draft, progress)


def _build_folder(store: OpenStore, number: int) -> Path:
    return store.settings.warehouse / f".build-{number}"


def _mark_published(load: Load, generation: int, loaded: int, duplicates: int, quarantined: int, blank: int) -> None:
    load.state, load.generation, load.published_at = "published", generation, _now()
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


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
