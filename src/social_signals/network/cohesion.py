"""How close-knit it is around a person: reciprocity, triangles, cores."""

from __future__ import annotations

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.network.edges import DST, SRC, WEIGHT
from social_signals.network.graph import NODE, Block, Floats, Packed

LOW, HIGH, UP, DOWN = "low", "high", "up", "down"


def pairs_of(edges: DataFrame) -> DataFrame:
    """One row per two people with an edge either way: low < high by node, the weight up (low to high) and down, 0 without an edge."""
    is_up = F.col(SRC) < F.col(DST)
    return (
        edges.select(
            F.least(SRC, DST).alias(LOW), F.greatest(SRC, DST).alias(HIGH), F.when(is_up, F.col(WEIGHT)).alias(UP),
            F.when(~is_up, F.col(WEIGHT)).alias(DOWN),
        )
        .groupBy(LOW, HIGH)
        .agg(*[F.coalesce(F.max(side), F.lit(0.0)).alias(side) for side in (UP, DOWN)])
    )  # fmt: skip


def both_ways(pairs: DataFrame) -> DataFrame:
    """Each pair from the side of both: (node, other, given, taken, weight); weight is the sum of both ways."""
    sides = F.array(
        F.struct(
            F.col(LOW).alias(NODE), F.col(HIGH).alias("other"), F.col(UP).alias("given"), F.col(DOWN).alias("taken")
        ),
        F.struct(
            F.col(HIGH).alias(NODE), F.col(LOW).alias("other"), F.col(DOWN).alias("given"), F.col(UP).alias("taken")
        ),
    )
    return pairs.select(F.inline(sides)).withColumn(WEIGHT, F.col("given") + F.col("taken"))


def triangles(pairs: DataFrame, degrees: DataFrame) -> DataFrame:
    """(node, triangles) of who is in any. pairs: `pairs_of`; degrees: (node, degree).

    Each pair points from the end with fewer neighbours to the other, so nobody points to more than sqrt(2 * pairs), hubs
    included, and each triangle is found once, from its first corner (Schank and Wagner, 2005).
    """
    ends = pairs.select(LOW, HIGH)
    for end in (LOW, HIGH):
        ends = ends.join(degrees.select(F.col(NODE).alias(end), F.col("degree").alias(f"{end}_degree")), on=end)
    low, high = (F.struct(F.col(f"{end}_degree").alias("degree"), F.col(end).alias(NODE)) for end in (LOW, HIGH))
    is_up = low < high
    pointed = ends.select(
        F.when(is_up, F.col(LOW)).otherwise(F.col(HIGH)).alias("a"),
        F.when(is_up, F.col(HIGH)).otherwise(F.col(LOW)).alias("b"),
    )
    wedges = pointed.join(pointed.withColumnRenamed("b", "c"), on="a").where(F.col("b") < F.col("c"))
    closing = pairs.select(F.col(LOW).alias("b"), F.col(HIGH).alias("c"))
    corners = wedges.join(closing, on=["b", "c"], how="left_semi").select(F.explode(F.array("a", "b", "c")).alias(NODE))
    return corners.groupBy(NODE).agg(F.count(F.lit(1)).alias("triangles"))


def core_numbers(neighbours: Packed, degree: Floats) -> Floats:
    """The largest k for which a node is in a part of the graph where everybody has k neighbours within it.

    neighbours: whole rows of (node, other). Each node takes the h-index of its neighbours' numbers, beginning with the degrees,
    until none changes (Lü, Zhou, Zhang and Stanley, 2016).
    """
    numbers = degree.copy()
    while True:
        fresh = neighbours.each_row(_h_index, numbers)
        if np.array_equal(fresh, numbers):
            return numbers
        numbers = fresh


def _h_index(block: Block, numbers: Floats) -> Floats:
    rows, values = block.row_of_each, numbers[block.columns]
    order = np.lexsort((-values, rows))
    place = np.arange(len(rows)) - block.starts[rows] + 1
    found = np.bincount(rows, weights=values[order] >= place, minlength=block.rows)
    return found.astype(np.float64)
