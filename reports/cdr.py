"""What the record of calls (CDR) shows and the log of queues cannot: who never came into a queue, by line.

In: a connection and a period. Out: counts per line, each with what it is counted of, and the calls behind each count.
Nothing is divided here. A call is all the legs of one caller's channel (linkedid, else uniqueid), dated by its first
leg. Only callers from outside count: an extension of the house (up to five digits) has no line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from enum import StrEnum

import duckdb

from etl.model import NOT_COUNTED
from etl.settings import ZONE_OFFSET_SECONDS
from etl.views import months_between
from reports import terms
from reports.definition import Period

#: Applications of a voice menu: where the last leg ended in one, the caller hung up there.
MENU_APPS = ("background", "playback", "read", "waitexten", "ivr", "directory", "wait", "answer")
_FAILED = ("BUSY", "CONGESTION", "FAILED")
_DAY = timedelta(days=1)


class Ending(StrEnum):
    """What became of a call before a queue; the log of queues knows the first of them only."""

    ENTERED = "entered"
    REFUSED = "refused"
    MENU = "menu"
    DIRECT_ANSWERED = "direct_answered"
    DIRECT_UNANSWERED = "direct_unanswered"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class BeforeQueue:
    """The calls of a line (None: of no known line) by what became of them; ``calls`` is what all of them add up to.

    ``entered`` came into a queue; ``refused`` reached the queue and were not let in, or found the line's number busy or
    failing; ``menu`` hung up in the voice menu; ``direct_*`` went to a telephone without any queue; ``unknown`` reached
    a queue in an hour for which no log of queues is loaded.
    """

    service: str | None
    calls: int
    entered: int
    refused: int
    menu: int
    direct_answered: int
    direct_unanswered: int
    unknown: int

    def of(self, ending: Ending) -> int:
        """Return the count of one ending."""
        found: int = getattr(self, ending.value)
        return found


@dataclass(frozen=True)
class RecordedCall:
    """One call behind a count: when it began (La Paz), its line, where it ended, its first leg's file and line."""

    started_local: datetime
    service: str | None
    ending: Ending
    last_app: str
    disposition: str
    duration_seconds: int
    uniqueid: str
    file: str
    line: int


@dataclass(frozen=True)
class RecordedDays:
    """Which days the loaded records of calls begin and end with, and how many of them a period holds."""

    first: date
    last: date
    days: int


_CALLS = """
-- One row per call from outside: its line, what became of it, its first leg.
WITH days AS (SELECT DISTINCT started_date AS day FROM core.cdr_calls WHERE started_date BETWEEN ? AND ?),
-- As the mapping was on each day.
numbers AS (
    SELECT number_key, day, MIN(service) AS service FROM core.line_numbers
    JOIN days ON day BETWEEN COALESCE(valid_from, day) AND COALESCE(valid_to, day)
    GROUP BY number_key, day
),
queues AS (
    SELECT queue, day, MIN(service) AS service FROM (
        SELECT queue, service, valid_from, valid_to FROM core.queue_lines WHERE did IS NULL
        UNION ALL
        SELECT digits AS queue, service, valid_from, valid_to FROM core.line_numbers
        WHERE digits NOT IN (SELECT queue FROM core.queue_lines)
    ) AS rules
    JOIN days ON day BETWEEN COALESCE(valid_from, day) AND COALESCE(valid_to, day)
    GROUP BY queue, day HAVING COUNT(DISTINCT service) = 1
),
legs AS (
    SELECT c.*, COALESCE(c.linkedid, NULLIF(c.uniqueid, ''), CONCAT('-', c.load, '-', c.line)) AS call,
        COALESCE(by_did.service, by_dst.service, by_queue.service) AS service,
        LOWER(c.last_app) AS app,
        LOWER(c.last_app) = 'queue' OR c.context = 'ext-queues' OR named.queue IS NOT NULL AS reached
    FROM core.cdr_calls AS c
    LEFT JOIN numbers AS by_did ON by_did.number_key = c.did_key AND by_did.day = c.started_date
    LEFT JOIN numbers AS by_dst ON by_dst.number_key = c.dst_key AND by_dst.day = c.started_date
    LEFT JOIN queues AS by_queue ON by_queue.queue = CASE WHEN c.queue <> '' THEN c.queue ELSE c.dst END
        AND by_queue.day = c.started_date
    LEFT JOIN (SELECT DISTINCT queue FROM core.log_queues) AS named ON named.queue = c.dst
    -- A day around it, for a call is dated by its first leg.
    WHERE c.started_date BETWEEN ? AND ?
),
told AS (
    SELECT legs.*, ROW_NUMBER() OVER (PARTITION BY legs.pbx, call ORDER BY started_epoch, load, line) AS place,
        visits.callid IS NOT NULL AS entered, hours.pbx IS NOT NULL AS covered
    FROM legs
    LEFT JOIN (SELECT DISTINCT pbx, callid FROM {visits} WHERE entered_date BETWEEN ? AND ?) AS visits
        ON visits.pbx = legs.pbx AND visits.callid = legs.uniqueid
    LEFT JOIN (SELECT DISTINCT pbx, hour_local FROM core.log_hours) AS hours
        ON hours.pbx = legs.pbx
        AND hours.hour_local = DATE_TRUNC('hour', make_timestamp((legs.started_epoch + ({zone})) * 1000000))
),
calls AS (
    SELECT pbx, call, MIN(started_epoch) AS started_epoch, MIN(started_date) AS started_date,
        ARG_MIN(service, place) AS service,
        ARG_MIN(src_digits, place) AS src_digits,
        ARG_MIN(uniqueid, place) AS uniqueid, ARG_MIN(load, place) AS load, ARG_MIN(line, place) AS line,
        ARG_MAX(last_app, place) AS last_app, ARG_MAX(disposition, place) AS disposition,
        ARG_MAX(app, place) AS app,
        MAX(duration_seconds) AS duration_seconds,
        BOOL_OR(entered) AS entered, BOOL_OR(covered) AS covered, BOOL_OR(reached) AS reached,
        BOOL_AND(disposition IN ({failed})) AS failed,
        BOOL_OR(disposition = 'ANSWERED' AND billed_seconds > 0 AND dst_channel <> '') AS talked
    FROM told GROUP BY pbx, call
),
judged AS (
    SELECT *, CASE
        WHEN entered THEN 'entered'
        WHEN reached AND NOT covered THEN 'unknown'
        WHEN reached OR (failed AND service IS NOT NULL) THEN 'refused'
        WHEN NOT talked AND app IN ({menu}) THEN 'menu'
        WHEN service IS NULL THEN NULL
        WHEN talked THEN 'direct_answered'
        ELSE 'direct_unanswered' END AS ending
    FROM calls
    WHERE started_date BETWEEN ? AND ?
        AND src_digits NOT BETWEEN 1 AND 5 AND (service IS NULL OR service <> '{not_counted}')
),
final AS (SELECT * FROM judged WHERE ending IS NOT NULL)
"""


