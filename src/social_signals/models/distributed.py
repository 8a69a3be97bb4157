"""Gradient boosted trees grown by several Spark tasks together: the only place that talks to xgboost.spark.

The same rows in any order and partitioning give the same bytes: rows are dealt to workers by a hash of their key and
sorted within each, threads per task are those of `spark.task.cpus`, the seed is an argument.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from social_signals.core.errors import ConfigError, ResourceError
from social_signals.models.params import XGBoostParams, xgboost_spark_settings

log = logging.getLogger(__name__)

FEATURES_COLUMN = "features"
IS_VALID = "is_valid"
QID = "qid"


@dataclass(frozen=True)
class Fitted:
    """A booster as UBJSON, cut at its best round, and how it came about. history: metric of each round by part."""

    booster: bytes
    rounds: int
    workers: int
    device: str
    history: dict[str, list[float]] = field(default_factory=dict)


def task_slots(spark: SparkSession) -> int:
    """How many tasks can run at the same moment, as Spark's barrier scheduler counts them."""
    context = spark.sparkContext._jsc.sc()
    profile = context.resourceProfileManager().resourceProfileFromId(0)
    return int(context.maxNumConcurrentTasks(profile))


def require_barrier(spark: SparkSession, *, workers: int | None) -> int:
    """The number of task slots; raises where workers cannot all run at the same moment. Starts no Spark job.

    XGBoost's workers talk to each other, so they run as one barrier stage: with too few slots it would wait for
    minutes and fail in words about scheduling; with dynamic allocation Spark refuses it.
    """
    if str(spark.conf.get("spark.dynamicAllocation.enabled", "false")).lower() == "true":
        raise ConfigError(
            "spark.dynamicAllocation.enabled is true; workers that train together need executors that stay",
            hint="set platform.conf.spark.dynamicAllocation.enabled=false and platform.num_executors",
        )
    slots = task_slots(spark)
    if workers is not None and workers > slots:
        raise ResourceError(
            f"xgboost.num_workers is {workers}, but {slots} tasks can run at the same moment",
            hint=f"set xgboost.num_workers to {slots} or less, or give the platform more cores or executors",
        )
    return slots


def require_device(spark: SparkSession, device: str) -> None:
    """Raise ResourceError unless a Spark task really trains on `device`. For cpu nothing is tried.

    XGBoost falls back to the CPU with one warning in an executor's log, so a task grows one tree and says where.
    """
    if device == "cpu":
        return
    found = spark.sparkContext.parallelize([0], 1).map(lambda _: _device_of_a_tree(device)).first()
    if not str(found).startswith(device):
        raise ResourceError(
            f"platform.device is {device}, but a task of this platform trained on {found}",
            hint="run on nodes with a GPU and the CUDA build of xgboost, or set platform.device=cpu",
        )


def _device_of_a_tree(device: str) -> str:
    import numpy as np
    import xgboost as xgb

    try:
        rows = xgb.DMatrix(np.array([[0.0], [1.0]]), label=np.array([0.0, 1.0]))
        booster = xgb.train({"device": device, "verbosity": 0}, rows, num_boost_round=1)
        return str(json.loads(booster.save_config())["learner"]["generic_param"]["device"])
    except xgb.core.XGBoostError as error:
        return f"nothing: {str(error).strip().splitlines()[-1][:200]}"


