"""From margins to the probability that one person out-engages another, with an interval, and to one number a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from social_signals.evaluation.metrics import pair_bootstrap
from social_signals.models.calibration import sigmoid
from social_signals.models.trend import Trend

Floats = NDArray[np.float64]

REFERENCE_POINTS = 201


@dataclass(frozen=True)
class Band:
    """How far a probability may be off: of pairs that no tree has seen, by how far apart the two are.

    at: distances (scaled, 0 first, ascending). low, high: between what the share won by who is ahead lies, 95 % (bootstrap over
    people), at each. Empty where nobody measured it.
    """

    at: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def around(self, differences: ArrayLike, probabilities: ArrayLike) -> tuple[Floats, Floats]:
        """The interval about each probability. Swapping A and B gives exactly one minus the other end. NaN without a measurement."""
        d, p = np.asarray(differences, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
        if not self.at:
            return np.full_like(p, np.nan), np.full_like(p, np.nan)
        ahead = np.where(d >= 0, p, 1 - p)
        low = np.minimum(np.interp(np.abs(d), self.at, self.low), ahead)
        high = np.maximum(np.interp(np.abs(d), self.at, self.high), ahead)
        return np.where(d >= 0, low, 1 - high), np.where(d >= 0, high, 1 - low)


@dataclass(frozen=True)
class Ladder:
    """From margins to probabilities. P(A out-engages B) = 1 / (1 + exp(-scale * (margin A - margin B))), so swapping A
    and B gives exactly one minus it. `reference` are the margins of the people of the newest judged cut-off, as evenly
    spaced quantiles: a person's influence is the mean probability of out-engaging them. A margin is the booster's and the
    trend's together.
    """

    scale: float = 1.0
    reference: list[float] = field(default_factory=lambda: [0.0])
    trend: Trend = field(default_factory=Trend)
    band: Band = field(default_factory=Band)

    def beats(self, margins_a: ArrayLike, margins_b: ArrayLike) -> Floats:
        """The probability that each A gathers more than its B."""
        difference = np.asarray(margins_a, dtype=np.float64) - np.asarray(margins_b, dtype=np.float64)
        return sigmoid(self.scale * difference)

    def beats_between(self, margins_a: ArrayLike, margins_b: ArrayLike) -> tuple[Floats, Floats]:
        """The 95 % interval about `beats`: what share A won of pairs as far apart that no tree had seen. NaN for models of before."""
        difference = self.scale * (np.asarray(margins_a, dtype=np.float64) - np.asarray(margins_b, dtype=np.float64))
        return self.band.around(difference, self.beats(margins_a, margins_b))

    def influence(self, margins: ArrayLike) -> Floats:
        """Each person's probability of out-engaging a person drawn at random from the reference, to nine decimals."""
        m = np.asarray(margins, dtype=np.float64)
        # A plain loop over 201 points keeps memory at one column, whatever the batch.
        total = np.zeros_like(m)
        for other in self.reference:
            total += sigmoid(self.scale * (m - other))
        return (total / len(self.reference)).round(9)

    def as_json(self) -> dict[str, Any]:
        return {"method": "logistic of the difference of margins", **asdict(self)}

    @staticmethod
    def from_json(stored: Mapping[str, Any]) -> Ladder:
        # Models of before had neither a trend nor a band.
        trend, band = Trend(**stored.get("trend", {})), Band(**stored.get("band", {}))
        return Ladder(float(stored["scale"]), [float(v) for v in stored["reference"]], trend, band)


def fit_scale(differences: ArrayLike, a_won: ArrayLike) -> float:
    """The scale above 0 under which sigmoid(scale * difference) says best who won; 1 where there is no pair.

    One number and no intercept: an intercept would break P(A beats B) = 1 - P(B beats A).
    """
    from scipy.optimize import minimize_scalar

    d, won = np.asarray(differences, dtype=np.float64), np.asarray(a_won, dtype=np.float64)
    if len(d) == 0:
        return 1.0
    signed = np.where(won == 1, d, -d)

    def loss(log_scale: float) -> float:
        return float(np.logaddexp(0, -np.exp(log_scale) * signed).mean())

    return round(float(np.exp(minimize_scalar(loss, bounds=(-5, 4), method="bounded").x)), 6)


def fit_band(
    differences: ArrayLike, a_won: ArrayLike, *, persons_a: ArrayLike, persons_b: ArrayLike, seed: int, bins: int = 10
) -> Band:
    """The band of pairs (scaled differences of margins, 1 where A won) that grew no tree: `bins` of equal size by distance.

    Widened where needed so that it never falls with the distance, holds the logistic curve, and is even about 1/2 at distance 0.
    """
    d, won = np.asarray(differences, dtype=np.float64), np.asarray(a_won, dtype=np.float64)
    if len(d) < 2 * bins:
        return Band()
    a, b = np.asarray(persons_a), np.asarray(persons_b)
    ahead_won = np.where(d >= 0, won, 1 - won)
    order = np.argsort(np.abs(d), kind="stable")
    at, low, high = [], [], []
    for part in np.array_split(order, bins):
        share = pair_bootstrap(
            _mean, ahead_won[part], ahead_won[part], persons_a=a[part], persons_b=b[part], seed=seed
        )  # fmt: skip
        middle = float(np.abs(d[part]).mean())
        curve = float(sigmoid(np.array([middle]))[0])
        at.append(middle)
        # One person in all of a part's pairs leaves no draw without them: then nothing is known.
        low.append(np.nanmin([share.low, share.value, curve]))
        high.append(np.nanmax([share.high, share.value, curve]))
    lows = np.minimum.accumulate(np.array(low)[::-1])[::-1]
    highs = np.maximum.accumulate(np.array(high))
    half = float(max(0.5 - lows[0], highs[0] - 0.5, 0.0))
    lows = np.array([min(0.5 - half, lows[0]), *lows])
    highs = np.array([0.5 + half, *np.maximum(highs, 0.5 + half)])
    return Band(*([round(float(v), 6) for v in values] for values in ([0.0, *at], lows, highs)))


def _mean(values: Any, _: Any, weights: Any) -> float:
    return float(np.average(values, weights=weights)) if weights.sum() > 0 else float("nan")


def reference_of(margins: ArrayLike) -> list[float]:
    """The margins as `REFERENCE_POINTS` evenly spaced quantiles."""
    m = np.asarray(margins, dtype=np.float64)
    at = (np.arange(REFERENCE_POINTS) + 0.5) / REFERENCE_POINTS
    return [round(float(v), 6) for v in np.quantile(m, at)] if len(m) else [0.0]
