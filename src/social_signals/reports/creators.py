"""Creators: what is known of somebody's audience, in words, and who fits which brief."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.core.words import count, percent, plural
from social_signals.reports.people import named_people, newest
from social_signals.reports.report import BriefPart
from social_signals.tables.gold import AS_OF, INFLUENCE, RANK, REASONS, TIER
from social_signals.tables.gold_campaigns import (
    AUDIENCE_COUNT,
    BRIEF,
    BRIEF_ID,
    EXPECTED_REACH,
    FIT,
    IS_PRICE_KNOWN,
    IS_SELECTED,
    MARGINAL_REACH,
    OVERLAP_WITH_SELECTED,
    SELECTED_ORDER,
)
from social_signals.tables.gold_creators import (
    AUDIENCE_90D,
    AUTHENTICITY,
    REPLIES_90D,
    TOPICS_OWNED,
)
from social_signals.tables.silver import CURRENCY, FOLLOWER_COUNT, PRICE

MOST_BRIEFS = 5
# What weighs most comes first; price, reach and overlap, which come last, have columns of their own on the page.
MOST_REASONS = 5
# Fewer replies say little about how people answer; smaller changes are called steady.
ENOUGH_REPLIES, STEADY = 10, 0.05
_SHORTLISTED = (
    RANK, FIT, INFLUENCE, TIER, AUTHENTICITY, AUDIENCE_COUNT, PRICE, CURRENCY, IS_PRICE_KNOWN, EXPECTED_REACH,
    IS_SELECTED, SELECTED_ORDER, MARGINAL_REACH, OVERLAP_WITH_SELECTED, REASONS,
)  # fmt: skip


def gather_briefs(
    shortlists: DataFrame, users: DataFrame, *, as_of: datetime | None, top: int, show_handles: bool = False
) -> list[BriefPart]:
    """The shortlists of the newest cut-off not after `as_of`, by the name of their brief, MOST_BRIEFS of them at most.

    Of each, who was selected, and of the others the best `top`: that many rows reach the driver.
    """
    cutoff = newest(shortlists, as_of=as_of)
    if cutoff is None:
        return []
    slice_ = shortlists.where(F.col(AS_OF) == F.lit(cutoff))
    briefs = (
        slice_.groupBy(BRIEF_ID).agg(F.min(BRIEF).alias(BRIEF)).orderBy(BRIEF, BRIEF_ID).limit(MOST_BRIEFS).collect()
    )
    parts = []
    for brief in briefs:
        rows = slice_.where(F.col(BRIEF_ID) == brief[BRIEF_ID])
        order = (F.col(SELECTED_ORDER).asc_nulls_last(), F.col(RANK).asc())
        listed = rows.where(F.col(IS_SELECTED) | (F.col(RANK) <= top))
        frame = named_people(listed, users, *_SHORTLISTED, order=order, show_handles=show_handles)
        frame[REASONS] = [list(said)[:MOST_REASONS] for said in frame[REASONS]]
        parts.append(BriefPart(brief[BRIEF_ID], str(brief[BRIEF] or brief[BRIEF_ID]), cutoff, frame))
    return parts


def topic_labels(topics: DataFrame) -> dict[int, str]:
    """Number -> label of every topic; a few dozen."""
    return {int(row["topic"]): str(row["label"]) for row in topics.select("topic", "label").collect()}


def facts_in_words(person: Mapping[str, Any], labels: Mapping[int, str]) -> list[str]:
    """What is known of a person's audience, shortest first: size and growth, engagement, replies, topics.

    >>> facts_in_words({"follower_count": 1200, "follower_growth_30d": 0.18232, "audience_90d_count": 45}, {})
    ['1,200 followers, up 20% in 30 days', '45 people engaged in 90 days']
    """
    told = [_followers(person), _audience(person), _rate(person), _replies(person), _owned(person, labels)]
    return [sentence for sentence in told if sentence]


def _known(person: Mapping[str, Any], name: str) -> float | None:
    value = person.get(name)
    return None if value is None or (isinstance(value, float) and not math.isfinite(value)) else float(value)


def _change(log_ratio: float | None, what: str = "") -> str:
    if log_ratio is None or abs(log_ratio) < STEADY:
        return ""
    share = math.expm1(min(log_ratio, 20.0))
    if share >= 1:
        return f", {what}{share + 1:.1f} times that of 30 days before".replace(".0 ", " ")
    return f", {what}{'up' if share > 0 else 'down'} {percent(abs(share))} in 30 days"


def _followers(person: Mapping[str, Any]) -> str | None:
    followers = _known(person, FOLLOWER_COUNT)
    if followers is None:
        return None
    return f"{plural(int(followers), 'follower', 'followers')}{_change(_known(person, 'follower_growth_30d'))}"


def _audience(person: Mapping[str, Any]) -> str | None:
    people = _known(person, AUDIENCE_90D)
    if not people:
        return None
    change = _change(_known(person, "engagement_growth_30d"), "engagement ")
    return f"{plural(int(people), 'person', 'people')} engaged in 90 days{change}"


def _rate(person: Mapping[str, Any]) -> str | None:
    ratio = _known(person, "engagement_rate_to_tier_ratio")
    if ratio is None or 0.8 < ratio < 1.25:
        return None
    return (
        f"engagement per follower {ratio:.1f} times the usual"
        if ratio >= 1
        else f"engagement per follower {percent(ratio)} of the usual"
    )


def _replies(person: Mapping[str, Any]) -> str | None:
    replies = _known(person, REPLIES_90D) or 0
    substantive, tone = _known(person, "substantive_reply_90d_ratio"), _known(person, "reply_sentiment_90d_mean")
    if replies < ENOUGH_REPLIES or substantive is None:
        return None
    mood = "" if tone is None else ", warm" if tone > 0.25 else ", cool" if tone < -0.1 else ""
    return f"{percent(substantive)} of {count(replies)} replies say something{mood}"


def _owned(person: Mapping[str, Any], labels: Mapping[int, str]) -> str | None:
    owned = person.get(TOPICS_OWNED)
    if owned is None or len(owned) == 0:
        return None
    named = [one.asDict() if hasattr(one, "asDict") else dict(one) for one in owned]
    best = max(named, key=lambda one: (one["share"], -one["topic"]))
    label = labels.get(int(best["topic"]), f"topic {best['topic']}")
    return f"gets {percent(best['share'])} of the engagement about {label}"
