"""The raw store: files in, immutable pieces by SHA-256 out, each with a row in the manifest.

A plain log is taken up to its last whole line; when the same file has grown, only the growth is landed as a further
piece (``etl.known_logs`` tells which file it is). A gzip file is closed: it is one piece, as it is; but of a log that
was read in part before it was compressed, only the rest is. A dump of a table is one piece, and so are the rows pulled
from one (``etl.pulls``), and the details of calls and the totals that other systems export (``etl.call_details``,
``etl.exports``).
"""

import gzip
import hashlib
import os
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from etl.call_details import detail_slab, names_details, read_details, source_of
from etl.draft import LogFileInfo
from etl.export_pieces import ExportPiece, span_of
from etl.export_tables import begins_as_report
from etl.exports import NOTHING_TOLD, Export, Told, read_export
from etl.faults import reach
from etl.known_logs import HEAD_BYTES, KnownLog, continued, is_same_beginning, known_logs
from etl.lines import Piece, Progress, no_progress
from etl.pulls import Pulled, PullRefused, dumped, pulled, row_ids, table_slabs, told_offset
from etl.readers import call_records
from etl.readers.found_table import MOST_BYTES, UnreadableTable
from etl.readers.lines import BLOCK_BYTES, LineFeed, Slab, blocks, is_gzip, open_text
from etl.readers.sniff import sniff
from etl.readers.sql_dump import looks_like_dump
from etl.readers.tables import is_table_file, read_tables
from etl.records.audit import SYSTEM, Actor
from etl.records.engine import transaction
from etl.records.models import Load, LogFile
from etl.schema import Lane, LogSource
from etl.settings import ZONE_OFFSET_SECONDS, Database, Settings, zone_offset
from etl.sources import CDR, QUEUE_LOG, SOURCES
from etl.sources.exports import EXPORTS
from etl.store import is_no_space
from etl.warehouse import digest as file_digest
from etl.warehouse import sync_folder

_LINE_SHOWN_BYTES = 64 * 1024
#: How often a log that is cut off while it is read is read anew.
_TRIES = 3
_LAST_BYTES = 16 * 1024
_RECOGNISED_LINES = 200
#: Lines of a delimited text among which the titles of its columns are looked for.
_TITLE_LINES = 20
_RECORD_SLAB_BYTES = 32 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
#: How far a file is searched for a first good line, past the hole that a crash or a cut left at its beginning.
_RECOGNISED_BYTES = 256 * 1024 * 1024
#: Codes of a text that is no table at all: then what is said of it is that it is no log.
_NO_TABLE = (
    "no_table",
    "no_columns",
    "not_text",
    "quote",
    "truncated",
    "empty",
    "kind",
    "too_large",
    "damaged",
    "html_page",
)
_DAMAGED = "el archivo comprimido está cortado o dañado; vuelva a copiarlo"
_DAY_SECONDS = 86400


#: Tells the epoch of a line, or None.
_Stamp = Callable[[bytes], int | None]


class Refused(Exception):
    """A file is not taken in; the message says why and what to do. Nothing was loaded from it."""


class Undecided(Refused):
    """A file of which no more was to be read tells nothing in its beginning."""


@dataclass(frozen=True)
class Receiver:
    """For whom files are received: who, as the audit names them, and the worker's job where one does it."""

    actor: Actor = SYSTEM
    job: int | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """Return what a load's row keeps of it."""
        return {"landed_by": asdict(self.actor), "job_id": self.job}


NOBODY = Receiver()


@dataclass(frozen=True)
class Landed:
    """What landing a file led to: a new piece (``load``), or nothing new (its lines are known or still unfinished).

    ``known`` is the last piece of a file that brought nothing new. ``source`` is what it was recognised as, ``name``
    and ``notes`` what users are told of a table.
    """

    load: int | None
    lines: int
    held: int
    known: int | None = None
    source: str = QUEUE_LOG.name
    name: str = ""
    notes: tuple[str, ...] = ()


