"""Intervals, adjusted differences, curves: against published numbers (rules.md, section 6) and other ways to count."""

import math

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.statistics import (
    Groups,
    adjusted_difference,
    duration_by_which,
    ended_by,
    kaplan_meier,
    nearest_rank,
    newcombe,
    wilson,
)

#: Freireich 1963, 6-MP arm: weeks of remission, and whether it ended (the others were still in it).
REMISSION = (6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35)
ENDED = (1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_published_intervals(successes: int, trials: int, low: float, high: float) -> None:
    interval = wilson(successes, trials)
    assert interval is not None
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


@pytest.mark.parametrize(
    ("groups", "value", "low", "high"),
    [
        (Groups(56, 70, 48, 80), 0.2, 0.0524, 0.3339),
        (Groups(9, 10, 3, 10), 0.6, 0.1705, 0.8090),
        (Groups(5, 56, 0, 29), 0.0893, -0.0381, 0.1926),
    ],
)
def test_newcombe_gives_the_published_intervals(groups: Groups, value: float, low: float, high: float) -> None:
    found = newcombe(groups)
    assert found is not None
    assert (round(found.value, 4), round(found.low, 4), round(found.high, 4)) == (value, low, high)


def test_nothing_is_said_of_nobody() -> None:
    assert wilson(0, 0) is None
    assert newcombe(Groups(0, 0, 3, 9)) is None
    assert adjusted_difference([Groups(0, 0, 3, 9), Groups(2, 4, 0, 0)]) is None
    assert kaplan_meier((), ()) == ()
    assert nearest_rank((), 0.5) is None


def test_counts_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be"):
        wilson(3, 2)
    with pytest.raises(ValueError, match="cannot be"):
        Groups(1, 2, -1, 4)
    with pytest.raises(ValueError, match="as many"):
        kaplan_meier((1.0,), ())


def test_the_curve_of_freireich_is_the_published_one() -> None:
    curve = kaplan_meier(REMISSION, [bool(each) for each in ENDED])
    assert {step.at: round(step.surviving, 3) for step in curve} == {
        6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448,
    }  # fmt: skip
    assert [step.at_risk for step in curve] == [21, 17, 15, 12, 11, 7, 6]
    assert ended_by(curve, 5.9) == 0
    assert round(ended_by(curve, 10), 3) == 0.247
    assert duration_by_which(curve, 0.5) == 23  # the published median
    assert duration_by_which(curve, 0.6) is None


@given(
    st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=40).filter(
        lambda rows: any(ended for _, ended in rows)
    )
)
def test_the_curve_is_the_product_of_what_survived_each_step(rows: list[tuple[int, bool]]) -> None:
    curve = kaplan_meier([at for at, _ in rows], [ended for _, ended in rows])
    surviving = 1.0
    for step in curve:
        at_risk = sum(at >= step.at for at, _ in rows)
        ended = sum(at == step.at and over for at, over in rows)
        surviving *= 1 - ended / at_risk
        assert (step.at_risk, step.ended) == (at_risk, ended)
        assert math.isclose(step.surviving, surviving, abs_tol=1e-12)
    assert [step.at for step in curve] == sorted({at for at, over in rows if over})


def test_adjusted_over_one_stratum_of_like_size_is_the_plain_difference_with_walds_interval() -> None:
    found = adjusted_difference([Groups(30, 50, 20, 50)])
    error = math.sqrt(0.6 * 0.4 / 50 + 0.4 * 0.6 / 50)
    assert found is not None
    assert math.isclose(found.value, 0.2)
    assert math.isclose(found.low, 0.2 - 1.959963985 * error, abs_tol=1e-8)
    assert math.isclose(found.high, 0.2 + 1.959963985 * error, abs_tol=1e-8)


def test_what_comes_from_the_strata_alone_is_taken_out() -> None:
    # Who pays on time was reached more often; within each stratum the call made no difference at all.
    punctual, late = Groups(72, 90, 8, 10), Groups(2, 10, 18, 90)
    plain = newcombe(Groups(74, 100, 26, 100))
    adjusted = adjusted_difference([punctual, late])
    assert plain is not None
    assert adjusted is not None
    assert plain.value > 0.4
    assert abs(adjusted.value) < 1e-12
    assert adjusted.low < 0 < adjusted.high


def test_the_adjusted_interval_holds_the_truth_as_often_as_it_says() -> None:
    draw, sizes = numpy.random.default_rng(7), [(40, 120), (200, 60), (80, 80)]
    base, effect = (0.2, 0.5, 0.7), 0.1
    held = 0
    for _ in range(1000):
        strata = [
            Groups(int(draw.binomial(n, p + effect)), n, int(draw.binomial(m, p)), m)
            for (n, m), p in zip(sizes, base, strict=True)
        ]
        found = adjusted_difference(strata)
        assert found is not None
        held += found.low <= effect <= found.high
    assert 930 <= held <= 970


@pytest.mark.parametrize(
    ("share", "value"), [(0.05, 15), (0.3, 20), (0.4, 20), (0.5, 35), (1.0, 50)]
)  # the worked example of the nearest-rank method: 15 20 35 40 50
def test_percentiles_are_nearest_rank(share: float, value: float) -> None:
    assert nearest_rank((50, 15, 40, 20, 35), share) == value


def test_a_rank_is_not_moved_by_floating_point() -> None:
    assert nearest_rank(range(1, 101), 0.95) == 95
    assert nearest_rank(range(1, 21), 0.35) == 7  # 0.35 * 20 is 7.000000000000001 or 6.999999999999999
