"""Samples backwards against simulations forwards."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from social_signals.network import reach
from social_signals.network.reach import Flow, flow_of, sample_sets, sampled_sets

NODES = 40


def flow_of_chance(seed: int = 3) -> Flow:
    rng = np.random.default_rng(seed)
    pairs = np.array(sorted({(int(a), int(b)) for a, b in rng.integers(0, NODES, (110, 2)) if a != b}))
    return flow_of(pairs[:, 0], pairs[:, 1], rng.integers(1, 5, len(pairs)).astype(float), nodes=NODES)


def spread(flow: Flow, seeds: list[int], *, times: int) -> tuple[float, float]:
    """Mean number of people that a message of `seeds` reaches, simulated from them on, and its standard error."""
    rng = np.random.default_rng(11)
    listener = np.repeat(np.arange(flow.nodes), np.diff(flow.starts))
    reached = []
    for _ in range(times):
        is_told = np.zeros(flow.nodes, dtype=bool)
        is_told[seeds] = True
        passes = rng.random(len(flow.sources)) < flow.chances
        while True:
            heard = listener[passes & is_told[flow.sources]]
            if is_told[heard].all():
                break
            is_told[heard] = True
        reached.append(is_told.sum())
    return float(np.mean(reached)), float(np.std(reached) / np.sqrt(times))


def test_a_person_hears_by_the_share_of_their_acts() -> None:
    flow = flow_of(np.array([2, 2, 0]), np.array([0, 1, 1]), np.array([3.0, 1.0, 5.0]), nodes=3)
    heard = {
        (v, int(flow.sources[e])): flow.chances[e] for v in range(3) for e in range(flow.starts[v], flow.starts[v + 1])
    }
    assert heard == {(2, 0): 0.75, (2, 1): 0.25, (0, 1): 1.0}


@pytest.mark.parametrize("seeds", [[0], [5, 17], [1, 2, 3, 30]])
def test_the_estimated_reach_is_that_of_simulations(seeds: list[int]) -> None:
    flow, count = flow_of_chance(), 20_000
    sets = sample_sets(flow, wanted=np.array(seeds), first=0, count=count, seed=7)
    share = len(np.unique(sets.numbers)) / count
    estimate, error = NODES * share, NODES * np.sqrt(share * (1 - share) / count)
    expected, their_error = spread(flow, seeds, times=4_000)
    assert abs(estimate - expected) < 4 * np.hypot(error, their_error)
    assert expected > len(seeds) + 0.5


def test_a_set_depends_on_its_number_and_the_seed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    flow, wanted = flow_of_chance(), np.array([30, 4, 11])
    whole = sample_sets(flow, wanted=wanted, first=0, count=500, seed=7)
    monkeypatch.setattr(reach, "_MARKS", 37 * NODES)
    first, rest = (sample_sets(flow, wanted=wanted, first=a, count=n, seed=7) for a, n in ((0, 120), (120, 380)))
    cut = first.and_more(rest)
    assert cut.drawn == 500
    for one, other in zip(whole.covers(3), cut.covers(3), strict=True):
        assert one.tolist() == other.tolist()
        assert len(one) > 10
    other_seed = sample_sets(flow, wanted=wanted, first=0, count=500, seed=8)
    assert other_seed.numbers.tolist() != whole.numbers.tolist()


def test_people_without_edges_reach_themselves() -> None:
    alone = Flow(np.zeros(5, dtype=np.int64), np.zeros(0, dtype=np.int32), np.zeros(0))
    sets = sample_sets(alone, wanted=np.arange(4), first=0, count=4_000, seed=1)
    assert [len(one) for one in sets.covers(4)] == pytest.approx([1_000] * 4, rel=0.15)


def test_tasks_draw_the_sets_that_the_driver_draws(
    spark_session: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow, wanted = flow_of_chance(), np.array([30, 4, 11])
    here = sampled_sets(spark_session, flow, wanted=wanted, first=40, count=300, seed=7)
    monkeypatch.setattr(reach, "HERE_UP_TO", 0)
    there = sampled_sets(spark_session, flow, wanted=wanted, first=40, count=300, seed=7)
    assert (here.numbers.tolist(), here.places.tolist()) == (there.numbers.tolist(), there.places.tolist())
