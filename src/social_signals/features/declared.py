"""The one list of features: name, Spark type, window, meaning, and the value where there is nothing to measure.

To add a feature: declare it here and compute a column of that name in the module of its subject; a test fails while
only one of the two is done. Windows include their start and leave out as_of. Counts are 0 where nothing happened; what
has no value by nature (the tone of replies nobody wrote) stays null. No feature says which day, person or community it
is, so a model may be carried elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, DoubleType, LongType, StringType, StructType, TimestampType

from social_signals.features.engagement import (
    KINDS_GIVEN,
    KINDS_RECEIVED,
    KINDS_RECEIVED_EVER,
    WINDOWS,
    window_name,
)
from social_signals.features.rhythm import NTH_LAST
from social_signals.features.rhythm import WINDOWS as ACTIVITY_WINDOWS
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import USER_ID
from social_signals.tables.table import Table, column


@dataclass(frozen=True)
class Feature:
    """A feature. window_days: how far back it looks, None for all known history. default: value where absent or null;
    None leaves the null."""

    name: str
    kind: DataType
    window_days: int | None
    meaning: str
    default: float | int | None = None

    def finished(self, value: Column) -> Column:
        """What was measured in the declared type and under the feature's name, its gaps filled with the default."""
        typed = value.cast(self.kind)
        filled = typed if self.default is None else F.coalesce(typed, F.lit(self.default).cast(self.kind))
        return filled.alias(self.name)


def _count(name: str, window_days: int | None, meaning: str) -> Feature:
    return Feature(name, LongType(), window_days, meaning, default=0)


def _number(name: str, window_days: int | None, meaning: str, *, default: float | None = None) -> Feature:
    return Feature(name, DoubleType(), window_days, meaning, default)


def _windowed(stem: str, windows: tuple[int | None, ...], meaning: str) -> tuple[Feature, ...]:
    return tuple(_count(f"{stem}{window_name(days)}_count", days, meaning) for days in windows)


RHYTHM: tuple[Feature, ...] = (
    *_windowed("activity", (None, *ACTIVITY_WINDOWS), "instants at which they acted or wrote"),
    *_windowed("active_days", (None, 7, 14, 30, 90), "24-hour steps back from as_of with any act"),
    _count("active_weeks_90d_count", 90, "7-day steps back from as_of with any act"),
    _number("days_since_last_activity", None, "days from their last act to as_of"),
    *(
        _number(f"days_since_active_day_{n}", None, f"days from the last act of their {nth} newest active day to as_of")
        for n, nth in zip(NTH_LAST, ("2nd", "3rd", "5th", "10th"), strict=True)
    ),
    _number("days_since_first_activity", None, "days from their first act to as_of: tenure as seen"),
    _number("recency_to_tenure_ratio", None, "days since the last act over days since the first"),
    _number("activity_3d_log_change", 7, "ln((acts in 3 days + 1) / (acts in the 4 days before + 1))", default=0.0),
    _number("activity_7d_log_change", 14, "ln((acts in 7 days + 1) / (acts in the 7 days before + 1))", default=0.0),
    _number("activity_30d_log_change", 60, "ln((acts in 30 days + 1) / (acts in the 30 days before + 1))", default=0.0),
    _number(
        "activity_90d_log_change", 180, "ln((acts in 90 days + 1) / (acts in the 90 days before + 1))", default=0.0
    ),
    _number("activity_90d_slope", 90, "least squares slope of acts per 15 days, as a share of their mean"),
    _number("activity_90d_share_ratio", 90, "share of all their acts that fell in the last 90 days"),
    _number("activity_per_30d", None, "acts per 30 days since their first act"),
    _number("activity_per_30d_in_90d", 90, "acts per 30 days in the last 90, or since their first act where shorter"),
    _number("activity_per_active_day_90d", 90, "acts per active day"),
    _number("active_gap_mean_days", None, "mean of the days between one active day and the next"),
    _number("active_gap_std_days", None, "standard deviation (population) of those gaps; null under two gaps"),
    _number("active_gap_max_days", None, "longest of those gaps"),
    _number("active_gap_last_days", None, "newest of those gaps"),
    _number("active_gap_burstiness", None, "(std - mean) / (std + mean) of the gaps: -1 regular, 0 random, 1 bursty"),
    _number("silence_to_mean_gap_ratio", None, "days since the last act over their mean gap"),
    _number("silence_to_max_gap_ratio", None, "days since the last act over their longest gap"),
    _number("activity_night_ratio", None, "share of acts between 0 and 6 h UTC"),
    _number("activity_weekend_ratio", None, "share of acts on Saturday or Sunday, UTC"),
    _number("activity_hour_entropy", None, "entropy of the four-hour bins of the day (UTC) over its maximum"),
)

