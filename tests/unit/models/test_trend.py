"""The line under the trees: fitted on pairs, the same in NumPy and in Spark, and what tells apart who is ahead of all training rows."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from social_signals.models.contributions import Explanation
from social_signals.models.distributed import fit_ranker
from social_signals.models.params import XGBoostParams
from social_signals.models.predict import margins_on, with_margins
from social_signals.models.trend import Trend, fit_trend

NAMES = ["followers", "posts", "noise"]


def drawn(count: int, *, largest: float) -> np.ndarray:
    rng = np.random.default_rng(6)
    return np.floor(np.exp(rng.random((count, 3)) * math.log(largest)))


def test_weights_are_those_that_made_the_outcomes_and_none_is_below_0() -> None:
    rng = np.random.default_rng(2)
    values = drawn(40_000, largest=1000)
    a, b = values[::2], values[1::2]
    truth = 1.2 * (np.log1p(a[:, 0]) - np.log1p(b[:, 0])) - 0.5 * (np.log1p(a[:, 1]) - np.log1p(b[:, 1]))
    won = rng.random(len(a)) < 1 / (1 + np.exp(-truth))
    found = fit_trend(a, b, won, names=NAMES, rows=values)
    assert set(found.weights) <= {"followers", "noise"}
    assert found.weights["followers"] == pytest.approx(1.05, abs=0.2)
    assert found.weights.get("noise", 0.0) < 0.05
    # swapping who is A says the same of who wins
    assert fit_trend(b, a, ~won, names=NAMES, rows=values).weights == pytest.approx(found.weights, abs=1e-5)
    assert fit_trend(a[:0], b[:0], [], names=NAMES, rows=values) == Trend()


def test_spark_and_numpy_say_the_same_and_contributions_sum_to_the_distance_from_the_mean(
    spark_session: SparkSession,
) -> None:
    trend = Trend({"followers": 0.7, "noise": 0.1}, {"followers": 2.0, "noise": 1.0})
    rows = pd.DataFrame({"followers": [0.0, 10.0, None, 5.0], "posts": [1.0] * 4, "noise": [-3.0, 2.0, 4.0, None]})
    ours = trend.of(rows.to_numpy(np.float64), NAMES)
    assert ours[0] == 0.0
    assert ours[1] == pytest.approx(0.7 * math.log(11) + 0.1 * math.log(3))
    there = spark_session.createDataFrame(
        rows.astype(object).where(rows.notna(), None), "followers double, posts double, noise double"
    )
    assert [row[0] for row in there.select(trend.column()).collect()] == pytest.approx(ours.tolist())
    parts = trend.contributions(rows.to_numpy(np.float64), NAMES)
    assert parts.sum(axis=1) == pytest.approx(ours - 0.7 * 2.0 - 0.1 * 1.0)
    assert (parts[:, 1] == 0).all()


def test_who_is_far_ahead_of_all_training_rows_is_still_told_apart(spark_session: SparkSession) -> None:
    values = drawn(600, largest=50)
    frame = pd.DataFrame(values, columns=NAMES).assign(won=(values[:, 0] > np.median(values[:, 0])).astype(float))
    examples = spark_session.createDataFrame(frame)
    trend = Trend({"followers": 0.5}, {"followers": 2.0})
    params = XGBoostParams(n_estimators=20, max_depth=2, learning_rate=0.3, num_workers=1)
    shared = {
        "features": NAMES,
        "relevance": "won",
        "qid": F.lit(0),
        "is_valid": None,
        "params": params,
        "workers": 1,
        "device": "cpu",
    }
    fitted = fit_ranker(examples, **shared, seed=1, offset=trend.column())
    ahead = pd.DataFrame({"followers": [100.0, 1e4, 1e6], "posts": [5.0] * 3, "noise": [5.0] * 3})
    alone = margins_on(fitted.booster, ahead)
    assert len(set(alone.tolist())) == 1
    margins = margins_on(fitted.booster, ahead, trend=trend)
    assert (np.diff(margins) > 1).all()
    rows = with_margins(
        spark_session.createDataFrame(ahead), booster=fitted.booster, features=NAMES, keep=["followers"], trend=trend,
        links={"p": lambda m: 1 / (1 + np.exp(-m))}, explanation=Explanation(3, "p"),
    ).orderBy("followers").collect()  # fmt: skip
    assert [row["margin"] for row in rows] == pytest.approx(margins.tolist(), abs=1e-6)
    told = [sum(reason["contribution"] for reason in row["reasons"]) for row in rows]
    assert np.diff(told) == pytest.approx(np.diff(margins), abs=1e-4)
    assert rows[2]["reasons"][0]["feature"] == "followers"
