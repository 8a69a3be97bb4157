import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from social_signals.evaluation.metrics import calibration_error
from social_signals.models.calibration import ISOTONIC, PLATT, Calibration, fit_calibration, sigmoid

margins = st.lists(st.tuples(st.floats(-8, 8), st.integers(0, 1)), min_size=1, max_size=60)


@settings(deadline=None)
@given(margins)
def test_a_fitted_map_never_falls_and_stays_a_probability(cases):
    m, y = zip(*cases, strict=True)
    grid = np.linspace(-10, 10, 200)
    p = fit_calibration(m, y).apply(grid)
    assert (np.diff(p) >= 0).all()
    assert (p >= 0).all()
    assert (p <= 1).all()


@pytest.mark.parametrize(("rows", "method"), [(2_000, PLATT), (20_000, ISOTONIC)])
def test_margins_that_are_too_sure_become_honest(rows, method):
    rng = np.random.default_rng(1)
    truth = rng.normal(0.5, 1.2, rows)
    y = (rng.random(rows) < sigmoid(truth)).astype(int)
    boasting = truth * 3 - 1
    found = fit_calibration(boasting, y)
    assert found.method == method
    assert calibration_error(y, sigmoid(boasting)) > 0.1
    assert calibration_error(y, found.apply(boasting)) < 0.02
    assert Calibration(**found.as_json()) == found


def test_one_class_leaves_the_margin_as_log_odds():
    assert fit_calibration([0.0, 1.0], [1, 1]) == Calibration()
