"""Rows of a table that holds a log: batches of text in, a Parquet file in the order that counts, slabs of lines out.

The Parquet file is what was read, every column as text, with the place of each row (from 1 on); a slab holds the lines
that Asterisk would have written of those rows, so that all else is as with a file. A row's place is its line's number.
"""

import codecs
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from etl.readers.lines import LineFeed, Slab
from etl.readers.table_zone import LEAST_CALLS, LEAST_RECORDS, Clock, clock_of
from etl.schema import EventKind, LogSource, RecordLayout, TableLayout
from etl.sources.cdr import LINE_COLUMNS

PARQUET_START = b"PAR1"
#: A whole second, the six digits after it, and where PostgreSQL says it the zone.
_SECONDS = "try_strptime(replace(left(time, 19), 'T', ' '), '%Y-%m-%d %H:%M:%S')"
_ZONE = "regexp_extract(time, '[0-9]([+-][0-9]{2})(:?([0-9]{2}))?$', "
_HAS_ZONE = "(contains(substr(time, 20), '+') OR contains(substr(time, 20), '-'))"
_IS_EPOCH = "TRY_CAST(time AS DOUBLE) BETWEEN 1e8 AND 1e11"
_FETCH_ROWS = 20_000
#: A clock is seldom set back by more, and rows as they were written seldom step back more often.
_SET_BACK_SECONDS, _ROWS_A_STEP = 3600, 10


def columns_of(layout: TableLayout | RecordLayout) -> tuple[str, ...]:
    """Return the columns that are read of a table of a layout, under the names they have here."""
    return tuple(layout.roles)


@dataclass(frozen=True)
class RowsRead:
    """What was read: how many rows, and what callids say of the clock (None where the times say it themselves)."""

    rows: int
    clock: Clock | None


@dataclass(frozen=True)
class RowsKept:
    """What a file of rows holds: how many, and between which instants; None where no row has a readable one."""

    rows: int
    first_epoch: int | None
    last_epoch: int | None


class RowWriter:
    """Writes batches of rows, as columns of text, into a draft that has no order yet."""

    def __init__(self, path: Path, layout: TableLayout | RecordLayout) -> None:
        """Begin a draft."""
        import pyarrow as pa  # takes a third of a second, which only who reads a table waits for
        import pyarrow.parquet as pq

        self._array: Callable[..., object] = pa.array
        self._table: Callable[..., object] = pa.Table.from_arrays
        self._number, self._string = pa.int64(), pa.string()
        self._schema = pa.schema([("place", pa.int64()), *((name, pa.string()) for name in columns_of(layout))])
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd", compression_level=1)
        self.rows = 0

    def write(self, columns: Sequence[Sequence[object]]) -> None:
        """Add rows, given as their columns in the order of ``columns_of``; what is no text is made one."""
        count = len(columns[0])
        places = self._array(range(self.rows + 1, self.rows + count + 1), self._number)
        texts = [self._texts(column) for column in columns]
        self._writer.write_table(self._table([places, *texts], schema=self._schema))
        self.rows += count

    def _texts(self, column: Sequence[object]) -> object:
        try:
            return self._array(column, self._string)
        except TypeError:  # numbers or bytes among them
            return self._array([text_of(value) for value in column], self._string)

    def close(self) -> None:
        """Make the draft readable."""
        self._writer.close()