@dataclass
class _Scan:
    """What one pass over the bytes of a piece tells; of a plain one also its digest."""

    sha256: str = ""
    bytes: int = 0
    lines: int = 0
    held: int = 0
    first_epoch: int | None = None
    last_epoch: int | None = None


def recognise(path: Path, *, latest_epoch: int, within: int = _RECOGNISED_BYTES) -> LogSource | None:
    """Tell by content which source a file is of, None of a dump of tables, which say it themselves.

    Raises Refused for an empty, unreadable or unknown file. No more than `within` of its bytes are read (unpacked
    ones): Undecided where there are more, and those tell nothing.
    """
    try:
        with open_text(path) as file:
            lines, empty = _first_lines(file, within)
            more = len(lines) < _RECOGNISED_LINES and bool(file.read(1))
    except FileNotFoundError as error:
        raise Refused("no existe el archivo") from error
    except PermissionError as error:
        raise Refused("no hay permiso para leer el archivo") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Refused(_DAMAGED) from error
    except OSError as error:
        raise Refused(f"no se puede leer ({error.strerror or error}); vuelva a copiar el archivo") from error
    if empty:
        raise Refused("el archivo está vacío (0 bytes)")
    if looks_like_dump(b"\n".join(lines)):
        return None
    events = sum(line.count(b"|") >= 4 and _epoch(line, QUEUE_LOG, latest_epoch) is not None for line in lines)
    records = sum(bool(call_records.fields_of(line)) for line in lines)
    if events or records:
        return QUEUE_LOG if events >= records else CDR
    if (found := _recognised_details(path, lines)) is not None:
        return found
    if more:
        raise Undecided("el comienzo del archivo no tiene eventos")
    if not lines:
        raise Refused("el archivo no tiene eventos: solo líneas en blanco")
    raise Refused(
        f"no es un queue_log: 0 de {len(lines)} líneas tienen la forma «instante|llamada|cola|operador|EVENTO|…»; "
        "revise que sea el archivo queue_log de Asterisk"
    )


def _recognised_details(path: Path, lines: Sequence[bytes]) -> LogSource | None:
    """Tell which details of calls a file holds: read as a table where that is what it seems to be."""
    with path.open("rb") as file:
        start = file.read(HEAD_BYTES)
    if not is_gzip(start) and sniff(start).could_be_log:
        texts = [line.decode("utf-8", errors="replace").replace("\0", "") for line in lines[:_TITLE_LINES]]
        split = (re.split(r"[;,\t]", text) for text in texts)
        if not any(names_details([cell.strip('" ') for cell in cells]) for cells in split):
            return None
    try:
        return source_of(read_tables(path))
    except UnreadableTable:
        return None


def _first_lines(file: BinaryIO, within: int) -> tuple[list[bytes], bool]:
    """Return the beginnings of the first lines that are not blank, and whether there is no byte at all."""
    lines: list[bytes] = []
    carry, empty = b"", True
    for block in blocks(file, within):
        empty = False
        *whole, rest = (carry + block).split(b"\n")
        lines += [line[:_LINE_SHOWN_BYTES] for line in whole if line.strip()]
        if len(lines) >= _RECOGNISED_LINES:
            return lines[:_RECOGNISED_LINES], empty
        carry = rest[:_LINE_SHOWN_BYTES]
    return [*lines, *([carry] if carry.strip() else [])], empty


