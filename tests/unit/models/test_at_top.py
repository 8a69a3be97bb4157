"""Lists of people against what they gathered afterwards."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from social_signals.models.at_top import precision_at_top, with_small_audience


def people(*, cutoffs: int = 2, count: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    truth = rng.random(cutoffs * count)
    return pd.DataFrame(
        {
            "as_of": np.repeat(np.arange(cutoffs), count), "engagement": np.floor(truth * 1000), "oracle": truth,
            "wrong": -truth, "chance": rng.random(cutoffs * count), "unknown": np.nan, "followers": np.floor(truth * 100),
            "received": np.arange(cutoffs * count) % 4,
        }
    )  # fmt: skip


def test_a_score_that_knows_lists_the_top_tenth_and_its_opposite_lists_nobody_of_it() -> None:
    scores = {"model": "oracle", "wrong": "wrong", "chance": "chance"}
    found = precision_at_top(people(), outcome="engagement", scores=scores, lengths=(5, 20), seed=1)
    assert found["model"]["precision_at_5"] == found["model"]["precision_at_20"] == 1.0
    assert found["wrong"]["precision_at_20"] == 0.0
    assert found["rate"]["rate"] == pytest.approx(0.1, abs=0.02)
    # the interval of 0 and of 1 of 40 is Wilson's
    assert found["model"]["precision_at_20_low"] == pytest.approx(40 / (40 + 1.959964**2), abs=1e-4)
    assert found["wrong"]["precision_at_20_high"] == pytest.approx(1 - 40 / (40 + 1.959964**2), abs=1e-4)


def test_nobody_is_at_the_top_of_nothing_and_equal_scores_are_drawn() -> None:
    silent = people().assign(engagement=0.0)
    assert precision_at_top(silent, outcome="engagement", scores={"model": "oracle"}, lengths=(5,), seed=1)["model"] == {
        "precision_at_5": 0.0, "precision_at_5_low": 0.0, "precision_at_5_high": pytest.approx(0.2775, abs=1e-3)
    }  # fmt: skip
    drawn = precision_at_top(
        people(count=2000), outcome="engagement", scores={"unknown": "unknown"}, lengths=(1000,), seed=1
    )
    assert drawn["unknown"]["precision_at_1000"] == pytest.approx(0.1, abs=0.03)


def test_a_list_is_drawn_from_the_pool_and_a_length_that_nobody_can_fill_is_left_out() -> None:
    some = people()
    pool = (some["oracle"] < 0.95).to_numpy() & (some["as_of"] == 0).to_numpy()
    found = precision_at_top(
        some, outcome="engagement", scores={"model": "oracle"}, pool=pool, lengths=(5, 500), seed=1
    )
    assert set(found["model"]) == {"precision_at_5", "precision_at_5_low", "precision_at_5_high"}
    assert found["model"]["precision_at_5"] == 1.0
    assert found["rate"]["rate"] < 0.1


def test_small_audiences_go_by_followers_and_where_nobodys_are_known_by_what_was_received() -> None:
    some = people()
    small = with_small_audience(some, followers="followers", received="received", most=10)
    assert small.tolist() == (some["followers"] <= 10).tolist()
    unknown = some.assign(followers=np.nan)
    small = with_small_audience(unknown, followers="followers", received="received", most=None)
    assert small.tolist() == (some["received"] <= 1.5).tolist()
    half = with_small_audience(some, followers="followers", received="received", most=None)
    assert 0.45 < half.mean() < 0.55
