"""The records' engine: opened so that a commit is durable and one transaction follows another, upgraded to the code.

In: a SQLAlchemy URL, of SQLite or of PostgreSQL. Out: an engine, and transactions that behave alike on both.
"""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.orm import Session

from etl.records.models import Record

#: The newest migration. A test compares it with the migrations' own head.
REVISION = "0006"
_MIGRATIONS = Path(__file__).parent / "migrations"
_PATIENCE_SECONDS = 10
#: PostgreSQL's name for "whoever changes the records": any number that nothing else in the database locks.
_TURN = 7_120_250_120


class RecordsError(Exception):
    """The records cannot be used; the message says why and what to do."""


def open_records(url: str) -> Engine:
    """Open the records at a SQLAlchemy URL, creating or upgrading their tables.

    SQLite: journal TRUNCATE with synchronous FULL (durable; no dependence on a library free of the WAL-reset bug),
    foreign keys on, ten seconds of patience, every transaction opened with BEGIN IMMEDIATE; a new file is its owner's
    alone. Raises RecordsError when they cannot be reached or were written by a newer version of the product.
    """
    engine = engine_at(url)
    try:
        keep_private(engine)
        found = revision_of(engine)
        if found is None:
            _create(engine)
        elif found < REVISION:
            upgrade(engine)
        elif found > REVISION:
            raise RecordsError(
                f"Los registros fueron escritos por una versión más nueva del sistema (revisión {found}, "
                f"esta versión conoce hasta {REVISION}): instale la versión nueva."
            )
    except BaseException:
        engine.dispose()
        raise
    return engine


def engine_at(url: str) -> Engine:
    """Return an engine for the records at a URL, as they are: nothing is created or upgraded. Raises RecordsError."""
    engine = reading_engine_at(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    return engine


def reading_engine_at(url: str) -> Engine:
    """Return the same for whoever only reads, which keeps no writer waiting. Raises RecordsError."""
    try:
        parsed = make_url(url)
        more: dict[str, Any] = {}
        if parsed.get_backend_name() == "postgresql":  # a connection that a restart of the server cut is replaced
            more = {"pool_pre_ping": True, "connect_args": {"connect_timeout": _PATIENCE_SECONDS}}
        return create_engine(parsed, **more)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise RecordsError(
            "La dirección de los registros (CALLCENTER_RECORDS_URL) no sirve: escriba "
            "postgresql+psycopg://usuario:clave@servidor/base, o quítela para usar SQLite."
        ) from error


def shown_url(url: URL) -> str:
    """Return where a database is, as it may be shown: a password may stand in its query as well as before its host."""
    bare = URL.create(url.drivername, host=url.host, port=url.port, database=url.database)
    return bare.render_as_string()


def revision_of(engine: Engine) -> str | None:
    """Return the revision that the tables are at, None where there are none. Raises RecordsError."""
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            return found
    except DBAPIError as error:
        reason = str(error.orig).strip().partition("\n")[0]
        raise RecordsError(f"No se pueden abrir los registros en {shown_url(engine.url)}: {reason}") from error


def keep_private(engine: Engine) -> None:
    """Make the file of new SQLite records before SQLite does, readable by its owner only; its journal follows it."""
    name = engine.url.database
    if engine.dialect.name == "sqlite" and name and name != ":memory:" and not name.startswith("file:"):
        with contextlib.suppress(OSError):  # there already; or not to be made, which SQLite tells better
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _create(engine: Engine) -> None:
    """Create the tables of empty records at once, as the migrations would leave them (a test compares the two).

    Importing Alembic costs as much as loading a day; where there is anything to migrate, it is imported.
    """
    with engine.begin() as connection:
        _take_turn(connection)
        if inspect(connection).has_table("alembic_version"):  # another process was quicker
            return
        create_tables(connection)


def create_tables(connection: Connection) -> None:
    """Create the tables of the code's revision in an empty database. The caller commits."""
    Record.metadata.create_all(connection)
    connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": REVISION})


def upgrade(engine: Engine, to: str = "head") -> None:
    """Run the migrations that are missing, up to a revision."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:
        _take_turn(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, to)


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """One short transaction: committed at the end of the block, rolled back on an error.

    One follows another, on either database: what a transaction has read, no other changes before it ends. So "is it
    there already?" and the row that follows from the answer belong into one.
    """
    with Session(engine, expire_on_commit=False) as session, session.begin():
        if engine.dialect.name == "postgresql":
            _take_turn(session.connection())
        yield session


def _take_turn(connection: Connection) -> None:
    """Do on PostgreSQL what BEGIN IMMEDIATE does on SQLite; freed by the end of the transaction, or of its process."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_PATIENCE_SECONDS}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_TURN})")


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_PATIENCE_SECONDS * 1000}")
    for pragma in ("journal_mode = TRUNCATE", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
