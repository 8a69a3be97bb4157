"""How good a time is that has not always been seen to its end: concordance, and what a curve of survival says in days.

`times` are days until an end, or until nobody looked any more (`is_event` false: censored). Where a metric is not defined
it is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from social_signals.evaluation.metrics import Interval, bootstrap, paired_bootstrap

Floats = NDArray[np.float64]
NAN = float("nan")


def concordance(times: ArrayLike, is_event: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Harrell's C: of the pairs whose order is known, the share in which who ended first was predicted the shorter time.

    A pair's order is known where the shorter time is an end; at equal times, where one ended and the other was censored,
    who is taken to last longer. Two ends at one time are no pair. Equal predictions count half. 1/2 is a useless order.
    Harrell, Lee and Mark 1996. Costs n log n.

    Three people: the first ended on day 5, the second was last seen on day 10, the third ended on day 15. Of whom lasted
    longer, 5 against 10 and 5 against 15 are known, 10 against 15 is not.

    >>> concordance([5, 10, 15], [True, False, True], predicted=[7, 9, 8])
    1.0
    >>> concordance([5, 10, 15], [True, False, True], predicted=[7, 7, 8])
    0.75
    """
    return Pairs.of(times, is_event, predicted).concordance(weights)


def concordance_interval(
    times: ArrayLike, is_event: ArrayLike, predicted: ArrayLike, *, groups: ArrayLike, seed: int
) -> Interval:
    """`concordance` with its percentile bootstrap interval over whole groups (`metrics.bootstrap`)."""
    pairs = Pairs.of(times, is_event, predicted)
    return bootstrap(lambda _y, _s, w: pairs.concordance(w), times, predicted, groups=groups, seed=seed)


def concordance_gain(
    times: ArrayLike, is_event: ArrayLike, ours: ArrayLike, theirs: ArrayLike, *, groups: ArrayLike, seed: int
) -> Interval:
    """concordance(ours) - concordance(theirs) on the same rows, with its paired bootstrap interval over whole groups."""
    mine, other = Pairs.of(times, is_event, ours), Pairs.of(times, is_event, theirs)
    sides = {True: mine, False: other}

    # `paired_bootstrap` hands over the scores of a side; which one it is, is told by a marker in their place.
    def metric(_y: Floats, side: Floats, w: Floats) -> float:
        return sides[bool(side[0])].concordance(w)

    count = len(np.asarray(times))
    return paired_bootstrap(metric, times, np.ones(count), np.zeros(count), groups=groups, seed=seed, draws=200)


