"""What another tool's export shows, beside what we read of Asternic's numbers from the log of the same days.

In: figures of loaded exports (reports.exported gives them), and the question. Out: comparisons, one per report loaded.
Exports are sums of others: they are compared, never added to a figure counted from calls.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import duckdb

from reports.bridge import Shown, measure_shown
from reports.definition import Period
from reports.query import share_of
from reports.rules import Rules

#: Reports compared, the newest loads first: each that covers other days is counted anew.
MOST_COMPARED = 8
_WITHIN = "answered_within_"


class ExportedFigure(Protocol):
    """One figure of a loaded export, as reports.exported gives it."""

    @property
    def system(self) -> str:
        """The tool it comes from."""

    @property
    def report(self) -> str:
        """The report of that tool."""

    @property
    def measure(self) -> str:
        """What it counts: answered, unanswered, answered_within_15 and others."""

    @property
    def first(self) -> date:
        """Its first day."""

    @property
    def last(self) -> date:
        """Its last day."""

    @property
    def value(self) -> float:
        """The figure."""

    @property
    def load(self) -> int:
        """The load that brought it."""


@dataclass(frozen=True)
class Compared:
    """One report of an export over its own days, and what we read of Asternic's numbers on them.

    None is what the report does not say. `within` are the seconds of `answered_within`, nearest to the threshold;
    `level` is that number / answered.
    """

    system: str
    report: str
    period: Period
    answered: int | None
    unanswered: int | None
    within: int | None
    answered_within: int | None
    level: float | None
    shown: Shown

    @property
    def differences(self) -> tuple[int | None, int | None]:
        """The export's number less ours: answered, not answered."""
        pairs = ((self.answered, self.shown.answered), (self.unanswered, self.shown.unanswered))
        answered, unanswered = (None if theirs is None else theirs - ours for theirs, ours in pairs)
        return answered, unanswered


def compare_exports(
    connection: duckdb.DuckDBPyConnection,
    rules: Rules,
    figures: Iterable[ExportedFigure],
    lines: Sequence[str] = (),
    threshold: int = 20,
) -> tuple[Compared, ...]:
    """Compare each report of the loaded exports with the log of its days, the newest loads first. Raises QueryError."""
    sums: dict[tuple[int, str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    days: dict[tuple[int, str, str], list[date]] = defaultdict(list)
    for figure in figures:
        key = (figure.load, figure.system, figure.report)
        sums[key][figure.measure] += figure.value
        days[key] += [figure.first, figure.last]
    told = [key for key in sorted(sums, reverse=True) if {"answered", "unanswered"} & sums[key].keys()]
    shown: dict[Period, Shown] = {}
    found = []
    for key in told[:MOST_COMPARED]:
        period = Period(min(days[key]), max(days[key]))
        if period not in shown:
            shown[period] = measure_shown(connection, rules, period, lines)
        # Of one load, another of its tables may say how many were answered in time, of the same days.
        same_load = [sums[other] for other in sums if other[0] == key[0] and sorted(days[other]) == sorted(days[key])]
        within = _nearest(
            [measure for each in (sums[key], *same_load) for measure in each if measure.startswith(_WITHIN)], threshold
        )
        measure = f"{_WITHIN}{within}"
        in_time = next(
            (each[measure] for each in (sums[key], *same_load) if within is not None and measure in each), None
        )
        answered = _whole(sums[key].get("answered"))
        found.append(
            Compared(
                key[1], key[2], period, answered, _whole(sums[key].get("unanswered")), within, _whole(in_time),
                None if in_time is None or answered is None else share_of(int(in_time), answered), shown[period],
            )
        )  # fmt: skip
    return tuple(found)


def _nearest(measures: Sequence[str], threshold: int) -> int | None:
    """Return the seconds of the measure nearest to the threshold, of two as near the lesser."""
    seconds = [int(text) for measure in measures if (text := measure.removeprefix(_WITHIN)).isdigit()]
    return min(seconds, key=lambda each: (abs(each - threshold), each), default=None)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
