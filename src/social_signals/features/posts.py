"""What was known of a post when it was published: its author, its words, the conversation that it joins.

A post has no cut-off but its own instant. What happened before it, and was known before it, counts; of the readings of an account
also one taken at that very instant, as many sources deliver the account's counts with each post.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, LongType

from social_signals.features.cutoffs import DAY_US, HOUR_US, KNOWN_US, known_us, ratio
from social_signals.features.declared import Feature
from social_signals.features.facts import (
    KIND_CODE,
    PARENT_AUTHOR_ID,
    POSITIVE_KINDS,
    TARGET_KNOWN_US,
    kind_code,
    replies,
    resolved_interactions,
)
from social_signals.tables.gold_texts import P_NEGATIVE, P_POSITIVE
from social_signals.tables.silver import (
    ACTOR_ID,
    AUTHOR_ID,
    CREATED_TS,
    EVENT_TS,
    FOLLOWER_COUNT,
    FOLLOWING_COUNT,
    INGESTED_TS,
    LISTED_COUNT,
    PARENT_POST_ID,
    POST_COUNT,
    POST_ID,
    SNAPSHOT_TS,
    TARGET_USER_ID,
    TEXT,
    TITLE,
    USER_ID,
)


def _count(name: str, meaning: str, *, default: int | None = 0) -> Feature:
    return Feature(name, LongType(), None, meaning, default)


def _number(name: str, meaning: str) -> Feature:
    return Feature(name, DoubleType(), None, meaning)


POST_FEATURES: tuple[Feature, ...] = (
    _count(
        "follower_count",
        "followers of the author at the newest reading, one taken with the post included",
        default=None,
    ),
    _count("following_count", "accounts that the author followed then", default=None),
    _count("listed_count", "lists that named the author then", default=None),
    _count("lifetime_post_count", "posts that the account showed then", default=None),
    _number("follower_to_following_ratio", "followers over accounts followed + 1"),
    _number("days_since_created", "days from the making of the account to the post"),
    _count("earlier_posts_count", "posts by the author before it"),
    _count("earlier_received_count", "interactions and answers by others to the author before it"),
    _count("earlier_received_30d_count", "the same in the 30 days before it"),
    _count("earlier_received_positive_count", "likes, shares, follows, saves, acceptances, subscriptions among them"),
    _number("received_per_earlier_post", "interactions and answers received over posts, before it"),
    _number("hours_since_earlier_post", "hours from the author's post before it"),
    _count("is_reply", "1 where it answers another post"),
    _count("text_length_chars", "characters of title and text"),
    _count("words_count", "words of title and text"),
    _count("urls_count", "links in it"),
    _count("mentions_count", "people named in it by @"),
    _count("hashtags_count", "tags in it by #"),
    _count("questions_count", "question marks in it, links left out"),
    _count("exclamations_count", "exclamation marks in it"),
    _number("capitals_ratio", "share of its letters that are capitals"),
    _number("digits_ratio", "share of its characters that are digits"),
    _number("hour_of_day", "hour of the day, UTC"),
    _count("is_weekend", "1 on Saturday and Sunday, UTC"),
    _number("sentiment", "p_positive - p_negative of it, where it was read"),
    _count("entities_count", "people, places, products and so on named in it"),
    _count("parent_follower_count", "followers of whom it answers, as they were at that post", default=None),
    _number("parent_age_hours", "hours from the post that it answers"),
    _count("parent_is_reply", "1 where that post is an answer too", default=None),
    _count("parent_answers_count", "answers that that post had before", default=None),
)
POST_FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in POST_FEATURES)

_US, _KNOWN, _RECENT_DAYS = "us", "known", 30
_COUNTS = (FOLLOWER_COUNT, FOLLOWING_COUNT, LISTED_COUNT, POST_COUNT)
# What an event adds to the sums of its author from its instant on. Windows that slide are summed anew for each row, which a person
# with a million acts never ends; an act that leaves the recent ones again, as an event of its own, needs running sums alone.
_ADDED = ("posts", "received", "positive", "recent")


def post_features(
    posts: DataFrame,
    *,
    interactions: DataFrame,
    users: DataFrame,
    user_snapshots: DataFrame,
    sentiment: DataFrame,
    entities: DataFrame,
) -> DataFrame:
    """One row per post with a known author: post_id, user_id (the author), event_ts, and POST_FEATURES as of that instant.

    What was seen late counts from when it was seen; the post itself is asked about at its event_ts, whenever it was seen.
    """
    own = _by_author(posts, interactions, user_snapshots).join(_born(users), on=USER_ID, how="left")
    said = posts.where(F.col(AUTHOR_ID).isNotNull()).select(POST_ID, PARENT_POST_ID, *_words(), *_times())
    tones = sentiment.select(POST_ID, (F.col(P_POSITIVE) - F.col(P_NEGATIVE)).alias("sentiment"))
    named = entities.groupBy(POST_ID).agg(F.count(F.lit(1)).alias("entities_count"))
    complete = (
        own.join(said, on=POST_ID, how="inner")
        .join(tones, on=POST_ID, how="left")
        .join(named, on=POST_ID, how="left")
        .withColumn("is_reply", F.col(PARENT_POST_ID).isNotNull().cast("int"))
    )
    parents = complete.select(
        F.col(POST_ID).alias(PARENT_POST_ID),
        F.col(FOLLOWER_COUNT).alias("parent_followers"),
        F.col(_US).alias("parent_us"),
        F.col(_KNOWN).alias("parent_known"),
        F.col("is_reply").alias("parent_is_answer"),
    )
    joined = _with_answers_before(complete).join(parents, on=PARENT_POST_ID, how="left")
    return joined.withColumns(_derived()).select(
        POST_ID, USER_ID, EVENT_TS, *[feature.finished(F.col(feature.name)) for feature in POST_FEATURES]
    )


def _with_answers_before(posts: DataFrame) -> DataFrame:
    """Adds `parent_answers_count`: the answers to the same post that were known before this one; null where it answers none."""
    at, is_answer = F.struct(F.col(_US).alias("at"), F.lit(0).alias("adds")), F.col(PARENT_POST_ID).isNotNull()
    when_known = F.when(is_answer, F.struct(F.col(_KNOWN).alias("at"), F.lit(1).alias("adds")))
    twice = posts.withColumn("event", F.explode(F.filter(F.array(at, when_known), lambda event: event.isNotNull())))
    # A post that answers none is alone: all of them together would be one partition.
    conversation = F.coalesce(PARENT_POST_ID, POST_ID)
    before = Window.partitionBy(conversation, is_answer).orderBy("event.at").rangeBetween(Window.unboundedPreceding, -1)
    counted = twice.withColumn(
        "parent_answers_count", F.when(is_answer, F.coalesce(F.sum("event.adds").over(before), F.lit(0)))
    )
    return counted.where(F.col("event.adds") == 0).drop("event")


def _by_author(posts: DataFrame, interactions: DataFrame, user_snapshots: DataFrame) -> DataFrame:
    """One row per post: the author's counts at its newest reading, and what they had written and received before it."""
    wrote = posts.where(F.col(AUTHOR_ID).isNotNull()).withColumns(
        {_US: F.unix_micros(EVENT_TS), _KNOWN: known_us(EVENT_TS, INGESTED_TS)}
    )
    author = F.col(AUTHOR_ID).alias(USER_ID)
    acts = resolved_interactions(interactions, posts)
    by_another = F.col(TARGET_USER_ID).isNotNull() & ~F.col(ACTOR_ID).eqNullSafe(F.col(TARGET_USER_ID))
    is_positive = F.col(KIND_CODE).isin(kind_code(*POSITIVE_KINDS)).cast("long")
    received = acts.where(by_another).select(
        F.col(TARGET_USER_ID).alias(USER_ID), F.col(TARGET_KNOWN_US).alias(_US), is_positive.alias("is_positive")
    )
    answered = replies(posts).select(
        F.col(PARENT_AUTHOR_ID).alias(USER_ID), F.col(KNOWN_US).alias(_US), F.lit(0).cast("long").alias("is_positive")
    )
    got = received.unionAll(answered)
    reading = F.struct(known_us(SNAPSHOT_TS, INGESTED_TS).alias("at"), *[F.col(name).cast("long") for name in _COUNTS])
    events = (
        wrote.select(author, _US, _KNOWN, POST_ID, EVENT_TS, *_adds(), _no_reading())
        .unionAll(wrote.select(author, F.col(_KNOWN), *_no_post(), *_adds(posts=F.lit(1)), _no_reading()))
        .unionAll(
            got.select(
                USER_ID,
                _US,
                *_no_post(),
                *_adds(received=F.lit(1), positive=F.col("is_positive"), recent=F.lit(1)),
                _no_reading(),
            )
        )
        .unionAll(
            got.select(
                USER_ID, F.col(_US) + F.lit(_RECENT_DAYS * DAY_US), *_no_post(), *_adds(recent=F.lit(-1)), _no_reading()
            )
        )
        .unionAll(
            user_snapshots.select(USER_ID, reading["at"].alias(_US), *_no_post(), *_adds(), reading.alias("reading"))
        )
    )
    ordered = Window.partitionBy(USER_ID).orderBy(_US)
    before = ordered.rangeBetween(Window.unboundedPreceding, -1)
    until = ordered.rangeBetween(Window.unboundedPreceding, 0)
    summed = events.withColumns(
        # Of several readings of one instant the greatest, so that the order of the rows decides nothing.
        {
            "newest": F.max("reading").over(until),
            "earlier_us": F.max(F.when(F.col("posts") == 1, F.col(_US))).over(before),
        }
        | {f"earlier_{name}": F.coalesce(F.sum(name).over(before), F.lit(0)) for name in _ADDED}
    )
    return summed.where(F.col(POST_ID).isNotNull()).select(
        USER_ID, POST_ID, EVENT_TS, _US, _KNOWN, "earlier_us",
        *[F.col(f"newest.{name}").alias(name) for name in _COUNTS],
        F.col("earlier_posts").alias("earlier_posts_count"),
        F.col("earlier_received").alias("earlier_received_count"),
        F.col("earlier_recent").alias("earlier_received_30d_count"),
        F.col("earlier_positive").alias("earlier_received_positive_count"),
    )  # fmt: skip


