"""Whom a message would reach that some people pass on: the independent cascade over who listens to whom, by samples backwards.

Influence flows from the receiver of an act to the actor: who shared, answered or liked somebody's posts hears the next one too. A
person hears with the weighted cascade's chance (Kempe, Kleinberg and Tardos, 2003): the share of their acts that went to whom it
comes from. Whom a set of people reaches is estimated from reverse-reachable sets (Borgs, Brautbar, Chayes and Lucier, 2014): of a
person drawn at random, all those from whom a message would have come to them. The share of such sets that hold one of the set is,
on average, the share of all people that it reaches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import SparkSession

from social_signals.core.workers import settled
from social_signals.network.graph import Floats, Ints

# Marks that a batch of sets may take, a byte each: one a set and person.
_MARKS = 32_000_000
# Edges above which the sets are drawn by tasks. Below, a job of Spark takes longer than drawing them.
HERE_UP_TO = 1_000_000
# Odd 64-bit constants of SplitMix64 (Steele, Lea and Flood, 2014).
_STEP, _MIX, _LAST = (np.uint64(x) for x in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_ROOT = np.uint64(0xFFFFFFFFFFFFFFFF)


class Flow(NamedTuple):
    """Of each person, whom they hear from: `sources[starts[v]:starts[v + 1]]`, each with the chance beside it."""

    starts: Ints
    sources: NDArray[np.int32]
    chances: Floats

    @property
    def nodes(self) -> int:
        return len(self.starts) - 1


class Sets(NamedTuple):
    """Which of the wanted people lie in which of the sets `drawn`: pairs (number of the set, counted from the first; place of the
    person among those wanted), in order."""

    drawn: int
    numbers: Ints
    places: Ints

    def covers(self, people: int) -> list[Ints]:
        """Of each of the `people` wanted the numbers of the sets that hold them, in order."""
        order = np.argsort(self.places, kind="stable")
        ends = np.searchsorted(self.places[order], np.arange(1, people))
        return np.split(self.numbers[order], ends)

    def and_more(self, others: Sets) -> Sets:
        """These sets and `others` after them."""
        numbers = np.concatenate([self.numbers, others.numbers + self.drawn])
        return Sets(self.drawn + others.drawn, numbers, np.concatenate([self.places, others.places]))


def flow_of(actors: Ints, receivers: Ints, weights: Floats, *, nodes: int) -> Flow:
    """The flow of edges `actor acted towards receiver`, by node number, each pair once: an actor hears from a receiver with the
    chance weight / all weight of the actor's acts."""
    order = np.lexsort((receivers, actors))
    actors, receivers, weights = actors[order], receivers[order], weights[order]
    total = np.bincount(actors, weights=weights, minlength=nodes)
    starts = np.searchsorted(actors, np.arange(nodes + 1)).astype(np.int64)
    return Flow(starts, receivers.astype(np.int32), weights / total[actors])


def sample_sets(flow: Flow, *, wanted: Ints, first: int, count: int, seed: int) -> Sets:
    """The reverse-reachable sets number `first` to `first + count - 1`, as far as they hold any of `wanted` (node numbers).

    A set depends on its number and the seed alone, however the work is cut. Each starts at a person drawn evenly, and each
    edge passes a message on or not once a set.
    """
    place_of = np.full(flow.nodes, -1, dtype=np.int64)
    place_of[wanted] = np.arange(len(wanted))
    batch = max(1, _MARKS // max(flow.nodes, 1))
    parts = [
        _batch(flow, place_of, first=begin, count=min(batch, first + count - begin), seed=seed)
        for begin in range(first, first + count, batch)
    ]
    numbers, places = (np.concatenate(side) for side in zip(*parts, strict=True)) if parts else (_NONE, _NONE)
    return Sets(count, numbers - first, places)


def sampled_sets(spark: SparkSession, flow: Flow, *, wanted: Ints, first: int, count: int, seed: int) -> Sets:
    """As `sample_sets`; with many edges the tasks share the work, to whom the flow is broadcast (12 bytes an edge)."""
    if len(flow.sources) <= HERE_UP_TO:
        return sample_sets(flow, wanted=wanted, first=first, count=count, seed=seed)
    told = spark.sparkContext.broadcast((flow, wanted))

    def draw(batches: Iterable[Any]) -> Iterator[Any]:
        import pyarrow as pa

        known, sought = told.value
        for batch in batches:
            if batch.num_rows:
                ids = batch.column(0).to_numpy()
                found = sample_sets(known, wanted=sought, first=int(ids[0]), count=len(ids), seed=seed)
                columns = [pa.array(found.numbers + int(ids[0])), pa.array(found.places)]
                yield pa.RecordBatch.from_arrays(columns, names=["number", "place"])

    slots = spark.sparkContext.defaultParallelism
    numbers = spark.range(first, first + count, numPartitions=slots)
    rows = pd.DataFrame(numbers.mapInArrow(settled(draw), "number long, place long").toPandas())
    told.destroy()
    rows = rows.sort_values(["number", "place"])
    return Sets(count, rows["number"].to_numpy(np.int64) - first, rows["place"].to_numpy(np.int64))


def _batch(flow: Flow, place_of: Ints, *, first: int, count: int, seed: int) -> tuple[Ints, Ints]:
    nodes = flow.nodes
    numbers = np.arange(first, first + count, dtype=np.int64)
    roots = np.floor(_uniform(seed, numbers, np.full(count, _ROOT)) * nodes).astype(np.int64)
    # a person of a set: the set's place in the batch and the node, in one number
    frontier = np.arange(count, dtype=np.int64) * nodes + roots
    is_seen = np.zeros(count * nodes, dtype=bool)
    is_seen[frontier] = True
    found = [frontier]
    while len(frontier):
        sets, people = np.divmod(frontier, nodes)
        begins, widths = flow.starts[people], flow.starts[people + 1] - flow.starts[people]
        edges = np.repeat(begins - np.cumsum(widths) + widths, widths) + np.arange(int(widths.sum()))
        of_edge = np.repeat(sets, widths)
        passes = _uniform(seed, numbers[of_edge], edges) < flow.chances[edges]
        heard = of_edge[passes] * nodes + flow.sources[edges[passes]]
        frontier = np.unique(heard[~is_seen[heard]])
        is_seen[frontier] = True
        found.append(frontier)
    sets, people = np.divmod(np.concatenate(found), nodes)
    places = place_of[people]
    sets, places = sets[places >= 0], places[places >= 0]
    order = np.lexsort((places, sets))
    return numbers[sets[order]], places[order]


def _uniform(seed: int, numbers: NDArray[Any], edges: NDArray[Any]) -> Floats:
    """In [0, 1), the same for the same seed, number of a set and edge wherever it is asked for."""
    with np.errstate(over="ignore"):
        mixed = _mixed((numbers.astype(np.uint64) + np.uint64(1)) * _STEP + np.uint64(seed))
        mixed = _mixed(mixed + (edges.astype(np.uint64) + np.uint64(1)) * _STEP)
    return np.asarray((mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * _MIX
    values = (values ^ (values >> np.uint64(27))) * _LAST
    return values ^ (values >> np.uint64(31))


_NONE = np.zeros(0, dtype=np.int64)
