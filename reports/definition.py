"""The words in which an indicator is declared: frozen values, no IO.

In: literals of reports/indicators.py and what a reader asks for. Out: checked, hashable values.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from string import Formatter


class Unit(StrEnum):
    """What one row of the table counts (rules.md, section 2)."""

    VISIT = "visit"
    LINE = "line"
    CALL = "call"


class Dimension(StrEnum):
    """What a figure may be split or narrowed by."""

    MONTH = "month"
    DAY = "day"
    WEEKDAY = "weekday"
    HOUR = "hour"
    INTERVAL = "interval"
    SERVICE = "service"
    QUEUE = "queue"
    AGENT = "agent"
    CAUSE = "cause"
    OUTCOME = "outcome"
    WAIT_CLASS = "wait_class"
    REASON = "reason"
    DID = "did"
    POSITION = "position"
    TRANSFER = "transfer"
    TRANSFER_KIND = "transfer_kind"


class Kind(StrEnum):
    """How numerator and denominator become a value, and how parts become a total."""

    COUNT = "count"  # the numerator; parts add
    RATIO = "ratio"  # numerator / denominator, each added
    MEAN = "mean"  # sum / number of known values, each added
    MAXIMUM = "maximum"  # a value alone; the greatest of the parts
    DISTRIBUTION = "distribution"  # calls of a wait class / calls of all classes of the same group


class ValueUnit(StrEnum):
    """What a value is measured in. A percentage is a fraction of one until it is printed."""

    COUNT = "count"
    PERCENT = "percent"
    SECONDS = "seconds"
    MEAN = "mean"  # of a number of things: with one decimal


class Subject(StrEnum):
    """The family of core tables an indicator reads; with the unit it names one table."""

    CALLS = "calls"
    AGENTS = "agents"  # where operators' time went, by half hour; no unit of calls


class Dating(StrEnum):
    """The instant that puts a row into a day, month and interval."""

    ENTERED = "entered"
    OUTCOME = "outcome"
    WORKED = "worked"


class Facts(StrEnum):
    """What of a call an indicator looks at, beside when it entered, where, its outcome, wait and talk."""

    OUTCOME = "outcome"  # nothing: counts of calls tell it
    CALL = "call"  # how it ended, who called: call by call
    NEXT_CALL = "next_call"  # when the caller called the same line again
    LATER_ANSWER = "later_answer"  # when the caller of an abandoned one was answered that day


class PeriodError(ValueError):
    """A period that cannot be; the message is for users."""


@dataclass(frozen=True, order=True)
class Period:
    """Local days from `first` to `last`, both included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        """Refuse a period that ends before it begins."""
        if self.last < self.first:
            raise PeriodError(f"El período termina ({self.last:%d/%m/%Y}) antes de empezar ({self.first:%d/%m/%Y})")

    @property
    def days(self) -> int:
        """Number of days."""
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[date]:
        """Yield every day."""
        return (self.first + timedelta(days=n) for n in range(self.days))

    def __contains__(self, day: date) -> bool:
        """Tell whether a day lies inside."""
        return self.first <= day <= self.last

    def months(self) -> tuple[Period, ...]:
        """Return the parts of the period that lie in one calendar month each, in order."""
        parts, first = [], self.first
        while first <= self.last:
            last = min(self.last, first.replace(day=monthrange(first.year, first.month)[1]))
            parts.append(Period(first, last))
            first = last + timedelta(days=1)
        return tuple(parts)

    @property
    def is_month(self) -> bool:
        """Whether it is one whole calendar month."""
        return self == month(f"{self.first:%Y-%m}")


def month(text: str) -> Period:
    """Return the calendar month written as "2026-10". PeriodError if it is not one."""
    if not (match := re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", text)) or match[1] == "0000":
        raise PeriodError(f"«{text}» no es un mes; se escribe como 2026-10")
    year, number = int(match[1]), int(match[2])
    return Period(date(year, number, 1), date(year, number, monthrange(year, number)[1]))


@dataclass(frozen=True)
class Indicator:
    """One figure: what is summed, by what it is divided, and where each of its rules comes from.

    `numerator` and `denominator` are aggregates over rows of the subject's table, in the portable SQL subset; a rule's
    dated parameter stands in them as {threshold_seconds}. `label`, `edge_case` and `clause` are read by users.
    """

    name: str
    label: str
    kind: Kind
    value_unit: ValueUnit
    numerator: str
    denominator: str | None
    edge_case: str
    clause: str
    dimensions: frozenset[Dimension]
    units: frozenset[Unit] = frozenset(Unit)
    subject: Subject = Subject.CALLS
    dated_by: Dating = Dating.ENTERED
    facts: Facts = Facts.OUTCOME
    target: str | None = None
    implied: tuple[Dimension, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a declaration that contradicts itself."""
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise ValueError(f"{self.name!r} is no name of an indicator")
        if (self.denominator is not None) != (self.kind in (Kind.RATIO, Kind.MEAN)):
            raise ValueError(f"{self.name}: a ratio and a mean have a denominator, nothing else has")
        if not self.units or not set(self.implied) <= self.dimensions:
            raise ValueError(f"{self.name}: no unit, or an implied dimension that is not allowed")
        if self.units != {Unit.VISIT} and self.dated_by is Dating.OUTCOME:
            raise ValueError(f"{self.name}: only a queue visit is dated by its end")
        if (self.subject is Subject.AGENTS) != (self.dated_by is Dating.WORKED):
            raise ValueError(f"{self.name}: operators' time, and nothing else, is dated by when it was worked")

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the dated parameters the figure depends on, its target included, sorted."""
        sql = self.numerator + (self.denominator or "")
        names = {name for _, name, _, _ in Formatter().parse(sql) if name} | ({self.target} if self.target else set())
        return tuple(sorted(names))

    @property
    def counted_rows(self) -> str | None:
        """The condition of the rows that the numerator counts; None where it sums or takes something else."""
        if self.kind is Kind.DISTRIBUTION:
            return None
        if self.numerator == "SUM(calls)":
            return "TRUE"
        match = re.fullmatch(r"SUM\(CASE WHEN (.+) THEN calls ELSE 0 END\)", self.numerator)
        return match[1] if match and " THEN calls ELSE 0 END" not in match[1] else None