def land(
    path: Path,
    records: Engine,
    settings: Settings,
    *,
    name: str,
    now: datetime,
    receiver: Receiver = NOBODY,
    told: Told = NOTHING_TOLD,
) -> Landed:
    """Copy what is new of a file into the raw store and write its row of the manifest (state ``landed``).

    Raises Refused for a file that is not taken in. The records are held only to ask and to write, never while bytes
    are copied: others write there too. Whoever lands holds the warehouse's lock, so nobody lands in between. What is
    `told` is of a file of exported totals, whose period or queue it may not say itself.
    """
    latest = latest_epoch(now)
    try:
        source = recognise(path, latest_epoch=latest)
    except Refused as refusal:
        return _land_export(path, records, settings, name, now, receiver, told, refusal)
    if source is None:
        return _land_dump(path, records, settings, name, now, latest, receiver)
    if source.lane is Lane.DETAILS:
        return _land_details(path, source, records, settings, name, now, latest, receiver)
    for _ in range(_TRIES):
        with path.open("rb", buffering=0) as file:  # what is read twice may have changed
            head = file.read(HEAD_BYTES)
            if is_gzip(head):
                return _land_closed(path, source, records, settings, name, now, latest, receiver)
            known = _continued(file, head, records, settings.pbx)
            offset = _offset_of(path, source, settings, known.offset if known else None)
            draft = settings.raw / f".draft-{os.getpid()}"
            try:
                # By the file that is open: whatever takes its name meanwhile is another one.
                _copy_open(file, draft, known.end if known else 0)
                if is_same_beginning(file, head):
                    return _land_growth(
                        draft, head, known, source, offset, records, settings, name, now, latest, receiver
                    )
            finally:
                draft.unlink(missing_ok=True)
    raise Refused("el archivo se vació varias veces mientras se leía; vuelva a cargarlo")


def _continued(file: BinaryIO, head: bytes, records: Engine, pbx: str) -> KnownLog | None:
    """Find the log that a file goes on with or equals; the records are free again before the file is read."""
    with transaction(records) as session:
        logs = known_logs(session, head, pbx)
    return continued(file, logs)


def _land_growth(
    draft: Path,
    head: bytes,
    known: KnownLog | None,
    source: LogSource,
    offset: int | None,
    records: Engine,
    settings: Settings,
    name: str,
    now: datetime,
    latest: int,
    receiver: Receiver,
) -> Landed:
    """Put what a draft holds, from the point reached of a known log on or a whole new one, into store and manifest."""
    scan = _scan_plain(draft, _stamps(source, offset, latest))
    end, lines_before = (known.end, known.lines) if known else (0, 0)
    if scan.lines == 0:
        return Landed(None, lines_before, scan.held, known.load if known else None, source.name)
    if known is not None and scan.first_epoch is None:
        # Growth without one good line is set aside with its file, at the instant reached before.
        with transaction(records) as session:
            scan.first_epoch = scan.last_epoch = file_infos(session)[known.file].last_epoch
    if scan.first_epoch is None or scan.last_epoch is None:
        raise Refused("ninguna línea tiene un instante legible")
    os.truncate(draft, scan.bytes)
    with draft.open("rb") as copied:
        copied.seek(max(0, scan.bytes - HEAD_BYTES))
        tail = hashlib.sha256(copied.read()).hexdigest()
    _keep(draft, scan.sha256, settings)
    with transaction(records) as session:
        if known is not None:
            file_id = known.file
        else:
            head = head[: scan.bytes]
            log = LogFile(
                source=source.name,
                pbx=settings.pbx,
                name=name,
                head_bytes=len(head),
                head_sha256=hashlib.sha256(head).hexdigest(),
            )
            session.add(log)
            session.flush()
            file_id = log.file_id
        load = Load(
            file_id=file_id, sha256=scan.sha256, first_byte=end, bytes=scan.bytes, tail_sha256=tail,
            first_line=lines_before + 1, lines=scan.lines, held=scan.held, first_epoch=scan.first_epoch,
            last_epoch=scan.last_epoch, landed_at=now, state="landed", utc_offset=offset, **receiver.columns,
        )  # fmt: skip
        session.add(load)
    return Landed(load.load_id, scan.lines, scan.held, source=source.name, notes=_notes(source))


