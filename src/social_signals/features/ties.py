"""Who a person deals with: breadth, reciprocity, concentration."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from social_signals.features.cutoffs import AGE_US, count_if, in_last, ratio
from social_signals.features.kept import kept
from social_signals.features.traces import IS_OUT, ITEM, PARTNER, POST, WHAT

_YEARS_AGO = 1 << 62
_ACTS_90D, _OUT_AGE, _IN_AGE, _FIRST_AGE = "acts_90d", "out_age", "in_age", "first_age"


@kept
def trace_sums() -> list[Column]:
    """What is gathered of one trace of a person: acts in 90 days, the newest by them and by the other, the first."""
    is_out = F.col(IS_OUT)
    return [
        F.count(F.when(in_last(90), F.lit(1))).alias(_ACTS_90D),
        F.coalesce(F.min(F.when(is_out, F.col(AGE_US))), F.lit(_YEARS_AGO)).alias(_OUT_AGE),
        F.coalesce(F.min(F.when(~is_out, F.col(AGE_US))), F.lit(_YEARS_AGO)).alias(_IN_AGE),
        F.max(AGE_US).alias(_FIRST_AGE),
    ]


@kept
def sums() -> list[Column]:
    """What is gathered of all partners, items and posts of a person."""
    is_partner, is_item, is_post = F.col(WHAT) == PARTNER, F.col(WHAT) == ITEM, F.col(WHAT) == POST
    ever_out, ever_in = F.col(_OUT_AGE) < _YEARS_AGO, F.col(_IN_AGE) < _YEARS_AGO
    out_90d, in_90d = in_last(90, age=_OUT_AGE), in_last(90, age=_IN_AGE)
    any_30d = in_last(30, age=_OUT_AGE) | in_last(30, age=_IN_AGE)
    return [
        count_if(is_partner).alias("partners_count"),
        count_if(is_partner & any_30d).alias("partners_30d_count"),
        count_if(is_partner & (out_90d | in_90d)).alias("partners_90d_count"),
        count_if(is_partner & out_90d).alias("partners_given_90d_count"),
        count_if(is_partner & in_90d).alias("partners_received_90d_count"),
        count_if(is_partner & in_last(30, age=_FIRST_AGE)).alias("partners_new_30d_count"),
        count_if(is_partner & out_90d & in_90d).alias("mutual_90d"),
        count_if(is_partner & ever_out & ever_in).alias("mutual"),
        count_if(is_partner & ever_out).alias("out"),
        F.max(F.when(is_partner, F.col(_ACTS_90D))).alias("top_acts_90d"),
        F.sum(F.when(is_partner, F.col(_ACTS_90D))).alias("partner_acts_90d"),
        count_if(is_item & out_90d).alias("items_90d_count"),
        count_if(is_post & out_90d).alias("posts_touched_90d_count"),
        count_if(is_post & in_last(30, age=_OUT_AGE)).alias("posts_touched_30d_count"),
    ]


SUMS = (
    "partners_count",
    "partners_30d_count",
    "partners_90d_count",
    "partners_given_90d_count",
    "partners_received_90d_count",
    "partners_new_30d_count",
    "mutual_90d",
    "mutual",
    "out",
    "top_acts_90d",
    "partner_acts_90d",
    "items_90d_count",
    "posts_touched_90d_count",
    "posts_touched_30d_count",
)


@kept
def features() -> list[Column]:
    """The circle of a person from their `SUMS`."""
    counts = [F.col(name) for name in SUMS if name.endswith("_count")]
    return [
        *counts,
        ratio(F.col("mutual_90d"), F.col("partners_given_90d_count")).alias("reciprocity_90d_ratio"),
        ratio(F.col("mutual"), F.col("out")).alias("reciprocity_ratio"),
        ratio(F.col("top_acts_90d"), F.col("partner_acts_90d")).alias("top_partner_90d_ratio"),
    ]
