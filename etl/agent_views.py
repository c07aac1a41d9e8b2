"""What readers see of operators: spans, sessions, pauses, rings and where their time went. No IO.

In: the aliases of attached months of calls, and of loads. Out: SQL of each view, whole or of some months.
"""

from collections.abc import Sequence

from etl.agent_spans import SPAN_COLUMNS, pauses_sql, sessions_sql, spans_sql
from etl.schema import Lane
from etl.settings import ZONE_OFFSET_SECONDS
from etl.sources import SOURCES
from etl.validate import literal

SPANS, SESSIONS, PAUSES, RINGS, HALF_HOURS, TIMES = (
    "core.agent_spans", "core.agent_sessions", "core.agent_pauses", "core.agent_rings", "core.agent_half_hours",
    "core.agent_times",
)  # fmt: skip
#: In the order in which each is made of those before it.
AGENT_TABLES = (SPANS, SESSIONS, PAUSES, RINGS, HALF_HOURS, TIMES)
_INSTANT = (
    f"make_timestamp(({{0}}_epoch + ({ZONE_OFFSET_SECONDS})) * 1000000) AS {{0}}_local, "
    f"CAST(make_timestamp(({{0}}_epoch + ({ZONE_OFFSET_SECONDS})) * 1000000) AS DATE) AS {{0}}_date"
)
_INSTANTS = f"{_INSTANT.format('began')}, {_INSTANT.format('until')}"
_TIME_COLUMNS = (
    "session_seconds", "ruled_seconds", "paused_seconds", "busy_seconds", "staffed_seconds", "talked_seconds",
    "connected", "with_session", "with_activity",
)  # fmt: skip


def agent_rows(table: str, aliases: Sequence[str], loads: str) -> str:
    """Return the SELECT of one of AGENT_TABLES over some months of calls.

    Spans, sessions and pauses lie in the month they began in: of a period the months before it are needed too.
    """
    match table:
        case "core.agent_spans":
            return spans_sql(_union(SPANS, aliases, SPAN_COLUMNS), _rules(loads), ends_sql(loads))
        case "core.agent_sessions":
            return f"SELECT *, {_INSTANTS} FROM ({_sessions(aliases, loads)})"
        case "core.agent_pauses":
            spans = agent_rows(SPANS, aliases, loads)
            return f"SELECT *, {_INSTANTS} FROM ({pauses_sql(f'({spans})', f'({_sessions(aliases, loads)})')})"
        case "core.agent_rings":
            day = "date_diff('day', DATE '1970-01-01', rings.on_date)"
            return f"""SELECT rings.*, rule.person FROM ({_union(RINGS, aliases)}) AS rings
                LEFT JOIN {_rules(loads)} AS rule ON rule.interface = rings.agent
                    AND {day} BETWEEN rule.first_day AND rule.last_day"""
        case "core.agent_half_hours":
            return _union(HALF_HOURS, aliases)
    # Everything that adds up, one below the other: what time went where, and who was rung in which queue.
    none = ", ".join(f"0 AS {name}" for name in _TIME_COLUMNS)
    sums = ", ".join(_TIME_COLUMNS)
    at = "on_date, CAST(half_hour // 2 AS UTINYINT) AS on_hour, half_hour"
    return f"""SELECT {at}, agent, CAST(NULL AS VARCHAR) AS queue, reason, {sums}, 0 AS rings, 0 AS ring_milliseconds,
            CAST(NULL AS VARCHAR) AS person, TRUE AS answered FROM ({_union(HALF_HOURS, aliases)})
        UNION ALL SELECT {at}, COALESCE(person, agent), queue, NULL, {none}, rings, ring_milliseconds, NULL, TRUE
        FROM ({agent_rows(RINGS, aliases, loads)})"""


def _sessions(aliases: Sequence[str], loads: str) -> str:
    return sessions_sql(f"({agent_rows(SPANS, aliases, loads)})")


def _rules(loads: str) -> str:
    days = "COALESCE(date_diff('day', DATE '1970-01-01', {}), {})"
    return f"""(SELECT interface, person, {days.format("valid_from", "-1000000000")} AS first_day,
        {days.format("valid_to", "1000000000")} AS last_day FROM {loads}.core.agent_persons)"""


def ends_sql(loads: str) -> str:
    """Return SQL of `pbx` and `last_epoch`: the last event of its queues, never the end of an export's or a CDR's."""
    names = ", ".join(literal(source.name) for source in SOURCES if source.lane is not Lane.RECORDS)
    return (
        f"(SELECT pbx, MAX(greatest_epoch) AS last_epoch FROM {loads}.meta.loads "
        f"WHERE source IN ({names}) GROUP BY pbx)"
    )


def _union(table: str, aliases: Sequence[str], columns: str = "*") -> str:
    return " UNION ALL ".join(f"SELECT {columns} FROM {alias}.{table}" for alias in aliases)