def land_pull(
    database: Database, records: Engine, settings: Settings, *, now: datetime, raw: Path | None = None,
    progress: Progress = no_progress, receiver: Receiver = NOBODY,
) -> Landed:  # fmt: skip
    """Pull what is new of a database's table into the raw store, with its row of the manifest. Raises Refused.

    Whoever pulls holds the warehouse's lock. `raw` is another raw store where the last pull lies. Cancelled comes from
    the progress, then there is nothing of it.
    """
    pbx = database.pbx or settings.pbx
    try:
        with pulled(
            database, pbx, records, settings, now=now, latest_epoch=latest_epoch(now), raw=raw or settings.raw,
            progress=progress,
        ) as rows:  # fmt: skip
            if rows.known is not None or not rows.kept.rows:
                return Landed(None, rows.kept.rows, 0, rows.known, rows.source.name, rows.name)
            digest = file_digest(rows.path)
            return _land_table(rows, rows.path, digest, records, settings, pbx, rows.name, now, receiver)
    except PullRefused as refusal:
        raise Refused(str(refusal)) from None


def _land_details(
    path: Path, source: LogSource, records: Engine, settings: Settings, name: str, now: datetime, latest: int,
    receiver: Receiver,
) -> Landed:  # fmt: skip
    """Land a file of details of calls as it is: a closed file, whose rows are its lines."""
    draft = settings.raw / f".draft-{os.getpid()}"
    try:
        _copy(path, draft, 0)
        size, digest = draft.stat().st_size, file_digest(draft)
        if (same := _same_closed(records, digest, settings.pbx)) is not None:
            return same
        zone = zone_offset(settings.table_zone)
        offset = ZONE_OFFSET_SECONDS if zone is None else zone  # no row says more
        try:
            found = read_details(draft, source, offset=offset, latest_epoch=latest)
        except UnreadableTable as error:
            raise Refused(error.text) from None
        if found.first_epoch is None or found.last_epoch is None:
            raise Refused("ninguna fila tiene un instante legible")
        _keep(draft, digest, settings)
    finally:
        draft.unlink(missing_ok=True)
    with transaction(records) as session:
        file_row = LogFile(source=source.name, pbx=settings.pbx, name=name, head_bytes=0, head_sha256=digest)
        session.add(file_row)
        session.flush()
        load = Load(
            file_id=file_row.file_id, sha256=digest, first_byte=0, bytes=size, tail_sha256="", first_line=1,
            lines=found.rows, held=0, first_epoch=found.first_epoch, last_epoch=found.last_epoch, landed_at=now,
            state="landed", utc_offset=offset, **receiver.columns,
        )  # fmt: skip
        session.add(load)
    return Landed(load.load_id, found.rows, 0, source=source.name, notes=_notes(source))


def _land_dump(
    path: Path, records: Engine, settings: Settings, name: str, now: datetime, latest: int, receiver: Receiver
) -> Landed:
    """Land a dump as it is, a closed file of the rows of its table."""
    draft = settings.raw / f".draft-{os.getpid()}"
    try:
        _copy(path, draft, 0)
        digest = file_digest(draft)
        if (same := _same_closed(records, digest, settings.pbx)) is not None:
            return same
        try:
            with dumped(draft, settings, latest_epoch=latest) as rows:
                if not rows.kept.rows:
                    raise Refused(f"la tabla {rows.name} del volcado no tiene filas: vuélquela con sus datos")
                return _land_table(rows, draft, digest, records, settings, settings.pbx, name, now, receiver)
        except PullRefused as refusal:
            raise Refused(str(refusal)) from None
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise Refused(_DAMAGED) from error
    finally:
        draft.unlink(missing_ok=True)


def exported(path: Path, told: Told, refusal: Refused) -> Export:
    """Read a file that is refused as a log as totals which another system exported. Raises Refused."""
    try:
        size = path.stat().st_size
        is_table = size > 0 and is_table_file(path)
    except OSError:
        raise refusal from None
    if size == 0 or (size > MOST_BYTES and not is_table):
        raise refusal
    try:
        return read_export(read_tables(path), told)
    except UnreadableTable as error:
        if is_table:
            raise Refused(error.text) from None
        if error.code in _NO_TABLE and not _begins_as_report(path):
            raise refusal from None
        raise Refused(f"{refusal}; como exportación: {error.text}" if error.code == "unknown" else error.text) from None


