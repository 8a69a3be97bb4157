"""How good scores and probabilities are: pure functions of numbers, each with its definition.

`labels` are 0 or 1, `scores` any numbers (higher = more likely 1), `probabilities` are in [0, 1]. `weights` count a row
more than once, which is how the bootstrap draws. Where a metric is not defined (no rows, one class) it is NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Metric = Callable[[Floats, Floats, Floats], float]

NAN = float("nan")
# Probabilities are kept this far from 0 and 1 in a logarithm; one sure mistake then costs 34.5 nats, not infinity.
SMALLEST_PROBABILITY = 1e-15
# From this probability on a row counts as named; where costs differ, choose people by rank or decile instead.
THRESHOLD = 0.5


def roc_auc(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> float:
    """The probability that a random 1 scores above a random 0; a tie counts half.

    >>> roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    >>> roc_auc([0, 1], [0.5, 0.5])
    0.5
    """
    y, s, w = _arrays(labels, scores, weights)
    positives, negatives = w[y == 1].sum(), w[y == 0].sum()
    if positives == 0 or negatives == 0:
        return NAN
    distinct, place = np.unique(s, return_inverse=True)
    ones = np.bincount(place, weights=w * y, minlength=len(distinct))
    zeros = np.bincount(place, weights=w * (1 - y), minlength=len(distinct))
    below = np.cumsum(zeros) - zeros
    return float((ones * (below + zeros / 2)).sum() / (positives * negatives))


def pr_auc(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Average precision: the mean, over the 1s, of the precision among all rows that score at least as high.

    A useless score gives the share of 1s. No interpolation; tied rows enter together (as scikit-learn's).

    >>> round(pr_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 4)
    0.8333
    """
    y, s, w = _arrays(labels, scores, weights)
    positives = (w * y).sum()
    if positives == 0 or positives == w.sum():
        return NAN
    distinct, place = np.unique(-s, return_inverse=True)
    ones = np.bincount(place, weights=w * y, minlength=len(distinct))
    rows = np.bincount(place, weights=w, minlength=len(distinct))
    seen = np.cumsum(rows)
    precision = np.divide(np.cumsum(ones), seen, out=np.zeros_like(seen), where=seen > 0)
    return float((ones * precision).sum() / positives)


def brier(labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None) -> float:
    """The mean squared distance between probability and outcome; 0 is perfect.

    >>> round(brier([0, 1], [0.2, 0.9]), 3)
    0.025
    """
    y, p, w = _arrays(labels, probabilities, weights)
    return float((w * (p - y) ** 2).sum() / w.sum()) if w.sum() > 0 else NAN


