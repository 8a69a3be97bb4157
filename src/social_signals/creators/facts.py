"""What was written and received, one row a thing, with what its text says."""

from __future__ import annotations

from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from social_signals.creators.params import CreatorParams
from social_signals.features.cutoffs import EVENT_US, KNOWN_US, known_us
from social_signals.features.facts import (
    KIND_CODE,
    PARENT_AUTHOR_ID,
    TARGET_KNOWN_US,
    kind_code,
    replies,
    resolved_interactions,
)
from social_signals.tables.gold_texts import ENTITY_TYPE, NORMALIZED, P_NEGATIVE, P_POSITIVE, TOPIC
from social_signals.tables.silver import (
    ACTOR_ID,
    AUTHOR_ID,
    EVENT_TS,
    INGESTED_TS,
    PARENT_POST_ID,
    POST_ID,
    TARGET_POST_ID,
    TARGET_USER_ID,
    TEXT,
    USER_ID,
)

ROLE = "role"
VIEWED, ENGAGED, REPLIED, WROTE = range(4)
# Who leaves or takes back does not engage.
NO_ENGAGEMENT = ("view", "unfollow", "unsubscribe", "refund")
# Until when an act stands for itself: a comment that also comes as a post is counted as that, once it is known.
UNTIL_US = "until_us"
# From when on it is known that its hour is not its own: it has the very instant of its post, to which a source that knows the day
# alone moves what would lie before it.
MOVED_US = "moved_us"
# From when on it is known to be about a post that answers another: part of a conversation.
THREAD_US = "thread_us"
WORDS, WORDING, TONE, NAMED = "words", "wording", "tone", "named"
# 13 steps of 7 days.
LONGEST_DAYS = 91

_ABOUT_POST = "about_post_id"


def facts_of(
    interactions: DataFrame,
    posts: DataFrame,
    *,
    first: datetime,
    last: datetime,
    sentiment: DataFrame,
    entities: DataFrame,
    topics: DataFrame,
    params: CreatorParams,
) -> DataFrame:
    """One row per thing that a person wrote or received in `[first - 91 days, last)` as known before last: (user_id, role, actor_id,
    topic, event_us, known_us, until_us, moved_us, thread_us; of a reply: words, wording, tone, named).

    user_id received it, or wrote it. topic: of the post that was engaged with. words: how many different ones the reply has, null where
    it has no text; wording: a hash of them in their order, null under `duplicate_words`. tone: millionths of p_positive - p_negative.
    named: array of (type, name), each once a reply. What people do to themselves is received by nobody.
    """
    start = F.lit(first - timedelta(days=LONGEST_DAYS))
    is_seen = (F.col(EVENT_TS) < F.lit(last)) & (F.col(INGESTED_TS) < F.lit(last))
    posts = posts.where(is_seen)
    received = _received(interactions.where(is_seen & (F.col(EVENT_TS) >= start)), posts)
    heard = _replies(posts, start=start, sentiment=sentiment, entities=entities, params=params)
    is_comment = F.col(KIND_CODE).isin(kind_code("comment"))
    said = _each_once(received.where(is_comment), heard)
    about = said.unionByName(received.where(~is_comment).drop(KIND_CODE), allowMissingColumns=True)
    wrote = posts.where(F.col(AUTHOR_ID).isNotNull() & (F.col(EVENT_TS) >= start)).select(
        F.col(AUTHOR_ID).alias(USER_ID),
        F.lit(WROTE).alias(ROLE),
        F.unix_micros(EVENT_TS).alias(EVENT_US),
        known_us(EVENT_TS, INGESTED_TS).alias(KNOWN_US),
    )
    return _with_post(about, posts, topics).unionByName(wrote, allowMissingColumns=True)


def _received(interactions: DataFrame, posts: DataFrame) -> DataFrame:
    is_view = F.col(KIND_CODE).isin(kind_code("view"))
    no_engagement = F.col(KIND_CODE).isin(kind_code(*NO_ENGAGEMENT))
    return (
        resolved_interactions(interactions, posts)
        .where(F.col(TARGET_USER_ID).isNotNull() & ~F.col(ACTOR_ID).eqNullSafe(F.col(TARGET_USER_ID)))
        .where(is_view | ~no_engagement)
        .select(
            F.col(TARGET_USER_ID).alias(USER_ID),
            F.when(is_view, VIEWED).otherwise(ENGAGED).alias(ROLE),
            ACTOR_ID,
            F.col(TARGET_POST_ID).alias(_ABOUT_POST),
            KIND_CODE,
            EVENT_US,
            F.col(TARGET_KNOWN_US).alias(KNOWN_US),
        )
    )


