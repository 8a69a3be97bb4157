"""Groups of people: who belongs where, how the model does on each, and what drives it there."""

import numpy as np
import pandas as pd
import pytest
import xgboost
from pyspark.testing import assertDataFrameEqual

from social_signals.core.errors import ConfigError
from social_signals.models.explain import contributions_of, importance, risk_tenths, segments
from social_signals.models.groups import (
    bands,
    group_report,
    groups_of_users,
    memberships,
    of_users,
    require_groups,
)
from social_signals.models.params import ChurnParams

FEATURES = ["follower_count", "plan"]


def test_what_is_no_feature_is_asked_of_the_users(spark_session):
    users = spark_session.createDataFrame(
        [("u1", "DE", True, {"tier": " gold "}), ("u2", None, False, {"tier": ""}), ("u3", "FR", None, None)],
        "user_id string, country string, is_creator boolean, attributes map<string, string>",
    )
    names = ["country", "follower_count", "is_creator", "attributes.tier"]
    apart = of_users(names, features=FEATURES)
    assert apart == ["country", "is_creator", "attributes.tier"]
    expected = spark_session.createDataFrame(
        [("u1", "DE", "true", "gold"), ("u2", None, "false", None), ("u3", "FR", None, None)],
        "user_id string, group_0 string, group_1 string, group_2 string",
    )
    assertDataFrameEqual(groups_of_users(users, apart), expected)


@pytest.mark.parametrize(
    ("name", "has_users", "words"),
    [("contry", True, "did you mean country"), ("country", False, "no feature"), ("attributes.x", False, "no feature"), ("handle", True, "no column")],
)  # fmt: skip
def test_a_group_that_nobody_knows_is_refused(name, has_users, words):
    require_groups(["country", "attributes.x", "plan"], features=FEATURES, has_users=True)
    with pytest.raises(ConfigError, match=words):
        require_groups([name], features=FEATURES, has_users=has_users)


def test_groups_that_say_little_or_come_close_to_single_people_are_refused():
    with pytest.raises(ConfigError, match=r"churn\.min_group_rows is 3"):
        ChurnParams(min_group_rows=3)


def test_rows_belong_to_a_value_a_category_or_a_band():
    rows = pd.DataFrame({"group_0": ["DE", None], "plan": [1.0, np.nan], "follower_count": [2.0, 400.0]})
    found = memberships(rows, ["country", "plan", "follower_count"], features=FEATURES, categories={"plan": ["a", "b"]})
    assert found["country"].tolist() == ["DE", "not known"]
    assert found["plan"].tolist() == ["b", "not known"]
    assert found["follower_count"].tolist() == ["up to 101.5", "above 300.5"]


def test_a_number_with_one_value_is_one_band():
    assert bands(pd.Series([0.0, 0.0, 0.0, 0.0, 9.0])).tolist() == ["up to 0"] * 4 + ["above 0"]
    assert bands(pd.Series([3.0, 3.0])).tolist() == ["3", "3"]


def test_each_group_is_measured_and_small_ones_are_left_out_with_their_number():
    rng = np.random.default_rng(5)
    p = rng.random(900)
    # of the small country nothing is told; in the second one the model says nothing
    country = pd.Series(["DE"] * 500 + ["FR"] * 380 + ["IS"] * 12 + ["MT"] * 8)
    labels = (rng.random(900) < np.where(country == "FR", 0.3, p)).astype(int)
    told = group_report({"country": country}, labels, p, people=np.arange(900) // 2, min_rows=100, seed=1)
    assert list(told["groups"]["country"]) == ["DE", "FR"]
    assert told["groups_left_out"] == {"country": {"groups": 2, "rows": 20}}
    of_de, of_fr = told["groups"]["country"]["DE"], told["groups"]["country"]["FR"]
    assert (of_de["rows"], of_de["people"]) == (500, 250)
    assert of_de["roc_auc_low"] < of_de["roc_auc"] < of_de["roc_auc_high"]
    assert of_de["roc_auc"] > 0.75 > 0.6 > of_fr["roc_auc"]
    assert of_fr["calibration_error"] > 0.2 > 0.06 > of_de["calibration_error"]


@pytest.fixture(scope="module")
def grown():
    """A model of three features: `danger` raises the risk, `care` lowers it, `noise` does nothing."""
    rng = np.random.default_rng(2)
    rows = pd.DataFrame({"danger": rng.random(600), "care": rng.random(600), "noise": rng.random(600)})
    labels = (rows["danger"] - rows["care"] + rng.normal(0, 0.2, 600) > 0).astype(int)
    data = xgboost.DMatrix(rows.to_numpy(np.float32), label=labels, feature_names=list(rows.columns))
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 2}, data, 30)
    margins = booster.predict(data, output_margin=True)
    return bytes(booster.save_raw("ubj")), rows, labels, margins


def test_contributions_and_the_bias_sum_to_the_margin(grown):
    booster, rows, _, margins = grown
    rest = margins - contributions_of(booster, rows).sum(axis=1)
    assert np.ptp(rest) < 1e-4
    assert [one["feature"] for one in importance(contributions_of(booster, rows), list(rows.columns))][-1] == "noise"


def test_each_tenth_of_risk_has_its_own_factors(grown):
    booster, rows, labels, margins = grown
    tenths = risk_tenths(margins)
    assert tenths.value_counts().tolist() == [60] * 10
    found = segments({"risk tenth": (tenths, ["1", "10"])}, contributions_of(booster, rows), rows, labels, 1 / (1 + np.exp(-margins)))  # fmt: skip
    top, bottom = found
    assert (top["segment"], top["rows"], bottom["segment"]) == ("1", 60, "10")
    assert top["rate"] > 0.9 > 0.1 > bottom["rate"]
    ways = [{one["feature"]: one["direction"] > 0 for one in part["factors"]} for part in found]
    assert (ways[0]["danger"], ways[0]["care"], ways[1]["danger"], ways[1]["care"]) == (True, True, False, False)
    coded = rows.assign(noise=(rows["noise"] > 0.3).astype(float))
    named = segments({"risk tenth": (tenths, ["1"])}, contributions_of(booster, rows), coded, labels, margins, categories={"noise": ["few", "many"]})  # fmt: skip
    assert {one["feature"]: one.get("commonest") for one in named[0]["factors"]} == {"danger": None, "care": None, "noise": "many"}  # fmt: skip
    medians = [{one["feature"]: one["median"] for one in part["factors"]} for part in found]
    assert medians[0]["danger"] > 0.7 > 0.3 > medians[0]["care"]
    assert medians[1]["danger"] < 0.3 < 0.7 < medians[1]["care"]
