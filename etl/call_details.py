"""Rows of details of calls in, the events out that a log would have of them: three lines a row, so that each is found.

The n-th row of a file is the lines 3n-2 to 3n of its piece: the entry, the connection (blank where nobody answered),
the end (blank where Issabel missed it). A row that cannot be a call, or whose call was under way when it was exported,
is set aside at its place; titles and blank rows are blank. Which call of the log a row is, no row says: ``etl.details``
finds it. Pure, but for the reading of the file.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from etl.readers.found_table import FoundTable, TableRow, UnreadableTable, checked_height
from etl.readers.lines import SET_ASIDE, SetAside, Slab
from etl.readers.tables import read_tables
from etl.schema import LINES_A_ROW, DetailLayout, LogSource
from etl.sources.call_detail import DETAILS, OUTBOUND, OUTCOMES, UNDER_WAY

_FORMATS = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d-%m-%Y %H:%M:%S",
    "%Y/%m/%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S",
)  # fmt: skip
_EPOCH = datetime(1970, 1, 1)
#: A moment, and what may stand behind it: parts of a second, half of the day. Of a zone the row is not to be guessed.
_MOMENT = re.compile(r"(.+?)(?:(?<=:\d\d:\d\d)[.,]\d+)?(?:\s*([ap])\.?\s*m\.?)?", re.IGNORECASE)
_TITLE_ROWS = 20
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{2})(?:\.\d+)?")
_SECONDS = re.compile(r"(\d{1,6})(?:\.\d+)?\s*(?:s|seg|segs|secs?|segundos)?\.?")
_SLACK_SECONDS = 2
_SHOWN = 500
_MOST_CELL = 200
_CALLID = re.compile(r"[\w-]{0,40}[0-9]{6,12}\.[0-9]{1,9}")
_ALONE = re.compile(r"[^0-9a-z]+")


@dataclass(frozen=True)
class Details:
    """What a file of details holds: the events of its rows, what was set aside, between which instants."""

    source: LogSource
    lines: tuple[str, ...]
    set_aside: tuple[SetAside, ...]
    rows: int
    blank: int
    first_epoch: int | None
    last_epoch: int | None


@dataclass(frozen=True)
class _Call:
    """A row that is a call: epochs and seconds, None where the row does not say."""

    row: int
    entered: int
    queue: str
    agent: str
    phone: str
    wait: int | None
    talk: int | None
    event: str
    transfer: str
    outbound: bool
    uniqueid: str
    answered: bool


def source_of(tables: Sequence[FoundTable]) -> LogSource | None:
    """Tell by its titles which details of calls one of the tables holds, None where none does."""
    return next((source for table in tables if (source := _known(table)[0]) is not None), None)


def names_details(titles: Sequence[str]) -> bool:
    """Tell whether the titles of a table's columns are those of details of calls."""
    return any(_places(titles, source.detail) for source in DETAILS if source.detail)


def read_details(path: Path, source: LogSource, *, offset: int, latest_epoch: int) -> Details:
    """Read the details of a file, whose clock is so many seconds ahead of UTC. Raises UnreadableTable."""
    return details_of(read_tables(path), source, offset=offset, latest_epoch=latest_epoch)


def details_of(tables: Sequence[FoundTable], source: LogSource, *, offset: int, latest_epoch: int) -> Details:
    """Return the events of every row of every table of details; rows of other tables are blank.

    Raises UnreadableTable for more rows than are taken of any file, wherever they stand.
    """
    calls: list[_Call] = []
    aside: list[SetAside] = []
    rows = 0
    for table in tables:
        found, titles = _known(table)
        if found is None or titles is None or found.detail is None:
            rows += table.lines
            continue
        places = _places(titles.cells, found.detail)
        told = [row for row in table.rows if row.line > titles.line and row.cells != titles.cells]
        starts_answered = _starts_answered(told, places)
        for row in told:
            cells = {name: row.cells[place].strip() for name, place in places.items() if place < len(row.cells)}
            call = _call_of(rows + row.line, row, cells, starts_answered, offset, source, latest_epoch)
            if isinstance(call, _Call):
                calls.append(call)
            elif call:
                text = "; ".join(cell for cell in row.cells if cell)[:_SHOWN]
                aside.append(SetAside(rows + row.line, call, text))
        rows += table.lines
    checked_height(rows)
    lines = [""] * (rows * LINES_A_ROW)
    for each in aside:
        lines[(each.line - 1) * LINES_A_ROW] = SET_ASIDE
    epochs = []
    for call, callid in zip(calls, _callids(calls), strict=True):
        at = (call.row - 1) * LINES_A_ROW
        events = _events(call, callid)
        lines[at : at + LINES_A_ROW] = events
        epochs += [int(event.partition("|")[0]) for event in events if event]
    blank = rows - len(calls) - len(aside)
    first, last = min(epochs, default=None), max(epochs, default=None)
    return Details(source, tuple(lines), tuple(aside), rows, blank, first, last)


