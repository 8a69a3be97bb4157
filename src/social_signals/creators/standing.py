"""A person among others of their size: tier, engagement rate against the tier's, and what is usual there."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.features.cutoffs import AS_OF_US, ratio
from social_signals.tables.gold import TIER
from social_signals.tables.gold_creators import AUDIENCE_90D, ENGAGEMENTS_90D, POSTS_90D
from social_signals.tables.silver import FOLLOWER_COUNT
from social_signals.tables.tiers import TIERS_BY_SHARE, tier_above, tier_by_followers

RATE, LOG_RATE = "engagement_rate_by_followers_90d", "log_rate"
# Logarithms of rates to three decimals (a thousandth of the rate) and shares to three decimals: a percentile then keeps some thousand
# different values, however many people there are, and is the same in any order of the rows.
_DIGITS = 3
# Of the normal distribution: interquartile range over standard deviation.
_IQR_OF_NORMAL = 1.349
_LEAST_RATE = 1e-9


def with_tier(people: DataFrame) -> DataFrame:
    """Adds the tier: by followers where anybody's are known at the cut-off, else by the share of people with a smaller audience;
    and the rate of engagement by followers, null without posts or followers, with its logarithm (one engagement more, so that none has
    one too)."""
    limits = people.groupBy(AS_OF_US).agg(
        (F.count(FOLLOWER_COUNT) > 0).alias("knows_followers"),
        *[F.percentile(AUDIENCE_90D, F.lit(share)).alias(f"above_{name}") for name, share in TIERS_BY_SHARE],
    )
    by_audience = tier_above(F.col(AUDIENCE_90D), {name: F.col(f"above_{name}") for name, _ in TIERS_BY_SHARE})
    by_followers = tier_by_followers(F.col(FOLLOWER_COUNT))
    reach = F.col(POSTS_90D) * F.col(FOLLOWER_COUNT)
    return (
        people.join(F.broadcast(limits), on=AS_OF_US, how="inner")
        .withColumn(TIER, F.when(F.col("knows_followers"), by_followers).otherwise(by_audience))
        .withColumn(RATE, ratio(F.col(ENGAGEMENTS_90D), reach))
        .withColumn(LOG_RATE, F.log(ratio(F.col(ENGAGEMENTS_90D) + 1, reach)))
        .drop("knows_followers", *limits.columns[2:])
    )


def with_usual(people: DataFrame, *, signs: Mapping[str, Column], least_people: int) -> DataFrame:
    """Adds what is usual at the cut-off and tier: engagement_rate_to_tier_ratio, engagement_mismatch (robust z of the logarithm of the
    rate), usual_log_rate, usual_people (with a rate); and of each sign its outer fence, fence_NAME: in the tier, where fewer than
    least_people are judged there among all of the cut-off, null where there are no more of these either.

    signs: by name, the sign's ratio where it is judged, else null. The fence is Q3 + 3 (Q3 - Q1) (Tukey, 1977); z is the distance from the
    median over (Q3 - Q1) / 1.349. Quartiles are of values rounded to three decimals.
    """
    log_rate = F.round(F.col(LOG_RATE), _DIGITS)
    exact_log = F.round(F.log(F.greatest(F.col(RATE), F.lit(_LEAST_RATE))), _DIGITS)
    in_tier = people.groupBy(AS_OF_US, TIER).agg(
        F.percentile(log_rate, _quartiles()).alias("rates"),
        F.count(LOG_RATE).alias("usual_people"),
        F.percentile(F.when(F.col(RATE).isNotNull(), exact_log), F.lit(0.5)).alias("median_rate"),
        *[_fence(value, least_people).alias(f"tier_{name}") for name, value in signs.items()],
    )
    of_all = people.groupBy(AS_OF_US).agg(
        *[_fence(value, least_people).alias(f"all_{name}") for name, value in signs.items()]
    )
    low, middle, high = [F.col("rates")[place] for place in range(3)]
    median = F.exp(F.col("median_rate"))
    fences = {f"fence_{name}": F.coalesce(F.col(f"tier_{name}"), F.col(f"all_{name}")) for name in signs}
    return (
        people.join(F.broadcast(in_tier), on=[AS_OF_US, TIER], how="inner")
        .join(F.broadcast(of_all), on=AS_OF_US, how="inner")
        .withColumns(fences)
        .withColumn("usual_log_rate", middle)
        .withColumn("engagement_rate_to_tier_ratio", F.round(F.col(RATE) / F.when(median > _LEAST_RATE * 2, median), 9))
        .withColumn("engagement_mismatch", F.round(_over(F.col(LOG_RATE) - middle, (high - low) / _IQR_OF_NORMAL), 9))
        .drop("rates", "median_rate", *[f"{of}_{name}" for of in ("tier", "all") for name in signs])
    )


def _quartiles() -> Column:
    return F.array(*[F.lit(share) for share in (0.25, 0.5, 0.75)])


def _fence(value: Column, least_people: int) -> Column:
    found = F.percentile(F.round(value, _DIGITS), _quartiles())
    return F.when(F.count(value) >= least_people, found[2] * 4 - found[0] * 3)


def _over(distance: Column, scale: Column) -> Column:
    return distance / F.when(scale > 0, scale)
