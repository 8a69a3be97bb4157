"""Who a person deals with: breadth, reciprocity, concentration."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.features.cutoffs import AGE_US, AS_OF_US, by_person, count_if, in_last, ratio, seen_from
from social_signals.features.facts import IS_OUT, ITEM_PREFIX, PARTNER_ID, THING
from social_signals.tables.silver import USER_ID

_YEARS_AGO = 1 << 62


def circle(ties: DataFrame, *, as_of: Sequence[datetime]) -> DataFrame:
    """One row per (as_of_us, user_id) with any known partner: how many, how mutual, how concentrated.

    ties: one row per act of one person towards another and side of it (user_id, partner_id, is_out).
    """
    # Distinct partners are counted as groups: count(distinct) in several windows would expand every row once a window.
    pairs = (
        seen_from(by_person(ties), as_of)
        .groupBy(AS_OF_US, USER_ID, PARTNER_ID)
        .agg(
            F.count(F.when(in_last(90), F.lit(1))).alias("acts_90d"),
            F.coalesce(F.min(F.when(F.col(IS_OUT), F.col(AGE_US))), F.lit(_YEARS_AGO)).alias("out_age"),
            F.coalesce(F.min(F.when(~F.col(IS_OUT), F.col(AGE_US))), F.lit(_YEARS_AGO)).alias("in_age"),
            F.max(AGE_US).alias("first_age"),
        )
    )
    ever_out, ever_in = F.col("out_age") < _YEARS_AGO, F.col("in_age") < _YEARS_AGO
    out_90d = in_last(90, age="out_age")
    in_90d = in_last(90, age="in_age")
    return (
        pairs.groupBy(AS_OF_US, USER_ID)
        .agg(
            F.count(F.lit(1)).alias("partners_count"),
            count_if(in_last(30, age="out_age") | in_last(30, age="in_age")).alias("partners_30d_count"),
            count_if(out_90d | in_90d).alias("partners_90d_count"),
            count_if(out_90d).alias("partners_given_90d_count"),
            count_if(in_90d).alias("partners_received_90d_count"),
            count_if(in_last(30, age="first_age")).alias("partners_new_30d_count"),
            count_if(out_90d & in_90d).alias("mutual_90d"),
            count_if(ever_out & ever_in).alias("mutual"),
            count_if(ever_out).alias("out"),
            F.max("acts_90d").alias("top_90d"),
            F.sum("acts_90d").alias("acts_90d"),
        )
        .select(
            AS_OF_US,
            USER_ID,
            "partners_count",
            "partners_30d_count",
            "partners_90d_count",
            "partners_given_90d_count",
            "partners_received_90d_count",
            "partners_new_30d_count",
            ratio(F.col("mutual_90d"), F.col("partners_given_90d_count")).alias("reciprocity_90d_ratio"),
            ratio(F.col("mutual"), F.col("out")).alias("reciprocity_ratio"),
            ratio(F.col("top_90d"), F.col("acts_90d")).alias("top_partner_90d_ratio"),
        )
    )


def breadth(things: DataFrame, *, as_of: Sequence[datetime]) -> DataFrame:
    """One row per (as_of_us, user_id) who acted upon anything in the last 90 days: how many different things.

    things: one row per act upon an item or a post (user_id, thing, clocks).
    """
    is_item = F.col(THING).startswith(ITEM_PREFIX)
    return (
        seen_from(by_person(things), as_of, within_days=90)
        .groupBy(AS_OF_US, USER_ID, THING)
        .agg(F.max(in_last(30)).alias("is_recent"))
        .groupBy(AS_OF_US, USER_ID)
        .agg(
            count_if(is_item).alias("items_90d_count"),
            count_if(~is_item).alias("posts_touched_90d_count"),
            count_if(~is_item & F.col("is_recent")).alias("posts_touched_30d_count"),
        )
    )