def _replies(
    posts: DataFrame, *, start: Column, sentiment: DataFrame, entities: DataFrame, params: CreatorParams
) -> DataFrame:
    tones = sentiment.select(POST_ID, F.round((F.col(P_POSITIVE) - F.col(P_NEGATIVE)) * 1e6).cast("long").alias(TONE))
    named = entities.groupBy(POST_ID).agg(
        F.collect_set(F.struct(F.col(ENTITY_TYPE).alias("type"), F.col(NORMALIZED).alias("name"))).alias(NAMED)
    )
    words = words_of(F.col(TEXT))
    read = posts.withColumn(WORDS, F.size(F.array_distinct(words))).withColumn(
        WORDING, F.when(F.size(words) >= params.duplicate_words, F.xxhash64(F.concat_ws(" ", words)))
    )
    read = read.withColumn(WORDS, F.when(F.col(TEXT).isNotNull(), F.col(WORDS)))
    # Parents may be older than the window, answers not.
    is_lately = F.col(EVENT_US) >= F.unix_micros(start)
    return (
        replies(read, keep=(WORDS, WORDING))
        .where(is_lately)
        .join(tones, on=POST_ID, how="left")
        .join(named, on=POST_ID, how="left")
        .select(
            F.col(PARENT_AUTHOR_ID).alias(USER_ID),
            F.lit(REPLIED).alias(ROLE),
            F.col(AUTHOR_ID).alias(ACTOR_ID),
            F.col(PARENT_POST_ID).alias(_ABOUT_POST),
            EVENT_US,
            KNOWN_US,
            WORDS,
            WORDING,
            TONE,
            NAMED,
        )
    )


def words_of(text: Column) -> Column:
    """The words of a text in lower case, as an array; addresses and @names are none. Signs that stand for words are one each.

    Chinese, Japanese and Thai are written without blanks: there every sign counts as a word.
    """
    bare = F.regexp_replace(F.lower(text), r"https?://\S+|@\w+", " ")
    apart = F.regexp_replace(bare, r"([\p{IsHan}\p{IsHiragana}\p{IsKatakana}\p{IsThai}])", " $1 ")
    # An apostrophe belongs to its word.
    plain = F.regexp_replace(F.regexp_replace(apart, r"['\u2019]", ""), r"[^\p{L}\p{M}\p{N}]+", " ")
    return F.filter(F.split(F.trim(plain), " "), lambda word: word != "")


def _each_once(comments: DataFrame, heard: DataFrame) -> DataFrame:
    """Comments and replies together; a comment that comes as a post too (same people, same instant) stands until that is known."""
    twins = Window.partitionBy(USER_ID, ACTOR_ID, EVENT_US)
    same = F.min(F.when(F.col(ROLE) == REPLIED, F.col(KNOWN_US))).over(twins)
    both = heard.unionByName(comments.drop(KIND_CODE), allowMissingColumns=True)
    return both.withColumn(UNTIL_US, F.when(F.col(ROLE) == ENGAGED, same))


def _with_post(about: DataFrame, posts: DataFrame, topics: DataFrame) -> DataFrame:
    """With what the post that a thing is about says of it: its topic, moved_us and thread_us."""
    # What is about no post would meet in one task, as all nulls do.
    key = F.coalesce(F.col(_ABOUT_POST), F.concat(F.lit("\0"), F.col(EVENT_US)))
    written = posts.select(
        F.col(POST_ID).alias("key"),
        F.unix_micros(EVENT_TS).alias("post_us"),
        known_us(EVENT_TS, INGESTED_TS).alias("post_known_us"),
        F.col(PARENT_POST_ID).isNotNull().alias("answers"),
    )
    likeliest = topics.where(F.col(TOPIC).isNotNull()).select(F.col(POST_ID).alias("key"), TOPIC)
    return (
        about.withColumn("key", key)
        .join(written, on="key", how="left")
        .join(likeliest, on="key", how="left")
        .withColumn(MOVED_US, F.when(F.col(EVENT_US) == F.col("post_us"), F.col("post_known_us")))
        .withColumn(THREAD_US, F.when(F.col("answers"), F.col("post_known_us")))
        .drop("key", "post_us", "post_known_us", "answers", _ABOUT_POST)
    )
