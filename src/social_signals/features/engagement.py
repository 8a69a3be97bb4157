"""How much a person gives and receives, of what kind, and how that changes."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from social_signals.features.cutoffs import count_if, in_last, in_window, log_ratio, ratio, youngest
from social_signals.features.facts import (
    GIVEN,
    HEARD,
    KIND_CODE,
    NEGATIVE_KINDS,
    POSITIVE_KINDS,
    RECEIVED,
    ROLE,
    WROTE,
    kind_code,
)
from social_signals.features.kept import kept
from social_signals.tables.silver import VALUE

WINDOWS: tuple[int | None, ...] = (3, 7, 14, 30, 90, None)
ROLES = {"given": GIVEN, "received": RECEIVED, "posts": WROTE, "replies_received": HEARD}
KINDS_RECEIVED = ("view", "like", "dislike", "comment", "share", "mention", "follow", "save", "answer_accepted")
KINDS_RECEIVED_EVER = ("like", "dislike", "comment", "follow", "answer_accepted")
KINDS_GIVEN = ("view", "like", "dislike", "comment", "share", "mention", "follow", "save", "answer_accepted")


def window_name(days: int | None) -> str:
    return "" if days is None else f"_{days}d"


@kept
def sums() -> list[Column]:
    """What is gathered of a person's facts: some of it features as it stands, the rest for `features`."""
    return [*_role_counts(), *_kind_counts(), *_sign_counts(), *_recencies(), *_purchases()]


@kept
def features() -> list[Column]:
    """What follows from `sums`."""
    return [*_changes(), *_balances()]


def _is(role: int, *kinds: str) -> Column:
    of_role = F.col(ROLE) == role
    return of_role & F.col(KIND_CODE).isin(kind_code(*kinds)) if kinds else of_role


def _role_counts() -> list[Column]:
    counts = [
        count_if(_is(role) & in_window(days)).alias(f"{name}{window_name(days)}_count")
        for name, role in ROLES.items()
        for days in WINDOWS
    ]
    return counts + [count_if(_is(role) & in_last(60)).alias(f"_{name}_60d") for name, role in ROLES.items()]


def _kind_counts() -> list[Column]:
    received = [count_if(_is(RECEIVED, k) & in_last(90)).alias(f"received_{k}_90d_count") for k in KINDS_RECEIVED]
    ever = [count_if(_is(RECEIVED, k)).alias(f"received_{k}_count") for k in KINDS_RECEIVED_EVER]
    given = [count_if(_is(GIVEN, k) & in_last(90)).alias(f"given_{k}_90d_count") for k in KINDS_GIVEN]
    leaving = count_if(_is(GIVEN, "unfollow", "unsubscribe") & in_last(90)).alias("given_leave_90d_count")
    return [*received, *ever, *given, leaving]


def _sign_counts() -> list[Column]:
    signs = {"positive": POSITIVE_KINDS, "negative": NEGATIVE_KINDS}
    return [
        count_if(_is(RECEIVED, *kinds) & in_window(days)).alias(f"received_{sign}{window_name(days)}_count")
        for sign, kinds in signs.items()
        for days in (30, 90, None)
    ]


def _recencies() -> list[Column]:
    return [
        youngest(_is(RECEIVED)).alias("days_since_last_received"),
        youngest(_is(RECEIVED, *POSITIVE_KINDS)).alias("days_since_last_received_positive"),
        youngest(_is(HEARD)).alias("days_since_last_reply_received"),
        youngest(_is(WROTE)).alias("days_since_last_post"),
        youngest(_is(GIVEN)).alias("days_since_last_given"),
    ]


def _purchases() -> list[Column]:
    bought, returned = _is(GIVEN, "purchase"), _is(GIVEN, "refund")
    signed = F.when(bought, F.col(VALUE)).when(returned, -F.col(VALUE))
    return [
        count_if(bought & in_last(90)).alias("purchases_90d_count"),
        count_if(bought).alias("purchases_count"),
        F.sum(F.when(in_last(90), signed)).cast("double").alias("purchases_90d_value"),
        F.sum(signed).cast("double").alias("purchases_value"),
        youngest(bought).alias("days_since_last_purchase"),
    ]


def _changes() -> list[Column]:
    return [
        log_ratio(F.col(f"{name}_30d_count"), F.col(f"_{name}_60d") - F.col(f"{name}_30d_count")).alias(
            f"{name}_30d_log_change"
        )
        for name in ROLES
    ]


def _balances() -> list[Column]:
    def signed_share(window: str) -> Column:
        positive, negative = F.col(f"received_positive{window}_count"), F.col(f"received_negative{window}_count")
        return ratio(positive, positive + negative)

    return [
        signed_share("_90d").alias("received_positive_90d_ratio"),
        signed_share("").alias("received_positive_ratio"),
        log_ratio(F.col("received_90d_count"), F.col("given_90d_count")).alias("received_to_given_90d_log_ratio"),
        ratio(F.col("received_like_count"), F.col("posts_count")).alias("likes_per_post"),
        ratio(F.col("received_dislike_count"), F.col("posts_count")).alias("dislikes_per_post"),
        ratio(F.col("replies_received_count"), F.col("posts_count")).alias("replies_per_post"),
        ratio(F.col("replies_received_90d_count"), F.col("posts_90d_count")).alias("replies_per_post_90d"),
        ratio(F.col("received_answer_accepted_count"), F.col("posts_count")).alias("accepted_per_post"),
    ]
