"""A landed export into a draft: its figures into the segment ``exports``, its lines into the list of loads.

In: a piece of the manifest and its bytes in the raw store. Out: rows of the draft, and what became of every line.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from etl.draft import Draft, LogFileInfo, Month
from etl.exports import Export, Told, read_export
from etl.faults import reach
from etl.lines import ReconciliationError, Tally
from etl.readers.found_table import UnreadableTable
from etl.readers.tables import read_tables
from etl.settings import ZONE_OFFSET_SECONDS
from etl.sources.exports import EXPORTS

_DAY_SECONDS = 86400


@dataclass(frozen=True)
class ExportPiece:
    """One landed export: its load, its file, what its sender told of it, and where its bytes lie."""

    load: int
    info: LogFileInfo
    sha256: str
    bytes: int
    lines: int
    told: Told
    path: Path
    first_line: int = 1

    def read(self) -> Export:
        """Read the figures. Raises UnreadableTable."""
        return read_export(read_tables(self.path), self.told)


def span_of(first: date, last: date) -> tuple[int, int]:
    """Return the first and the last epoch of days in La Paz."""
    start, end = (int(datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp()) for d in (first, last))
    return start - ZONE_OFFSET_SECONDS, end - ZONE_OFFSET_SECONDS + _DAY_SECONDS - 1


def exports_segment(draft: Draft) -> Month:
    """Return the segment of exports as a private copy, made at the first call."""
    if draft.exports is None:
        draft.exports = draft.open_writable("exports", "all", "exports_db")
    return draft.exports


def add_export(draft: Draft, piece: ExportPiece) -> Tally:
    """Load an export. Raises ReconciliationError unless every line is accounted for."""
    reach("load")
    try:
        read = piece.read()
    except UnreadableTable as error:  # it was read when it was landed: another version of the product reads otherwise
        raise ReconciliationError(f"{piece.info.name}: {error.text}; no se cargó nada") from error
    set_aside = len(read.set_aside)
    tally = Tally(piece.load, piece.lines, read.loaded, 0, set_aside, read.blank)
    if not tally.lines == read.lines == read.loaded + set_aside + read.blank:
        raise ReconciliationError(f"{piece.info.name}: las líneas no cuadran ({tally}); no se cargó nada")
    segment = exports_segment(draft)
    draft.insert_rows(f"{segment.alias}.core.export_figures", ((piece.load, *astuple(f)) for f in read.figures))
    is_forgotten = piece.load in draft.forgotten
    draft.insert_rows(
        "loads_db.meta.quarantine",
        ((piece.load, row.line, row.reason, None if is_forgotten else row.text) for row in read.set_aside),
    )
    first, last = span_of(read.first, read.last)
    draft.insert_rows(
        "loads_db.meta.loads",
        [
            (
                piece.load, piece.info.file, EXPORTS.name, piece.info.pbx, piece.info.name, piece.sha256, 0, 1,
                piece.lines, read.loaded, 0, set_aside, read.blank, 0, 0, 0, first, last, first, last, None,
            )
        ],
    )  # fmt: skip
    return tally
