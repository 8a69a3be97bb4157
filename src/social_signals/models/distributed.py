"""Gradient boosted trees grown by several Spark tasks together: the only place that trains with XGBoost on Spark.

Each worker is a task that turns its Arrow batches into one matrix; several workers form a barrier stage and share histograms
through XGBoost's own collective. The same rows in any order and partitioning give the same bytes: rows are dealt to workers
and sorted within each by a hash of their key, threads per task are those of `spark.task.cpus`, the seed is an argument.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from social_signals.core.errors import ConfigError, ResourceError
from social_signals.core.gpu import require_gpu, task_slots
from social_signals.core.workers import settled
from social_signals.models.params import XGBoostParams, xgboost_settings

log = logging.getLogger(__name__)

# What a worker is sent of each row.
FEATURES_COLUMN, LABEL_COLUMN, IS_VALID, QID, ORDER = "features", "label", "is_valid", "qid", "order"
WEIGHT = "weight"
OFFSET = "offset"
# Seconds: a worker that is lost fails the stage; without a limit the others would wait for it for ever. The tracker's covers
# reading and sorting a worker's rows, the other one round.
TRACKER_TIMEOUT_S, ROUND_TIMEOUT_S = 1800, 600
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
    slots = task_slots(spark)
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
        return _device_of(booster)
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
) -> Fitted:
    """A booster for P(label = 1): stopped early on the rows of `is_valid`, or of exactly `rounds` rounds. One Spark job.

    key: columns that are unique together. is_valid null: every row trains, and `rounds` says how long. categorical: the
    features that hold the codes of categories, 0 and up, which trees split by sets of them. positive_weight: how many 0s a 1
    counts as, in growing (as XGBoost's scale_pos_weight) and in the loss that stops it, which scale_pos_weight leaves as it is.
    cut: without it the trees after the best round are kept, for who looks for a round of their own (`first_rounds`).
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
        seed=seed, categorical=categorical, cut=cut,
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
) -> Fitted:
    """A booster whose margin orders the rows of a query (`qid`, an int) by relevance. One Spark job.

    A query stays on one worker, so queries are made small enough by the caller. A query lies wholly inside or outside
    of validation; where is_valid is None all rows train and every round is grown. offset: a margin that the trees start from,
    and that whoever predicts has to add. extra: more of XGBoost's own settings.
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
    )  # fmt: skip


def feature_array(features: Sequence[str]) -> Column:
    """The features as one array of floats, missing ones NaN: one column crosses to Python faster than many."""
    values = [F.coalesce(F.col(name).cast("float"), F.lit(float("nan")).cast("float")) for name in features]
    return F.array(*values).alias(FEATURES_COLUMN)


@dataclass(frozen=True)
class _Growth:
    """What a worker is told; plain values, since they travel to it."""

    settings: dict[str, Any]
    rounds: int
    early_stopping_rounds: int | None
    features: list[str]
    feature_types: list[str]
    max_bin: int
    workers: int
    device: str
    threads: int
    cut: bool


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
) -> Fitted:
    threads = int(str(rows.sparkSession.conf.get("spark.task.cpus", "1")))
    growth = _Growth(
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
    )
    # One partition a worker, straight out of a shuffle of our own: a plan without any breaks in a barrier stage
    # (SPARK-24820), and the deal must not depend on how rows happened to lie.
    dealt = rows.repartition(workers, F.col(by))
    schema = "booster binary, history string, device string"
    # A single worker has nobody to wait for, so several of them may train next to each other.
    grown = dealt.mapInArrow(settled(_worker(growth)), schema, barrier=workers > 1).collect()
    found = grown[0]
    if not found["device"].startswith(device):
        raise ResourceError(
            f"platform.device is {device}, but a task of this platform trained on {found['device']}",
            hint="run on nodes with a GPU and the CUDA build of xgboost, or set platform.device=cpu",
        )
    history = json.loads(found["history"])
    return Fitted(bytes(found["booster"]), int(history.pop("rounds")), workers, device, history)


def _worker(growth: _Growth) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """The function of a task: its rows in, and out of the first worker the finished booster."""

    def grow(batches: Iterable[Any]) -> Iterator[Any]:
        import pyarrow as pa
        import xgboost as xgb

        parts = _parts(batches, width=len(growth.features))
        device = _device_of_task(growth.device)
        with _together(growth.workers) as rank:
            train, valid = _matrices(parts, growth)
            watched: dict[str, dict[str, list[float]]] = {}
            booster = xgb.train(
                growth.settings | {"device": device},
                train,
                num_boost_round=growth.rounds,
                evals=[] if valid is None else [(train, "train"), (valid, "valid")],
                early_stopping_rounds=growth.early_stopping_rounds,
                evals_result=watched,
                verbose_eval=False,
            )
        if rank != 0:
            return
        rounds = growth.rounds if valid is None else int(booster.best_iteration) + 1
        best = booster[:rounds] if growth.cut else booster
        best.feature_names = growth.features
        best.set_attr(best_iteration=None, best_score=None)
        history = {f"{part}_{name}": values for part, of_part in watched.items() for name, values in of_part.items()}
        yield pa.RecordBatch.from_pydict(
            {
                "booster": [bytes(best.save_raw("ubj"))],
                "history": [json.dumps(history | {"rounds": rounds})],
                "device": [_device_of(booster)],
            }
        )

    return grow


def _parts(batches: Iterable[Any], *, width: int) -> dict[str, NDArray[Any]]:
    """The columns of a worker's rows, in the order of their keys: the order of arrival differs between runs."""
    found: dict[str, list[NDArray[Any]]] = {}
    for batch in batches:
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if name == FEATURES_COLUMN:
                values = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), width)
            else:
                values = column.to_numpy(zero_copy_only=False)
            found.setdefault(name, []).append(values)
    if not found:
        return {FEATURES_COLUMN: np.empty((0, width), np.float32), LABEL_COLUMN: np.empty(0, np.float32)}
    columns = {name: np.concatenate(found.pop(name)) for name in list(found)}
    keys = [columns[ORDER]] if QID not in columns else [columns[ORDER], columns[QID]]
    order = np.lexsort(keys)
    return {name: values[order] for name, values in columns.items() if name != ORDER}


