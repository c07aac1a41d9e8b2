"""The private copy of a generation under way: one DuckDB instance and the segments it writes or reads.

Months are copied and written only where something changes; the others are attached read-only, and only when a callid
reaches into them. Nothing here knows what a row means.
"""

import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from etl.model import model
from etl.months import day_number, month_span, period_of, periods_between
from etl.records.site import Site
from etl.settings import Settings
from etl.sources import QUEUE_LOG, RECORD_SOURCES
from etl.sources.exports import EXPORTS
from etl.validate import literal
from etl.warehouse import Generation, Segment, WarehouseError, digest

#: Naming the method of compression spares DuckDB 1 a fifth of the writing; DuckDB 2 chooses by itself and refuses.
_METHODS_CAN_BE_NAMED = duckdb.__version__.startswith("1.")


@dataclass(frozen=True)
class LogFileInfo:
    """What the order between files needs: identity, PBX, first and last epoch, and how many lines it has.

    ``rank`` is that of its source: events that another file of a lesser rank tells too are counted there.
    """

    file: int
    pbx: str
    name: str
    first_epoch: int
    last_epoch: int
    lines: int
    rank: int = 0


@dataclass
class Month:
    """A segment attached to the instance: its alias, its file where it is ours to write, and the epochs it spans."""

    alias: str
    path: Path | None
    writable: bool
    start: int
    end: int
    touched: bool = False


