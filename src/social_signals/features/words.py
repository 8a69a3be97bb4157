"""What a person writes and what comes back: length, tone, entities, threads, speed of replies."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from social_signals.features.cutoffs import EVENT_US, HOUR_US, count_if, in_last, ratio
from social_signals.features.facts import (
    DELAY_US,
    ENTITY_COUNT,
    HEARD,
    IS_REPLY,
    PARENT_EVENT_US,
    ROLE,
    SENTIMENT_PPM,
    TEXT_LENGTH,
    WROTE,
)
from social_signals.features.kept import kept

PPM = 1_000_000.0
# Tone below this is counted as negative: more than a third of the scale towards negative.
NEGATIVE_PPM = -333_333
# More than any delay in microseconds: 300 years.
_PLACES = 10**16
_FIRST_POST, _FIRST_ANSWERED, _FIRST_ANSWER = "first_post_us", "first_answered_us", "first_answer"


@kept
def sums() -> list[Column]:
    """What is gathered of a person's facts: some of it features as it stands, the rest for `features`."""
    wrote, heard = F.col(ROLE) == WROTE, F.col(ROLE) == HEARD
    tone, is_reply = F.col(SENTIMENT_PPM), F.col(IS_REPLY) == 1
    entity_count = F.coalesce(F.col(ENTITY_COUNT), F.lit(0))
    # Whole seconds: a sum of microseconds over a long history could leave 64 bits.
    delay_s = F.floor(F.col(DELAY_US) / F.lit(1_000_000))
    return [
        count_if(wrote & ~is_reply & in_last(90)).alias("posts_started_90d_count"),
        count_if(wrote & is_reply & in_last(90)).alias("posts_reply_90d_count"),
        count_if(wrote & ~is_reply).alias("posts_started_count"),
        ratio(count_if(wrote & is_reply), count_if(wrote)).alias("posts_reply_ratio"),
        _mean(F.col(TEXT_LENGTH), wrote & in_last(90)).alias("text_length_90d_mean_chars"),
        _mean(F.col(TEXT_LENGTH), wrote).alias("text_length_mean_chars"),
        (_mean(tone, wrote & in_last(30)) / PPM).alias("sentiment_written_30d_mean"),
        (_mean(tone, wrote & in_last(90)) / PPM).alias("sentiment_written_90d_mean"),
        (_mean(tone, wrote) / PPM).alias("sentiment_written_mean"),
        _negative_share(wrote).alias("posts_negative_90d_ratio"),
        F.sum(F.when(wrote & in_last(90), entity_count)).alias("entities_90d_count"),
        _mean(entity_count, wrote).alias("entities_per_post"),
        (_mean(tone, heard & in_last(90)) / PPM).alias("sentiment_received_90d_mean"),
        (_mean(tone, heard) / PPM).alias("sentiment_received_mean"),
        _negative_share(heard).alias("replies_negative_90d_ratio"),
        (_mean(delay_s, heard & in_last(90)) / 3600.0).alias("reply_delay_90d_mean_hours"),
        (F.min(F.when(heard, F.col(DELAY_US))) / F.lit(float(HOUR_US))).alias("reply_delay_min_hours"),
        F.min(F.when(wrote, F.col(EVENT_US))).alias(_FIRST_POST),
        F.min(F.when(heard, F.col(PARENT_EVENT_US))).alias(_FIRST_ANSWERED),
        F.min(F.when(heard, _first_answer())).alias(_FIRST_ANSWER),
    ]


@kept
def features() -> list[Column]:
    """What follows from `sums`."""
    is_answered = F.col(_FIRST_ANSWERED).eqNullSafe(F.col(_FIRST_POST)) & F.col(_FIRST_POST).isNotNull()
    delay = F.pmod(F.col(_FIRST_ANSWER), F.lit(_PLACES).cast("decimal(38,0)")).cast("double")
    return [
        is_answered.cast("long").alias("is_first_post_answered"),
        F.when(is_answered, delay / F.lit(float(HOUR_US))).alias("first_post_reply_delay_hours"),
        (F.col("sentiment_written_30d_mean") - F.col("sentiment_written_mean")).alias("sentiment_written_change"),
    ]


def _first_answer() -> Column:
    """Orders answers by when the answered post was written, then by how soon they came, in one number.

    A minimum over a struct of the two would do the same, but turns the whole aggregation into a sorted one.
    """
    places = F.lit(_PLACES).cast("decimal(17,0)")
    written = F.col(PARENT_EVENT_US).cast("decimal(18,0)") * places
    return (written + F.col(DELAY_US).cast("decimal(17,0)")).cast("decimal(38,0)")


def _negative_share(role: Column) -> Column:
    tone = F.col(SENTIMENT_PPM)
    return ratio(count_if(role & in_last(90) & (tone < NEGATIVE_PPM)), count_if(role & in_last(90) & tone.isNotNull()))


def _mean(value: Column, condition: Column) -> Column:
    """Mean of whole numbers where the condition holds, null where none: an exact sum, then one division."""
    wanted = F.when(condition, value)
    return ratio(F.sum(wanted), F.count(wanted))
