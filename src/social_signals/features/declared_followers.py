"""The one list of what a model of follower churn sees of a tie: its own measures, the person's and the creator's.

The rules are those of `declared`: windows include their start and leave out as_of, counts are 0 where nothing happened,
what has no value by nature stays null. To add one: declare it here and compute it in `followers`.
"""

from __future__ import annotations

from pyspark.sql.types import DoubleType, LongType

from social_signals.features.declared import FEATURES, Feature

_BY_NAME = {feature.name: feature for feature in FEATURES}


def _count(name: str, window_days: int | None, meaning: str) -> Feature:
    return Feature(name, LongType(), window_days, meaning, default=0)


def _number(name: str, window_days: int | None, meaning: str, *, default: float | None = None) -> Feature:
    return Feature(name, DoubleType(), window_days, meaning, default)


_TIE: tuple[Feature, ...] = (
    *(_count(f"tie_{days}d_count", days, "acts of the person towards the creator") for days in (7, 30, 90)),
    _count("tie_count", None, "acts of the person towards the creator"),
    *(_count(f"tie_watch_{days}d_count", days, "views and clicks among them") for days in (30, 90)),
    *(
        _count(f"tie_support_{days}d_count", days, "likes, shares, saves, acceptances among them")
        for days in (30, 90)
    ),
    *(_count(f"tie_talk_{days}d_count", days, "comments, mentions and answers among them") for days in (30, 90)),
    _count("tie_oppose_90d_count", 90, "dislikes among them"),
    _count("tie_left_count", None, "times the person unfollowed or unsubscribed from the creator"),
    _count("is_following", None, "1 where following or subscribing came after the last leaving"),
    *(
        _count(f"tie_active_days_{days}d_count", days, "24-hour steps back from as_of with an act of the tie")
        for days in (30, 90)
    ),
    _count("tie_active_days_count", None, "24-hour steps back from as_of with an act of the tie"),
    _number("days_since_tie", None, "days from the person's last act towards the creator to as_of"),
    _number("days_since_tie_active_day_2", None, "days from the last act of their 2nd newest active day to as_of"),
    _number("days_since_tie_active_day_3", None, "days from the last act of their 3rd newest active day to as_of"),
    _number("days_since_tie_support", None, "days from the last like, share, save or acceptance to as_of"),
    _number("days_since_tie_talk", None, "days from the last comment, mention or answer to as_of"),
    _number("days_since_first_tie", None, "days from the first act to as_of: tenure of the tie as seen"),
    _number("tie_recency_to_tenure_ratio", None, "days since the last act over days since the first"),
    _number("tie_7d_log_change", 14, "ln((acts in 7 days + 1) / (acts in the 7 days before + 1))", default=0.0),
    _number("tie_30d_log_change", 60, "ln((acts in 30 days + 1) / (acts in the 30 days before + 1))", default=0.0),
    _number("tie_gap_mean_days", None, "mean days between active days of the tie"),
    _number("tie_gap_max_days", None, "most days between active days of the tie"),
    _number("tie_gap_last_days", None, "days between the two newest active days of the tie"),
    _number("tie_silence_to_mean_gap_ratio", None, "days since the last act over the mean gap"),
    _number("tie_silence_to_max_gap_ratio", None, "days since the last act over the longest gap"),
    *(
        _number(f"tie_{days}d_share_ratio", days, "share of the person's acts towards others that go to this creator")
        for days in (30, 90)
    ),
    _number("tie_share_ratio", None, "share of the person's acts towards others that went to this creator"),
    *(_count(f"tie_back_{days}d_count", days, "acts of the creator towards the person") for days in (30, 90)),
    _count("tie_back_count", None, "acts of the creator towards the person"),
    _count("tie_back_talk_90d_count", 90, "comments, mentions and answers among them"),
    _number("days_since_tie_back", None, "days from the creator's last act towards the person to as_of"),
    _number("tie_back_to_given_log_ratio", None, "ln((acts back + 1) / (acts given + 1))", default=0.0),
)  # fmt: skip

PERSON_COLUMNS: tuple[str, ...] = (
    "days_since_last_activity", "days_since_active_day_5", "days_since_first_activity", "activity_7d_count",
    "activity_30d_count", "activity_90d_count", "active_days_30d_count", "active_days_90d_count",
    "activity_30d_log_change", "activity_90d_slope", "active_gap_mean_days", "silence_to_mean_gap_ratio",
    "partners_90d_count", "partners_given_90d_count", "partners_new_30d_count", "reciprocity_90d_ratio",
    "received_30d_count", "received_30d_log_change", "days_since_last_received", "replies_received_30d_count",
    "sentiment_written_30d_mean", "sentiment_received_90d_mean", "given_leave_90d_count",
)  # fmt: skip
CREATOR_COLUMNS: tuple[str, ...] = (
    "days_since_last_activity", "days_since_last_post", "days_since_first_activity", "posts_7d_count", "posts_30d_count",
    "posts_90d_count", "posts_30d_log_change", "active_days_30d_count", "silence_to_mean_gap_ratio",
    "received_30d_count", "received_30d_log_change", "received_positive_90d_ratio", "partners_received_90d_count",
    "partners_given_90d_count", "follower_count", "follower_30d_log_change", "sentiment_written_30d_mean",
)  # fmt: skip


def _of(whom: str, columns: tuple[str, ...]) -> tuple[Feature, ...]:
    known = [_BY_NAME[name] for name in columns]
    return tuple(Feature(f"{whom}_{f.name}", f.kind, f.window_days, f"of the {whom}: {f.meaning}") for f in known)


TIE = {feature.name: feature for feature in _TIE}
FOLLOWER_FEATURES: tuple[Feature, ...] = (*_TIE, *_of("person", PERSON_COLUMNS), *_of("creator", CREATOR_COLUMNS))
FOLLOWER_FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FOLLOWER_FEATURES)
