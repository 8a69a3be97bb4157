"""Everybody with a score against a brief: what is known of each, why some are left out, and how well the others fit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.campaigns.params import BriefParams, ShortlistParams
from social_signals.campaigns.quality import (
    LANGUAGE_SHARE,
    NEGATIVE_RATIO,
    POSTS_WRITTEN,
    UNSAFE_POSTS,
    audiences,
    moods,
    post_quality,
    posts_of,
    with_standing,
    written_in,
)
from social_signals.campaigns.relevance import TOPIC_SHARE, TOPICAL_POSTS, text_relevance, topic_relevance
from social_signals.campaigns.results import USUAL_RESULTS, campaign_results, own_prices
from social_signals.tables.gold import INFLUENCE, TIER
from social_signals.tables.gold_campaigns import (
    AUDIENCE_COUNT,
    CAMPAIGN_RESULTS,
    CAMPAIGNS_COUNT,
    FIT,
    IS_PRICE_KNOWN,
    POST_QUALITY,
    RELEVANCE,
    TEXT_RELEVANCE,
    TOPIC_RELEVANCE,
)
from social_signals.tables.gold_creators import AUTHENTICITY, DISCOUNT_REASONS
from social_signals.tables.silver import PRICE, USER_ID

EXCLUDED = "excluded"
# In the order in which they are asked: who fails several is counted by the first.
FILTERS = ("tier", "no_posts", "language", "brand_safety", "mood", "no_audience", "price")
# Of what they write with a language, so much must be in one of the brief's.
_MOST_OF_IT = 0.5


class Topical(NamedTuple):
    """gold.post_topics, the numbers that the brief means, and the model whose numbers they are."""

    post_topics: DataFrame
    numbers: list[int]
    model_id: str


class Textual(NamedTuple):
    """gold.post_embeddings, the texts of the brief as rows of length 1, and the encoder of both."""

    post_embeddings: DataFrame
    texts: NDArray[np.float32]
    model_id: str


class Known(NamedTuple):
    """What a shortlist is made from. scores: (user_id, influence, tier) of one cut-off and model, of people who consented. edges: of
    the window, (src, dst, weight). topical, textual: null where the brief has no such part; one of them is there. sentiment,
    post_language: gold, null where not looked at. quality: (user_id, authenticity, discount_reasons), or null."""

    scores: DataFrame
    posts: DataFrame
    interactions: DataFrame
    campaigns: DataFrame
    edges: DataFrame
    sentiment: DataFrame
    post_language: DataFrame | None = None
    topical: Topical | None = None
    textual: Textual | None = None
    quality: DataFrame | None = None


def judged(known: Known, *, brief: BriefParams, params: ShortlistParams, as_of: datetime) -> DataFrame:
    """One row per person with a score: what is known of them, `excluded` (one of FILTERS; null: a candidate) and their fit.

    fit: the weighted geometric mean of relevance, influence, post_quality and r / (1 + r) of campaign_results r, times the
    authenticity where it is known. Each part can only raise it.
    """
    days = brief.window_days
    written = written_in(known.posts, as_of=as_of, window_days=days)
    scores = known.scores.select(USER_ID, INFLUENCE, TIER)
    # First and narrow: where somebody stands in their tier is asked of all.
    standing = (
        scores.join(
            posts_of(written, known.post_language, languages=brief.languages, blocked_terms=brief.blocked_terms),
            on=USER_ID,
            how="left",
        )
        .join(audiences(known.edges), on=USER_ID, how="left")
        .transform(with_standing)
    )
    parts = [
        moods(known.posts, known.sentiment, as_of=as_of, window_days=days, params=params),
        campaign_results(known.campaigns, known.interactions, as_of=as_of, params=params),
        own_prices(known.campaigns, as_of=as_of, currency=brief.currency),
    ]
    if known.topical is not None:
        about = known.topical
        parts.append(
            topic_relevance(written, about.post_topics, topics=about.numbers, model_id=about.model_id, params=params)
        )
    if known.textual is not None:
        near = known.textual
        parts.append(
            text_relevance(written, near.post_embeddings, texts=near.texts, model_id=near.model_id, params=params)
        )
    if known.quality is not None:
        parts.append(known.quality.select(USER_ID, AUTHENTICITY, DISCOUNT_REASONS))
    joined = reduce(
        lambda people, part: people.join(part, on=USER_ID, how="left"),
        parts,
        standing,
    )
    absent: Mapping[str, str] = {
        TOPIC_RELEVANCE: "double", TOPIC_SHARE: "double", TOPICAL_POSTS: "long", TEXT_RELEVANCE: "double",
        AUTHENTICITY: "double", DISCOUNT_REASONS: "array<string>",
    }  # fmt: skip
    whole = joined.withColumns({n: F.lit(None).cast(t) for n, t in absent.items() if n not in joined.columns})
    counted = whole.withColumns(
        {
            CAMPAIGN_RESULTS: F.coalesce(CAMPAIGN_RESULTS, F.lit(USUAL_RESULTS)),
            **{name: F.coalesce(name, F.lit(0)) for name in (CAMPAIGNS_COUNT, AUDIENCE_COUNT)},
            IS_PRICE_KNOWN: F.col(PRICE).isNotNull(),
            PRICE: F.coalesce(F.col(PRICE), _usual_price(brief)),
            RELEVANCE: _relevance(known),
            POST_QUALITY: post_quality(),
        }
    )
    return counted.withColumn(EXCLUDED, _excluded(brief)).withColumn(FIT, _fit(params))


def _relevance(known: Known) -> Column:
    """The mean of what was asked for; somebody of whose posts nothing is known is of no relevance."""
    asked = [
        F.coalesce(F.col(name), F.lit(0.0))
        for name, part in ((TOPIC_RELEVANCE, known.topical), (TEXT_RELEVANCE, known.textual))
        if part is not None
    ]
    return reduce(lambda a, b: a + b, asked) / F.lit(float(len(asked)))


def _usual_price(brief: BriefParams) -> Column:
    by_tier = F.create_map(*[F.lit(part) for tier, price in brief.prices.items() for part in (tier, float(price))])
    return by_tier[F.col(TIER)] if brief.prices else F.lit(None).cast("double")


def _excluded(brief: BriefParams) -> Column:
    conditions = {
        "tier": ~F.col(TIER).isin(brief.tiers) if brief.tiers else F.lit(False),
        "no_posts": F.col(POSTS_WRITTEN).isNull(),
        "language": F.coalesce(F.col(LANGUAGE_SHARE), F.lit(0.0)) < F.lit(_MOST_OF_IT)
        if brief.languages
        else F.lit(False),
        "brand_safety": F.col(UNSAFE_POSTS) > 0,
        "mood": F.col(NEGATIVE_RATIO) > F.lit(brief.max_negative_ratio),
        "no_audience": F.col(AUDIENCE_COUNT) == 0,
        "price": F.col(PRICE).isNull() | (F.col(PRICE) > F.lit(brief.budget))
        if brief.budget is not None
        else F.lit(False),
    }
    return F.coalesce(*[F.when(conditions[name], F.lit(name)) for name in FILTERS])


def _fit(params: ShortlistParams) -> Column:
    results = F.col(CAMPAIGN_RESULTS)
    parts = {
        "relevance": F.least(F.col(RELEVANCE), F.lit(1.0)),
        "influence": F.col(INFLUENCE),
        "post_quality": F.col(POST_QUALITY),
        "campaign_results": results / (results + 1),
    }
    weights = {name: weight for name, weight in params.weights.items() if weight > 0}
    total = sum(weights.values())
    product = reduce(
        lambda a, b: a * b, [F.pow(parts[name], F.lit(weights[name] / total)) for name in parts if name in weights]
    )
    return F.round(product * F.coalesce(F.col(AUTHENTICITY), F.lit(1.0)), 9)
