"""How what a creator writes is received, in which languages it is, and whether a brand could stand beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from social_signals.campaigns.params import ShortlistParams
from social_signals.features.cutoffs import EVENT_US, KNOWN_US, count_if, micros, ratio
from social_signals.features.facts import PARENT_AUTHOR_ID, replies
from social_signals.network.edges import DST, WEIGHT
from social_signals.nlp.language import UNDETERMINED
from social_signals.tables.gold import TIER
from social_signals.tables.gold_campaigns import AUDIENCE_COUNT
from social_signals.tables.gold_texts import LABEL, LANGUAGE
from social_signals.tables.silver import AUTHOR_ID, EVENT_TS, INGESTED_TS, POST_ID, TEXT, TITLE, USER_ID

POSTS_WRITTEN, LANGUAGE_SHARE, UNSAFE_POSTS = "posts_written", "language_share", "unsafe_posts"
ENGAGEMENTS, PER_POST, AHEAD_OF = "engagements", "engagements_per_post", "ahead_of_ratio"
REPLIES, NEGATIVE, NEGATIVE_RATIO = "replies_read", "replies_negative", "negative_ratio"


def written_in(posts: DataFrame, *, as_of: datetime, window_days: int) -> DataFrame:
    """The posts of `[as_of - window_days, as_of)` that were known by as_of and whose author is: user_id, post_id, text, title."""
    start, end = F.lit(as_of - timedelta(days=window_days)), F.lit(as_of)
    is_in_window = (F.col(EVENT_TS) >= start) & (F.col(EVENT_TS) < end)
    is_known = (F.col(INGESTED_TS) < end) & F.col(AUTHOR_ID).isNotNull()
    return posts.where(is_in_window & is_known).select(F.col(AUTHOR_ID).alias(USER_ID), POST_ID, TEXT, TITLE)


def has_term(terms: Sequence[str]) -> Column:
    """Whether a post has one of the terms as it is written, as whole words, in any case and with any blanks between its words."""
    if not terms:
        return F.lit(False)
    # Java and Python escape alike what can stand in a term
    said = "|".join(r"\s+".join(re.escape(word) for word in term.split()) for term in terms)
    pattern = rf"(?iu)(?<![\p{{L}}\p{{N}}_])(?:{said})(?![\p{{L}}\p{{N}}_])"
    return F.coalesce(F.concat_ws(" | ", TITLE, TEXT).rlike(pattern), F.lit(False))


def posts_of(
    written: DataFrame, post_language: DataFrame | None, *, languages: Sequence[str], blocked_terms: Sequence[str]
) -> DataFrame:
    """One row per author: (user_id, posts_written, unsafe_posts, language_share).

    language_share: of posts whose language is told, those in `languages`; null where none is, or no language is asked for.
    """
    told = F.lit(None).cast("string")
    if post_language is not None and languages:
        known = post_language.where(F.col(LANGUAGE) != UNDETERMINED).select(POST_ID, LANGUAGE)
        written, told = written.join(known, on=POST_ID, how="left"), F.col(LANGUAGE)
    return written.groupBy(USER_ID).agg(
        F.count(F.lit(1)).alias(POSTS_WRITTEN),
        count_if(has_term(blocked_terms)).alias(UNSAFE_POSTS),
        ratio(count_if(told.isin(list(languages))), F.count(told)).alias(LANGUAGE_SHARE),
    )


def audiences(edges: DataFrame) -> DataFrame:
    """One row per person acted towards: (user_id, audience_count, engagements): by how many people, and the weight of their acts."""
    return edges.groupBy(F.col(DST).alias(USER_ID)).agg(
        F.count(F.lit(1)).alias(AUDIENCE_COUNT), F.round(F.sum(WEIGHT), 6).alias(ENGAGEMENTS)
    )


def moods(
    posts: DataFrame, sentiment: DataFrame, *, as_of: datetime, window_days: int, params: ShortlistParams
) -> DataFrame:
    """One row per person who was answered: (user_id, replies_read, replies_negative, negative_ratio).

    Of the answers of others in the window whose mood was read; negative_ratio has `prior_replies` average ones added.
    """
    start, end = micros(as_of - timedelta(days=window_days)), micros(as_of)
    is_in_window = (F.col(EVENT_US) >= F.lit(start)) & (F.col(EVENT_US) < F.lit(end)) & (F.col(KNOWN_US) < F.lit(end))
    heard = replies(posts).where(is_in_window).select(POST_ID, F.col(PARENT_AUTHOR_ID).alias(USER_ID))
    read = heard.join(sentiment.select(POST_ID, LABEL), on=POST_ID, how="inner")
    counts = read.groupBy(USER_ID).agg(
        F.count(F.lit(1)).alias(REPLIES), count_if(F.col(LABEL) == "negative").alias(NEGATIVE)
    )
    # Of the sums, which are there already: replies are read once.
    prior = counts.agg(F.coalesce(ratio(F.sum(NEGATIVE), F.sum(REPLIES)), F.lit(0.0)).alias("prior"))
    begun = F.lit(params.prior_replies)
    shrunk = (F.col(NEGATIVE) + begun * F.col("prior")) / (F.col(REPLIES) + begun)
    return counts.crossJoin(F.broadcast(prior)).select(USER_ID, REPLIES, NEGATIVE, shrunk.alias(NEGATIVE_RATIO))


def with_standing(people: DataFrame) -> DataFrame:
    """Adds engagements_per_post and ahead_of_ratio; null for who wrote nothing.

    people: user_id, tier, posts_written, engagements. ahead_of_ratio: the share of the people of the tier who wrote whose
    posts gather less, half of those with as much counted.
    """
    per_post = F.round(ratio(F.coalesce(ENGAGEMENTS, F.lit(0.0)), F.col(POSTS_WRITTEN)), 4)
    measured = people.withColumn(PER_POST, per_post)
    alike = measured.where(F.col(PER_POST).isNotNull()).groupBy(TIER, PER_POST).agg(F.count(F.lit(1)).alias("alike"))
    # A row per distinct figure: a tier of millions has thousands.
    upwards = Window.partitionBy(TIER).orderBy(PER_POST)
    everybody = F.sum("alike").over(Window.partitionBy(TIER))
    up_to = F.sum("alike").over(upwards.rowsBetween(Window.unboundedPreceding, Window.currentRow))
    ahead = alike.select(TIER, PER_POST, ((up_to - F.col("alike") / 2) / everybody).alias(AHEAD_OF))
    return measured.join(F.broadcast(ahead), on=[TIER, PER_POST], how="left")


def post_quality() -> Column:
    """0 to 1: geometric mean of ahead_of_ratio and of the share of answers that are not negative (all, where none was read)."""
    return F.sqrt(F.col(AHEAD_OF) * (F.lit(1.0) - F.coalesce(NEGATIVE_RATIO, F.lit(0.0))))
