"""Logs: what is new of a file that grows, was renamed or compressed, or a closed one whole."""

import hashlib
import os
import zlib
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Engine

from etl.known_logs import HEAD_BYTES, KnownLog, continued, is_same_beginning, known_logs
from etl.landing.pieces import file_infos
from etl.landing.raw_store import copy, copy_open, write
from etl.landing.received import DAMAGED, Contents, Landed, Reception, Refused, notes_of
from etl.landing.scanning import Scan, offset_of, scan_lines, scan_plain, stamps
from etl.readers.lines import is_gzip, open_text
from etl.records.engine import transaction
from etl.schema import LogSource
from etl.store import is_no_space
from etl.warehouse import digest as file_digest

#: How often a log that is cut off while it is read is read anew.
_TRIES = 3


def land_log(path: Path, source: LogSource, reception: Reception) -> Landed:
    """Land what is new of a log: from the point reached of a known one on, or the whole of another. Raises Refused."""
    for _ in range(_TRIES):
        with path.open("rb", buffering=0) as file:  # what is read twice may have changed
            head = file.read(HEAD_BYTES)
            if is_gzip(head):
                return _land_closed(path, source, reception)
            known = _continued(file, head, reception.records, reception.pbx)
            offset = offset_of(path, source, reception.settings, known.offset if known else None)
            with reception.draft() as draft:
                # By the file that is open: whatever takes its name meanwhile is another one.
                copy_open(file, draft, known.end if known else 0)
                if is_same_beginning(file, head):
                    return _land_growth(draft, head, known, source, offset, reception)
    raise Refused("el archivo se vació varias veces mientras se leía; vuelva a cargarlo")


def _continued(file: BinaryIO, head: bytes, records: Engine, pbx: str) -> KnownLog | None:
    """Find the log that a file goes on with or equals; the records are free again before the file is read."""
    with transaction(records) as session:
        logs = known_logs(session, head, pbx)
    return continued(file, logs)


def _land_growth(
    draft: Path, head: bytes, known: KnownLog | None, source: LogSource, offset: int | None, reception: Reception
) -> Landed:
    """Put what a draft holds, from the point reached of a known log on or a whole new one, into store and manifest."""
    scan = scan_plain(draft, stamps(source, offset, reception.latest))
    end, lines_before = (known.end, known.lines) if known else (0, 0)
    if scan.lines == 0:
        return Landed(None, lines_before, scan.held, known.load if known else None, source.name)
    if known is not None and scan.first_epoch is None:
        # Growth without one good line is set aside with its file, at the instant reached before.
        with transaction(reception.records) as session:
            scan.first_epoch = scan.last_epoch = file_infos(session)[known.file].last_epoch
    os.truncate(draft, scan.bytes)
    with draft.open("rb") as copied:
        copied.seek(max(0, scan.bytes - HEAD_BYTES))
        tail = hashlib.sha256(copied.read()).hexdigest()
    held = replace(
        _contents(scan, scan.sha256, scan.bytes, offset), first_byte=end, first_line=lines_before + 1, tail_sha256=tail
    )
    head = head[: scan.bytes]
    load = reception.keep(
        draft, source.name, held, head=(len(head), hashlib.sha256(head).hexdigest()), file=known.file if known else None
    )
    return Landed(load, scan.lines, scan.held, source=source.name, notes=notes_of(source))


def _land_closed(path: Path, source: LogSource, reception: Reception) -> Landed:
    """Land a compressed log: only the rest of one that was read in part before, else the file as it is."""
    with reception.draft() as draft, reception.draft("-rest") as rest:
        copy(path, draft, 0)
        size, digest = draft.stat().st_size, file_digest(draft)
        if (same := reception.same_closed(digest)) is not None:
            return same
        try:
            offset = offset_of(draft, source, reception.settings, None)
            with open_text(draft) as file:
                head = file.read(HEAD_BYTES)
                known = _continued(file, head, reception.records, reception.pbx)
                if known is not None:
                    file.seek(known.end)
                    write(file, rest)
                else:
                    file.seek(0)
                    scan = scan_lines(file, stamps(source, offset, reception.latest))
        except (OSError, EOFError, zlib.error) as error:
            if is_no_space(error):
                raise
            raise Refused(DAMAGED) from error
        if known is not None:
            return _land_growth(rest, head, known, source, offset, reception)
        if scan.lines == 0:
            return Landed(None, 0, scan.held, source=source.name)
        load = reception.keep(draft, source.name, _contents(scan, digest, size, offset))
    return Landed(load, scan.lines, scan.held, source=source.name, notes=notes_of(source))


def _contents(scan: Scan, sha256: str, size: int, offset: int | None) -> Contents:
    return Contents(sha256, size, scan.lines, scan.first_epoch, scan.last_epoch, scan.held, offset=offset)
