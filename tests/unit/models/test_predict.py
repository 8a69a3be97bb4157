import math

import numpy as np
import pytest
import xgboost as xgb

from social_signals.core.errors import ModelMismatchError
from social_signals.models.contributions import Explanation, as_reasons, contributions
from social_signals.models.predict import load_booster, require_features, with_margins

FEATURES = ["days_since_last_activity", "given_90d_count", "noise", "tone"]


def test_margins_and_reasons_are_the_boosters_own(examples, churn_model):
    some = examples.where("role = 'test' and user_id < 'u2'")
    scored = with_margins(
        some, booster=churn_model.booster, features=FEATURES, keep=["user_id", "noise"],
        links={"doubled": lambda m: m * 2}, explanation=Explanation(4, "doubled"),
    ).toPandas()  # fmt: skip
    local = some.toPandas().set_index("user_id").loc[scored["user_id"]]
    rows = xgb.DMatrix(local[FEATURES].to_numpy(np.float32), feature_names=FEATURES)
    booster = load_booster(churn_model.booster)
    contributions = booster.predict(rows, pred_contribs=True)

    assert scored["margin"].to_numpy() == pytest.approx(booster.predict(rows, output_margin=True), abs=1e-6)
    assert scored["doubled"].to_numpy() == pytest.approx(2 * scored["margin"].to_numpy())
    assert scored["noise"].to_numpy() == pytest.approx(local["noise"].to_numpy())
    for row, expected, margin, (_, values) in zip(
        scored["reasons"], contributions, scored["margin"], local[FEATURES].iterrows(), strict=True
    ):
        weights = [reason["contribution"] for reason in row]
        assert sum(weights) + expected[-1] == pytest.approx(margin, abs=1e-4)
        assert [abs(w) for w in weights] == sorted((abs(w) for w in weights), reverse=True)
        for reason in row:
            place = FEATURES.index(reason["feature"])
            assert reason["contribution"] == pytest.approx(expected[place], abs=1e-5)
            value = values[reason["feature"]]
            if math.isnan(value):
                assert reason["value"] is None
            else:
                assert reason["value"] == pytest.approx(value)


def test_a_missing_feature_names_it_and_the_nearest(examples):
    with pytest.raises(
        ModelMismatchError, match=r"churn-1 was made of 2 features, of which the rows lack tones(.|\n)*tone"
    ):
        require_features(examples, ["noise", "tones"], model_id="churn-1")


def test_each_row_is_explained_by_its_own_method_and_either_sums_to_the_margin(examples, churn_model):
    local = examples.where("role = 'test'").limit(30).toPandas()[FEATURES].to_numpy(np.float32)
    booster = load_booster(churn_model.booster)
    margins = booster.predict(xgb.DMatrix(local, feature_names=FEATURES), output_margin=True)
    bias = booster.predict(xgb.DMatrix(local, feature_names=FEATURES), pred_contribs=True)[0, -1]
    methods = np.array(["exact", "approximate", "none"] * 10)
    mixed = contributions(booster, local, methods)
    exact = contributions(booster, local, np.full(30, "exact"))
    assert mixed.sum(axis=1)[methods != "none"] + bias == pytest.approx(margins[methods != "none"], abs=1e-4)
    assert np.array_equal(mixed[methods == "exact"], exact[methods == "exact"])
    assert not np.allclose(mixed[methods == "approximate"], exact[methods == "approximate"]), "another method"
    assert not mixed[methods == "none"].any()
    chosen = Explanation(2, "p", phrase=lambda row, place: f"{FEATURES[place]} is {row[place]:g}")
    both = as_reasons(local.astype(float), mixed, methods, names=FEATURES, explanation=chosen)
    reasons, said = (part.to_pylist() for part in both)
    for row, words in zip(reasons, said, strict=True):
        assert (words is None) == (row is None)
        for reason, text in zip(row or [], words or [], strict=True):
            assert (
                text == f"{reason['feature']} is {'nan' if reason['value'] is None else format(reason['value'], 'g')}"
            )
    assert [None if r is None else len(r) for r in reasons] == [2, 2, None] * 10
    assert [r[0]["contribution"] for r in reasons if r] == pytest.approx(
        [row[np.argmax(np.abs(row))] for row in mixed[methods != "none"]], abs=1e-6
    )
