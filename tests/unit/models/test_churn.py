import json

import numpy as np
import pytest
import xgboost
from pyspark.sql import functions as F

from social_signals.core.errors import ConfigError, DataQualityError, ModelMismatchError, ResourceError
from social_signals.evaluation.metrics import roc_auc
from social_signals.models.artefact import ModelStore
from social_signals.models.calibration import Calibration
from social_signals.models.params import XGBOOST_NAMES, ChurnParams, XGBoostParams
from social_signals.models.predict import load_booster
from social_signals.models.search_params import SearchParams

FEATURES = ["days_since_last_activity", "given_90d_count", "noise", "tone"]
TREES = {"n_estimators": 40, "max_depth": 3, "learning_rate": 0.2, "early_stopping_rounds": 10}


@pytest.fixture
def no_spark_job(spark_session):
    """Fails the test if anything in it started a Spark job."""
    context = spark_session.sparkContext
    context.setJobGroup("no-job-allowed", "refusals come before the cluster is paid for")
    yield
    started = context.statusTracker().getJobIdsForGroup("no-job-allowed")
    context._jsc.sc().clearJobGroup()
    assert list(started) == []


def local_test(examples):
    return examples.where("role = 'test'").toPandas().sort_values(["as_of", "user_id"])


def margins(booster, frame):
    return load_booster(booster).inplace_predict(frame[FEATURES].to_numpy(np.float32), predict_type="margin")


def test_the_model_finds_what_is_there_and_says_how_well(churn_model):
    churn = churn_model.metrics["churn"]
    assert churn["test"]["roc_auc"] > 0.85
    assert churn["test"]["roc_auc_low"] < churn["test"]["roc_auc"] < churn["test"]["roc_auc_high"]
    assert churn["test"]["rows"] == 400
    assert churn["baselines"]["recency"]["roc_auc"] < churn["test"]["roc_auc"]
    assert churn["baselines"]["logistic"]["roc_auc"] > 0.8
    assert 0.6 < churn["baselines"]["decision_tree"]["roc_auc"] < churn["test"]["roc_auc"]
    assert churn["test"]["f1"] > 0.7
    assert churn["slices"]["2021-01-26"]["rows"] == 400
    assert churn["newest"]["as_of"] == "2021-01-26"


def test_the_card_says_what_the_model_was_made_of(churn_model):
    card = churn_model.card
    assert card["splits"]["train"] == ["2020-05-01", "2020-07-30"]
    assert card["inputs"] == {"gold.user_features": 3}
    assert (card["seed"], card["workers"], card["device"]) == (7, 1, "cpu")
    assert card["examples"]["train"]["rows"] == 800
    assert 1 <= card["rounds"] <= 40
    assert card["curves"]["churn"]["roc"][-1] == (1.0, 1.0)
    json.dumps(card, allow_nan=True)


def test_shuffled_rows_in_other_partitions_give_the_same_bytes_and_one_worker_more_the_same_auc(
    examples, train, churn_model, tmp_path
):
    shuffled = examples.repartition(5, F.xxhash64("user_id", F.lit(9))).orderBy(F.xxhash64("user_id"))
    again, is_new = train(shuffled, store=ModelStore(tmp_path / "again"))
    assert is_new
    assert again.model_id == churn_model.model_id
    assert again.booster == churn_model.booster
    assert again.calibration == churn_model.calibration
    assert again.card == churn_model.card

    two, _ = train(examples, workers=2)
    assert two.card["workers"] == 2
    assert two.model_id != churn_model.model_id
    held_out = local_test(examples)
    one_auc, two_auc = (roc_auc(held_out["churned"], margins(m.booster, held_out)) for m in (churn_model, two))
    # Subsampling draws differ between one worker and two; a thousandth is asked of them in the test below.
    assert two_auc == pytest.approx(one_auc, abs=0.02)


