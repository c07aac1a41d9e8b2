"""Followed logs into figures: what is new of them is loaded and published at an interval, a line told for each time.

In: an open store, a Follower. Out: generations in service, and what users are told; whatever fails is told once and
tried again.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from sqlalchemy.exc import DBAPIError

from etl import pipeline
from etl.build import CheckError
from etl.follow import Follower, follow_lock, is_worker_there
from etl.lines import ReconciliationError
from etl.pipeline import FileReport
from etl.records.audit import SYSTEM, Actor
from etl.records.engine import RecordsError
from etl.settings import ZONE_OFFSET_SECONDS
from etl.store import AnotherLoadRuns, OpenStore, StoreError
from etl.warehouse import WarehouseError, read_current

#: Without a new line for so long, within these hours of La Paz, the last record is told.
QUIET_SECONDS = 1800.0
_WORKING_HOURS = range(7, 22)
_ERRORS = (
    CheckError, DBAPIError, OSError, ReconciliationError, RecordsError, StoreError, WarehouseError, duckdb.Error,
)  # fmt: skip


@dataclass
class Watch:
    """Follows logs and the inbox of a store until told to stop, between two publications. ``tell`` takes each line.

    Whatever fails is told once and tried at the next look.
    """

    store: OpenStore
    follower: Follower
    interval: float
    tell: Callable[[str], None]
    by: Actor = SYSTEM
    _told: str = ""
    _undone: set[Path] = field(default_factory=set)
    _newest: float = field(default_factory=time.monotonic)
    _quiet_told: float = 0.0

    def run(self, stop: threading.Event, begin: Callable[[], None] = lambda: None) -> None:
        """Look, load, publish, wait; `begin` is called once it is sure that nobody else does. Raises AnotherFollows."""
        with follow_lock(self.store.settings):
            begin()
            while not stop.is_set():
                began = time.monotonic()
                self.look()
                stop.wait(max(0.0, self.interval - (time.monotonic() - began)))

    def look(self) -> list[FileReport]:
        """Look once, and load what is new; return what became of it."""
        try:
            reports = self._load()
        except AnotherLoadRuns as error:
            self._tell_trouble(str(error))
            return []
        except _ERRORS as error:
            if isinstance(error, (DBAPIError, duckdb.Error)):  # their texts may quote a line
                self._tell_trouble(f"No se pudo cargar ({type(error).__name__}); se intenta otra vez.")
            elif isinstance(error, OSError):
                self._tell_trouble(f"No se pudo leer o escribir ({error.strerror or error}); se intenta otra vez.")
            else:
                self._tell_trouble(str(error))
            return []
        self._told = ""
        self._tell_reports(reports)
        return reports

    def _load(self) -> list[FileReport]:
        at = time.monotonic()
        ready = self.follower.look(now=at, wall=time.time(), with_inbox=not is_worker_there(self.store.settings))
        said, self.follower.said = self.follower.said, []
        for text in said:
            self.tell(text)
        ready = self._without_undone(ready)
        if not ready and not pipeline.is_unfinished(self.store):
            return []
        # What fails as a whole is tried again in a while; what cannot begin, at the next look.
        try:
            reports = pipeline.ingest(self.store, ready, by=self.by)
        except (CheckError, ReconciliationError, duckdb.Error):
            self.follower.note_refused(ready, at)
            raise
        self.follower.note_taken(ready)
        refused = [path for path, report in zip(ready, reports, strict=True) if report.state == "refused"]
        self.follower.note_refused(refused, at)
        return reports

    def _without_undone(self, paths: list[Path]) -> list[Path]:
        """Leave out what was undone: that is loaded again when somebody names it."""
        if not paths:
            return []
        undone = {path for path in paths if pipeline.was_undone(self.store, path)}
        for path in sorted(undone - self._undone):
            self.tell(f"{path}: se deshizo su carga; se sigue otra vez cuando lo cargue con «callcenter ingest».")
        self._undone = (self._undone - set(paths)) | undone
        return [path for path in paths if path not in undone]

    def _tell_reports(self, reports: list[FileReport]) -> None:
        for report in reports:
            if report.state == "refused":
                self.tell(report.message)
        published = [report for report in reports if report.state == "published"]
        if published:
            self._newest = self._quiet_told = time.monotonic()
            self.tell(published_text(published, self.last_epoch()))
        else:
            self._tell_quiet()

    def _tell_quiet(self) -> None:
        """Tell now and then of a silence in working hours: no alarm, what the last record is."""
        at = time.monotonic()
        if at - max(self._newest, self._quiet_told) < QUIET_SECONDS:
            return
        if datetime.fromtimestamp(time.time() + ZONE_OFFSET_SECONDS, UTC).hour in _WORKING_HOURS:
            self._quiet_told = at
            self.tell(f"sin registros nuevos; {last_text(self.last_epoch())}")

    def last_epoch(self) -> int | None:
        """Return the instant of the newest record in service."""
        current = read_current(self.store.settings.warehouse)
        return max(current.last_epochs.values(), default=None) if current is not None else None

    def _tell_trouble(self, text: str) -> None:
        if text != self._told:
            self._told = text
            self.tell(text)


def published_text(reports: Sequence[FileReport], last_epoch: int | None) -> str:
    """One line for one publication: read, loaded, duplicate, set aside, the last record, the files."""
    read, loaded = sum(report.read for report in reports), sum(report.loaded for report in reports)
    duplicates, aside = sum(report.duplicates for report in reports), sum(report.quarantined for report in reports)
    names = ", ".join(dict.fromkeys(report.name for report in reports))
    names = "".join(character if character.isprintable() else "·" for character in names)
    return (
        f"publicado: {read} leídas, {loaded} cargadas, {duplicates} repetidas, {aside} observadas; "
        f"{last_text(last_epoch)} ({names})"
    )


def last_text(epoch: int | None) -> str:
    """Say which record is the last one, on the clock of La Paz."""
    if epoch is None:
        return "todavía no hay registros"
    moment = datetime.fromtimestamp(epoch + ZONE_OFFSET_SECONDS, UTC)
    return f"último registro {moment:%d/%m/%Y %H:%M:%S}"
