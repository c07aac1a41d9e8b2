"""Which known log a file is: the same one grown, renamed, copied or compressed; None for another one.

In: the manifest and a file's uncompressed bytes. A log is known by its beginning (hash of its first bytes) and by the
bytes just before the point reached, never by its name.
"""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from etl.readers.lines import blocks, open_text
from etl.records.engine import transaction
from etl.records.models import Load, LogFile

HEAD_BYTES = 64 * 1024


@dataclass(frozen=True)
class KnownLog:
    """A plain log of which pieces are landed: its last piece, and how far they reach (bytes from its beginning).

    ``offset`` is how far the clock of its lines is ahead of UTC, None where they tell epochs.
    """

    file: int
    load: int
    end: int
    lines: int
    tail_bytes: int
    tail_sha256: str
    offset: int | None = None

    def is_in(self, file: BinaryIO) -> bool:
        """Tell whether a file, that begins alike, holds the bytes before the point reached in their place."""
        file.seek(self.end - self.tail_bytes)
        return hashlib.sha256(file.read(self.tail_bytes)).hexdigest() == self.tail_sha256


def known_logs(session: Session, head: bytes, pbx: str) -> tuple[KnownLog, ...]:
    """Return the logs of a PBX that begin as a file does, whose first HEAD_BYTES these are; the furthest read first."""
    lengths = session.scalars(select(LogFile.head_bytes).where(LogFile.pbx == pbx).distinct())
    digests = [hashlib.sha256(head[:length]).hexdigest() for length in lengths if 0 < length <= len(head)]
    if not digests:
        return ()
    in_force = (
        select(Load.file_id, func.sum(Load.lines).label("lines"), func.max(Load.first_byte).label("last"))
        .join(LogFile, LogFile.file_id == Load.file_id)
        .where(LogFile.pbx == pbx, LogFile.head_sha256.in_(digests), LogFile.head_bytes > 0, Load.state != "refused")
        .group_by(Load.file_id)
        .subquery()
    )
    found = session.execute(
        select(Load, in_force.c.lines).join(
            in_force, (Load.file_id == in_force.c.file_id) & (Load.first_byte == in_force.c.last)
        ).where(Load.state != "refused")
    )  # fmt: skip
    logs = [
        KnownLog(
            load.file_id, load.load_id, load.first_byte + load.bytes, int(lines), min(HEAD_BYTES, load.bytes),
            load.tail_sha256, load.utc_offset,
        )
        for load, lines in found
    ]  # fmt: skip
    return tuple(sorted(logs, key=lambda log: (-log.end, log.file)))


def continued(file: BinaryIO, logs: Sequence[KnownLog]) -> KnownLog | None:
    """Return the log, of those that begin alike, that a file goes on with or equals. Moves the file's position."""
    return next((log for log in logs if log.is_in(file)), None)


@dataclass(frozen=True)
class Undone:
    """A piece that was taken out: of which log (no head where it is closed), and which of its bytes."""

    pbx: str
    head_bytes: int
    head_sha256: str
    first_byte: int
    bytes: int
    sha256: str


def undone_pieces(session: Session, refusal: str) -> list[Undone]:
    """Return the pieces whose refusal begins so."""
    rows = select(LogFile.pbx, LogFile.head_bytes, LogFile.head_sha256, Load.first_byte, Load.bytes, Load.sha256)
    rows = rows.join(LogFile, LogFile.file_id == Load.file_id)
    return [
        Undone(*row) for row in session.execute(rows.where(Load.state == "refused", Load.refusal.startswith(refusal)))
    ]


def holds_undone(records: Engine, path: Path, undone: Sequence[Undone]) -> bool:
    """Tell whether a file, compressed or not, holds a piece that was taken out and is not in force again since.

    A file that cannot be read holds none: who lands it says why. The records are not held while it is read.
    """
    try:
        with open_text(path) as file:
            head = file.read(HEAD_BYTES)
            return any(
                _may_hold(path, head, piece) and not _is_in_force(records, head, piece) and _holds(path, file, piece)
                for piece in undone
            )
    except (OSError, EOFError, zlib.error):
        return False


def _may_hold(path: Path, head: bytes, piece: Undone) -> bool:
    if piece.head_bytes == 0:
        return path.stat().st_size >= piece.first_byte + piece.bytes
    return hashlib.sha256(head[: piece.head_bytes]).hexdigest() == piece.head_sha256


def _is_in_force(records: Engine, head: bytes, piece: Undone) -> bool:
    with transaction(records) as session:
        if piece.head_bytes == 0:
            again = select(Load.load_id).where(Load.sha256 == piece.sha256, Load.state != "refused").limit(1)
            return session.scalar(again) is not None
        return any(known.end >= piece.first_byte + piece.bytes for known in known_logs(session, head, piece.pbx))


def _holds(path: Path, file: BinaryIO, piece: Undone) -> bool:
    if piece.head_bytes == 0:
        return piece_digest(path, piece.first_byte, piece.bytes) == piece.sha256
    file.seek(piece.first_byte)
    return stream_digest(file, piece.bytes) == piece.sha256


def piece_digest(path: Path, first_byte: int, length: int) -> str:
    """Return the SHA-256 of a part of a file."""
    with path.open("rb") as file:
        file.seek(first_byte)
        return stream_digest(file, length)


def stream_digest(file: BinaryIO, length: int) -> str:
    """Return the SHA-256 of so many bytes from where a file stands."""
    sha = hashlib.sha256()
    for block in blocks(file, length):
        sha.update(block)
    return sha.hexdigest()


def is_same_beginning(file: BinaryIO, head: bytes) -> bool:
    """Tell whether a file still begins as it did: it was not cut off while it was read."""
    file.seek(0)
    return file.read(len(head)) == head
