"""Gold of creators: how what a person gathers moves over time, what comes back, and how much of it looks bought."""

from __future__ import annotations

from pyspark.sql.types import (
    ArrayType,
    DataType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
)

from social_signals.tables.gold import AS_OF, TIER, as_of_column, person_column
from social_signals.tables.gold_texts import ENTITY_TYPE, NORMALIZED, SHARE, TOPIC
from social_signals.tables.silver import FOLLOWER_COUNT, USER_ID
from social_signals.tables.table import Table, column
from social_signals.tables.tiers import TIERS

POSTS_90D, REPLIES_90D = "posts_90d_count", "replies_received_90d_count"
ENGAGEMENTS_90D, AUDIENCE_90D = "engagements_90d_count", "audience_90d_count"
REPLY_ENTITIES, TOPICS_OWNED = "reply_entities", "topics_owned"
AUTHORS = "authors"
DISCOUNT, AUTHENTICITY, DISCOUNT_REASONS = "discount", "authenticity", "discount_reasons"

# Delta refuses NOT NULL inside arrays.
REPLY_ENTITIES_TYPE = ArrayType(
    StructType(
        [
            StructField(ENTITY_TYPE, StringType()),
            StructField(NORMALIZED, StringType()),
            StructField(AUTHORS, LongType()),
        ]
    )
)
TOPICS_OWNED_TYPE = ArrayType(StructType([StructField(TOPIC, IntegerType()), StructField(SHARE, DoubleType())]))


def _count(name: str, comment: str, *, nullable: bool = False) -> StructField:
    return column(name, LongType(), comment, nullable=nullable)


def _number(name: str, comment: str) -> StructField:
    return column(name, DoubleType(), comment)


def _other(name: str, kind: DataType, comment: str, *, personal: bool = False) -> StructField:
    return column(name, kind, comment, nullable=False, personal=personal)


OVER_TIME: tuple[StructField, ...] = (
    _count(FOLLOWER_COUNT, "followers at the newest reading before as_of; null without one", nullable=True),
    _number("follower_growth_30d", "ln ratio of followers + 1: newest reading over the newest of 30 days before or older"),
    _number("follower_growth_90d", "the same against the newest of 90 days before or older"),
    _number("follower_acceleration_30d", "growth of the last 30 days less that of the 30 before; null without readings"),
    _count(POSTS_90D, "posts, answers and comments they wrote in 90 days"),
    _count("impressions_30d_count", "views received in 30 days"),
    _count("impressions_90d_count", "views received in 90 days"),
    _number("impression_growth_30d", "ln((views in 30 days + 1) / (views in the 30 days before + 1))"),
    _number("impression_acceleration_30d", "that growth less the growth of the 30 days before"),
    _count("engagements_30d_count", "what others did to them or their posts in 30 days, replies too, but views and leaving"),
    _count(ENGAGEMENTS_90D, "the same in 90 days"),
    _number("engagement_growth_30d", "ln((engagements in 30 days + 1) / (those in the 30 days before + 1))"),
    _number("engagement_acceleration_30d", "that growth less the growth of the 30 days before"),
    _count(AUDIENCE_90D, "different known people who engaged in 90 days"),
    _number("engagement_rate_by_followers_90d", "engagements per post and follower"),
    _number("engagement_rate_by_impressions_90d", "engagements per view received"),
    _other(TIER, StringType(), "audience by followers, else by place among audiences: one of " + ", ".join(TIERS)),
    _number("engagement_rate_to_tier_ratio", "engagement_rate_by_followers_90d over the median of the tier"),
    _number("consistency_90d", "1 / (1 + coefficient of variation) of engagements in the last 13 7-day steps: 1 is even"),
)  # fmt: skip

QUALITY: tuple[StructField, ...] = (
    _count(REPLIES_90D, "posts by others that answer theirs in 90 days"),
    _number("reply_sentiment_90d_mean", "mean of p_positive - p_negative of the replies whose tone was read"),
    _number("reply_negative_90d_ratio", "share of these with p_positive - p_negative under -1/3"),
    _number("substantive_reply_90d_ratio", "share of replies with a text that have enough different words"),
    _number("one_word_reply_90d_ratio", "share of replies with a text that have one word or none"),
    _other(REPLY_ENTITIES, REPLY_ENTITIES_TYPE, "named in replies to them by most people, most first", personal=True),
    _other(TOPICS_OWNED, TOPICS_OWNED_TYPE, "topics and their share of all engagement of 90 days with posts on the topic"),
)  # fmt: skip

SIGNS: tuple[StructField, ...] = (
    _number("burst_hour_90d_ratio", "largest share of engagements in one hour; what is dated by the day alone is in none"),
    _number("burst_day_90d_ratio", "largest share of engagements in one day, UTC"),
    _number("ring_90d_ratio", "share of engagements from people in a small closed ring of mutual engagement with them"),
    _count("ring_90d_people_count", "people in such rings with them"),
    _number("duplicate_reply_90d_ratio", "share of replies with a text whose words were said to them more than once"),
    _number("engagement_mismatch", "robust z of ln engagements per post and follower within the tier: low is few, high many"),
    _other(DISCOUNT, DoubleType(), "0 to 1: how much of their engagement is not to be trusted, by all signs together"),
    _other(AUTHENTICITY, DoubleType(), "1 - discount"),
    _other(DISCOUNT_REASONS, ArrayType(StringType()), "each sign that counts, in words with its numbers; empty without"),
)  # fmt: skip

CREATOR_COLUMNS = (*OVER_TIME, *QUALITY, *SIGNS)

CREATOR_QUALITY = Table(
    "gold.creator_quality",
    StructType([as_of_column(), person_column(), *CREATOR_COLUMNS]),
    key=(AS_OF, USER_ID),
    comment="One row per person at a cut-off who wrote or received something in the 90 days before: growth, quality, doubts.",
    partition=(AS_OF,),
    purpose="profiling",
    statistics=False,
)

# What gold.user_features has by the same names.
_ELSEWHERE = (FOLLOWER_COUNT, POSTS_90D, REPLIES_90D)

# What a model may learn from: numbers that gold.user_features lacks.
QUALITY_MEASURES = tuple(
    one.name
    for one in CREATOR_COLUMNS
    if isinstance(one.dataType, (LongType, DoubleType)) and one.name not in _ELSEWHERE
)
