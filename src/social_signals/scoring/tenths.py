"""Which tenth of the people a score falls into, without sorting them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from social_signals.core.steps import doing
from social_signals.scoring.ranks import BUCKETS
from social_signals.tables.gold import DECILE

_TIES = "_ties"


@dataclass(frozen=True)
class Tenths:
    """Where the tenths of a slice end. total: its rows. ends: score and tie of the last row of tenth 1 to 9, none where empty."""

    total: int
    ends: Sequence[tuple[float, str]] = ()


@doing("find the tenths of scores")
def tenths_of(rows: DataFrame, *, by: str, tie: str) -> Tenths:
    """The tenths of rows by `by` (0 to 1), highest first, ties in the order of `tie`; unique together. Two Spark jobs.

    The first counts rows in 4,096 buckets of `by`; the second sorts only the buckets in which a tenth ends. The rows are read
    twice, so a caller whose rows are dear caches them.
    """
    bucket = F.floor(F.col(by) * F.lit(BUCKETS)).cast("int")
    # At most 4,097 rows.
    counts = {row["bucket"]: row["count"] for row in rows.groupBy(bucket.alias("bucket")).count().collect()}
    total = sum(counts.values())
    places = _places(counts, [-(-total * tenth // 10) for tenth in range(1, 10)] if total else [])
    if not places:
        return Tenths(0)
    within = Window.partitionBy("_bucket").orderBy(F.col(by).desc(), F.col(tie))
    candidates = (
        rows.select(by, tie, bucket.alias("_bucket"))
        .where(F.col("_bucket").isin(sorted({found for found, _ in places})))
        .withColumn("_place", F.row_number().over(within))
    )
    is_end = reduce(
        lambda one, other: one | other,
        [(F.col("_bucket") == found) & (F.col("_place") == place) for found, place in sorted(set(places))],
    )
    at_most_nine = candidates.where(is_end).collect()
    ends = {(row["_bucket"], row["_place"]): (float(row[by]), str(row[tie])) for row in at_most_nine}
    return Tenths(total, [ends[place] for place in places])


def with_tenth(rows: DataFrame, tenths: Tenths, *, by: str, tie: str) -> DataFrame:
    """Adds `decile` to rows that `tenths_of` has seen: 1 is the highest tenth."""
    if not tenths.ends:
        return rows.withColumn(DECILE, F.lit(1))
    # A table of one row rather than literals: ids of people do not belong into plans, which Spark shows and logs. One array,
    # looked into only where scores are equal: a column for each of them took six times as long as all else here.
    schema = f"{_TIES} array<string>"
    ties = rows.sparkSession.createDataFrame([([person for _, person in tenths.ends],)], schema)
    score = F.col(by)
    is_after = [
        F.when(score < F.lit(end), 1)
        .when(score == F.lit(end), (F.col(tie) > F.col(_TIES)[place]).cast("int"))
        .otherwise(0)
        for place, (end, _) in enumerate(tenths.ends)
    ]
    decile = reduce(add, is_after, F.lit(1))
    return rows.crossJoin(F.broadcast(ties)).select(*rows.columns, decile.alias(DECILE))


def _places(counts: dict[int, int], ranks: Sequence[int]) -> list[tuple[int, int]]:
    """For each rank (1 is the highest) its bucket and its place within, counted from 1; ranks ascend.

    >>> _places({7: 2, 3: 5}, [1, 2, 3, 7])
    [(7, 1), (7, 2), (3, 1), (3, 5)]
    """
    found, above, buckets = [], 0, sorted(counts, reverse=True)
    place = 0
    for rank in ranks:
        while rank > above + counts[buckets[place]]:
            above += counts[buckets[place]]
            place += 1
        found.append((buckets[place], rank - above))
    return found