def log_loss(labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None) -> float:
    """The mean of -log(probability given to what happened), in nats; 0 is perfect, log 2 is a coin.

    >>> round(log_loss([0, 1], [0.5, 0.5]), 4)
    0.6931
    """
    y, p, w = _arrays(labels, probabilities, weights)
    if w.sum() == 0:
        return NAN
    p = np.clip(p, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return float(-(w * (y * np.log(p) + (1 - y) * np.log(1 - p))).sum() / w.sum())


def calibration_error(
    labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None, *, bins: int = 10
) -> float:
    """Expected calibration error: the mean, over rows, of |mean probability - share of 1s| of the row's bin.

    Rows are sorted by probability and cut into `bins` bins of equal weight, so that no bin is nearly empty. Tied rows
    each count as their mean label, which makes the number independent of the order of rows.

    >>> round(calibration_error([0, 0, 1, 1], [0.1, 0.1, 0.8, 0.8], bins=2), 3)
    0.15
    """
    y, p, w = _arrays(labels, probabilities, weights)
    total = w.sum()
    if total == 0:
        return NAN
    y = _shared_among_ties(y, p, w)
    order = np.argsort(p, kind="stable")
    y, p, w = y[order], p[order], w[order]
    place = np.minimum(((np.cumsum(w) - w / 2) / total * bins).astype(int), bins - 1)
    gaps = np.bincount(place, weights=w * (p - y), minlength=bins)
    return float(np.abs(gaps).sum() / total)


def accuracy(labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None) -> float:
    """The share of rows that are 1 exactly where their probability is at least 1/2.

    >>> accuracy([0, 0, 1, 1], [0.2, 0.6, 0.5, 0.9])
    0.75
    """
    y, p, w = _arrays(labels, probabilities, weights)
    return float((w * ((p >= THRESHOLD) == (y == 1))).sum() / w.sum()) if w.sum() > 0 else NAN


def precision(labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Of the rows with a probability of at least 1/2, the share that are 1; NaN where there is no such row.

    >>> round(precision([0, 0, 1, 1], [0.2, 0.6, 0.5, 0.9]), 3)
    0.667
    """
    y, p, w = _arrays(labels, probabilities, weights)
    named = w * (p >= THRESHOLD)
    return float((named * y).sum() / named.sum()) if named.sum() > 0 else NAN


def recall(labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Of the rows that are 1, the share with a probability of at least 1/2; NaN where no row is 1.

    >>> recall([0, 0, 1, 1], [0.2, 0.6, 0.4, 0.9])
    0.5
    """
    y, p, w = _arrays(labels, probabilities, weights)
    return float((w * y * (p >= THRESHOLD)).sum() / (w * y).sum()) if (w * y).sum() > 0 else NAN


def f1(labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None) -> float:
    """2 TP / (2 TP + FP + FN) at a threshold of 1/2; 0 where no 1 is found, NaN where there is none to find or name.

    >>> round(f1([0, 0, 1, 1], [0.2, 0.6, 0.5, 0.9]), 3)
    0.8
    """
    y, p, w = _arrays(labels, probabilities, weights)
    named, ones = w * (p >= THRESHOLD), w * y
    total = named.sum() + ones.sum()
    return float(2 * (named * y).sum() / total) if total > 0 else NAN


def calibration_noise(
    probabilities: ArrayLike, weights: ArrayLike | None = None, *, bins: int = 10, seed: int, draws: int = 100
) -> float:
    """The `calibration_error` that perfectly calibrated probabilities would show on as many rows, by chance alone.

    The mean over `draws` sets of outcomes drawn from the probabilities themselves (consistency resampling, Broecker and
    Smith 2007). An error near it is no evidence against the model. Rows are taken as independent: those of one person at
    several cut-offs are not, so it is a lower bound.

    >>> calibration_noise([0.0, 1.0], seed=1)
    0.0
    """
    _, p, w = _arrays(np.zeros(np.shape(np.asarray(probabilities))), probabilities, weights)
    if len(p) == 0:
        return NAN
    rng = np.random.default_rng(seed)
    return float(np.mean([calibration_error(rng.random(len(p)) < p, p, w, bins=bins) for _ in range(draws)]))


class Decile(NamedTuple):
    """One tenth of the rows, the highest scores first."""

    decile: int
    rows: int
    rate: float
    lift: float
    gain: float


def deciles(labels: ArrayLike, scores: ArrayLike) -> list[Decile]:
    """Lift and gain of each tenth of the rows by descending score.

    rate: share of 1s in the tenth. lift: rate over the share of 1s among all rows. gain: share of all 1s that this tenth
    and those before it hold. Fewer than ten rows give fewer tenths; tied rows each count as their mean label.

    >>> [(d.decile, d.lift, d.gain) for d in deciles([1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1])][:2]
    [(1, 2.0, 0.5), (2, 2.0, 1.0)]
    """
    y, s, w = _arrays(labels, scores, None)
    if len(y) == 0:
        return []
    y = _shared_among_ties(y, s, w)[np.argsort(-s, kind="stable")]
    found, total = 0.0, y.sum()
    tenths = []
    for number, part in enumerate(np.array_split(y, min(10, len(y))), start=1):
        found += part.sum()
        rate = float(part.mean())
        lift = rate / float(y.mean()) if total else NAN
        tenths.append(Decile(number, len(part), rate, lift, float(found / total) if total else NAN))
    return tenths


def roc_points(labels: ArrayLike, scores: ArrayLike, *, points: int = 101) -> list[tuple[float, float]]:
    """(false positive rate, true positive rate) from (0, 0) to (1, 1), thinned to `points` evenly spaced rates.

    >>> roc_points([0, 1], [0.1, 0.9], points=3)
    [(0.0, 1.0), (0.5, 1.0), (1.0, 1.0)]
    """
    y, s, _ = _arrays(labels, scores, None)
    if len(np.unique(y)) < 2:
        return []
    distinct, place = np.unique(-s, return_inverse=True)
    ones = np.cumsum(np.bincount(place, weights=y, minlength=len(distinct)))
    zeros = np.cumsum(np.bincount(place, weights=1 - y, minlength=len(distinct)))
    x, heights = np.r_[0.0, zeros / zeros[-1]], np.r_[0.0, ones / ones[-1]]
    grid = np.linspace(0, 1, points)
    # Where the curve stands upright the highest point of the step counts.
    last = np.r_[np.diff(x) > 0, True]
    return [
        (round(float(a), 6), round(float(b), 6))
        for a, b in zip(grid, np.interp(grid, x[last], heights[last]), strict=True)
    ]


def reliability(labels: ArrayLike, probabilities: ArrayLike, *, bins: int = 10) -> list[tuple[float, float, int]]:
    """(mean probability, share of 1s, rows) of each of `bins` bins of equal size by ascending probability.

    >>> reliability([0, 1, 1, 1], [0.1, 0.3, 0.8, 0.8], bins=2)
    [(0.2, 0.5, 2), (0.8, 1.0, 2)]
    """
    y, p, w = _arrays(labels, probabilities, None)
    if len(y) == 0:
        return []
    y = _shared_among_ties(y, p, w)
    order = np.argsort(p, kind="stable")
    parts = zip(np.array_split(p[order], min(bins, len(y))), np.array_split(y[order], min(bins, len(y))), strict=True)
    return [(round(float(a.mean()), 6), round(float(b.mean()), 6), len(b)) for a, b in parts]


def pairwise_accuracy(margins_a: ArrayLike, margins_b: ArrayLike, a_won: ArrayLike) -> float:
    """The share of pairs in which the one with the higher margin won; equal margins count half.

    >>> pairwise_accuracy([2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [1, 1, 0])
    0.5
    """
    a, b, won = (np.asarray(x, dtype=np.float64) for x in (margins_a, margins_b, a_won))
    if len(won) == 0:
        return NAN
    right = np.where(a == b, 0.5, ((a > b) == (won == 1)).astype(float))
    return float(right.mean())


class Interval(NamedTuple):
    """A metric with the bounds between which it falls in `level` of the bootstrap draws."""

    value: float
    low: float
    high: float


def bootstrap(
    metric: Metric,
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    groups: ArrayLike,
    seed: int,
    draws: int = 200,
    level: float = 0.95,
) -> Interval:
    """The metric on all rows with its percentile bootstrap interval.

    Draws whole groups with replacement: a person who appears at several cut-offs comes with all their rows or none,
    because rows of one person are not independent. Draws where the metric is not defined are left out.

    >>> bootstrap(brier, [0, 1], [0.5, 0.5], groups=["a", "b"], seed=1)
    Interval(value=0.25, low=0.25, high=0.25)
    """
    members = np.unique(np.asarray(groups), return_inverse=True)[1]
    return _bootstrap(metric, labels, scores, [members], seed=seed, draws=draws, level=level)


def paired_bootstrap(
    metric: Metric,
    labels: ArrayLike,
    ours: ArrayLike,
    theirs: ArrayLike,
    *,
    groups: ArrayLike,
    seed: int,
    draws: int = 1000,
    level: float = 0.95,
) -> Interval:
    """metric(ours) - metric(theirs) on the same rows, with its percentile bootstrap interval; groups drawn as in `bootstrap`.

    Both are judged on the same draw, so what makes a draw hard for everybody falls out of the difference.

    >>> paired_bootstrap(brier, [0, 1], [0.5, 0.5], [0.0, 1.0], groups=["a", "b"], seed=1)
    Interval(value=0.25, low=0.25, high=0.25)
    """
    members = np.unique(np.asarray(groups), return_inverse=True)[1]
    mine, other = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)

    def difference(y: Floats, place: Floats, w: Floats) -> float:
        rows = place.astype(np.int64)
        return metric(y, mine[rows], w) - metric(y, other[rows], w)

    return _bootstrap(difference, labels, np.arange(len(mine)), [members], seed=seed, draws=draws, level=level)


def pair_bootstrap(
    metric: Metric,
    a_won: ArrayLike,
    scores: ArrayLike,
    *,
    persons_a: ArrayLike,
    persons_b: ArrayLike,
    seed: int,
    draws: int = 200,
    level: float = 0.95,
) -> Interval:
    """As `bootstrap`, of pairs: people are drawn, and a pair counts as often as its A times its B was drawn.

    >>> pair_bootstrap(brier, [1, 1], [0.5, 0.5], persons_a=["a", "b"], persons_b=["b", "c"], seed=1).value
    0.25
    """
    a, b = np.asarray(persons_a), np.asarray(persons_b)
    members = np.unique(np.concatenate([a, b]), return_inverse=True)[1]
    return _bootstrap(
        metric, a_won, scores, [members[: len(a)], members[len(a) :]], seed=seed, draws=draws, level=level
    )


def _bootstrap(
    metric: Metric, labels: ArrayLike, scores: ArrayLike, members: list[Any], *, seed: int, draws: int, level: float
) -> Interval:
    y, s, _ = _arrays(labels, scores, None)
    value = metric(y, s, np.ones_like(y))
    count = max((int(side.max()) + 1 for side in members if len(side)), default=0)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws if count else 0):
        times_drawn = np.bincount(rng.integers(0, count, count), minlength=count).astype(np.float64)
        weights = np.ones_like(y)
        for side in members:
            weights *= times_drawn[side]
        found.append(metric(y, s, weights))
    defined = np.asarray([v for v in found if not np.isnan(v)])
    if not len(defined):
        return Interval(value, NAN, NAN)
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(value), float(low), float(high))


