"""What the account itself says: followers over time, age of the account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.features.cutoffs import (
    AGE_US,
    AS_OF_US,
    DAY_US,
    EVENT_US,
    KNOWN_US,
    by_person,
    in_last,
    known_us,
    log_ratio,
    ratio,
    seen_from,
)
from social_signals.tables.silver import (
    CREATED_TS,
    FOLLOWER_COUNT,
    FOLLOWING_COUNT,
    INGESTED_TS,
    LISTED_COUNT,
    POST_COUNT,
    SNAPSHOT_TS,
    USER_ID,
)


def audience(user_snapshots: DataFrame, *, as_of: Sequence[datetime]) -> DataFrame:
    """One row per (as_of_us, user_id) with a reading of their public counts before as_of: the newest, and its growth."""
    readings = user_snapshots.select(
        USER_ID,
        FOLLOWER_COUNT,
        FOLLOWING_COUNT,
        POST_COUNT,
        LISTED_COUNT,
        F.unix_micros(SNAPSHOT_TS).alias(EVENT_US),
        known_us(SNAPSHOT_TS, INGESTED_TS).alias(KNOWN_US),
    )
    counts = F.struct(EVENT_US, FOLLOWER_COUNT, FOLLOWING_COUNT, POST_COUNT, LISTED_COUNT)
    return (
        seen_from(by_person(readings), as_of)
        .groupBy(AS_OF_US, USER_ID)
        .agg(F.max(counts).alias("now"), F.max(F.when(~in_last(30), counts)).alias("before"))
        .select(
            AS_OF_US,
            USER_ID,
            F.col("now.follower_count").alias("follower_count"),
            F.col("now.following_count").alias("following_count"),
            F.col("now.listed_count").alias("listed_count"),
            F.col("now.post_count").alias("lifetime_post_count"),
            ratio(F.col("now.follower_count"), F.col("now.following_count") + 1).alias("follower_to_following_ratio"),
            log_ratio(F.col("now.follower_count"), F.col("before.follower_count")).alias("follower_30d_log_change"),
        )
    )


def account_age(users: DataFrame, *, as_of: Sequence[datetime]) -> DataFrame:
    """One row per (as_of_us, user_id) whose account was there before as_of: its age in days."""
    born = users.where(F.col(CREATED_TS).isNotNull()).select(
        USER_ID, F.unix_micros(CREATED_TS).alias(EVENT_US), known_us(CREATED_TS, INGESTED_TS).alias(KNOWN_US)
    )
    return seen_from(by_person(born), as_of).select(
        AS_OF_US, USER_ID, (F.col(AGE_US) / F.lit(float(DAY_US))).alias("days_since_created")
    )