def _begins_as_report(path: Path) -> bool:
    """Tell whether the beginning of a text has titles of a report that is known."""
    try:
        with open_text(path) as file:
            return begins_as_report(file.read(HEAD_BYTES))
    except (OSError, EOFError, zlib.error):
        return False


def _land_export(
    path: Path, records: Engine, settings: Settings, name: str, now: datetime, receiver: Receiver, told: Told,
    refusal: Refused,
) -> Landed:  # fmt: skip
    """Land a file of exported totals as it is, closed: it is told anew where it changes."""
    draft = settings.raw / f".draft-{os.getpid()}"
    try:
        if not path.is_file() or not os.access(path, os.R_OK):
            raise refusal
        if path.stat().st_size > MOST_BYTES:  # told without a copy of it
            exported(path, told, refusal)
        _copy(path, draft, 0)
        digest = file_digest(draft)
        if (same := _same_closed(records, digest, settings.pbx)) is not None:
            with transaction(records) as session:
                said = session.get_one(Load, same.known).told
            if told.columns not in (None, said):
                raise Refused(
                    f"ya se cargó con otro período u otra cola (carga {same.known}): deshaga esa carga y vuelva a "
                    "cargarlo"
                )
            return same
        export = exported(draft, told, refusal)
        size = draft.stat().st_size
        _keep(draft, digest, settings)
    finally:
        draft.unlink(missing_ok=True)
    first, last = span_of(export.first, export.last)
    with transaction(records) as session:
        file_row = LogFile(source=EXPORTS.name, pbx=settings.pbx, name=name, head_bytes=0, head_sha256=digest)
        session.add(file_row)
        session.flush()
        load = Load(
            file_id=file_row.file_id, sha256=digest, first_byte=0, bytes=size, tail_sha256="", first_line=1,
            lines=export.lines, held=0, first_epoch=first, last_epoch=last, landed_at=now, state="landed",
            told=told.columns, **receiver.columns,
        )  # fmt: skip
        session.add(load)
    return Landed(load.load_id, export.lines, 0, None, EXPORTS.name, name, export.notes)


def _land_table(
    rows: Pulled,
    path: Path,
    digest: str,
    records: Engine,
    settings: Settings,
    pbx: str,
    name: str,
    now: datetime,
    receiver: Receiver,
) -> Landed:
    """Put rows of a table, or the dump they lie in, into the raw store and the manifest."""
    kept = rows.kept
    if kept.first_epoch is None or kept.last_epoch is None:
        raise Refused("ninguna fila tiene un instante legible")
    if (same := _same_closed(records, digest, pbx)) is not None:
        return same
    size = path.stat().st_size
    _keep(path, digest, settings)
    with transaction(records) as session:
        file_row = LogFile(source=rows.source.name, pbx=pbx, name=name, head_bytes=0, head_sha256=rows.head or digest)
        session.add(file_row)
        session.flush()
        load = Load(
            file_id=file_row.file_id, sha256=digest, first_byte=0, bytes=size, tail_sha256="", first_line=1,
            lines=kept.rows, held=0, first_epoch=kept.first_epoch, last_epoch=kept.last_epoch, landed_at=now,
            state="landed", utc_offset=rows.offset, **receiver.columns,
        )  # fmt: skip
        session.add(load)
    return Landed(load.load_id, kept.rows, 0, None, rows.source.name, name, rows.notes)


def latest_epoch(landed_at: datetime) -> int:
    """Return the newest instant that a line landed at this time (UTC, naive) may carry: a day later."""
    return int(landed_at.replace(tzinfo=UTC).timestamp()) + _DAY_SECONDS


