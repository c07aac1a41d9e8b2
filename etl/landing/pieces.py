"""What was landed as pieces to build from: the manifest's rows in, readers of their lines out."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from etl.call_details import detail_slab
from etl.draft import LogFileInfo
from etl.export_pieces import ExportPiece
from etl.exports import Told
from etl.landing.raw_store import raw_path
from etl.landing.received import latest_epoch
from etl.lines import Piece
from etl.pulls import row_ids, table_slabs
from etl.readers.lines import LineFeed, Slab, blocks, open_text
from etl.records.models import Load, LogFile
from etl.schema import Lane, LogSource
from etl.settings import Settings
from etl.sources import SOURCES
from etl.sources.exports import EXPORTS

_RECORD_SLAB_BYTES = 32 * 1024 * 1024


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
