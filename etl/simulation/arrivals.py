"""When people call: expected calls by day and hour, and one draw of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from etl.simulation.clock import HOUR, SUNDAY, WORKDAY, day_kind, day_start
from etl.simulation.profile import LineProfile

# Mondays are busy, Fridays less so; Saturday and Sunday stand in the profile of the line.
_WORKDAY_WEIGHT = (1.16, 1.04, 1.0, 0.98, 0.94, 1.0, 1.0)
_MONTHLY_GROWTH = 0.02
# A day's demand varies about its mean by more than Poisson: a gamma factor of this relative width.
_DAY_NOISE = 0.08

CALLER_RANGES = ((70_000_000, 70_009_999), (40_000_000, 40_009_999))


def expected_calls(line: LineProfile, months: Sequence[Sequence[date]]) -> NDArray[np.float64]:
    """Expected calls, (days, 24), over months given as lists of days; each adds up to the line's monthly volume."""
    hours = np.array(line.shape, dtype=float)
    hours /= hours.sum()
    rows = []
    for number, days in enumerate(months):
        weights = np.array([_day_weight(line, day) for day in days])
        volume = line.calls_per_month * (1 + _MONTHLY_GROWTH * number)
        rows.append((weights / weights.sum() * volume)[:, None] * hours)
    return np.concatenate(rows)


def incident(expected: NDArray[np.float64], day: int) -> NDArray[np.float64]:
    """The same with a breakdown of the network on one day: from 15 to 20 hours people call 2.5 times as much."""
    raised = expected.copy()
    raised[day, 15:20] *= 2.5
    return raised


def draw_arrivals(expected: NDArray[np.float64], days: Sequence[date], rng: np.random.Generator) -> NDArray[np.float64]:
    """Instants of arrival, sorted, in seconds of UTC with fractions: a Poisson draw of the expected calls."""
    width = _DAY_NOISE**2
    factor = rng.gamma(1 / width, width, size=(len(days), 1))
    counts = rng.poisson(expected * factor)
    starts = np.array([day_start(day) for day in days])[:, None] + np.arange(24) * HOUR
    instants = np.repeat(starts.ravel(), counts.ravel()) + rng.random(int(counts.sum())) * HOUR
    return np.sort(instants)


def draw_callers(count: int, rng: np.random.Generator) -> list[str]:
    """Invented 8-digit numbers; some people call again and again."""
    mobile = rng.random(count) < 0.7
    # Squaring a uniform draw favours the low numbers: those are the frequent callers.
    rank = (rng.random(count) ** 2 * 10_000).astype(np.int64)
    return [str(number) for number in np.where(mobile, CALLER_RANGES[0][0], CALLER_RANGES[1][0]) + rank]


def _day_weight(line: LineProfile, day: date) -> float:
    kind = day_kind(day)
    if kind == WORKDAY:
        return _WORKDAY_WEIGHT[day.weekday()]
    return line.sunday if kind == SUNDAY else line.saturday
