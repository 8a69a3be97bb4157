"""What happened after a cut-off: the outcomes that models learn to foretell.

An outcome window is [cut-off, cut-off + horizon) by the time of the event. Rows that were seen late still happened, so
outcomes go by `event_ts` alone; who was there to be asked about goes by both clocks, as features do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.core.times import EPOCH
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import (
    ACTOR_ID,
    AUTHOR_ID,
    CREATOR_ID,
    EVENT_TS,
    INGESTED_TS,
    KIND,
    POST_ID,
    TARGET_POST_ID,
    TARGET_USER_ID,
    USER_ID,
)

CHURNED = "churned"
ENGAGEMENT = "engagement"
JOINED, LEFT = ("subscribe", "follow"), ("unsubscribe", "unfollow")
# Longer than any history.
_EVER_DAYS = 365_000


def churn_labels(
    acts: DataFrame,
    *,
    cutoffs: Sequence[datetime],
    lookback_days: int,
    horizon_days: int,
    who: Sequence[str] = (USER_ID,),
) -> DataFrame:
    """One row per cut-off and person active in [cut-off - lookback, cut-off): (as_of, user_id, churned), churned 0 or 1.

    acts: (user_id, event_ts, ingested_ts), one row per act. who: the columns that say whose act it is; of a tie, the person
    and the creator. churned is 1 when no act falls in [cut-off, cut-off +
    horizon). The caller has made sure that every horizon has passed (`evaluation.splits.choose_cutoffs`).
    """
    seen = around(acts, cutoffs=cutoffs, before_days=lookback_days, after_days=horizon_days)
    is_before = F.col(EVENT_TS) < F.col(AS_OF)
    was_known = is_before & (F.col(INGESTED_TS) < F.col(AS_OF))
    people = seen.groupBy(AS_OF, *who).agg(F.max(was_known).alias("was_active"), F.max(~is_before).alias("stayed"))
    return people.where(F.col("was_active")).select(AS_OF, *who, (~F.col("stayed")).cast("int").alias(CHURNED))


def event_labels(
    acts: DataFrame,
    interactions: DataFrame,
    *,
    cutoffs: Sequence[datetime],
    events: Sequence[str],
    lookback_days: int,
    horizon_days: int,
) -> DataFrame:
    """One row per cut-off and person active in the lookback who has not left: (as_of, user_id, churned), churned 0 or 1.

    acts: as for `churn_labels`. churned is 1 when the person does one of `events` in [cut-off, cut-off + horizon). Where
    `unsubscribe` is one of them, whoever has unsubscribed before the cut-off and not subscribed since is not asked about.
    """
    said = interactions.where(F.col(ACTOR_ID).isNotNull() & F.col(KIND).isin([*events, *JOINED[:1]])).select(
        F.col(ACTOR_ID).alias(USER_ID), KIND, EVENT_TS, INGESTED_TS
    )
    states = ("unsubscribe",) if "unsubscribe" in events else ()
    return _leavers(
        acts, said, cutoffs=cutoffs, events=events, lookback_days=lookback_days, horizon_days=horizon_days,
        who=[USER_ID], left=states, joined=JOINED[:1] if states else (), with_joined=False,
    )  # fmt: skip


def tie_event_labels(
    acts: DataFrame,
    statements: DataFrame,
    *,
    cutoffs: Sequence[datetime],
    events: Sequence[str],
    lookback_days: int,
    horizon_days: int,
) -> DataFrame:
    """One row per cut-off and tie: (as_of, user_id, creator_id, churned), churned 0 or 1.

    A tie is asked about where the person was active towards the creator in the lookback or follows or subscribes, unless
    they have left since. acts: (user_id, creator_id, event_ts, ingested_ts). statements: (user_id, creator_id, kind,
    event_ts, ingested_ts) of every kind in `events`, JOINED and LEFT. churned is 1 when one of `events` falls in the horizon.
    """
    return _leavers(
        acts, statements, cutoffs=cutoffs, events=events, lookback_days=lookback_days, horizon_days=horizon_days,
        who=[USER_ID, CREATOR_ID], left=LEFT, joined=JOINED, with_joined=True,
    )  # fmt: skip


def _leavers(
    acts: DataFrame,
    said: DataFrame,
    *,
    cutoffs: Sequence[datetime],
    events: Sequence[str],
    lookback_days: int,
    horizon_days: int,
    who: Sequence[str],
    left: Sequence[str],
    joined: Sequence[str],
    with_joined: bool,
) -> DataFrame:
    active = (
        around(acts, cutoffs=cutoffs, before_days=lookback_days, after_days=0)
        .where(F.col(INGESTED_TS) < F.col(AS_OF))
        .select(AS_OF, *who)
        .distinct()
        .withColumn("is_active", F.lit(True))
    )
    seen = around(said, cutoffs=cutoffs, before_days=_EVER_DAYS, after_days=horizon_days)
    is_before = F.col(EVENT_TS) < F.col(AS_OF)
    leaves = ~is_before & F.col(KIND).isin(list(events))
    is_state = is_before & (F.col(INGESTED_TS) < F.col(AS_OF)) & F.col(KIND).isin([*left, *joined])
    # The greater struct of one instant is the leaving.
    newest = F.max(F.when(is_state, F.struct(EVENT_TS, F.col(KIND).isin(list(left)).alias("has_left"))))
    told = seen.groupBy(AS_OF, *who).agg(F.max(leaves).alias("leaves"), newest.alias("newest"))
    known = active.join(told, on=[AS_OF, *who], how="full" if with_joined else "left")
    # true: has left; false: has joined; null: has said neither
    state = F.col("newest.has_left")
    is_asked = F.coalesce(F.col("is_active"), F.lit(False)) | F.coalesce(~state, F.lit(False))
    churned = F.coalesce(F.col("leaves"), F.lit(False)).cast("int").alias(CHURNED)
    return known.where(is_asked & ~F.coalesce(state, F.lit(False))).select(AS_OF, *who, churned)


def engagement_received(
    interactions: DataFrame,
    posts: DataFrame,
    *,
    cutoffs: Sequence[datetime],
    horizon_days: int,
    weights: Mapping[str, int],
) -> DataFrame:
    """One row per cut-off and person who received any in [cut-off, cut-off + horizon): (as_of, user_id, engagement).

    engagement is the sum of the weights of the interactions that others, known or anonymous, did to the person or to a
    post of theirs: whole numbers, exact in any order. Whoever received nothing has no row, which means 0.
    """
    weighed = _weighed(interactions, weights)
    owners = posts.select(F.col(POST_ID).alias(TARGET_POST_ID), F.col(AUTHOR_ID).alias("owner_id"))
    acts = weighed.select(ACTOR_ID, TARGET_USER_ID, TARGET_POST_ID, EVENT_TS, "weight")
    named = acts.where(F.col(TARGET_USER_ID).isNotNull()).withColumnRenamed(TARGET_USER_ID, USER_ID)
    unnamed = acts.where(F.col(TARGET_USER_ID).isNull() & F.col(TARGET_POST_ID).isNotNull())
    found = unnamed.join(owners, on=TARGET_POST_ID, how="inner").withColumn(USER_ID, F.col("owner_id"))
    columns = [ACTOR_ID, USER_ID, EVENT_TS, "weight"]
    received = named.select(*columns).unionByName(found.select(*columns))
    by_another = F.col(USER_ID).isNotNull() & ~F.col(ACTOR_ID).eqNullSafe(F.col(USER_ID))
    after = around(received.where(by_another), cutoffs=cutoffs, before_days=0, after_days=horizon_days)
    return after.groupBy(AS_OF, USER_ID).agg(F.sum("weight").alias(ENGAGEMENT))


def _weighed(interactions: DataFrame, weights: Mapping[str, int]) -> DataFrame:
    """The interactions of kinds that are worth something, and what each is worth: a whole number, `weight`."""
    counted = {kind: weight for kind, weight in weights.items() if weight != 0}
    weight_of = F.create_map(*[F.lit(part) for kind, weight in sorted(counted.items()) for part in (kind, int(weight))])
    acts = interactions.where(F.col(KIND).isin(sorted(counted)))
    return acts.withColumn("weight", weight_of[F.col(KIND)].cast("long"))


def engagement_of_posts(
    interactions: DataFrame, posts: DataFrame, *, horizon_days: int, weights: Mapping[str, int]
) -> DataFrame:
    """One row per post that received any within `horizon_days` of its event_ts: (post_id, engagement), as `engagement_received`.

    Only interactions that name the post count, by others than its author; the instant of the post itself is included.
    """
    published = posts.select(POST_ID, AUTHOR_ID, F.unix_micros(EVENT_TS).alias("published_us"))
    acts = _weighed(interactions.where(F.col(TARGET_POST_ID).isNotNull()), weights).select(
        ACTOR_ID,
        F.col(TARGET_POST_ID).alias(POST_ID),
        F.unix_micros(EVENT_TS).alias("acted_us"),
        "weight",
    )
    after = F.col("acted_us") - F.col("published_us")
    in_horizon = (after >= 0) & (after < F.lit(_micros(timedelta(days=horizon_days))))
    # An anonymous act on a post of nobody known is still somebody's.
    by_another = ~F.coalesce(F.col(ACTOR_ID) == F.col(AUTHOR_ID), F.lit(False))
    received = acts.join(published, on=POST_ID, how="inner").where(in_horizon & by_another)
    return received.groupBy(POST_ID).agg(F.sum("weight").alias(ENGAGEMENT))


def around(events: DataFrame, *, cutoffs: Sequence[datetime], before_days: int, after_days: int) -> DataFrame:
    """One row per event and cut-off with event_ts in [cut-off - before, cut-off + after): adds `as_of`."""
    before, after = _micros(timedelta(days=before_days)), _micros(timedelta(days=after_days))
    at = F.unix_micros(EVENT_TS)
    # Filtering the literal array before the explode keeps a row's copies to the few cut-offs that it matters to.
    near = F.filter(_instants(cutoffs), lambda cutoff: (at >= cutoff - F.lit(before)) & (at < cutoff + F.lit(after)))
    return (
        events.withColumn("_cutoff_us", F.explode(near))
        .withColumn(AS_OF, F.timestamp_micros(F.col("_cutoff_us")))
        .drop("_cutoff_us")
    )


def _instants(cutoffs: Sequence[datetime]) -> Column:
    return F.array(*[F.lit(_micros(cutoff - EPOCH)).cast("long") for cutoff in sorted(set(cutoffs))])


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