def workers_for(rows: int, *, slots: int, params: XGBoostParams) -> int:
    """The workers asked for, else as many as the rows need and the slots allow.

    >>> workers_for(600_000, slots=8, params=XGBoostParams(rows_per_worker=250_000))
    3
    """
    if params.num_workers is not None:
        return params.num_workers
    return max(1, min(slots, -(-rows // params.rows_per_worker)))


def feature_array(features: Sequence[str]) -> Column:
    """The features as one array of floats, missing ones NaN; xgboost.spark reads it faster than single columns."""
    values = [F.coalesce(F.col(name).cast("float"), F.lit(float("nan")).cast("float")) for name in features]
    return F.array(*values).alias(FEATURES_COLUMN)


def fit_classifier(
    examples: DataFrame,
    *,
    features: Sequence[str],
    label: str,
    is_valid: Column,
    key: Sequence[str],
    params: XGBoostParams,
    workers: int,
    device: str,
    seed: int,
) -> Fitted:
    """A booster of P(label = 1), stopped early by the log loss of the rows where `is_valid`. Runs Spark jobs.

    The caller has checked labels, slots and device. key: columns that are unique together. `examples` is read twice
    (xgboost.spark counts the labels first), so the caller caches it.
    """
    from xgboost.spark import SparkXGBClassifier

    _quiet()
    estimator = SparkXGBClassifier(
        **_common_settings(params, workers=workers, device=device, seed=seed), eval_metric="logloss"
    )
    narrow = examples.select(
        feature_array(features), F.col(label).cast("double").alias("label"), is_valid.alias(IS_VALID), *key
    )
    model = estimator.fit(_dealt(narrow, by=key, order=key, workers=workers))
    return _fitted(model, features, workers=workers, device=device)


def fit_ranker(
    examples: DataFrame,
    *,
    features: Sequence[str],
    relevance: str,
    qid: Column,
    is_valid: Column | None,
    params: XGBoostParams,
    workers: int,
    device: str,
    seed: int,
    extra: dict[str, Any] | None = None,
) -> Fitted:
    """A booster whose margin orders the rows of a query (`qid`, an int) by relevance. Runs Spark jobs.

    A query stays on one worker, so queries are made small enough by the caller. A query lies wholly inside or outside
    of validation; where is_valid is None all rows train and every round is grown. extra: more of XGBoost's own settings.
    """
    settings = _common_settings(params, workers=workers, device=device, seed=seed)
    if is_valid is None:
        del settings["early_stopping_rounds"], settings["validation_indicator_col"]
    estimator = _ranker_class()(
        **settings,
        qid_col=QID,
        objective="rank:pairwise",
        # Every pair counts the same, wherever it stands in the list.
        lambdarank_pair_method="mean",
        lambdarank_num_pair_per_sample=8,
        lambdarank_normalization=False,
        eval_metric="auc",
        **(extra or {}),
    )
    _quiet()
    columns = [feature_array(features), F.col(relevance).cast("double").alias("label"), qid.cast("int").alias(QID)]
    if is_valid is not None:
        columns.append(is_valid.alias(IS_VALID))
    narrow = examples.select(*columns)
    model = estimator.fit(_dealt(narrow, by=[QID], order=[QID], workers=workers))
    return _fitted(model, features, workers=workers, device=device)


def _common_settings(params: XGBoostParams, *, workers: int, device: str, seed: int) -> dict[str, Any]:
    from xgboost.collective import Config

    return {
        **xgboost_spark_settings(params),
        "features_col": FEATURES_COLUMN,
        "label_col": "label",
        "validation_indicator_col": IS_VALID,
        "num_workers": workers,
        "device": device,
        "random_state": seed,
        # A lost worker fails the stage; without a limit the others would wait for it for ever.
        "coll_cfg": Config(retry=3, timeout=1800, tracker_timeout=1800),
        "verbose": False,
        "verbosity": 0,
    }


def _dealt(rows: DataFrame, *, by: Sequence[str], order: Sequence[str], workers: int) -> DataFrame:
    # One partition a worker, straight out of a shuffle of our own: xgboost.spark then adds none. Its own deals rows in
    # turn, in an order that differs between runs, and a plan without any shuffle breaks in the barrier stage
    # (SPARK-24820).
    return rows.repartition(workers, *[F.col(name) for name in by]).sortWithinPartitions(*order)


def _ranker_class() -> Any:
    from xgboost.spark import SparkXGBRanker

    class SortedRanker(SparkXGBRanker):
        """Spark drops a sort below the ranker's own sort by query, and rows of a query came in any order."""

        def _prepare_input(self, dataset: DataFrame) -> Any:
            prepared, properties = super()._prepare_input(dataset)
            return prepared.sortWithinPartitions(QID, "label", "values"), properties

    return SortedRanker


def _fitted(model: Any, features: Sequence[str], *, workers: int, device: str) -> Fitted:
    booster = model.get_booster()
    summary = model.training_summary
    history = {
        f"{part}_{metric}": [float(v) for v in values]
        for part, metrics in (
            ("train", summary.train_objective_history), ("valid", summary.validation_objective_history)
        )
        for metric, values in metrics.items()
    }  # fmt: skip
    stopped_at = booster.attr("best_iteration")
    rounds = booster.num_boosted_rounds() if stopped_at is None else int(stopped_at) + 1
    best = booster[:rounds]
    best.feature_names = list(features)
    best.set_attr(best_iteration=None, best_score=None)
    return Fitted(bytes(best.save_raw("ubj")), rounds, workers, device, history)


def _quiet() -> None:
    # They tell every parameter on stderr, in a format of their own.
    for name in ("XGBoost-PySpark", "XGBoostPySpark", "SparkXGBClassifier", "SparkXGBRanker", "SortedRanker"):
        logging.getLogger(name).setLevel(logging.ERROR)
