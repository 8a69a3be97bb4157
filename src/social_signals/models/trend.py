"""A line under the trees: the part of a margin that grows on where no training row has been.

Trees say the same of everybody beyond the last value that they have seen, so among the few who are far ahead of all training rows they rank by
chance. A weighted sum of logarithms keeps on telling them apart, and the trees are grown on what it leaves to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyspark.sql import Column
from pyspark.sql import functions as F

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trend:
    """The sum of weight * ln(1 + feature) over `weights`; a feature that is missing, or below 0, counts as 0.

    means: of ln(1 + feature) over the rows it was fitted on, against which its contributions are told.
    """

    weights: dict[str, float] = field(default_factory=dict)
    means: dict[str, float] = field(default_factory=dict)

    def of(self, values: NDArray[Any], names: Sequence[str]) -> Floats:
        """The trend of each row. values: rows by `names`."""
        total = np.zeros(len(values))
        for name, weight in sorted(self.weights.items()):
            total += weight * _logarithm(values[:, names.index(name)])
        return total

    def contributions(self, values: NDArray[Any], names: Sequence[str]) -> Floats:
        """What each feature adds to the trend of a row against the mean row: exact for a sum (Lundberg and Lee, 2017)."""
        found = np.zeros((len(values), len(names)))
        for name, weight in self.weights.items():
            place = names.index(name)
            found[:, place] = weight * (_logarithm(values[:, place]) - self.means[name])
        return found

    def column(self) -> Column:
        """The trend as a column of rows that have the features."""
        parts = [
            F.lit(weight) * F.log1p(F.greatest(F.coalesce(F.col(name).cast("double"), F.lit(0.0)), F.lit(0.0)))
            for name, weight in sorted(self.weights.items())
        ]
        return sum(parts, F.lit(0.0))


def _logarithm(values: NDArray[Any]) -> Floats:
    known = np.nan_to_num(values.astype(np.float64), nan=0.0)
    return np.asarray(np.log1p(np.maximum(known, 0.0)))


def fit_trend(
    a: NDArray[Any],
    b: NDArray[Any],
    a_won: ArrayLike,
    *,
    names: Sequence[str],
    rows: NDArray[Any],
    penalty: float = 1e-3,
) -> Trend:
    """The weights, none below 0, under which sigmoid(trend A - trend B) says best who won, with a small ridge.

    a, b: values of the pairs, by `names`; rows: of all people, for the means. Weights of 0 are left out; without pairs there is
    no trend. No intercept, so that swapping A and B is exact.
    """
    from scipy.optimize import minimize

    won = np.asarray(a_won, dtype=np.float64)
    if len(won) == 0:
        return Trend()
    signed = np.where(won[:, None] == 1, 1.0, -1.0) * (_logarithm(a) - _logarithm(b))

    def loss(weights: Floats) -> tuple[float, Floats]:
        margins = signed @ weights
        slope = -1.0 / (1.0 + np.exp(np.clip(margins, -500, 500)))
        value = float(np.logaddexp(0.0, -margins).mean()) + penalty * float(weights @ weights)
        return value, signed.T @ slope / len(margins) + 2 * penalty * weights

    start = np.full(signed.shape[1], 0.1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(start))
    weights = {name: round(float(w), 6) for name, w in zip(names, found.x, strict=True) if round(float(w), 6) > 0}
    logs = _logarithm(rows)
    means = {name: round(float(logs[:, place].mean()), 6) for place, name in enumerate(names) if name in weights}
    return Trend(weights, means)
