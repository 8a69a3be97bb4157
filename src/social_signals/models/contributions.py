"""Why a booster says what it says of a row: contributions of the features to its margin, exact or approximate.

Exact contributions are TreeSHAP's (Lundberg et al., 2020, https://doi.org/10.1038/s42256-019-0138-9); approximate ones walk
each tree once and credit the change of the expected value to the feature of each split (Saabas). Either sort and the
booster's bias sum to the margin.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

EXACT, APPROXIMATE, NONE = "exact", "approximate", "none"
METHODS = (EXACT, APPROXIMATE, NONE)


@dataclass(frozen=True)
class Explanation:
    """Who gets which reasons, and how many (`top`).

    A row whose `by`, one of the links of its margin, is at least `exact_from` gets exact ones, any other those of `rest`.
    phrase: says a feature of a row in words, given the row's features and the place of the one.
    """

    top: int
    by: str
    exact_from: float = -math.inf
    rest: str = NONE
    phrase: Callable[[NDArray[np.float64], int], str] | None = None

    def methods(self, values: NDArray[np.float64]) -> NDArray[np.str_]:
        """The method of each row, by its value of `by`.

        >>> Explanation(3, "p", exact_from=0.5, rest=APPROXIMATE).methods(np.array([0.5, 0.4])).tolist()
        ['exact', 'approximate']
        """
        return np.where(values >= self.exact_from, EXACT, self.rest)


def matrix_of(loaded: Any, values: NDArray[np.float32], *, threads: int = 1) -> Any:
    """Rows as a loaded booster reads them, its categories included."""
    import xgboost as xgb

    return xgb.DMatrix(
        values,
        nthread=threads,
        feature_names=loaded.feature_names,
        feature_types=loaded.feature_types,
        enable_categorical=True,
    )


def contributions(
    loaded: Any, values: NDArray[np.float32], methods: NDArray[np.str_], *, threads: int = 1
) -> NDArray[np.float32]:
    """The contribution of each feature to each row's margin, zeros where its method is none.

    loaded: a booster on its device. A GPU has no approximate ones, and no need of them.
    """
    found = np.zeros(values.shape, dtype=np.float32)
    for method in (EXACT, APPROXIMATE):
        chosen = methods == method
        if not chosen.any():
            continue
        rows = matrix_of(loaded, values if chosen.all() else values[chosen], threads=threads)
        of_rows = loaded.predict(rows, pred_contribs=True, approx_contribs=method == APPROXIMATE)
        # The last column is the bias, the same for every row.
        found[chosen] = of_rows[:, :-1]
    return found


def as_reasons(
    values: NDArray[np.float64],
    parts: NDArray[np.float32],
    methods: NDArray[np.str_],
    *,
    names: list[str],
    explanation: Explanation,
) -> tuple[Any, Any]:
    """Two Arrow lists a row, the largest absolute contribution first: {feature, value, contribution}, and the same in words.

    Null where the row's method is none; a value that is missing is null. Without `explanation.phrase` there are no words.
    """
    import pyarrow as pa

    top = min(explanation.top, parts.shape[1])
    is_explained = methods != NONE
    values, parts = values[is_explained], parts[is_explained]
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
    offsets = np.concatenate([[0], np.cumsum(is_explained)]).astype(np.int32) * np.int32(top)
    shape: dict[str, Any] = {"offsets": pa.array(offsets, type=pa.int32()), "mask": pa.array(~is_explained)}
    if explanation.phrase is None:
        said = pa.nulls(len(methods), pa.list_(pa.string()))
    else:
        words = [
            explanation.phrase(row, int(place)) for row, of_row in zip(values, places, strict=True) for place in of_row
        ]
        said = pa.ListArray.from_arrays(values=pa.array(words, type=pa.string()), **shape)
    return pa.ListArray.from_arrays(values=structs, **shape), said
