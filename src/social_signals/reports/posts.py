"""Posts: how they sound over time, what they name, and what they are about."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.reports.report import EntityPart, SentimentPart, TopicPart
from social_signals.tables.gold import MODEL_ID
from social_signals.tables.gold_texts import ENTITY_TYPE, LABEL, NORMALIZED, SENTIMENTS, TERMS, TOPIC
from social_signals.tables.silver import AUTHOR_ID, EVENT_TS, POST_ID, TEXT

# The finest period with at most this many bars: more cannot be told apart on a phone.
MOST_BARS = 130
FREQUENCIES = {"week": "W-MON", "month": "MS", "quarter": "QS"}
OUTLIERS = 0.001


def gather_sentiment(posts: DataFrame, post_sentiment: DataFrame, *, as_of: datetime | None) -> SentimentPart:
    """Posts published before `as_of`, counted by label and by week, month or quarter, whichever fits on a page.

    Empty periods between the first and the last are there with zeros. Up to one post in a thousand that lies far before
    the others is left out of the chart, or a single date of 1970 would flatten it.
    """
    dated = posts.where(F.col(EVENT_TS) < F.lit(as_of)) if as_of is not None else posts
    # By day first: a few thousand rows at most, from which every longer period follows without another pass.
    daily: pd.DataFrame = (
        dated.select(POST_ID, EVENT_TS)
        .join(post_sentiment.select(POST_ID, LABEL, MODEL_ID), on=POST_ID, how="inner")
        .groupBy(F.date_format(F.date_trunc("day", EVENT_TS), "yyyy-MM-dd").alias("day"), LABEL)
        .agg(F.count("*").alias("posts"), F.max(MODEL_ID).alias("model_id"))
        .toPandas()
    )
    if daily.empty:
        return SentimentPart()
    days = pd.to_datetime(daily["day"], errors="coerce")
    counts = daily.assign(day=days).dropna(subset=["day"])
    counts = counts.pivot_table(index="day", columns=LABEL, values="posts", aggfunc="sum", fill_value=0)
    counts = counts.reindex(columns=list(SENTIMENTS), fill_value=0).sort_index()
    counts = counts[counts.sum(axis=1).cumsum() > OUTLIERS * counts.to_numpy().sum()]
    by_period = {period: _by_period(counts, frequency) for period, frequency in FREQUENCIES.items()}
    period = next((p for p, frame in by_period.items() if len(frame) <= MOST_BARS), "quarter")
    return SentimentPart(period=period, over_time=by_period[period], model_id=str(daily["model_id"].max()))


def _by_period(counts: pd.DataFrame, frequency: str) -> pd.DataFrame:
    first_day = counts.index
    if frequency == "W-MON":
        first_day = first_day - pd.to_timedelta(first_day.dayofweek, unit="D")
    else:
        first_day = first_day.to_period("M" if frequency == "MS" else "Q").to_timestamp()
    summed = counts.groupby(first_day).sum()
    every = pd.date_range(summed.index[0], summed.index[-1], freq=frequency)
    filled = summed.reindex(every, fill_value=0).astype("int64").rename_axis("period").reset_index()
    return filled.assign(period=filled["period"].dt.strftime("%Y-%m-%d")).rename_axis(columns=None)


def gather_entities(
    posts: DataFrame,
    post_entities: DataFrame,
    post_sentiment: DataFrame,
    *,
    as_of: datetime | None,
    top: int,
    min_authors: int,
) -> EntityPart:
    """The `top` names that most posts before `as_of` mention, with how those posts sound.

    A post counts once for a name however often it repeats it. A name is shown in its commonest spelling, and only where
    at least `min_authors` people wrote it; a post without a known author counts as a person of its own.
    """
    dated = posts.where(F.col(EVENT_TS) < F.lit(as_of)) if as_of is not None else posts
    author = F.coalesce(F.col(AUTHOR_ID), F.concat(F.lit("post "), F.col(POST_ID)))
    name = (NORMALIZED, ENTITY_TYPE)
    spellings = (
        post_entities.select(POST_ID, *name, TEXT)
        .distinct()
        .join(dated.select(POST_ID, author.alias("author")), on=POST_ID, how="inner")
        .join(post_sentiment.select(POST_ID, LABEL), on=POST_ID, how="left")
    )
    commonest = (
        spellings.groupBy(*name, TEXT)
        .agg(F.count("*").alias("uses"))
        .groupBy(*name)
        .agg(F.max(F.struct("uses", TEXT))[TEXT].alias("name"))
    )
    by_label = [F.countDistinct(F.when(F.col(LABEL) == label, F.col(POST_ID))).alias(label) for label in SENTIMENTS]
    named: pd.DataFrame = (
        spellings.groupBy(*name)
        .agg(F.countDistinct(POST_ID).alias("posts"), F.countDistinct("author").alias("authors"), *by_label)
        .where(F.col("authors") >= min_authors)
        .orderBy(F.desc("posts"), *name)
        .limit(top)
        .join(commonest, on=list(name), how="inner")
        .orderBy(F.desc("posts"), *name)
        .select("name", ENTITY_TYPE, "posts", "authors", *SENTIMENTS)
        .toPandas()
    )
    return EntityPart(named=named, min_authors=min_authors)


def gather_topics(
    posts: DataFrame, topics: DataFrame, post_topics: DataFrame, post_sentiment: DataFrame, *, as_of: datetime | None
) -> TopicPart:
    """Each topic of the model in use: its words, the posts before `as_of` that are mostly about it, and how those sound."""
    dated = posts.where(F.col(EVENT_TS) < F.lit(as_of)) if as_of is not None else posts
    by_label = [F.count(F.when(F.col(LABEL) == label, 1)).alias(label) for label in SENTIMENTS]
    counts = (
        post_topics.select(POST_ID, TOPIC)
        .join(dated.select(POST_ID), on=POST_ID, how="left_semi")
        .join(post_sentiment.select(POST_ID, LABEL), on=POST_ID, how="left")
        .groupBy(TOPIC)
        .agg(F.count("*").alias("posts"), *by_label)
    )
    words = F.array_join(F.transform(TERMS, lambda term: term["term"]), ", ").alias("words")
    found: pd.DataFrame = (
        topics.select(TOPIC, F.col(LABEL).alias("name"), words)
        .join(counts, on=TOPIC, how="inner")
        .orderBy(F.desc("posts"), TOPIC)
        .select(F.col("name").alias("label"), "words", "posts", *SENTIMENTS)
        .toPandas()
    )
    return TopicPart(topics=found)
