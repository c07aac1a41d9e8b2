"""Tables into the raw store: rows of a database as a Parquet file of their own, a dump as it is; and out as lines.

Each pull is a file of its own, so that pulls that overlap are like rotated copies of one log: a line counts as often as
it stands in the one that has it most often. It begins an overlap before the newest row known of its connection, and
always with a whole second. Rows of the second under way are left for the next pull.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from etl.lines import Progress, no_progress
from etl.readers.databases import DatabaseRefused, open_table
from etl.readers.lines import Slab
from etl.readers.sql_dump import Dump, DumpRefused, read_dump, write_rows
from etl.readers.table_rows import (
    PARQUET_START,
    RowsKept,
    RowWriter,
    are_known,
    columns_of,
    filled_columns,
    ids_of,
    keep_rows,
    read_clock,
    row_slabs,
)
from etl.readers.table_zone import Clock, offset_text
from etl.records.engine import transaction
from etl.records.models import Load, LogFile
from etl.schema import Lane, LogSource
from etl.settings import Database, Settings, zone_offset

#: A row this much younger than the clock of this machine may not be the last of its second; one further ahead is of
#: another clock, and taken as it is.
_UNDER_WAY_SECONDS = (1, 60)
_NOWHERE = (1, 0)
#: A record of a call tells when it began and is written when it ends: so far back a pull looks for those that went on.
_CALL_SECONDS = 86400
#: How the refusal of a load begins that was in service and was taken out again.
UNDONE = "se deshizo el "


class PullRefused(Exception):
    """A table is not taken in; the message says why and what to do. Nothing was loaded from it."""


@dataclass(frozen=True)
class Pulled:
    """What is ready to be landed: the file, its digest, whose it is, what it holds, and what users are told of it.

    ``known`` is the load that holds the same rows already; then there is nothing to land.
    """

    path: Path
    source: LogSource
    name: str
    head: str
    kept: RowsKept
    offset: int
    held: int
    notes: tuple[str, ...] = ()
    known: int | None = None


def head_of(database: Database) -> str:
    """Return what the pulls of a connection are known by in the manifest."""
    return hashlib.sha256(f"database {database.name}".encode()).hexdigest()


def last_load(session: Session, database: Database, pbx: str, *, refused: bool = False) -> Load | None:
    """Return the pull of a connection that reaches furthest, or with `refused` the newest one whatever became of it."""
    query = select(Load).join(LogFile, LogFile.file_id == Load.file_id)
    query = query.where(LogFile.head_sha256 == head_of(database), LogFile.pbx == pbx, LogFile.head_bytes == 0)
    if refused:
        return session.scalars(query.order_by(Load.load_id.desc()).limit(1)).first()
    query = query.where(Load.state != "refused")
    return session.scalars(query.order_by(Load.last_epoch.desc(), Load.load_id.desc()).limit(1)).first()


def was_undone(session: Session, database: Database, settings: Settings) -> bool:
    """Tell whether the newest pull of a connection was taken out: then it is read when somebody names it."""
    last = last_load(session, database, database.pbx or settings.pbx, refused=True)
    return last is not None and last.state == "refused" and (last.refusal or "").startswith(UNDONE)


@contextmanager
def pulled(
    database: Database, pbx: str, records: Engine, settings: Settings, *, now: datetime, latest_epoch: int,
    raw: Path, progress: Progress = no_progress,
) -> Iterator[Pulled]:  # fmt: skip
    """Read what is new of a connection's table into a file that is there as long as the context. Raises PullRefused.

    `raw` is where the raw store of the last pull lies. Cancelled may come out of the progress.
    """
    with transaction(records) as session:
        last = last_load(session, database, pbx)
        before = (last.load_id, last.sha256, last.last_epoch, last.utc_offset) if last is not None else None
    with _scratch(settings) as folder:
        zone = zone_offset(database.zone)
        offset = zone if zone is not None else (before[3] if before else None)
        draft, path = folder / "draft.parquet", folder / "rows.parquet"
        try:
            with open_table(database) as table:
                name = f"{database.name} (tabla {table.where})"
                source, widths = table.source, table.widths
                if source.table is None:
                    raise ValueError(f"{source.name} is no table")
                overlap = max(database.overlap_seconds, _CALL_SECONDS if source.lane is Lane.RECORDS else 0)
                since = before[2] - overlap if before and offset is not None else None
                writer = RowWriter(draft, source.table)
                try:
                    for columns in table.rows(since, offset):
                        writer.write(columns)
                        progress(f"{database.name}: {writer.rows} filas leídas", None)
                finally:
                    writer.close()
        except DatabaseRefused as error:
            raise PullRefused(str(error)) from None
        offset = _told_offset(draft, source, folder, zone, before[3] if before else None, database.name)
        second = int(now.replace(tzinfo=UTC).timestamp())
        under_way = (second - _UNDER_WAY_SECONDS[0], second + _UNDER_WAY_SECONDS[1])
        kept = keep_rows(draft, path, source, folder, offset=offset, latest_epoch=latest_epoch, but=under_way)
        known = None
        if before is not None and (old := _raw_path(raw, before[1])).exists() and are_known(path, old, folder):
            known = before[0]
        notes = [loss.text for loss in source.losses]
        if filled := [each for each in filled_columns(path, widths, folder) if each in columns_of(source.table)]:
            notes.append(f"hay textos que llenan su columna y pueden estar cortados ({', '.join(filled)})")
        held = writer.rows - kept.rows
        yield Pulled(path, source, name, head_of(database), kept, offset, held, tuple(notes), known)


@contextmanager
def dumped(path: Path, settings: Settings, *, latest_epoch: int) -> Iterator[Pulled]:
    """Read a dump as a build will read it, to tell what it holds. Raises PullRefused."""
    with _scratch(settings) as folder:
        draft, rows = folder / "draft.parquet", folder / "rows.parquet"
        try:
            dump = read_dump(path)
            write_rows(path, dump, draft)
        except DumpRefused as error:
            raise PullRefused(str(error)) from None
        offset = _told_offset(draft, dump.source, folder, zone_offset(settings.table_zone), None, None)
        kept = keep_rows(draft, rows, dump.source, folder, offset=offset, latest_epoch=latest_epoch, but=_NOWHERE)
        notes = tuple(loss.text for loss in dump.source.losses)
        yield Pulled(path, dump.source, dump.table, "", kept, offset, 0, notes)


def table_slabs(
    path: Path, source: LogSource, folder: Path, *, offset: int, latest_epoch: int, slab_bytes: int, line_limit: int
) -> Iterator[Slab]:
    """Yield slabs of the lines that a landed pull or dump stands for."""
    rows = _rows_of(path, folder, offset, latest_epoch)
    yield from row_slabs(rows, source, folder, offset=offset, slab_bytes=slab_bytes, line_limit=line_limit)


def row_ids(path: Path, folder: Path, places: Collection[int], *, offset: int, latest_epoch: int) -> dict[int, str]:
    """Return the ids of rows of a landed pull or dump by their line numbers."""
    return ids_of(_rows_of(path, folder, offset, latest_epoch), places, folder)


def _rows_of(path: Path, folder: Path, offset: int, latest_epoch: int) -> Path:
    """Return a file of rows in order: the landed one, or the one made of a dump, once a build."""
    with path.open("rb") as file:
        if file.read(len(PARQUET_START)) == PARQUET_START:
            return path
    rows = folder / f"dump-{path.name}.parquet"
    if not rows.exists():
        draft = rows.with_suffix(".draft")
        dump: Dump = read_dump(path)
        write_rows(path, dump, draft)
        keep_rows(draft, rows, dump.source, folder, offset=offset, latest_epoch=latest_epoch, but=_NOWHERE)
        draft.unlink(missing_ok=True)
    return rows


def _told_offset(
    draft: Path, source: LogSource, folder: Path, zone: int | None, before: int | None, name: str | None
) -> int:
    """Return how far the clock of what was read is ahead of UTC: as the settings say, or the calls do, or as before."""
    if zone is not None:
        return zone
    read = read_clock(draft, source, folder)
    if read.clock is None:  # every time says it itself
        return before or 0
    if not read.rows and before is None:
        return 0
    where = f'CALLCENTER_DATABASES ("zone", conexión «{name}»)' if name is not None else "CALLCENTER_TABLE_ZONE"
    return told_offset(read.clock, before, where, "la tabla")


def told_offset(clock: Clock, before: int | None, where: str, what: str) -> int:
    """Return the offset that a clock tells, or the one known before. Raises PullRefused, naming where to set it."""
    choose = f"indique en {where} cuál es: local (La Paz), utc o un desfase como -04:00"
    found = clock.offset if clock.offset is not None else clock.other
    if clock.other is not None or (before is not None and found is not None and found != before):
        raise PullRefused(
            f"la hora de {what} no es una sola: hay llamadas con otro desfase ({offset_text(found or 0)}); {choose}"
        )
    if clock.offset is not None:
        return clock.offset
    if before is not None:
        return before
    raise PullRefused(f"hay muy pocas llamadas ({clock.calls}) para saber en qué hora está {what}; {choose}")


@contextmanager
def _scratch(settings: Settings) -> Iterator[Path]:
    """A folder for as long as this takes, on the disk of the store; a build clears away what a killed one left."""
    folder = settings.warehouse / ".build-pull"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _raw_path(raw: Path, sha256: str) -> Path:
    return raw / sha256[:2] / sha256