def text_of(value: object) -> str | None:
    """Return a value of a row as text; bytes are UTF-8, or else what Windows takes them for."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        content = bytes(value)
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            return content.decode("cp1252", errors="replace")
    return str(value)


def read_clock(draft: Path, source: LogSource, folder: Path) -> RowsRead:
    """Say how many rows a draft has and how far their clock is ahead of UTC."""
    is_log = isinstance(source.table, TableLayout)
    callid, least = ("callid", LEAST_CALLS) if is_log else ("uniqueid", LEAST_RECORDS)
    entries = "event = 'ENTERQUEUE' AND COALESCE(agent, 'NONE') IN ('', 'NONE')" if is_log else "TRUE"
    made = f"TRY_CAST(regexp_extract({callid}, '(^|-)([0-9]{{9,10}})\\.[0-9]+$', 2) AS BIGINT)"
    with _instance(folder) as connection:
        rows, zoned = _one(
            connection,
            f"SELECT COUNT(*), COUNT(*) FILTER ({_IS_EPOCH} OR {_HAS_ZONE}) FROM {_parquet(draft)}",
        )
        if zoned:
            return RowsRead(int(rows), None)
        ahead = connection.execute(
            f"""SELECT entered - made, COUNT(*) FROM (
                SELECT {made} AS made, MIN(CAST(epoch({_SECONDS}) AS BIGINT)) AS entered FROM {_parquet(draft)}
                WHERE {entries} GROUP BY {callid}
            ) WHERE entered IS NOT NULL AND made IS NOT NULL GROUP BY ALL"""
        ).fetchall()
    return RowsRead(int(rows), clock_of(ahead, least))


def keep_rows(
    draft: Path, path: Path, source: LogSource, folder: Path, *, offset: int, latest_epoch: int, but: tuple[int, int]
) -> RowsKept:
    """Make a draft the file of its rows in the order that counts, without those of some seconds (first, last).

    A draft that is in that order already, and holds none of those, is the file.
    """
    names = ", ".join(columns_of(_layout(source)))
    with _instance(folder) as connection:
        found = _find_order(connection, draft, source, offset, latest_epoch, but)
        if not found.by_time and not found.unordered and not found.left_out:
            draft.rename(path)
            return RowsKept(found.rows, found.least, found.greatest)
        order, within = _order(source, found)
        timed = f"SELECT place, {epoch_sql(offset)} AS seconds FROM {_parquet(draft)}"
        # By their places: DuckDB would work out the instant several times over for a condition on it, at each scan.
        kept = f"WHERE place NOT IN (SELECT place FROM ({timed}) WHERE seconds BETWEEN {but[0]} AND {but[1]})"
        connection.execute(
            f"""COPY (
                SELECT CAST(ROW_NUMBER() OVER () AS BIGINT) AS place, {names} FROM (
                    SELECT * FROM (SELECT *{within} FROM {_parquet(draft)}) {kept if found.left_out else ""}
                    ORDER BY {order}
                )
            ) TO {_text(path)} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 122880)"""
        )
    return RowsKept(found.rows - found.left_out, found.least, found.greatest)


def are_known(path: Path, before: Path, folder: Path) -> bool:
    """Tell whether every row of a file stands in another one, as often."""
    with _instance(folder) as connection:
        names = [
            [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {_parquet(each)}").fetchall()]
            for each in (path, before)
        ]
        if names[0] != names[1]:
            return False
        (new,) = _one(
            connection,
            f"""SELECT COUNT(*) FROM (SELECT * EXCLUDE (place) FROM {_parquet(path)}
            EXCEPT ALL SELECT * EXCLUDE (place) FROM {_parquet(before)})""",
        )
    return not new


def filled_columns(path: Path, widths: dict[str, int], folder: Path) -> list[str]:
    """Return the columns in which a text is as long as the column is wide: it may be cut there."""
    if not widths:
        return []
    full = ", ".join(f"COALESCE(MAX(length({name})) >= {width}, FALSE)" for name, width in widths.items())
    with _instance(folder) as connection:
        told = _one(connection, f"SELECT {full} FROM {_parquet(path)}")
    return [name for name, is_full in zip(widths, told, strict=True) if is_full]


def ids_of(path: Path, places: Collection[int], folder: Path) -> dict[int, str]:
    """Return the ids of rows by their places; none of a table without ids."""
    if not places:
        return {}
    wanted = ", ".join(map(str, sorted(places)))
    with _instance(folder) as connection:
        rows = connection.execute(
            f"SELECT place, id FROM {_parquet(path)} WHERE id IS NOT NULL AND place IN ({wanted})"
        ).fetchall()
    return {int(place): str(id_) for place, id_ in rows}


def row_slabs(
    path: Path, source: LogSource, folder: Path, *, offset: int, slab_bytes: int, line_limit: int
) -> Iterator[Slab]:
    """Yield slabs of the lines that the rows stand for, in their order."""
    layout = _layout(source)
    feed = LineFeed(folder, "log", slab_bytes, line_limit)
    yield from feed.slabs(_blocks(path, layout, folder, offset))


def _blocks(path: Path, layout: TableLayout | RecordLayout, folder: Path, offset: int) -> Iterator[bytes]:
    with _instance(folder) as connection:
        sql = _line_sql(layout, offset) if isinstance(layout, TableLayout) else _record_sql(layout)
        lines = connection.execute(f"SELECT {sql} FROM {_parquet(path)} ORDER BY place")
        while batch := lines.fetchmany(_FETCH_ROWS):
            texts = [line if line.isascii() else repaired(line) for (line,) in batch]
            yield ("\n".join(texts) + "\n").encode("utf-8", "replace")


def _line_sql(layout: TableLayout, offset: int) -> str:
    """The line of a row as a file would hold it. A time that cannot be read stands as it is: it is set aside so."""

    def plain(name: str) -> str:
        text = f"COALESCE({name}, '')"
        if layout.encoded:
            text = f"replace(replace({text}, '^3B', ';'), '^5E', '^')"
        return f"replace({text}, chr(10), '␊')"

    data = ", ".join(plain(f"data{place}") for place in range(1, len(layout.data) + 1))
    fields = ", ".join(plain(name) for name in ("callid", "queue", "agent", "event"))
    stamp = f"COALESCE(CAST({epoch_sql(offset)} AS VARCHAR), {plain('time')})"
    return f"concat_ws('|', {stamp}, {fields}, rtrim(concat_ws('|', {data}), '|'))"


def _record_sql(layout: RecordLayout) -> str:
    """The line of a row as Master.csv would hold it, with the time as the table has it."""

    def quoted(name: str) -> str:
        return f"""'"' || replace(replace(COALESCE({name}, ''), '"', '""'), chr(10), '␊') || '"'"""

    return f"concat_ws(',', {', '.join(quoted(name if name in layout.roles else 'NULL') for name in LINE_COLUMNS)})"


def epoch_sql(offset: int) -> str:
    """SQL of the seconds of UTC of a column ``time``: it is an epoch, or says its zone, or is of the table's clock."""
    said = (
        f"TRY_CAST({_ZONE}1) AS INTEGER) * 3600 + CASE WHEN starts_with({_ZONE}1), '-') THEN -60 ELSE 60 "
        f"END * COALESCE(TRY_CAST({_ZONE}3) AS INTEGER), 0)"
    )
    return (
        f"CASE WHEN {_IS_EPOCH} THEN TRY_CAST(split_part(time, '.', 1) AS BIGINT) "
        f"ELSE CAST(epoch({_SECONDS}) AS BIGINT) - CASE WHEN {_HAS_ZONE} THEN {said} ELSE ({offset}) END END"
    )


