"""What the account itself says: followers over time, age of the account."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from social_signals.features.cutoffs import AGE_US, in_last, log_ratio, ratio, youngest
from social_signals.features.facts import BORN, FOLLOWERS, FOLLOWING, LISTED, READING, ROLE, SHOWN_POSTS
from social_signals.features.kept import kept

_FOLLOWERS_BEFORE = "followers_before"


@kept
def sums() -> list[Column]:
    """The newest reading of a person's public counts before as_of, the newest one of 30 days before, the account's age."""
    is_reading = F.col(ROLE) == READING
    # Not a maximum over a struct, which would turn the whole aggregation into a sorted one.
    age, before = F.when(is_reading, F.col(AGE_US)), F.when(is_reading & ~in_last(30), F.col(AGE_US))
    return [
        F.min_by(FOLLOWERS, age).alias("follower_count"),
        F.min_by(FOLLOWING, age).alias("following_count"),
        F.min_by(LISTED, age).alias("listed_count"),
        F.min_by(SHOWN_POSTS, age).alias("lifetime_post_count"),
        F.min_by(FOLLOWERS, before).alias(_FOLLOWERS_BEFORE),
        youngest(F.col(ROLE) == BORN).alias("days_since_created"),
    ]


@kept
def features() -> list[Column]:
    """What follows from `sums`."""
    followers = F.col("follower_count")
    return [
        ratio(followers, F.col("following_count") + 1).alias("follower_to_following_ratio"),
        log_ratio(followers, F.col(_FOLLOWERS_BEFORE)).alias("follower_30d_log_change"),
    ]
