"""One row per cut-off and person: everything the other modules measure, in the declared order and types."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.features import audience, engagement, rhythm, ties, words
from social_signals.features.cutoffs import AGE_US, AS_OF_US, DAY_US, EVENT_US, by_person, in_last, micros, seen_from
from social_signals.features.declared import FEATURE_NAMES, FEATURES, RHYTHM, TIES
from social_signals.features.facts import LAST_ACT, ROLE, person_facts
from social_signals.features.kept import kept
from social_signals.features.params import FeatureParams
from social_signals.features.traces import ACT, NAME, PARTNER, WHAT, traces
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import EVENT_TS, INGESTED_TS, SNAPSHOT_TS, USER_ID

# Items and posts are counted in no longer window.
THINGS_DAYS = 90
HABITS = frozenset(feature.name for feature in (*RHYTHM, *TIES))


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
    people: DataFrame | None = None,
) -> DataFrame:
    """One row per (as_of, user_id) of USER_FEATURES: everybody who acted, wrote or received something in
    `[as_of - params.population_days, as_of)`, for all cut-offs in one pass.

    as_of: aware instants; double ones count once. Only rows with event_ts < as_of and ingested_ts < as_of are seen; a
    post's sentiment and entities share its clocks. people (user_id): nobody else gets a row, and those have the row that
    they would have among all. Sums are of whole numbers, so the same rows in any order give the
    same bytes.
    """
    everybody = measured(
        as_of=as_of,
        interactions=interactions,
        posts=posts,
        users=users,
        user_snapshots=user_snapshots,
        sentiment=sentiment,
        entities=entities,
        params=params,
        people=people,
    )
    return everybody.select(F.timestamp_micros(F.col(AS_OF_US)).alias(AS_OF), USER_ID, *_finished())


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
    people: DataFrame | None = None,
) -> DataFrame:
    """One row per (as_of_us, user_id) of the population: every feature as its module measures it, gaps still null."""
    # No cut-off sees what the last one does not; said of the tables' own columns, it spares the files of later days.
    interactions, posts = (_known_before(frame, EVENT_TS, max(as_of)) for frame in (interactions, posts))
    facts = person_facts(
        interactions=interactions,
        posts=posts,
        users=users,
        user_snapshots=_known_before(user_snapshots, SNAPSHOT_TS, max(as_of)),
        sentiment=sentiment,
        entities=entities,
    )
    marks = traces(interactions, posts, kinds=params.activity_kinds)
    if people is not None:
        facts, marks = (frame.join(people, on=USER_ID, how="left_semi") for frame in (facts, marks))
    return totals(facts, as_of=as_of, population_days=params.population_days).join(
        habits(marks, as_of=as_of), on=[USER_ID, AS_OF_US], how="left"
    )


def totals(facts: DataFrame, *, as_of: Sequence[datetime], population_days: int) -> DataFrame:
    """One row per (as_of_us, user_id) of the population: engagement, words and audience, all in one aggregation.

    facts: as `person_facts` gives them. The population: everybody who did, received or wrote anything, or was answered, in
    [as_of - population_days, as_of).
    """
    is_lately = (F.col(ROLE) <= LAST_ACT) & in_last(population_days)
    measured = (engagement, words, audience)
    return (
        seen_from(by_person(facts), as_of)
        .groupBy(AS_OF_US, USER_ID)
        .agg(F.max(is_lately).alias("is_in"), *[one for family in measured for one in family.sums()])
        .where("is_in")
        .select("*", *[one for family in measured for one in family.features()])
        .select(AS_OF_US, USER_ID, *[name for name in FEATURE_NAMES if name not in HABITS])
    )


def habits(traces: DataFrame, *, as_of: Sequence[datetime]) -> DataFrame:
    """One row per (as_of_us, user_id) with any trace: rhythm, and how many different people and things they deal with.

    Three steps, each an aggregation of the one before: what happened often becomes one trace, the acts of a day one day, and
    everything of a person one row. Distinct things are counted as groups: count(distinct) in several windows would expand
    every row once a window.
    """
    is_act = F.col(WHAT) == ACT
    is_kept = F.col(WHAT).isin(ACT, PARTNER)
    # Said once before the shuffle, of the earliest cut-off: most of what was touched long ago need not travel.
    could_count = is_kept | (F.col(EVENT_US) >= F.lit(min(map(micros, as_of)) - THINGS_DAYS * DAY_US))
    days = (
        seen_from(by_person(traces.where(could_count)), as_of)
        .where(is_kept | in_last(THINGS_DAYS))
        .groupBy(AS_OF_US, USER_ID, WHAT, NAME, F.when(is_act, F.col(AGE_US)).alias(AGE_US))
        .agg(*ties.trace_sums())
        .withColumn(rhythm.AGE_DAY, F.when(is_act, rhythm.day_of()))
        .groupBy(AS_OF_US, USER_ID, rhythm.AGE_DAY)
        .agg(*rhythm.day_sums(), *ties.sums())
    )
    return (
        days.select("*", *rhythm.spacing())
        .groupBy(AS_OF_US, USER_ID)
        .agg(*rhythm.sums(), *[F.max(name).alias(name) for name in ties.SUMS])
        .select(AS_OF_US, USER_ID, *rhythm.features(), *ties.features())
    )


def _known_before(rows: DataFrame, own: str, as_of: datetime) -> DataFrame:
    return rows.where((F.col(own) < F.lit(as_of)) & (F.col(INGESTED_TS) < F.lit(as_of)))


@kept
def _finished() -> list[Column]:
    return [feature.finished(F.col(feature.name)) for feature in FEATURES]
