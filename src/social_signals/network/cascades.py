"""How far what a person wrote was carried: answers, answers to those, and re-shares of any of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.tables.silver import (
    AUTHOR_ID,
    EVENT_TS,
    INGESTED_TS,
    KIND,
    PARENT_POST_ID,
    POST_ID,
    TARGET_POST_ID,
    USER_ID,
)

_ABOVE, _STEPS = "above", "steps"


@contextmanager
def cascades(
    interactions: DataFrame, posts: DataFrame, *, as_of: datetime, window_days: int, most_steps: int
) -> Iterator[DataFrame]:
    """While it lasts, one row per author of a post that answers none, of `[as_of - window_days, as_of)`: (user_id, cascade_size_mean,
    cascade_size_max, cascade_depth_max).

    The size of a post's cascade is how many posts answer it, directly or not, and how often any of these or itself was shared,
    all in the window and known by as_of; its depth how many steps the furthest is away. Answers to older posts are in no
    cascade. Chains are followed by doubling, so `most_steps` steps take log2(most_steps) rounds; what is further is not counted.
    """
    start = F.lit(as_of - timedelta(days=window_days))

    def known(rows: DataFrame) -> DataFrame:
        return rows.where(F.col(EVENT_TS).between(start, F.lit(as_of)) & (F.col(EVENT_TS) < F.lit(as_of))).where(
            F.col(INGESTED_TS) < F.lit(as_of)
        )

    written = known(posts).select(POST_ID, AUTHOR_ID, PARENT_POST_ID)
    held, placed = _placed(written, most_steps=most_steps)
    shares = known(interactions).where((F.col(KIND) == "share") & F.col(TARGET_POST_ID).isNotNull())
    shared = (
        shares.select(F.col(TARGET_POST_ID).alias(POST_ID))
        .join(placed, on=POST_ID)
        .withColumn(_STEPS, F.col(_STEPS) + 1)
    )
    reached = placed.unionByName(shared)
    sizes = reached.groupBy(F.col(_ABOVE).alias(POST_ID)).agg(
        F.sum((F.col(_STEPS) > 0).cast("long")).alias("size"), F.max(_STEPS).alias("depth")
    )
    roots = written.where(F.col(PARENT_POST_ID).isNull() & F.col(AUTHOR_ID).isNotNull())
    found = (
        roots.join(sizes, on=POST_ID)
        .groupBy(F.col(AUTHOR_ID).alias(USER_ID))
        .agg(
            (F.sum("size") / F.count(F.lit(1))).alias("cascade_size_mean"),
            F.max("size").alias("cascade_size_max"),
            F.max("depth").cast("long").alias("cascade_depth_max"),
        )
    )
    try:
        yield found
    finally:
        for frame in held:
            frame.unpersist()


def _placed(written: DataFrame, *, most_steps: int) -> tuple[list[DataFrame], DataFrame]:
    """What is persisted, and (post_id, above, steps) of each post: the post that its chain begins with, and how many steps away
    that is.

    Each round joins a post with what is above the one it has reached: 1, 2, 4, ... steps. Every round stays persisted to the end: each
    reads the one before twice.
    """
    reached = written.select(
        POST_ID,
        F.coalesce(PARENT_POST_ID, POST_ID).alias(_ABOVE),
        F.col(PARENT_POST_ID).isNotNull().cast("int").alias(_STEPS),
    ).persist(StorageLevel.MEMORY_AND_DISK)
    held, followed, is_done = [reached], 1, False
    while followed < most_steps and not is_done:
        next_ones = reached.select(
            F.col(POST_ID).alias(_ABOVE), F.col(_ABOVE).alias("further"), F.col(_STEPS).alias("more")
        )
        # a chain that leaves the window ends outside of every cascade, and its posts with it
        further = (
            reached.join(next_ones, on=_ABOVE)
            .select(POST_ID, F.col("further").alias(_ABOVE), (F.col(_STEPS) + F.col("more")).alias(_STEPS), "more")
            .persist(StorageLevel.MEMORY_AND_DISK)
        )
        held.append(further)
        is_done = further.where("more > 0").isEmpty()
        reached, followed = further.drop("more"), 2 * followed
    return held, reached
