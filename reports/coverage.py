"""Which hours the logs of each PBX cover, and which they lack: a gap is told from a night in which nobody called.

In: a cursor, a period, how many lines make a silence a gap. Out: the state of every hour, and the gaps. The rule (D;
rules.md says nothing of hours): a silence, hours in a row without any line, is a gap where the same hours of the same
weekdays of the 8 weeks before and after usually (their medians, added up) have so many lines or more. Only weeks whose
day has a log count; where fewer than three have, the same hour of the two weeks around. A gap lasts from the first to
the last such hour of its silence. Where no day at all tells what is usual, a silence of 12 hours is a gap, as it is for
``callcenter check``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from statistics import median

import duckdb

from etl.checkup import GAP_SECONDS
from reports.definition import Period

HOURS_SQL = """
-- One row per PBX and hour with lines in the log.
SELECT pbx, hour_local, SUM(lines) AS lines
FROM core.log_hours
WHERE hour_local >= ? AND hour_local < ?
GROUP BY pbx, hour_local
"""
SPANS_SQL = """
-- One row per PBX: the first and the last hour of its log.
SELECT pbx, MIN(hour_local) AS first_hour, MAX(hour_local) AS last_hour
FROM core.log_hours
GROUP BY pbx
ORDER BY pbx
"""
_EPOCH = datetime(1970, 1, 1)
_DAY, _WEEK = 24, 7 * 24
#: Weeks before and after that tell what is usual, days of it where they are too few, and how few that is.
WEEKS, DAYS, FEW = 8, 14, 3
_REACH = timedelta(weeks=WEEKS)


class State(StrEnum):
    """How an hour stands: with lines, missing, silent as usual, before the first or after the last line of its PBX."""

    LOG = "con registro"
    MISSING = "falta el registro"
    QUIET = "silencio usual"
    OUTSIDE = "fuera del registro"


@dataclass(frozen=True)
class Gap:
    """Hours without a log that usually have one: from the start of the first to the end of the last (La Paz)."""

    pbx: str
    start: datetime
    end: datetime

    @property
    def hours(self) -> int:
        """How many hours it lasts."""
        return int((self.end - self.start).total_seconds()) // 3600


@dataclass(frozen=True)
class Coverage:
    """One PBX over a period: the state of each hour, the lines of those with a log, its gaps cut to the period."""

    pbx: str
    first: datetime
    last: datetime
    states: Mapping[datetime, State]
    lines: Mapping[datetime, int]
    gaps: tuple[Gap, ...]

    def hours(self, state: State, months: Sequence[date] = ()) -> int:
        """Count the hours in a state; of the months named by their first days, else of the whole period."""
        wanted = {(day.year, day.month) for day in months}
        return sum(
            number
            for (year, month, each), number in self._by_month.items()
            if each is state and (not wanted or (year, month) in wanted)
        )

    @cached_property
    def _by_month(self) -> Counter[tuple[int, int, State]]:
        # A table by month asks for each state of each: ten years have 88,000 hours.
        return Counter((at.year, at.month, state) for at, state in self.states.items())


def read_coverage(cursor: duckdb.DuckDBPyConnection, period: Period, gap_lines: int) -> tuple[Coverage, ...]:
    """Read what hours of a period the log of each PBX covers; `gap_lines` make a silence a gap."""
    begin, end = _midnight(period.first), _midnight(period.last) + timedelta(days=1)
    found: dict[str, dict[int, int]] = {}
    for pbx, at, lines in cursor.execute(HOURS_SQL, [begin - _REACH, end + _REACH]).fetchall():
        found.setdefault(pbx, {})[_number(at)] = int(lines)
    covered = []
    for pbx, first, last in cursor.execute(SPANS_SQL).fetchall():
        hours = found.get(pbx, {})
        span = range(max(_number(first), _number(begin - _REACH)), min(_number(last), _number(end + _REACH) - 1) + 1)
        missing = missing_hours(hours, span, gap_lines)
        asked = range(_number(begin), _number(end))
        states = {_at(hour): _state(hour, hours, missing, span) for hour in asked}
        gaps = tuple(Gap(pbx, _at(run.start), _at(run.stop)) for run in _runs(sorted(missing.intersection(asked))))
        lines_of = {_at(hour): hours[hour] for hour in asked if hour in hours}
        covered.append(Coverage(pbx, first, last, states, lines_of, gaps))
    return tuple(covered)


def missing_hours(hours: Mapping[int, int], span: range, gap_lines: int) -> set[int]:
    """Return the hours of a span (numbers since 1970) that lack their lines; `hours` are those with lines."""
    days = {hour // _DAY for hour in hours}
    missing: set[int] = set()
    for run in _runs([hour for hour in span if hour not in hours]):
        usual = [_usual_lines(hour, hours, days) for hour in run]
        if all(each is None for each in usual):
            missing.update(run if len(run) * 3600 >= GAP_SECONDS else ())
        elif sum(each or 0 for each in usual) >= gap_lines:
            wanted = [hour for hour, lines in zip(run, usual, strict=True) if lines]
            missing.update(range(wanted[0], wanted[-1] + 1))
    return missing


def _usual_lines(hour: int, hours: Mapping[int, int], days: set[int]) -> float | None:
    """Return how many lines an hour like this usually has; None where too little is known."""
    for step, number in ((_WEEK, WEEKS), (_DAY, DAYS)):
        like = [hour + k * step for k in range(-number, number + 1) if k and (hour + k * step) // _DAY in days]
        if len(like) >= FEW:
            return median(hours.get(each, 0) for each in like)
    return None


def _runs(hours: Sequence[int]) -> list[range]:
    """Return ascending hours as stretches of neighbours."""
    runs: list[range] = []
    for hour in hours:
        if runs and hour == runs[-1].stop:
            runs[-1] = range(runs[-1].start, hour + 1)
        else:
            runs.append(range(hour, hour + 1))
    return runs


def _state(hour: int, hours: Mapping[int, int], missing: set[int], span: range) -> State:
    if hour in hours:
        return State.LOG
    if hour not in span:
        return State.OUTSIDE
    return State.MISSING if hour in missing else State.QUIET


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def _number(at: datetime) -> int:
    return int((at - _EPOCH).total_seconds()) // 3600


def _at(hour: int) -> datetime:
    return _EPOCH + timedelta(hours=hour)