ENGAGEMENT: tuple[Feature, ...] = (
    *_windowed("given", WINDOWS, "interactions they did"),
    *_windowed("received", WINDOWS, "interactions others, or anonymous people, did to them or their posts"),
    *_windowed("posts", WINDOWS, "posts, answers and comments they wrote"),
    *_windowed("replies_received", WINDOWS, "posts by others that answer theirs"),
    *(_count(f"received_{kind}_90d_count", 90, f"interactions of kind {kind} received") for kind in KINDS_RECEIVED),
    *(_count(f"received_{kind}_count", None, f"interactions of kind {kind} received") for kind in KINDS_RECEIVED_EVER),
    *(_count(f"given_{kind}_90d_count", 90, f"interactions of kind {kind} they did") for kind in KINDS_GIVEN),
    _count("given_leave_90d_count", 90, "times they unfollowed or unsubscribed"),
    *_windowed(
        "received_positive", (30, 90, None), "likes, shares, follows, saves, acceptances, subscriptions received"
    ),
    *_windowed("received_negative", (30, 90, None), "dislikes, unfollows, unsubscriptions received"),
    _number("days_since_last_received", None, "days from the last interaction received to as_of"),
    _number("days_since_last_received_positive", None, "days from the last positive interaction received to as_of"),
    _number("days_since_last_reply_received", None, "days from the last reply received to as_of"),
    _number("days_since_last_post", None, "days from their last post to as_of"),
    _number("days_since_last_given", None, "days from the last interaction they did to as_of"),
    _count("purchases_90d_count", 90, "purchases"),
    _count("purchases_count", None, "purchases"),
    _number("purchases_90d_value", 90, "value of purchases less refunds, currencies as given", default=0.0),
    _number("purchases_value", None, "value of purchases less refunds, currencies as given", default=0.0),
    _number("days_since_last_purchase", None, "days from the last purchase to as_of"),
    _number("given_30d_log_change", 60, "ln((given in 30 days + 1) / (given in the 30 days before + 1))", default=0.0),
    _number("received_30d_log_change", 60, "the same of what they received", default=0.0),
    _number("posts_30d_log_change", 60, "the same of what they wrote", default=0.0),
    _number("replies_received_30d_log_change", 60, "the same of replies received", default=0.0),
    _number("received_positive_90d_ratio", 90, "positive over positive and negative interactions received"),
    _number("received_positive_ratio", None, "positive over positive and negative interactions received"),
    _number("received_to_given_90d_log_ratio", 90, "ln((received + 1) / (given + 1))", default=0.0),
    _number("likes_per_post", None, "likes received per post written"),
    _number("dislikes_per_post", None, "dislikes received per post written"),
    _number("replies_per_post", None, "replies received per post written"),
    _number("replies_per_post_90d", 90, "replies received per post written"),
    _number("accepted_per_post", None, "accepted answers per post written"),
)

TIES: tuple[Feature, ...] = (
    _count("partners_count", None, "other people they ever dealt with, in either direction"),
    _count("partners_30d_count", 30, "other people they dealt with, in either direction"),
    _count("partners_90d_count", 90, "other people they dealt with, in either direction"),
    _count("partners_given_90d_count", 90, "other people they acted towards"),
    _count("partners_received_90d_count", 90, "other people who acted towards them"),
    _count("partners_new_30d_count", 30, "other people they dealt with for the first time"),
    _count("items_90d_count", 90, "different items they acted upon or wrote about"),
    _count("posts_touched_90d_count", 90, "different posts they answered or acted upon"),
    _count("posts_touched_30d_count", 30, "different posts they answered or acted upon"),
    _number("reciprocity_90d_ratio", 90, "share of those they acted towards who acted towards them too"),
    _number("reciprocity_ratio", None, "share of those they ever acted towards who ever acted towards them"),
    _number("top_partner_90d_ratio", 90, "share of all acts to and from others that the most frequent partner has"),
)