def _adds(**what: Column) -> list[Column]:
    return [what.get(name, F.lit(0)).cast("long").alias(name) for name in _ADDED]


def _no_post() -> list[Column]:
    return [
        F.lit(None).cast(kind).alias(name)
        for name, kind in ((_KNOWN, "long"), (POST_ID, "string"), (EVENT_TS, "timestamp"))
    ]


def _no_reading() -> Column:
    fields = ", ".join(f"{name}: bigint" for name in ("at", *_COUNTS))
    return F.lit(None).cast(f"struct<{fields}>").alias("reading")


def _born(users: DataFrame) -> DataFrame:
    return users.where(F.col(CREATED_TS).isNotNull()).select(USER_ID, F.unix_micros(CREATED_TS).alias("born_us"))


def _words() -> list[Column]:
    text = F.trim(F.concat_ws(" ", TITLE, TEXT))
    plain = F.regexp_replace(text, r"https?://\S+", " ")
    letters = F.length(F.regexp_replace(plain, r"\P{L}", ""))
    return [
        F.length(text).alias("text_length_chars"),
        F.regexp_count(plain, F.lit(r"[\p{L}\p{N}]+")).alias("words_count"),
        F.regexp_count(text, F.lit(r"https?://")).alias("urls_count"),
        F.regexp_count(plain, F.lit(r"(?<![\w@])@\w")).alias("mentions_count"),
        F.regexp_count(plain, F.lit(r"(?<![\w#])#\w")).alias("hashtags_count"),
        F.regexp_count(plain, F.lit(r"\?")).alias("questions_count"),
        F.regexp_count(plain, F.lit("!")).alias("exclamations_count"),
        ratio(F.length(F.regexp_replace(plain, r"\P{Lu}", "")), letters).alias("capitals_ratio"),
        ratio(F.length(F.regexp_replace(plain, r"\P{N}", "")), F.length(plain)).alias("digits_ratio"),
    ]


def _times() -> list[Column]:
    return [
        F.hour(EVENT_TS).alias("hour_of_day"),
        F.dayofweek(EVENT_TS).isin(1, 7).cast("int").alias("is_weekend"),
    ]


def _derived() -> dict[str, Column]:
    is_known = F.col("parent_known") <= F.col(_US)
    return {
        "lifetime_post_count": F.col(POST_COUNT),
        "follower_to_following_ratio": ratio(F.col(FOLLOWER_COUNT), F.col(FOLLOWING_COUNT) + 1),
        "days_since_created": F.greatest(F.col(_US) - F.col("born_us"), F.lit(0)) / F.lit(float(DAY_US)),
        "received_per_earlier_post": ratio(F.col("earlier_received_count"), F.col("earlier_posts_count")),
        "hours_since_earlier_post": (F.col(_US) - F.col("earlier_us")) / F.lit(float(HOUR_US)),
        "parent_follower_count": F.when(is_known, F.col("parent_followers")),
        "parent_is_reply": F.when(is_known, F.col("parent_is_answer")),
        "parent_age_hours": F.when(is_known, F.col(_US) - F.col("parent_us")) / F.lit(float(HOUR_US)),
    }
