"""The lines behind a number of the data-quality page: of a kind of finding, or those set aside; a page at a time.

In: a cursor, a period, a kind, how much of each personal field may be seen. Out: as many rows as the page counts, each
with its file and line; what may not be seen is hidden here and never leaves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from etl.schema import Reason
from etl.sources import SOURCES
from etl.views import LINES, ODD_LINES, file_line, months_between
from reports.definition import Period
from reports.format import duration_text
from reports.limits import epochs
from reports.measured import local_time
from reports.personal import Field, Level, Mask
from reports.quality import strays_of, touches

_REASONS: Mapping[str, Reason] = {
    reason.code: reason for source in SOURCES for reason in (*source.reasons, *source.findings)
}
_PLACE = "COALESCE(end_load, connect_load, enter_load) AS load, COALESCE(end_line, connect_line, enter_line) AS line"
_VISIT = f"SELECT entered_epoch AS epoch, callid, queue, {_PLACE}, {{detail}} AS detail FROM {{table}} WHERE {{where}}"
_VISITS = "core.queue_visits"
#: By kind: the table, and the condition under which its rows are of it.
_OF_VISITS = {
    "reconstructed": "reconstructed",
    "endless": "cause = 'unknown'",
    "unended_talk": "answered AND ended_epoch IS NULL",
    "unknown_wait": "answered AND wait_seconds IS NULL",
    "open": "is_open",
}
_OF_LINES = {"clock_behind": "order_epoch <> epoch", "unknown_event": "other_event IS NOT NULL"}
_OF_FOLD = (
    "second_end",
    "second_connect",
    "hold_differs",
    "wait_from_times",
    "duration",
    "long_duration",
    "only_in_export",
)
#: Every kind whose lines can be listed, in the order of the page.
KINDS = (*_OF_VISITS, *_OF_FOLD, *_OF_LINES, "restart")
LISTED_SQL = """
-- One row per line of the kind: its instant, its place.
SELECT listed.epoch, pieces.pbx, listed.callid, listed.queue, pieces.name, {line}, listed.detail
FROM ({rows}) AS listed
JOIN meta.pieces AS pieces ON pieces.load = listed.load
ORDER BY listed.epoch, listed.load, listed.line, listed.callid
LIMIT {limit:d} OFFSET {offset:d}
"""
REJECTED_SQL = """
-- One row per line set aside in the loads of a period; the text of a stray lies among the lines of the log.
SELECT pieces.name, pieces.load, CASE WHEN aside.epoch IS NULL THEN aside.line ELSE {line} END,
    aside.reasons, aside.text, aside.epoch
