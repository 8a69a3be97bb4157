"""Briefs that cannot be meant, and what their topics mean."""

from __future__ import annotations

from typing import Any

import pytest

from social_signals.campaigns import BriefParams, ShortlistParams
from social_signals.campaigns.relevance import meant_topics
from social_signals.campaigns.words import money, nobody_left
from social_signals.core.errors import ConfigError
from social_signals.nlp.topics import Topic

BEER = Topic(3, "beer, hop, malt", (("beer", 0.1), ("hop", 0.05), ("malt", 0.02)), 0.1, 0.5)
GARDEN = Topic(5, "garden, hop, soil", (("garden", 0.2), ("hop", 0.1), ("soil", 0.05)), 0.1, 0.5)


@pytest.mark.parametrize(
    ("settings", "problem", "hint"),
    [
        ({"tiers": ["micr"]}, "micr", "did you mean micro"),
        ({"prices": {"giga": 5.0}}, "giga", "mega"),
        ({"budget": 0.0}, "budget is 0", "null"),
        ({"max_overlap": 1.5}, "max_overlap is 1.5", "0 to 1"),
        ({"shortlist": 0}, "shortlist is 0", "1 or more"),
        ({"currency": "EUR"}, "defaults, in USD", "prices in EUR"),
        ({"blocked_terms": ["casino", " "]}, "empty entry", "leave it out"),
    ],
)
def test_a_brief_that_cannot_be_meant_is_refused(settings: dict[str, Any], problem: str, hint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        BriefParams(**settings)
    assert problem in refused.value.problem
    assert hint in refused.value.hint


def test_a_brief_has_to_say_what_it_is_about() -> None:
    with pytest.raises(ConfigError, match="what it is about"):
        BriefParams(budget=100.0, text="  ").require_content()
    BriefParams(examples=["fresh beans"]).require_content()


def test_the_same_brief_has_the_same_id() -> None:
    brief = BriefParams(topics=["beer"], budget=100.0)
    assert brief.brief_id == BriefParams(budget=100.0, topics=["beer"]).brief_id
    assert brief.brief_id != BriefParams(topics=["beer"], budget=101.0).brief_id


@pytest.mark.parametrize("weights", [{"looks": 1.0}, {"relevance": -1.0}, {"relevance": 0.0}])
def test_weights_are_of_parts_that_there_are(weights: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        ShortlistParams(weights=weights)


def test_topics_are_meant_by_number_or_by_a_word_among_their_terms() -> None:
    assert meant_topics(["5", " Hop", "soil"], [BEER, GARDEN]) == {"5": [5], " Hop": [3, 5], "soil": [5]}


@pytest.mark.parametrize(("entry", "hint"), [("hopp", "did you mean hop"), ("4", "3 (beer, hop, malt)")])
def test_a_topic_that_is_none_is_refused_with_those_there_are(entry: str, hint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        meant_topics(["beer", entry], [BEER, GARDEN])
    assert repr(entry) in refused.value.problem
    assert hint in refused.value.hint


def test_nobody_left_says_which_filter_took_most() -> None:
    error = nobody_left({"tier": 3, "language": 1_200}, BriefParams(name="autumn", topics=["beer"]))
    assert "3 are of another tier, 1,200 write in other languages" in error.problem
    assert "brief.languages" in error.hint


def test_money_is_said_as_people_say_it() -> None:
    assert [money(1_200.0, "USD"), money(99.5, "CHF"), money(7.25, "EUR")] == ["$1,200", "CHF 99.50", "€7.25"]
