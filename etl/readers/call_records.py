"""Master.csv by its bytes: whether a line is a record of a call, when the call began, how the file's clock goes.

In: lines as they stand in the file. Out: answers about them; what is counted of them is told by ``etl.call_records``.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

from etl.readers.lines import open_text
from etl.readers.table_zone import LEAST_RECORDS, Clock, clock_of
from etl.sources.cdr import LEAST_COLUMNS, LINE_COLUMNS

_TIME, _DURATION, _BILLED, _UNIQUEID = (
    LINE_COLUMNS.index(name) for name in ("time", "duration", "billsec", "uniqueid")
)
_MADE = re.compile(r"(?:^|-)([0-9]{9,10})\.[0-9]+$")
_START = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}")
_EPOCH = datetime(1970, 1, 1)
#: Lines that a clock is told by, and the longest one looked at.
_READ_LINES, _MOST_BYTES = 50_000, 64 * 1024


def fields_of(line: bytes) -> list[str]:
    """Return the columns of a line; none where it is no record of a call."""
    text = line[:_MOST_BYTES].decode("utf-8", errors="replace").strip("\ufeff\r\n")
    if text.count(",") < LEAST_COLUMNS - 1 or "\0" in text:
        return []
    try:
        (found,) = csv.reader([text], strict=True) or ([],)
    except (csv.Error, ValueError):
        return []
    if not LEAST_COLUMNS <= len(found) <= len(LINE_COLUMNS) or _START.match(found[_TIME]) is None:
        return []
    return found if found[_DURATION].strip("-").isdigit() and found[_BILLED].strip("-").isdigit() else []


def started_of(found: Sequence[str], offset: int) -> int | None:
    """Return the epoch at which the call of a record's columns began, by a clock so many seconds ahead of UTC."""
    if not found:
        return None
    try:
        started = datetime.fromisoformat(found[_TIME][:19])
    except ValueError:
        return None
    return int((started - _EPOCH).total_seconds()) - offset


def read_clock(path: Path) -> Clock:
    """Tell how far the clock of a file is ahead of UTC by its first lines. Raises what reading it raises."""
    with open_text(path) as file:
        return clock_of_lines(islice(iter(lambda: file.readline(_MOST_BYTES), b""), _READ_LINES))


def clock_of_lines(lines: Iterable[bytes]) -> Clock:
    """Tell the clock by when the first record of each call began and when its channel was made."""
    first: dict[str, int] = {}
    for line in lines:
        found = fields_of(line)
        if len(found) > _UNIQUEID and _MADE.search(found[_UNIQUEID]) and (started := started_of(found, 0)) is not None:
            before = first.get(found[_UNIQUEID], started)
            first[found[_UNIQUEID]] = min(started, before)
    ahead: Counter[int] = Counter()
    for uniqueid, started in first.items():
        made = _MADE.search(uniqueid)
        if made is not None:
            ahead[started - int(made[1])] += 1
    return clock_of(ahead.items(), LEAST_RECORDS)
