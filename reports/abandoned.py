"""The abandoned calls, each with whether and when its caller was answered later that day: whom to call back.

In: a connection (opened by others), a question, which of them. Out: frames, oldest first, and the callers' numbers as
far as whoever asks may see them; what may not be seen is hidden here.
"""

from __future__ import annotations

from enum import StrEnum

import duckdb
import pandas as pd

from etl.callers import ClearCallers
from etl.months import period_of
from etl.settings import ZONE_OFFSET_SECONDS
from reports.definition import Period, Unit
from reports.personal import Field, Level, Mask
from reports.query import Where, select
from reports.rules import Rules

#: The indicator whose question tells the rows, and all that is told of each.
_OF = "abandoned_answered_later"


class Later(StrEnum):
    """Which of the abandoned calls, by what became of their callers the same day; the words of addresses."""

    ALL = "todas"
    UNANSWERED = "sin-respuesta"
    ANSWERED = "atendidas"
    UNKNOWN = "sin-numero"


_ROWS = {
    Later.ALL: "TRUE",
    Later.UNANSWERED: "caller IS NOT NULL AND answered_after_seconds IS NULL",
    Later.ANSWERED: "caller IS NOT NULL AND answered_after_seconds IS NOT NULL",
    Later.UNKNOWN: "caller IS NULL",
}


def list_abandoned(
    connection: duckdb.DuckDBPyConnection,
    rules: Rules,
    period: Period,
    where: Where | None = None,
    unit: Unit | str | None = None,
    *,
    which: Later = Later.ALL,
    limit: int = 1000,
    offset: int = 0,
) -> pd.DataFrame:
    """List abandoned calls. Raises QueryError.

    Columns: pbx, callid, service, entered_local, entered_epoch, cause, wait_seconds, position (at the entry), caller
    (the key, as text), answered_local, answered_after_seconds and answered_service of the caller's next answer of that
    day, on any line; missing where there was none.
    """
    chosen = select(connection, rules, _OF, period, where, unit)
    answered = f"COALESCE(ended_epoch, entered_epoch) + answered_after_seconds + ({ZONE_OFFSET_SECONDS})"
    return connection.execute(
        f"""SELECT pbx, callid, service, entered_local, entered_epoch, cause, wait_seconds, position,
            CAST(caller AS VARCHAR) AS caller, make_timestamp(({answered}) * 1000000) AS answered_local,
            answered_after_seconds, answered_service
        FROM {chosen.table} WHERE {chosen.condition} AND ({_ROWS[which]})
        ORDER BY entered_epoch, pbx, callid, ordinal LIMIT {limit:d} OFFSET {offset:d}""",
        chosen.bound,
    ).df()


def numbers_of(calls: pd.DataFrame, clear: ClearCallers, mask: Mask) -> list[str | None]:
    """Return the callers' numbers of a list, as far as they are shown; None where unknown, not kept, or not shown.

    Nothing in the clear is even read for a mask that shows no number. Raises WarehouseError.
    """
    if mask.level(Field.CALLER_NUMBER) is Level.NONE:
        return [None] * len(calls)
    keys = [None if pd.isna(each) else int(each) for each in calls["caller"]]
    months = [period_of(int(epoch)) for epoch in calls["entered_epoch"]]
    wanted: dict[str, set[int]] = {}
    for month, key in zip(months, keys, strict=True):
        if key is not None:
            wanted.setdefault(month, set()).add(key)
    found = {month: clear.by_keys(month, of_month) for month, of_month in wanted.items()}
    numbers = [None if key is None else found[month].get(key) for month, key in zip(months, keys, strict=True)]
    return [None if number is None else mask.shown(Field.CALLER_NUMBER, number) for number in numbers]
