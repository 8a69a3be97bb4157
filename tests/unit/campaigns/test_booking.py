"""The reach that is told of who is booked, against what the sets say and against simulations."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from social_signals.campaigns.booking import book
from social_signals.campaigns.selection import EQUAL_PRICES, Limits
from social_signals.network.reach import Sets, flow_of, sample_sets

NODES = 60


def drawn_from(seed: int) -> tuple[Callable[[int, int], Sets], list[tuple[int, int]]]:
    """Draws sets of a graph of chance in which everybody acts towards the first eight; and what was drawn so far."""
    rng = np.random.default_rng(5)
    drawn = zip(rng.integers(0, NODES, 150), rng.integers(0, 8, 150), strict=True)
    pairs = np.array(sorted({(int(a), int(b)) for a, b in drawn if a != b}))
    flow = flow_of(pairs[:, 0], pairs[:, 1], np.ones(len(pairs)), nodes=NODES)
    asked: list[tuple[int, int]] = []

    def draw(first: int, count: int) -> Sets:
        asked.append((first, count))
        return sample_sets(flow, wanted=np.arange(8), first=first, count=count, seed=seed)

    return draw, asked


def test_what_each_adds_sums_to_the_reach_of_all_and_only_shrinks() -> None:
    draw, _ = drawn_from(1)
    found = book(draw, np.ones(8), Limits(None, 4), nodes=NODES, sets=4_000, most_sets=4_000, error=0.02)
    assert len(found.order) == 4
    assert abs(found.added.sum() - found.reach) < 1e-9
    assert all(a >= b - 3 * found.error for a, b in pairwise(found.added))
    assert all(found.alone[place] >= added for place, added in zip(found.order, found.added, strict=True))
    assert EQUAL_PRICES == found.guaranteed < found.at_least <= 1.0


def test_sets_are_doubled_until_the_reach_is_sure_enough() -> None:
    draw, asked = drawn_from(1)
    found = book(draw, np.ones(8), Limits(None, 2), nodes=NODES, sets=100, most_sets=100_000, error=0.02)
    assert found.error <= 0.02 * found.reach
    assert 100 < found.sets <= 100_000
    judges = [(first, count) for first, count in asked if first >= 1 << 40]
    # as many sets judge as choose, and each is drawn once
    assert sum(count for _, count in judges) == found.sets == sum(count for _, count in asked) / 2
    assert len({first for first, _ in asked}) == len(asked)
    few = book(draw, np.ones(8), Limits(None, 2), nodes=NODES, sets=100, most_sets=300, error=0.001)
    assert few.sets == 200


def test_two_draws_agree_within_their_errors() -> None:
    runs = [
        book(drawn_from(seed)[0], np.ones(8), Limits(None, 3), nodes=NODES, sets=20_000, most_sets=20_000, error=0.5)
        for seed in (1, 2)
    ]
    assert abs(runs[0].reach - runs[1].reach) < 4 * np.hypot(runs[0].error, runs[1].error)
    assert runs[0].reach != runs[1].reach


def test_nobody_that_the_budget_pays_for() -> None:
    draw, _ = drawn_from(1)
    found = book(draw, np.full(8, 5.0), Limits(4.0, None), nodes=NODES, sets=100, most_sets=400, error=0.02)
    assert (found.order, found.reach, found.error) == ((), 0.0, 0.0)
    assert found.alone.min() > 0
