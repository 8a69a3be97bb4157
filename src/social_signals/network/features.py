"""One row per person: what their place in the graph of a window says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial

import numpy as np
import pandas as pd
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from social_signals.network import centrality, cohesion, communities
from social_signals.network.cascades import cascades
from social_signals.network.edges import DST, KINDS_BY_THEMSELVES, SRC, WEIGHT, count_of, edges_between
from social_signals.network.graph import NODE, Floats, Graph, numbered, values_by_node, vector_of
from social_signals.network.graph import matrices as matrices_of
from social_signals.network.params import NetworkParams
from social_signals.tables.gold import person_column
from social_signals.tables.gold_network import COMMUNITY, NETWORK_COLUMNS, PAGERANK
from social_signals.tables.gold_texts import POSTS_COUNT, SHARE, TOPIC
from social_signals.tables.silver import USER_ID

Say = Callable[[str], None]


@contextmanager
def network_of(
    *,
    as_of: datetime,
    interactions: DataFrame,
    posts: DataFrame,
    topics: DataFrame | None,
    params: NetworkParams,
    seed: int,
    say: Say = lambda _: None,
) -> Iterator[tuple[DataFrame, DataFrame | None]]:
    """Two frames while it lasts: (user_id, NETWORK_COLUMNS) of everybody with an edge, and (user_id, topic, pagerank) of the
    best of each topic, or none.

    topics: gold.creator_topics at as_of. say: told each step as it begins. What is kept in between is let go at the end.
    """
    say("edges")
    edges = edges_between(interactions, posts, as_of=as_of, params=params).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        # Who is in it is one pass over the edges, and their numbers another.
        graph = numbered(edges)
    finally:
        edges.unpersist()
    try:
        if graph.nodes == 0:
            schema = StructType([person_column(), *NETWORK_COLUMNS])
            yield edges.sparkSession.createDataFrame([], schema), None
            return
        with (
            cascades(
                interactions, posts, as_of=as_of, window_days=params.window_days, most_steps=params.cascade_depth
            ) as carried,
            _placed(graph, topics=topics, params=params, seed=seed, say=say) as (by_node, of_topics),
        ):
            yield _named(graph.people, by_node, graph, carried), of_topics
    finally:
        graph.release()


@contextmanager
def _placed(
    graph: Graph, *, topics: DataFrame | None, params: NetworkParams, seed: int, say: Say
) -> Iterator[tuple[DataFrame, DataFrame | None]]:
    """(node, everything that is measured by node), and the ranks by topic."""
    nodes = graph.nodes
    pairs = cohesion.pairs_of(graph.edges).persist(StorageLevel.MEMORY_AND_DISK)
    ends = cohesion.both_ways(pairs)
    matrices = matrices_of(graph, ends)
    degrees = _degrees(graph, ends).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        say("PageRank")
        out_weight = vector_of(degrees, "out_weight", nodes=nodes)
        walk = partial(
            centrality.pagerank, matrices.towards, out_weight,
            damping=params.damping, tolerance=params.tolerance, max_rounds=params.max_rounds,
        )  # fmt: skip
        ranks = walk()
        of_topics = None
        if topics is not None and params.topics:
            of_topics = _by_topic(graph, topics, walk=walk, most=params.people_per_topic)
        say("hubs and authorities")
        hubs, authorities = centrality.hubs_and_authorities(matrices.towards, matrices.outwards)
        say("cores")
        cores = cohesion.core_numbers(matrices.neighbours, vector_of(degrees, "degree", nodes=nodes))
        say("communities")
        labels = communities.label_propagation(matrices.neighbours, seed=seed, max_rounds=params.label_rounds)
        participation, reached = communities.participation(matrices.neighbours, labels)
        values = {
            PAGERANK: ranks, "hub": hubs, "authority": authorities, "core_number": cores, COMMUNITY: labels,
            "community_size": np.bincount(labels, minlength=nodes)[labels], "participation": participation,
            "communities_reached": reached,
        }  # fmt: skip
        # Sums in another order differ in the last of sixteen digits; in these they do not.
        rounded = {name: np.round(value, 12) for name, value in values.items()}
        say("triangles")
        closed = cohesion.triangles(pairs, degrees)
        by_node = values_by_node(graph.people, rounded).join(degrees, on=NODE).join(closed, on=NODE, how="left")
        yield by_node, of_topics
    finally:
        degrees.unpersist()
        pairs.unpersist()
        matrices.release()


def _degrees(graph: Graph, ends: DataFrame) -> DataFrame:
    """(node, degree, in_degree, out_degree, in_weight, out_weight, reciprocity, and both degrees of each kind by itself)."""
    sides = []
    for end, way in ((DST, "in"), (SRC, "out")):
        sides.append(
            graph.edges.groupBy(F.col(end).alias(NODE)).agg(
                F.count(F.lit(1)).alias(f"{way}_degree"),
                F.round(F.sum(WEIGHT), 9).alias(f"{way}_weight"),
                *[
                    F.count(F.when(F.col(count_of(kind)) > 0, 1)).alias(f"{kind}_{way}_degree")
                    for kind in KINDS_BY_THEMSELVES
                ],
            )
        )
    mutual = ends.groupBy(NODE).agg(
        F.count(F.lit(1)).alias("degree"),
        F.round(2 * F.sum(F.least("given", "taken")) / F.sum(WEIGHT), 9).alias("reciprocity"),
    )
    joined = mutual.join(sides[0], on=NODE, how="left").join(sides[1], on=NODE, how="left")
    return joined.na.fill(0)


def _by_topic(graph: Graph, topics: DataFrame, *, walk: Callable[..., Floats], most: int) -> DataFrame | None:
    """(user_id, topic, pagerank): PageRank from those who write about a topic, in proportion to their posts about it."""
    wrote = pd.DataFrame(
        topics.join(graph.people, on=USER_ID)
        .select(NODE, TOPIC, (F.col(SHARE) * F.col(POSTS_COUNT)).alias(WEIGHT))
        .toPandas()
    )
    wrote = wrote[wrote[WEIGHT] > 0]
    numbers = sorted(int(number) for number in wrote[TOPIC].unique())
    if not numbers:
        return None
    start = np.zeros((graph.nodes, len(numbers)))
    start[wrote[NODE].to_numpy(), np.searchsorted(numbers, wrote[TOPIC])] = wrote[WEIGHT].to_numpy()
    ranks = walk(start=start / start.sum(axis=0))
    rows = []
    for place, number in enumerate(numbers):
        column = np.round(ranks[:, place], 12)
        best = np.lexsort((np.arange(graph.nodes), -column))[:most]
        rows += [(int(node), number, float(column[node])) for node in best if column[node] > 0]
    frame = graph.people.sparkSession.createDataFrame(rows, f"{NODE} long, {TOPIC} int, {PAGERANK} double")
    return frame.join(graph.people, on=NODE).select(USER_ID, TOPIC, PAGERANK)


def _named(people: DataFrame, by_node: DataFrame, graph: Graph, carried: DataFrame) -> DataFrame:
    """By user_id, in the declared columns; who has no cascade has nulls there."""
    pairs, triangles = F.col("degree") * (F.col("degree") - 1), F.coalesce(F.col("triangles"), F.lit(0))
    worked_out = {
        "triangles": triangles,
        "clustering": F.when(pairs > 0, F.round(2 * triangles / pairs, 9)).otherwise(F.lit(0.0)),
        "pagerank_to_mean_ratio": F.round(F.col(PAGERANK) * graph.nodes, 6),
        "authority_to_mean_ratio": F.round(F.col("authority") * graph.nodes, 6),
        "hub_to_mean_ratio": F.round(F.col("hub") * graph.nodes, 6),
    }
    found = people.join(by_node, on=NODE).join(carried, on=USER_ID, how="left")
    # One frame and not one a column: Spark looks through all that is below each.
    return found.select(
        USER_ID,
        *[worked_out.get(c.name, F.col(c.name)).cast(c.dataType).alias(c.name) for c in NETWORK_COLUMNS],
    )
