"""What readers see: the segments of a generation under one name each.

In: an instance with segments attached. Out: its views, and the same narrowed to the months that a question needs:
planning a view over five years of segments takes longer than reading the month that was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import duckdb

from etl.model import WITHIN_SECONDS
from etl.settings import ZONE_OFFSET_SECONDS

#: What follows from the stored columns of a visit or call: an instant in UTC and its wall time side by side, the place
#: of that in the day. `calls` and `talks` are how many calls a row stands for, and how many of them have a known talk.
_COUNTED = "service IS NULL OR service <> 'no cuenta' AS counted"
_STATE = f"NOT is_open AS registered, {_COUNTED}"
_ONE_CALL = "1 AS calls, CASE WHEN talk_seconds IS NULL THEN 0 ELSE 1 END AS talks"


def _instants(name: str, epoch: str) -> str:
    local = f"({epoch} + ({ZONE_OFFSET_SECONDS}))"
    return (
        f"make_timestamp({epoch} * 1000000) AS {name}_at, make_timestamp({local} * 1000000) AS {name}_local, "
        f"CAST({local} // 3600 % 24 AS UTINYINT) AS {name}_hour, "
        f"CAST({local} // 1800 % 48 AS UTINYINT) AS {name}_half_hour"
    )


_DERIVED = f"{_STATE}, {_ONE_CALL}, {_instants('entered', 'entered_epoch')}, {_instants('outcome', 'ended_epoch')}"
_OUTCOME = "CAST(outcome_event AS VARCHAR) AS outcome_event"
_FACTS = "service, entered_date, entered_epoch, answered, is_open, cause, wait_seconds, talk_seconds, ended_epoch"
_STORED = f"{_FACTS}, {_OUTCOME}"
_HALF_HOUR_COLUMNS = (
    "part", "entered_date", "half_hour", "service", "calls", "answered_calls", "waits", "waited_seconds", "talks",
    "talked_seconds", "longest_wait",
)  # fmt: skip
_LINE = "* EXCLUDE (other_event) REPLACE (COALESCE(CAST(event AS VARCHAR), other_event) AS event)"
#: The parts of core.counts that make up each table of visits or calls, and the rows of core.chained_calls.
_UNITS = {"core.queue_visits": "visit", "core.line_calls": "line", "core.calls": "call"}
BY_WAIT, BY_HALF_HOUR = "_by_wait", "_by_half_hour"
#: The tables of calls; each also counted by wait (one row per day, line, outcome, cause and second of wait), and by
#: half hour (one row per day, half hour and line, with how many were answered within so many seconds).
CALL_TABLES = tuple(f"{table}{counted}" for counted in ("", BY_WAIT, BY_HALF_HOUR) for table in _UNITS)
LINES = "raw.queue_log"
#: Lines by their places alone, and those that are odd by themselves: an event that no source knows, or a clock that is
#: behind that of an earlier line of the file.
PLACES, ODD_LINES = "raw.places", "raw.odd_lines"
#: What else lies in the months of calls, by the instants of lines.
BESIDE = ("raw.duplicates", "raw.overlaid", "meta.findings", "meta.strays", PLACES, ODD_LINES)
_NARROWED = {
    PLACES: ("raw.queue_log", "load, line, epoch", ""),
    ODD_LINES: (
        "raw.queue_log",
        "load, line, epoch, order_epoch, callid, queue, other_event",
        "other_event IS NOT NULL OR order_epoch <> epoch",
    ),
}


def create_views(connection: duckdb.DuckDBPyConnection, calls: Sequence[str], loads: str) -> None:
    """Create the views over attached segments: `calls` are the aliases of the months of calls, `loads` of loads."""
    for schema in ("raw", "core", "meta"):
        connection.execute(f"CREATE SCHEMA {schema}")
    connection.execute("CREATE TABLE meta.call_months (month VARCHAR, alias VARCHAR, loads VARCHAR)")
    months = ", ".join(f"('{alias.removeprefix('calls_').replace('_', '-')}', '{alias}', '{loads}')" for alias in calls)
    connection.execute(f"INSERT INTO meta.call_months VALUES {months}")
    for table in CALL_TABLES:
        connection.execute(f"CREATE VIEW {table} AS {_rows_of(table, calls, loads)}")
    for table in BESIDE:
        connection.execute(f"CREATE VIEW {table} AS {_rows_of(table, calls, loads)}")
    # Small, and asked for by every page: read once.
    for table in ("core.log_hours", "core.log_queues"):
        connection.execute(f"CREATE TABLE {table} AS {_union(table, calls)}")
    for table in ("core.restarts", "core.queue_lines", "core.agent_persons"):
        connection.execute(f"CREATE VIEW {table} AS SELECT * FROM {loads}.{table}")
    connection.execute(f"CREATE VIEW {LINES} AS {_rows_of(LINES, calls, loads)}")
    # As they were read, before what was found among the calls: what asks for some months adds that of those.
    connection.execute(f"CREATE VIEW meta.pieces AS SELECT * FROM {loads}.meta.loads")
    connection.execute(f"CREATE VIEW meta.rejected AS SELECT * FROM {loads}.meta.quarantine")
    connection.execute(
        f"""CREATE VIEW meta.quarantine AS SELECT load, line, reasons, text FROM {loads}.meta.quarantine
        UNION ALL SELECT s.load, s.line, s.reason, concat_ws('|', q.epoch, q.callid, q.queue, q.agent, q.event, q.data)
        FROM meta.strays s JOIN raw.queue_log q ON q.load = s.load AND q.line = s.line AND q.epoch = s.epoch"""
    )
    connection.execute(
        f"""CREATE VIEW meta.loads AS SELECT loads.* EXCLUDE (loaded, duplicates, quarantined),
            loads.loaded - COALESCE(strays.lines, 0) - COALESCE(overlaid.lines, 0) AS loaded,
            loads.duplicates + COALESCE(overlaid.lines, 0) AS duplicates,
            loads.quarantined + COALESCE(strays.lines, 0) AS quarantined
        FROM {loads}.meta.loads AS loads
        LEFT JOIN (SELECT load, COUNT(*) AS lines FROM meta.strays GROUP BY load) AS strays
            ON strays.load = loads.load
        LEFT JOIN (SELECT load, COUNT(*) AS lines FROM raw.overlaid GROUP BY load) AS overlaid
            ON overlaid.load = loads.load"""
    )


def months_between(
    connection: duckdb.DuckDBPyConnection, table: str, first: date, last: date, within: Iterable[int] = WITHIN_SECONDS
) -> str:
    """Return what stands behind FROM for the rows of the months between two days, of LINES, CALL_TABLES or BESIDE.

    Calls lie in the month of their entry, lines and findings in that of their instant. The days are still to be
    asked for. `within`: of a table by half hour, the seconds within which the answered are asked for; fewer columns are
    planned sooner.
    """
    if table not in (known := (LINES, *CALL_TABLES, *BESIDE)):
        raise ValueError(f"{table} is none of {', '.join(known)}")
    months = connection.execute("SELECT month, alias, loads FROM meta.call_months").fetchall()
    near = [alias for month, alias, _ in months if _month_of(first) <= month <= _month_of(last)]
    if len(near) == len(months):
        return table
    _, any_month, loads = months[0]
    # Without any month there, one whose rows no day of the question names.
    return f"({_rows_of(table, near or [any_month], loads, within)})"


def _month_of(day: date) -> str:
    return f"{day.year:04}-{day.month:02}"  # strftime writes the year 999 with three digits


def _rows_of(table: str, aliases: Sequence[str], loads: str, within: Iterable[int] = WITHIN_SECONDS) -> str:
    """Return the SELECT of LINES, or one of CALL_TABLES or BESIDE, over some months of calls."""
    if table in BESIDE:
        stored, narrowed_to, where = _NARROWED.get(table, (table, "*", ""))
        return _union(stored, aliases, narrowed_to, where)
    if table == LINES:
        lines = _union(LINES, aliases, _LINE)
        return f"SELECT loads.pbx, q.* FROM ({lines}) AS q JOIN {loads}.meta.loads AS loads ON loads.load = q.load"
    if table.endswith(BY_WAIT):
        unit = _UNITS[table.removesuffix(BY_WAIT)]
        counts = _union("core.counts", aliases)
        return f"SELECT * EXCLUDE (part), {_STATE} FROM ({counts}) WHERE part IN ('alone', '{unit}')"
    if table.endswith(BY_HALF_HOUR):
        unit = _UNITS[table.removesuffix(BY_HALF_HOUR)]
        columns = [*_HALF_HOUR_COLUMNS, *(f"answered_within_{seconds}" for seconds in within)]
        half_hours = _union("core.half_hours", aliases, ", ".join(columns))
        return (
            "SELECT * EXCLUDE (part, half_hour), half_hour AS entered_half_hour, "
            f"CAST(half_hour // 2 AS UTINYINT) AS entered_hour, TRUE AS registered, {_COUNTED} "
            f"FROM ({half_hours}) WHERE part IN ('alone', '{unit}')"
        )
    if table == "core.queue_visits":
        return f"SELECT *, {_DERIVED} FROM ({_union(table, aliases, f'* REPLACE ({_OUTCOME})')})"
    # A callid of one visit is its own line call and caller's call.
    alone = _union("core.queue_visits", aliases, f"pbx, callid, 1 AS ordinal, {_STORED}, 1 AS visits", "alone")
    chained = _union(
        "core.chained_calls", aliases, f"pbx, callid, ordinal, {_STORED}, visits", f"unit = '{_UNITS[table]}'"
    )
    return f"SELECT *, {_DERIVED} FROM ({alone} UNION ALL {chained})"


def _union(table: str, aliases: Iterable[str], columns: str = "*", where: str = "") -> str:
    narrowed = f" WHERE {where}" if where else ""
    return " UNION ALL ".join(f"SELECT {columns} FROM {alias}.{table}{narrowed}" for alias in aliases)
