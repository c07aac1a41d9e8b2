"""Files, tables of databases, a site's new rules in; the generation that counts them in service out."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import duckdb
from sqlalchemy.exc import DBAPIError

from etl import landing
from etl.exports import NOTHING_TOLD, Told
from etl.lines import Cancelled, Progress, no_progress
from etl.pipeline.file_reports import FileReport
from etl.pipeline.manifest import CANCELLED, FAILED, refuse_abandoned, refuse_landed
from etl.pipeline.publishing import apply_site, publish_landed
from etl.pipeline.receiving import land_file, land_pull
from etl.pipeline.recovery import clear_builds, recover
from etl.records.audit import SYSTEM, Action, Actor, note
from etl.records.engine import transaction
from etl.settings import Database
from etl.store import AnotherLoadRuns, OpenStore, StoreError, full_disk_told, warehouse_lock
from etl.warehouse import Generation, WarehouseError, read_current, remove_unused

#: The fault of the place and not of what was landed: that is completed by the next load.
_OF_THE_PLACE = (
    AnotherLoadRuns, DBAPIError, MemoryError, OSError, StoreError, WarehouseError, duckdb.IOException,
    duckdb.OutOfMemoryException,
)  # fmt: skip


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
    Neither is any where an error ends what the worker does for a ``job``: its files are still there, and whether they
    are loaded again is decided there. What ends a load of nobody's by no fault of the disk, the memory or the records
    is refused as well, lest it ends every later one.
    """
    with full_disk_told(store.settings), warehouse_lock(store.settings):
        reports: list[FileReport] = []
        try:
            recover(store, progress=progress)
            apply_site(store, progress)
            for path in paths:
                started = time.perf_counter()
                name = (names or {}).get(path, path.name)
                progress(f"recibiendo {name}", None)
                report = land_file(store, path, name, landing.Receiver(by, job), told)
                report.seconds = time.perf_counter() - started
                reports.append(report)
            for database in databases:
                started = time.perf_counter()
                report = land_pull(store, database, landing.Receiver(by, job), progress)
                report.seconds = time.perf_counter() - started
                reports.append(report)
            by_load = {report.load: report for report in reports if report.load is not None}
            publish_landed(store, progress, by_load, by=by)
        except Exception as error:
            landed = [report.load for report in reports if report.load is not None]
            if isinstance(error, Cancelled):
                refuse_landed(store, landed, CANCELLED, by)
            elif job is not None or not isinstance(error, _OF_THE_PLACE):
                with suppress(DBAPIError):  # on a full disk: then the next load finds what an ended job left
                    refuse_landed(store, landed, FAILED, by)
            raise
        return reports


def rebuild(store: OpenStore, *, progress: Progress = no_progress, by: Actor = SYSTEM) -> Generation | None:
    """Build the warehouse anew from the raw store and the records: every month dirty, the same SQL.

    What is in service is not asked: a damaged CURRENT, and loads that the manifest does not know, end here.
    """
    with full_disk_told(store.settings), warehouse_lock(store.settings):
        clear_builds(store.settings)
        with suppress(WarehouseError):  # a damaged CURRENT ends here
            current = read_current(store.settings.warehouse)
            refuse_abandoned(store, set(current.loads) if current else set())
        generation = publish_landed(store, progress, {}, anew=True, by=by)
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
        return apply_site(store, progress)
