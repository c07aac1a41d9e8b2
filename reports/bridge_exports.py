"""What another tool's export shows, beside what the log of the same days tells.

In: figures of loaded exports (reports.exported), and the question. Out: comparisons, one per report loaded. An export
of Asternic is held against what Asternic reads of the log, one of another system against our queue visits.
Exports are sums of others: they are compared, never added to a figure counted from calls.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb

from etl.sources.exports import ASTERNIC
from reports.bridge import Shown, measure_shown
from reports.definition import Dimension, Period, Unit
from reports.exported import ExportedFigure, report_title
from reports.query import measure, share_of
from reports.rules import Rules

#: Reports compared, the newest loads first: each that covers other days is counted anew.
MOST_COMPARED = 8
_WITHIN = "answered_within_"


@dataclass(frozen=True)
class Compared:
    """One report of an export over its own days, and what the log tells of them (``shown``).

    `queues` are those the report is of, () for all. None is what the report does not say. `within` are the seconds of
    `answered_within`, nearest to the threshold; `level` is that number / answered.
    """

    report: str
    period: Period
    queues: tuple[str, ...]
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
) -> tuple[tuple[Compared, ...], int]:
    """Compare reports of the loaded exports with the log of their days, the newest loads first.

    Returns them, at most MOST_COMPARED, and how many were left out. Raises QueryError.
    """
    told: dict[tuple[int, str, str], list[ExportedFigure]] = defaultdict(list)
    for figure in figures:
        told[figure.load, figure.system, figure.report].append(figure)
    reports = [_Report.of(told[key]) for key in sorted(told, reverse=True)]
    comparable = [report for report in reports if report.sums.keys() & {"answered", "unanswered"}]
    shown: dict[tuple[bool, Period, tuple[str, ...]], Shown] = {}
    found = []
    for report in comparable[:MOST_COMPARED]:
        ours = (report.system == ASTERNIC, *report.whose)
        if ours not in shown:
            ours_of = measure_shown if report.system == ASTERNIC else _measure_visits
            shown[ours] = ours_of(connection, rules, report.period, lines, report.queues)
        # Of one load, another of its tables may say how many of the same were answered in time.
        beside = [each for each in reports if each.load == report.load and each.whose == report.whose]
        times = {measure: n for each in beside for measure, n in each.sums.items() if measure.startswith(_WITHIN)}
        within = _nearest(times, threshold)
        in_time = None if within is None else times[f"{_WITHIN}{within}"]
        answered = report.sums.get("answered")
        found.append(
            Compared(
                report.title,
                report.period,
                report.queues,
                answered,
                report.sums.get("unanswered"),
                within,
                in_time,
                None if in_time is None or answered is None else share_of(in_time, answered),
                shown[ours],
            )
        )
    return tuple(found), len(comparable) - len(found)


def _measure_visits(
    connection: duckdb.DuckDBPyConnection, rules: Rules, period: Period, lines: Sequence[str], queues: Sequence[str]
) -> Shown:
    """Measure the visits answered and not answered: of the queues named, else those of the lines."""
    where = {Dimension.SERVICE.value: lines} if lines and not queues else None
    # Split by queue and not narrowed to them: an export may name one that the log has never seen.
    found = measure(connection, rules, ["answered", "abandoned"], period, [Dimension.QUEUE], where, Unit.VISIT)
    wanted = found[found["queue"].isin(list(queues))] if queues else found
    answered, unanswered = (
        int(wanted.loc[wanted["indicator"] == name, "numerator"].sum()) for name in ("answered", "abandoned")
    )
    return Shown(answered, unanswered)


@dataclass(frozen=True)
class _Report:
    """The figures of one report of one load, added up; the queues are those it is of, () where it does not say."""

    load: int
    system: str
    title: str
    period: Period
    queues: tuple[str, ...]
    sums: dict[str, int]

    @classmethod
    def of(cls, figures: Sequence[ExportedFigure]) -> _Report:
        sums: dict[str, float] = defaultdict(float)
        queues: set[str] = set()
        for figure in figures:
            sums[figure.measure] += figure.value
            queues |= {figure.queue} if figure.queue else set(filter(None, figure.queues.split(",")))
        period = Period(min(figure.first for figure in figures), max(figure.last for figure in figures))
        one = figures[0]
        whole = {measure: round(number) for measure, number in sums.items()}
        return cls(one.load, one.system, report_title(one), period, tuple(sorted(queues)), whole)

    @property
    def whose(self) -> tuple[Period, tuple[str, ...]]:
        """What its numbers are of."""
        return self.period, self.queues


def _nearest(measures: Iterable[str], threshold: int) -> int | None:
    """Return the seconds of the measure nearest to the threshold, of two as near the lesser."""
    seconds = [int(text) for measure in measures if (text := measure.removeprefix(_WITHIN)).isdigit()]
    return min(seconds, key=lambda each: (abs(each - threshold), each), default=None)
