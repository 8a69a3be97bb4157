"""Tables turned into facts about people: each row has a person, an instant and the instant from which it was known."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.features.cutoffs import EVENT_US, KNOWN_US, known_us
from social_signals.tables.gold import P_NEGATIVE, P_POSITIVE
from social_signals.tables.silver import (
    ACTOR_ID,
    AUTHOR_ID,
    EVENT_TS,
    INGESTED_TS,
    ITEM_ID,
    KIND,
    KINDS,
    PARENT_POST_ID,
    POST_ID,
    TARGET_POST_ID,
    TARGET_USER_ID,
    TEXT,
    USER_ID,
    VALUE,
)

# What a person did or what was done to them. Integers: these are compared tens of times a row.
GIVEN, RECEIVED, WROTE, HEARD = 0, 1, 2, 3
ROLE = "role"
KIND_CODE = "kind_code"
TARGET_KNOWN_US = "target_known_us"
SENTIMENT_PPM = "sentiment_ppm"
ENTITY_COUNT = "entity_count"
TEXT_LENGTH = "text_length"
PARENT_AUTHOR_ID = "parent_author_id"
DELAY_US = "delay_us"
PARTNER_ID = "partner_id"
IS_OUT = "is_out"
IS_REPLY = "is_reply"
THING = "thing"
ITEM_PREFIX, POST_PREFIX = "i", "p"
PARENT_EVENT_US = "parent_event_us"
AMOUNT_TYPE = "decimal(20,4)"

POSITIVE_KINDS = ("like", "share", "follow", "save", "answer_accepted", "subscribe")
NEGATIVE_KINDS = ("dislike", "unfollow", "unsubscribe")


def kind_code(*kinds: str) -> list[int]:
    return [KINDS.index(kind) for kind in kinds]


def _coded_kind() -> Column:
    codes = F.create_map(*[F.lit(part) for kind in KINDS for part in (kind, KINDS.index(kind))])
    return F.coalesce(codes[F.col(KIND)], F.lit(-1))


def resolved_interactions(interactions: DataFrame, posts: DataFrame) -> DataFrame:
    """One row per interaction, its receiver filled in from the post it was done to where the source did not say.

    target_known_us says from when on the receiver was known: later than known_us where the post came later.
    """
    narrow = interactions.select(
        ACTOR_ID,
        TARGET_USER_ID,
        TARGET_POST_ID,
        ITEM_ID,
        _coded_kind().cast("int").alias(KIND_CODE),
        F.unix_micros(EVENT_TS).alias(EVENT_US),
        known_us(EVENT_TS, INGESTED_TS).alias(KNOWN_US),
        VALUE,
    )
    lacks_target = F.col(TARGET_USER_ID).isNull() & F.col(TARGET_POST_ID).isNotNull()
    complete = narrow.where(~lacks_target).withColumn(TARGET_KNOWN_US, F.col(KNOWN_US))
    owners = posts.where(F.col(AUTHOR_ID).isNotNull()).select(
        F.col(POST_ID).alias(TARGET_POST_ID),
        F.col(AUTHOR_ID).alias("owner_id"),
        known_us(EVENT_TS, INGESTED_TS).alias("owner_known_us"),
    )
    lacking = narrow.where(lacks_target).join(owners, on=TARGET_POST_ID, how="left")
    found = (
        lacking.withColumn(TARGET_USER_ID, F.col("owner_id"))
        .withColumn(TARGET_KNOWN_US, F.greatest(F.col(KNOWN_US), F.col("owner_known_us")))
        .select(*complete.columns)
    )
    return complete.unionByName(found)


def replies(posts: DataFrame) -> DataFrame:
    """One row per reply to somebody else's post: who wrote it (null = not known), whom it answers, how late it came.

    known_us is when both posts were known: a reply is a reply to somebody only from then on.
    """
    parents = posts.where(F.col(AUTHOR_ID).isNotNull()).select(
        F.col(POST_ID).alias(PARENT_POST_ID),
        F.col(AUTHOR_ID).alias(PARENT_AUTHOR_ID),
        F.unix_micros(EVENT_TS).alias(PARENT_EVENT_US),
        known_us(EVENT_TS, INGESTED_TS).alias("parent_known_us"),
    )
    answers = posts.where(F.col(PARENT_POST_ID).isNotNull()).select(
        POST_ID,
        AUTHOR_ID,
        PARENT_POST_ID,
        F.unix_micros(EVENT_TS).alias(EVENT_US),
        known_us(EVENT_TS, INGESTED_TS).alias("own_known_us"),
    )
    by_another = ~F.col(AUTHOR_ID).eqNullSafe(F.col(PARENT_AUTHOR_ID))
    return (
        answers.join(parents, on=PARENT_POST_ID, how="inner")
        .where(by_another)
        .select(
            POST_ID,
            AUTHOR_ID,
            PARENT_AUTHOR_ID,
            EVENT_US,
            F.greatest("own_known_us", "parent_known_us").alias(KNOWN_US),
            PARENT_EVENT_US,
            F.greatest(F.col(EVENT_US) - F.col(PARENT_EVENT_US), F.lit(0)).alias(DELAY_US),
        )
    )


def person_facts(interactions: DataFrame, posts: DataFrame, answers: DataFrame) -> DataFrame:
    """One row per person and thing they did or received: role, kind, clocks, amount (decimal, for exact sums).

    interactions are resolved, answers are `replies(posts)`. What people do to themselves is given, never received.
    """
    no_kind, no_amount = F.lit(-1).alias(KIND_CODE), F.lit(None).cast(AMOUNT_TYPE).alias(VALUE)
    amount = F.col(VALUE).cast(AMOUNT_TYPE).alias(VALUE)
    given = interactions.where(F.col(ACTOR_ID).isNotNull()).select(
        F.col(ACTOR_ID).alias(USER_ID), F.lit(GIVEN).alias(ROLE), KIND_CODE, EVENT_US, KNOWN_US, amount
    )
    from_another = ~F.col(ACTOR_ID).eqNullSafe(F.col(TARGET_USER_ID))
    received = interactions.where(F.col(TARGET_USER_ID).isNotNull() & from_another).select(
        F.col(TARGET_USER_ID).alias(USER_ID),
        F.lit(RECEIVED).alias(ROLE),
        KIND_CODE,
        EVENT_US,
        F.col(TARGET_KNOWN_US).alias(KNOWN_US),
        no_amount,
    )
    wrote = posts.where(F.col(AUTHOR_ID).isNotNull()).select(
        F.col(AUTHOR_ID).alias(USER_ID),
        F.lit(WROTE).alias(ROLE),
        no_kind,
        F.unix_micros(EVENT_TS).alias(EVENT_US),
        known_us(EVENT_TS, INGESTED_TS).alias(KNOWN_US),
        no_amount,
    )
    heard = answers.select(
        F.col(PARENT_AUTHOR_ID).alias(USER_ID), F.lit(HEARD).alias(ROLE), no_kind, EVENT_US, KNOWN_US, no_amount
    )
    return given.unionByName(received).unionByName(wrote).unionByName(heard)


def ties(interactions: DataFrame, answers: DataFrame) -> DataFrame:
    """One row per act of one known person towards another and side of it: (user_id, partner_id, is_out, clocks).

    interactions are resolved, answers are `replies(posts)`. is_out: user_id acted.
    """
    acts = interactions.where(F.col(ACTOR_ID) != F.col(TARGET_USER_ID)).select(
        F.col(ACTOR_ID).alias("src"),
        F.col(TARGET_USER_ID).alias("dst"),
        EVENT_US,
        F.col(TARGET_KNOWN_US).alias(KNOWN_US),
    )
    answered = answers.where(F.col(AUTHOR_ID).isNotNull()).select(
        F.col(AUTHOR_ID).alias("src"), F.col(PARENT_AUTHOR_ID).alias("dst"), EVENT_US, KNOWN_US
    )
    sides = F.array(
        F.struct(F.col("src").alias(USER_ID), F.col("dst").alias(PARTNER_ID), F.lit(True).alias(IS_OUT)),
        F.struct(F.col("dst").alias(USER_ID), F.col("src").alias(PARTNER_ID), F.lit(False).alias(IS_OUT)),
    )
    return (
        acts.unionByName(answered)
        .select(F.explode(sides).alias("side"), EVENT_US, KNOWN_US)
        .select("side.*", EVENT_US, KNOWN_US)
    )


def things(interactions: DataFrame, posts: DataFrame) -> DataFrame:
    """One row per act upon a thing: (user_id, thing, clocks). A thing is an item, or a post that was answered or acted on.

    interactions are resolved.
    """

    def named(prefix: str, column: str) -> Column:
        return F.concat(F.lit(prefix), F.col(column)).alias(THING)

    acts = interactions.where(F.col(ACTOR_ID).isNotNull())
    writings = posts.where(F.col(AUTHOR_ID).isNotNull()).withColumns(
        {EVENT_US: F.unix_micros(EVENT_TS), KNOWN_US: known_us(EVENT_TS, INGESTED_TS)}
    )
    upon = [
        frame.where(F.col(column).isNotNull()).select(
            F.col(who).alias(USER_ID), named(prefix, column), EVENT_US, KNOWN_US
        )
        for frame, who, prefix, column in (
            (acts, ACTOR_ID, ITEM_PREFIX, ITEM_ID),
            (acts, ACTOR_ID, POST_PREFIX, TARGET_POST_ID),
            (writings, AUTHOR_ID, ITEM_PREFIX, ITEM_ID),
            (writings, AUTHOR_ID, POST_PREFIX, PARENT_POST_ID),
        )
    ]
    return reduce(DataFrame.unionByName, upon)


def texts(posts: DataFrame, answers: DataFrame, *, sentiment: DataFrame, entities: DataFrame) -> DataFrame:
    """One row per post and person it says something about: its author (WROTE) and who is answered by it (HEARD).

    sentiment_ppm: p_positive - p_negative in millionths, null where the post was not read; it shares the post's clocks.
    text_length and entity_count are of what they wrote; delay_us and parent_event_us (when the answered post was
    written) of what they heard.
    """
    wrote = posts.where(F.col(AUTHOR_ID).isNotNull()).select(
        POST_ID,
        F.col(AUTHOR_ID).alias(USER_ID),
        F.lit(WROTE).alias(ROLE),
        F.unix_micros(EVENT_TS).alias(EVENT_US),
        known_us(EVENT_TS, INGESTED_TS).alias(KNOWN_US),
        F.col(PARENT_POST_ID).isNotNull().alias(IS_REPLY),
        F.length(TEXT).cast("long").alias(TEXT_LENGTH),
        F.lit(None).cast("long").alias(PARENT_EVENT_US),
        F.lit(None).cast("long").alias(DELAY_US),
    )
    heard = answers.select(
        POST_ID,
        F.col(PARENT_AUTHOR_ID).alias(USER_ID),
        F.lit(HEARD).alias(ROLE),
        EVENT_US,
        KNOWN_US,
        F.lit(True).alias(IS_REPLY),
        F.lit(None).cast("long").alias(TEXT_LENGTH),
        PARENT_EVENT_US,
        DELAY_US,
    )
    tone = sentiment.select(
        POST_ID, F.round((F.col(P_POSITIVE) - F.col(P_NEGATIVE)) * F.lit(1e6)).cast("long").alias(SENTIMENT_PPM)
    )
    named = entities.groupBy(POST_ID).agg(F.count(F.lit(1)).alias(ENTITY_COUNT))
    read = wrote.unionByName(heard).join(tone, on=POST_ID, how="left").join(named, on=POST_ID, how="left")
    return read.drop(POST_ID)
