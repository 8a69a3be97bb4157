"""Made-up examples with a known truth, and one churn model trained on them for every test of the room."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from pyspark import StorageLevel
from pyspark.sql import functions as F

from social_signals.evaluation.splits import Splits
from social_signals.models.artefact import ModelStore
from social_signals.models.churn import train_churn
from social_signals.models.examples import with_role
from social_signals.models.params import ChurnParams, XGBoostParams

MAY = datetime(2020, 5, 1, tzinfo=timezone.utc)
CUTOFFS = [MAY + timedelta(days=90 * i) for i in range(4)]
SPLITS = Splits(train=CUTOFFS[:2], valid=CUTOFFS[2:3], test=CUTOFFS[3:], embargoed=[], before_test=CUTOFFS[:3])
FEATURES = ["days_since_last_activity", "given_90d_count", "noise", "tone"]
TREES = {"n_estimators": 40, "max_depth": 3, "learning_rate": 0.2, "early_stopping_rounds": 10}
PEOPLE = 400


def share(*names):
    """A number in [0, 1) that follows from the row alone."""
    return F.pmod(F.xxhash64(*names), F.lit(10_000)) / F.lit(10_000.0)


@pytest.fixture(scope="session")
def examples(_spark_session):
    """People at four cut-offs; the longer silent and the less given, the likelier gone. `tone` is null for a third."""
    people = _spark_session.range(PEOPLE).select(F.concat(F.lit("u"), "id").alias("user_id"))
    cutoffs = _spark_session.createDataFrame([(c,) for c in CUTOFFS], "as_of timestamp")
    rows = people.crossJoin(cutoffs).select(
        "as_of", "user_id",
        (share("user_id", "as_of", F.lit(1)) * 90).alias("days_since_last_activity"),
        (share("user_id", "as_of", F.lit(2)) * 30).cast("long").alias("given_90d_count"),
        share("user_id", "as_of", F.lit(3)).alias("noise"),
        F.when(share("user_id", "as_of", F.lit(4)) > 0.33, share("user_id", "as_of", F.lit(5))).alias("tone"),
    )  # fmt: skip
    danger = (
        F.col("days_since_last_activity") / 90
        - F.col("given_90d_count") / 30
        + share("user_id", "as_of", F.lit(6))
        - 0.5
    )
    labelled = rows.withColumn("churned", (danger > 0).cast("int"))
    frame = with_role(labelled, SPLITS, seed=1).persist(StorageLevel.MEMORY_ONLY)
    yield frame
    frame.unpersist()


@pytest.fixture(scope="session")
def train(tmp_path_factory):
    """`train(frame, workers=1, store=None)`: a small churn model and whether it had to be trained."""

    def run(frame, *, workers=1, store=None, **settings):
        chosen = {
            "features": FEATURES, "as_of": CUTOFFS[-1] + timedelta(days=90), "splits": SPLITS, "params": ChurnParams(calibration_folds=2),
            "xgboost": XGBoostParams(**TREES, num_workers=workers), "seed": 7, "device": "cpu",
            "inputs": {"gold.user_features": 3}, "store": store or ModelStore(tmp_path_factory.mktemp("models")),
        }  # fmt: skip
        return train_churn(frame, **(chosen | settings))

    return run


@pytest.fixture(scope="session")
def churn_model(examples, train):
    return train(examples)[0]
