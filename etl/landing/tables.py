"""Rows as closed files: pulls of databases, dumps of tables, details of calls that other systems export."""

import gzip
import zlib
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from etl.call_details import read_details
from etl.landing.raw_store import copy
from etl.landing.received import DAMAGED, NOBODY, Contents, Landed, Receiver, Reception, Refused, notes_of
from etl.lines import Progress, no_progress
from etl.pulls import Pulled, PullRefused, dumped, pulled
from etl.readers.found_table import UnreadableTable
from etl.schema import LogSource
from etl.settings import ZONE_OFFSET_SECONDS, Database, Settings, zone_offset
from etl.warehouse import digest as file_digest

_NO_INSTANT = "ninguna fila tiene un instante legible"


def land_pull(
    database: Database, records: Engine, settings: Settings, *, now: datetime, raw: Path | None = None,
    progress: Progress = no_progress, receiver: Receiver = NOBODY,
) -> Landed:  # fmt: skip
    """Pull what is new of a database's table into the raw store, with its row of the manifest. Raises Refused.

    Whoever pulls holds the warehouse's lock. `raw` is another raw store where the last pull lies. Cancelled comes from
    the progress, then there is nothing of it.
    """
    pbx = database.pbx or settings.pbx
    reception = Reception(records, settings, database.name, now, receiver, pbx)
    try:
        with pulled(
            database, pbx, records, settings, now=now, latest_epoch=reception.latest, raw=raw or settings.raw,
            progress=progress,
        ) as rows:  # fmt: skip
            if rows.known is not None or not rows.kept.rows:
                return Landed(None, rows.kept.rows, 0, rows.known, rows.source.name, rows.name)
            reception = Reception(records, settings, rows.name, now, receiver, pbx)
            return _land_rows(rows, rows.path, file_digest(rows.path), reception)
    except PullRefused as refusal:
        raise Refused(str(refusal)) from None


def land_dump(path: Path, reception: Reception) -> Landed:
    """Land a dump as it is, a closed file of the rows of its table. Raises Refused."""
    with reception.draft() as draft:
        copy(path, draft, 0)
        digest = file_digest(draft)
        if (same := reception.same_closed(digest)) is not None:
            return same
        try:
            with dumped(draft, reception.settings, latest_epoch=reception.latest) as rows:
                if not rows.kept.rows:
                    raise Refused(f"la tabla {rows.name} del volcado no tiene filas: vuélquela con sus datos")
                return _land_rows(rows, draft, digest, reception)
        except PullRefused as refusal:
            raise Refused(str(refusal)) from None
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise Refused(DAMAGED) from error


def _land_rows(rows: Pulled, path: Path, digest: str, reception: Reception) -> Landed:
    """Put rows of a table, or the dump they lie in, into the raw store and the manifest."""
    kept = rows.kept
    if kept.first_epoch is not None and (same := reception.same_closed(digest)) is not None:
        return same
    held = Contents(
        digest, path.stat().st_size, kept.rows, kept.first_epoch, kept.last_epoch, offset=rows.offset
    )  # fmt: skip
    head = (0, rows.head or digest)
    load = reception.keep(path, rows.source.name, held, head=head, nothing=_NO_INSTANT)
    return Landed(load, kept.rows, 0, None, rows.source.name, reception.name, rows.notes)


def land_details(path: Path, source: LogSource, reception: Reception) -> Landed:
    """Land a file of details of calls as it is: a closed file, whose rows are its lines. Raises Refused."""
    with reception.draft() as draft:
        copy(path, draft, 0)
        digest = file_digest(draft)
        if (same := reception.same_closed(digest)) is not None:
            return same
        zone = zone_offset(reception.settings.table_zone)
        offset = ZONE_OFFSET_SECONDS if zone is None else zone  # no row says more
        try:
            found = read_details(draft, source, offset=offset, latest_epoch=reception.latest)
        except UnreadableTable as error:
            raise Refused(error.text) from None
        held = Contents(
            digest, draft.stat().st_size, found.rows, found.first_epoch, found.last_epoch, offset=offset
        )  # fmt: skip
        load = reception.keep(draft, source.name, held, nothing=_NO_INSTANT)
    return Landed(load, found.rows, 0, source=source.name, notes=notes_of(source))
