"""What a person writes and what comes back: length, tone, entities, threads, speed of replies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.features.cutoffs import (
    AS_OF_US,
    EVENT_US,
    HOUR_US,
    KNOWN_US,
    count_if,
    in_last,
    in_window,
    ratio,
    seen_from,
)
from social_signals.features.facts import (
    ENTITY_COUNT,
    PARENT_EVENT_US,
    SENTIMENT_PPM,
    TEXT_LENGTH,
    replies_received,
)
from social_signals.tables.silver import AUTHOR_ID, PARENT_POST_ID, USER_ID

PPM = 1_000_000.0
# Tone below this is counted as negative: more than a third of the scale towards negative.
NEGATIVE_PPM = -333_333


def writing(posts: DataFrame, *, as_of: Sequence[datetime]) -> DataFrame:
    """One row per (as_of_us, user_id) who wrote: length, tone and entities of their own posts. posts are resolved."""
    own = posts.where(F.col(AUTHOR_ID).isNotNull()).select(
        F.col(AUTHOR_ID).alias(USER_ID), EVENT_US, KNOWN_US, PARENT_POST_ID, TEXT_LENGTH, SENTIMENT_PPM, ENTITY_COUNT
    )
    is_reply = F.col(PARENT_POST_ID).isNotNull()
    tone = F.col(SENTIMENT_PPM)
    return (
        seen_from(own, as_of)
        .groupBy(AS_OF_US, USER_ID)
        .agg(
            count_if(~is_reply & in_last(90)).alias("posts_started_90d_count"),
            count_if(is_reply & in_last(90)).alias("posts_reply_90d_count"),
            count_if(~is_reply).alias("posts_started_count"),
            ratio(count_if(is_reply), F.count(F.lit(1))).alias("posts_reply_ratio"),
            _mean(F.col(TEXT_LENGTH), 90).alias("text_length_90d_mean_chars"),
            _mean(F.col(TEXT_LENGTH), None).alias("text_length_mean_chars"),
            (_mean(tone, 30) / PPM).alias("sentiment_written_30d_mean"),
            (_mean(tone, 90) / PPM).alias("sentiment_written_90d_mean"),
            (_mean(tone, None) / PPM).alias("sentiment_written_mean"),
            ratio(count_if((tone < NEGATIVE_PPM) & in_last(90)), count_if(tone.isNotNull() & in_last(90))).alias(
                "posts_negative_90d_ratio"
            ),
            F.coalesce(F.sum(F.when(in_last(90), F.col(ENTITY_COUNT))), F.lit(0)).alias("entities_90d_count"),
            ratio(F.coalesce(F.sum(ENTITY_COUNT), F.lit(0)), F.count(F.lit(1))).alias("entities_per_post"),
        )
        .withColumn("sentiment_written_change", F.col("sentiment_written_30d_mean") - F.col("sentiment_written_mean"))
    )


def response(posts: DataFrame, *, as_of: Sequence[datetime]) -> DataFrame:
    """One row per (as_of_us, user_id) who got a reply: its tone and how soon it came. posts are resolved."""
    tone = F.col(SENTIMENT_PPM)
    heard = replies_received(posts).withColumn(
        "delay_us", F.greatest(F.col(EVENT_US) - F.col(PARENT_EVENT_US), F.lit(0))
    )
    return (
        seen_from(heard, as_of)
        .groupBy(AS_OF_US, USER_ID)
        .agg(
            (_mean(tone, 90) / PPM).alias("sentiment_received_90d_mean"),
            (_mean(tone, None) / PPM).alias("sentiment_received_mean"),
            ratio(count_if((tone < NEGATIVE_PPM) & in_last(90)), count_if(tone.isNotNull() & in_last(90))).alias(
                "replies_negative_90d_ratio"
            ),
            # Whole seconds: a sum of microseconds over long histories could leave 64 bits.
            (_mean(F.floor(F.col("delay_us") / F.lit(1_000_000)), 90) / 3600.0).alias("reply_delay_90d_mean_hours"),
            (F.min("delay_us") / F.lit(float(HOUR_US))).alias("reply_delay_min_hours"),
        )
    )


def _mean(value: Column, days: int | None) -> Column:
    """Mean of whole numbers over the window, null where there is none: an exact sum, then one division."""
    wanted = F.when(in_window(days), value)
    return ratio(F.sum(wanted), F.count(wanted))
