"""One pass over the bytes of a log: how many whole lines, between which instants, with which digest."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from etl.landing.received import Refused
from etl.pulls import PullRefused, told_offset
from etl.readers import call_records
from etl.readers.lines import BLOCK_BYTES, blocks
from etl.schema import Lane, LogSource
from etl.settings import Settings, zone_offset
from etl.warehouse import digest as file_digest

LINE_SHOWN_BYTES = 64 * 1024
_LAST_BYTES = 16 * 1024
_BOM = b"\xef\xbb\xbf"
#: Tells the epoch of a line, or None.
Stamp = Callable[[bytes], int | None]


@dataclass
class Scan:
    """What one pass over the bytes of a piece tells; of a plain one also its digest."""

    sha256: str = ""
    bytes: int = 0
    lines: int = 0
    held: int = 0
    first_epoch: int | None = None
    last_epoch: int | None = None


def offset_of(path: Path, source: LogSource, settings: Settings, before: int | None) -> int | None:
    """Return how far the clock of a file is ahead of UTC; None where its lines tell epochs. Raises Refused."""
    if source.lane is not Lane.RECORDS or before is not None:
        return before
    if (zone := zone_offset(settings.table_zone)) is not None:
        return zone
    try:
        return told_offset(call_records.read_clock(path), None, "CALLCENTER_TABLE_ZONE", "el archivo")
    except PullRefused as refusal:
        raise Refused(str(refusal)) from None


def stamps(source: LogSource, offset: int | None, latest: int) -> Stamp:
    """Return what tells the epoch of a line of a source, None of a line without a readable one."""
    if source.lane is not Lane.RECORDS:
        return lambda line: epoch_of(line, source, latest)

    def started(line: bytes) -> int | None:
        epoch = call_records.started_of(call_records.fields_of(line.removeprefix(_BOM)), offset or 0)
        return epoch if epoch is not None and source.earliest_epoch <= epoch <= latest else None

    return started


def scan_plain(draft: Path, stamp: Stamp) -> Scan:
    """Count and hash a copy up to its last line end, and bring it to the disk meanwhile."""
    with draft.open("rb") as file, ThreadPoolExecutor(2) as aside:
        on_disk = aside.submit(os.fsync, file.fileno())
        sha256 = aside.submit(file_digest, draft, _whole_lines_end(file))
        file.seek(0)
        scan = scan_lines(file, stamp)
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


def scan_lines(file: BinaryIO, stamp: Stamp) -> Scan:
    """Count up to the last line end; what follows it is held (0 or 1 line)."""
    scan = Scan()
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
            carry = block[end:][-LINE_SHOWN_BYTES:]
        else:
            carry = (carry + block)[-LINE_SHOWN_BYTES:]
        position += len(block)
    scan.held = int(position > scan.bytes)
    return scan


def _last_epoch(lines: bytes, stamp: Stamp, before: int | None) -> int | None:
    for line in reversed(lines.split(b"\n")):
        epoch = stamp(line)
        if epoch is not None:
            return epoch
    return before


def epoch_of(line: bytes, source: LogSource, latest: int) -> int | None:
    """Return the epoch that a line of a queue_log begins with; None where it has none that can be."""
    text = line.removeprefix(_BOM).partition(b"|")[0].partition(b".")[0]
    if not text.isdigit() or len(text) > 12:
        return None
    epoch = int(text)
    return epoch if source.earliest_epoch <= epoch <= latest else None
