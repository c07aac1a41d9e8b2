"""A table of a database that holds a log: the connection and its layout in, batches of rows as text out.

Only reads: one SELECT in a read-only transaction, with a cursor on the server's side, without a sort there. What goes
wrong is told in words for users, in which neither password nor user stands. MariaDB, MySQL and PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Integer,
    MetaData,
    String,
    Table,
    cast,
    create_engine,
    inspect,
    null,
    select,
)
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.types import TIMESTAMP, LargeBinary, TypeEngine

from etl.readers.table_rows import columns_of, text_of
from etl.schema import LogSource, Lookup, RecordLayout, TableLayout
from etl.settings import Database
from etl.sources import TABLES

_BATCH_ROWS = 10_000
_CONNECT_SECONDS = 15
_READ_SECONDS = 600
#: The driver of each family of addresses.
_DRIVERS = {"mysql": "mysql+pymysql", "mariadb": "mysql+pymysql", "postgresql": "postgresql+psycopg"}
#: What servers call it when the charset of a connection is unknown to them: MySQL before 5.5.3 has no utf8mb4.
_UNKNOWN_CHARSET = 1115
_WRONG_PASSWORD, _NO_DATABASE = frozenset({1044, 1045, 1698}), 1049
_NO_RIGHT = frozenset({1142, 1143, 1227})
_AWAY = frozenset({2002, 2003, 2005, 2006, 2013})
_SQLSTATES = {
    "28P01": "password",
    "28000": "password",
    "3D000": "database",
    "42501": "right",
}
#: MySQL from 5.6.5 and MariaDB from 10.0 know a read-only transaction; older ones say that this is no SQL.
_SYNTAX = 1064


class DatabaseRefused(Exception):
    """A table is not read; the message says why and what to do, without a secret."""


@dataclass(frozen=True)
class OpenTable:
    """A table that was found to hold a log: its layout, where it lies, the widths of its text columns."""

    connection: Connection
    source: LogSource
    table: Table
    where: str
    widths: dict[str, int]

    def rows(self, since: int | None, offset: int | None) -> Iterator[list[Sequence[object]]]:
        """Yield batches of rows, as columns, from an instant on; of everything where there is none."""
        layout = _layout_of(self.source)
        found = {name: _column(self.table, aliases) for name, aliases in layout.roles.items()}
        wanted = [_as_read(found[name]) for name in columns_of(layout)]
        query = select(*(column.label(f"c{place}") for place, column in enumerate(wanted)))
        time = found["time"]
        if since is not None and time is not None:
            query = query.where(self._from(time, since, offset or 0))
        looked_up = [(columns_of(layout).index(role), self._texts(lookup)) for role, lookup in layout.lookups]
        result = self.connection.execution_options(stream_results=True, yield_per=_BATCH_ROWS).execute(query)
        try:
            for part in result.partitions():
                columns: list[Sequence[object]] = list(zip(*part, strict=True))
                for place, known in looked_up:
                    columns[place] = [_looked_up(value, known) for value in columns[place]]
                yield columns
        finally:
            if self.connection.dialect.name == "postgresql":
                result.close()  # of MySQL that would read all the rest

    def _texts(self, lookup: Lookup) -> dict[str, str]:
        """Return the texts of a lookup table by their numbers."""
        table = _reflected(self.connection, lookup.table, self.table.schema)
        key, text = _column(table, lookup.key), _column(table, lookup.text)
        if key is None or text is None:
            raise DatabaseRefused(
                f"a la tabla {lookup.table} le faltan las columnas {lookup.key[0]} o {lookup.text[0]}"
            )
        rows = self.connection.execute(select(key, text))
        return {str(number): text_of(value) or "" for number, value in rows}

    def _from(self, time: Column[Any], since: int, offset: int) -> ColumnElement[bool]:
        """The condition for rows from an instant on, in the kind of time that the column holds."""
        if isinstance(time.type, (Integer, BigInteger)):
            return time >= since
        local = datetime.fromtimestamp(since + offset, UTC)
        if isinstance(time.type, (DateTime, TIMESTAMP)):
            if time.type.timezone:
                return time >= datetime.fromtimestamp(since, UTC)
            return time >= local.replace(tzinfo=None)
        some = self.connection.execute(select(time).where(time.is_not(None)).limit(1)).scalar()
        if (text_of(some) or "").partition(".")[0].isdigit():
            return time >= str(since)
        return time >= f"{local:%Y-%m-%d %H:%M:%S}"


@contextmanager
def open_table(database: Database) -> Iterator[OpenTable]:
    """Connect, find the table and its layout, and begin to read. Raises DatabaseRefused, also for what fails later."""
    engine, where = _engine(database)
    try:
        with _connected(engine) as connection:
            source, table = _find(connection, database.table)
            widths = {
                name: column.type.length
                for name, aliases in _layout_of(source).roles.items()
                if (column := _column(table, aliases)) is not None
                and isinstance(column.type, String) and column.type.length and name not in ("id", "time")
            }  # fmt: skip
            yield OpenTable(connection, source, table, f"{table.name} de {where}", widths)
    except DBAPIError as error:
        raise DatabaseRefused(_told(error, where)) from None
    except SQLAlchemyError as error:
        raise DatabaseRefused(f"no se puede leer la base de datos ({where}: {type(error).__name__})") from None
    finally:
        engine.dispose()


def find_layout(columns: Sequence[str]) -> LogSource | None:
    """Tell by its columns which layout a table has, None where it holds no log."""
    names = {column.casefold() for column in columns}
    for source in TABLES:
        layout = _layout_of(source)
        needed = [layout.roles[role] for role in layout.needed]
        if all(names.intersection(aliases) for aliases in needed) and names.issuperset(layout.markers):
            return source
    return None


def column_named(names: Sequence[str], aliases: Sequence[str]) -> int | None:
    """Return the place of the column that has one of these names."""
    folded = [name.casefold() for name in names]
    return next((folded.index(alias) for alias in aliases if alias in folded), None)


def roles_of(source: LogSource) -> dict[str, tuple[str, ...]]:
    """Return what each column of a layout may be called, by the name it has here."""
    return _layout_of(source).roles


def _engine(database: Database) -> tuple[Engine, str]:
    try:
        url = make_url(database.url.get_secret_value())
        driver = _DRIVERS[url.get_backend_name()]
    except (ArgumentError, KeyError, NoSuchModuleError):
        raise DatabaseRefused(
            f"la dirección de «{database.name}» no se entiende: escriba mysql://USUARIO:CLAVE@SERVIDOR/BASE o "
            "postgresql://USUARIO:CLAVE@SERVIDOR/BASE en CALLCENTER_DATABASES"
        ) from None
    where = f"{url.host or 'localhost'}/{url.database or ''}"
    return _new_engine(url.set(drivername=driver)), where


def _new_engine(url: URL) -> Engine:
    waits: dict[str, Any] = {"connect_timeout": _CONNECT_SECONDS}
    if url.get_backend_name() == "mysql":
        waits |= {"read_timeout": _READ_SECONDS}
    return create_engine(url, connect_args=waits, pool_size=1, max_overflow=0, hide_parameters=True)


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    """A connection in a read-only transaction; to a server that lacks utf8mb4 with what it has."""
    try:
        connection = engine.connect()
    except DBAPIError as error:
        if _code(error) != _UNKNOWN_CHARSET or "charset" in engine.url.query:
            raise
        engine = _new_engine(engine.url.update_query_dict({"charset": "utf8"}))
        connection = engine.connect()
    with connection:
        if engine.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            connection.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")
        else:
            _begin_read_only(connection)
        try:
            yield connection
        except BaseException:
            if engine.dialect.name == "mysql":
                _leave(connection)
            raise
        connection.rollback()


def _leave(connection: Connection) -> None:
    """Cut a connection to MySQL: its driver would read all the rest before it closes, and nobody waits for that."""
    result = getattr(connection.connection.driver_connection, "_result", None)
    if result is not None:
        result.unbuffered_active = False
    connection.invalidate()


def _begin_read_only(connection: Connection) -> None:
    try:
        connection.exec_driver_sql("START TRANSACTION READ ONLY")
    except DBAPIError as error:
        if _code(error) != _SYNTAX:
            raise
        connection.exec_driver_sql("START TRANSACTION")


def _find(connection: Connection, wanted: str) -> tuple[LogSource, Table]:
    """Find the table that is named, or else the first of a known layout, the one of the most facts first."""
    there = inspect(connection).get_table_names()
    if wanted:
        schema, _, name = wanted.rpartition(".")
        if not schema and wanted not in there:
            raise DatabaseRefused(f"no existe la tabla «{wanted}» en esa base, o el usuario no puede verla")
        tables = [_reflected(connection, name, schema or None)]
    else:
        usual = {name for source in TABLES for name in _layout_of(source).tables}
        tables = [_reflected(connection, name, None) for name in there if name.casefold() in usual]
    found = [(source, table) for table in tables if (source := find_layout(list(table.columns.keys()))) is not None]
    if not found and wanted:
        raise DatabaseRefused(
            f"la tabla «{wanted}» no tiene las columnas de un registro de colas (time, callid, queuename, agent, "
            "event, data o data1 a data5; en Asternic: uniqueid, datetime, qname, qagent, qevent)"
        )
    if not found:
        raise DatabaseRefused(
            "no hay en esa base una tabla queue_log, queuelog, queue_stats ni cdr: indique la tabla en "
            'CALLCENTER_DATABASES ("table")'
        )
    return min(found, key=lambda each: (each[0].rank, each[1].name))


def _reflected(connection: Connection, name: str, schema: str | None) -> Table:
    try:
        return Table(name, MetaData(), autoload_with=connection, schema=schema, resolve_fks=False)
    except DBAPIError:
        raise
    except SQLAlchemyError:
        raise DatabaseRefused(f"no existe la tabla «{name}» en esa base, o el usuario no puede verla") from None


def _column(table: Table, aliases: Sequence[str]) -> Column[Any] | None:
    place = column_named(list(table.columns.keys()), aliases)
    return None if place is None else list(table.columns)[place]


def _layout_of(source: LogSource) -> TableLayout | RecordLayout:
    if source.table is None:
        raise ValueError(f"{source.name} is no table")
    return source.table


def _as_read(column: Column[Any] | None) -> ColumnElement[Any]:
    """A column as the server writes it: no driver can read a date of zeros. Nothing, of a column that is not there."""
    if column is None:
        return null()
    kind: TypeEngine[Any] = column.type
    return column if isinstance(kind, (String, LargeBinary, Integer, BigInteger)) else cast(column, String(40))


def _looked_up(value: object, texts: dict[str, str]) -> str | None:
    """The text of a number; one that nothing is known of stands for itself."""
    number = text_of(value)
    return None if number is None else texts.get(number, number)


def _code(error: DBAPIError) -> int | None:
    """The number that MySQL gives an error."""
    said = error.orig.args if error.orig is not None else ()
    return said[0] if said and isinstance(said[0], int) else None


def _told(error: DBAPIError, where: str) -> str:
    """Say what a server's error means for whoever wrote the settings, in words of ours."""
    code = _code(error)
    state = getattr(error.orig, "sqlstate", None)
    said = str(error.orig)  # read, never shown: it names the user
    kind = _SQLSTATES.get(str(state), "")
    if code in _WRONG_PASSWORD or kind == "password" or "password authentication failed" in said:
        return f"{where} no acepta el usuario o la contraseña: revise la dirección en CALLCENTER_DATABASES"
    if code == _NO_DATABASE or kind == "database" or ("database" in said and "does not exist" in said):
        return f"no existe la base {where}: revise la dirección en CALLCENTER_DATABASES"
    if code in _NO_RIGHT or kind == "right":
        return f"el usuario no puede leer esa tabla de {where}: pida para él el permiso SELECT"
    if code == _UNKNOWN_CHARSET:
        return (
            f"{where} no conoce el juego de caracteres pedido (servidor anterior a MySQL 5.5.3): agregue "
            "?charset=latin1 a la dirección en CALLCENTER_DATABASES"
        )
    if (
        code in _AWAY
        or error.connection_invalidated
        or isinstance(error, InterfaceError)
        or (state is None and code is None)
    ):
        return f"no se puede conectar con {where}, o se cortó: revise que el servidor esté encendido y accesible"
    return f"{where} respondió con el error {code or state}: avise a quien administra esa base"
