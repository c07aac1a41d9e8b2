"""What the log tells of operators in spans, and sessions and pauses of persons put together from them. No IO.

In: relations by their SQL. Out: SQL. A span is of one spelling and queue; a person's sessions and pauses are the union
of the spans of all spellings that the site's mapping gives them on the day each began.
"""

from etl.model import model
from etl.settings import ZONE_OFFSET_SECONDS
from etl.sources import QUEUE_LOG

#: As far as the end of a span is looked for; one that nothing ends lasts so long at most.
REACH_SECONDS = 31 * 86_400
#: The time after a call that one line may tell.
LONGEST_WRAPUP_SECONDS = 12 * 3600
#: The lines that tell of sessions and pauses, and restarts, which end both. WRAPUPSTART is wazo's.
AGENT_EVENTS = (
    "ADDMEMBER", "REMOVEMEMBER", "AGENTLOGIN", "AGENTLOGOFF", "AGENTCALLBACKLOGIN", "AGENTCALLBACKLOGOFF",
    "PAUSE", "UNPAUSE", "PAUSEALL", "UNPAUSEALL", "WRAPUPSTART", "QUEUESTART",
)  # fmt: skip
#: Those of them that the source declares: the others are stored by their text.
DECLARED_EVENTS = tuple(event.name for event in QUEUE_LOG.events if event.name in AGENT_EVENTS)
SPAN_COLUMNS = (
    "pbx, agent, queue, what, reason, began_epoch, began_by, ended_epoch, ended_by, load, line, end_load, end_line"
)


def spans_sql(spans: str, rules: str, ends: str) -> str:
    """Return SQL of spans with `person`, `until_epoch` and what ended them: 'limit' or 'data_end' where nothing did.

    `rules` has interface, person, first_day and last_day (days since 1970); `ends` pbx and last_epoch.
    """
    day = f"(s.began_epoch + ({ZONE_OFFSET_SECONDS})) // 86400"
    return f"""
        SELECT s.pbx, s.agent, COALESCE(rule.person, s.agent) AS person, s.queue, s.what, s.reason, s.began_epoch,
            s.began_by,
            COALESCE(s.ended_epoch, GREATEST(s.began_epoch, LEAST(e.last_epoch, s.began_epoch + {REACH_SECONDS})))
                AS until_epoch,
            CASE WHEN s.ended_epoch IS NOT NULL THEN s.ended_by
                WHEN e.last_epoch > s.began_epoch + {REACH_SECONDS} THEN 'limit' ELSE 'data_end' END AS ended_by,
            s.load, s.line, s.end_load, s.end_line
        FROM ({spans}) AS s
        JOIN {ends} AS e ON e.pbx = s.pbx
        LEFT JOIN {rules} AS rule ON rule.interface = s.agent AND {day} BETWEEN rule.first_day AND rule.last_day"""


def sessions_sql(spans: str) -> str:
    """Return SQL of the sessions of persons from a relation of `spans_sql`."""
    return model("agent_sessions").replace(":spans", spans)


def pauses_sql(spans: str, sessions: str) -> str:
    """Return SQL of the pauses of persons from a relation of `spans_sql` and their sessions."""
    return model("agent_pauses").replace(":spans", spans).replace(":sessions", sessions)
