"""Intervals, adjusted differences and curves: counts and durations in, frozen values out; thin calls into statsmodels.

None where nothing can be said (no trials). Shares are fractions of one. statsmodels takes a second to import, hence
only where it is asked.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """An interval of a share, both ends included."""

    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """A difference of two shares, from -1 to 1, with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Groups:
    """Successes and trials of a group, and of the one it is held against."""

    successes: int
    trials: int
    other_successes: int
    other_trials: int

    def __post_init__(self) -> None:
        """Refuse counts that cannot be."""
        for successes, trials in ((self.successes, self.trials), (self.other_successes, self.other_trials)):
            if not 0 <= successes <= trials:
                raise ValueError(f"{successes} successes of {trials} trials cannot be")


@dataclass(frozen=True)
class CurveStep:
    """One step of a survival curve: from ``at`` on the share ``surviving`` stands, until the next step."""

    at: float
    at_risk: int
    ended: int
    surviving: float


def wilson(successes: int, trials: int, *, level: float = LEVEL) -> Interval | None:
    """Return Wilson's score interval of a share (E. B. Wilson 1927); None without trials."""
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes of {trials} trials cannot be")
    if not trials:
        return None
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(successes, trials, alpha=1 - level, method="wilson")
    # The formula ends exactly at 0 and 1 there; floating point may stop short of it.
    return Interval(0.0 if successes == 0 else float(low), 1.0 if successes == trials else float(high))


def newcombe(groups: Groups, *, level: float = LEVEL) -> Difference | None:
    """Return the difference of two shares with Newcombe's interval (1998, method 10); None without trials."""
    if not groups.trials or not groups.other_trials:
        return None
    from statsmodels.stats.proportion import confint_proportions_2indep

    low, high = confint_proportions_2indep(
        groups.successes,
        groups.trials,
        groups.other_successes,
        groups.other_trials,
        method="newcomb",
        compare="diff",
        alpha=1 - level,
    )
    value = groups.successes / groups.trials - groups.other_successes / groups.other_trials
    return Difference(value, float(low), float(high))


def adjusted_difference(strata: Iterable[Groups], *, level: float = LEVEL) -> Difference | None:
    """Return the difference of two shares weighed over strata (Mantel-Haenszel) with Sato's interval (Biometrics 1989).

    A stratum in which one of the groups is empty says nothing and weighs nothing. None where none is left.
    statsmodels pools odds and risk ratios of strata but no difference, hence the sums here.
    """
    weights = weighted = spread = skew = 0.0
    for stratum in strata:
        a, n1, b, n0 = stratum.successes, stratum.trials, stratum.other_successes, stratum.other_trials
        if not n1 or not n0:
            continue
        whole = n1 + n0
        weights += n1 * n0 / whole
        weighted += (a * n0 - b * n1) / whole
        skew += (n1**2 * b - n0**2 * a + n1 * n0 * (n0 - n1) / 2) / whole**2
        spread += (a * (n0 - b) + b * (n1 - a)) / (2 * whole)
    if not weights:
        return None
    value = weighted / weights
    # Rounding may leave a trace below zero where every outcome is alike.
    error = math.sqrt(max(0.0, value * skew + spread)) / weights
    reach = NormalDist().inv_cdf((1 + level) / 2) * error
    return Difference(value, max(-1.0, value - reach), min(1.0, value + reach))


def kaplan_meier(durations: Sequence[float], ended: Sequence[bool]) -> tuple[CurveStep, ...]:
    """Return the product-limit curve (Kaplan and Meier 1958): a step at each duration at which something ended.

    Of what has not ended (``ended`` false) the duration is how long it was watched; at a tie it counts as still there.
    """
    if len(durations) != len(ended):
        raise ValueError("as many durations as answers whether they ended")
    if not any(ended):
        return ()
    from statsmodels.duration.survfunc import SurvfuncRight

    curve = SurvfuncRight(durations, [int(each) for each in ended])
    return tuple(
        CurveStep(float(at), int(at_risk), int(events), float(surviving))
        for at, at_risk, events, surviving in zip(
            curve.surv_times, curve.n_risk, curve.n_events, curve.surv_prob, strict=True
        )
    )


def ended_by(curve: Iterable[CurveStep], at: float) -> float:
    """Return the share that had ended by a duration, from a curve."""
    surviving = 1.0
    for step in curve:
        if step.at > at:
            break
        surviving = step.surviving
    return 1 - surviving


def duration_by_which(curve: Iterable[CurveStep], share: float) -> float | None:
    """Return the first duration by which a share (over 0, up to 1) had ended; None where the curve never gets there."""
    if not 0 < share <= 1:
        raise ValueError(f"{share} is no share")
    return next((step.at for step in curve if 1 - step.surviving >= share - 1e-12), None)


def nearest_rank(values: Iterable[float], share: float) -> float | None:
    """Return the percentile by nearest rank: the least value that is not below a share of all; None without values."""
    if not 0 < share <= 1:
        raise ValueError(f"{share} is no share")
    ordered = sorted(values)
    return ordered[max(1, math.ceil(share * len(ordered) - 1e-9)) - 1] if ordered else None
