"""Small rings of people who engage back and forth with each other."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.creators.counts import KIND, NAME, PERSON, TOTAL
from social_signals.creators.params import CreatorParams
from social_signals.features.cutoffs import AS_OF_US
from social_signals.tables.silver import USER_ID

RING_ACTS, RING_PEOPLE = "ring_acts", "ring_90d_people_count"


def rings(counts: DataFrame, *, params: CreatorParams) -> DataFrame:
    """One row per cut-off and person in a small ring: (as_of_us, user_id, ring_acts they got from people in rings with them, and
    ring_90d_people_count, how many these are).

    Two people have a mutual tie where each engaged at least `ring_acts` times with the other in 90 days, answers to answers aside: to
    answer who commented is courtesy and no favour returned. A tie is in a ring where both
    have a mutual tie to a third person. Nobody with more than `ring_ties` mutual ties is in a small ring, so a hub's edges never meet each
    other: the join below finds at most `ring_ties` rows for each tie.
    """
    strong = counts.where((F.col(KIND) == PERSON) & (F.col(TOTAL) >= params.ring_acts)).select(
        AS_OF_US, USER_ID, F.col(NAME).alias("other"), TOTAL
    )
    back = strong.select(AS_OF_US, F.col("other").alias(USER_ID), F.col(USER_ID).alias("other"))
    mutual = strong.join(back, on=[AS_OF_US, USER_ID, "other"], how="left_semi")
    few = (
        mutual.groupBy(AS_OF_US, USER_ID)
        .agg(F.count(F.lit(1)).alias("ties"))
        .where(F.col("ties") <= params.ring_ties)
        .select(AS_OF_US, USER_ID)
    )
    small = mutual.join(few, on=[AS_OF_US, USER_ID], how="left_semi").join(
        few.withColumnRenamed(USER_ID, "other"), on=[AS_OF_US, "other"], how="left_semi"
    )
    # Each pair once, from the smaller id: each triangle a < b < c is then found once.
    pairs = small.where(F.col(USER_ID) < F.col("other")).select(
        AS_OF_US, F.col(USER_ID).alias("a"), F.col("other").alias("b")
    )
    wedges = pairs.join(pairs.withColumnRenamed("b", "c"), on=[AS_OF_US, "a"], how="inner").where("b < c")
    closing = pairs.select(AS_OF_US, F.col("a").alias("b"), F.col("b").alias("c"))
    triangles = wedges.join(closing, on=[AS_OF_US, "b", "c"], how="left_semi")
    sides = [
        F.struct(F.col(one).alias(USER_ID), F.col(two).alias("other")) for one in "abc" for two in "abc" if one != two
    ]
    closed = triangles.select(AS_OF_US, F.inline(F.array(*sides)))
    return (
        small.join(closed, on=[AS_OF_US, USER_ID, "other"], how="left_semi")
        .groupBy(AS_OF_US, USER_ID)
        .agg(F.sum(TOTAL).alias(RING_ACTS), F.count(F.lit(1)).alias(RING_PEOPLE))
    )
