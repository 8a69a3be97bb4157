"""What a creator's past campaigns brought for their cost, against the median campaign, and what they cost."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.campaigns.params import ShortlistParams
from social_signals.features.cutoffs import count_if, ratio
from social_signals.features.facts import AMOUNT_TYPE
from social_signals.tables.gold_campaigns import CAMPAIGN_RESULTS, CAMPAIGNS_COUNT
from social_signals.tables.silver import (
    CAMPAIGN_ID,
    COST,
    CREATOR_ID,
    CURRENCY,
    END_TS,
    EVENT_TS,
    INGESTED_TS,
    KIND,
    PRICE,
    START_TS,
    USER_ID,
    VALUE,
)

ENGAGING_KINDS = ("click", "like", "comment", "share", "mention", "follow", "save", "subscribe", "answer_accepted")
RESULTS_AS_FOUND = "results_as_found"
# Of a creator without a past campaign, and what each begins with: like the median campaign.
USUAL_RESULTS = 1.0


def campaign_results(
    campaigns: DataFrame, interactions: DataFrame, *, as_of: datetime, params: ShortlistParams
) -> DataFrame:
    """One row per creator with a finished campaign whose cost is known: (user_id, campaigns_count, results_as_found,
    campaign_results).

    A campaign's result is the mean of what it brought for its cost over what the median campaign of its currency did, in
    engagements and in money: purchases less refunds in the currency of the cost. 1 = like the median; a side that the
    median campaign has none of is left out. results_as_found: mean over the creator's campaigns; campaign_results: the same
    with `prior_campaigns` like the median added. Campaigns that were over by as_of and acts known by as_of count.
    """
    # a campaign without an end is over with its first act: there is nothing else to go by
    is_over = F.coalesce(F.col(END_TS), F.col(START_TS)) <= F.lit(as_of)
    finished = _known(campaigns, as_of).where(is_over & (F.col(COST) > 0))
    acts = interactions.where((F.col(EVENT_TS) < F.lit(as_of)) & (F.col(INGESTED_TS) < F.lit(as_of)))
    amount = F.col(VALUE).cast(AMOUNT_TYPE)
    earned = F.when(F.col(KIND) == "purchase", amount).when(F.col(KIND) == "refund", -amount)
    ended = finished.select(CAMPAIGN_ID, F.col(CURRENCY).alias("paid_in"))
    brought = (
        acts.join(ended, on=CAMPAIGN_ID, how="inner")
        .groupBy(CAMPAIGN_ID)
        .agg(
            count_if(F.col(KIND).isin(*ENGAGING_KINDS)).alias("engagements"),
            F.sum(F.when(F.col(CURRENCY).eqNullSafe(F.col("paid_in")), earned)).cast("double").alias("earned"),
        )
    )
    measured = finished.join(brought, on=CAMPAIGN_ID, how="left").select(
        F.col(CREATOR_ID).alias(USER_ID),
        CURRENCY,
        (F.coalesce("engagements", F.lit(0)) / F.col(COST)).alias("engagements"),
        (F.greatest(F.coalesce("earned", F.lit(0.0)), F.lit(0.0)) / F.col(COST)).alias("earned"),
    )
    medians = measured.groupBy(F.col(CURRENCY).alias("of_currency")).agg(
        *[F.percentile(name, F.lit(0.5)).alias(f"median_{name}") for name in ("engagements", "earned")]
    )
    same_currency = F.col(CURRENCY).eqNullSafe(F.col("of_currency"))
    against = measured.join(F.broadcast(medians), on=same_currency, how="inner").select(
        USER_ID, F.round(_mean_of_known("engagements", "earned"), 6).cast("decimal(20,6)").alias("result")
    )
    judged = against.where(F.col("result").isNotNull())
    total, count, prior = F.sum("result").cast("double"), F.count(F.lit(1)), F.lit(params.prior_campaigns)
    return judged.groupBy(USER_ID).agg(
        count.alias(CAMPAIGNS_COUNT),
        (total / count).alias(RESULTS_AS_FOUND),
        ((total + prior * F.lit(USUAL_RESULTS)) / (count + prior)).alias(CAMPAIGN_RESULTS),
    )


def own_prices(campaigns: DataFrame, *, as_of: datetime, currency: str) -> DataFrame:
    """One row per creator with a campaign in the currency: (user_id, price), the median cost of those begun and known by as_of."""
    paid = _known(campaigns, as_of).where((F.col(CURRENCY) == currency) & (F.col(COST) > 0))
    return paid.groupBy(F.col(CREATOR_ID).alias(USER_ID)).agg(F.percentile(COST, F.lit(0.5)).alias(PRICE))


def _known(campaigns: DataFrame, as_of: datetime) -> DataFrame:
    known = (F.col(START_TS) < F.lit(as_of)) & (F.col(INGESTED_TS) < F.lit(as_of))
    return campaigns.where(known & F.col(CREATOR_ID).isNotNull())


def _mean_of_known(*names: str) -> Column:
    """The mean over `names` of each over its median, of those whose median is above 0."""
    relative = F.array_compact(F.array(*[ratio(F.col(name), F.col(f"median_{name}")) for name in names]))
    total = F.aggregate(relative, F.lit(0.0), lambda sum_, one: sum_ + one)
    return ratio(total, F.size(relative))
