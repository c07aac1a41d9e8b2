"""What a backup is made of, as it is both written and brought back: records, pieces of the raw store, figures.

In: portable text, a piece, a warehouse. Out: records that hold what the text was made of, a piece that is what its name
says, the figures by which a restored store is compared with the saved one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Engine

from etl.records.engine import REVISION, engine_at, open_records, upgrade
from etl.records.portable import PortableError, TableText, describe_tables, read_tables
from etl.safekeeping.files import private_file
from etl.safekeeping.manifest import BackupError
from etl.settings import Settings
from etl.warehouse import Generation, open_generation

_BLOCK = 4 * 1024 * 1024


def fill_records(url: str, revision: str, folder: Path, tables: Mapping[str, TableText]) -> Engine:
    """Make records of a revision from portable text and return them, neither migrated nor opened for more.

    Raises PortableError when what came of it is not what the text was made of.
    """
    if revision == REVISION:
        engine = open_records(url)
    else:
        engine = engine_at(url)
        upgrade(engine, revision)
    try:
        with engine.begin() as connection:
            read_tables(connection, folder)
            check_tables(describe_tables(connection), tables)
    except BaseException:
        engine.dispose()
        raise
    return engine


def check_tables(found: Mapping[str, TableText], wanted: Mapping[str, TableText]) -> None:
    """Compare tables with what they should hold. Raises PortableError that names the first that differs."""
    for name in sorted({*found, *wanted}):
        if found.get(name) != wanted.get(name):
            raise PortableError(f"la tabla {name} no es la misma")


def copy_piece(source: Path, target: Path, sha256: str) -> None:
    """Copy a piece of the raw store and see on the way that it is what its name says. Raises BackupError."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = target.with_name(f".{sha256}")
    sha = hashlib.sha256()
    try:
        with source.open("rb") as file, private_file(draft) as out:
            while block := file.read(_BLOCK):
                sha.update(block)
                out.write(block)
            out.flush()
            os.fsync(out.fileno())
        if sha.hexdigest() != sha256:
            raise BackupError(f"{source} está dañado: no es el archivo que se recibió.")
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def figures_in_service(settings: Settings) -> tuple[Generation, dict[str, list[int]]]:
    """Return what is in service, and of it per table and month: calls, registered, answered, seconds waited.

    Raises WarehouseError where there are no figures.
    """
    generation, connection = open_generation(settings.warehouse, threads=settings.threads)
    try:
        figures: dict[str, list[int]] = {}
        for table in ("core.queue_visits", "core.line_calls", "core.calls"):
            rows = connection.execute(
                f"""SELECT year(entered_date), month(entered_date), CAST(SUM(calls) AS BIGINT),
                    CAST(SUM(CASE WHEN registered THEN calls ELSE 0 END) AS BIGINT),
                    CAST(SUM(CASE WHEN answered THEN calls ELSE 0 END) AS BIGINT),
                    CAST(SUM(COALESCE(wait_seconds, 0) * calls) AS BIGINT)
                FROM {table}_by_wait GROUP BY year(entered_date), month(entered_date) ORDER BY 1, 2"""
            ).fetchall()
            figures |= {f"{table} {year:04}-{month:02}": list(counts) for year, month, *counts in rows}
        return generation, figures
    finally:
        connection.close()
