"""Which table of calls tells a figure with the fewest rows, and how.

In: an indicator and what it is asked by. Out: the calls themselves, or the tables that count them by half hour or by
wait (etl.views), and the indicator's aggregates over those. Indicators are declared once, over calls; a test holds
every one that is read elsewhere against counting call by call.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from etl.model import WITHIN_SECONDS
from etl.views import BY_HALF_HOUR, BY_LATER_ANSWER, BY_NEXT_CALL, BY_WAIT
from reports.definition import Dating, Dimension, Facts, Indicator, Subject

_OF_DAYS = frozenset({Dimension.MONTH, Dimension.DAY, Dimension.WEEKDAY, Dimension.SERVICE})
#: What each table tells, the one with the fewest rows first.
_TOLD = {
    BY_HALF_HOUR: _OF_DAYS | {Dimension.HOUR, Dimension.INTERVAL},
    BY_WAIT: _OF_DAYS | {Dimension.CAUSE, Dimension.OUTCOME, Dimension.WAIT_CLASS},
}
_ADDED_UP = {
    "SUM(calls)": "SUM(calls)",
    "SUM(CASE WHEN answered THEN calls ELSE 0 END)": "SUM(answered_calls)",
    "SUM(CASE WHEN NOT answered THEN calls ELSE 0 END)": "SUM(calls - answered_calls)",
    "SUM(CASE WHEN answered AND wait_seconds <= {threshold_seconds} THEN calls ELSE 0 END)": (
        "SUM(answered_within_{threshold_seconds})"
    ),
    "SUM(CASE WHEN answered AND wait_seconds < {threshold_seconds} THEN calls ELSE 0 END)": (
        "SUM(answered_within_{second_before})"
    ),
    "SUM(CASE WHEN answered AND wait_seconds IS NOT NULL THEN wait_seconds * calls ELSE 0 END)": "SUM(waited_seconds)",
    "SUM(CASE WHEN answered AND wait_seconds IS NOT NULL THEN calls ELSE 0 END)": "SUM(waits)",
    "SUM(CASE WHEN answered AND talks > 0 THEN talk_seconds ELSE 0 END)": "SUM(talked_seconds)",
    "SUM(CASE WHEN answered THEN talks ELSE 0 END)": "SUM(talks)",
    "MAX(wait_seconds)": "MAX(longest_wait)",
}


def counted_in(indicator: Indicator, dimensions: Iterable[Dimension], thresholds: Sequence[int]) -> str:
    """Return what to add to a table's name: "" for the calls themselves, BY_WAIT or BY_HALF_HOUR.

    Of what callers did afterwards: BY_NEXT_CALL or BY_LATER_ANSWER.
    """
    if indicator.facts is not Facts.OUTCOME:
        return {Facts.NEXT_CALL: BY_NEXT_CALL, Facts.LATER_ANSWER: BY_LATER_ANSWER}.get(indicator.facts, "")
    if indicator.dated_by is not Dating.ENTERED or indicator.subject is not Subject.CALLS:
        return ""
    asked = set(dimensions)
    sides = [side for side in (indicator.numerator, indicator.denominator) if side is not None]
    for suffix, told in _TOLD.items():
        if asked <= told and (suffix == BY_WAIT or all(added_up(side, thresholds) is not None for side in sides)):
            return suffix
    return ""


def added_up(aggregate: str, thresholds: Sequence[int]) -> str | None:
    """Return an aggregate over the tables by half hour; None where they do not tell it for the thresholds in force."""
    found = _ADDED_UP.get(aggregate)
    if found is None or "{" not in found:
        return found
    if len(thresholds) != 1:
        return None
    seconds = {"threshold_seconds": thresholds[0], "second_before": thresholds[0] - 1}
    told = all(each in WITHIN_SECONDS for name, each in seconds.items() if f"{{{name}}}" in found)
    return found.format(**seconds) if told else None
