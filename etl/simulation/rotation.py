"""Into which files: one long log in, the pieces that rotation leaves behind out."""

from __future__ import annotations

import gzip
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from etl.simulation.log import Entry, entry


@dataclass(frozen=True)
class Rotation:
    """One turn of the log: when, what day the old piece is named by, and whether the turn cut a line in two.

    A turn by renaming makes Asterisk write CONFIGRELOAD into the new file; one by copying and truncating says nothing,
    and may leave half a line at the end of the old piece and the other half at the beginning of the new.
    """

    at: int
    day: str
    cut: bool


def piece_texts(entries: Sequence[Entry], rotations: Sequence[Rotation]) -> list[bytes]:
    """The bytes of each piece, oldest first, one more than there are rotations, of entries in the order of writing."""
    pieces, begin, carried = [], 0, b""
    for rotation in rotations:
        end = bisect_left(entries, rotation.at, key=itemgetter(0))
        piece = carried + _text(entries[begin:end])
        if rotation.cut:
            half = len(piece) - len(entries[end - 1][1]) // 2
            piece, carried = piece[:half], piece[half:]
        else:
            carried = _text([entry(rotation.at, "NONE", "NONE", "NONE", "CONFIGRELOAD")])
        pieces.append(piece)
        begin = end
    pieces.append(carried + _text(entries[begin:]))
    return pieces


def write_pieces(folder: Path, pieces: Sequence[bytes], rotations: Sequence[Rotation]) -> list[Path]:
    """Write the pieces as logrotate names them, and return their paths, oldest first, then the copy's.

    The last two turned stay plain, older ones are compressed, the newest is `queue_log`. The copy is one somebody made
    in between: it holds the end of one plain piece and the beginning of the next. At least two rotations are needed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, (piece, rotation) in enumerate(zip(pieces, rotations, strict=False)):
        plain = number >= len(rotations) - 2
        path = folder / f"queue_log-{rotation.day}{'' if plain else '.gz'}"
        path.write_bytes(piece if plain else gzip.compress(piece, 6, mtime=0))
        paths.append(path)
    live = folder / "queue_log"
    live.write_bytes(pieces[-1])
    paths.append(live)

    older, newer = pieces[-3], pieces[-2]
    copy = folder / "copia" / f"queue_log-{rotations[-2].day}"
    copy.parent.mkdir(exist_ok=True)
    end_of_older = older[older.index(b"\n", len(older) * 2 // 3) + 1 :]
    copy.write_bytes(end_of_older + newer[: newer.index(b"\n", len(newer) // 4) + 1])
    paths.append(copy)
    return paths


def _text(entries: Sequence[Entry]) -> bytes:
    return "".join([f"{text}\n" for _, text in entries]).encode("utf-8", "surrogateescape")