@dataclass(frozen=True)
class _Found:
    """How the rows of a draft stand: how many have an id, and are to be left out; whether the time decides their order.

    ``unordered`` rows stand before one that was written earlier; ``least`` and ``greatest`` are instants of what stays.
    """

    rows: int
    ids: int
    unordered: int
    by_time: bool
    left_out: int
    least: int | None
    greatest: int | None


_ID = "TRY_CAST(id AS BIGINT)"


def _find_order(
    connection: duckdb.DuckDBPyConnection, draft: Path, source: LogSource, offset: int, latest: int,
    but: tuple[int, int],
) -> _Found:  # fmt: skip
    """Look through a draft once. The time decides where it runs against the writing by more than a clock set back.

    And it decides of records of calls, which are written when a call ends and tell when it began.
    """
    is_record = isinstance(source.table, RecordLayout)
    ids = 0 if is_record else _one(connection, f"SELECT COUNT({_ID}) FROM {_parquet(draft)}")[0]
    number = _ID if ids else "place"
    left_out = f"seconds BETWEEN {but[0]} AND {but[1]}"
    good = f"seconds BETWEEN {source.earliest_epoch} AND {latest} AND NOT {left_out}"
    rows, unordered, timed, steps, furthest, held, least, greatest = _one(
        connection,
        f"""SELECT COUNT(*), COUNT(*) FILTER (place < place_before), COUNT(seconds),
            COUNT(*) FILTER (seconds < before), COALESCE(MAX(top - seconds), 0), COUNT(*) FILTER ({left_out}),
            MIN(seconds) FILTER ({good}), MAX(seconds) FILTER ({good})
        FROM (
            SELECT seconds, place, LAG(place) OVER written AS place_before,
                LAG(seconds IGNORE NULLS) OVER written AS before,
                MAX(seconds) OVER (written ROWS UNBOUNDED PRECEDING) AS top
            FROM (SELECT place, {number} AS number, {epoch_sql(offset)} AS seconds FROM {_parquet(draft)})
            WINDOW written AS (ORDER BY number, place)
        )""",
    )
    as_written = furthest <= _SET_BACK_SECONDS and (ids or steps * _ROWS_A_STEP <= timed)
    return _Found(rows, ids, unordered, is_record or not as_written, held, least, greatest)


