"""From a margin to a probability that can be believed: fitted on rows that grew no tree, kept as plain numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

PLATT = "platt"
ISOTONIC = "isotonic"
# Isotonic regression follows the noise of a small sample; a curve of two numbers does not.
FEWEST_ROWS_FOR_ISOTONIC = 5000
FEWEST_OF_A_CLASS_FOR_ISOTONIC = 500
ISOTONIC_BINS = 50


@dataclass(frozen=True)
class Calibration:
    """A monotone map from margin to probability.

    platt: 1 / (1 + exp(-(slope * margin + intercept))), slope above 0. isotonic: straight lines between the points
    (margins, probabilities), constant outside them.
    """

    method: str = PLATT
    slope: float = 1.0
    intercept: float = 0.0
    margins: list[float] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)

    def apply(self, margins: ArrayLike) -> Floats:
        """The probability of each margin, rounded to nine decimals so that it is the same on every machine."""
        m = np.asarray(margins, dtype=np.float64)
        if self.method == ISOTONIC:
            return np.interp(m, self.margins, self.probabilities).round(9)
        return sigmoid(self.slope * m + self.intercept).round(9)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def sigmoid(x: ArrayLike) -> Floats:
    """1 / (1 + exp(-x)) without overflow; sigmoid(x) + sigmoid(-x) is 1.

    >>> sigmoid([0.0, -800.0, 800.0]).tolist()
    [0.5, 0.0, 1.0]
    """
    from scipy.special import expit

    return np.asarray(expit(np.asarray(x, dtype=np.float64)))


def fit_calibration(margins: ArrayLike, labels: ArrayLike) -> Calibration:
    """The map under which `margins` say how often `labels` are 1: isotonic with enough rows, else Platt.

    With one class only, or no row, the margin is taken as log-odds unchanged.
    """
    m, y = np.asarray(margins, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    rarer = min(y.sum(), len(y) - y.sum())
    if rarer == 0:
        return Calibration()
    if len(y) >= FEWEST_ROWS_FOR_ISOTONIC and rarer >= FEWEST_OF_A_CLASS_FOR_ISOTONIC:
        return _isotonic(m, y)
    return _platt(m, y)


def _platt(m: Floats, y: Floats) -> Calibration:
    from scipy.optimize import minimize

    # Platt's targets: as if one more of each class had been seen, which keeps the curve finite where classes separate.
    high, low = (y.sum() + 1) / (y.sum() + 2), 1 / (len(y) - y.sum() + 2)
    target = np.where(y == 1, high, low)

    def loss(parts: Floats) -> tuple[float, Floats]:
        z = np.exp(parts[0]) * m + parts[1]
        value = (np.logaddexp(0, z) - target * z).mean()
        error = sigmoid(z) - target
        return float(value), np.array([(error * m).mean() * np.exp(parts[0]), error.mean()])

    found = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=[(-5, 5), (-20, 20)]).x
    return Calibration(PLATT, slope=round(float(np.exp(found[0])), 9), intercept=round(float(found[1]), 9))


def _isotonic(m: Floats, y: Floats) -> Calibration:
    from sklearn.isotonic import IsotonicRegression

    # Bins of a hundred rows or more, joined by lines: the order of margins survives, and no step rests on thin evidence.
    order = np.lexsort((y, m))
    bins = [(part_m.mean(), part_y.mean(), len(part_m)) for part_m, part_y in zip(
        np.array_split(m[order], ISOTONIC_BINS), np.array_split(y[order], ISOTONIC_BINS), strict=True
    )]  # fmt: skip
    centre, rate, weight = (np.asarray(column, dtype=np.float64) for column in zip(*bins, strict=True))
    value = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(centre, rate, sample_weight=weight)
    return Calibration(
        ISOTONIC, margins=[round(float(v), 9) for v in centre], probabilities=[round(float(v), 9) for v in value]
    )
