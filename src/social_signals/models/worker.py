"""What a Spark task does that grows trees: its rows in, rounds with the other workers, checkpoints on the way, the booster out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from social_signals.core.errors import ResourceError
from social_signals.models.checkpoints import Progress, key_of, progress_from
from social_signals.models.lifeline import Address, Beats, beats
from social_signals.models.params import LimitParams

# What a worker is sent of each row.
FEATURES_COLUMN, LABEL_COLUMN, IS_VALID, QID, ORDER = "features", "label", "is_valid", "qid", "order"
WEIGHT = "weight"
OFFSET = "offset"
VALID = "valid"
# Of these metrics more is better.
_MORE_IS_BETTER = ("auc", "ndcg", "map")


@dataclass(frozen=True)
class Growth:
    """What a worker is told; plain values, since they travel to it. checkpoint_rounds: see XGBoostParams. lifeline: where the driver
    listens. keeps: whether it is sent checkpoints, and asked for one first."""

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
    checkpoint_rounds: int
    limits: LimitParams
    lifeline: Address | None = None
    keeps: bool = False

    @property
    def deciding(self) -> dict[str, Any]:
        """What decides the booster beside the rows, and the version of who grows it."""
        import xgboost as xgb

        told = asdict(self)
        kept = {name: told[name] for name in told if name not in ("cut", "limits", "lifeline", "keeps")}
        return kept | {"xgboost": xgb.__version__}


def worker(growth: Growth) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """The function of a task: its rows in, and out of the first worker the finished booster."""

    def grow(batches: Iterable[Any]) -> Iterator[Any]:
        import pyarrow as pa
        import xgboost as xgb

        rank, host = _who(growth.workers)
        with beats(growth.lifeline, rank=rank, host=host) as told:
            parts = _parts(batches, width=len(growth.features))
            key, start = _where_to_begin(parts, growth, told)
            if start.is_finished:
                done = start
            else:
                with _together(growth):
                    done = _rounds(parts, growth, start, told=told, key=key if rank == 0 else None)
        if rank != 0:
            return
        booster = xgb.Booster(model_file=bytearray(done.booster))
        rounds = growth.rounds if growth.early_stopping_rounds is None else _best(done, growth) + 1
        best = booster[:rounds] if growth.cut else booster
        best.feature_names = growth.features
        history = {
            f"{part}_{name}": values for part, of_part in done.history.items() for name, values in of_part.items()
        }
        yield pa.RecordBatch.from_pydict(
            {
                "booster": [bytes(best.save_raw("ubj"))],
                "history": [json.dumps(history | {"rounds": rounds})],
                "device": [done.device],
            }
        )

    return grow


def _rounds(
    parts: dict[str, NDArray[Any]], growth: Growth, done: Progress, *, told: Beats, key: str | None
) -> Progress:
    """Grown to its end. After every `checkpoint_rounds` the booster begins anew from its own bytes and a seed of that round, whether
    anything is kept or not: so a training that goes on from there gives the same trees as one that was never broken off.

    XGBoost's samplers keep their state to themselves; with less than `checkpoint_rounds` rounds nothing of this is seen.
    """
    import xgboost as xgb

    device = _device_of_task(growth.device)
    train, valid = _matrices(parts, growth)
    history = {part: {name: list(values) for name, values in found.items()} for part, found in done.history.items()}

    class Told(xgb.callback.TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002  XGBoost's own names
            told.round += 1
            for part, found in evals_log.items():
                for name, values in found.items():
                    history.setdefault(part, {}).setdefault(name, []).append(float(values[-1]))
            return _stops(history, growth)

    told.round = done.rounds
    is_over = False
    while not is_over:
        booster = xgb.train(
            growth.settings | {"device": device, "seed": growth.settings["seed"] + done.rounds},
            train,
            num_boost_round=min(growth.checkpoint_rounds, growth.rounds - done.rounds),
            evals=[] if valid is None else [(train, "train"), (valid, VALID)],
            callbacks=[Told()],
            verbose_eval=False,
            xgb_model=bytearray(done.booster) if done.booster else None,
        )
        is_over = told.round >= growth.rounds or _stops(history, growth)
        done = Progress(told.round, bytes(booster.save_raw("ubj")), history, is_over, device_of(booster))
        if growth.keeps and key is not None:
            told.keep(key, done.as_bytes())
    return done


def _stops(history: dict[str, dict[str, list[float]]], growth: Growth) -> bool:
    """Whether the rounds since the best one are as many as nobody waits for longer."""
    if growth.early_stopping_rounds is None:
        return False
    values = history[VALID][growth.settings["eval_metric"]]
    return len(values) - 1 - _best_of(values, growth) >= growth.early_stopping_rounds


def _best(done: Progress, growth: Growth) -> int:
    return _best_of(done.history[VALID][growth.settings["eval_metric"]], growth)


def _best_of(values: list[float], growth: Growth) -> int:
    """The first round, from 0, than which none is better."""
    signed = np.asarray(values) * (1.0 if growth.settings["eval_metric"] in _MORE_IS_BETTER else -1.0)
    return int(np.argmax(signed))


def _where_to_begin(parts: dict[str, NDArray[Any]], growth: Growth, told: Beats) -> tuple[str | None, Progress]:
    """The name of this training's checkpoint and what it holds: the same for all workers; nothing where none is kept."""
    if not growth.keeps or growth.lifeline is None:
        return None, Progress()
    if not told.is_heard:
        raise ResourceError(
            f"a worker cannot reach the driver at {growth.lifeline.host}:{growth.lifeline.port} for checkpoints",
            hint="let executors reach the driver on any port, as Spark itself needs, or set resume=false",
        )
    rows = _hash_of(parts)
    if growth.workers == 1:
        key = key_of(growth.deciding, [rows])
        return key, _found(key, told)
    from pyspark import BarrierTaskContext

    context = BarrierTaskContext.get()
    key = key_of(growth.deciding, list(context.allGather(rows)))
    # Nobody writes before all have read: the barrier is passed when the last one has.
    start = _found(key, told)
    rounds = {int(one) for one in context.allGather(str(start.rounds))}
    return key, start if len(rounds) == 1 else Progress()