def _order(source: LogSource, found: _Found) -> tuple[str, str]:
    """Return what rows are put in order by, and the columns needed for it.

    They stand as they were written, like the lines of a file: by their ids, or without any as the server gave them. Or
    else the time decides, and within an instant the id; without one (callid, queue) that go on before those that begin,
    of each DID, ENTERQUEUE, others, CONNECT, ends.
    """
    everything = ", ".join(name for name in columns_of(_layout(source)) if name not in ("id", "time"))
    if not found.by_time:
        return (f"{_ID}, place" if found.ids else "place"), ""
    if isinstance(source.table, RecordLayout):
        return f"time, {everything}, place", ""
    if found.ids:
        return f"time, {_ID}, {everything}, place", ""
    ranks = {EventKind.DID: 0, EventKind.RESTART: 0, EventKind.ENTER: 1, EventKind.CONNECT: 3}
    ranks |= {EventKind.ANSWERED_END: 4, EventKind.UNANSWERED_END: 4}
    rank = " ".join(f"WHEN {_text(e.name)} THEN {ranks[e.kind]}" for e in source.events if e.kind in ranks)
    within = (
        ", COALESCE(BOOL_OR(event = 'ENTERQUEUE') OVER (PARTITION BY time, callid, queue), FALSE) AS begins, "
        f"CASE event {rank} ELSE 2 END AS rank"
    )
    return f"time, begins, rank, {everything}, place", within


def repaired(text: str) -> str:
    """Return a text that was written as UTF-8 through a connection of another code as it was meant; any other as is."""
    try:
        return text.encode("cp1252", errors="callcenter-byte").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return text


def _byte(error: UnicodeError) -> tuple[bytes, int]:
    """What cp1252 has no letter for, MySQL keeps as the control character of the same number."""
    if isinstance(error, UnicodeEncodeError):
        held = error.object[error.start : error.end]
        if all(ord(character) < 0x100 for character in held):
            return held.encode("latin-1"), error.end
    raise error


codecs.register_error("callcenter-byte", _byte)


def _layout(source: LogSource) -> TableLayout | RecordLayout:
    if source.table is None:
        raise ValueError(f"{source.name} is no table")
    return source.table


def _instance(folder: Path) -> duckdb.DuckDBPyConnection:
    """A DuckDB instance for one question, within little memory: what does not fit goes to the folder."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1, "memory_limit": "400MB", "temp_directory": str(folder / "spill-rows"),
        "autoinstall_known_extensions": "false", "autoload_known_extensions": "false",
    }  # fmt: skip
    connection = duckdb.connect(":memory:", config=config)
    connection.execute("SET enable_progress_bar = false")
    return connection


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[int, ...]:
    row: Iterable[int] = connection.execute(sql).fetchone() or ()
    return tuple(row)


def _parquet(path: Path) -> str:
    return f"read_parquet({_text(path)})"


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
