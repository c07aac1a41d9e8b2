"""What readers see: the segments of a generation under one name each.

In: an instance with segments attached. Out: its views, and the same narrowed to the months that a question needs:
planning a view over five years of segments takes longer than reading the month that was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import duckdb

from etl.agent_views import AGENT_TABLES, agent_rows, ends_sql
from etl.callers_again import LONGEST_TO_ANSWER, NEXT_CALL_DAYS, later_answers_sql, next_calls_sql
from etl.model import NOT_COUNTED, WITHIN_SECONDS
from etl.schema import LINES_A_ROW
from etl.settings import ZONE_OFFSET_SECONDS
from etl.sources.call_detail import DETAILS
from etl.validate import literal

#: What follows from the stored columns of a visit or call: an instant in UTC and its wall time side by side, the place
#: of that in the day. `calls` and `talks` are how many calls a row stands for, and how many of them have a known talk.
_COUNTED = f"service IS NULL OR service <> {literal(NOT_COUNTED)} AS counted"
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
_STORED = f"{_FACTS}, {_OUTCOME}, did, caller, position, transfer_kind, transferred_to"
_HALF_HOUR_COLUMNS = (
    "part", "entered_date", "half_hour", "service", "calls", "answered_calls", "waits", "waited_seconds", "talks",
    "talked_seconds", "longest_wait",
)  # fmt: skip
_LINE = "* EXCLUDE (other_event) REPLACE (COALESCE(CAST(event AS VARCHAR), other_event) AS event)"
_STORED_LINE = "load, line, epoch, callid, queue, agent, event, kind, hold_seconds, talk_seconds"
#: The parts of core.counts that make up each table of visits or calls, and the rows of core.chained_calls.
_UNITS = {"core.queue_visits": "visit", "core.line_calls": "line", "core.calls": "call"}
BY_WAIT, BY_HALF_HOUR = "_by_wait", "_by_half_hour"
#: Each call of a known caller with the next one to the same line; each abandoned one with the caller's next answer of
#: the day (etl.callers_again). They are made for the days asked for only.
BY_NEXT_CALL, BY_LATER_ANSWER = "_by_next_call", "_by_later_answer"
#: The tables of calls; each also counted by wait (one row per day, line, outcome, cause and second of wait), and by
#: half hour (one row per day, half hour and line, with how many were answered within so many seconds).
CALL_TABLES = tuple(f"{table}{counted}" for counted in ("", BY_WAIT, BY_HALF_HOUR) for table in _UNITS)
LINES = "raw.queue_log"
_DETAIL = f"loads.source IN ({', '.join(literal(source.name) for source in DETAILS)})"
#: The lines as they are stored: no PBX, an event of none of ours is NULL. Many times as quick to filter.
STORED_LINES = "raw.stored_lines"
#: Lines by their places alone, and those that are odd by themselves: an event that no source knows, or a clock that is
#: behind that of an earlier line of the file.
PLACES, ODD_LINES = "raw.places", "raw.odd_lines"
#: What else lies by month: the calls of several visits, and what was found about lines, each in the month of its call
#: (a line by itself in that of its own instant).
BESIDE = (
    STORED_LINES, PLACES, ODD_LINES, "raw.duplicates", "raw.overlaid", "core.chained_calls", "meta.findings",
    "meta.strays",
)  # fmt: skip
_NARROWED = {
    STORED_LINES: (LINES, _STORED_LINE, ""),
    PLACES: (LINES, "load, line, epoch", ""),
    ODD_LINES: (
        LINES,
        "load, line, epoch, order_epoch, callid, queue, other_event",
        "other_event IS NOT NULL OR order_epoch <> epoch",
    ),
}


#: The newer load tells a table that was exported again, and a figure that tables of other periods tell too.
_EXPORTS = """CREATE VIEW core.export_figures AS
WITH source AS (SELECT *, MAX(load) OVER (PARTITION BY system, report, scope_first, scope_last, scope_queue) AS newest
    FROM {0}.core.export_figures),
newer AS (SELECT * EXCLUDE (newest), MAX(load) OVER (PARTITION BY system, report, scope_queue, first_date, last_date,
    queue, agent, grain, key, measure) AS newest FROM source WHERE load = newest),
