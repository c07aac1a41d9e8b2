"""The calls behind a figure, the lines of the log behind a call, and who called: lists, nothing is divided.

In: a connection (opened by others), the very question that gave the figure, and how much of each personal field may be
seen. Out: frames, oldest first, and callers; what may not be seen is hidden here and never leaves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import duckdb
import pandas as pd

from etl.callers import ClearCallers
from etl.months import period_of
from etl.pseudonyms import HEX_DIGITS, MARK
from etl.schema import EventKind
from etl.settings import ZONE_OFFSET_SECONDS
from etl.sources import QUEUE_LOG
from etl.views import LINES, months_between
from reports.definition import Period, Subject, Unit
from reports.personal import Field, Level, Mask, hidden_data, short_pseudonym
from reports.query import TABLES, QueryError, Where, select
from reports.rules import Rules

#: A callid's events lie within this of each other (rules.md, section 2).
_REACH = timedelta(days=31)
_VISIT_COLUMNS = "queue, COALESCE(person, agent) AS agent"
_CALL_COLUMNS = "CAST(NULL AS VARCHAR) AS queue, CAST(NULL AS VARCHAR) AS agent"
# Of a call's answered visits the first: that of a transfer comes after it.
_WHO_ANSWERED = """
SELECT listed.place, ARG_MIN(COALESCE(visits.person, visits.agent), visits.ordinal) AS agent
FROM {visits} AS visits
JOIN listed ON listed.pbx = visits.pbx AND listed.callid = visits.callid
    AND visits.entered_local BETWEEN listed.entered_local AND listed.until_local
WHERE visits.answered AND listed.answered AND visits.entered_date BETWEEN ? AND ?
    AND (NOT ? OR visits.service IS NOT DISTINCT FROM listed.service)
GROUP BY listed.place
"""


def list_calls(
    connection: duckdb.DuckDBPyConnection,
    rules: Rules,
    indicator: str,
    period: Period,
    where: Where | None = None,
    unit: Unit | str | None = None,
    *,
    limit: int = 1000,
    offset: int = 0,
    mask: Mask | None = None,
) -> pd.DataFrame:
    """List the calls that an indicator's numerator counts, as many as it says when nothing limits them.

    Columns: pbx, callid, ordinal, service, queue (visits only), agent (of a call who answered it first), entered_local,
    outcome_local, answered, cause, wait_seconds, talk_seconds. Raises QueryError, also for an indicator that counts no
    calls.
    """
    selection = select(connection, rules, indicator, period, where, unit)
    if selection.rows is None:
        raise QueryError("Esta cifra no es una cuenta de llamadas: no tiene listado")
    own = _VISIT_COLUMNS if selection.unit is Unit.VISIT else _CALL_COLUMNS
    calls = connection.execute(
        f"""SELECT pbx, callid, ordinal, service, {own}, entered_local, outcome_local, answered, cause,
            wait_seconds, talk_seconds
        FROM {selection.table} WHERE {selection.condition} AND ({selection.rows})
        ORDER BY entered_local, pbx, callid, ordinal LIMIT {limit:d} OFFSET {offset:d}""",
        selection.bound,
    ).df()
    if selection.unit is not Unit.VISIT and len(calls):
        calls["agent"] = _who_answered(connection, calls, selection.unit)
    return agents_masked(calls, mask)


def _who_answered(connection: duckdb.DuckDBPyConnection, calls: pd.DataFrame, unit: Unit) -> pd.Series:
    """Return who answered each call of a list."""
    listed = calls[["pbx", "callid", "service", "entered_local", "answered"]].rename_axis("place")
    # Where no end is logged, until it was connected: a later visit of a chain is the one that was answered.
    waits = pd.to_timedelta(calls["wait_seconds"].fillna(0).astype("float64"), unit="s")
    listed["until_local"] = calls["outcome_local"].fillna(calls["entered_local"] + waits)
    first, last = listed["entered_local"].min().date(), listed["until_local"].max().date()
    visits = months_between(connection, TABLES[Subject.CALLS, Unit.VISIT], first, last)
    connection.register("listed", listed.reset_index())
    try:
        sql = _WHO_ANSWERED.format(visits=visits)
        found = dict(connection.execute(sql, [first, last, unit is Unit.LINE]).fetchall())
    finally:
        connection.unregister("listed")
    return pd.Series([found.get(place) for place in calls.index], index=calls.index, dtype=calls["agent"].dtype)


def is_call(callid: str) -> bool:
    """Tell whether a callid is a call's: the log has words in its place where a line is of none, and months of them."""
    return callid not in QUEUE_LOG.system_callids


