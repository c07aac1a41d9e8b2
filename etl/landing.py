"""The raw store: files in, immutable pieces by SHA-256 out, each with a row in the manifest.

A plain log is taken up to its last whole line; when the same file has grown, only the growth is landed as a further
piece. It is known again by its beginning (hash of its first bytes) and by the bytes just before the point reached,
never by its name. A gzip file is closed: it is one piece, as it is. So are a dump of a table, and the rows pulled from
one (``etl.pulls``).
"""

import gzip
import hashlib
import os
import zlib
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from etl.draft import LogFileInfo
from etl.export_pieces import ExportPiece, span_of
from etl.export_tables import begins_as_report
from etl.exports import NOTHING_TOLD, Export, Told, read_export
from etl.faults import reach
from etl.lines import Piece, Progress, no_progress
from etl.pulls import Pulled, PullRefused, dumped, pulled, row_ids, table_slabs
from etl.readers.found_table import MOST_BYTES, UnreadableTable
from etl.readers.lines import BLOCK_BYTES, LineFeed, Slab, blocks, is_gzip, open_text
from etl.readers.sql_dump import looks_like_dump
from etl.readers.tables import is_table_file, read_tables
from etl.records.audit import SYSTEM, Actor
from etl.records.engine import transaction
from etl.records.models import Load, LogFile
from etl.schema import LogSource
from etl.settings import Database, Settings
from etl.sources import QUEUE_LOG, SOURCES
from etl.sources.exports import EXPORTS
from etl.warehouse import digest as file_digest
from etl.warehouse import sync_folder

_HEAD_BYTES = 64 * 1024
_LAST_BYTES = 16 * 1024
_RECOGNISED_LINES = 200
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
    for source in SOURCES:
        if any(line.count(b"|") >= 4 and _epoch(line, source, latest_epoch) is not None for line in lines):
            return source
    if more:
        raise Undecided("el comienzo del archivo no tiene eventos")
    if not lines:
        raise Refused("el archivo no tiene eventos: solo líneas en blanco")
    raise Refused(
        f"no es un queue_log: 0 de {len(lines)} líneas tienen la forma «instante|llamada|cola|operador|EVENTO|…»; "
        "revise que sea el archivo queue_log de Asterisk"
    )


def _first_lines(file: BinaryIO, within: int) -> tuple[list[bytes], bool]:
    """Return the beginnings of the first lines that are not blank, and whether there is no byte at all."""
    lines: list[bytes] = []
    carry, empty = b"", True
    for block in blocks(file, within):
        empty = False
        *whole, rest = (carry + block).split(b"\n")
        lines += [line[:_HEAD_BYTES] for line in whole if line.strip()]
        if len(lines) >= _RECOGNISED_LINES:
            return lines[:_RECOGNISED_LINES], empty
        carry = rest[:_HEAD_BYTES]
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
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if is_gzip(head):
        return _land_closed(path, source, records, settings, name, now, latest, receiver)
    with transaction(records) as session:
        known, last, lines_before = _known_file(path, head, session, settings.pbx)
    end = last.first_byte + last.bytes if last else 0
    draft = settings.raw / f".draft-{os.getpid()}"
    try:
        _copy(path, draft, end)
        scan = _scan_plain(draft, source, latest)
        if scan.lines == 0:
            return Landed(None, lines_before, scan.held, last.load_id if last else None)
        if known is not None and scan.first_epoch is None:
            # Growth without one good line is set aside with its file, at the instant reached before.
            with transaction(records) as session:
                scan.first_epoch = scan.last_epoch = file_infos(session)[known.file_id].last_epoch
        if scan.first_epoch is None or scan.last_epoch is None:
            raise Refused("ninguna línea tiene un instante legible")
        os.truncate(draft, scan.bytes)
        with draft.open("rb") as file:
            file.seek(max(0, scan.bytes - _HEAD_BYTES))
            tail = hashlib.sha256(file.read()).hexdigest()
        _keep(draft, scan.sha256, settings)
    finally:
        draft.unlink(missing_ok=True)
    with transaction(records) as session:
        if known is None:
            head = head[: scan.bytes]
            known = LogFile(
                source=source.name,
                pbx=settings.pbx,
                name=name,
                head_bytes=len(head),
                head_sha256=hashlib.sha256(head).hexdigest(),
            )
            session.add(known)
            session.flush()
        load = Load(
            file_id=known.file_id, sha256=scan.sha256, first_byte=end, bytes=scan.bytes, tail_sha256=tail,
            first_line=lines_before + 1, lines=scan.lines, held=scan.held, first_epoch=scan.first_epoch,
            last_epoch=scan.last_epoch, landed_at=now, state="landed", **receiver.columns,
        )  # fmt: skip
        session.add(load)
    return Landed(load.load_id, scan.lines, scan.held)


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
            return begins_as_report(file.read(_HEAD_BYTES))
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
                row_ids=_id_reader(load, settings) if source.table else None,
            )
        )  # fmt: skip
    found.sort(key=lambda p: (p.info.first_epoch, p.info.last_epoch, -p.info.lines, p.info.file, p.first_line))
    return [*found, *sorted(exports, key=lambda piece: piece.load)]