def probability_report(
    labels: ArrayLike, probabilities: ArrayLike, *, groups: ArrayLike, seed: int, draws: int = 200
) -> dict[str, float]:
    """The metrics of a probability of 1, each with `_low` and `_high`; `rows`, `rate` (share of 1s), `calibration_noise` and
    `lift_top_decile`."""
    y, p, _ = _arrays(labels, probabilities, None)
    report: dict[str, float] = {"rows": len(y), "rate": _rounded(float(y.mean()) if len(y) else NAN)}
    metrics: dict[str, Metric] = {
        "roc_auc": roc_auc, "pr_auc": pr_auc, "brier": brier, "log_loss": log_loss, "calibration_error": calibration_error,
        "accuracy": accuracy, "precision": precision, "recall": recall, "f1": f1,
    }  # fmt: skip
    for name, metric in metrics.items():
        interval = bootstrap(metric, y, p, groups=groups, seed=seed, draws=draws)
        report |= {name: _rounded(interval.value)}
        report |= {f"{name}_low": _rounded(interval.low), f"{name}_high": _rounded(interval.high)}
    report |= {"calibration_noise": _rounded(calibration_noise(p, seed=seed))}
    tenths = deciles(y, p)
    return report | {"lift_top_decile": _rounded(tenths[0].lift) if tenths else NAN}


def _shared_among_ties(y: Floats, scores: Floats, w: Floats) -> Floats:
    """Each row's label replaced by the mean label of the rows that score the same."""
    distinct, place = np.unique(scores, return_inverse=True)
    ones = np.bincount(place, weights=w * y, minlength=len(distinct))
    rows = np.bincount(place, weights=w, minlength=len(distinct))
    mean: Floats = np.divide(ones, rows, out=np.zeros_like(rows), where=rows > 0)
    return mean[place]


def _rounded(value: float) -> float:
    # Ten digits: beyond any interval, within what is the same on every machine.
    return round(value, 10)


def _arrays(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None) -> tuple[Floats, Floats, Floats]:
    y = np.asarray(labels, dtype=np.float64)
    s = np.asarray(scores, dtype=np.float64)
    w = np.ones_like(y) if weights is None else np.asarray(weights, dtype=np.float64)
    if not len(y) == len(s) == len(w):
        raise ValueError(f"{len(y)} labels, {len(s)} scores and {len(w)} weights")
    return y, s, w
