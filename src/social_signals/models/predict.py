"""Applying a booster to rows in constant memory: Arrow batches in, margins and reasons out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, StructField, StructType

from social_signals.core.errors import ModelMismatchError, ResourceError, did_you_mean
from social_signals.tables.gold import REASON_TYPE, REASONS

MARGIN = "margin"
Link = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def load_booster(booster: bytes, *, device: str = "cpu", threads: int = 1) -> Any:
    """The booster of UBJSON bytes. threads: 1, as tasks already fill the cores, and more threads spin on each other."""
    import xgboost as xgb

    loaded = xgb.Booster({"nthread": threads})
    loaded.load_model(bytearray(booster))
    loaded.set_param({"nthread": threads, "device": device})
    return loaded


def require_features(rows: DataFrame, features: Sequence[str], *, model_id: str) -> None:
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
    top_reasons: int = 0,
    device: str = "cpu",
) -> DataFrame:
    """One row per row: the `keep` columns, `margin` (the booster's output before any link), a column of each of `links`
    (a function of the margins), and, with `top_reasons`, `reasons`: the features with the largest absolute SHAP
    contribution to the margin, largest first.

    The value of a feature that is missing is null. Contributions and the booster's bias sum to the margin.
    """
    functions = dict(links or {})
    added = [StructField(name, DoubleType(), nullable=False) for name in (MARGIN, *functions)]
    fields = [rows.schema[name] for name in keep] + added
    if top_reasons:
        fields.append(StructField(REASONS, REASON_TYPE))
    shared = rows.sparkSession.sparkContext.broadcast(booster)
    names, count = list(features), len(keep)

    def predict(batches: Iterable[Any]) -> Iterable[Any]:
        import pyarrow as pa

        loaded = load_booster(shared.value, device=device)
        for batch in batches:
            if batch.num_rows == 0:
                continue
            values = _matrix(batch, first=count)
            margins, contributions = _predict(loaded, values, with_contributions=top_reasons > 0, device=device)
            margins = margins.astype(np.float64)
            linked = (link(margins) for link in functions.values())
            columns = [*batch.columns[:count], pa.array(margins), *(pa.array(value) for value in linked)]
            if contributions is not None:
                columns.append(_reasons(values, contributions, names, top=top_reasons))
            yield pa.RecordBatch.from_arrays(columns, names=[field.name for field in fields])

    # Aliases, because a kept column may be a feature as well, and Arrow refuses two columns of one name.
    values_in_order = [F.col(name).alias(f"_{place}") for place, name in enumerate(names)]
    return rows.select(*keep, *values_in_order).mapInArrow(predict, StructType(fields))


def margins_on(booster: bytes, rows: pd.DataFrame) -> NDArray[np.float32]:
    """The margin of each row of a frame on the driver, before any link. rows: the features, in the model's order."""
    found: NDArray[np.float32] = load_booster(booster).inplace_predict(
        rows.to_numpy(np.float32), predict_type="margin", validate_features=False
    )
    return found


def _matrix(batch: Any, *, first: int) -> NDArray[np.float64]:
    values = np.empty((batch.num_rows, batch.num_columns - first), dtype=np.float64)
    for place in range(first, batch.num_columns):
        values[:, place - first] = batch.column(place).to_numpy(zero_copy_only=False)
    return values


def _predict(
    loaded: Any, values: NDArray[np.float64], *, with_contributions: bool, device: str
) -> tuple[NDArray[Any], NDArray[np.float32] | None]:
    import xgboost as xgb

    narrow = values.astype(np.float32)
    if device == "cpu" and not with_contributions:
        return loaded.inplace_predict(narrow, predict_type="margin", validate_features=False), None
    rows = xgb.DMatrix(
        narrow,
        nthread=1,
        feature_names=loaded.feature_names,
        feature_types=loaded.feature_types,
        enable_categorical=True,
    )
    margins = loaded.predict(rows, output_margin=True)
    if device != "cpu":
        used = json.loads(loaded.save_config())["learner"]["generic_param"]["device"]
        if not used.startswith(device):
            raise ResourceError(
                f"platform.device is {device}, but a task scored on {used}",
                hint="run on nodes with a GPU, or set platform.device=cpu",
            )
    return margins, loaded.predict(rows, pred_contribs=True) if with_contributions else None


def _reasons(values: NDArray[np.float64], contributions: NDArray[np.float32], names: list[str], *, top: int) -> Any:
    import pyarrow as pa

    parts = contributions[:, :-1]
    top = min(top, parts.shape[1])
    # A stable sort: features that weigh the same come in their declared order, on every machine.
    places = np.argsort(-np.abs(parts), axis=1, kind="stable")[:, :top]
    chosen = np.take_along_axis(values, places, axis=1).ravel()
    weights = np.take_along_axis(parts, places, axis=1).ravel().astype(np.float64).round(6)
    structs = pa.StructArray.from_arrays(
        [
            pa.array(np.asarray(names, dtype=object)[places.ravel()], type=pa.string()),
            pa.array(chosen, mask=np.isnan(chosen)),
            pa.array(weights),
        ],
        names=["feature", "value", "contribution"],
    )
    offsets = np.arange(0, places.size + 1, top, dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, structs)