def list_events(
    connection: duckdb.DuckDBPyConnection,
    pbx: str,
    callid: str,
    near: datetime,
    *,
    limit: int = 1000,
    mask: Mask | None = None,
) -> pd.DataFrame:
    """List the first lines of the log of one callid, in the order that counts, around a local instant of the call.

    Columns: at_local, queue, agent, event, data (callers as the beginning of their pseudonyms, long numbers hidden),
    file, line.
    """
    events = connection.execute(
        f"""SELECT make_timestamp((q.epoch + ({ZONE_OFFSET_SECONDS})) * 1000000) AS at_local, q.queue, q.agent, q.event,
            q.data, loads.name AS file, q.line
        {_lines_of_call(connection, near)} LIMIT {limit:d}""",
        [pbx, callid],
    ).df()
    pairs = zip(events["event"], events["data"], strict=True)
    events["data"] = pd.Series([hidden_data(event, data) for event, data in pairs], dtype=events["data"].dtype)
    return agents_masked(events, mask)


@dataclass(frozen=True)
class Caller:
    """Who called, as far as whoever asks may know it, and the line that says so.

    `number` and `name` are None where the line has none, or none is shown; `known` tells whether what the line has is
    still kept in the clear. `mark` is the beginning of the number's pseudonym.
    """

    number: str | None = field(repr=False)
    name: str | None = field(repr=False)
    mark: str
    known: bool
    file: str
    line: int


def list_callers(
    connection: duckdb.DuckDBPyConnection, clear: ClearCallers, pbx: str, callid: str, near: datetime, *, mask: Mask
) -> list[Caller]:
    """List who called in the call of a callid: one caller, or several where a callid was given twice; each once.

    Nothing in the clear is even read for a mask that shows neither number nor name.
    """
    if mask.level(Field.CALLER_NUMBER) is Level.NONE and mask.level(Field.CALLER_NAME) is Level.NONE:
        return []
    lines = connection.execute(
        f"""SELECT q.epoch, q.data, loads.name, q.line, q.kind {_lines_of_call(connection, near)}""", [pbx, callid]
    ).fetchall()
    callers: dict[tuple[str, str], Caller] = {}
    for epoch, data, file, line, kind in lines:
        _, number, _, name = [*str(data).split("|", 3), "", "", ""][:4]
        if kind != EventKind.ENTER or (number, name) in callers:
            continue
        asked = {each for each in (number, name) if _is_pseudonym(each)}
        found = clear.of_month(period_of(epoch), asked)
        callers[number, name] = Caller(
            number=mask.shown(Field.CALLER_NUMBER, found[number]) if number in found else None,
            name=mask.shown(Field.CALLER_NAME, found[name]) if name in found else None,
            mark=short_pseudonym(number) if _is_pseudonym(number) else "",
            known=asked <= found.keys(),
            file=str(file),
            line=int(line),
        )
    return list(callers.values())


def _is_pseudonym(text: str) -> bool:
    return text.startswith(MARK) and len(text) == len(MARK) + HEX_DIGITS


def _lines_of_call(connection: duckdb.DuckDBPyConnection, near: datetime) -> str:
    """Return FROM, WHERE and ORDER BY of the lines of a PBX's callid, both still to be bound, around an instant."""
    instant = int((near - datetime(1970, 1, 1)).total_seconds()) - ZONE_OFFSET_SECONDS
    reach = int(_REACH.total_seconds())
    lines = months_between(connection, LINES, (near - _REACH).date(), (near + _REACH).date())
    return f"""FROM {lines} AS q JOIN meta.loads AS loads ON loads.load = q.load
        WHERE q.pbx = ? AND q.callid = ? AND q.epoch BETWEEN {instant - reach} AND {instant + reach}
        ORDER BY q.order_epoch, loads.file_first_epoch, loads.file_last_epoch, q.load, q.line, q.kind"""


def agents_masked(frame: pd.DataFrame, mask: Mask | None) -> pd.DataFrame:
    """Return a list with its operators as far as they are shown."""
    mask = mask or Mask()
    if mask.level(Field.AGENT) is not Level.FULL:
        shown = [None if pd.isna(agent) else mask.shown(Field.AGENT, agent) for agent in frame["agent"]]
        frame["agent"] = pd.Series(shown, dtype=frame["agent"].dtype)
    return frame
