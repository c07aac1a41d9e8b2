"""The records as text that either database takes in: a file of JSON lines for each table.

In: a connection to records, whole and still for as long as this takes (a transaction of its own). Out: the files, how
many rows each has and the SHA-256 of its text; the same rows give the same text on SQLite and on PostgreSQL. Or the
way back: files in, rows out. The first line of a file names the columns; each further one is a row, by primary key.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Column, Connection, Date, DateTime, MetaData, Table, Text, cast, func, select, text

from etl.records.engine import REVISION
from etl.records.models import Record

_ENDING = ".jsonl.gz"
_AT_ONCE = 1000
_REVISION = "alembic_version"


@dataclass(frozen=True)
class TableText:
    """How many rows a table has, and the SHA-256 of its text."""

    rows: int
    sha256: str


class PortableError(Exception):
    """Files that do not fit the tables; the message says which."""


def write_tables(connection: Connection, folder: Path) -> dict[str, TableText]:
    """Write every table into a folder; return what each holds."""
    written = {}
    for table in tables_of(connection):
        path = folder / f"{table.name}{_ENDING}"
        with (
            os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
            gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as packed,
        ):
            written[table.name] = _digest(_lines(connection, table), packed)
    return written


def describe_tables(connection: Connection) -> dict[str, TableText]:
    """Return what every table holds, without writing it anywhere."""
    return {table.name: _digest(_lines(connection, table)) for table in tables_of(connection)}


def read_tables(connection: Connection, folder: Path) -> None:
    """Fill the empty tables from the files of a folder. Raises PortableError when they are not each other's."""
    tables = tables_of(connection)
    found = {path.name.removesuffix(_ENDING) for path in folder.glob(f"*{_ENDING}")}
    if found != {table.name for table in tables}:
        raise PortableError(f"tablas {', '.join(sorted(found ^ {table.name for table in tables}))}")
    for table in tables:
        with gzip.open(folder / f"{table.name}{_ENDING}", "rt", encoding="utf-8") as file:
            _fill(connection, table, file)
        _count_on(connection, table)


def tables_of(connection: Connection) -> Sequence[Table]:
    """Return the tables of the records as this database has them, none before one that it refers to.

    Of another revision they are asked of the database itself, as is only done with records just made from a backup.
    """
    if connection.scalar(text(f"SELECT version_num FROM {_REVISION}")) == REVISION:
        return _own_tables()
    metadata = MetaData()
    metadata.reflect(connection)
    return _with_nulls(metadata)


@cache  # made once, and so is what SQLAlchemy compiles for them
def _own_tables() -> Sequence[Table]:
    metadata = MetaData()
    for table in Record.metadata.sorted_tables:  # copies: a type of theirs is replaced
        table.to_metadata(metadata)
    return _with_nulls(metadata)


def _with_nulls(metadata: MetaData) -> Sequence[Table]:
    """Return the tables, in which a missing value is told from JSON's own null."""
    tables = tuple(table for table in metadata.sorted_tables if table.name != _REVISION)
    for column in (column for table in tables for column in table.columns):
        if isinstance(column.type, JSON):
            column.type = JSON(none_as_null=True)
    return tables


def _lines(connection: Connection, table: Table) -> Iterator[bytes]:
    names = sorted(column.name for column in table.columns)  # a migration appends what a model has in its place
    columns = [_as_text(table.columns[name]) for name in names]
    yield _line(names)
    # In pieces: the audit of years must not be in memory at once.
    asked = select(*columns).order_by(*table.primary_key).execution_options(yield_per=_AT_ONCE)
    rows = connection.execute(asked)
    for row in rows:
        yield _line(list(row))


def _as_text(column: Column[Any]) -> Any:
    return cast(column, Text).label(column.name) if isinstance(column.type, JSON) else column


def _line(values: list[Any]) -> bytes:
    return _JSON.encode(values).encode() + b"\n"


def _plain(value: object) -> object:
    if isinstance(value, date):  # datetime too
        return value.isoformat()
    raise PortableError(f"un valor de tipo {type(value).__name__}")


_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)


def _digest(lines: Iterator[bytes], out: gzip.GzipFile | None = None) -> TableText:
    sha, number = hashlib.sha256(), -1  # the first line names the columns
    for line in lines:
        sha.update(line)
        number += 1
        if out is not None:
            out.write(line)
    return TableText(number, sha.hexdigest())


def _fill(connection: Connection, table: Table, lines: Iterator[str]) -> None:
    names = json.loads(next(lines, "[]"))
    if set(names) != set(table.columns.keys()):
        raise PortableError(f"columnas de {table.name}")
    typed = {name: read for name in names if (read := _reader(table.columns[name])) is not None}
    while batch := [dict(zip(names, json.loads(line), strict=True)) for line in islice(lines, _AT_ONCE)]:
        for row in batch:
            for name, read in typed.items():
                if row[name] is not None:
                    row[name] = read(row[name])
        connection.execute(table.insert(), batch)


def _reader(column: Column[Any]) -> Callable[[str], Any] | None:
    """Return what makes of a text the value of a column that JSON has no word for."""
    if isinstance(column.type, JSON):
        return lambda words: JSON.NULL if (found := json.loads(words)) is None else found
    if isinstance(column.type, DateTime):
        return datetime.fromisoformat
    return date.fromisoformat if isinstance(column.type, Date) else None


def _count_on(connection: Connection, table: Table) -> None:
    """Let PostgreSQL's own numbers go on after the rows that brought theirs along."""
    if connection.dialect.name != "postgresql":
        return
    for column in table.primary_key:
        sequence = connection.scalar(
            text("SELECT pg_get_serial_sequence(:name, :column)"), {"name": table.name, "column": column.name}
        )
        last = connection.scalar(select(func.max(column)))
        if sequence is not None and last is not None:
            connection.execute(text("SELECT setval(:sequence, :last)"), {"sequence": sequence, "last": last})
