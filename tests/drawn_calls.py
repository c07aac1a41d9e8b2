"""Small tables of visits and calls, drawn as text, in a DuckDB in memory; and rules to count them by.

A row of the drawing is a row of core.queue_visits, core.line_calls and core.calls alike, so that one drawing serves
every unit. A column left out takes its default, a blank or `-` is unknown; `many` repeats the row.

    entered          | line | outcome  | wait
    2026-10-05 08:00 | 101  | answered | 20
    2026-10-05 08:10 | 101  | timeout  | 60
"""

import re
from datetime import date, datetime, timedelta

import duckdb

from etl.callers_again import later_answers_sql, next_calls_sql
from etl.model import WITHIN_SECONDS
from reports.rules import DEFAULTS, Parameter, Rules

COLUMNS = """
    pbx VARCHAR, callid VARCHAR, ordinal INTEGER, queue VARCHAR, did VARCHAR, agent VARCHAR, person VARCHAR,
    service VARCHAR, counted BOOLEAN, entered_at TIMESTAMP, entered_local TIMESTAMP, entered_date DATE,
    registered BOOLEAN, answered BOOLEAN, is_open BOOLEAN, cause VARCHAR, wait_seconds INTEGER, talk_seconds INTEGER,
    outcome_event VARCHAR, outcome_at TIMESTAMP, outcome_local TIMESTAMP, calls INTEGER, talks INTEGER,
    entered_hour UTINYINT, entered_half_hour UTINYINT, outcome_hour UTINYINT, outcome_half_hour UTINYINT,
    reconstructed BOOLEAN, enter_load INTEGER,
    enter_line INTEGER, connect_load INTEGER, connect_line INTEGER, end_load INTEGER, end_line INTEGER,
    entered_epoch BIGINT, ended_epoch BIGINT, caller UBIGINT, position USMALLINT, last_position USMALLINT,
    transfer_kind VARCHAR, transfer_context VARCHAR, transferred_to VARCHAR, ring_seconds USMALLINT
"""
_COUNTED_BY = "entered_date, service, counted, registered, answered, is_open, cause, wait_seconds"
_ADDED_UP = (
    "COALESCE(SUM(calls) FILTER (answered), 0) AS answered_calls",
    "COALESCE(SUM(calls) FILTER (answered AND wait_seconds IS NOT NULL), 0) AS waits",
    "COALESCE(SUM(wait_seconds) FILTER (answered), 0) AS waited_seconds",
    "COALESCE(SUM(talks) FILTER (answered), 0) AS talks",
    "COALESCE(SUM(talk_seconds) FILTER (answered), 0) AS talked_seconds",
    "MAX(wait_seconds) AS longest_wait",
    *(
        f"COALESCE(SUM(calls) FILTER (answered AND wait_seconds <= {n}), 0) AS answered_within_{n}"
        for n in WITHIN_SECONDS
    ),
)
NAMES = re.findall(r"(\w+) [A-Z]+", COLUMNS)
TRACE = {f"{event}_{what}" for event in ("enter", "connect", "end") for what in ("load", "line")}
ONLY_IN_VISITS = {
    "queue",
    "agent",
    "person",
    "reconstructed",
    "last_position",
    "transfer_context",
    "ring_seconds",
} | TRACE
UTC_AHEAD = timedelta(hours=4)
# What questions are asked of: in October six calls of the total, three of them answered, two within 20 s; the others
# are of a line outside the total, left out, still open, or of November.
CALLS = """
    entered          | line | queue | outcome        | wait | talk | agent   | person | counted
    2026-10-05 08:29 | 101  | 101   | answered       | 20   | 60   | SIP/201 | Ana    | yes
    2026-10-05 08:30 | 101  | 5101  | answered       | 40   | 120  | Ana L.  | Ana    | yes
    2026-10-11 23:59 | 101  | 101   | timeout        | 60   | -    | -       |        | yes
    2026-10-06 09:00 | 102  | 5003  | answered       | 5    | -    | SIP/202 |        | yes
    2026-10-06 09:10 | 102  | 5003  | caller_hung_up | 4    | -    | -       |        | yes
    2026-10-31 10:00 | -    | 5999  | empty          | 0    | -    | -       |        | yes
    2026-10-31 10:00 | 777  | 777   | answered       | 1    | 10   | SIP/203 |        | yes
    2026-10-31 10:00 | 101  | 101   | answered       | 1    | 10   | SIP/204 |        | no
    2026-10-31 10:00 | 101  | 101   | open           | 1    | -    | -       |        | yes
    2026-11-01 00:00 | 101  | 101   | answered       | 1    | 10   | SIP/201 | Ana    | yes
"""