def test_workers_agree_with_plain_xgboost(examples, train):
    settings = {
        "n_estimators": 40, "max_depth": 3, "learning_rate": 0.2, "early_stopping_rounds": 10, "subsample": 1.0,
        "colsample_bytree": 1.0,
    }  # fmt: skip
    rows = examples.toPandas().sort_values(["as_of", "user_id"])
    parts = {
        role: xgboost.DMatrix(
            rows.loc[rows["role"] == role, FEATURES].to_numpy(np.float32),
            label=rows.loc[rows["role"] == role, "churned"],
        )
        for role in ("train", "valid")
    }
    plain = xgboost.train(
        {
            "objective": "binary:logistic", "max_depth": 3, "learning_rate": 0.2, "min_child_weight": 10.0, "reg_lambda": 1.0,
            "eval_metric": "logloss", "nthread": 1,
        },
        parts["train"], 40, evals=[(parts["valid"], "valid")], early_stopping_rounds=10, verbose_eval=False,
    )  # fmt: skip
    held_out = local_test(examples)
    rounds = plain.best_iteration + 1
    theirs = roc_auc(
        held_out["churned"],
        plain.inplace_predict(held_out[FEATURES].to_numpy(np.float32), iteration_range=(0, rounds)),
    )
    for workers in (1, 2):
        model, _ = train(
            examples, params=ChurnParams(refit=False), xgboost=XGBoostParams(**settings, num_workers=workers)
        )
        assert roc_auc(held_out["churned"], margins(model.booster, held_out)) == pytest.approx(theirs, abs=1e-3)


def test_the_same_inputs_find_the_finished_model(examples, train, tmp_path):
    store = ModelStore(tmp_path)
    first, was_new = train(examples, store=store)
    found, is_new = train(examples, store=store)
    assert (was_new, is_new) == (True, False)
    assert found.booster == first.booster


def test_what_happened_between_train_and_valid_is_learnt_from_in_a_refit_alone(examples, train):
    gap = F.when((F.col("role") == "valid") & (F.xxhash64("user_id") % 2 == 0), "between").otherwise(F.col("role"))
    with_gap = examples.withColumn("role", gap)
    without = with_gap.where("role <> 'between'")
    plain = ChurnParams(refit=False)
    (model, _), (poorer, _) = train(with_gap), train(without)
    assert model.booster != poorer.booster
    (frozen, _), (same, _) = train(with_gap, params=plain), train(without, params=plain)
    assert frozen.booster == same.booster
    held_out = local_test(examples)
    late, early = (roc_auc(held_out["churned"], margins(m.booster, held_out)) for m in (model, frozen))
    assert late > early - 0.005


def test_a_strange_month_before_the_test_does_not_say_how_long_to_grow(examples, train):
    # on valid who leaves is chance, so that every tree makes things worse there
    coin = (F.xxhash64("user_id") % 2 == 0).cast("int")
    strange = examples.withColumn("churned", F.when(F.col("role") == "valid", coin).otherwise(F.col("churned")))
    (model, _), (stopped, _) = train(strange), train(strange, params=ChurnParams(refit=False))
    assert stopped.card["rounds"] < 5 < model.card["rounds"]
    curve, rounds = model.card["history"]["valid_logloss"], model.card["rounds"]
    assert curve[rounds - 1] == min(curve)
    assert load_booster(model.booster).num_boosted_rounds() == rounds


def test_seeds_tell_how_far_chance_carries(examples, train):
    model, _ = train(examples, params=ChurnParams(n_seeds=3, calibration_folds=2))
    spread = model.metrics["churn"]["seeds"]
    assert spread["n"] == 3
    assert 0 < spread["roc_auc_std"] < 0.02
    assert spread["roc_auc_mean"] == pytest.approx(model.metrics["churn"]["test"]["roc_auc"], abs=0.03)


def test_a_feature_that_may_only_raise_the_risk_never_lowers_it(examples, train):
    trees = {"n_estimators": 40, "max_depth": 3, "learning_rate": 0.2, "early_stopping_rounds": 10}
    bound = XGBoostParams(**trees, num_workers=1, monotone={"noise": 1})
    model, _ = train(examples, params=ChurnParams(refit=False), xgboost=bound)
    rows = np.tile(local_test(examples)[FEATURES].to_numpy(np.float32)[:1], (50, 1))
    rows[:, FEATURES.index("noise")] = np.linspace(0, 1, 50)
    assert (np.diff(load_booster(model.booster).inplace_predict(rows, predict_type="margin")) >= 0).all()
    with pytest.raises(ConfigError, match="monotone names 'nois'"):
        train(examples, xgboost=XGBoostParams(**trees, num_workers=1, monotone={"nois": 1}))


def test_the_card_says_which_features_matter(churn_model):
    importance = {one["feature"]: one["mean_contribution"] for one in churn_model.card["importance"]}
    assert list(importance)[:2] == ["days_since_last_activity", "given_90d_count"]
    assert importance["noise"] < importance["given_90d_count"] / 3


def test_probabilities_are_calibrated_and_monotone_in_the_margin(churn_model):
    p = Calibration(**churn_model.calibration).apply(np.linspace(-9, 9, 99))
    assert (np.diff(p) >= 0).all()
    assert churn_model.metrics["churn"]["test"]["calibration_error"] < 0.1


