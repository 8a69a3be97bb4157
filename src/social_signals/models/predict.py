"""Applying a booster to rows in constant memory: Arrow batches in, margins and reasons out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DoubleType, StringType, StructField, StructType

from social_signals.core.errors import ModelMismatchError, ResourceError, did_you_mean
from social_signals.core.workers import settled
from social_signals.models.contributions import NONE, Explanation, as_reasons, contributions, matrix_of
from social_signals.models.trend import Trend
from social_signals.tables.gold import REASON_TYPE, REASONS, REASONS_METHOD, REASONS_TEXT

MARGIN = "margin"
Link = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def load_booster(booster: bytes, *, device: str = "cpu", threads: int = 1) -> Any:
    """The booster of UBJSON bytes. threads: 1, as tasks already fill the cores, and more threads spin on each other."""
    import xgboost as xgb

    loaded = xgb.Booster({"nthread": threads})
    loaded.load_model(bytearray(booster))
    loaded.set_param({"nthread": threads, "device": device})
    return loaded


def first_rounds(booster: bytes, rounds: int) -> bytes:
    """The booster of the first `rounds` rounds; all of it where it has no more."""
    loaded = load_booster(booster)
    return booster if loaded.num_boosted_rounds() <= rounds else bytes(loaded[:rounds].save_raw("ubj"))


class HasColumns(Protocol):
    """A frame, or the contract of a table that is still to be read."""

    @property
    def columns(self) -> list[str]: ...


def require_features(rows: HasColumns, features: Sequence[str], *, model_id: str) -> None:
    """Raise ModelMismatchError where `rows` lacks a feature that the model was made of."""
    missing = [name for name in features if name not in rows.columns]
    if missing:
        raise ModelMismatchError(
            f"{model_id} was made of {len(features)} features, of which the rows lack {', '.join(missing[:5])}"
            + (f" and {len(missing) - 5} more" if len(missing) > 5 else ""),
            hint="score with a model trained on these features, or build them again; "
            + did_you_mean(missing[0], rows.columns[:200]),
        )


def with_margins(
    rows: DataFrame,
    *,
    booster: bytes,
    features: Sequence[str],
    keep: Sequence[str],
    links: Mapping[str, Link] | None = None,
    explanation: Explanation | None = None,
    device: str = "cpu",
    trend: Trend | None = None,
) -> DataFrame:
    """One row per row: the `keep` columns, `margin` (the booster's output before any link, on top of its trend), a column of each of `links`
    (a function of the margins), and, with an `explanation`, `reasons`, `reasons_text` and
    `reasons_method`.

    The value of a feature that is missing is null. Memory holds one Arrow batch a task, however many rows there are.
    """
    functions = dict(links or {})
    added = [StructField(name, DoubleType(), nullable=False) for name in (MARGIN, *functions)]
    fields = [rows.schema[name] for name in keep] + added
    if explanation is not None:
        fields += [
            StructField(REASONS, REASON_TYPE),
            StructField(REASONS_TEXT, ArrayType(StringType())),
            StructField(REASONS_METHOD, StringType(), nullable=False),
        ]
    shared = rows.sparkSession.sparkContext.broadcast(booster)
    names, count, line = list(features), len(keep), trend or Trend()

    def predict(batches: Iterable[Any]) -> Iterable[Any]:
        import pyarrow as pa

        loaded = load_booster(shared.value, device=device)
        for batch in batches:
            if batch.num_rows == 0:
                continue
            values = _matrix(batch, first=count, kind=np.float32 if explanation is None else np.float64)
            narrow = values.astype(np.float32, copy=False)
            margins = _margins(loaded, narrow, device=device).astype(np.float64) + line.of(narrow, names)
            linked = {name: link(margins) for name, link in functions.items()}
            columns = [*batch.columns[:count], pa.array(margins), *(pa.array(value) for value in linked.values())]
            if explanation is not None:
                methods = explanation.methods(linked[explanation.by])
                parts = contributions(loaded, narrow, methods)
                if line.weights:
                    told = methods != NONE
                    parts[told] += line.contributions(narrow[told], names).astype(np.float32)
                columns += as_reasons(values, parts, methods, names=names, explanation=explanation)
                columns.append(pa.array(methods.tolist(), type=pa.string()))
            yield pa.RecordBatch.from_arrays(columns, names=[field.name for field in fields])

    # Aliases, because a kept column may be a feature as well, and Arrow refuses two columns of one name.
    # XGBoost compares in single precision; reasons show a value as the table has it.
    shown = F.col if explanation is not None else _single
    values_in_order = [shown(name).alias(f"_{place}") for place, name in enumerate(names)]
    return rows.select(*keep, *values_in_order).mapInArrow(settled(predict), StructType(fields))


def _single(name: str) -> Column:
    """A feature in single precision, rounded as NumPy does, by way of a double; no null, which Arrow would carry beside it."""
    return F.coalesce(F.col(name).cast("double").cast("float"), F.lit(float("nan")).cast("float"))


def margins_on(booster: bytes, rows: pd.DataFrame, *, trend: Trend | None = None) -> NDArray[Any]:
    """The margin of each row of a frame on the driver, before any link. rows: the features, in the model's order."""
    values = rows.to_numpy(np.float32)
    found: NDArray[np.float32] = load_booster(booster).inplace_predict(
        values, predict_type="margin", validate_features=False
    )
    return found if trend is None else found + trend.of(values, list(rows.columns))


def _matrix(batch: Any, *, first: int, kind: type[np.floating[Any]]) -> NDArray[Any]:
    values = np.empty((batch.num_rows, batch.num_columns - first), dtype=kind)
    for place in range(first, batch.num_columns):
        values[:, place - first] = batch.column(place).to_numpy(zero_copy_only=False)
    return values


def _margins(loaded: Any, narrow: NDArray[np.float32], *, device: str) -> NDArray[Any]:
    if device == "cpu":
        return loaded.inplace_predict(narrow, predict_type="margin", validate_features=False)  # type: ignore[no-any-return]
    margins = loaded.predict(matrix_of(loaded, narrow), output_margin=True)
    used = json.loads(loaded.save_config())["learner"]["generic_param"]["device"]
    if not used.startswith(device):
        raise ResourceError(
            f"platform.device is {device}, but a task scored on {used}",
            hint="run on nodes with a GPU, or set platform.device=cpu",
        )
    return margins  # type: ignore[no-any-return]