def pieces(
    session: Session, settings: Settings, loads: list[Load], without: Collection[int] = ()
) -> list[Piece | ExportPiece]:
    """Return landed loads as pieces to build from, in the order of their files and of their parts; exports last."""
    files = file_infos(session, without)
    sources = {source.name: source for source in SOURCES}
    found: list[Piece] = []
    exports: list[ExportPiece] = []
    for load in loads:
        file = session.get_one(LogFile, load.file_id)
        if file.source == EXPORTS.name:
            info = LogFileInfo(file.file_id, file.pbx, file.name, load.first_epoch, load.last_epoch, load.lines)
            path = raw_path(settings, load.sha256)
            exports.append(
                ExportPiece(load.load_id, info, load.sha256, load.bytes, load.lines, Told.of(load.told), path)
            )
            continue
        source = sources[file.source]
        found.append(
            Piece(
                load=load.load_id, info=files[load.file_id], source=source, sha256=load.sha256,
                first_byte=load.first_byte, first_line=load.first_line, lines=load.lines, held=load.held,
                latest_epoch=latest_epoch(load.landed_at), slabs=_slab_reader(load, source, settings),
                row_ids=_id_reader(load, settings) if source.table else None, utc_offset=load.utc_offset or 0,
            )
        )  # fmt: skip
    found.sort(key=lambda p: (p.info.first_epoch, p.info.last_epoch, -p.info.lines, p.info.file, p.first_line))
    return [*found, *sorted(exports, key=lambda piece: piece.load)]


def file_infos(session: Session, without: Collection[int] = ()) -> dict[int, LogFileInfo]:
    """Return every logical file of a log with the span of its pieces that were not refused, and are not left out."""
    found: dict[int, LogFileInfo] = {}
    ranks = {source.name: source.rank for source in SOURCES}
    # Columns, not objects: a log that is followed has a load for every look.
    query = select(
        Load.file_id, LogFile.pbx, LogFile.name, LogFile.source, Load.first_epoch, Load.last_epoch, Load.lines
    ).join(LogFile, LogFile.file_id == Load.file_id)
    query = query.where(Load.state != "refused", Load.load_id.not_in(without), LogFile.source != EXPORTS.name)
    for file, pbx, name, source, first, last, lines in session.execute(query.order_by(Load.file_id, Load.first_line)):
        if (before := found.get(file)) is not None:
            first, last, lines = before.first_epoch, max(last, before.last_epoch), lines + before.lines
        found[file] = LogFileInfo(file, pbx, name, first, last, lines, ranks[source])
    return found


def raw_path(settings: Settings, sha256: str) -> Path:
    """Return where a piece lies in the raw store."""
    return settings.raw / sha256[:2] / sha256


def _slab_reader(load: Load, source: LogSource, settings: Settings) -> Callable[[Path], Iterator[Slab]]:
    path, first_line = raw_path(settings, load.sha256), load.first_line
    if source.lane is Lane.RECORDS:  # their columns are many: what is read at once takes more memory
        settings = settings.model_copy(update={"slab_bytes": min(settings.slab_bytes, _RECORD_SLAB_BYTES)})
    offset, latest = load.utc_offset or 0, latest_epoch(load.landed_at)

    def read_table(folder: Path) -> Iterator[Slab]:
        return table_slabs(
            path, source, folder, offset=offset, latest_epoch=latest, slab_bytes=settings.slab_bytes,
            line_limit=settings.line_limit_bytes,
        )  # fmt: skip

    def read(folder: Path) -> Iterator[Slab]:
        feed = LineFeed(folder, "log", settings.slab_bytes, settings.line_limit_bytes, first_line)
        with open_text(path) as file:
            yield from feed.slabs(blocks(file))

    def read_rows(folder: Path) -> Iterator[Slab]:
        yield detail_slab(path, source, folder, offset=offset, latest_epoch=latest)

    if source.lane is Lane.DETAILS:
        return read_rows
    return read_table if source.table else read


