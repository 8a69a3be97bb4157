"""One row per cut-off and person: everything the other modules measure, in the declared columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.creators.counts import counts_of
from social_signals.creators.facts import facts_of
from social_signals.creators.measures import followers_of, measures_of
from social_signals.creators.owned import reply_entities, topics_owned
from social_signals.creators.params import CreatorParams
from social_signals.creators.rings import RING_ACTS, RING_PEOPLE, rings
from social_signals.creators.signs import judged
from social_signals.creators.standing import with_tier
from social_signals.features.cutoffs import AS_OF_US, ratio
from social_signals.tables.gold import AS_OF
from social_signals.tables.gold_creators import CREATOR_COLUMNS, ENGAGEMENTS_90D, REPLY_ENTITIES, TOPICS_OWNED
from social_signals.tables.silver import USER_ID

Say = Callable[[str], None]


@contextmanager
def creators_of(
    *,
    as_of: Sequence[datetime],
    interactions: DataFrame,
    posts: DataFrame,
    user_snapshots: DataFrame,
    sentiment: DataFrame,
    entities: DataFrame,
    topics: DataFrame,
    params: CreatorParams,
    say: Say = lambda _: None,
) -> Iterator[DataFrame]:
    """While it lasts, (as_of, user_id, CREATOR_COLUMNS) of everybody who wrote or received anything in the 90 days before a cut-off,
    for all cut-offs in one pass.

    Only rows with event_ts < as_of and ingested_ts < as_of are seen; a post's tone, names and topic share its clocks. What is usual
    in a tier is of all people, whoever is shown afterwards. say: told each step as it begins. What is kept is let go at the end.
    """
    facts = facts_of(
        interactions, posts, first=min(as_of), last=max(as_of), sentiment=sentiment, entities=entities, topics=topics,
        params=params,
    )  # fmt: skip
    say(f"counting what was written and received at {len(as_of)} cut-offs")
    with _apart(counts_of(facts, as_of=as_of, params=params)) as counts:
        say("rings, topics, names and what is usual")
        with _apart(_measured(counts, followers_of(user_snapshots, as_of=as_of), params=params)) as people:
            found = people.transform(with_tier).transform(judged, params=params)
            yield found.select(
                F.timestamp_micros(AS_OF_US).alias(AS_OF),
                USER_ID,
                *[F.col(one.name).cast(one.dataType).alias(one.name) for one in CREATOR_COLUMNS],
            )


def _measured(counts: DataFrame, followers: DataFrame, *, params: CreatorParams) -> DataFrame:
    """One row per cut-off and person: all that is measured of them alone."""
    none = F.lit(0).cast("long")
    return (
        measures_of(counts)
        .join(followers, on=[AS_OF_US, USER_ID], how="left")
        .join(rings(counts, params=params), on=[AS_OF_US, USER_ID], how="left")
        .join(topics_owned(counts, params=params), on=[AS_OF_US, USER_ID], how="left")
        .join(reply_entities(counts, params=params), on=[AS_OF_US, USER_ID], how="left")
        .withColumns(
            {
                "ring_90d_ratio": ratio(F.coalesce(F.col(RING_ACTS), none), F.col(ENGAGEMENTS_90D)),
                RING_PEOPLE: F.coalesce(F.col(RING_PEOPLE), none),
                **{name: F.coalesce(F.col(name), F.array()) for name in (TOPICS_OWNED, REPLY_ENTITIES)},
            }
        )
    )


@contextmanager
def _apart(frame: DataFrame) -> Iterator[DataFrame]:
    """The frame's rows, computed now, without the plan that led to them; let go at the end.

    Rings and tiers look at the same rows some dozen times, and each time Spark would analyse the whole plan behind them: with rows that
    are merely persisted a small slice took 32 s instead of 6 (measured).
    """
    rows = frame.localCheckpoint()
    try:
        yield rows
    finally:
        # No public call lets go of a local checkpoint before its last reference is collected.
        rows._jdf.queryExecution().analyzed().rdd().unpersist(False)