def test_one_class_is_refused(examples, train):
    with pytest.raises(DataQualityError, match="one class only: of 800 training examples of churn, everybody"):
        train(examples.withColumn("churned", F.lit(1)))


@pytest.mark.parametrize(
    ("label", "words"),
    [("null", "1600 labels of churn are null"), ("2", "1600 are not 0 or 1"), ("-1", "1600 are not 0 or 1")],
)
def test_labels_that_are_null_or_something_else_are_refused(examples, train, label, words):
    with pytest.raises(DataQualityError, match=words):
        train(examples.withColumn("churned", F.expr(label).cast("int")))


def test_nobody_to_learn_from_is_a_sentence(examples, train):
    with pytest.raises(DataQualityError, match="there is nobody to train churn on"):
        train(examples.where("role <> 'train'"))


def test_more_workers_than_slots_are_refused_before_any_spark_job(examples, train, no_spark_job):
    with pytest.raises(ResourceError, match=r"xgboost\.num_workers is 3, but 2 tasks can run at the same moment"):
        train(examples, workers=3)


def test_features_that_are_not_there_are_refused_before_any_spark_job(examples, train, no_spark_job):
    with pytest.raises(ModelMismatchError, match="the rows lack tone"):
        train(examples.drop("tone"))


def test_a_device_that_is_not_there_is_refused_not_replaced(examples, train):
    if xgboost.build_info().get("USE_CUDA") and "cuda" in str(_device()):
        pytest.skip("this machine has a GPU")
    with pytest.raises(ResourceError, match=r"platform\.device is cuda"):
        train(examples, device="cuda")


def _device():
    from social_signals.models.distributed import _device_of_a_tree

    return _device_of_a_tree("cuda")


def test_every_setting_has_a_name_in_xgboost_or_is_ignored_on_purpose():
    assert set(vars(XGBoostParams())) == set(XGBOOST_NAMES)


GRID = SearchParams(
    method="grid", n_trials=4, at_once=2, folds=2, space={"max_depth": [1, 3], "min_child_weight": [5.0, 400.0]}
)
PLAIN = ChurnParams(refit=False)


@pytest.fixture(scope="module")
def searched(examples, train, tmp_path_factory):
    """A model whose settings were searched, and the folder of its store."""
    folder = tmp_path_factory.mktemp("searched")
    return train(examples, tuning=GRID, params=PLAIN, store=ModelStore(folder / "models"))[0], folder


def test_a_search_chooses_on_validation_and_the_card_says_what_was_tried(searched):
    model, _ = searched
    tried = model.card["search"]["trials"]
    assert len(tried) == 4
    best = min((trial for trial in tried if trial["state"] == "complete"), key=lambda trial: trial["loss"])
    # a leaf of 400 people says little of 800
    assert best["settings"]["min_child_weight"] == 5.0
    assert model.card["xgboost"] | best["settings"] == model.card["xgboost"]
    assert model.metrics["churn"]["search"]["best_loss"] == best["loss"]
    # the first fold is the split itself, so that its loss is what training then finds again
    assert best["losses"][0] == pytest.approx(min(model.card["history"]["valid_logloss"]), abs=1e-6)


def test_the_same_search_is_the_same_model_and_finds_its_study_finished(examples, train, searched):
    model, folder = searched
    found, is_new = train(examples, tuning=GRID, params=PLAIN, store=ModelStore(folder / "models"))
    assert (found.booster, is_new) == (model.booster, False)
    journal = next((folder / "studies").glob("*.log"))
    before = journal.read_text().count("\n")
    other, is_new = train(examples, tuning=GRID, params=PLAIN, store=ModelStore(folder / "more"))
    assert (other.model_id, other.booster, is_new) == (model.model_id, model.booster, True)
    assert journal.read_text().count("\n") - before < 4, "nothing was tried again"


def test_the_test_has_no_say_in_a_search(examples, train, searched, tmp_path):
    turned = examples.withColumn(
        "churned", F.when(F.col("role") == "test", 1 - F.col("churned")).otherwise(F.col("churned"))
    )
    fooled, _ = train(turned, tuning=GRID, params=PLAIN, store=ModelStore(tmp_path / "models"))
    assert fooled.model_id != searched[0].model_id
    assert fooled.card["search"]["trials"] == searched[0].card["search"]["trials"]


def rare(examples):
    """One in eight of those who left, so that 1s are rare."""
    return examples.where((F.col("churned") == 0) | (F.xxhash64("user_id", "as_of") % 8 == 0))