def recorded_days(cursor: duckdb.DuckDBPyConnection, period: Period) -> RecordedDays | None:
    """Tell which days the records of calls span, and on how many of a period there are some; None without any."""
    first, last, days = cursor.execute(
        """SELECT MIN(started_date), MAX(started_date),
            COUNT(DISTINCT started_date) FILTER (WHERE started_date BETWEEN ? AND ?) FROM core.cdr_calls""",
        [period.first, period.last],
    ).fetchall()[0]
    return None if first is None else RecordedDays(first, last, int(days))


def count_before_queue(
    cursor: duckdb.DuckDBPyConnection, period: Period, services: Sequence[str] = ()
) -> tuple[BeforeQueue, ...]:
    """Count the calls of a period by line and by what became of them before a queue; calls of no known line last.

    `services` narrows it to some lines.
    """
    sql, bound = _asked(cursor, period, services)
    counts = ", ".join(f"COUNT(*) FILTER (WHERE ending = '{ending}')" for ending in Ending)
    rows = cursor.execute(
        f"{sql} SELECT service, COUNT(*), {counts} FROM asked GROUP BY service ORDER BY service NULLS LAST", bound
    ).fetchall()
    return tuple(BeforeQueue(row[0], *map(int, row[1:])) for row in rows)


def total_of(lines: Iterable[BeforeQueue]) -> BeforeQueue:
    """Return what lines add up to."""
    lines = tuple(lines)
    sums = {each.name: sum(getattr(line, each.name) for line in lines) for each in fields(BeforeQueue)[1:]}
    return BeforeQueue(None, **sums)


def list_before_queue(
    cursor: duckdb.DuckDBPyConnection,
    period: Period,
    ending: Ending | None = None,
    services: Sequence[str] = (),
    *,
    limit: int = 1000,
    offset: int = 0,
) -> tuple[RecordedCall, ...]:
    """List the calls behind a count, as many as it says when nothing limits them, oldest first.

    `services` may hold terms.NO_LINE for the calls of no known line. Nobody's number is in them.
    """
    sql, bound = _asked(cursor, period, services)
    rows = cursor.execute(
        f"""{sql} SELECT make_timestamp((a.started_epoch + ({ZONE_OFFSET_SECONDS})) * 1000000), a.service, a.ending,
            a.last_app, a.disposition, COALESCE(a.duration_seconds, 0), a.uniqueid, loads.name, a.line
        FROM asked AS a JOIN meta.loads AS loads ON loads.load = a.load
        WHERE ? = '' OR a.ending = ? ORDER BY a.started_epoch, a.pbx, a.call LIMIT {limit:d} OFFSET {offset:d}""",
        [*bound, ending or "", ending or ""],
    ).fetchall()
    return tuple(
        RecordedCall(at, service, Ending(how), app, said, int(seconds), uniqueid, file, int(line))
        for at, service, how, app, said, seconds, uniqueid, file, line in rows
    )


def _asked(cursor: duckdb.DuckDBPyConnection, period: Period, services: Sequence[str]) -> tuple[str, list[date | str]]:
    """Return the CTEs up to "asked", the calls of the period and lines, and what is bound in them."""
    first, last = period.first - _DAY, period.last + _DAY
    visits = months_between(cursor, "core.queue_visits", first, last)
    sql = _CALLS.format(
        visits=visits,
        zone=ZONE_OFFSET_SECONDS,
        not_counted=NOT_COUNTED,
        failed=", ".join(f"'{each}'" for each in _FAILED),
        menu=", ".join(f"'{each}'" for each in MENU_APPS),
    )
    narrowed = ""
    if services:
        narrowed = f" WHERE COALESCE(service, '{terms.NO_LINE}') IN ({', '.join('?' for _ in services)})"
    return f"{sql.rstrip()}, asked AS (SELECT * FROM final{narrowed})", [
        first, last, first, last, first, last, period.first, period.last, *services,
    ]  # fmt: skip
