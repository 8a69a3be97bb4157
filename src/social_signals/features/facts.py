"""Tables turned into facts about people: each row has a person, an instant and the instant from which it was known."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.features.cutoffs import EVENT_US, KNOWN_US, known_us
from social_signals.tables.gold_texts import P_NEGATIVE, P_POSITIVE
from social_signals.tables.silver import (
    ACTOR_ID,
    AUTHOR_ID,
    CREATED_TS,
    EVENT_TS,
    FOLLOWER_COUNT,
    FOLLOWING_COUNT,
    INGESTED_TS,
    KIND,
    KINDS,
    LISTED_COUNT,
    PARENT_POST_ID,
    POST_COUNT,
    POST_ID,
    SNAPSHOT_TS,
    TARGET_POST_ID,
    TARGET_USER_ID,
    TEXT,
    USER_ID,
    VALUE,
)

# What a person did or what was done to them (ACTS), and what is said of the account. Integers: these are compared tens of
# times a row.
GIVEN, RECEIVED, WROTE, HEARD, READING, BORN = range(6)
LAST_ACT = HEARD
ROLE = "role"
KIND_CODE = "kind_code"
TARGET_KNOWN_US = "target_known_us"
PARENT_AUTHOR_ID = "parent_author_id"

# Whole numbers that facts of one role have and those of another lack share columns: every fact is shuffled, and what a
# column costs does not depend on whether it says something.
_FIRST, _SECOND, _THIRD, _FOURTH = MEASURES = ("first", "second", "third", "fourth")
TEXT_LENGTH = PARENT_EVENT_US = FOLLOWERS = _FIRST
ENTITY_COUNT = DELAY_US = FOLLOWING = _SECOND
SENTIMENT_PPM = LISTED = _THIRD
IS_REPLY = SHOWN_POSTS = _FOURTH
AMOUNT_TYPE = "decimal(20,4)"
_PARENT_US, _DELAY, _TONE, _NAMED = "parent_us", "delay", "tone", "named"

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
        _coded_kind().cast("int").alias(KIND_CODE),
        F.unix_micros(EVENT_TS).alias(EVENT_US),
        known_us(EVENT_TS, INGESTED_TS).alias(KNOWN_US),
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


def replies(posts: DataFrame, *, keep: Sequence[str] = ()) -> DataFrame:
    """One row per reply to somebody else's post: who wrote it (null = not known), whom it answers, how late it came.

    known_us is when both posts were known: a reply is a reply to somebody only from then on. keep: more columns of the reply.
    """
    parents = posts.where(F.col(AUTHOR_ID).isNotNull()).select(
        F.col(POST_ID).alias(PARENT_POST_ID),
        F.col(AUTHOR_ID).alias(PARENT_AUTHOR_ID),
        F.unix_micros(EVENT_TS).alias(_PARENT_US),
        known_us(EVENT_TS, INGESTED_TS).alias("parent_known_us"),
    )
    answers = posts.where(F.col(PARENT_POST_ID).isNotNull()).select(
        POST_ID,
        AUTHOR_ID,
        PARENT_POST_ID,
        F.unix_micros(EVENT_TS).alias(EVENT_US),
        known_us(EVENT_TS, INGESTED_TS).alias("own_known_us"),
        *keep,
    )
    by_another = ~F.col(AUTHOR_ID).eqNullSafe(F.col(PARENT_AUTHOR_ID))
    return (
        answers.join(parents, on=PARENT_POST_ID, how="inner")
        .where(by_another)
        .select(
            POST_ID,
            AUTHOR_ID,
            PARENT_AUTHOR_ID,
            PARENT_POST_ID,
            EVENT_US,
            F.greatest("own_known_us", "parent_known_us").alias(KNOWN_US),
            _PARENT_US,
            F.greatest(F.col(EVENT_US) - F.col(_PARENT_US), F.lit(0)).alias(_DELAY),
            *keep,
        )
    )


def person_facts(
    *,
    interactions: DataFrame,
    posts: DataFrame,
    users: DataFrame,
    user_snapshots: DataFrame,
    sentiment: DataFrame,
    entities: DataFrame,
) -> DataFrame:
    """One row per person and thing they did or received, reading of their counts, or making of their account.

    (user_id, role, kind_code, event_us, known_us, value, four whole numbers named by the role). What people do to
    themselves is given, never received. value: decimal, for exact sums. A post's tone, in millionths of
    p_positive - p_negative, and its entities share its clocks; the tone is null where the post was not read.
    """
    received = resolved_interactions(interactions, posts)
    from_another = ~F.col(ACTOR_ID).eqNullSafe(F.col(TARGET_USER_ID))
    clocks = (F.unix_micros(EVENT_TS).alias(EVENT_US), known_us(EVENT_TS, INGESTED_TS).alias(KNOWN_US))
    tone = F.round((F.col(P_POSITIVE) - F.col(P_NEGATIVE)) * F.lit(1e6)).cast("long")
    tones = sentiment.select(POST_ID, tone.alias(_TONE))
    named = entities.groupBy(POST_ID).agg(F.count(F.lit(1)).alias(_NAMED))
    wrote = posts.where(F.col(AUTHOR_ID).isNotNull()).select(
        POST_ID, AUTHOR_ID, *clocks, F.length(TEXT).alias("chars"), F.col(PARENT_POST_ID).isNotNull().alias("answers")
    )
    return reduce(
        DataFrame.unionAll,
        (
            _facts(
                interactions.where(F.col(ACTOR_ID).isNotNull()).select(
                    ACTOR_ID, *clocks, _coded_kind().alias(KIND_CODE), F.col(VALUE).cast(AMOUNT_TYPE).alias(VALUE)
                ),
                GIVEN,
                ACTOR_ID,
                kind=F.col(KIND_CODE),
                value=F.col(VALUE),
            ),
            _facts(
                received.where(F.col(TARGET_USER_ID).isNotNull() & from_another),
                RECEIVED,
                TARGET_USER_ID,
                kind=F.col(KIND_CODE),
                known=TARGET_KNOWN_US,
            ),
            _facts(
                wrote.join(tones, on=POST_ID, how="left").join(named, on=POST_ID, how="left"),
                WROTE,
                AUTHOR_ID,
                measures=("chars", _NAMED, _TONE, "answers"),
            ),
            _facts(
                replies(posts).join(tones, on=POST_ID, how="left"),
                HEARD,
                PARENT_AUTHOR_ID,
                measures=(_PARENT_US, _DELAY, _TONE, None),
            ),
            _facts(
                user_snapshots.withColumns(
                    {EVENT_US: F.unix_micros(SNAPSHOT_TS), KNOWN_US: known_us(SNAPSHOT_TS, INGESTED_TS)}
                ),
                READING,
                USER_ID,
                measures=(FOLLOWER_COUNT, FOLLOWING_COUNT, LISTED_COUNT, POST_COUNT),
            ),
            _facts(
                users.where(F.col(CREATED_TS).isNotNull()).withColumns(
                    {EVENT_US: F.unix_micros(CREATED_TS), KNOWN_US: known_us(CREATED_TS, INGESTED_TS)}
                ),
                BORN,
                USER_ID,
            ),
        ),
    )


def _facts(
    frame: DataFrame,
    role: int,
    who: str,
    *,
    known: str = KNOWN_US,
    kind: Column | None = None,
    value: Column | None = None,
    measures: tuple[str | None, ...] = (None,) * len(MEASURES),
) -> DataFrame:
    """The rows as facts of a role: what it does not have is null."""
    return frame.select(
        F.col(who).alias(USER_ID),
        F.lit(role).alias(ROLE),
        (F.lit(-1) if kind is None else kind).cast("int").alias(KIND_CODE),
        EVENT_US,
        F.col(known).alias(KNOWN_US),
        (F.lit(None).cast(AMOUNT_TYPE) if value is None else value).alias(VALUE),
        *[
            (F.lit(None) if column is None else F.col(column)).cast("long").alias(name)
            for name, column in zip(MEASURES, measures, strict=True)
        ],
    )