def file_infos(session: Session, without: Collection[int] = ()) -> dict[int, LogFileInfo]:
    """Return every logical file of a log with the span of its pieces that were not refused, and are not left out."""
    found: dict[int, LogFileInfo] = {}
    ranks = {source.name: source.rank for source in SOURCES}
    query = select(Load, LogFile).join(LogFile, LogFile.file_id == Load.file_id)
    query = query.where(Load.state != "refused", Load.load_id.not_in(without), LogFile.source != EXPORTS.name)
    for load, file in session.execute(query.order_by(Load.file_id, Load.first_line)):
        before = found.get(file.file_id)
        first = before.first_epoch if before else load.first_epoch
        last = max(load.last_epoch, before.last_epoch) if before else load.last_epoch
        lines = load.lines + (before.lines if before else 0)
        found[file.file_id] = LogFileInfo(file.file_id, file.pbx, file.name, first, last, lines, ranks[file.source])
    return found


def raw_path(settings: Settings, sha256: str) -> Path:
    """Return where a piece lies in the raw store."""
    return settings.raw / sha256[:2] / sha256


def piece_digest(path: Path, first_byte: int, length: int) -> str:
    """Return the SHA-256 of a part of a file."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(first_byte)
        for block in blocks(file, length):
            sha.update(block)
    return sha.hexdigest()


def _slab_reader(load: Load, source: LogSource, settings: Settings) -> Callable[[Path], Iterator[Slab]]:
    path, first_line = raw_path(settings, load.sha256), load.first_line
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

    return read_table if source.table else read


def _id_reader(load: Load, settings: Settings) -> Callable[[Path, Collection[int]], dict[int, str]]:
    path, offset, latest = raw_path(settings, load.sha256), load.utc_offset or 0, latest_epoch(load.landed_at)

    def read(folder: Path, lines: Collection[int]) -> dict[int, str]:
        return row_ids(path, folder, lines, offset=offset, latest_epoch=latest)

    return read


def _known_file(path: Path, head: bytes, session: Session, pbx: str) -> tuple[LogFile | None, Load | None, int]:
    """Find the file that this one is, grown or equal: (file, its last piece, lines landed), else (None, None, 0)."""
    size = path.stat().st_size
    lengths = session.scalars(select(LogFile.head_bytes).where(LogFile.pbx == pbx).distinct())
    digests = [hashlib.sha256(head[:length]).hexdigest() for length in lengths if 0 < length <= len(head)]
    if not digests:
        return None, None, 0
    best: tuple[LogFile | None, Load | None, int] = (None, None, 0)
    reached = 0
    for file in session.scalars(select(LogFile).where(LogFile.pbx == pbx, LogFile.head_sha256.in_(digests))):
        loads = list(
            session.scalars(
                select(Load).where(Load.file_id == file.file_id, Load.state != "refused").order_by(Load.first_byte)
            )
        )
        if not loads:
            continue
        last = loads[-1]
        end = last.first_byte + last.bytes
        if reached < end <= size and _tail(path, end, last.bytes) == last.tail_sha256:
            best, reached = (file, last, sum(load.lines for load in loads)), end
    return best


def _tail(path: Path, end: int, piece_bytes: int) -> str:
    length = min(_HEAD_BYTES, piece_bytes)
    with path.open("rb") as file:
        file.seek(end - length)
        return hashlib.sha256(file.read(length)).hexdigest()


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
    try:
        _copy(path, draft, 0)
        size, digest = draft.stat().st_size, file_digest(draft)
        if (same := _same_closed(records, digest, settings.pbx)) is not None:
            return same
        try:
            with open_text(draft) as file:
                scan = _scan_lines(file, source, latest)
        except (OSError, EOFError, zlib.error) as error:
            raise Refused(_DAMAGED) from error
        if scan.lines == 0:
            return Landed(None, 0, scan.held)
        if scan.first_epoch is None or scan.last_epoch is None:
            raise Refused("ninguna línea tiene un instante legible")
        _keep(draft, digest, settings)
    finally:
        draft.unlink(missing_ok=True)
    with transaction(records) as session:
        file_row = LogFile(source=source.name, pbx=settings.pbx, name=name, head_bytes=0, head_sha256=digest)
        session.add(file_row)
        session.flush()
        load = Load(
            file_id=file_row.file_id, sha256=digest, first_byte=0, bytes=size, tail_sha256="", first_line=1,
            lines=scan.lines, held=scan.held, first_epoch=scan.first_epoch, last_epoch=scan.last_epoch,
            landed_at=now, state="landed", **receiver.columns,
        )  # fmt: skip
        session.add(load)
    return Landed(load.load_id, scan.lines, scan.held)


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
    """Copy a file from a byte on, as long as it is now; by the kernel where it can (a third of the time)."""
    draft.parent.mkdir(parents=True, exist_ok=True)
    with path.open("rb") as file, draft.open("wb") as out:
        left = os.fstat(file.fileno()).st_size - start
        if hasattr(os, "sendfile"):
            while left > 0 and (sent := os.sendfile(out.fileno(), file.fileno(), start, left)):
                start, left = start + sent, left - sent
        else:
            file.seek(start)
            for block in blocks(file, left):
                out.write(block)


def _scan_plain(draft: Path, source: LogSource, latest: int) -> _Scan:
    """Count and hash a copy up to its last line end, and bring it to the disk meanwhile."""
    with draft.open("rb") as file, ThreadPoolExecutor(2) as aside:
        on_disk = aside.submit(os.fsync, file.fileno())
        sha256 = aside.submit(file_digest, draft, _whole_lines_end(file))
        file.seek(0)
        scan = _scan_lines(file, source, latest)
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


def _scan_lines(file: BinaryIO, source: LogSource, latest: int) -> _Scan:
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
                scan.first_epoch = next(
                    (e for line in first_lines if (e := _epoch(line, source, latest)) is not None), None
                )
            last_lines = block[end - _LAST_BYTES : end] if end > _LAST_BYTES else carry + block[:end]
            scan.last_epoch = _last_epoch(
                last_lines[-_LAST_BYTES:], source, latest, scan.last_epoch or scan.first_epoch
            )
            carry = block[end:][-_HEAD_BYTES:]
        else:
            carry = (carry + block)[-_HEAD_BYTES:]
        position += len(block)
    scan.held = int(position > scan.bytes)
    return scan


def _last_epoch(lines: bytes, source: LogSource, latest: int, before: int | None) -> int | None:
    for line in reversed(lines.split(b"\n")):
        epoch = _epoch(line, source, latest)
        if epoch is not None:
            return epoch
    return before


def _epoch(line: bytes, source: LogSource, latest: int) -> int | None:
    text = line.removeprefix(_BOM).partition(b"|")[0].partition(b".")[0]
    if not text.isdigit() or len(text) > 12:
        return None
    epoch = int(text)
    return epoch if source.earliest_epoch <= epoch <= latest else None
