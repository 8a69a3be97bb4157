"""Which posts gather more: examples of the ranker where a row is a post, known as it was when it was published."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.core.times import EPOCH
from social_signals.evaluation.splits import Splits
from social_signals.models.artefact import INFLUENCE_POSTS
from social_signals.models.examples import with_role
from social_signals.models.influence_judged import Ranked
from social_signals.models.labels import ENGAGEMENT
from social_signals.models.params import InfluenceParams
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import EVENT_TS, POST_ID


def _says(params: InfluenceParams) -> str:
    return f"of two posts of the same {params.step_days} days, which gathered more engagement in {params.horizon_days} days"


POSTS_RANKED = Ranked(
    kind=INFLUENCE_POSTS,
    key=(AS_OF, POST_ID),
    baselines={
        "followers": "follower_count",
        "activity": "lifetime_post_count",
        "earlier_posts": "earlier_posts_count",
        "received": "earlier_received_count",
        "received_per_post": "received_per_earlier_post",
    },
    magnitudes=("follower_count", "listed_count", "earlier_received_count", "earlier_received_30d_count"),
    says=_says,
)


def step_of(cutoffs: Sequence[datetime], *, step_days: int) -> Column:
    """The cut-off at or before a post's event_ts and less than `step_days` from it; null where there is none."""
    instants = F.array(*[F.lit((cutoff - EPOCH) // timedelta(microseconds=1)).cast("long") for cutoff in cutoffs])
    step = F.lit(timedelta(days=step_days) // timedelta(microseconds=1))
    at = F.unix_micros(EVENT_TS)
    return F.timestamp_micros(F.filter(instants, lambda cutoff: (cutoff <= at) & (at < cutoff + step))[0])


def post_examples(
    features: DataFrame, engagement: DataFrame, *, splits: Splits, step_days: int, seed: int
) -> DataFrame:
    """One row per post of the split's cut-offs: as_of (the start of its step), user_id, post_id, features, engagement, role."""
    placed = features.withColumn(AS_OF, step_of(splits.used, step_days=step_days)).where(F.col(AS_OF).isNotNull())
    joined = placed.join(engagement, on=POST_ID, how="left")
    return with_role(joined.withColumn(ENGAGEMENT, F.coalesce(ENGAGEMENT, F.lit(0))), splits, seed=seed)
