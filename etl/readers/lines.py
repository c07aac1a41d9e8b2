"""Bytes of a log in, slabs of clean lines out: one output line for every physical line.

A slab is a temporary UTF-8 file of whole lines, small enough to be held in memory. Every physical line keeps its place:
a line that cannot be text is replaced by the one character ``SET_ASIDE`` and kept in ``Slab.set_aside``, so the n-th
line of the slabs is the n-th line of the file.
"""

import gzip
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

BLOCK_BYTES = 1024 * 1024
SET_ASIDE = "\x02"
FIELD_OF_NO_LOG = "\x1f"
_SHOWN_BYTES = 200
_BOM = b"\xef\xbb\xbf"
#: Bytes that would break the one-line-one-row reading, and what stands for them in the text.
_CONTROL_PICTURES = ((b"\r", "␍".encode()), (b"\x02", "␂".encode()), (b"\x1f", "␟".encode()))


@dataclass(frozen=True)
class SetAside:
    """A physical line that cannot be text: its number in the file, its reason, and the beginning of its text."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class Slab:
    """A temporary file of whole lines: ``lines`` of them, the first of which is line ``first_line`` of the file.

    Where several lines are a row, ``blank_rows`` of those hold nothing.
    """

    path: Path
    first_line: int
    lines: int
    set_aside: tuple[SetAside, ...]
    other_encoding: int
    blank_rows: int = 0


@dataclass
class LineFeed:
    """Takes blocks of bytes, writes slabs of at most about ``slab_bytes`` into ``folder``; the last two stay.

    ``first_line`` is the number of the first line fed (a later chunk of a growing file goes on counting). Memory stays
    within a few blocks whatever the length of a line: what exceeds ``line_limit`` is dropped but for its beginning.
    """

    folder: Path
    prefix: str
    slab_bytes: int
    line_limit: int
    first_line: int = 1
    lines: int = 0
    _ready: list[Slab] = field(default_factory=list)
    _set_aside: list[SetAside] = field(default_factory=list)
    _other_encoding: int = 0
    _carry: bytes = b""
    _too_long: bytes | None = None
    _file: BinaryIO | None = None
    _written: int = 0
    _slab_first: int = 0
    _slabs: int = 0

    def slabs(self, blocks: Iterable[bytes]) -> Iterator[Slab]:
        """Feed all blocks and yield each slab as it is full, then the last one. An unfinished last line is left out."""
        try:
            for block in blocks:
                self.feed(block)
                yield from self._drain()
            self._close_slab()
            yield from self._drain()
        finally:
            if self._file is not None:  # what was to come of it is not wanted, or there is no room for it
                with suppress(OSError):
                    self._file.close()

    def _drain(self) -> list[Slab]:
        ready, self._ready = self._ready, []
        return ready

    def feed(self, block: bytes) -> None:
        """Take the next bytes of the file, cut anywhere."""
        if self._too_long is not None:
            end = block.find(b"\n")
            if end < 0:
                return
            self._write(self._mark("line_too_long", self._too_long, self.first_line + self.lines) + b"\n", 1)
            self._too_long, block = None, block[end + 1 :]
        block = self._carry + block if self._carry else block
        while self.first_line + self.lines == 1 and block.startswith(_BOM):
            block = block.removeprefix(_BOM)
        end = block.rfind(b"\n") + 1
        self._carry = block[end:]
        if end:
            self._take(block[:end])
        if len(self._carry) > self.line_limit + len(b"\r"):
            self._too_long, self._carry = self._carry[: self.line_limit], b""
        if self._written >= self.slab_bytes:
            self._close_slab()

    def _take(self, lines: bytes) -> None:
        if b"\r" in lines:
            lines = lines.replace(b"\r\n", b"\n")
        if self._is_clean(lines):
            self._write(lines, lines.count(b"\n"))
        else:
            self._write_lines(lines.split(b"\n")[:-1])

    def _is_clean(self, lines: bytes) -> bool:
        if b"\0" in lines or any(byte in lines for byte, _ in _CONTROL_PICTURES):
            return False
        if not lines.isascii():
            try:
                lines.decode("utf-8")
            except UnicodeDecodeError:
                return False
        # A line longer than twice the window contains a whole window without a line end.
        window = self.line_limit // 2
        return all(lines.find(b"\n", at, at + window) >= 0 for at in range(0, len(lines) - window, window))

    def _write_lines(self, lines: list[bytes]) -> None:
        cleaned = bytearray()
        number = self.first_line + self.lines
        for line in lines:
            cleaned += self._clean(line, number) + b"\n"
            number += 1
        self._write(bytes(cleaned), len(lines))

    def _clean(self, line: bytes, number: int) -> bytes:
        if len(line) > self.line_limit:
            return self._mark("line_too_long", line[: self.line_limit], number)
        if b"\0" in line:
            return self._mark("nul", line, number)
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            try:
                line = line.decode("cp1252").encode()
            except UnicodeDecodeError:
                return self._mark("encoding", line, number)
            self._other_encoding += 1
        for byte, picture in _CONTROL_PICTURES:
            line = line.replace(byte, picture)
        return line

    def _mark(self, reason: str, line: bytes, number: int) -> bytes:
        shown = line.replace(b"\0", b"")[:_SHOWN_BYTES].decode("utf-8", errors="replace")
        self._set_aside.append(SetAside(number, reason, shown))
        return SET_ASIDE.encode()

    def _write(self, lines: bytes, count: int) -> None:
        if self._file is None:
            # Two files in turn: one is read while the other is written; pages written again cost little.
            self._slabs += 1
            path = self.folder / f"{self.prefix}.lines.{self._slabs % 2}"
            self._file = path.open("r+b" if path.exists() else "w+b")
            self._slab_first = self.first_line + self.lines
            self._written = 0
        self._file.write(lines)
        self._written += len(lines)
        self.lines += count

    def _close_slab(self) -> None:
        if self._file is not None:
            self._file.truncate()
            self._file.close()
            path = Path(self._file.name)
            lines = self.first_line + self.lines - self._slab_first
            self._ready.append(Slab(path, self._slab_first, lines, tuple(self._set_aside), self._other_encoding))
            self._file, self._written, self._set_aside, self._other_encoding = None, 0, [], 0


def ahead(slabs: Iterator[Slab]) -> Iterator[Slab]:
    """Yield the slabs, each made by another thread while the one before it is in use."""
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, slabs, None)
        while (slab := coming.result()) is not None:
            coming = maker.submit(next, slabs, None)
            yield slab


def is_gzip(start: bytes) -> bool:
    """Tell a gzip stream by its first two bytes, whatever the file is called."""
    return start[:2] == b"\x1f\x8b"


@contextmanager
def open_text(path: Path) -> Iterator[BinaryIO]:
    """Open a plain or gzip file for reading its uncompressed bytes."""
    with path.open("rb") as file:
        start = file.read(2)
        file.seek(0)
        if is_gzip(start):
            with gzip.open(file, "rb") as unpacked:
                yield cast(BinaryIO, unpacked)  # it is one in all that is asked of it
        else:
            yield file


def blocks(file: BinaryIO, limit: int | None = None) -> Iterator[bytes]:
    """Yield the bytes of a file in blocks, at most ``limit`` bytes in all."""
    left = limit
    while left is None or left > 0:
        block = file.read(BLOCK_BYTES if left is None else min(BLOCK_BYTES, left))
        if not block:
            return
        if left is not None:
            left -= len(block)
        yield block