def drawn(text: str) -> list[dict[str, str]]:
    """The rows of a drawn table by its heading; a line of dashes is skipped."""
    lines = [
        line for line in text.strip().splitlines() if line.strip() and not re.fullmatch(r"[-+| ]*---[-+| ]*", line)
    ]
    heading, *rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    return [dict(zip(heading, row, strict=True)) for row in rows]


def visit(row: dict[str, str], number: int) -> dict[str, object]:
    """One row of the tables from one of a drawing. `outcome`: answered, open, or the code of a cause."""
    outcome = row.get("outcome", "answered")
    wait, talk = (int(text) if (text := row.get(name, "-")) not in ("", "-") else None for name in ("wait", "talk"))
    entered = datetime.fromisoformat(row.get("entered", "2026-10-05 08:00"))
    ended = entered + timedelta(seconds=(wait or 0) + (talk or 0))
    if row.get("ended"):
        ended = datetime.fromisoformat(row["ended"])
    answered, is_open = outcome == "answered", outcome == "open"
    event = row.get("event") or ("COMPLETECALLER" if answered else "ABANDON")
    counted = row.get("counted", "yes") == "yes"
    line, agent = row.get("line", "101"), row.get("agent", "SIP/201" if answered else "-")
    return {
        **dict.fromkeys(NAMES),
        "pbx": "default",
        "callid": row.get("callid") or f"{number}.1",
        "ordinal": 1,
        "queue": row.get("queue", line),
        "agent": None if agent == "-" else agent,
        "person": row.get("person") or None,
        "service": "no cuenta" if not counted else None if line == "-" else line,
        "counted": counted,
        "entered_at": entered + UTC_AHEAD,
        "entered_local": entered,
        "entered_date": entered.date(),
        "registered": not is_open,
        "answered": answered,
        "is_open": is_open,
        "cause": None if answered or is_open else outcome,
        "wait_seconds": wait,
        "talk_seconds": talk,
        "outcome_event": None if is_open else event,
        "outcome_at": None if is_open else ended + UTC_AHEAD,
        "outcome_local": None if is_open else ended,
        "reconstructed": False,
        "calls": 1,
        "talks": int(talk is not None),
        "entered_hour": entered.hour,
        "entered_half_hour": _half_hour(entered),
        "entered_epoch": _epoch(entered),
        "ended_epoch": None if is_open else _epoch(ended),
        "did": row.get("did") or None,
        "caller": int(text) if (text := row.get("caller", "")) else None,
        "position": int(text) if (text := row.get("place", "")) else None,
        "transfer_kind": ("blind" if "TRANSFER" in event else None) if answered else None,
        "transferred_to": row.get("to") or None,
        "ring_seconds": None if (text := row.get("ring", "-")) == "-" else int(text),
        "outcome_hour": None if is_open else ended.hour,
        "outcome_half_hour": None if is_open else _half_hour(ended),
    }


def with_parameter(*parameters: Parameter) -> Rules:
    """The rules a site starts with, one parameter's values replaced by these."""
    return Rules((*(item for item in DEFAULTS if item.name != parameters[0].name), *parameters))


def _epoch(local: datetime) -> int:
    return int((local + UTC_AHEAD - datetime(1970, 1, 1)).total_seconds())


def _half_hour(at: datetime) -> int:
    return at.hour * 2 + at.minute // 30


