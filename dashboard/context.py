"""What pages work with: the store's kind and lines, the rules in force, and the generation in service to read from.

In: settings. Out: values and cursors; pages open nothing themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Lock

import duckdb
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from etl.records.audit import Action, Actor, Result, note
from etl.records.engine import open_records, reading_engine_at, transaction
from etl.records.site import Line, read_site, reference_lines
from etl.settings import ZONE, ZONE_OFFSET_SECONDS, Settings
from etl.store import DEMO, store_kind
from etl.warehouse import CURRENT, Generation, WarehouseError, open_generation
from reports.rules import Rules

#: What a page asks its figures of, and hands on unopened.
Cursor = duckdb.DuckDBPyConnection
_MEMORY_LIMIT = "400MB"


@dataclass
class _Opened:
    """One generation opened for reading, the state of CURRENT it was opened by, and how many read it."""

    stamp: tuple[int, ...]
    generation: Generation
    connection: duckdb.DuckDBPyConnection
    readers: int = 0


class Context:
    """One store as the pages see it. Safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        """Look at the store that the settings name; a folder without one is an empty store."""
        self.settings = settings
        self.kind = store_kind(settings)
        self.lines: tuple[Line, ...] = reference_lines()
        self._lock = Lock()
        self._current: _Opened | None = None
        self._retired: _Opened | None = None
        self._records: Engine | None = None
        self._records_to_read: Engine | None = None

    @property
    def is_demo(self) -> bool:
        """Whether everything in the store is invented."""
        return self.kind == DEMO

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever published."""
        return not self._pointer.exists()

    def generation_in_service(self) -> int | None:
        """Return the number of the generation in service, None without one."""
        try:
            with self.reading() as (generation, _):
                return generation.number
        except WarehouseError:
            return None

    def today(self) -> date:
        """Return the day it is in La Paz; of invented data the last day they reach."""
        if self.is_demo:
            try:
                with self.reading() as (generation, _):
                    reached = max(generation.last_epochs.values(), default=None)
                    if reached is not None:
                        return datetime.fromtimestamp(reached + ZONE_OFFSET_SECONDS, UTC).date()
            except WarehouseError:
                pass
        return datetime.now(ZONE).date()

    def rules(self) -> Rules:
        """Read the site's dated parameters; those of the manual where there are no records. RulesError."""
        records = self.records_to_read()
        if records is None:
            return Rules.default()
        with Session(records) as session:
            return Rules.from_rows(read_site(session).parameters)

    @property
    def records(self) -> Engine:
        """What people type, to be written to: every transaction begins as a writer's. RecordsError."""
        with self._lock:
            self._records = self._records or open_records(self.settings.database_url)
            return self._records

    def records_to_read(self) -> Engine | None:
        """Return the records for reading, which keeps no writer waiting; None where there is no store yet."""
        if self.kind is None:
            self.kind = store_kind(self.settings)
        if self.kind is None:
            return None
        with self._lock:
            self._records_to_read = self._records_to_read or reading_engine_at(self.settings.database_url)
            return self._records_to_read

    def note(
        self, actor: Actor, action: Action, what: str, result: Result = Result.DONE, **details: str | int | bool | None
    ) -> None:
        """Add an entry to the audit that stands for itself: a refusal, a file handed out."""
        with transaction(self.records) as session:
            note(session, actor, action, what, result, **details)

    @contextmanager
    def reading(self) -> Iterator[tuple[Generation, Cursor]]:
        """Give the generation in service and a cursor on it, both good until the block ends.

        At most two generations are open: the newest, and one that somebody still reads; while that one lasts, no third
        is opened. Raises WarehouseError when nothing was published or the warehouse is damaged.
        """
        opened = self._take()
        try:
            cursor = opened.connection.cursor()
            try:
                yield opened.generation, cursor
            finally:
                cursor.close()
        finally:
            self._give_back(opened)

    def close(self) -> None:
        """Close what is open. Nobody may be reading."""
        with self._lock:
            for opened in (self._current, self._retired):
                if opened is not None:
                    opened.connection.close()
            self._current = self._retired = None
            for records in (self._records, self._records_to_read):
                if records is not None:
                    records.dispose()
            self._records = self._records_to_read = None

    @property
    def _pointer(self) -> Path:
        return self.settings.warehouse / CURRENT

    def _take(self) -> _Opened:
        """Return the newest generation, opened, with one reader more."""
        with self._lock:
            stamp = self._stamp()
            if self._current is None or (stamp != self._current.stamp and self._retired is None):
                self._open(stamp)
            assert self._current is not None
            self._current.readers += 1
            return self._current

    def _open(self, stamp: tuple[int, ...]) -> None:
        generation, connection = open_generation(
            self.settings.warehouse, threads=self.settings.threads, memory_limit=_MEMORY_LIMIT
        )
        old, self._current = self._current, _Opened(stamp, generation, connection)
        if old is not None and old.readers:
            self._retired = old
        elif old is not None:
            old.connection.close()

    def _give_back(self, opened: _Opened) -> None:
        with self._lock:
            opened.readers -= 1
            if opened is self._retired and not opened.readers:
                opened.connection.close()
                self._retired = None

    def _stamp(self) -> tuple[int, ...]:
        """Return what changes whenever CURRENT is replaced."""
        try:
            state = self._pointer.stat()
        except FileNotFoundError:
            raise WarehouseError("Todavía no hay cifras: cargue un registro con «callcenter ingest ARCHIVO».") from None
        return state.st_ino, state.st_mtime_ns, state.st_size
