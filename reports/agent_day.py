"""One operator's day as the log has it: sessions, pauses and calls, each from when to when. Nothing is divided.

In: a connection (opened by others), a person, a local day. Out: stretches of time, oldest first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import duckdb

from etl.agent_spans import REACH_SECONDS
from etl.agent_views import PAUSES, SESSIONS
from etl.settings import ZONE_OFFSET_SECONDS
from etl.views import months_between
from reports.definition import Subject, Unit
from reports.query import TABLES

#: A session is put together from spans of at most 31 days, and a pause ends with its session.
_REACH = timedelta(seconds=2 * REACH_SECONDS)
#: Calls lie in the month of their entry; a day's may have begun the night before.
_NIGHT = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Stretch:
    """Time of an operator from one local instant to another, which may lie beyond the day.

    `what` says which: the reason of a pause, the queue of a call. `ended_by` is how a session or pause was ended.
    `pbx`, `callid` and `entered` lead to a call.
    """

    began: datetime
    until: datetime
    what: str = ""
    ended_by: str = "logged"
    pbx: str = ""
    callid: str = ""
    entered: datetime | None = None

    @property
    def seconds(self) -> int:
        """How long it lasts."""
        return int((self.until - self.began).total_seconds())


@dataclass(frozen=True)
class AgentDay:
    """What one operator did on a local day."""

    day: date
    sessions: tuple[Stretch, ...]
    pauses: tuple[Stretch, ...]
    calls: tuple[Stretch, ...]


def read_agent_day(connection: duckdb.DuckDBPyConnection, agent: str, day: date) -> AgentDay:
    """Return the sessions, pauses and talks of a person that touch a local day."""
    midnight = datetime(day.year, day.month, day.day)
    low = int((midnight - _EPOCH).total_seconds()) - ZONE_OFFSET_SECONDS
    within = f"until_epoch >= {low} AND began_epoch < {low + 86_400}"
    spans = {
        table: connection.execute(
            f"""SELECT began_epoch, until_epoch, {reason}, ended_by
            FROM {months_between(connection, table, day - _REACH, day)} WHERE agent = ? AND {within}
            ORDER BY began_epoch""",
            [agent],
        ).fetchall()
        for table, reason in ((SESSIONS, "''"), (PAUSES, "reason"))
    }
    visits = months_between(connection, TABLES[Subject.CALLS, Unit.VISIT], day - _NIGHT, day)
    calls = connection.execute(
        f"""SELECT began_epoch, began_epoch + COALESCE(talk_seconds, 0), queue, 'logged', pbx, callid, entered_epoch
        FROM (SELECT *, COALESCE(entered_epoch + wait_seconds, ended_epoch - COALESCE(talk_seconds, 0)) AS began_epoch
            FROM {visits} WHERE answered AND COALESCE(person, agent) = ?
                AND entered_epoch >= {low - 86_400} AND entered_epoch < {low + 86_400})
        WHERE began_epoch < {low + 86_400} AND began_epoch + COALESCE(talk_seconds, 0) >= {low}
        ORDER BY began_epoch, callid""",
        [agent],
    ).fetchall()
    sessions, pauses = (
        tuple(Stretch(_local(began), _local(until), what, by) for began, until, what, by in rows)
        for rows in spans.values()
    )
    return AgentDay(
        day,
        sessions,
        pauses,
        calls=tuple(
            Stretch(_local(b), _local(u), queue, by, pbx, callid, _local(entered))
            for b, u, queue, by, pbx, callid, entered in calls
        ),
    )


def _local(epoch: int) -> datetime:
    return _EPOCH + timedelta(seconds=epoch + ZONE_OFFSET_SECONDS)