FROM (
    SELECT load, line, reasons, text, CAST(NULL AS BIGINT) AS epoch
    FROM meta.rejected
    UNION ALL
    SELECT load, line, reason, NULL, epoch
    FROM {strays}
) AS aside
JOIN meta.pieces AS pieces ON pieces.load = aside.load
WHERE {touches} AND (? = '' OR list_contains(string_split(aside.reasons, ','), ?))
ORDER BY aside.load, aside.line
LIMIT {limit:d} OFFSET {offset:d}
"""
STRAYS_SQL = """
-- One row per line of the log at these places.
SELECT load, line, concat_ws('|', epoch, callid, queue, agent, event, data)
FROM {lines}
WHERE epoch BETWEEN ? AND ? AND (load, line) IN ({places})
"""
#: An event is a word of capitals; whatever else stands in its place may be anything.
_EVENT = re.compile(r"[A-Z][A-Z0-9_]{1,39}")
HIDDEN = "•••"
FORGOTTEN = "(texto borrado por su antigüedad)"


@dataclass(frozen=True)
class OddLine:
    """One line of a kind: when (La Paz), of which call and queue, where it stands, and what of it is odd."""

    at: datetime
    pbx: str
    callid: str
    queue: str
    file: str
    line: int
    detail: str


@dataclass(frozen=True)
class LineSetAside:
    """One line that was set aside: where it stands, why, its text as far as it is shown (None for nothing of it)."""

    file: str
    load: int
    line: int
    reasons: str
    text: str | None


def list_odd_lines(
    cursor: duckdb.DuckDBPyConnection, kind: str, period: Period, *, limit: int, offset: int = 0
) -> list[OddLine]:
    """List the lines of a kind of KINDS in a period, oldest first. KeyError for another kind."""
    sql = LISTED_SQL.format(
        rows=_rows_of(cursor, kind, period), line=file_line("listed.line", "pieces"), limit=limit, offset=offset
    )
    return [
        OddLine(
            local_time(datetime.fromtimestamp(epoch, UTC)), str(pbx), callid or "", queue or "", str(name), int(line),
            _detail(kind, detail),
        )
        for epoch, pbx, callid, queue, name, line, detail in cursor.execute(sql).fetchall()
    ]  # fmt: skip


def count_odd_lines(cursor: duckdb.DuckDBPyConnection, kind: str, period: Period) -> int:
    """Count the lines of a kind of KINDS in a period. KeyError for another kind."""
    ((number,),) = cursor.execute(f"SELECT COUNT(*) FROM ({_rows_of(cursor, kind, period)})").fetchall()
    return int(number)


def count_set_aside(cursor: duckdb.DuckDBPyConnection, period: Period, reason: str = "") -> int:
    """Count the lines set aside in the loads of a period, those of a reason where one is named."""
    sql = _set_aside_sql(cursor, period, limit=2**31, offset=0)
    ((number,),) = cursor.execute(f"SELECT COUNT(*) FROM ({sql})", [reason, reason]).fetchall()
    return int(number)


def list_set_aside(
    cursor: duckdb.DuckDBPyConnection,
    period: Period,
    reason: str = "",
    *,
    limit: int,
    offset: int = 0,
    mask: Mask | None = None,
) -> list[LineSetAside]:
    """List the lines set aside in the loads of a period, those of a reason where one is named, in the order of files.

    Numbers and names that may be customers' are hidden, all of the text from whoever may see nothing of it.
    """
    mask = mask or Mask()
    sql = _set_aside_sql(cursor, period, limit=limit, offset=offset)
    rows = cursor.execute(sql, [reason, reason]).fetchall()
    places = [(load, line, epoch) for _, load, line, _, _, epoch in rows if epoch is not None]
    strays = _texts_of_strays(cursor, places) if mask.level(Field.SET_ASIDE) is not Level.NONE else {}
    found = []
    for name, load, line, reasons, text, epoch in rows:
        told = text if epoch is None else strays.get((load, line))
        shown = mask.shown(Field.SET_ASIDE, told) if told is not None else None
        if told is None and mask.level(Field.SET_ASIDE) is not Level.NONE:
            shown = FORGOTTEN
        found.append(LineSetAside(str(name), int(load), int(line), str(reasons), _printable(shown)))
    return found


def _set_aside_sql(cursor: duckdb.DuckDBPyConnection, period: Period, *, limit: int, offset: int) -> str:
    return REJECTED_SQL.format(
        strays=strays_of(cursor, period),
        touches=touches(period, "pieces."),
        line=file_line("aside.line", "pieces"),
        limit=limit,
        offset=offset,
    )


def reason_text(code: str) -> str:
    """Return the sentence of a reason or finding, as its source declares it; an unknown code as it is."""
    return _REASONS[code].text if code in _REASONS else code


def shown_event(event: str) -> str:
    """Return the name of an event that no source knows; what is no name of an event is hidden."""
    return event if _EVENT.fullmatch(event) else HIDDEN


def _rows_of(cursor: duckdb.DuckDBPyConnection, kind: str, period: Period) -> str:
    """Return the SELECT of the rows of a kind: epoch, callid, queue, load, line, detail."""
    first, last = period.first, period.last
    since, until = epochs(period)
    if kind in _OF_VISITS:
        days = f"entered_date BETWEEN DATE '{first:%Y-%m-%d}' AND DATE '{last:%Y-%m-%d}'"
        return _VISIT.format(
            detail="''", table=months_between(cursor, _VISITS, first, last), where=f"{_OF_VISITS[kind]} AND {days}"
        )
    if kind in _OF_LINES:
        detail = "other_event" if kind == "unknown_event" else "CAST(order_epoch - epoch AS VARCHAR)"
        return (
            f"SELECT epoch, callid, queue, load, line, {detail} AS detail FROM "
            f"{months_between(cursor, ODD_LINES, first, last)} "
            f"WHERE {_OF_LINES[kind]} AND epoch >= {since} AND epoch < {until}"
        )
    if kind == "restart":
        return (
            "SELECT epoch, '' AS callid, '' AS queue, load, line, '' AS detail FROM core.restarts "
            f"WHERE epoch >= {since} AND epoch < {until}"
        )
    if kind not in _OF_FOLD:
        raise KeyError(kind)
    return (
        "SELECT found_epoch AS epoch, callid, queue, load, line, '' AS detail FROM "
        f"{months_between(cursor, 'meta.findings', first, last)} "
        f"WHERE kind = '{kind}' AND found_epoch >= {since} AND found_epoch < {until}"
    )


def _detail(kind: str, detail: str) -> str:
    match kind:
        case "clock_behind":
            return f"{duration_text(int(detail))} atrás"
        case "unknown_event":
            return shown_event(detail)
    return detail


def _texts_of_strays(
    cursor: duckdb.DuckDBPyConnection, places: list[tuple[int, int, int]]
) -> dict[tuple[int, int], str]:
    """Return the texts of strays by load and line."""
    if not places:
        return {}
    low, high = min(epoch for *_, epoch in places), max(epoch for *_, epoch in places)
    first, last = (local_time(datetime.fromtimestamp(epoch, UTC)).date() for epoch in (low, high))
    sql = STRAYS_SQL.format(
        lines=months_between(cursor, LINES, first, last),
        places=", ".join(f"({load:d}, {line:d})" for load, line, _ in places),
    )
    return {(load, line): text for load, line, text in cursor.execute(sql, [low, high]).fetchall()}


def _printable(text: str | None) -> str | None:
    """Return a text from outside without what a screen or a terminal would obey."""
    return None if text is None else "".join(each if each.isprintable() else "·" for each in text)