def _id_reader(load: Load, settings: Settings) -> Callable[[Path, Collection[int]], dict[int, str]]:
    path, offset, latest = raw_path(settings, load.sha256), load.utc_offset or 0, latest_epoch(load.landed_at)

    def read(folder: Path, lines: Collection[int]) -> dict[int, str]:
        return row_ids(path, folder, lines, offset=offset, latest_epoch=latest)

    return read


def _land_closed(
    path: Path,
    source: LogSource,
    records: Engine,
    settings: Settings,
    name: str,
    now: datetime,
    latest: int,
    receiver: Receiver,
) -> Landed:
    draft = settings.raw / f".draft-{os.getpid()}"
    rest = draft.with_name(f"{draft.name}-rest")
    try:
        _copy(path, draft, 0)
        size, digest = draft.stat().st_size, file_digest(draft)
        if (same := _same_closed(records, digest, settings.pbx)) is not None:
            return same
        try:
            offset = _offset_of(draft, source, settings, None)
            with open_text(draft) as file:
                head = file.read(HEAD_BYTES)
                known = _continued(file, head, records, settings.pbx)
                if known is not None:
                    # A log that was read before it was compressed: it goes on where it stood.
                    file.seek(known.end)
                    _write(file, rest)
                else:
                    file.seek(0)
                    scan = _scan_lines(file, _stamps(source, offset, latest))
        except (OSError, EOFError, zlib.error) as error:
            if is_no_space(error):
                raise
            raise Refused(_DAMAGED) from error
        if known is not None:
            return _land_growth(rest, head, known, source, offset, records, settings, name, now, latest, receiver)
        if scan.lines == 0:
            return Landed(None, 0, scan.held, source=source.name)
        if scan.first_epoch is None or scan.last_epoch is None:
            raise Refused("ninguna línea tiene un instante legible")
        _keep(draft, digest, settings)
    finally:
        draft.unlink(missing_ok=True)
        rest.unlink(missing_ok=True)
    with transaction(records) as session:
        file_row = LogFile(source=source.name, pbx=settings.pbx, name=name, head_bytes=0, head_sha256=digest)
        session.add(file_row)
        session.flush()
        load = Load(
            file_id=file_row.file_id, sha256=digest, first_byte=0, bytes=size, tail_sha256="", first_line=1,
            lines=scan.lines, held=scan.held, first_epoch=scan.first_epoch, last_epoch=scan.last_epoch,
            landed_at=now, state="landed", utc_offset=offset, **receiver.columns,
        )  # fmt: skip
        session.add(load)
    return Landed(load.load_id, scan.lines, scan.held, source=source.name, notes=_notes(source))


def _offset_of(path: Path, source: LogSource, settings: Settings, before: int | None) -> int | None:
    """Return how far the clock of a file is ahead of UTC; None where its lines tell epochs. Raises Refused."""
    if source.lane is not Lane.RECORDS or before is not None:
        return before
    if (zone := zone_offset(settings.table_zone)) is not None:
        return zone
    try:
        return told_offset(call_records.read_clock(path), None, "CALLCENTER_TABLE_ZONE", "el archivo")
    except PullRefused as refusal:
        raise Refused(str(refusal)) from None


def _stamps(source: LogSource, offset: int | None, latest: int) -> _Stamp:
    """Return what tells the epoch of a line of a source, None of a line without a readable one."""
    if source.lane is not Lane.RECORDS:
        return lambda line: _epoch(line, source, latest)

    def started(line: bytes) -> int | None:
        epoch = call_records.started_of(line.removeprefix(_BOM), offset or 0)
        return epoch if epoch is not None and source.earliest_epoch <= epoch <= latest else None

    return started


def _notes(source: LogSource) -> tuple[str, ...]:
    """Return what users are told of a file of a source: what it is, where it is no log, and what it loses."""
    if source is QUEUE_LOG:
        return ()
    return (source.title, *(loss.text for loss in source.losses))