@dataclass(frozen=True)
class Pairs:
    """The pairs of known order among rows, laid out so that weighing them anew is cheap: a bootstrap does it often.

    Rows stand by falling time, so that those who outlast an end are the rows before it. How many of them are predicted less
    than x is then counted bit by bit of x's rank (a wavelet matrix, Claude, Navarro and Ordonez 2015): `levels` has for
    each bit the order of rows, which of them have a 0 there, and where the questions begin and end among them.
    """

    order: NDArray[np.int64]
    ends: NDArray[np.int64]
    outlasting: NDArray[np.int64]
    levels: list[tuple[NDArray[np.int64], Floats, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]

    @staticmethod
    def of(times: ArrayLike, is_event: ArrayLike, predicted: ArrayLike) -> Pairs:
        t, s = np.asarray(times, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
        ended = np.asarray(is_event, dtype=bool)
        if not len(t) == len(s) == len(ended):
            raise ValueError(f"{len(t)} times, {len(ended)} ends and {len(s)} predictions")
        # Of one time, the censored stand first: they outlast the ends.
        order = np.lexsort((ended, -t))
        t, s, ended = t[order], s[order], ended[order]
        ranks = np.unique(s, return_inverse=True)[1].astype(np.int64)
        ends = np.flatnonzero(ended)
        # Before the first end of the same time.
        falling = -t
        outlasting = np.searchsorted(falling, falling[ends], side="left")
        outlasting = outlasting + _censored_at(falling, ended, ends)
        asked = np.concatenate([ranks[ends], ranks[ends] + 1])
        return Pairs(order, ends, outlasting, _levels(ranks, asked, np.concatenate([outlasting, outlasting])))

    def concordance(self, weights: ArrayLike | None = None) -> float:
        """The share, with each row counted `weights` times."""
        w = np.ones(len(self.order)) if weights is None else np.asarray(weights, dtype=np.float64)[self.order]
        of_end, longer = w[self.ends], np.r_[0.0, np.cumsum(w)][self.outlasting]
        total = float((of_end * longer).sum())
        if total == 0:
            return NAN
        less = np.zeros(2 * len(self.ends))
        for order, is_zero, chosen, start, end in self.levels:
            summed = np.r_[0.0, np.cumsum(w[order] * is_zero)]
            less[chosen] += summed[end] - summed[start]
        # Predicted less, and less or the same: their mean is discordant with ties half.
        discordant = (less[: len(self.ends)] + less[len(self.ends) :]) / 2
        return float((of_end * (longer - discordant)).sum() / total)


def _censored_at(falling: Floats, ended: NDArray[np.bool_], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many censored rows share the time of each end."""
    before = np.r_[0, np.cumsum(~ended)]
    first = np.searchsorted(falling, falling[ends], side="left")
    last = np.searchsorted(falling, falling[ends], side="right")
    return np.asarray(before[last] - before[first], dtype=np.int64)


def _levels(
    ranks: NDArray[np.int64], asked: NDArray[np.int64], until: NDArray[np.int64]
) -> list[tuple[NDArray[np.int64], Floats, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """For each bit from the highest: what `Pairs` keeps, to add up the rows [0, until) whose rank is below `asked`."""
    order = np.arange(len(ranks))
    start, end = np.zeros_like(until), until.copy()
    levels = []
    for bit in range(len(ranks).bit_length() - 1, -1, -1):
        is_zero = (ranks[order] >> bit) & 1 == 0
        zeros = np.r_[0, np.cumsum(is_zero)]
        is_one_asked = (asked >> bit) & 1 == 1
        chosen = np.flatnonzero(is_one_asked)
        levels.append((order, is_zero.astype(np.float64), chosen, start[chosen], end[chosen]))
        among_ones = zeros[-1] + (start - zeros[start]), zeros[-1] + (end - zeros[end])
        start = np.where(is_one_asked, among_ones[0], zeros[start])
        end = np.where(is_one_asked, among_ones[1], zeros[end])
        order = np.concatenate([order[is_zero], order[~is_zero]])
    return levels


def survival_of(hazards: ArrayLike) -> Floats:
    """From the chance of ending in each period, for whoever has come that far, the chance of outlasting it. A row a person.

    >>> survival_of([[0.5, 0.2]]).tolist()
    [[0.5, 0.4]]
    """
    return np.asarray(np.cumprod(1.0 - np.asarray(hazards, dtype=np.float64), axis=1))


def expected_days(survival: ArrayLike, *, period_days: int) -> Floats:
    """The mean time, of whom lasts beyond the curve that far (the restricted mean survival time). A row a person.

    survival: the chance of lasting past day 0, then past each `period_days`; straight lines between.

    >>> expected_days([[0.8, 0.4]], period_days=30).round(6).tolist()
    [18.0]
    """
    s = np.asarray(survival, dtype=np.float64)
    return np.asarray(period_days * (s[:, :-1] + s[:, 1:]).sum(axis=1) / 2)


def median_days(survival: ArrayLike, *, period_days: int) -> Floats:
    """The day by which half have ended: 0 where fewer than half last past day 0, NaN where more than half outlast the curve.

    >>> median_days([[0.8, 0.4], [0.4, 0.1], [0.9, 0.6]], period_days=30).round(6).tolist()
    [22.5, 0.0, nan]
    """
    s = np.asarray(survival, dtype=np.float64)
    below = s <= 0.5
    place = below.argmax(axis=1)
    row = np.arange(len(s))
    high, low = s[row, np.maximum(place - 1, 0)], s[row, place]
    within = np.divide(high - 0.5, high - low, out=np.zeros(len(s)), where=high > low)
    days = np.where(place == 0, 0.0, period_days * (place - 1 + within))
    return np.where(below.any(axis=1), days, NAN)