def test_balanced_classes_still_give_probabilities_that_hold(examples, train):
    few = rare(examples)
    plain, _ = train(few)
    balanced, _ = train(few, xgboost=XGBoostParams(**TREES, num_workers=1, balance="weights"))
    held_out = local_test(few)
    rate = held_out["churned"].mean()
    assert rate < 0.2
    # grown as if both classes were as large, the raw margin says far too often that somebody leaves
    raw = 1 / (1 + np.exp(-margins(balanced.booster, held_out)))
    assert raw.mean() > rate + 0.1
    said = Calibration(**balanced.calibration).apply(margins(balanced.booster, held_out))
    assert said.mean() == pytest.approx(rate, abs=0.04)
    of_both = [model.metrics["churn"]["test"] for model in (plain, balanced)]
    assert of_both[1]["calibration_error"] < of_both[0]["calibration_error"] + 0.03
    assert of_both[1]["roc_auc"] == pytest.approx(of_both[0]["roc_auc"], abs=0.03)


def test_a_weight_of_ones_is_what_xgboost_calls_scale_pos_weight(examples, train):
    few = rare(examples)
    weighted = XGBoostParams(**TREES, num_workers=1, subsample=1.0, colsample_bytree=1.0, scale_pos_weight=5.0)
    model, _ = train(few, params=ChurnParams(refit=False), xgboost=weighted)
    rows = few.where("role = 'train'").toPandas().sort_values(["as_of", "user_id"])
    plain = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 3, "learning_rate": 0.2, "min_child_weight": 10.0, "reg_lambda": 1.0,
         "scale_pos_weight": 5.0, "nthread": 1},
        xgboost.QuantileDMatrix(rows[FEATURES].to_numpy(np.float32), label=rows["churned"]), model.card["rounds"],
    )  # fmt: skip
    held_out = local_test(few)
    theirs = plain.inplace_predict(held_out[FEATURES].to_numpy(np.float32), predict_type="margin")
    # bins are quantiles of weighted rows here and of rows there
    assert np.corrcoef(margins(model.booster, held_out), theirs)[0, 1] > 0.98
    assert margins(model.booster, held_out).mean() == pytest.approx(theirs.mean(), abs=0.1)


@pytest.mark.parametrize(
    "wrong", [{"balance": "smote"}, {"scale_pos_weight": 0.0}, {"balance": "weights", "scale_pos_weight": 2.0}]
)
def test_weights_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ConfigError, match=r"xgboost\.(balance|scale_pos_weight) is"):
        XGBoostParams(**wrong)


def test_the_card_tells_groups_and_what_drives_them(examples, train):
    users = (
        examples.select("user_id")
        .distinct()
        .withColumn("group_0", F.when(F.substring("user_id", 2, 1) == "1", "one").otherwise("other"))
    )
    params = ChurnParams(calibration_folds=2, refit=False, groups=["country", "tone"], min_group_rows=60)
    model, _ = train(examples, params=params, groups=users)
    churn = model.metrics["churn"]
    # of u0 to u399, 111 begin with a one, and each was judged once
    assert {name: one["rows"] for name, one in churn["groups"]["country"].items()} == {"other": 289, "one": 111}
    assert sum(one["rows"] for one in churn["groups"]["tone"].values()) == 400
    assert churn["groups_left_out"]["country"] == {"groups": 0, "rows": 0}
    by = [one["by"] for one in model.card["segments"]]
    assert by.count("risk tenth") == 10
    assert by.count("country") == 2
    assert model.card["segments"][0]["factors"][0]["feature"] in FEATURES
    assert model.card["segments"][0]["rate"] > model.card["segments"][9]["rate"]


def test_examples_without_a_time_have_no_date_in_their_card(examples, train):
    model, _ = train(examples, as_of=None, params=ChurnParams(refit=False))
    assert model.card["as_of"] is None
    assert model.card["splits"]["test"] == []
    assert model.metrics["churn"]["newest"]["as_of"] is None
    assert model.metrics["churn"]["slices"] == {}
    assert model.card["examples"]["test"]["newest_rows"] == 400


def test_the_spread_is_of_models_grown_as_the_model_was(examples, train):
    model, _ = train(examples, params=ChurnParams(n_seeds=2, refit=False))
    early, _ = train(examples, params=ChurnParams(refit=False), seed=8)
    held_out = local_test(examples)
    found = [roc_auc(held_out["churned"], margins(one.booster, held_out)) for one in (model, early)]
    assert model.metrics["churn"]["seeds"]["roc_auc_mean"] == pytest.approx(np.mean(found), abs=1e-9)