def detail_slab(path: Path, source: LogSource, folder: Path, *, offset: int, latest_epoch: int) -> Slab:
    """Write the lines of a landed file of details as one slab. Raises UnreadableTable."""
    details = read_details(path, source, offset=offset, latest_epoch=latest_epoch)
    out = folder / "details.lines"
    out.write_text("".join(f"{line}\n" for line in details.lines), encoding="utf-8")
    return Slab(out, 1, len(details.lines), details.set_aside, 0, details.blank)


def _plain(text: str) -> str:
    plain = unicodedata.normalize("NFD", text.casefold()).encode("ascii", "ignore").decode()
    return _ALONE.sub("_", plain).strip("_")


def _places(titles: Sequence[str], layout: DetailLayout | None) -> dict[str, int]:
    """Return where the columns stand under these titles; nothing where one that is needed is missing."""
    if layout is None:
        return {}
    plain = [_plain(title) for title in titles]
    found = {
        name: place
        for name, names in layout.columns
        if (place := next((plain.index(each) for each in names if each in plain), None)) is not None
    }
    return found if all(any(name in found for name in some) for some in layout.needed) else {}


def _known(table: FoundTable) -> tuple[LogSource | None, TableRow | None]:
    for row in table.rows[:_TITLE_ROWS]:
        for source in DETAILS:
            if _places(row.cells, source.detail):
                return source, row
    return None, None


def _moment(text: str) -> int | None:
    """Return the seconds of the clock that a text names."""
    if (found := _MOMENT.fullmatch(text)) is None:
        return None
    for each in _FORMATS:
        try:
            moment = datetime.strptime(found[1], each)
        except ValueError:
            continue
        if found[2]:
            if not 1 <= moment.hour <= 12:
                return None
            moment = moment.replace(hour=moment.hour % 12 + (12 if found[2] in "pP" else 0))
        return int((moment - _EPOCH).total_seconds())
    return None


def _seconds(text: str) -> int | None:
    """Return the seconds of 74, 1:14, 00:01:14 or 74 segs."""
    if found := _SECONDS.fullmatch(text.casefold()):
        return int(found[1])
    if found := _CLOCK.fullmatch(text):
        return int(found[1] or 0) * 3600 + int(found[2]) * 60 + int(found[3])
    return None


def _started(cells: dict[str, str]) -> int | None:
    if "start" in cells:
        return _moment(cells["start"])
    return _moment(f"{cells.get('date', '')[:10]} {cells['time']}" if cells.get("time") else cells.get("date", ""))


def _starts_answered(rows: Sequence[TableRow], places: dict[str, int]) -> bool:
    """Tell whether a row's beginning is that of the talk and not of the wait: Issabel notes when the operator took it.

    Told by the rows that say both durations and the end; a wait as short as a clock's slack makes no difference.
    """
    votes: Counter[bool] = Counter()
    for row in rows:
        cells = {name: row.cells[place].strip() for name, place in places.items() if place < len(row.cells)}
        start, end = _started(cells), _moment(cells.get("end", ""))
        wait, talk = _seconds(cells.get("wait", "")), _seconds(cells.get("talk", ""))
        if start is None or end is None or not talk or wait is None or wait <= 2 * _SLACK_SECONDS:
            continue
        for is_answer, length in ((True, talk), (False, wait + talk)):
            votes[is_answer] += abs(end - start - length) <= _SLACK_SECONDS
    return votes[True] > votes[False]


