"""Why a creator fits a brief, as a marketer would say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from social_signals.campaigns.params import BriefParams
from social_signals.campaigns.quality import AHEAD_OF, NEGATIVE, PER_POST, POSTS_WRITTEN, REPLIES
from social_signals.campaigns.relevance import TOPIC_SHARE, TOPICAL_POSTS
from social_signals.campaigns.results import RESULTS_AS_FOUND
from social_signals.core.errors import DataQualityError
from social_signals.core.words import count, decimal, out_of_100, percent, plural, quantity
from social_signals.nlp.topics import Topic
from social_signals.tables.gold import INFLUENCE, TIER
from social_signals.tables.gold_campaigns import (
    AUDIENCE_COUNT,
    CAMPAIGNS_COUNT,
    EXPECTED_REACH,
    IS_PRICE_KNOWN,
    IS_SELECTED,
    MARGINAL_REACH,
    OVERLAP_WITH_SELECTED,
    SELECTED_ORDER,
    TEXT_RELEVANCE,
)
from social_signals.tables.gold_creators import AUTHENTICITY, DISCOUNT_REASONS
from social_signals.tables.silver import PRICE

_AS_MONEY = {"USD": "$", "EUR": "€", "GBP": "£"}


class Usual(NamedTuple):
    """What is usual among the candidates: mean topic_share and text_relevance, null where not asked for."""

    topic_share: float | None = None
    text_relevance: float | None = None


def reasons_of(row: Mapping[str, Any], *, brief: BriefParams, topics: Sequence[Topic], usual: Usual) -> list[str]:
    """The reasons of a row of a shortlist, what weighs most first. row: the columns of `judged` and of gold.shortlists."""
    said = [
        *_relevance(row, topics, usual),
        f"gathers more engagement than a person drawn at random {out_of_100(row[INFLUENCE])}",
        *_reception(row, brief),
        _campaigns(row),
        _price(row, brief),
    ]
    return [*said, *_booking(row)]


# Filter -> what it leaves out, and what would let them in.
_LEFT_OUT = {
    "tier": ("are of another tier", "name more tiers in brief.tiers"),
    "no_posts": ("wrote nothing in the window", "set brief.window_days higher"),
    "language": ("write in other languages", "name more languages in brief.languages"),
    "brand_safety": ("wrote a blocked term", "look at brief.blocked_terms"),
    "mood": ("get too many negative replies", "set brief.max_negative_ratio higher"),
    "no_audience": ("have nobody who engaged with them in the window", "set brief.window_days higher"),
    "price": ("cost more than the budget, or nobody knows what", "look at brief.budget and brief.prices"),
}


def nobody_left(excluded: Mapping[str, int], brief: BriefParams) -> DataQualityError:
    """The error where no creator meets a brief: how many each filter left out, and what to do about the one that took most."""
    if not excluded:
        return DataQualityError("nobody with an influence score agreed to profiling", hint="run score_influence first")
    most = max(excluded, key=lambda name: (excluded[name], name))
    each = ", ".join(f"{count(excluded[name])} {_LEFT_OUT[name][0]}" for name in _LEFT_OUT if name in excluded)
    return DataQualityError(f"nobody is left for the brief {brief.name!r}: {each}", hint=_LEFT_OUT[most][1])


def money(amount: float, currency: str) -> str:
    """
    >>> money(1200.0, "USD"), money(99.5, "CHF")
    ('$1,200', 'CHF 99.50')
    """
    sign = _AS_MONEY.get(currency, f"{currency} ")
    return f"{sign}{count(amount)}" if amount == round(amount) else f"{sign}{amount:,.2f}"


def of_topics(topics: Sequence[Topic]) -> str:
    """`topic 3 (beer, hop, malt)`, or several."""
    return ("topic " if len(topics) == 1 else "topics ") + ", ".join(f"{t.number} ({t.label})" for t in topics)


def _relevance(row: Mapping[str, Any], topics: Sequence[Topic], usual: Usual) -> list[str]:
    said = []
    if topics and row[TOPICAL_POSTS]:
        posts = plural(row[TOPICAL_POSTS], "post", "posts")
        said.append(
            f"{percent(row[TOPIC_SHARE])} of what they write is about {of_topics(topics)}, going by {posts}; "
            f"{percent(usual.topic_share)} is usual among the candidates"
        )
    elif topics:
        said.append("none of their posts has a topic")
    if row[TEXT_RELEVANCE] is not None:
        said.append(
            f"their posts that are closest to the brief's texts have a likeness of {decimal(row[TEXT_RELEVANCE], 2)}; "
            f"{decimal(usual.text_relevance, 2)} is usual among the candidates"
        )
    return said


def _reception(row: Mapping[str, Any], brief: BriefParams) -> list[str]:
    days = brief.window_days
    said = [
        f"{plural(row[AUDIENCE_COUNT], 'person', 'people')} engaged with them in {days} days: "
        f"{'once' if row[PER_POST] == 1 else f'{quantity(row[PER_POST])} times'} a post over {plural(row[POSTS_WRITTEN], 'post', 'posts')}, "
        f"ahead of {percent(row[AHEAD_OF])} of {row[TIER]} creators"
    ]
    if row[REPLIES] == 1:
        said.append(f"the one reply to them is {'' if row[NEGATIVE] else 'not '}negative")
    elif row[REPLIES]:
        number, verb = (count(row[NEGATIVE]) if row[NEGATIVE] else "none"), "is" if row[NEGATIVE] in (0, 1) else "are"
        said.append(f"{number} of {count(row[REPLIES])} replies to them {verb} negative")
    if row[AUTHENTICITY] is not None and row[AUTHENTICITY] < 1:
        why = "; ".join(row[DISCOUNT_REASONS] or [])
        said.append(
            f"counted at {percent(row[AUTHENTICITY])} for signs of inauthentic engagement" + (f": {why}" if why else "")
        )
    return said


def _campaigns(row: Mapping[str, Any]) -> str:
    if not row[CAMPAIGNS_COUNT]:
        return "no past campaign to go by"
    number = plural(row[CAMPAIGNS_COUNT], "past campaign", "past campaigns")
    return f"{number} brought {decimal(row[RESULTS_AS_FOUND], 1)} times what the median campaign brings for its cost"


def _price(row: Mapping[str, Any], brief: BriefParams) -> str:
    if row[PRICE] is None:
        return "no price is known"
    whence = (
        "the median of their past campaigns"
        if row[IS_PRICE_KNOWN]
        else f"the price that is assumed for {row[TIER]} creators"
    )
    return f"{money(row[PRICE], brief.currency)}, {whence}"


def _booking(row: Mapping[str, Any]) -> list[str]:
    alone = f"expected to reach {plural(round(row[EXPECTED_REACH]), 'person', 'people')} by themselves"
    overlap = row[OVERLAP_WITH_SELECTED]
    if row[IS_SELECTED]:
        added = plural(round(row[MARGINAL_REACH]), "person", "people")
        said = [f"{alone}; number {row[SELECTED_ORDER]} to book, adding {added}"]
    else:
        said = [f"{alone}; not in the set to book"]
    if overlap is not None:
        said.append(f"shares about {percent(overlap)} of their joint audience with the nearest creator to book")
    return said