WORDS: tuple[Feature, ...] = (
    _count("posts_started_90d_count", 90, "posts that answer no other"),
    _count("posts_reply_90d_count", 90, "posts that answer another"),
    _count("posts_started_count", None, "posts that answer no other"),
    _number("posts_reply_ratio", None, "share of their posts that answer another"),
    _number("text_length_90d_mean_chars", 90, "mean length of their posts in characters"),
    _number("text_length_mean_chars", None, "mean length of their posts in characters"),
    _number("sentiment_written_30d_mean", 30, "mean of p_positive - p_negative of what they wrote"),
    _number("sentiment_written_90d_mean", 90, "mean of p_positive - p_negative of what they wrote"),
    _number("sentiment_written_mean", None, "mean of p_positive - p_negative of what they wrote"),
    _number("sentiment_written_change", None, "sentiment of the last 30 days less that of all time"),
    _number("posts_negative_90d_ratio", 90, "share of their read posts with p_positive - p_negative under -1/3"),
    _count("entities_90d_count", 90, "people, places, products and so on named in their posts"),
    _number("entities_per_post", None, "entities named per post"),
    _number("sentiment_received_90d_mean", 90, "mean of p_positive - p_negative of the replies they got"),
    _number("sentiment_received_mean", None, "mean of p_positive - p_negative of the replies they got"),
    _number("replies_negative_90d_ratio", 90, "share of read replies to them with p_positive - p_negative under -1/3"),
    _number("reply_delay_90d_mean_hours", 90, "mean hours from their post to a reply that came in the window"),
    _number("reply_delay_min_hours", None, "hours from their post to the soonest reply they ever got"),
    _count("is_first_post_answered", None, "1 where somebody else answered the first post they wrote"),
    _number("first_post_reply_delay_hours", None, "hours from the first post they wrote to its first answer"),
)

AUDIENCE: tuple[Feature, ...] = (
    Feature("follower_count", LongType(), None, "followers at the newest reading"),
    Feature("following_count", LongType(), None, "accounts followed at the newest reading"),
    Feature("listed_count", LongType(), None, "lists that name the account at the newest reading"),
    Feature("lifetime_post_count", LongType(), None, "posts the account shows at the newest reading"),
    _number("follower_to_following_ratio", None, "followers over accounts followed + 1"),
    _number("follower_30d_log_change", None, "ln ratio of followers + 1, newest reading to newest of 30 days before"),
    _number("days_since_created", None, "days from the making of the account to as_of"),
)

FEATURES: tuple[Feature, ...] = (*RHYTHM, *ENGAGEMENT, *TIES, *WORDS, *AUDIENCE)
FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)


def _comment(feature: Feature) -> str:
    window = "all known history" if feature.window_days is None else f"[as_of - {feature.window_days} days, as_of)"
    return f"{feature.meaning}; {window}"


USER_FEATURES = Table(
    "gold.user_features",
    StructType(
        [
            column(AS_OF, TimestampType(), "cut-off, UTC: only what was known strictly before it", nullable=False),
            column(USER_ID, StringType(), "the person", nullable=False, subject=True),
            # Nullable also where a default fills them: only a nullable column may be added to a table that exists.
            *[column(f.name, f.kind, _comment(f)) for f in FEATURES],
        ]
    ),
    key=(AS_OF, USER_ID),
    comment="One row per cut-off and person who acted, wrote or received something lately: what is known of them.",
    partition=(AS_OF,),
    purpose="profiling",
    # Nobody looks for people by a feature, and keeping the extremes of so many columns took longer than writing them.
    statistics=False,
)
