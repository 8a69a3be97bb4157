"""Whose features can differ once tables have changed: from the changed rows to the people whom any of them is about."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.features.cutoffs import known_us
from social_signals.tables.gold_texts import POST_ENTITIES, POST_SENTIMENT
from social_signals.tables.silver import (
    ACTOR_ID,
    AUTHOR_ID,
    CONSENTS,
    CREATED_TS,
    EVENT_TS,
    INGESTED_TS,
    INTERACTIONS,
    PARENT_POST_ID,
    POST_ID,
    POSTS,
    SNAPSHOT_TS,
    TARGET_POST_ID,
    TARGET_USER_ID,
    USER_ID,
    USER_SNAPSHOTS,
    USERS,
)

FROM_US = "from_us"

# What has to be known of a changed row: who it is about, through which posts, and when it can be seen.
WATCHED: dict[str, tuple[str, ...]] = {
    INTERACTIONS.name: (ACTOR_ID, TARGET_USER_ID, TARGET_POST_ID, EVENT_TS, INGESTED_TS),
    POSTS.name: (POST_ID, AUTHOR_ID, PARENT_POST_ID, EVENT_TS, INGESTED_TS),
    USERS.name: (USER_ID, CREATED_TS, INGESTED_TS),
    USER_SNAPSHOTS.name: (USER_ID, SNAPSHOT_TS, INGESTED_TS),
    CONSENTS.name: (USER_ID, EVENT_TS, INGESTED_TS),
    POST_SENTIMENT.name: (POST_ID,),
    POST_ENTITIES.name: (POST_ID,),
}


def touched_people(changes: Mapping[str, DataFrame], *, interactions: DataFrame, posts: DataFrame) -> DataFrame:
    """One row per person whose features may differ: (user_id, from_us), from_us the first instant after which they may.

    changes: by table name, the WATCHED columns of every row inserted, deleted or updated, as it was and as it became.
    interactions, posts: as they are now. A slice at `as_of` can differ for those with from_us < as_of, since a row counts
    only after all of its clocks. Everybody left out has the same features to the last bit; some who are named may too.

    Features reach from one row to another in three ways: an interaction to the author of its post, a post to the author of
    the one it answers, a tone or an entity to its post. So a changed row is about the people it names, those whom its
    posts name, and, where it is a post, those who acted on it or answered it.
    """
    seen = {name: _seen(name, rows) for name, rows in changes.items()}
    people = [
        rows.select(F.col(who).alias(USER_ID), FROM_US)
        for name, rows in seen.items()
        for who in (ACTOR_ID, TARGET_USER_ID, AUTHOR_ID, USER_ID)
        if who in rows.columns
    ]
    looked_up = [
        rows.select(F.col(column).alias(POST_ID), FROM_US)
        for rows in seen.values()
        for column in (TARGET_POST_ID, PARENT_POST_ID)
        if column in rows.columns
    ]
    written = posts.select(POST_ID, AUTHOR_ID, PARENT_POST_ID, known_us(EVENT_TS, INGESTED_TS).alias("known_us"))
    read = [seen[table.name] for table in (POST_SENTIMENT, POST_ENTITIES) if table.name in seen]
    if read:
        said_of = reduce(DataFrame.unionAll, read).distinct().join(written, on=POST_ID, how="inner")
        people.append(said_of.select(F.col(AUTHOR_ID).alias(USER_ID), F.col("known_us").alias(FROM_US)))
        looked_up.append(said_of.select(F.col(PARENT_POST_ID).alias(POST_ID), F.col("known_us").alias(FROM_US)))
    if POSTS.name in seen:
        changed = _firsts(seen[POSTS.name].select(POST_ID, FROM_US), POST_ID)
        on_them = interactions.where(F.col(TARGET_USER_ID).isNull()).select(
            F.col(ACTOR_ID).alias(USER_ID), F.col(TARGET_POST_ID).alias(POST_ID)
        )
        to_them = posts.select(F.col(AUTHOR_ID).alias(USER_ID), F.col(PARENT_POST_ID).alias(POST_ID))
        people += [
            frame.join(changed, on=POST_ID, how="inner").select(USER_ID, FROM_US) for frame in (on_them, to_them)
        ]
    if looked_up:
        named = _firsts(reduce(DataFrame.unionAll, looked_up), POST_ID)
        owners = written.select(POST_ID, F.col(AUTHOR_ID).alias(USER_ID))
        people.append(owners.join(named, on=POST_ID, how="inner").select(USER_ID, FROM_US))
    return _firsts(reduce(DataFrame.unionAll, people), USER_ID)


def _seen(name: str, rows: DataFrame) -> DataFrame:
    """The changed rows with the instant from which they count; an account without a date of birth never does."""
    if name in (POST_SENTIMENT.name, POST_ENTITIES.name):
        return rows
    own = next(column for column in (EVENT_TS, SNAPSHOT_TS, CREATED_TS) if column in rows.columns)
    return rows.where(F.col(own).isNotNull()).withColumn(FROM_US, known_us(own, INGESTED_TS))


def _firsts(rows: DataFrame, key: str) -> DataFrame:
    return rows.where(F.col(key).isNotNull()).groupBy(key).agg(F.min(FROM_US).alias(FROM_US))