final AS (SELECT * EXCLUDE (newest) FROM newer WHERE load = newest)
SELECT * FROM final"""


def create_views(connection: duckdb.DuckDBPyConnection, calls: Sequence[str], loads: str, exports: str) -> None:
    """Create the views over attached segments: the aliases of the months of calls, of the loads, of the exports."""
    for schema in ("raw", "core", "meta"):
        connection.execute(f"CREATE SCHEMA {schema}")
    connection.execute("CREATE TABLE meta.call_months (month VARCHAR, alias VARCHAR, loads VARCHAR)")
    months = ", ".join(f"('{alias.removeprefix('calls_').replace('_', '-')}', '{alias}', '{loads}')" for alias in calls)
    connection.execute(f"INSERT INTO meta.call_months VALUES {months}")
    for table in CALL_TABLES:
        connection.execute(f"CREATE VIEW {table} AS {_rows_of(table, calls, loads)}")
    for table in AGENT_TABLES:
        connection.execute(f"CREATE VIEW {table} AS {agent_rows(table, calls, loads)}")
    for table in BESIDE:
        connection.execute(f"CREATE VIEW {table} AS {_rows_of(table, calls, loads)}")
    # Small, and asked for by every page: read once.
    for table in ("core.log_hours", "core.log_queues"):
        connection.execute(f"CREATE TABLE {table} AS {_union(table, calls)}")
    connection.execute(_EXPORTS.format(exports))
    for table in ("core.restarts", "core.queue_lines", "core.agent_persons"):
        connection.execute(f"CREATE VIEW {table} AS SELECT * FROM {loads}.{table}")
    connection.execute(f"CREATE VIEW {LINES} AS {_rows_of(LINES, calls, loads)}")
    # As they were read, before what was found among the calls: what asks for some months adds that of those.
    connection.execute(f"CREATE VIEW meta.pieces AS SELECT * FROM {loads}.meta.loads")
    connection.execute(f"CREATE VIEW meta.rejected AS SELECT * FROM {loads}.meta.quarantine")
    connection.execute(
        f"""CREATE VIEW meta.quarantine AS SELECT load, line, reasons, text FROM {loads}.meta.quarantine
        UNION ALL SELECT s.load, q.line, s.reason, concat_ws('|', q.epoch, q.callid, q.queue, q.agent, q.event, q.data)
        FROM meta.strays s JOIN {loads}.meta.loads AS loads ON loads.load = s.load
        JOIN raw.queue_log q ON q.load = s.load AND q.line = {file_line("s.line")} AND q.epoch = s.epoch"""
    )
    connection.execute(
        f"""CREATE VIEW meta.loads AS SELECT loads.* EXCLUDE (loaded, duplicates, quarantined),
            loads.loaded - COALESCE(strays.lines, 0) - COALESCE(overlaid.lines, 0) AS loaded,
            loads.duplicates + COALESCE(overlaid.lines, 0) AS duplicates,
            loads.quarantined + COALESCE(strays.lines, 0) AS quarantined
        FROM {loads}.meta.loads AS loads
        LEFT JOIN (SELECT load, COUNT(*) AS lines FROM meta.strays GROUP BY load) AS strays
            ON strays.load = loads.load
        LEFT JOIN (
            SELECT q.load, COUNT(*) FILTER (NOT ({_DETAIL}) OR q.line % {LINES_A_ROW} = 1) AS lines
            FROM raw.overlaid AS q JOIN {loads}.meta.loads AS loads ON loads.load = q.load GROUP BY q.load
        ) AS overlaid ON overlaid.load = loads.load"""
    )


def create_record_views(connection: duckdb.DuckDBPyConnection, records: Sequence[str], loads: str) -> None:
    """Create the views over the months of records of calls: `records` are their aliases, `loads` that of loads."""
    connection.execute(f"CREATE VIEW core.line_numbers AS SELECT * FROM {loads}.core.line_numbers")
    for table in ("raw.cdr", "core.cdr_calls"):
        connection.execute(f"CREATE VIEW {table} AS {_union(table, records)}")


def file_line(line: str, loads: str = "loads") -> str:
    """Return the SQL of where a stored line stands in its file: of a file of details three lines are a row."""
    detail = _DETAIL.replace("loads.", f"{loads}.", 1)
    return f"CASE WHEN {detail} THEN ({line} - 1) // {LINES_A_ROW} + 1 ELSE {line} END"


def months_between(
    connection: duckdb.DuckDBPyConnection, table: str, first: date, last: date, within: Iterable[int] = WITHIN_SECONDS
) -> str:
    """Return what stands behind FROM for the rows of the months between two days.

    Of LINES, BESIDE, one of CALL_TABLES or AGENT_TABLES. Calls lie in the month of their entry, lines in that of their
    instant. The days are still to be asked for. `within`: of a table by half hour, the seconds within which the
    answered are asked for; fewer columns are planned sooner.
    """
    again = (f"{unit}{again}" for unit in _UNITS for again in (BY_NEXT_CALL, BY_LATER_ANSWER))
    known = (LINES, *BESIDE, *CALL_TABLES, *AGENT_TABLES, *again)
    if table not in known:
        raise ValueError(f"{table} is none of {', '.join(known)}")
    months = connection.execute("SELECT month, alias, loads FROM meta.call_months").fetchall()
    if table.endswith((BY_NEXT_CALL, BY_LATER_ANSWER)):
        return f"({_again(table, months, first, last)})" if months else table
    near = [alias for month, alias, _ in months if _month_of(first) <= month <= _month_of(last)]
    if len(near) == len(months):
        return table
    _, any_month, loads = months[0]
    # Without any month there, one whose rows no day of the question names.
    return f"({_rows_of(table, near or [any_month], loads, within)})"


def _again(table: str, months: Sequence[tuple[str, str, str]], first: date, last: date) -> str:
    """Return the SELECT of calls with what their callers did after them, of the days between two."""
    loads = months[0][2]

    def rows(of: str, since: date, until: date, where: str) -> str:
        near = [alias for month, alias, _ in months if _month_of(since) <= month <= _month_of(until)]
        days = f"entered_date BETWEEN DATE '{since}' AND DATE '{until}' AND {where}"
        return f"SELECT * FROM ({_stored_rows(of, near or [months[0][1]])}) WHERE {days}"

    if table.endswith(BY_NEXT_CALL):
        until = last + min(NEXT_CALL_DAYS, date.max - last)
        calls = rows(table.removesuffix(BY_NEXT_CALL), first, until, "caller IS NOT NULL")
        told = next_calls_sql(calls, ends_sql(loads))
    else:
        calls = rows(table.removesuffix(BY_LATER_ANSWER), first, last, "NOT answered AND NOT is_open")
        since = first - min(LONGEST_TO_ANSWER, first - date.min)
        told = later_answers_sql(calls, rows("core.queue_visits", since, last, "answered AND caller IS NOT NULL"))
    return f"SELECT *, {_DERIVED} FROM ({told})"


def _month_of(day: date) -> str:
    return f"{day.year:04}-{day.month:02}"  # strftime writes the year 999 with three digits


def _rows_of(table: str, aliases: Sequence[str], loads: str, within: Iterable[int] = WITHIN_SECONDS) -> str:
    """Return the SELECT of LINES, BESIDE, one of CALL_TABLES or of AGENT_TABLES over some months of calls."""
    if table in AGENT_TABLES:
        return agent_rows(table, aliases, loads)
    if table in BESIDE:
        stored, narrowed_to, where = _NARROWED.get(table, (table, "*", ""))
        return _union(stored, aliases, narrowed_to, where)
    if table == LINES:
        lines = _union(LINES, aliases, _LINE)
        place = f"q.* REPLACE ({file_line('q.line')} AS line)"
        return f"SELECT loads.pbx, {place} FROM ({lines}) AS q JOIN {loads}.meta.loads AS loads ON loads.load = q.load"
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
    return f"SELECT *, {_DERIVED} FROM ({_stored_rows(table, aliases)})"


def _stored_rows(table: str, aliases: Sequence[str]) -> str:
    """Return the SELECT of the stored columns of visits or calls over some months of calls."""
    if table == "core.queue_visits":
        return _union(table, aliases, f"* REPLACE ({_OUTCOME})")
    # A callid of one visit is its own line call and caller's call.
    alone = _union("core.queue_visits", aliases, f"pbx, callid, 1 AS ordinal, {_STORED}, 1 AS visits", "alone")
    chained = _union(
        "core.chained_calls", aliases, f"pbx, callid, ordinal, {_STORED}, visits", f"unit = '{_UNITS[table]}'"
    )
    return f"{alone} UNION ALL {chained}"


def _union(table: str, aliases: Iterable[str], columns: str = "*", where: str = "") -> str:
    narrowed = f" WHERE {where}" if where else ""
    return " UNION ALL ".join(f"SELECT {columns} FROM {alias}.{table}{narrowed}" for alias in aliases)