@dataclass
class Draft:
    """One generation being built. Use ``close`` in any case: it deletes whatever was not published.

    ``anew`` starts from nothing though there is a generation in service. ``files`` are all logical files by their
    number, ``load_files`` the file of every load. Of the loads ``forgotten`` the text of lines set aside is not kept.
    """

    settings: Settings
    site: Site
    key: bytes
    folder: Path
    current: Generation | None
    number: int
    files: dict[int, LogFileInfo]
    load_files: dict[int, int]
    anew: bool = False
    forgotten: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        self.base = None if self.anew else self.current
        self.from_nothing = self.base is None
        self.folder.mkdir(parents=True, exist_ok=True)
        self.connection = duckdb.connect(
            ":memory:",
            config={
                "threads": self.settings.threads,
                "memory_limit": self.settings.memory_limit,
                "temp_directory": str(self.folder / "spill"),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
        self.run = self.connection.execute
        self.run("SET enable_progress_bar = false")
        # The tables of one slab are made again for the next: memory given back would only be asked for again.
        self.run("SET allocator_flush_threshold = '4GB'")
        self.run("SET allocator_bulk_deallocation_flush_threshold = '4GB'")
        self.run("SET enable_external_file_cache = false")
        self.run("SET checkpoint_threshold = '100GB'")  # a segment is checkpointed once, when it is closed
        self.months: dict[str, Month] = {}
        self.callers: dict[str, Month] = {}
        self.exports: Month | None = None
        self.records: dict[str, Month] = {}
        self.spans: dict[int, tuple[int, int]] = {}
        #: Epochs between which the changed callids have lines.
        self.reach_low, self.reach_high = 2**62, -(2**62)
        self.last_epochs: dict[str, int] = dict(self.base.last_epochs) if self.base else {}
        self.new_restarts = False
        self._placed: tuple[dict[int, tuple[int, str, int, int, int]], dict[int, int]] | None = None
        self._attach_loads()
        self._make_working_tables()

    def close(self) -> None:
        """Close the instance and delete whatever of the build was not published."""
        self.connection.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make_working_tables(self) -> None:
        self.run("CREATE VIEW restarts AS SELECT * FROM loads_db.core.restarts")
        self.run("CREATE TABLE changed (pbx VARCHAR, callid VARCHAR)")
        self.run("CREATE TABLE sources (pbx VARCHAR, last_epoch BIGINT)")
        self.run(
            "CREATE TABLE files (load INTEGER, file INTEGER, pbx VARCHAR, place INTEGER, tied BOOLEAN, rank INTEGER)"
        )
        self.run("CREATE TABLE file_places (file INTEGER, pbx VARCHAR, place INTEGER, tied BOOLEAN, rank INTEGER)")
        self.run(
            "CREATE TABLE queue_rules (place INTEGER, queue VARCHAR, did VARCHAR, service VARCHAR, "
            "first_day BIGINT, last_day BIGINT)"
        )
        self.run("CREATE TABLE person_rules (interface VARCHAR, person VARCHAR, first_day BIGINT, last_day BIGINT)")
        self.run(
            f"""CREATE TABLE no_lines (load INTEGER, line INTEGER, epoch BIGINT, order_epoch BIGINT,
            callid VARCHAR, queue VARCHAR, agent VARCHAR, event {QUEUE_LOG.event_type}, other_event VARCHAR,
            data VARCHAR, kind UTINYINT, hold_seconds INTEGER, talk_seconds INTEGER)"""
        )
        self.insert_rows(
            "queue_rules",
            (
                (n, r.queue, r.did, r.service, day_number(r.valid_from, -(10**9)), day_number(r.valid_to, 10**9))
                for n, r in enumerate(self.site.queues)
            ),
        )
        self.insert_rows(
            "person_rules",
            (
                (r.interface, r.person, day_number(r.valid_from, -(10**9)), day_number(r.valid_to, 10**9))
                for r in self.site.persons
            ),
        )
        apart = ", ".join(map(literal, (*RECORD_SOURCES, EXPORTS.name)))
        for file, low, high in self.run(
            "SELECT file, MIN(least_epoch), MAX(greatest_epoch) FROM loads_db.meta.loads "
            f"WHERE least_epoch IS NOT NULL AND source NOT IN ({apart}) GROUP BY file"
        ).fetchall():
            self.spans[file] = (low, high)
        self.place_files()

    def place_files(self) -> None:
        """Number the files in the order that counts: first epoch, last epoch, the longer one first."""
        ordered = sorted(self.files.values(), key=lambda f: (f.first_epoch, f.last_epoch, -f.lines, f.file))
        self.places = {info.file: place for place, info in enumerate(ordered)}
        seconds: dict[tuple[str, int, int], int] = {}
        for info in ordered:
            key = (info.pbx, info.first_epoch, info.last_epoch)
            seconds[key] = seconds.get(key, 0) + 1
        tied = {
            info.file
            for info in ordered
            if info.first_epoch == info.last_epoch and seconds[(info.pbx, info.first_epoch, info.last_epoch)] > 1
        }
        first_of_tie: dict[tuple[str, int, int], int] = {}
        placed: dict[int, tuple[int, str, int, int, int]] = {}
        for file in self.load_files.values():
            info = self.files[file]
            place = self.places[file]
            if file in tied:
                place = first_of_tie.setdefault((info.pbx, info.first_epoch, info.last_epoch), place)
            placed[file] = (file, info.pbx, place, int(file in tied), info.rank)
        if (placed, self.load_files) == self._placed:
            return
        self._placed = placed, dict(self.load_files)
        self.insert_rows("file_places", placed.values(), replace=True)
        self.run("DELETE FROM files")
        if self.load_files:
            # Loads only ever become more, and a text is read many times faster than as many rows of literals.
            loads, files = (
                f"CAST(unnest(string_split('{','.join(map(str, numbers))}', ',')) AS INTEGER)"
                for numbers in (self.load_files.keys(), self.load_files.values())
            )
            self.run(
                f"""INSERT INTO files SELECT l.load, f.file, f.pbx, f.place, f.tied, f.rank
                FROM (SELECT {loads} AS load, {files} AS file) AS l JOIN file_places AS f ON f.file = l.file"""
            )

    def _attach_loads(self) -> None:
        before = self.base.segment("loads", "all") if self.base else None
        if before is None or not self.forgotten:
            self.loads = self._open_writable("loads", "all", "loads_db", 0, 0)
            return
        # Into a new file: what is deleted or changed in a copy stays in its free blocks.
        self.loads = self._open_new("loads", "all", "loads_db", 0, 0)
        self.run(f"ATTACH {literal(str(self.settings.warehouse / before.file))} AS loads_before (READ_ONLY)")
        for schema, table in self.run(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'loads_before'"
        ).fetchall():
            columns = "*"
            if table == "quarantine":
                numbers = ", ".join(map(str, sorted(self.forgotten)))
                columns = f"* REPLACE (CASE WHEN load IN ({numbers}) THEN NULL ELSE text END AS text)"
            self.run(f"INSERT INTO loads_db.{schema}.{table} SELECT {columns} FROM loads_before.{schema}.{table}")
        self.run("DETACH loads_before")

    def _open_writable(self, subject: str, period: str, alias: str, start: int, end: int) -> Month:
        """Attach a private, writable copy of a segment in service, or a new one."""
        base = self.base.segment(subject, period) if self.base else None
        if base is None:
            return self._open_new(subject, period, alias, start, end)
        path = self._path_of(subject, period)
        shutil.copyfile(self.settings.warehouse / base.file, path)
        self._attach_private(path, alias)
        return Month(alias, path, True, start, end, touched=True)

    def open_writable(self, subject: str, period: str, alias: str) -> Month:
        """Attach a private, writable copy of a segment that is of no month, or a new one."""
        return self._open_writable(subject, period, alias, 0, 0)

    def _open_new(self, subject: str, period: str, alias: str, start: int, end: int) -> Month:
        """Attach a new, private segment without rows."""
        path = self._path_of(subject, period)
        self._attach_private(path, alias)
        sql = model(f"segment_{subject}")
        if not _METHODS_CAN_BE_NAMED:
            sql = re.sub(" USING COMPRESSION [a-z]+", "", sql)
        self.run(sql.replace(":segment", alias))
        return Month(alias, path, True, start, end, touched=True)

    def _path_of(self, subject: str, period: str) -> Path:
        return self.folder / f"{subject}-{period}-{self.number}.duckdb"

    def _attach_private(self, path: Path, alias: str) -> None:
        # No write-ahead log: a private segment is either closed whole or thrown away.
        self.run(f"ATTACH {literal(str(path))} AS {alias} (RECOVERY_MODE no_wal_writes)")

    def writable(self, months: dict[str, Month], subject: str, period: str) -> Month:
        """Return a month's segment as a private copy, made at the first call."""
        found = months.get(period)
        if found is not None and found.writable:
            found.touched = True
            return found
        if found is not None:
            self.run(f"DETACH {found.alias}")
        start, end = month_span(period)
        months[period] = self._open_writable(subject, period, f"{subject}_{period.replace('-', '_')}", start, end)
        return months[period]

    def readable(self, period: str) -> Month | None:
        """Return a month of calls for reading, None where there is none."""
        found = self.months.get(period)
        if found is None and self.base is not None and (segment := self.base.segment("calls", period)):
            start, end = month_span(period)
            alias = f"calls_{period.replace('-', '_')}"
            self.run(f"ATTACH {literal(str(self.settings.warehouse / segment.file))} AS {alias} (READ_ONLY)")
            found = self.months[period] = Month(alias, None, False, start, end)
        return found

    def month_of(self, epoch: int) -> Month:
        """Return the writable month of calls that an epoch falls in."""
        return self.writable(self.months, "calls", period_of(epoch))

    def months_between(self, low: int, high: int, *, only_with: str | None = None) -> Iterator[Month]:
        """Writable months from one epoch to another; with ``only_with`` those that hold an epoch of that relation."""
        periods = list(periods_between(low, high))
        if only_with is not None:
            hours = self.run(f"SELECT DISTINCT epoch // 3600 FROM ({only_with})").fetchall()
            held = {period_of(hour * 3600) for (hour,) in hours}
            periods = [period for period in periods if period in held]
        for period in periods:
            yield self.writable(self.months, "calls", period)

    def existing_months_between(self, low: int, high: int) -> Iterator[Month]:
        """Yield the months of calls that there are between two epochs, for reading."""
        known = set(self.months) | set(self.base.periods("calls") if self.base else ())
        for period in sorted(known):
            start, end = month_span(period)
            if start <= high and low < end:
                month = self.readable(period)
                if month is not None:
                    yield month

    def another_connection(self) -> duckdb.DuckDBPyConnection:
        """Return a further connection to the instance, for another thread; it sees the same tables. Close it."""
        return self.connection.cursor()

    def close_segments(self, segments: Sequence[tuple[str, str, Month]]) -> list[Segment]:
        """Checkpoint and detach written segments (subject, period, where) and say what each holds, in their order.

        One checkpoint keeps one core busy: as many run as there are threads. WarehouseError if one left a log behind.
        """
        with ThreadPoolExecutor(self.settings.threads) as pool:
            return list(pool.map(lambda segment: self._close_segment(*segment), segments))

    def _close_segment(self, subject: str, period: str, month: Month) -> Segment:
        rows: dict[str, int] = {}
        low = high = None
        opened = unsettled = 0
        with self.another_connection() as connection:

            def one(sql: str) -> tuple[Any, ...]:
                return tuple(connection.execute(sql).fetchone() or ())

            if subject == "calls":
                for table in (
                    "raw.queue_log",
                    "raw.duplicates",
                    "raw.overlaid",
                    "core.queue_visits",
                    "core.chained_calls",
                    "meta.findings",
                    "meta.strays",
                ):
                    (rows[table],) = one(f"SELECT COUNT(*) FROM {month.alias}.{table}")
                low, high = one(f"SELECT MIN(epoch), MAX(epoch) FROM {month.alias}.raw.queue_log")
                (opened,) = one(f"SELECT COUNT(*) FROM {month.alias}.core.queue_visits WHERE is_open")
                (unsettled,) = one(f"SELECT COUNT(*) FROM {month.alias}.core.unsettled_visits")
            elif subject == "exports":
                (rows["core.export_figures"],) = one(f"SELECT COUNT(*) FROM {month.alias}.core.export_figures")
            elif subject == "cdr":
                for table in ("raw.cdr", "core.cdr_calls"):
                    (rows[table],) = one(f"SELECT COUNT(*) FROM {month.alias}.{table}")
                low, high = one(f"SELECT MIN(started_epoch), MAX(started_epoch) FROM {month.alias}.raw.cdr")
            connection.execute(f"CHECKPOINT {month.alias}")
            connection.execute(f"DETACH {month.alias}")
        path = month.path
        if path is None or path.with_name(path.name + ".wal").exists():
            raise WarehouseError(f"{subject}-{period} no se cerró limpiamente: no se publica")
        return Segment(
            subject, period, path.name, digest(path), path.stat().st_size, rows, low, high, opened, unsettled
        )

    def insert_rows(self, table: str, rows: Iterable[Sequence[Any]], *, replace: bool = False) -> None:
        """Insert a few rows by literals (bound parameters would import pandas, which costs more than the load)."""
        if replace:
            self.run(f"DELETE FROM {table}")
        batch = [f"({', '.join(_value(value) for value in row)})" for row in rows]
        for at in range(0, len(batch), 500):
            self.run(f"INSERT INTO {table} VALUES {', '.join(batch[at : at + 500])}")

    def read_table(self, name: str, path: Path, columns: str, *, null: str) -> None:
        """Make a temporary table of a CSV that this build wrote; columns as ``name TYPE, ...``."""
        names = {column.split()[0]: column.split()[1] for column in columns.split(", ")}
        spec = ", ".join(f"'{column}': '{kind}'" for column, kind in names.items())
        self.run(
            f"""CREATE OR REPLACE TABLE {name} AS
            SELECT * FROM read_csv({literal(str(path))}, delim=',', header=false,
            quote='"', escape='"', auto_detect=false, nullstr={literal(null)}, columns={{{spec}}})"""
        )

    def write(self, sql: str) -> None:
        """Insert many rows that carry their own order: two threads may write them in any."""
        self.run("SET preserve_insertion_order = false")
        try:
            self.run(sql)
        finally:
            self.run("SET preserve_insertion_order = true")

    def one(self, sql: str) -> tuple[Any, ...]:
        """Return the one row of a query."""
        row = self.run(sql).fetchone()
        if row is None:
            raise WarehouseError("la consulta no dio ninguna fila")
        return tuple(row)

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        return int(self.one(f"SELECT COUNT(*) FROM {table}")[0])

    def place_of(self, file: int) -> int:
        """Return the place of a file in the order that counts."""
        return self.places[file]

    def widen(self, file: int, low: int, high: int) -> None:
        """Take note that a file holds lines of these epochs too."""
        before = self.spans.get(file, (low, high))
        self.spans[file] = (min(low, before[0]), max(high, before[1]))


def _value(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, (int, float)):
        return str(value)
    return literal(str(value))
