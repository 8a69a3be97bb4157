import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from social_signals.evaluation.survival import (
    concordance,
    concordance_gain,
    concordance_interval,
    expected_days,
    median_days,
    survival_of,
)

# Few distinct times and predictions, so that every kind of tie is common.
rows = st.lists(
    st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=30
)


def by_definition(times, ended, predicted, weights):
    """Harrell's C pair by pair, as its docstring says."""
    pairs = right = 0.0
    for i in range(len(times)):
        for j in range(len(times)):
            if ended[i] and (times[i] < times[j] or (times[i] == times[j] and not ended[j])):
                weight = weights[i] * weights[j]
                pairs += weight
                right += weight * (1.0 if predicted[i] < predicted[j] else 0.5 * (predicted[i] == predicted[j]))
    return right / pairs if pairs else math.nan


@settings(deadline=None, max_examples=200)
@given(rows)
def test_concordance_is_its_definition_with_ties_censoring_and_weights(cases):
    times, ended, predicted, weights = (list(part) for part in zip(*cases, strict=True))
    expected = by_definition(times, ended, predicted, weights)
    assert concordance(times, ended, predicted, weights) == pytest.approx(expected, nan_ok=True)
    assert concordance(times, ended, predicted) == pytest.approx(
        by_definition(times, ended, predicted, [1] * len(times)), nan_ok=True
    )


def test_a_perfect_order_is_1_its_reverse_0_and_nobody_who_ended_no_number():
    times, ended = [1.0, 2.0, 3.0, 3.0], [True, True, True, False]
    assert concordance(times, ended, [1, 2, 3, 4]) == 1
    assert concordance(times, ended, [4, 3, 2, 1]) == 0
    assert math.isnan(concordance(times, [False] * 4, [1, 2, 3, 4]))


def test_the_interval_holds_the_value_and_two_orders_differ_by_what_they_differ():
    draw = np.random.default_rng(3)
    times = draw.exponential(50, 400)
    ended, people = draw.random(400) < 0.7, np.arange(400) // 2
    good, poor = times + draw.normal(0, 20, 400), times + draw.normal(0, 200, 400)
    found = concordance_interval(times, ended, good, groups=people, seed=1)
    assert found.low < found.value < found.high
    assert found.value == concordance(times, ended, good)
    gained = concordance_gain(times, ended, good, poor, groups=people, seed=1)
    assert gained.value == pytest.approx(found.value - concordance(times, ended, poor))
    assert 0 < gained.low < gained.value < gained.high


def test_a_curve_falls_and_says_mean_and_median_in_days():
    survival = survival_of([[0.1, 0.5, 0.5], [0.0, 0.0, 0.0], [1.0, 0.3, 0.3]])
    assert np.allclose(survival, [[0.9, 0.45, 0.225], [1, 1, 1], [0, 0, 0]])
    assert np.allclose(expected_days(survival, period_days=10), [6.75 + 3.375, 20, 0])
    assert np.allclose(median_days(survival, period_days=10), [10 * 0.4 / 0.45, np.nan, 0], equal_nan=True)