def _call_of(
    number: int, row: TableRow, cells: dict[str, str], starts_answered: bool, offset: int, source: LogSource,
    latest: int,
) -> _Call | str:  # fmt: skip
    """Return the call of a row, or why it is none; nothing to say of a row of totals."""
    if row.problem:
        return "detail_row"
    start, end = _started(cells), _moment(cells.get("end", ""))
    if start is None and end is None and _plain(row.cells[0]).startswith("total"):
        return ""
    told = _plain(cells.get("outcome", ""))
    if told in UNDER_WAY:
        return "detail_under_way"
    outbound = _plain(cells.get("kind", "")) in OUTBOUND
    wait, talk = _seconds(cells.get("wait", "")), _seconds(cells.get("talk", ""))
    state = OUTCOMES.get(told)
    answered = state in ("COMPLETECALLER", "COMPLETEAGENT", "BLINDTRANSFER")
    unended = state == "" and bool(talk)
    entered: int | None = start
    if answered or unended:
        if start is not None and starts_answered:
            entered = start - (wait or 0)
        elif start is None and end is not None:
            entered = end - (wait or 0) - (talk or 0)
    elif end is not None and wait is not None:
        entered = end - wait
    elif start is None:
        entered = end
    reasons = []
    longest = (entered or 0) + (wait or 0) + (talk or 0)
    if entered is None or entered - offset < source.earliest_epoch or longest - offset > latest:
        reasons.append("detail_time")
    if not cells.get("queue") and not outbound:
        reasons.append("detail_queue")
    if state is None and not outbound:
        reasons.append("detail_outcome")
    if reasons or entered is None:
        return ",".join(reasons)
    uniqueid = cells.get("uniqueid", "")
    agent = f"Agent/{cells['agent_number']}" if cells.get("agent_number") else cells.get("agent", "")
    return _Call(
        number, entered - offset, _field(cells.get("queue", "")) or "NONE", _field(agent) or "NONE",
        _field(cells.get("phone", "")), wait, talk, state or "", _field(cells.get("transfer", "")), outbound,
        uniqueid if _CALLID.fullmatch(uniqueid) else "", answered or unended,
    )  # fmt: skip


def _field(text: str) -> str:
    """Return a cell as a field of a line can hold it."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text[:_MOST_CELL])
    # The name of the event there would be a line whose fields are shifted.
    return re.sub("^ENTERQUEUE$", "ENTERQUEUE_", plain.replace("|", "_").strip())


def _callids(calls: Sequence[_Call]) -> list[str]:
    """Return a callid for each call: the row's own, or one made of what the row says but for the caller's number.

    A number could be told from a hash, so rows that say the same but for it are numbered in its order.
    """
    found: dict[int, str] = {}
    same: Counter[str] = Counter()
    for call in sorted(calls, key=lambda each: (each.entered, each.queue, each.agent, each.phone, each.row)):
        said = (call.entered, call.queue, call.agent, call.wait, call.talk, call.event, call.transfer, call.outbound)
        digest = hashlib.sha256("|".join(map(str, said)).encode()).hexdigest()[:20]
        same[digest] += 1
        found[call.row] = call.uniqueid or f"detalle-{digest}-{same[digest]}"
    return [found[call.row] for call in calls]


def _events(call: _Call, callid: str) -> list[str]:
    """Return the three lines of a call."""

    def line(at: int, agent: str, event: str, *data: object) -> str:
        fields = ("" if each is None else str(each) for each in data)
        return "|".join([str(at), callid, call.queue, agent, event, *fields])

    if call.outbound:  # an entry of an operator: no figure of callers counts it
        agent = call.agent if call.agent != "NONE" else "saliente"
        return [line(call.entered, agent, "ENTERQUEUE", "", call.phone), "", ""]
    connected = call.entered + (call.wait or 0)
    ended = connected + (call.talk or 0)
    enter = line(call.entered, "NONE", "ENTERQUEUE", "", call.phone)
    if not call.answered:
        data: dict[str, Callable[[], tuple[object, ...]]] = {"EXITWITHKEY": lambda: ("", "", "", call.wait)}
        fields = data.get(call.event, lambda: ("", "", call.wait))()
        return [enter, "", line(connected, "NONE", call.event, *fields) if call.event else ""]
    connect = line(connected, call.agent, "CONNECT", call.wait)
    if not call.event:
        return [enter, connect, ""]
    if call.transfer or call.event == "BLINDTRANSFER":
        end = line(ended, call.agent, "BLINDTRANSFER", call.transfer, "", call.wait, call.talk)
    else:
        end = line(ended, call.agent, call.event, call.wait, call.talk)
    return [enter, connect, end]


__all__ = ["Details", "UnreadableTable", "detail_slab", "details_of", "names_details", "read_details", "source_of"]
