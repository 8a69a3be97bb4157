"""One row per person: what follows from their counts and the readings of their followers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.creators import counts as marks
from social_signals.creators.counts import COUNT, COUNT_30, COUNT_60, KIND, NUMBER, TOTAL
from social_signals.features.cutoffs import (
    AGE_US,
    AS_OF_US,
    EVENT_US,
    KNOWN_US,
    count_if,
    in_last,
    known_us,
    log_ratio,
    ratio,
    seen_from,
)
from social_signals.features.words import PPM
from social_signals.tables.gold_creators import AUDIENCE_90D, POSTS_90D, REPLIES_90D
from social_signals.tables.silver import FOLLOWER_COUNT, INGESTED_TS, SNAPSHOT_TS, USER_ID

STEPS = 13
# A peak is its count and its place in time in one number; no hour since 1970 has more digits until the year 3110.
_PLACES = 10_000_000
PEAK_HOUR, PEAK_DAY = "peak_hour", "peak_day"
DUPLICATES, WITH_TEXT = "duplicates", "with_text"
_PAST_DAYS = (30, 60, 90)


def measures_of(counts: DataFrame) -> DataFrame:
    """One row per cut-off and person who wrote or received anything in 90 days: all of their columns that no other person, and no
    reading of followers, has a part in, and the peaks as (n, number of the hour or day since 1970).

    counts: `counts_of`. Sums are of whole numbers.
    """
    return counts.groupBy(AS_OF_US, USER_ID).agg(*_sums()).where("is_in").select(AS_OF_US, USER_ID, *_measures())


def followers_of(user_snapshots: DataFrame, *, as_of: Sequence[datetime]) -> DataFrame:
    """One row per cut-off and person with a reading before it: (as_of_us, user_id, follower_count, its growth and acceleration)."""
    readings = user_snapshots.where(F.col(FOLLOWER_COUNT).isNotNull()).select(
        USER_ID,
        FOLLOWER_COUNT,
        F.unix_micros(SNAPSHOT_TS).alias(EVENT_US),
        known_us(SNAPSHOT_TS, INGESTED_TS).alias(KNOWN_US),
    )
    newest = [F.min_by(FOLLOWER_COUNT, AGE_US).alias(FOLLOWER_COUNT)]
    for days in _PAST_DAYS:
        newest.append(F.min_by(FOLLOWER_COUNT, F.when(~in_last(days), F.col(AGE_US))).alias(f"before_{days}"))
    now, *before = [F.col(name) for name in (FOLLOWER_COUNT, *[f"before_{days}" for days in _PAST_DAYS])]
    growth = log_ratio(now, before[0])
    return (
        seen_from(readings, as_of)
        .groupBy(AS_OF_US, USER_ID)
        .agg(*newest)
        .select(
            AS_OF_US,
            USER_ID,
            FOLLOWER_COUNT,
            growth.alias("follower_growth_30d"),
            log_ratio(now, before[2]).alias("follower_growth_90d"),
            (growth - log_ratio(before[0], before[1])).alias("follower_acceleration_30d"),
        )
    )


def _sums() -> list[Column]:
    kind, n = F.col(KIND), F.col(COUNT)

    def total(of: int, what: str = COUNT) -> Column:
        return F.coalesce(F.sum(F.when(kind == of, F.col(what))), F.lit(0))

    def peak(of: int) -> Column:
        return F.max(F.when(kind == of, n * _PLACES + F.col(NUMBER)))

    is_step = kind == marks.STEP
    return [
        F.max(kind != marks.STEP).alias("is_in"),
        total(marks.POST).alias(POSTS_90D),
        *[
            total(of, what).alias(f"{name}_{days}")
            for name, of in (("views", marks.VIEW), ("acts", marks.DAY))
            for what, days in ((COUNT, 90), (COUNT_60, 60), (COUNT_30, 30))
        ],
        count_if(kind == marks.PERSON).alias(AUDIENCE_90D),
        F.sum(F.when(is_step, n)).alias("steps_sum"),
        F.sum(F.when(is_step, n * n)).alias("steps_squares"),
        peak(marks.HOUR).alias(PEAK_HOUR),
        peak(marks.DAY).alias(PEAK_DAY),
        total(marks.REPLY).alias(REPLIES_90D),
        *[_replies_where(_says() == says).alias(name) for name, says in (("one_word", 1), ("substantive", 3))],
        _replies_where(_says() != marks.NO_TEXT).alias(WITH_TEXT),
        _replies_where(_sounds() != marks.NOT_READ).alias("read"),
        _replies_where(_sounds() == marks.NEGATIVE).alias("negative"),
        F.sum(F.when(kind == marks.REPLY, F.col(TOTAL))).alias("tones"),
        F.coalesce(F.sum(F.when((kind == marks.SAYING) & (n > 1), n)), F.lit(0)).alias(DUPLICATES),
    ]


def _says() -> Column:
    return F.floor(F.col(NUMBER) / marks.TONES)


def _sounds() -> Column:
    return F.col(NUMBER) % marks.TONES


def _replies_where(condition: Column) -> Column:
    return F.sum(F.when((F.col(KIND) == marks.REPLY) & condition, F.col(COUNT)).otherwise(0))


def _measures() -> list[Column]:
    acts, views = F.col("acts_90"), F.col("views_90")
    mean = F.col("steps_sum") / F.lit(float(STEPS))
    # At least 0 in exact numbers.
    variance = F.greatest(F.col("steps_squares") / F.lit(float(STEPS)) - mean * mean, F.lit(0.0))
    return [
        F.col(POSTS_90D),
        *_counts_and_changes("views", "impressions", "impression"),
        *_counts_and_changes("acts", "engagements", "engagement"),
        F.col(AUDIENCE_90D),
        ratio(acts, views).alias("engagement_rate_by_impressions_90d"),
        F.round(1 / (1 + F.sqrt(variance) / mean), 9).alias("consistency_90d"),
        F.col(REPLIES_90D),
        (ratio(F.col("tones"), F.col("read")) / PPM).alias("reply_sentiment_90d_mean"),
        ratio(F.col("negative"), F.col("read")).alias("reply_negative_90d_ratio"),
        ratio(F.col("substantive"), F.col(WITH_TEXT)).alias("substantive_reply_90d_ratio"),
        ratio(F.col("one_word"), F.col(WITH_TEXT)).alias("one_word_reply_90d_ratio"),
        ratio(F.col(DUPLICATES), F.col(WITH_TEXT)).alias("duplicate_reply_90d_ratio"),
        F.when(acts > 0, ratio(F.coalesce(_n(PEAK_HOUR), F.lit(0)), acts)).alias("burst_hour_90d_ratio"),
        ratio(_n(PEAK_DAY), acts).alias("burst_day_90d_ratio"),
        (F.col(PEAK_HOUR) % _PLACES).alias(PEAK_HOUR),
        (F.col(PEAK_DAY) % _PLACES).alias(PEAK_DAY),
        F.col(WITH_TEXT),
        F.col(DUPLICATES),
    ]


def _n(peak: str) -> Column:
    return F.floor(F.col(peak) / _PLACES)


def _counts_and_changes(sums: str, many: str, one: str) -> list[Column]:
    in_30, in_60, in_90 = (F.col(f"{sums}_{days}") for days in (30, 60, 90))
    growth = log_ratio(in_30, in_60 - in_30)
    return [
        in_30.alias(f"{many}_30d_count"),
        in_90.alias(f"{many}_90d_count"),
        growth.alias(f"{one}_growth_30d"),
        (growth - log_ratio(in_60 - in_30, in_90 - in_60)).alias(f"{one}_acceleration_30d"),
    ]
