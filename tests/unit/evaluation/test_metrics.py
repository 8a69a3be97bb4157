import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from social_signals.evaluation import metrics

# Few distinct scores, so that ties are common.
rows = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6), st.integers(1, 3)), min_size=1, max_size=40)


@settings(deadline=None)
@given(rows)
def test_the_metrics_agree_with_scikit_learn_ties_and_weights_included(cases):
    y, s, w = (np.asarray(part, dtype=float) for part in zip(*cases, strict=True))
    p = (s + 1) / 8
    if len(set(y)) < 2:
        assert math.isnan(metrics.roc_auc(y, s, w))
        return
    assert metrics.roc_auc(y, s, w) == pytest.approx(roc_auc_score(y, s, sample_weight=w))
    assert metrics.pr_auc(y, s, w) == pytest.approx(average_precision_score(y, s, sample_weight=w))
    assert metrics.brier(y, p, w) == pytest.approx(brier_score_loss(y, p, sample_weight=w))
    assert metrics.log_loss(y, p, w) == pytest.approx(log_loss(y, p, sample_weight=w))


@settings(deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(cases, random):
    shuffled = random.sample(cases, len(cases))
    for metric in (metrics.roc_auc, metrics.pr_auc, metrics.brier, metrics.calibration_error):
        before, after = (metric([c[0] for c in some], [(c[1] + 1) / 8 for c in some]) for some in (cases, shuffled))
        assert after == pytest.approx(before, nan_ok=True)


@settings(deadline=None)
@given(rows)
def test_a_weight_of_two_is_the_row_twice(cases):
    twice = [row for row in cases for _ in range(row[2])]
    for metric in (metrics.roc_auc, metrics.pr_auc, metrics.brier, metrics.log_loss):
        weighted = metric([c[0] for c in cases], [(c[1] + 1) / 8 for c in cases], [c[2] for c in cases])
        assert weighted == pytest.approx(metric([c[0] for c in twice], [(c[1] + 1) / 8 for c in twice]), nan_ok=True)


def test_an_interval_draws_people_so_repeating_their_rows_does_not_narrow_it():
    rng = np.random.default_rng(5)
    y, s = rng.integers(0, 2, 60), rng.random(60)
    once = metrics.bootstrap(metrics.roc_auc, y, s, groups=np.arange(60), seed=1)
    tenfold = metrics.bootstrap(
        metrics.roc_auc, np.tile(y, 10), np.tile(s, 10), groups=np.tile(np.arange(60), 10), seed=1
    )
    assert once.low < once.value < once.high
    assert tenfold == pytest.approx(once)


def test_the_same_seed_gives_the_same_interval():
    y, s = [0, 1, 0, 1, 1], [0.1, 0.4, 0.5, 0.6, 0.9]
    first, again = (metrics.bootstrap(metrics.brier, y, s, groups=range(5), seed=3) for _ in range(2))
    assert first == again


def test_lift_and_gain_of_a_perfect_score():
    tenths = metrics.deciles([1] * 10 + [0] * 90, np.linspace(1, 0, 100))
    assert (tenths[0].rate, tenths[0].lift, tenths[0].gain) == (1.0, pytest.approx(10.0), 1.0)
    assert [t.rows for t in tenths] == [10] * 10


def test_a_report_has_every_metric_with_its_bounds_and_counts():
    report = metrics.probability_report([0, 1, 1, 0], [0.2, 0.7, 0.9, 0.4], groups=[1, 2, 3, 4], seed=1)
    assert report["rows"] == 4
    assert report["rate"] == 0.5
    assert {"roc_auc", "roc_auc_low", "roc_auc_high", "calibration_error", "brier", "log_loss", "pr_auc"} <= set(report)


def test_calibration_error_is_zero_only_where_every_bin_is_right():
    assert metrics.calibration_error([0, 1] * 50, [0.5] * 100, bins=1) == pytest.approx(0)
    assert metrics.calibration_error([1] * 100, [0.9] * 100) == pytest.approx(0.1)
