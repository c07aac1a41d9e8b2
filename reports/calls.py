"""The calls behind a figure and the lines of the log behind a call: lists, nothing is divided.

In: a connection (opened by others) and the very question that gave the figure. Out: frames, oldest first.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import pandas as pd

from etl.settings import ZONE_OFFSET_SECONDS
from etl.views import LINES, months_between
from reports.definition import Period, Unit
from reports.query import QueryError, Where, select
from reports.rules import Rules

#: A callid's events lie within this of each other (rules.md, section 2).
_REACH = timedelta(days=31)
_VISIT_COLUMNS = "queue, COALESCE(person, agent) AS agent"
_CALL_COLUMNS = "CAST(NULL AS VARCHAR) AS queue, CAST(NULL AS VARCHAR) AS agent"


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
) -> pd.DataFrame:
    """List the calls that an indicator's numerator counts, as many as it says when nothing limits them.

    Columns: pbx, callid, ordinal, service, queue and agent (visits only), entered_local, outcome_local, answered,
    cause, wait_seconds, talk_seconds. Raises QueryError, also for an indicator that counts no calls.
    """
    selection = select(connection, rules, indicator, period, where, unit)
    if selection.rows is None:
        raise QueryError("Esta cifra no es una cuenta de llamadas: no tiene listado")
    own = _VISIT_COLUMNS if selection.unit is Unit.VISIT else _CALL_COLUMNS
    return connection.execute(
        f"""SELECT pbx, callid, ordinal, service, {own}, entered_local, outcome_local, answered, cause,
            wait_seconds, talk_seconds
        FROM {selection.table} WHERE {selection.condition} AND ({selection.rows})
        ORDER BY entered_local, pbx, callid, ordinal LIMIT {limit:d} OFFSET {offset:d}""",
        selection.bound,
    ).df()


def list_events(connection: duckdb.DuckDBPyConnection, pbx: str, callid: str, near: datetime) -> pd.DataFrame:
    """List the lines of the log of one callid, in the order that counts, around a local instant of the call.

    Columns: at_local, queue, agent, event, data (numbers and names of callers as pseudonyms), file, line.
    """
    instant = int((near - datetime(1970, 1, 1)).total_seconds()) - ZONE_OFFSET_SECONDS
    reach = int(_REACH.total_seconds())
    lines = months_between(connection, LINES, (near - _REACH).date(), (near + _REACH).date())
    return connection.execute(
        f"""SELECT make_timestamp((q.epoch + ({ZONE_OFFSET_SECONDS})) * 1000000) AS at_local, q.queue, q.agent, q.event,
            q.data, loads.name AS file, q.line
        FROM {lines} AS q JOIN meta.loads AS loads ON loads.load = q.load
        WHERE q.pbx = ? AND q.callid = ? AND q.epoch BETWEEN {instant - reach} AND {instant + reach}
        ORDER BY q.order_epoch, loads.file_first_epoch, loads.file_last_epoch, q.load, q.line""",
        [pbx, callid],
    ).df()
