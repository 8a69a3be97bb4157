"""Who will go silent: examples in, a calibrated model with its evidence out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.core.times import iso
from social_signals.evaluation.metrics import bootstrap, probability_report, reliability, roc_auc, roc_points
from social_signals.evaluation.splits import TEST, TRAIN, VALID, Splits
from social_signals.models.artefact import CHURN, Artefact, ModelStore, model_id_of
from social_signals.models.calibration import fit_calibration
from social_signals.models.card import card_of, code_identity
from social_signals.models.distributed import Fitted, fit_classifier, require_barrier, require_device, workers_for
from social_signals.models.examples import ROLE, Examined, examine, sample_of_people, with_role
from social_signals.models.labels import CHURNED
from social_signals.models.params import ChurnParams, XGBoostParams
from social_signals.models.predict import MARGIN, require_features, with_margins
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import USER_ID

# What a driver may hold for calibration, metrics and their intervals; above it, whole people are sampled.
MOST_EVALUATED_ROWS = 50_000
RECENCY_FEATURE = "days_since_last_activity"
LOGISTIC = "logistic"
PERSON = "person"


def churn_examples(features: DataFrame, labels: DataFrame, *, splits: Splits, seed: int) -> DataFrame:
    """One row per cut-off of the split and person with features and a label: as_of, user_id, features, churned, role."""
    return with_role(features.join(labels, on=[AS_OF, USER_ID], how="inner"), splits, seed=seed)


def train_churn(
    examples: DataFrame,
    *,
    features: Sequence[str],
    as_of: datetime,
    splits: Splits,
    params: ChurnParams,
    xgboost: XGBoostParams,
    seed: int,
    device: str,
    inputs: Mapping[str, int],
    store: ModelStore,
) -> tuple[Artefact, bool]:
    """The churn model of these examples, and whether it had to be trained: the same inputs find the finished one.

    examples: `churn_examples`, cached by the caller, since several Spark jobs read them. inputs: Delta version of each
    table they came from, for the card. Slots and device are checked before any Spark job, labels before training.
    Raises ConfigError, ResourceError or DataQualityError with what is missing.
    """
    spark = examples.sparkSession
    slots = require_barrier(spark, workers=xgboost.num_workers)
    require_features(examples, features, model_id="the churn model")
    examined = examine(examples, label=CHURNED, features=features, is_binary=True, what="churn")
    workers = workers_for(examined.rows[TRAIN] + examined.rows[VALID], slots=slots, params=xgboost)
    made_of = {
        **code_identity(), "features": list(features), "fingerprint": examined.fingerprint, "splits": asdict(splits),
        "params": asdict(params), "xgboost": asdict(xgboost), "seed": seed, "workers": workers, "device": device,
    }  # fmt: skip
    model_id = model_id_of(CHURN, made_of)
    finished = store.find(CHURN, model_id)
    if finished is not None:
        return finished, False
    require_device(spark, device)
    fitted = fit_classifier(
        examples.where(F.col(ROLE) != TEST),
        features=features, label=CHURNED, is_valid=F.col(ROLE) == VALID, key=[AS_OF, USER_ID], params=xgboost,
        workers=workers, device=device, seed=seed,
    )  # fmt: skip
    judged = _judged(examples, fitted, features=features, examined=examined, seed=seed)
    valid, test = judged[judged[ROLE] == VALID], judged[judged[ROLE] == TEST]
    calibration = fit_calibration(valid[MARGIN], valid[CHURNED])
    probabilities = calibration.apply(test[MARGIN])
    metrics = _metrics(test, probabilities, seed=seed)
    card = card_of(
        as_of=as_of,
        params=params,
        xgboost=xgboost,
        splits=splits,
        examined=examined,
        fitted=fitted,
        seed=seed,
        inputs=inputs,
    ) | {
        "label": f"silent in [as_of, as_of + {params.horizon_days} days) among those active in the {params.lookback_days} before",
        "metrics": {CHURN: metrics},
        "curves": {
            CHURN: {
                "roc": roc_points(test[CHURNED], probabilities),
                "calibration": reliability(test[CHURNED], probabilities),
            }
        },
    }
    artefact = Artefact(CHURN, model_id, list(features), fitted.booster, calibration.as_json(), card)
    store.put(artefact)
    return artefact, True


def _judged(
    examples: DataFrame, fitted: Fitted, *, features: Sequence[str], examined: Examined, seed: int
) -> pd.DataFrame:
    """Validation and test rows with the margin and what the baselines say; bounded, in an order of their own."""
    held_out = examples.where(F.col(ROLE) != TRAIN)
    total = examined.rows[VALID] + examined.rows[TEST]
    sampled = sample_of_people(held_out, total=total, most=MOST_EVALUATED_ROWS, seed=seed)
    recency = F.col(RECENCY_FEATURE) if RECENCY_FEATURE in features else F.lit(None)
    rows = _with_logistic(sampled, examples.where(F.col(ROLE) == TRAIN), features=features).select(
        AS_OF, F.xxhash64(USER_ID).alias(PERSON), ROLE, F.col(CHURNED).cast("int").alias(CHURNED),
        recency.cast("double").alias("recency"), LOGISTIC, *features,
    )  # fmt: skip
    keep = [AS_OF, PERSON, ROLE, CHURNED, "recency", LOGISTIC]
    small = with_margins(rows, booster=fitted.booster, features=features, keep=keep)
    return pd.DataFrame(small.toPandas()).sort_values([AS_OF, PERSON], ignore_index=True)


def _with_logistic(rows: DataFrame, train: DataFrame, *, features: Sequence[str]) -> DataFrame:
    """Adds `logistic`: P(churn) of Spark ML's logistic regression on signed logarithms, with missing values at 0."""
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.functions import array_to_vector, vector_to_array

    def flat(name: str) -> Column:
        value = F.coalesce(F.col(name).cast("double"), F.lit(0.0))
        return F.signum(value) * F.log1p(F.abs(value))

    vector = array_to_vector(F.array(*[flat(name) for name in features])).alias("features")
    fitted = LogisticRegression(maxIter=30, regParam=0.01).fit(
        train.select(vector, F.col(CHURNED).cast("double").alias("label"))
    )
    probability = F.round(vector_to_array(F.col("probability"))[1], 6)
    scored: DataFrame = fitted.transform(rows.withColumn("features", vector))
    return scored.withColumn(LOGISTIC, probability).drop("features", "rawPrediction", "probability", "prediction")


def _metrics(test: pd.DataFrame, probabilities: np.ndarray[Any, Any], *, seed: int) -> dict[str, Any]:
    labels, people = test[CHURNED].to_numpy(), test[PERSON].to_numpy()
    newest = (test[AS_OF] == test[AS_OF].max()).to_numpy()
    metrics: dict[str, Any] = {
        "test": probability_report(labels, probabilities, groups=people, seed=seed),
        "newest": probability_report(labels[newest], probabilities[newest], groups=people[newest], seed=seed)
        | {"as_of": iso(test[AS_OF].max().tz_localize("UTC").to_pydatetime())},
        "baselines": {},
    }
    for name in ("recency", LOGISTIC):
        if test[name].isna().all():
            continue
        scores = test[name].fillna(test[name].max()).to_numpy()
        interval = bootstrap(roc_auc, labels, scores, groups=people, seed=seed)
        newest_auc = roc_auc(labels[newest], scores[newest])
        metrics["baselines"][name] = {
            "roc_auc": round(interval.value, 10), "roc_auc_low": round(interval.low, 10),
            "roc_auc_high": round(interval.high, 10), "newest_roc_auc": round(newest_auc, 10),
        }  # fmt: skip
    return metrics
