from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F

from social_signals.core.errors import DataQualityError
from social_signals.evaluation.splits import Splits
from social_signals.models.artefact import ModelStore
from social_signals.models.influence import influence_examples, train_influence
from social_signals.models.influence_judged import of_people_never_seen
from social_signals.models.ladder import Ladder, fit_band, fit_scale, reference_of
from social_signals.models.pairing import sample_pairs
from social_signals.models.params import InfluenceParams, XGBoostParams
from social_signals.models.search_params import SearchParams

FEATURES = ["days_since_last_activity", "given_90d_count", "noise", "tone"]
MAY = datetime(2020, 5, 1, tzinfo=timezone.utc)
CUTOFFS = [MAY + timedelta(days=90 * i) for i in range(4)]
SPLITS = Splits(train=CUTOFFS[:2], valid=CUTOFFS[2:3], test=CUTOFFS[3:], embargoed=[])
AS_OF = CUTOFFS[-1] + timedelta(days=90)

margins = st.floats(-50, 50)


@settings(deadline=None)
@given(margins, margins, st.floats(0.01, 20))
def test_swapping_two_people_turns_p_into_one_minus_p(a, b, scale):
    ladder = Ladder(scale)
    p, q = ladder.beats([a], [b])[0], ladder.beats([b], [a])[0]
    assert p + q == pytest.approx(1, abs=1e-12)
    assert ladder.beats([a], [a])[0] == 0.5


@settings(deadline=None)
@given(st.lists(margins, min_size=2, max_size=40))
def test_influence_is_a_probability_that_rises_with_the_margin(values):
    found = Ladder(0.7, reference_of(values)).influence(sorted(values))
    assert (np.diff(found) >= 0).all()
    assert (found >= 0).all()
    assert (found <= 1).all()


def test_the_scale_is_the_one_that_made_the_outcomes():
    rng = np.random.default_rng(2)
    differences = rng.normal(0, 2, 20_000)
    won = rng.random(20_000) < 1 / (1 + np.exp(-0.6 * differences))
    assert fit_scale(differences, won) == pytest.approx(0.6, abs=0.03)
    assert fit_scale([], []) == 1.0


def test_the_interval_of_a_probability_holds_what_share_was_won():
    rng = np.random.default_rng(2)
    differences = rng.normal(0, 2, 4000)
    won = (rng.random(4000) < 1 / (1 + np.exp(-0.5 * differences))).astype(int)
    persons = {"persons_a": rng.integers(0, 300, 4000), "persons_b": rng.integers(300, 600, 4000)}
    # the ladder claims the logistic of the whole difference; the truth is flatter, and the interval says so
    ladder = Ladder(1.0, band=fit_band(differences, won, **persons, seed=1))
    at = np.array([-3.0, -0.5, 0.5, 3.0])
    low, high = ladder.beats_between(at, np.zeros(4))
    truth = 1 / (1 + np.exp(-0.5 * at))
    assert ((low <= truth) & (truth <= high)).all()
    assert ((low <= ladder.beats(at, np.zeros(4))) & (ladder.beats(at, np.zeros(4)) <= high)).all()
    assert low[2] > 0.45
    assert (low + high[::-1]).tolist() == pytest.approx([1.0] * 4)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000))
def test_a_probability_further_from_even_never_has_a_lower_interval(seed):
    rng = np.random.default_rng(seed)
    differences = rng.normal(0, 1, 60)
    band = fit_band(
        differences, rng.integers(0, 2, 60), persons_a=np.arange(60) % 7, persons_b=np.arange(60) % 11, seed=seed
    )
    assert Ladder.from_json(Ladder(band=band).as_json()).band == band
    for ends in (band.at, band.low, band.high):
        assert (np.diff(ends) >= 0).all()
    assert band.low[0] + band.high[0] == pytest.approx(1.0)


def test_a_model_of_before_has_no_interval():
    low, high = Ladder.from_json({"scale": 1.0, "reference": [0.0]}).beats_between([1.0], [0.0])
    assert np.isnan([low[0], high[0]]).all()


def people(*rows):
    return pd.DataFrame(rows, columns=["as_of", "person", "engagement", "margin"])


def test_pairs_are_of_one_cutoff_and_unequal():
    some = people((1, 1, 0, 0.1), (1, 2, 5, 0.2), (1, 3, 5, 0.3), (2, 1, 9, 0.4), (2, 4, 9, 0.5))
    pairs = sample_pairs(some, most=100, seed=1)
    assert len(pairs) > 0
    assert (pairs["a_as_of"] == pairs["b_as_of"]).all()
    assert (pairs["a_as_of"] == 1).all()
    assert ((pairs["a_engagement"] > pairs["b_engagement"]) == (pairs["a_won"] == 1)).all()
    assert sample_pairs(some, most=100, seed=1).equals(pairs)


def test_nobody_to_compare_gives_no_pair():
    assert len(sample_pairs(people((1, 1, 0, 0.1)), most=10, seed=1)) == 0


