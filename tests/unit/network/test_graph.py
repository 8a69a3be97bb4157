"""Each algorithm against networkx on graphs of chance."""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx
import numpy as np
import pytest
from networkx.algorithms.community import modularity
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from social_signals.core.errors import DataQualityError
from social_signals.network import graph as graphs
from social_signals.network.centrality import hubs_and_authorities, pagerank
from social_signals.network.cohesion import both_ways, core_numbers, pairs_of, triangles
from social_signals.network.communities import label_propagation, participation
from social_signals.network.graph import Graph, matrices, numbered, packed

WALK = {"damping": 0.85, "tolerance": 1e-9, "max_rounds": 300}


class Known:
    """A graph of chance in both worlds. A hub that everybody acts towards, dead ends and mutual edges are in it."""

    def __init__(self, spark: SparkSession, *, seed: int, people: int, edges: int) -> None:
        rng = np.random.default_rng(seed)
        ends = rng.integers(0, people, (edges, 2))
        ends = np.vstack(
            [ends, ends[: edges // 4, ::-1], np.column_stack([np.arange(1, people), np.zeros(people - 1, int)])]
        )
        weights = {(f"u{a:04}", f"u{b:04}"): float(rng.integers(1, 6)) for a, b in ends if a != b}
        self.directed = nx.DiGraph()
        self.directed.add_weighted_edges_from((a, b, w) for (a, b), w in weights.items())
        self.names = sorted(self.directed)
        rows = [(a, b, w) for (a, b), w in weights.items()]
        self.graph: Graph = numbered(spark.createDataFrame(rows, "src string, dst string, weight double"))
        self.pairs = pairs_of(self.graph.edges)
        self.matrices = matrices(self.graph, both_ways(self.pairs))

    @property
    def undirected(self) -> nx.Graph:
        both = nx.Graph()
        for a, b, w in self.directed.edges(data="weight"):
            before = both.get_edge_data(a, b, {"weight": 0.0})["weight"]
            both.add_edge(a, b, weight=before + w)
        return both

    def of_all(self, by_name: dict[str, float]) -> np.ndarray:
        return np.array([by_name[name] for name in self.names])

    @property
    def out_weight(self) -> np.ndarray:
        return self.of_all(dict(self.directed.out_degree(weight="weight")))


@pytest.fixture(scope="module", params=[1, 2])
def known(spark_session: SparkSession, request: pytest.FixtureRequest) -> Iterator[Known]:
    found = Known(spark_session, seed=request.param, people=40 * request.param, edges=200)
    yield found
    found.graph.release()


def test_people_are_numbered_in_the_order_of_their_ids(known: Known) -> None:
    found = {row["node"]: row["user_id"] for row in known.graph.people.collect()}
    assert [found[number] for number in range(known.graph.nodes)] == known.names


def test_pagerank_is_that_of_networkx(known: Known) -> None:
    ranks = pagerank(known.matrices.towards, known.out_weight, **WALK)
    expected = known.of_all(nx.pagerank(known.directed, alpha=0.85, tol=1e-14, max_iter=1000))
    assert np.abs(ranks - expected).max() < 1e-8


def test_pagerank_from_topics_is_that_of_networkx(known: Known) -> None:
    rng = np.random.default_rng(5)
    start = rng.random((known.graph.nodes, 3)) * (rng.random((known.graph.nodes, 3)) < 0.2)
    start /= start.sum(axis=0)
    ranks = pagerank(known.matrices.towards, known.out_weight, start=start, **WALK)
    for place in range(3):
        wanted = dict(zip(known.names, start[:, place], strict=True))
        expected = nx.pagerank(known.directed, alpha=0.85, personalization=wanted, tol=1e-14, max_iter=1000)
        assert np.abs(ranks[:, place] - known.of_all(expected)).max() < 1e-8


def test_hubs_and_authorities_are_those_of_networkx(known: Known) -> None:
    hubs, authorities = hubs_and_authorities(known.matrices.towards, known.matrices.outwards)
    expected_hubs, expected_authorities = nx.hits(known.directed, max_iter=10_000, tol=1e-12)
    assert np.abs(hubs - known.of_all(expected_hubs)).max() < 1e-8
    assert np.abs(authorities - known.of_all(expected_authorities)).max() < 1e-8


def test_core_numbers_are_those_of_networkx(known: Known) -> None:
    degree = known.of_all(dict(known.undirected.degree()))
    assert (
        core_numbers(known.matrices.neighbours, degree.astype(float)).tolist()
        == known.of_all(nx.core_number(known.undirected)).tolist()
    )


def test_triangles_are_those_of_networkx(known: Known) -> None:
    degrees = both_ways(known.pairs).groupBy("node").agg(F.count(F.lit(1)).alias("degree"))
    found = {row["node"]: row["triangles"] for row in triangles(known.pairs, degrees).collect()}
    expected = known.of_all(nx.triangles(known.undirected))
    assert [found.get(number, 0) for number in range(known.graph.nodes)] == expected.tolist()


def test_a_row_cut_over_blocks_is_summed(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "EDGES_PER_BLOCK", 20)
    cut = packed(known.graph.edges, row="dst", column="src", nodes=known.graph.nodes, edge_count=known.graph.edge_count)
    assert cut.there is not None
    assert len(cut.there.collect()) > 5
    received = known.of_all(dict(known.directed.in_degree(weight="weight")))
    assert cut.multiply(np.ones(known.graph.nodes)).tolist() == received.tolist()
    cut.release()


def test_a_round_with_the_tasks_gives_what_it_gives_on_the_driver(known: Known) -> None:
    apart = matrices(known.graph, both_ways(known.pairs), here_up_to=0)
    here, nodes = known.matrices, known.graph.nodes
    vectors = np.random.default_rng(3).random((nodes, 2))
    labels = np.arange(nodes) % 5
    try:
        for theirs, ours in zip(apart, here, strict=True):
            assert theirs.here is None
            assert theirs.there is not None
            assert np.abs(theirs.multiply(vectors) - ours.multiply(vectors)).max() < 1e-12
        degree = known.of_all(dict(known.undirected.degree())).astype(float)
        assert core_numbers(apart.neighbours, degree).tolist() == core_numbers(here.neighbours, degree).tolist()
        spread = [participation(one.neighbours, labels) for one in (apart, here)]
        assert np.abs(np.array(spread[0]) - np.array(spread[1])).max() < 1e-12
        found = [label_propagation(one.neighbours, seed=7, max_rounds=3).tolist() for one in (apart, here)]
        assert found[0] == found[1]
    finally:
        apart.release()


def test_label_propagation_finds_groups_that_are_there(spark_session: SparkSession) -> None:
    truth = nx.planted_partition_graph(4, 15, 0.7, 0.02, seed=3)
    rows = [(f"u{a:03}", f"u{b:03}", 1.0) for a, b in truth.edges]
    graph = numbered(spark_session.createDataFrame(rows, "src string, dst string, weight double"))
    ends = both_ways(pairs_of(graph.edges))
    near = matrices(graph, ends).neighbours
    labels = label_propagation(near, seed=7, max_rounds=50)
    groups = [{node for node in range(60) if labels[node] == label} for label in set(labels.tolist())]
    assert modularity(truth, groups) > 0.95 * modularity(truth, truth.graph["partition"])
    # nobody has more weight around them for another label than for their own: the fixed point of the method
    for node in range(60):
        weight = {label: sum(labels[other] == label for other in truth[node]) for label in set(labels.tolist())}
        assert weight[labels[node]] == max(weight.values())
    assert label_propagation(near, seed=7, max_rounds=50).tolist() == labels.tolist()


def test_participation_says_who_stands_between_communities(known: Known) -> None:
    labels = np.arange(known.graph.nodes) % 3
    coefficient, reached = participation(known.matrices.neighbours, labels)
    both = known.undirected
    for number, name in enumerate(known.names):
        shares = [0.0, 0.0, 0.0]
        for other, data in both[name].items():
            shares[known.names.index(other) % 3] += data["weight"]
        assert coefficient[number] == pytest.approx(1 - sum((s / sum(shares)) ** 2 for s in shares))
        assert reached[number] == sum(s > 0 for s in shares)


def test_too_few_rounds_are_an_error_that_says_so(known: Known) -> None:
    with pytest.raises(DataQualityError, match="still moves by"):
        pagerank(known.matrices.towards, known.out_weight, damping=0.85, tolerance=1e-12, max_rounds=3)
