"""What training and scoring of posts share: posts as they were when published, and the steps of time that compare them."""

from __future__ import annotations

from datetime import datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.core.errors import DataQualityError
from social_signals.core.times import iso
from social_signals.evaluation.splits import choose_cutoffs
from social_signals.features import FeatureParams
from social_signals.features.cutoffs import instant_of
from social_signals.features.posts import post_features
from social_signals.governance import ConsentParams, only_consented
from social_signals.jobs import build_features, training
from social_signals.jobs.job import Context
from social_signals.models.influence_posts import post_examples, step_of
from social_signals.models.labels import engagement_of_posts
from social_signals.models.params import InfluenceParams
from social_signals.tables.gold import AS_OF
from social_signals.tables.gold_texts import POST_ENTITIES, POST_SENTIMENT
from social_signals.tables.silver import CONSENTS, EVENT_TS, INTERACTIONS, POSTS, USER_SNAPSHOTS, USERS


def plan(
    context: Context, *, as_of: datetime | None, influence: InfluenceParams, features: FeatureParams
) -> training.Plan:
    """The steps of `step_days` with posts whose outcome had passed by as_of, and how they are split.

    The last post of a step comes `step_days` after its start, so a step is embargoed for that much longer.
    """
    chosen = as_of or build_features.default_as_of(context, features=features)
    until = influence.horizon_days + influence.step_days
    first = training.first_event(context.catalog, before=chosen)
    steps = choose_cutoffs(
        first - timedelta(days=influence.step_days),
        chosen,
        lookback_days=0,
        horizon_days=until,
        step_days=influence.step_days,
        max_cutoffs=influence.max_cutoffs,
    )
    posts = context.catalog.read(POSTS).where(F.col(EVENT_TS) < F.lit(chosen))
    # One value a step, few by construction; a step without posts is no cut-off.
    stored = posts.select(F.unix_micros(step_of(steps, step_days=influence.step_days)).alias("us")).distinct().collect()
    with_posts = [instant_of(int(row["us"])) for row in stored if row["us"] is not None]
    if not with_posts:
        raise DataQualityError(
            f"no post was published in the {len(steps)} steps of {influence.step_days} days before as_of={iso(chosen)}",
            hint="bring more posts, or raise influence.max_cutoffs or influence.step_days",
        )
    return training.Plan(chosen, training.split(with_posts, influence, outcome_days=until))


def examples(
    context: Context, plan: training.Plan, *, influence: InfluenceParams, consent: ConsentParams, seed: int
) -> DataFrame:
    """`post_examples` of every step of the plan, by authors who agreed to profiling as known at the plan's as_of."""
    catalog = context.catalog
    engagement = engagement_of_posts(
        catalog.read(INTERACTIONS), catalog.read(POSTS), horizon_days=influence.horizon_days,
        weights=influence.engagement_weights,
    )  # fmt: skip
    known = published(context, before=plan.as_of, consent=consent)
    return post_examples(known, engagement, splits=plan.splits, step_days=influence.step_days, seed=seed)


def published(
    context: Context, *, before: datetime, consent: ConsentParams, since: datetime | None = None
) -> DataFrame:
    """`post_features` of posts in [since, before), by authors who agreed to profiling as known at `before`."""
    catalog = context.catalog
    found = post_features(
        catalog.read(POSTS).where(F.col(EVENT_TS) < F.lit(before)),
        interactions=catalog.read(INTERACTIONS).where(F.col(EVENT_TS) < F.lit(before)),
        users=catalog.read_or_empty(USERS),
        user_snapshots=catalog.read_or_empty(USER_SNAPSHOTS),
        sentiment=catalog.read_or_empty(POST_SENTIMENT),
        entities=catalog.read_or_empty(POST_ENTITIES),
    )
    recent = found if since is None else found.where(F.col(EVENT_TS) >= F.lit(since))
    consents = catalog.read_or_empty(CONSENTS)
    return only_consented(recent, consents, purpose="profiling", as_of=before, default=consent.default)


def at(posts: DataFrame, as_of: datetime) -> DataFrame:
    """The posts as a slice of a cut-off."""
    return posts.withColumn(AS_OF, F.lit(as_of))