@pytest.fixture(scope="module")
def with_engagement(examples):
    """Those who gave much and lately receive much; a third receive nothing."""
    luck = F.pmod(F.xxhash64("user_id", "as_of"), F.lit(6))
    gathered = F.greatest(F.col("given_90d_count") - F.lit(10) + luck, F.lit(0))
    return examples.drop("churned").withColumn("engagement", gathered.cast("long"))


def test_a_ranker_learns_who_gathers_more_and_its_bytes_do_not_depend_on_the_order_of_rows(with_engagement, tmp_path):
    train = {
        "features": FEATURES, "as_of": AS_OF, "splits": SPLITS, "params": InfluenceParams(), "seed": 7, "device": "cpu",
        "xgboost": XGBoostParams(n_estimators=40, max_depth=3, learning_rate=0.2, early_stopping_rounds=10, num_workers=2),
        "inputs": {},
    }  # fmt: skip
    model, is_new = train_influence(with_engagement, **train, store=ModelStore(tmp_path / "one"))
    test = model.metrics["influence"]["test"]
    assert is_new
    assert test["roc_auc"] > 0.9
    assert test["roc_auc_low"] < test["roc_auc"] < test["roc_auc_high"]
    assert 0 < test["calibration_error"] < 0.1
    shuffled = with_engagement.repartition(5, F.xxhash64("user_id", F.lit(9))).orderBy(F.xxhash64("user_id"))
    again, _ = train_influence(shuffled, **train, store=ModelStore(tmp_path / "two"))
    assert again.model_id == model.model_id
    assert again.booster == model.booster
    assert again.card == model.card


def test_a_search_tries_settings_on_validation_pairs_and_grows_the_best(with_engagement, tmp_path):
    train = {
        "features": FEATURES, "as_of": AS_OF, "splits": SPLITS, "params": InfluenceParams(), "seed": 7, "device": "cpu",
        "xgboost": XGBoostParams(n_estimators=20, learning_rate=0.2, early_stopping_rounds=5), "inputs": {},
        "tuning": SearchParams(method="grid", n_trials=2, folds=2, at_once=2, space={"max_depth": [1, 4]}),
    }  # fmt: skip
    model, _ = train_influence(with_engagement, **train, store=ModelStore(tmp_path / "models"))
    trials = model.card["search"]["trials"]
    best = min(trials, key=lambda trial: trial["loss"])
    assert [trial["settings"]["max_depth"] for trial in trials] == [1, 4]
    assert all(0.0 < trial["loss"] < 0.69 for trial in trials)
    assert model.card["xgboost"]["max_depth"] == best["settings"]["max_depth"]
    assert model.metrics["influence"]["search"]["trials"] == 2
    again, is_new = train_influence(with_engagement, **train, store=ModelStore(tmp_path / "models"))
    assert (again.model_id, is_new) == (model.model_id, False)


def test_engagement_per_audience_is_a_rate_and_who_reaches_nobody_is_left_out(spark_session):
    features = spark_session.createDataFrame(
        [(MAY, u) for u in ("a", "b", "c", "d")], "as_of timestamp, user_id string"
    )
    engagement = spark_session.createDataFrame(
        [(MAY, "a", 30), (MAY, "b", 2)], "as_of timestamp, user_id string, engagement long"
    )
    audience = spark_session.createDataFrame(
        [(MAY, "a", 100), (MAY, "b", 2), (MAY, "c", 5), (MAY, "d", 0)], "as_of timestamp, user_id string, audience long"
    )
    splits = Splits(train=[MAY], valid=[MAY], test=[MAY], embargoed=[])
    rows = influence_examples(features, engagement, splits=splits, seed=1, audience=audience).collect()
    assert {row["user_id"]: row["engagement"] for row in rows} == {"a": 0.3, "b": 1.0, "c": 0.0}
    assert influence_examples(features, engagement, splits=splits, seed=1).count() == 4


def test_pairs_of_people_whom_the_model_does_not_know_are_told_apart():
    rng = np.random.default_rng(1)
    count = 200
    test = pd.DataFrame({"as_of": 1, "person": range(count), "is_seen": [n % 2 == 0 for n in range(count)]})
    test["engagement"] = rng.integers(0, 30, count)
    # what it says of people it knows is right, of the others chance
    test["margin"] = np.where(test["is_seen"], test["engagement"], rng.normal(0, 1, count))
    found = of_people_never_seen(test, Ladder(), seed=1)["test_unseen"]
    assert 0.35 < found["roc_auc"] < 0.65
    assert of_people_never_seen(test.iloc[:10], Ladder(), seed=1) == {}


def test_negative_engagement_and_engagement_of_nobody_are_refused(with_engagement, tmp_path):
    train = {
        "features": FEATURES, "as_of": AS_OF, "splits": SPLITS, "params": InfluenceParams(), "seed": 7, "device": "cpu",
        "xgboost": XGBoostParams(), "inputs": {}, "store": ModelStore(tmp_path),
    }  # fmt: skip
    with pytest.raises(DataQualityError, match="1600 are not 0 or more"):
        train_influence(with_engagement.withColumn("engagement", F.lit(-1)), **train)
    with pytest.raises(DataQualityError, match="one class only"):
        train_influence(with_engagement.withColumn("engagement", F.lit(0)), **train)
