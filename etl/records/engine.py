"""The records' engine: opened with the pragmas that make a commit durable, upgraded to the code's revision."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.orm import Session

from etl.records.models import Record

#: The newest migration. A test compares it with the migrations' own head.
REVISION = "0002"
_MIGRATIONS = Path(__file__).parent / "migrations"


class RecordsError(Exception):
    """The records cannot be used; the message says why and what to do."""


def open_records(url: str) -> Engine:
    """Open the records at a SQLAlchemy URL, creating or upgrading their tables.

    SQLite: journal TRUNCATE with synchronous FULL (durable; no dependence on a library free of the WAL-reset bug),
    foreign keys on, ten seconds of patience, every transaction opened with BEGIN IMMEDIATE.
    Raises RecordsError when the records were written by a newer version of the product.
    """
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    with engine.connect() as connection:
        found = _revision(connection)
    if found is None:
        _create(engine)
    elif found < REVISION:
        upgrade(engine)
    elif found > REVISION:
        raise RecordsError(
            f"Los registros fueron escritos por una versión más nueva del sistema (revisión {found}, "
            f"esta versión conoce hasta {REVISION}): instale la versión nueva."
        )
    return engine


def _create(engine: Engine) -> None:
    """Create the tables of empty records at once, as the migrations would leave them (a test compares the two).

    Importing Alembic costs as much as loading a day; where there is anything to migrate, it is imported.
    """
    with engine.begin() as connection:
        if inspect(connection).has_table("alembic_version"):  # another process was quicker
            return
        Record.metadata.create_all(connection)
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": REVISION})


def upgrade(engine: Engine) -> None:
    """Run the migrations that are missing."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """One short transaction: committed at the end of the block, rolled back on an error."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("busy_timeout = 10000", "journal_mode = TRUNCATE", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