def _matrices(parts: dict[str, NDArray[Any]], growth: _Growth) -> tuple[Any, Any]:
    """The rows to train on and those to stop by, as matrices of bins; no second one where every row trains."""
    import xgboost as xgb

    shared = {
        "nthread": growth.threads, "max_bin": growth.max_bin, "feature_names": growth.features,
        "feature_types": growth.feature_types, "enable_categorical": True,
    }  # fmt: skip

    def matrix(chosen: NDArray[np.bool_] | slice, **more: Any) -> Any:
        told = {name: parts[name][chosen] for name in (QID, WEIGHT) if name in parts}
        if OFFSET in parts:
            told["base_margin"] = parts[OFFSET][chosen]
        rows = parts[FEATURES_COLUMN][chosen]
        return xgb.QuantileDMatrix(rows, label=parts[LABEL_COLUMN][chosen], **told, **shared, **more)

    if growth.early_stopping_rounds is None:
        return matrix(slice(None)), None
    # a worker without any row has no such column, and still takes its part in every round
    is_valid = parts.get(IS_VALID, np.empty(0, dtype=bool)).astype(bool)
    train = matrix(~is_valid)
    return train, matrix(is_valid, ref=train)


@contextmanager
def _together(workers: int) -> Iterator[int]:
    """The rank of this task among the workers that train together, connected with the others; 0 where it is alone."""
    if workers == 1:
        yield 0
        return
    from pyspark import BarrierTaskContext
    from xgboost.collective import CommunicatorContext

    context = BarrierTaskContext.get()
    rank = context.partitionId()
    told = context.allGather(json.dumps(_tracker(context, workers) if rank == 0 else {}))
    arguments = json.loads(told[0]) | {
        # Ranks follow the names of the tasks, whatever host they are on.
        "dmlc_task_id": f"{rank:06d}", "dmlc_timeout": ROUND_TIMEOUT_S, "dmlc_retry": 3,
    }  # fmt: skip
    with CommunicatorContext(**arguments):
        yield rank


def _tracker(context: Any, workers: int) -> dict[str, Any]:
    """Starts the meeting point of the workers in the first of them, and says where it is."""
    from threading import Thread

    from xgboost.tracker import RabitTracker

    host = context.getTaskInfos()[0].address.rsplit(":", 1)[0]
    tracker = RabitTracker(n_workers=workers, host_ip=host, sortby="task", timeout=TRACKER_TIMEOUT_S)
    tracker.start()
    Thread(target=tracker.wait_for, daemon=True).start()
    return dict(tracker.worker_args())


def _device_of_task(device: str) -> str:
    """The GPU that Spark gave this task, as XGBoost names it; without such an assignment, the first one."""
    from pyspark import TaskContext

    if device == "cpu":
        return device
    context = TaskContext.get()
    given = context.resources().get("gpu") if context else None
    return f"{device}:{given.addresses[0].strip()}" if given and given.addresses else device


def _device_of(booster: Any) -> str:
    return str(json.loads(booster.save_config())["learner"]["generic_param"]["device"])
