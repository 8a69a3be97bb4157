"""Which creators together reach most people under a budget: greedy maximum coverage of reverse-reachable sets, lazily.

The reach of a set of creators is monotone and submodular, so the creator who adds most next is good enough: with a budget and prices
the better of picking by what is added per price and by what is added alone reaches (1 - 1/e) / 2 of the best there is (Khuller, Moss
and Naor, 1999; Leskovec et al., 2007), with equal prices 1 - 1/e (Nemhauser, Wolsey and Fisher, 1978). That holds of the samples; of
people it holds less the error of the samples. It does not hold where some creators must not be chosen together, nor where a largest
number k of creators binds beside unequal prices: there 1 / k is sure, no more. A bound of the best there is, found on the way, holds in
each of these cases.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from social_signals.network.graph import Floats, Ints

EQUAL_PRICES = 1.0 - 1.0 / math.e
UNEQUAL_PRICES = EQUAL_PRICES / 2.0
# Prices are sums of money: what is left of a budget is compared to the thousandth.
_TOLERANCE = 1e-3


class Limits(NamedTuple):
    """What a choice must keep to. budget, most: null for none. apart: whether two must not be chosen together."""

    budget: float | None
    most: int | None
    apart: NDArray[np.bool_] | None = None


class Chosen(NamedTuple):
    """order: places of the chosen, first chosen first. covered: sets that hold any of them. at_most: so many could be covered by
    whatever choice keeps to the budget and the number."""

    order: tuple[int, ...]
    covered: int
    at_most: int


def choose(covers: Sequence[Ints], prices: Floats, limits: Limits, *, sets: int) -> Chosen:
    """The better of two greedy choices, by sets added per price and by sets added.

    covers: of each candidate the numbers, 0 to sets - 1, of the sets that hold them. Ties go to the earlier candidate.
    """
    by_gain = _greedy(covers, prices, limits, sets=sets, by_price=False)
    if limits.budget is None:
        return by_gain
    by_price = _greedy(covers, prices, limits, sets=sets, by_price=True)
    at_most = min(by_gain.at_most, by_price.at_most)
    best = by_price if by_price.covered > by_gain.covered else by_gain
    return best._replace(at_most=at_most)


def guarantee(prices: Floats, limits: Limits) -> float:
    """The least share of the best coverage that `choose` is sure to reach whatever the sets.

    At least one part in as many as can be chosen: the best single one is never worse.

    >>> few = np.array([2.0, 3.0, 4.0, 5.0])
    >>> guarantee(few, Limits(None, 3)) == guarantee(np.full(9, 2.0), Limits(8.0, 4)) == EQUAL_PRICES
    True
    >>> guarantee(few, Limits(100.0, None)) == guarantee(few, Limits(14.0, 4)) == UNEQUAL_PRICES
    True
    >>> guarantee(few, Limits(14.0, 2)), guarantee(few, Limits(6.0, None)), guarantee(few, Limits(4.0, 1))
    (0.5, 0.5, 1.0)
    """
    cheapest = np.cumsum(np.sort(prices))
    payable = len(prices)
    if limits.budget is not None:
        payable = int(np.searchsorted(cheapest, limits.budget + _TOLERANCE, side="right"))
    best_single = 1.0 / max(payable if limits.most is None else min(limits.most, payable), 1)
    if keeps_apart(limits):
        return best_single
    if has_equal_prices(prices, limits):
        return max(EQUAL_PRICES, best_single)
    # a number of creators that the budget could not pay for is no limit
    is_number_free = limits.most is None or limits.most >= payable
    return max(UNEQUAL_PRICES, best_single) if is_number_free else best_single


def keeps_apart(limits: Limits) -> bool:
    """Whether any two must not be chosen together."""
    return limits.apart is not None and bool(limits.apart.any())


def has_equal_prices(prices: Floats, limits: Limits) -> bool:
    """Whether the budget is a matter of how many are chosen, or there is none."""
    return limits.budget is None or len(prices) == 0 or float(prices.max() - prices.min()) < _TOLERANCE


def _greedy(covers: Sequence[Ints], prices: Floats, limits: Limits, *, sets: int, by_price: bool) -> Chosen:
    """One greedy choice. Lazy: what a candidate adds only ever shrinks, so who leads with a fresh figure leads (CELF)."""
    is_covered = np.zeros(sets, dtype=bool)
    left, order, covered = limits.budget, list[int](), 0
    added = np.array([len(one) for one in covers], dtype=np.int64)
    at_most = _bound(added, prices, limits)
    divisor = np.maximum(prices, _TOLERANCE) if by_price else np.ones(len(prices))
    heap = [(-added[place] / divisor[place], place, 0) for place in range(len(covers))]
    heapq.heapify(heap)
    while heap and (limits.most is None or len(order) < limits.most):
        _, place, fresh_at = heapq.heappop(heap)
        is_dear = left is not None and prices[place] > left + _TOLERANCE
        is_near = limits.apart is not None and bool(limits.apart[place, order].any())
        if is_dear or is_near:
            continue
        if fresh_at < len(order):
            added[place] = np.count_nonzero(~is_covered[covers[place]])
            heapq.heappush(heap, (-added[place] / divisor[place], place, len(order)))
            continue
        if added[place] == 0:
            break
        is_covered[covers[place]] = True
        covered += int(added[place])
        order.append(place)
        left = None if left is None else left - float(prices[place])
        added[place] = 0
        # stale figures are too large, never too small, so the bound holds with them
        at_most = min(at_most, covered + _bound(added, prices, limits))
    added = np.array([np.count_nonzero(~is_covered[one]) for one in covers], dtype=np.int64)
    return Chosen(tuple(order), covered, min(at_most, covered + _bound(added, prices, limits)))


def _bound(added: Ints, prices: Floats, limits: Limits) -> int:
    """The most that any choice within the limits can add: parts of candidates may be chosen, and sets they share count twice.

    Submodularity makes it a bound at every step (Leskovec et al., 2007, section 3.2).
    """
    bounds = [int(added.sum())]
    if limits.most is not None:
        bounds.append(int(np.sort(added)[::-1][: limits.most].sum()))
    if limits.budget is not None:
        costs = np.maximum(prices, _TOLERANCE)
        order = np.argsort(-added / costs, kind="stable")
        before = np.cumsum(costs[order]) - costs[order]
        shares = np.clip((limits.budget + _TOLERANCE * len(costs) - before) / costs[order], 0.0, 1.0)
        bounds.append(math.floor(float((added[order] * shares).sum()) + 1e-6))
    return min(bounds)
