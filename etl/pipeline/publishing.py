"""Landed pieces in, a generation in service out: built in rounds, checked, published, told to the manifest.

Everything here is called under the warehouse's lock.
"""

import shutil
import time
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from etl import landing
from etl.build import Build, CheckError
from etl.draft import Draft
from etl.export_pieces import ExportPiece
from etl.faults import reach
from etl.lines import Piece, Progress, ReconciliationError, Tally, no_progress
from etl.pipeline.file_reports import FileReport, move_strays, settle
from etl.pipeline.manifest import mark_tallies, refuse_landed, refuse_with_later
from etl.records import site as sites
from etl.records.audit import SYSTEM, Actor
from etl.records.engine import transaction
from etl.records.models import Load, LogFile
from etl.settings import Settings
from etl.sources.exports import EXPORTS
from etl.store import OpenStore, now
from etl.version import code_version
from etl.warehouse import (
    CURRENT,
    DamagedError,
    Generation,
    files_in_service,
    next_number,
    publish,
    read_current,
    sync_folder,
)


def publish_landed(
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
        for load_id, reason in refuse_with_later(store, refused.load, refused.reason, by).items():
            if (report := reports.pop(load_id, None)) is not None:
                report.state, report.message, report.load, report.generation = "refused", reason, None, None
                report.loaded = report.duplicates = report.quarantined = report.blank = 0
    except CheckError as error:
        if refuse_landed(store, [piece.load for piece in todo], str(error), by):
            raise CheckError(f"{error} Los archivos de esta carga quedan rechazados.") from error
        raise
    else:
        if current is not None and rounds:
            reach("before_manifest")
            mark_tallies(store, tallies, current, by)
            settle(store.settings, reports, current, several=len(rounds) > 1)
        return current
    finally:
        _drop_passing(store.settings, passing)
    return publish_landed(store, progress, reports, by=by)


def serve_without(
    store: OpenStore, progress: Progress, without: frozenset[int], decide: Callable[[], None] | None = None
) -> Generation | None:
    """Put everything but some loads into service, built anew; `decide` is called when it is ready and not seen yet."""
    with transaction(store.records) as session:
        remaining = select(Load.load_id).where(Load.state != "refused", Load.load_id.not_in(without))
        nothing = session.scalar(remaining.limit(1)) is None
    if not nothing:
        return publish_landed(store, progress, {}, anew=True, without=without, decide=decide)
    if decide is not None:
        decide()
    reach("before_current")
    (store.settings.warehouse / CURRENT).unlink(missing_ok=True)
    sync_folder(store.settings.warehouse)
    reach("after_current")
    return None


def apply_site(store: OpenStore, progress: Progress) -> Generation | None:
    """Bring the generation in service in line with the site: lines from visits; other parameters need a rebuild."""
    current = read_current(store.settings.warehouse)
    site = store.site()
    if current is None:
        return None
    if current.rules != site.build_rules:
        return publish_landed(store, progress, {}, anew=True)
    if current.mapping == site.mapping_digest:
        return current
    return serve_changed(store, current, Build.remap)


def serve_changed(store: OpenStore, current: Generation, change: Callable[[Build], None] | None = None) -> Generation:
    """Put the generation in service into service again, changed; no line is read, and texts that are due go."""
    build = _new_build(store, current)
    try:
        if change is not None:
            change(build)
        built, generation = build.finish(code=code_version(), made_at=now().isoformat())
        publish(store.settings.warehouse, built, generation)
    finally:
        build.close()
    return generation


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


class _Refused(Exception):
    """The lines of a piece do not add up: which load, and why."""

    def __init__(self, load: int, reason: str) -> None:
        super().__init__(reason)
        self.load, self.reason = load, reason


def _drop_passing(settings: Settings, built: Sequence[Path]) -> None:
    """Delete the segments that only a round on the way needed, or one of a load that failed: none was in service."""
    named = files_in_service(settings.warehouse)
    for path in built:
        if path.name not in named:
            path.unlink(missing_ok=True)


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