def _same_closed(records: Engine, digest: str, pbx: str) -> Landed | None:
    """Return what a closed file led to that was landed before, byte for byte."""
    query = select(Load, LogFile.source).join(LogFile, LogFile.file_id == Load.file_id)
    query = query.where(Load.sha256 == digest, LogFile.pbx == pbx, Load.state != "refused")
    with transaction(records) as session:
        same = session.execute(query.limit(1)).first()
    if same is None:
        return None
    load, source = same
    return Landed(None, load.lines, load.held, load.load_id, source)


def _keep(draft: Path, sha256: str, settings: Settings) -> None:
    """Make a complete draft durable and give it its final name."""
    reach("landing")
    final = raw_path(settings, sha256)
    if not final.parent.exists():
        final.parent.mkdir(parents=True)
        sync_folder(final.parent.parent)
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(final)
    sync_folder(final.parent)


def _copy(path: Path, draft: Path, start: int) -> None:
    """Copy a file from a byte on, as long as it is now."""
    with path.open("rb") as file:
        _copy_open(file, draft, start)


def _copy_open(file: BinaryIO, draft: Path, start: int) -> None:
    """Copy an open file from a byte on, as long as it is now; by the kernel where it can (a third of the time)."""
    draft.parent.mkdir(parents=True, exist_ok=True)
    with draft.open("wb") as out:
        left = os.fstat(file.fileno()).st_size - start
        if hasattr(os, "sendfile"):
            while left > 0 and (sent := os.sendfile(out.fileno(), file.fileno(), start, left)):
                start, left = start + sent, left - sent
        else:
            file.seek(start)
            for block in blocks(file, max(0, left)):
                out.write(block)


def _write(file: BinaryIO, draft: Path) -> None:
    """Write the bytes of a file from where it stands on."""
    with draft.open("wb") as out:
        for block in blocks(file):
            out.write(block)


def _scan_plain(draft: Path, stamp: _Stamp) -> _Scan:
    """Count and hash a copy up to its last line end, and bring it to the disk meanwhile."""
    with draft.open("rb") as file, ThreadPoolExecutor(2) as aside:
        on_disk = aside.submit(os.fsync, file.fileno())
        sha256 = aside.submit(file_digest, draft, _whole_lines_end(file))
        file.seek(0)
        scan = _scan_lines(file, stamp)
        on_disk.result()
        scan.sha256 = sha256.result()
    return scan


def _whole_lines_end(file: BinaryIO) -> int:
    """Return how many bytes there are up to the last line end, found from behind."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - BLOCK_BYTES)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _scan_lines(file: BinaryIO, stamp: _Stamp) -> _Scan:
    """Count up to the last line end; what follows it is held (0 or 1 line)."""
    scan = _Scan()
    position = 0
    carry = b""
    for block in blocks(file):
        end = block.rfind(b"\n") + 1
        if end:
            scan.bytes = position + end
            scan.lines += block.count(b"\n")
            if scan.first_epoch is None:
                first_lines = (carry + block[:end]).split(b"\n")
                scan.first_epoch = next((e for line in first_lines if (e := stamp(line)) is not None), None)
            last_lines = block[end - _LAST_BYTES : end] if end > _LAST_BYTES else carry + block[:end]
            scan.last_epoch = _last_epoch(last_lines[-_LAST_BYTES:], stamp, scan.last_epoch or scan.first_epoch)
            carry = block[end:][-_LINE_SHOWN_BYTES:]
        else:
            carry = (carry + block)[-_LINE_SHOWN_BYTES:]
        position += len(block)
    scan.held = int(position > scan.bytes)
    return scan


def _last_epoch(lines: bytes, stamp: _Stamp, before: int | None) -> int | None:
    for line in reversed(lines.split(b"\n")):
        epoch = stamp(line)
        if epoch is not None:
            return epoch
    return before


def _epoch(line: bytes, source: LogSource, latest: int) -> int | None:
    text = line.removeprefix(_BOM).partition(b"|")[0].partition(b".")[0]
    if not text.isdigit() or len(text) > 12:
        return None
    epoch = int(text)
    return epoch if source.earliest_epoch <= epoch <= latest else None
