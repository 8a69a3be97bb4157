"""One row per cut-off and person: everything the other modules measure, in the declared order and types."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.features.activity import activity
from social_signals.features.audience import account_age, audience
from social_signals.features.cutoffs import AS_OF_US
from social_signals.features.declared import FEATURES, Feature
from social_signals.features.engagement import engagement
from social_signals.features.facts import person_facts, replies, resolved_interactions, texts, things, ties
from social_signals.features.params import FeatureParams
from social_signals.features.rhythm import rhythm
from social_signals.features.ties import breadth, circle
from social_signals.features.words import words
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import USER_ID


def user_features(
    *,
    as_of: Sequence[datetime],
    interactions: DataFrame,
    posts: DataFrame,
    users: DataFrame,
    user_snapshots: DataFrame,
    sentiment: DataFrame,
    entities: DataFrame,
    params: FeatureParams,
) -> DataFrame:
    """One row per (as_of, user_id) of USER_FEATURES: everybody who acted, wrote or received something in
    `[as_of - params.population_days, as_of)`, for all cut-offs in one pass.

    as_of: aware instants; double ones count once. Only rows with event_ts < as_of and ingested_ts < as_of are seen; a
    post's sentiment and entities share its clocks. Sums are of whole numbers, so the same rows in any order give the
    same bytes.
    """
    people = measured(
        as_of=as_of,
        interactions=interactions,
        posts=posts,
        users=users,
        user_snapshots=user_snapshots,
        sentiment=sentiment,
        entities=entities,
        params=params,
    )
    return people.select(
        F.timestamp_micros(F.col(AS_OF_US)).alias(AS_OF), USER_ID, *[_finished(feature) for feature in FEATURES]
    )


def measured(
    *,
    as_of: Sequence[datetime],
    interactions: DataFrame,
    posts: DataFrame,
    users: DataFrame,
    user_snapshots: DataFrame,
    sentiment: DataFrame,
    entities: DataFrame,
    params: FeatureParams,
) -> DataFrame:
    """One row per (as_of_us, user_id) of the population: every feature as its module measures it, gaps still null."""
    acts = activity(posts, interactions, kinds=params.activity_kinds)
    received = resolved_interactions(interactions, posts)
    answers = replies(posts)
    facts = person_facts(received, posts, answers)
    people = engagement(facts, as_of=as_of, population_days=params.population_days)
    families = (
        rhythm(acts, as_of=as_of),
        circle(ties(received, answers), as_of=as_of),
        breadth(things(received, posts), as_of=as_of),
        words(texts(posts, answers, sentiment=sentiment, entities=entities), as_of=as_of),
        audience(user_snapshots, as_of=as_of),
        account_age(users, as_of=as_of),
    )
    for family in families:
        people = people.join(family, on=[USER_ID, AS_OF_US], how="left")
    return people


def _finished(feature: Feature) -> Column:
    value = F.col(feature.name).cast(feature.kind)
    filled = value if feature.default is None else F.coalesce(value, F.lit(feature.default).cast(feature.kind))
    return filled.alias(feature.name)
