"""What is counted once however often it happened: instants of activity, partners, items and posts.

A trace is a row (user_id, what, name, event_us, known_us); those of one person with the same `what` and `name` are one
thing. They share a table, a shuffle and their aggregations, and so one plan instead of one for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.features.cutoffs import EVENT_US, KNOWN_US, known_us
from social_signals.features.facts import PARENT_AUTHOR_ID, TARGET_KNOWN_US, replies, resolved_interactions
from social_signals.tables.silver import (
    ACTOR_ID,
    AUTHOR_ID,
    EVENT_TS,
    INGESTED_TS,
    ITEM_ID,
    KIND,
    PARENT_POST_ID,
    TARGET_POST_ID,
    TARGET_USER_ID,
    USER_ID,
)

WHAT = "what"
NAME = "name"
# An act has no name, its instant tells it; PARTNER is somebody acted towards, or who acted towards them where not IS_OUT.
ACT, PARTNER, ITEM, POST = range(4)
IS_OUT = "is_out"


def traces(interactions: DataFrame, posts: DataFrame, *, kinds: Sequence[str] = ()) -> DataFrame:
    """One row per person and trace: (user_id, what, name, is_out, event_us, known_us).

    An act is an interaction of `kinds` (all where none are named) or a post, as in `activity`. An item or a post is
    touched by who acts upon it or writes about it. Partners are other known people, from the side of each of the two.
    """
    clocks = (F.unix_micros(EVENT_TS).alias(EVENT_US), known_us(EVENT_TS, INGESTED_TS).alias(KNOWN_US))
    is_active = F.col(KIND).isin(list(kinds)) if kinds else F.lit(True)
    acted = interactions.where(F.col(ACTOR_ID).isNotNull()).select(
        F.col(ACTOR_ID).alias(USER_ID), F.explode(_touched(TARGET_POST_ID, is_active)).alias("trace"), *clocks
    )
    wrote = posts.where(F.col(AUTHOR_ID).isNotNull()).select(
        F.col(AUTHOR_ID).alias(USER_ID), F.explode(_touched(PARENT_POST_ID, F.lit(True))).alias("trace"), *clocks
    )
    dealt = (
        resolved_interactions(interactions, posts)
        .where(F.col(ACTOR_ID) != F.col(TARGET_USER_ID))
        .select(_sides(ACTOR_ID, TARGET_USER_ID), EVENT_US, F.col(TARGET_KNOWN_US).alias(KNOWN_US))
    )
    answered = (
        replies(posts)
        .where(F.col(AUTHOR_ID).isNotNull())
        .select(_sides(AUTHOR_ID, PARENT_AUTHOR_ID), EVENT_US, KNOWN_US)
    )
    return reduce(
        DataFrame.unionAll,
        (
            *(
                frame.where("trace.what IS NOT NULL").select(
                    USER_ID, "trace.what", "trace.name", F.lit(True).alias(IS_OUT), EVENT_US, KNOWN_US
                )
                for frame in (acted, wrote)
            ),
            *(
                frame.select("side.user_id", F.lit(PARTNER).alias(WHAT), "side.name", "side.is_out", EVENT_US, KNOWN_US)
                for frame in (dealt, answered)
            ),
        ),
    )


def _touched(post: str, is_active: Column) -> Column:
    """The act itself where it counts, the item and the post of a row; `what` is null where there is none."""

    def named(what: int, column: str) -> Column:
        return F.struct(F.when(F.col(column).isNotNull(), what).alias(WHAT), F.col(column).alias(NAME))

    act = F.struct(F.when(is_active, ACT).alias(WHAT), F.lit(None).cast("string").alias(NAME))
    return F.array(act, named(ITEM, ITEM_ID), named(POST, post))


def _sides(src: str, dst: str) -> Column:
    def side(who: str, partner: str, *, is_out: bool) -> Column:
        return F.struct(F.col(who).alias(USER_ID), F.col(partner).alias(NAME), F.lit(is_out).alias(IS_OUT))

    return F.explode(F.array(side(src, dst, is_out=True), side(dst, src, is_out=False))).alias("side")
