"""How near what a creator writes is to a brief: by topics, and by where their texts lie among texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.campaigns.params import ShortlistParams
from social_signals.core.errors import ConfigError
from social_signals.core.workers import settled
from social_signals.features.cutoffs import ratio
from social_signals.nlp.topics import Topic
from social_signals.tables.gold import MODEL_ID
from social_signals.tables.gold_campaigns import TEXT_RELEVANCE, TOPIC_RELEVANCE
from social_signals.tables.gold_texts import EMBEDDING, TOPIC, WEIGHT, WEIGHTS
from social_signals.tables.silver import POST_ID, USER_ID

TOPIC_SHARE, TOPICAL_POSTS = "topic_share", "topical_posts"
# Sums of fractions that are exact in any order.
_EXACT = "decimal(20,6)"


def meant_topics(asked: Sequence[str], known: Sequence[Topic]) -> dict[str, list[int]]:
    """Of each entry of a brief the numbers of the topics it means: its number, or those that have the word among their terms.

    Raises ConfigError for a number that is none, and for a word that no topic knows.

    >>> beer = Topic(3, "beer, hop, malt", (("beer", 0.1), ("hop", 0.05), ("malt", 0.02)), 0.1, 0.5)
    >>> meant_topics(["Hop", "3"], [beer])
    {'Hop': [3], '3': [3]}
    """
    words_of = {topic.number: {term.lower() for term, _ in topic.terms} for topic in known}
    found = {}
    for entry in asked:
        word = entry.strip().lower()
        if word.isdigit():
            numbers = [number for number in sorted(words_of) if number == int(word)]
        else:
            numbers = [number for number in sorted(words_of) if word in words_of[number]]
        if not numbers:
            close = get_close_matches(word, sorted(set().union(*words_of.values())), n=1)
            listed = "; ".join(f"{topic.number} ({topic.label})" for topic in sorted(known))
            raise ConfigError(
                f"the brief names the topic {entry!r}, which is none of gold.topics",
                hint=f"{f'did you mean {close[0]}? ' if close else ''}Topics: {listed}. For other words use brief.text",
            )
        found[entry] = numbers
    return found


def topic_relevance(
    written: DataFrame, post_topics: DataFrame, *, topics: Sequence[int], model_id: str, params: ShortlistParams
) -> DataFrame:
    """One row per author with a post that has a topic: (user_id, topic_share, topical_posts, topic_relevance).

    written: (user_id, post_id, ...). topic_share: mean share of `topics` in those posts; topic_relevance: the same, with
    `prior_posts` average posts added.
    """
    parts = F.filter(WEIGHTS, lambda one: one[TOPIC].isin(list(topics)))
    about = F.aggregate(parts, F.lit(0.0), lambda total, one: total + one[WEIGHT])
    posts = (
        post_topics.where(F.col(TOPIC).isNotNull() & (F.col(MODEL_ID) == model_id))
        .select(POST_ID, F.round(about, 6).cast(_EXACT).alias("about"))
        .join(written.select(POST_ID, USER_ID), on=POST_ID, how="inner")
    )
    sums = posts.groupBy(USER_ID).agg(F.sum("about").alias("total"), F.count(F.lit(1)).alias(TOPICAL_POSTS))
    prior = sums.agg(F.coalesce(ratio(F.sum("total"), F.sum(TOPICAL_POSTS)), F.lit(0.0)).alias("prior"))
    total, begun = F.col("total").cast("double"), F.lit(params.prior_posts)
    return sums.crossJoin(F.broadcast(prior)).select(
        USER_ID,
        (total / F.col(TOPICAL_POSTS)).alias(TOPIC_SHARE),
        TOPICAL_POSTS,
        ((total + begun * F.col("prior")) / (F.col(TOPICAL_POSTS) + begun)).alias(TOPIC_RELEVANCE),
    )


def text_relevance(
    written: DataFrame,
    post_embeddings: DataFrame,
    *,
    texts: NDArray[np.float32],
    model_id: str,
    params: ShortlistParams,
) -> DataFrame:
    """One row per author with a post that has a vector: (user_id, text_relevance).

    texts: a row of length 1 per text of the brief. A post is as close as its cosine with the nearest of them; a creator as the
    mean of their `best_posts` closest posts, an average post in the place of each that they lack, and 0 where that is negative.
    """
    vectors = post_embeddings.where(F.col(MODEL_ID) == model_id).join(
        written.select(POST_ID, USER_ID), on=POST_ID, how="inner"
    )

    def cosines(batches: Iterable[Any]) -> Iterator[Any]:
        import pyarrow as pa

        for batch in batches:
            if batch.num_rows:
                flat = batch.column(1).flatten().to_numpy(zero_copy_only=False)
                nearest = (flat.reshape(batch.num_rows, -1) @ texts.T).max(axis=1)
                yield pa.RecordBatch.from_arrays(
                    [batch.column(0), pa.array(nearest.astype(np.float64))], names=[USER_ID, "cosine"]
                )

    posts = (
        vectors.select(USER_ID, EMBEDDING)
        .mapInArrow(settled(cosines), f"{USER_ID} string, cosine double")
        .select(USER_ID, F.round("cosine", 5).cast(_EXACT).alias("cosine"))
    )
    closest = F.slice(F.sort_array(F.collect_list("cosine"), asc=False), 1, params.best_posts)
    best = posts.groupBy(USER_ID).agg(
        closest.alias("closest"), F.sum("cosine").alias("total"), F.count(F.lit(1)).alias("posts")
    )
    # Of the sums, or each vector would go through Python twice.
    prior = best.agg(F.coalesce(ratio(F.sum("total"), F.sum("posts")), F.lit(0.0)).alias("prior"))
    total = F.aggregate("closest", F.lit(0.0), lambda sum_, one: sum_ + one.cast("double"))
    lacking = F.lit(params.best_posts) - F.size("closest")
    mean = (total + lacking * F.col("prior")) / F.lit(params.best_posts)
    return best.crossJoin(F.broadcast(prior)).select(USER_ID, F.greatest(mean, F.lit(0.0)).alias(TEXT_RELEVANCE))