def warehouse(
    calls: str = "", log: str = "", queues: str = "", mapping: str = "", until: str = "2026-12-31 00:00"
) -> duckdb.DuckDBPyConnection:
    """A connection as etl.warehouse hands one over, filled from drawings.

    `until` is the last event on record.
    `log`: pbx | day covered; `queues`: pbx | day | queue named on it; `mapping`: queue | did | line | from | to.
    """
    connection = duckdb.connect(config={"threads": 1})
    kept = ", ".join(name for name in NAMES if name not in ONLY_IN_VISITS)
    connection.execute(f"""
        CREATE SCHEMA core;
        CREATE SCHEMA meta;
        CREATE TABLE meta.call_months (month VARCHAR, alias VARCHAR, loads VARCHAR);
        CREATE TABLE core.queue_visits ({COLUMNS});
        CREATE TABLE core.log_hours (pbx VARCHAR, hour_local TIMESTAMP, lines BIGINT);
        CREATE TABLE core.log_queues (pbx VARCHAR, log_date DATE, queue VARCHAR, lines BIGINT);
        CREATE TABLE core.queue_lines (queue VARCHAR, did VARCHAR, service VARCHAR, valid_from DATE, valid_to DATE)
    """)
    for number, row in enumerate(drawn(calls) if calls else []):
        values = [*visit(row, number).values(), int(row.get("many", "1"))]
        connection.execute(f"INSERT INTO core.queue_visits SELECT {', '.join('?' * len(NAMES))} FROM range(?)", values)
    for table in ("line_calls", "calls"):
        connection.execute(f"CREATE TABLE core.{table} AS SELECT {kept}, 1 AS visits FROM core.queue_visits")
    for table in ("queue_visits", "line_calls", "calls"):
        connection.execute(f"""CREATE VIEW core.{table}_by_wait AS
            SELECT {_COUNTED_BY}, CAST(SUM(calls) AS INTEGER) AS calls, CAST(SUM(talks) AS INTEGER) AS talks,
                COALESCE(SUM(talk_seconds), 0) AS talk_seconds
            FROM core.{table} GROUP BY {_COUNTED_BY}""")
        connection.execute(f"""CREATE VIEW core.{table}_by_half_hour AS
            SELECT entered_date, entered_hour, entered_half_hour, service, counted, registered,
                CAST(SUM(calls) AS INTEGER) AS calls, {", ".join(_ADDED_UP)}
            FROM core.{table} WHERE registered
            GROUP BY entered_date, entered_hour, entered_half_hour, service, counted, registered""")
    end = _epoch(datetime.fromisoformat(until))
    answers = "SELECT * FROM core.queue_visits WHERE answered AND caller IS NOT NULL"
    for table in ("queue_visits", "line_calls", "calls"):
        again = next_calls_sql(f"SELECT * FROM core.{table}", f"(SELECT 'default' AS pbx, {end} AS last_epoch)")
        abandoned = f"SELECT * FROM core.{table} WHERE NOT answered AND NOT is_open"
        connection.execute(f"CREATE VIEW core.{table}_by_next_call AS {again}")
        connection.execute(f"CREATE VIEW core.{table}_by_later_answer AS {later_answers_sql(abandoned, answers)}")
    for row in drawn(log) if log else []:
        hour = datetime.fromisoformat(row["day"]) + timedelta(hours=9)
        connection.execute("INSERT INTO core.log_hours VALUES (?, ?, 10)", [row.get("pbx", "default"), hour])
    for row in drawn(queues) if queues else []:
        values = [row.get("pbx", "default"), date.fromisoformat(row["day"]), row["queue"]]
        connection.execute("INSERT INTO core.log_queues VALUES (?, ?, ?, 1)", values)
    for row in drawn(mapping) if mapping else []:
        dates = [date.fromisoformat(text) if (text := row.get(name, "")) else None for name in ("from", "to")]
        values = [row["queue"], row.get("did") or None, row["line"], *dates]
        connection.execute("INSERT INTO core.queue_lines VALUES (?, ?, ?, ?, ?)", values)
    return connection