def _found(key: str, told: Beats) -> Progress:
    content = told.find(key)
    return (progress_from(content) if content else None) or Progress()


def _hash_of(parts: dict[str, NDArray[Any]]) -> str:
    found = hashlib.sha256()
    for name in sorted(parts):
        values = np.ascontiguousarray(parts[name])
        found.update(f"{name} {values.dtype} {values.shape}".encode())
        found.update(values.tobytes())
    return found.hexdigest()


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


def _matrices(parts: dict[str, NDArray[Any]], growth: Growth) -> tuple[Any, Any]:
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


def _who(workers: int) -> tuple[int, str]:
    """(rank, host) of this task."""
    if workers == 1:
        import socket

        return 0, socket.gethostname()
    from pyspark import BarrierTaskContext

    context = BarrierTaskContext.get()
    return context.partitionId(), _host_of(context, context.partitionId())


def _host_of(context: Any, rank: int) -> str:
    return str(context.getTaskInfos()[rank].address).rsplit(":", 1)[0]


@contextmanager
def _together(growth: Growth) -> Iterator[None]:
    """This task connected with the others that train with it, in the order of their partitions; nothing where it is alone."""
    if growth.workers == 1:
        yield
        return
    from pyspark import BarrierTaskContext
    from xgboost.collective import CommunicatorContext

    context = BarrierTaskContext.get()
    rank = context.partitionId()
    told = context.allGather(json.dumps(_tracker(context, growth) if rank == 0 else {}))
    arguments = json.loads(told[0]) | {
        # Ranks follow the names of the tasks, whatever host they are on.
        "dmlc_task_id": f"{rank:06d}", "dmlc_timeout": growth.limits.round_timeout_s, "dmlc_retry": 3,
    }  # fmt: skip
    with CommunicatorContext(**arguments):
        yield


def _tracker(context: Any, growth: Growth) -> dict[str, Any]:
    """Starts the meeting point of the workers in the first of them, and says where it is."""
    from threading import Thread

    from xgboost.tracker import RabitTracker

    tracker = RabitTracker(
        n_workers=growth.workers, host_ip=_host_of(context, 0), sortby="task", timeout=growth.limits.connect_timeout_s
    )
    tracker.start()
    Thread(target=_wait_for, args=(tracker,), daemon=True).start()
    return dict(tracker.worker_args())


def _wait_for(tracker: Any) -> None:
    from contextlib import suppress

    # Where a worker was lost the others fail by themselves, and say so.
    with suppress(Exception):
        tracker.wait_for()


def _device_of_task(device: str) -> str:
    """The GPU that Spark gave this task, as XGBoost names it; without such an assignment, the first one."""
    from pyspark import TaskContext

    if device == "cpu":
        return device
    context = TaskContext.get()
    given = context.resources().get("gpu") if context else None
    return f"{device}:{given.addresses[0].strip()}" if given and given.addresses else device


def device_of(booster: Any) -> str:
    return str(json.loads(booster.save_config())["learner"]["generic_param"]["device"])
