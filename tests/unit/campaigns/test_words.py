"""A row of a shortlist as a marketer reads it."""

from __future__ import annotations

from typing import Any

from social_signals.campaigns import BriefParams
from social_signals.campaigns.words import Usual, reasons_of
from social_signals.nlp.topics import Topic

BEER = Topic(3, "beer, hop, malt", (("beer", 0.1),), 0.1, 0.5)
BRIEF = BriefParams(topics=["beer"], text="craft beer")
ROW: dict[str, Any] = {
    "topic_share": 0.5, "topical_posts": 12, "text_relevance": 0.473, "influence": 0.81, "audience_count": 34,
    "engagements_per_post": 2.58, "posts_written": 41, "ahead_of_ratio": 0.88, "tier": "micro", "replies_read": 38,
    "replies_negative": 4, "authenticity": 0.7, "discount_reasons": ["half of it came within an hour"], "campaigns_count": 2,
    "results_as_found": 1.62, "price": 660.0, "is_price_known": True, "expected_reach": 19.7, "is_selected": True,
    "selected_order": 1, "marginal_reach": 19.7, "overlap_with_selected": 0.336,
}  # fmt: skip


def test_each_reason_has_its_figure() -> None:
    assert reasons_of(ROW, brief=BRIEF, topics=[BEER], usual=Usual(0.3, 0.25)) == [
        "50% of what they write is about topic 3 (beer, hop, malt), going by 12 posts; 30% is usual among the candidates",
        "their posts that are closest to the brief's texts have a likeness of 0.47; 0.25 is usual among the candidates",
        "gathers more engagement than a person drawn at random 81 times out of 100",
        "34 people engaged with them in 90 days: 2.6 times a post over 41 posts, ahead of 88% of micro creators",
        "4 of 38 replies to them are negative",
        "counted at 70% for signs of inauthentic engagement: half of it came within an hour",
        "2 past campaigns brought 1.6 times what the median campaign brings for its cost",
        "$660, the median of their past campaigns",
        "expected to reach 20 people by themselves; number 1 to book, adding 20 people",
        "shares about 34% of their joint audience with the nearest creator to book",
    ]


def test_what_is_not_known_is_said_or_left_out() -> None:
    row = ROW | {
        "topical_posts": None, "topic_share": None, "text_relevance": None, "audience_count": 1, "posts_written": 1,
        "engagements_per_post": 1.0, "replies_read": 1, "replies_negative": 0, "authenticity": None, "discount_reasons": None,
        "campaigns_count": 0, "is_price_known": False, "is_selected": False, "expected_reach": 1.0, "overlap_with_selected": None,
    }  # fmt: skip
    assert reasons_of(row, brief=BRIEF, topics=[BEER], usual=Usual(0.3)) == [
        "none of their posts has a topic",
        "gathers more engagement than a person drawn at random 81 times out of 100",
        "1 person engaged with them in 90 days: once a post over 1 post, ahead of 88% of micro creators",
        "the one reply to them is not negative",
        "no past campaign to go by",
        "$660, the price that is assumed for micro creators",
        "expected to reach 1 person by themselves; not in the set to book",
    ]
    assert reasons_of(row | {"price": None}, brief=BRIEF, topics=[], usual=Usual())[-2] == "no price is known"
