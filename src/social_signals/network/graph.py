"""A graph for algorithms that go round: people numbered on Spark, edges packed into arrays that stay where they are.

Arrays of few edges lie on the driver, where a round takes milliseconds; those of many stay with the tasks. There a round broadcasts a
few numbers a person, each task works on its arrays with the same function of NumPy and SciPy, and the driver gathers a few numbers a
person back. Nothing grows with the rounds, and a person with millions of edges is cut over several tasks where a sum allows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.core.steps import doing
from social_signals.core.workers import settled
from social_signals.network.edges import DST, SRC, WEIGHT
from social_signals.tables.silver import USER_ID

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NODE = "node"
# Edges that a task holds at once, 20 bytes each while they are packed.
EDGES_PER_BLOCK = 4_000_000
# Edges that the driver holds, 640 MB of them at most.
EDGES_HERE = 10_000_000
_PLACE_BITS = 33


@dataclass(frozen=True)
class Graph:
    """people: (node, user_id), node 0 to nodes - 1 in the order of user_id. edges: (src, dst, ...) by node, persisted. ordered: what
    `people` is a view of, persisted: numbers are only what they are while it lasts."""

    people: DataFrame
    edges: DataFrame
    nodes: int
    edge_count: int
    ordered: DataFrame

    def release(self) -> None:
        self.edges.unpersist()
        self.ordered.unpersist()


class Block(NamedTuple):
    """A run of rows: those from `first` on, whose columns are `columns[starts[i]:starts[i + 1]]` with `weights` beside them."""

    first: int
    starts: Ints
    columns: Ints
    weights: Floats

    @property
    def rows(self) -> int:
        return len(self.starts) - 1

    @property
    def row_of_each(self) -> Ints:
        """Of each entry its row, counted from `first`."""
        return np.repeat(np.arange(self.rows), np.diff(self.starts))


@dataclass(frozen=True)
class Packed:
    """A sparse matrix, nodes by nodes, as blocks of rows: on the driver (`here`), or a few a task in a persisted frame."""

    nodes: int
    here: list[Block] | None = None
    there: DataFrame | None = None

    def multiply(self, vectors: Floats) -> Floats:
        """The matrix times `vectors` (nodes, or nodes by k)."""
        return self.each_row(_product, vectors, width=None if vectors.ndim == 1 else vectors.shape[1])

    def each_row(
        self, function: Callable[..., NDArray[Any]], *shared: NDArray[Any], width: int | None = None
    ) -> Floats:
        """`function(block, *shared)` of every block, its rows put in their places; rows that no block has are 0.

        function: gives one number a row of the block, or `width` of them. A row that is cut over blocks gets the sum. One
        Spark job where the blocks are with the tasks, else none.
        """
        result = np.zeros(self.nodes if width is None else (self.nodes, width))
        if self.here is not None:
            found = [(block.first, np.asarray(function(block, *shared), dtype=np.float64)) for block in self.here]
        else:
            found = _asked(self.there, function, shared, width=width)
        for first, values in found:
            result[first : first + len(values)] += values
        return result

    def release(self) -> None:
        if self.there is not None:
            self.there.unpersist()


def _asked(
    blocks: Any, function: Callable[..., NDArray[Any]], shared: tuple[NDArray[Any], ...], *, width: int | None
) -> list[tuple[int, Floats]]:
    """What `function` gives of each block that is with the tasks, in their order."""
    told = blocks.sparkSession.sparkContext.broadcast(shared)

    def apply(batches: Iterable[Any]) -> Iterator[Any]:
        import pyarrow as pa

        for batch in batches:
            for block in _blocks(batch):
                values = np.ascontiguousarray(function(block, *told.value), dtype=np.float64)
                yield pa.RecordBatch.from_pydict({"first": [block.first], "of_rows": [values.tobytes()]})

    rows = pd.DataFrame(blocks.mapInArrow(settled(apply), "first long, of_rows binary").toPandas())
    told.destroy()
    shape = (-1,) if width is None else (-1, width)
    return [
        (int(first), np.frombuffer(values).reshape(shape))
        for first, values in sorted(zip(rows["first"], rows["of_rows"], strict=True))
    ]


@doing("number the people of the graph")
def numbered(edges: DataFrame) -> Graph:
    """The graph of `edges` (src, dst, ...) between people, its people numbered by the order of their ids."""
    ends = edges.select(F.col(SRC).alias(USER_ID)).unionAll(edges.select(F.col(DST).alias(USER_ID)))
    ordered = (
        ends.distinct()
        .orderBy(USER_ID)
        .withColumn("place", F.monotonically_increasing_id())
        .persist(StorageLevel.MEMORY_AND_DISK)
    )
    part = F.shiftright("place", _PLACE_BITS)
    counts = {int(row["part"]): int(row["count"]) for row in ordered.groupBy(part.alias("part")).count().collect()}
    before, nodes = {}, 0
    for number in sorted(counts):
        before[number], nodes = nodes, nodes + counts[number]
    if not counts:
        people = ordered.select(F.lit(0).cast("long").alias(NODE), USER_ID)
    else:
        offsets = F.create_map(*[F.lit(value) for pair in before.items() for value in pair])
        within = F.col("place").bitwiseAND(F.lit((1 << _PLACE_BITS) - 1))
        people = ordered.select((offsets[part] + within).cast("long").alias(NODE), USER_ID)
    others = [name for name in edges.columns if name not in (SRC, DST)]
    joined = edges.withColumnRenamed(SRC, "src_id").withColumnRenamed(DST, "dst_id")
    for end in (SRC, DST):
        joined = joined.join(people.select(F.col(NODE).alias(end), F.col(USER_ID).alias(f"{end}_id")), on=f"{end}_id")
    by_node = joined.select(SRC, DST, *others).persist(StorageLevel.MEMORY_AND_DISK)
    return Graph(people, by_node, nodes, by_node.count(), ordered)


class Matrices(NamedTuple):
    """A graph as the algorithms take it: weights at (receiver, actor), at (actor, receiver), and whole rows of both ways summed."""

    towards: Packed
    outwards: Packed
    neighbours: Packed

    def release(self) -> None:
        for matrix in self:
            matrix.release()


def matrices(graph: Graph, ends: DataFrame, *, here_up_to: int = EDGES_HERE) -> Matrices:
    """The matrices of a graph. ends: its pairs from both sides, (node, other, weight). here_up_to: so many edges are held on the
    driver, 64 bytes each; more stay with the tasks."""
    if graph.edge_count > here_up_to:
        return Matrices(
            packed(graph.edges, row=DST, column=SRC, nodes=graph.nodes, edge_count=graph.edge_count),
            packed(graph.edges, row=SRC, column=DST, nodes=graph.nodes, edge_count=graph.edge_count),
            packed(ends, row=NODE, column="other", nodes=graph.nodes, edge_count=2 * graph.edge_count, whole_rows=True),
        )
    from scipy.sparse import csr_matrix

    rows = pd.DataFrame(graph.edges.select(SRC, DST, WEIGHT).toPandas())
    towards = csr_matrix((rows[WEIGHT], (rows[DST], rows[SRC])), shape=(graph.nodes, graph.nodes))
    return Matrices(*(Packed(graph.nodes, here=[_whole(one)]) for one in (towards, towards.T, towards + towards.T)))


def packed(edges: DataFrame, *, row: str, column: str, nodes: int, edge_count: int, whole_rows: bool = False) -> Packed:
    """The matrix with the weight of each edge at (row, column), both node numbers, as blocks with the tasks.

    whole_rows: no row is cut over blocks, for what needs all of a row at once; else a row with very many edges is.
    """
    parts = max(edges.sparkSession.sparkContext.defaultParallelism, -(-edge_count // EDGES_PER_BLOCK))
    narrow = edges.select(F.col(row).alias("row"), F.col(column).alias("column"), WEIGHT)
    dealt = narrow.repartitionByRange(parts, *(["row"] if whole_rows else ["row", "column"]))
    blocks = dealt.mapInArrow(settled(_pack), "first long, starts binary, columns binary, weights binary")
    return Packed(nodes, there=blocks.persist(StorageLevel.MEMORY_AND_DISK))


def values_by_node(people: DataFrame, columns: dict[str, NDArray[Any]]) -> DataFrame:
    """One row per person: node and what the driver knows of each."""
    frame = pd.DataFrame({NODE: np.arange(len(next(iter(columns.values())))), **columns})
    return people.sparkSession.createDataFrame(frame)


def vector_of(rows: DataFrame, column: str, *, nodes: int) -> Floats:
    """A column of rows (node, column) as a vector, 0 for who has no row. Held on the driver: 8 bytes a person."""
    found = pd.DataFrame(rows.select(NODE, F.col(column).cast("double").alias(column)).toPandas())
    vector = np.zeros(nodes)
    vector[found[NODE].to_numpy()] = found[column].to_numpy()
    return vector


def _product(block: Block, vectors: Floats) -> Floats:
    from scipy.sparse import csr_matrix

    matrix = csr_matrix((block.weights, block.columns, block.starts), shape=(block.rows, len(vectors)))
    return np.asarray(matrix @ vectors)


def _pack(batches: Iterable[Any]) -> Iterator[Any]:
    import pyarrow as pa

    parts = [
        tuple(column.to_numpy(zero_copy_only=False) for column in batch.columns) for batch in batches if batch.num_rows
    ]
    if not parts:
        return
    rows, columns, weights = (np.concatenate(side) for side in zip(*parts, strict=True))
    # Rows arrive as the shuffle had them; in this order sums are the same however that was.
    order = np.lexsort((columns, rows))
    rows, columns, weights = rows[order], columns[order], weights[order]
    first = int(rows[0])
    starts = np.searchsorted(rows, np.arange(first, int(rows[-1]) + 2)).astype(np.int64)
    yield pa.RecordBatch.from_pydict(
        {
            "first": [first], "starts": [starts.tobytes()],
            "columns": [columns.astype(np.int64).tobytes()], "weights": [weights.astype(np.float64).tobytes()],
        }
    )  # fmt: skip


def _blocks(batch: Any) -> Iterator[Block]:
    for first, starts, columns, weights in zip(*(column.to_pylist() for column in batch.columns), strict=True):
        yield Block(
            int(first),
            np.frombuffer(starts, np.int64),
            np.frombuffer(columns, np.int64),
            np.frombuffer(weights, np.float64),
        )


def _whole(matrix: Any) -> Block:
    rows = matrix.tocsr()
    rows.sort_indices()
    return Block(0, rows.indptr.astype(np.int64), rows.indices.astype(np.int64), rows.data.astype(np.float64))
