import math

import numpy as np
import pytest
import xgboost as xgb

from social_signals.core.errors import ModelMismatchError
from social_signals.models.predict import load_booster, require_features, with_margins

FEATURES = ["days_since_last_activity", "given_90d_count", "noise", "tone"]


def test_margins_and_reasons_are_the_boosters_own(examples, churn_model):
    some = examples.where("role = 'test' and user_id < 'u2'")
    scored = with_margins(
        some, booster=churn_model.booster, features=FEATURES, keep=["user_id", "noise"],
        links={"doubled": lambda m: m * 2}, top_reasons=4,
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
