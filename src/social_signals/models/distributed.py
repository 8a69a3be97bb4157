"""Gradient boosted trees grown by several Spark tasks together: the only place that trains with XGBoost on Spark.

Each worker is a task that turns its Arrow batches into one matrix; several workers form a barrier stage and share histograms
through XGBoost's own collective. The same rows in any order and partitioning give the same bytes: rows are dealt to workers
and sorted within each by a hash of their key, threads per task are those of `spark.task.cpus`, the seed is an argument.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from social_signals.core.errors import ConfigError, ResourceError
from social_signals.core.gpu import require_gpu, training_profile
from social_signals.core.slots import task_slots
from social_signals.core.workers import settled
from social_signals.models.checkpoints import CheckpointFolder
from social_signals.models.lifeline import Lifeline
from social_signals.models.params import XGBoostParams, xgboost_settings
from social_signals.models.watchdog import watched
from social_signals.models.worker import (
    FEATURES_COLUMN,
    IS_VALID,
    LABEL_COLUMN,
    OFFSET,
    ORDER,
    QID,
    WEIGHT,
    Growth,
    device_of,
    worker,
)

log = logging.getLogger(__name__)

CLASSIFY = "binary:logistic"
RANK: dict[str, Any] = {
    "objective": "rank:pairwise",
    # Every pair counts the same, wherever it stands in the list.
    "lambdarank_pair_method": "mean",
    "lambdarank_num_pair_per_sample": 8,
    "lambdarank_normalization": False,
    # On by default, it divides a pair's gradient by how far apart the two already are: no longer the log loss of who won.
    "lambdarank_score_normalization": False,
    "eval_metric": "auc",
}


@dataclass(frozen=True)
class Fitted:
    """A booster as UBJSON and how it came about. history: metric of each round by part.

    rounds: its best one, where the booster is cut unless asked otherwise.
    """

    booster: bytes
    rounds: int
    workers: int
    device: str
    history: dict[str, list[float]] = field(default_factory=dict)


def require_barrier(spark: SparkSession, *, workers: int | None, device: str = "cpu") -> int:
    """The number of task slots; raises where workers cannot all run at the same moment. Starts no Spark job.

    XGBoost's workers talk to each other, so they run as one barrier stage: with too few slots it would wait for
    minutes and fail in words about scheduling; with dynamic allocation Spark refuses it. In local mode Spark gives out no
    GPUs, so all workers would meet on the first one, which NCCL refuses: there one worker trains on it.
    """
    if str(spark.conf.get("spark.dynamicAllocation.enabled", "false")).lower() == "true":
        raise ConfigError(
            "spark.dynamicAllocation.enabled is true; workers that train together need executors that stay",
            hint="set platform.conf.spark.dynamicAllocation.enabled=false and platform.num_executors",
        )
    slots = task_slots(spark, training_profile(spark, device))
    if device != "cpu" and str(spark.sparkContext.master).startswith("local"):
        slots = min(slots, 1)
    if workers is not None and workers > slots:
        raise ResourceError(
            f"xgboost.num_workers is {workers}, but {slots} tasks can run at the same moment",
            hint=f"set xgboost.num_workers to {slots} or less, or give the platform more cores or executors",
        )
    return slots


def require_device(spark: SparkSession, device: str) -> None:
    """Raise ResourceError unless a Spark task really trains on `device`. For cpu nothing is tried.

    First what can be known without a job: a card in this machine, executors that have one. Then a trial, since XGBoost falls back to the CPU with one warning in an executor's log, so a task grows one tree and says where.
    """
    if device == "cpu":
        return
    require_gpu(spark)
    found = spark.sparkContext.parallelize([0], 1).map(lambda _: _device_of_a_tree(device)).first()
    if not str(found).startswith(device):
        raise ResourceError(
            f"platform.device is {device}, but a task of this platform trained on {found}",
            hint="run on nodes with a GPU and the CUDA build of xgboost, or set platform.device=cpu",
        )


def _device_of_a_tree(device: str) -> str:
    import xgboost as xgb

    try:
        rows = xgb.DMatrix(np.array([[0.0], [1.0]]), label=np.array([0.0, 1.0]))
        booster = xgb.train({"device": device, "verbosity": 0}, rows, num_boost_round=1)
        return device_of(booster)
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


def fit_classifier(
    examples: DataFrame,
    *,
    features: Sequence[str],
    label: str,
    is_valid: Column | None,
    key: Sequence[str],
    params: XGBoostParams,
    workers: int,
    device: str,
    seed: int,
    rounds: int | None = None,
    categorical: Collection[str] = (),
    positive_weight: float = 1.0,
    cut: bool = True,
    checkpoints: Path | None = None,
) -> Fitted:
    """A booster for P(label = 1): stopped early on the rows of `is_valid`, or of exactly `rounds` rounds. One Spark job.

    key: columns that are unique together. is_valid null: every row trains, and `rounds` says how long. categorical: the
    features that hold the codes of categories, 0 and up, which trees split by sets of them. positive_weight: how many 0s a 1
    counts as, in growing (as XGBoost's scale_pos_weight) and in the loss that stops it, which scale_pos_weight leaves as it is.
    cut: without it the trees after the best round are kept, for who looks for a round of their own (`first_rounds`).
    checkpoints: the folder where how far it has come is kept and looked for; without one nothing is. Raises ResourceError where a
    worker was lost and not replaced, or no round ends any more (`watchdog`).
    """
    weight = F.when(F.col(label) == 1, F.lit(positive_weight)).otherwise(F.lit(1.0)).cast("float").alias(WEIGHT)
    rows = examples.select(
        feature_array(features),
        F.col(label).cast("float").alias(LABEL_COLUMN),
        *([] if is_valid is None else [is_valid.alias(IS_VALID)]),
        *([] if positive_weight == 1.0 else [weight]),
        F.xxhash64(*key).alias(ORDER),
    )
    settings = xgboost_settings(params, features=features) | {"objective": CLASSIFY, "eval_metric": "logloss"}
    return _grown(
        rows, by=ORDER, settings=settings, features=features, params=params, rounds=rounds, workers=workers, device=device,
        seed=seed, categorical=categorical, cut=cut, checkpoints=checkpoints,
    )  # fmt: skip


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
    offset: Column | None = None,
    extra: dict[str, Any] | None = None,
    checkpoints: Path | None = None,
) -> Fitted:
    """A booster whose margin orders the rows of a query (`qid`, an int) by relevance. One Spark job.

    A query stays on one worker, so queries are made small enough by the caller. A query lies wholly inside or outside
    of validation; where is_valid is None all rows train and every round is grown. offset: a margin that the trees start from,
    and that whoever predicts has to add. extra: more of XGBoost's own settings. checkpoints, errors: as in
    `fit_classifier`.
    """
    array = feature_array(features)
    rows = examples.select(
        array,
        F.col(relevance).cast("float").alias(LABEL_COLUMN),
        *([] if is_valid is None else [is_valid.alias(IS_VALID)]),
        *([] if offset is None else [offset.cast("float").alias(OFFSET)]),
        qid.cast("int").alias(QID),
        F.xxhash64(relevance, *features).alias(ORDER),
    )
    settings = xgboost_settings(params, features=features) | RANK | (extra or {})
    return _grown(
        rows, by=QID, settings=settings, features=features, params=params,
        rounds=params.n_estimators if is_valid is None else None, workers=workers, device=device, seed=seed,
        checkpoints=checkpoints,
    )  # fmt: skip


def feature_array(features: Sequence[str]) -> Column:
    """The features as one array of floats, missing ones NaN: one column crosses to Python faster than many."""
    values = [F.coalesce(F.col(name).cast("float"), F.lit(float("nan")).cast("float")) for name in features]
    return F.array(*values).alias(FEATURES_COLUMN)


def _grown(
    rows: DataFrame,
    *,
    by: str,
    settings: dict[str, Any],
    features: Sequence[str],
    params: XGBoostParams,
    rounds: int | None,
    workers: int,
    device: str,
    seed: int,
    categorical: Collection[str] = (),
    cut: bool = True,
    checkpoints: Path | None = None,
) -> Fitted:
    spark = rows.sparkSession
    threads = int(str(spark.conf.get("spark.task.cpus", "1")))
    growth = Growth(
        settings=settings | {"seed": seed, "nthread": threads, "verbosity": 0, "tree_method": "hist"},
        rounds=rounds or params.n_estimators,
        early_stopping_rounds=params.early_stopping_rounds if IS_VALID in rows.columns else None,
        features=list(features),
        feature_types=["c" if name in categorical else "q" for name in features],
        max_bin=params.max_bin,
        workers=workers,
        device=device,
        threads=threads,
        cut=cut,
        checkpoint_rounds=params.checkpoint_rounds,
        limits=params.limits,
        keeps=checkpoints is not None,
    )
    # One partition a worker, straight out of a shuffle of our own: a plan without any breaks in a barrier stage
    # (SPARK-24820), and the deal must not depend on how rows happened to lie.
    dealt = rows.repartition(workers, F.col(by))
    schema = "booster binary, history string, device string"
    profile = training_profile(spark, device)
    with _lifeline(spark, checkpoints) as lifeline:
        told = replace(growth, lifeline=lifeline.address)
        # A single worker has nobody to wait for, so several of them may train next to each other.
        trees = dealt.mapInArrow(settled(worker(told)), schema, barrier=workers > 1)
        # A frame of Spark 3.5 takes no resources of its own; its rows do, and they are the same stage.
        collect = trees.collect if profile is None else trees.rdd.withResources(profile).collect
        grown = watched(spark, collect, workers=workers, limits=params.limits, heard=lifeline.heard)
    found = grown[0]
    if not found["device"].startswith(device):
        raise ResourceError(
            f"platform.device is {device}, but a task of this platform trained on {found['device']}",
            hint="run on nodes with a GPU and the CUDA build of xgboost, or set platform.device=cpu",
        )
    history = json.loads(found["history"])
    return Fitted(bytes(found["booster"]), int(history.pop("rounds")), workers, device, history)


def _lifeline(spark: SparkSession, checkpoints: Path | None) -> Lifeline:
    """Where executors find the driver already is where workers find it too."""
    conf = spark.sparkContext.getConf()
    host = conf.get("spark.driver.host", "127.0.0.1")
    kept = CheckpointFolder(checkpoints) if checkpoints is not None else None
    try:
        return Lifeline(bind=conf.get("spark.driver.bindAddress", host), host=host, checkpoints=kept)
    except OSError as error:
        raise ResourceError(
            f"the driver cannot listen on {host} for its workers: {error}",
            hint="set platform.conf.spark.driver.host, and bindAddress where they differ, to an address of the driver's machine",
        ) from error
