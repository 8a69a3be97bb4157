"""Exact ranks of any number of rows without sorting them all in one place."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

BUCKETS = 4096


def with_rank(rows: DataFrame, *, by: str, tie: str, name: str = "rank", total: str = "total") -> DataFrame:
    """Adds `name`, 1 for the highest `by` (0 to 1), ties in the order of `tie`, and `total`, how many rows there are.

    A window over all rows would bring them to one task. Here a value falls into one of 4,096 buckets; how many rows the
    buckets above hold is a small table; the place within a bucket is a window a bucket. `by` and `tie` together are
    unique. The rows are read twice, so a caller whose rows are dear caches them.
    """
    bucketed = rows.withColumn("_bucket", F.floor(F.col(by) * F.lit(BUCKETS)).cast("int"))
    counts = bucketed.groupBy("_bucket").agg(F.count(F.lit(1)).alias("_count"))
    # At most 4,097 rows: one task is what this window should take.
    downwards = Window.partitionBy(F.lit(0)).orderBy(F.col("_bucket").desc())
    above = counts.select(
        "_bucket",
        (F.sum("_count").over(downwards.rowsBetween(Window.unboundedPreceding, 0)) - F.col("_count")).alias("_above"),
        F.sum("_count").over(Window.partitionBy(F.lit(0))).alias(total),
    )
    within = Window.partitionBy("_bucket").orderBy(F.col(by).desc(), F.col(tie))
    return (
        bucketed.join(F.broadcast(above), on="_bucket", how="inner")
        .withColumn(name, (F.col("_above") + F.row_number().over(within)).cast("long"))
        .drop("_bucket", "_above")
    )
