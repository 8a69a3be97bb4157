"""The page about creators: briefs, who rises, whom to doubt; small frames in, words and charts out."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest
from pyspark.sql import DataFrame
from tests.unit.reports.test_render import HOSTILE, _Page

from social_signals.reports.creators import facts_in_words, gather_briefs
from social_signals.reports.people import gather_influence
from social_signals.reports.render import figures_of_creators, render_creators
from social_signals.reports.report import BriefPart, Evidence, InfluencePart, Measure, RunPart, RunReport
from social_signals.tables.gold import INFLUENCE_SCORES
from social_signals.tables.gold_campaigns import SHORTLISTS
from social_signals.tables.gold_creators import CREATOR_QUALITY
from social_signals.tables.silver import USERS

JUNE = datetime(2020, 6, 1, tzinfo=timezone.utc)
Rows = Callable[..., DataFrame]


def shortlisted(user: str, rank: int, **more: Any) -> dict[str, Any]:
    base = {
        "as_of": JUNE, "brief_id": "b1", "brief": "Spring", "user_id": user, "rank": rank, "fit": 0.9, "relevance": 0.8,
        "relevance_by": "topics", "influence": 0.7, "tier": "nano", "post_quality": 0.5, "campaign_results": 0.5,
        "campaigns_count": 0, "audience_count": 40, "price": 100.0, "currency": "EUR", "is_price_known": False,
        "expected_reach": 50.0, "is_selected": False, "reasons": [f"reason of {user}"],
    }  # fmt: skip
    return base | more


def quality(user: str, discount: float) -> dict[str, Any]:
    zeros = {f.name: 0 for f in CREATOR_QUALITY.schema.fields if not f.nullable and f.dataType.typeName() == "long"}
    empty = {f.name: [] for f in CREATOR_QUALITY.schema.fields if f.dataType.typeName() == "array"}
    told = {"discount": discount, "authenticity": 1 - discount, "discount_reasons": ["bursts"] if discount else []}
    return zeros | empty | {"as_of": JUNE, "user_id": user, "tier": "nano", "audience_90d_count": 7} | told


def test_of_a_brief_the_set_comes_first_in_its_order_then_the_best_others(rows: Rows) -> None:
    shortlists = rows(
        SHORTLISTS,
        shortlisted("old", 1, as_of=JUNE - timedelta(days=30)),
        shortlisted("far down", 9, is_selected=True, selected_order=1, marginal_reach=60.0),
        shortlisted("first", 1, is_selected=True, selected_order=2, marginal_reach=30.0, price=50.0),
        shortlisted("second", 2, reasons=[str(n) for n in range(8)]), shortlisted("third", 3),
        shortlisted("elsewhere", 1, brief_id="b2", brief="Autumn"),
    )  # fmt: skip
    parts = gather_briefs(shortlists, rows(USERS), as_of=None, top=2)
    assert [(part.name, part.brief_id) for part in parts] == [("Autumn", "b2"), ("Spring", "b1")]
    spring = parts[1]
    assert spring.creators["person"].tolist() == ["far down", "first", "second"]
    assert spring.creators["reasons"].tolist()[1:] == [["reason of first"], ["0", "1", "2", "3", "4"]]
    assert (spring.cost, spring.reach, spring.currency) == (150.0, 90.0, "EUR")
    assert gather_briefs(shortlists, rows(USERS), as_of=JUNE - timedelta(days=60), top=2) == []


def test_people_are_doubted_by_what_it_takes_from_their_influence(rows: Rows) -> None:
    scores = [
        {"as_of": JUNE, "user_id": u, "model_id": "i", "influence": i, "rank": n, "is_emerging": False, "tier": "nano"}
        for n, (u, i) in enumerate([("a", 0.9), ("b", 0.8), ("c", 0.2), ("unknown", 0.1)], start=1)
    ]
    known = rows(CREATOR_QUALITY, quality("a", 0.0), quality("b", 0.2), quality("c", 0.5))
    part = gather_influence(rows(INFLUENCE_SCORES, *scores), rows(USERS), as_of=None, top=9, quality=known)
    assert (part.assessed_people, part.doubted_people) == (3, 2)
    assert part.doubted["person"].tolist() == ["b", "c"]
    assert part.most["person"].tolist() == ["a", "b", "c", "unknown"]
    assert part.most["audience_90d_count"].tolist()[:3] == [7, 7, 7]
    assert pd.isna(part.most["discount"].iloc[3])


@pytest.mark.parametrize(
    ("person", "words"),
    [
        ({}, []),
        ({"follower_count": float("nan"), "audience_90d_count": 0}, []),
        ({"follower_count": 1, "follower_growth_30d": 0.01}, ["1 follower"]),
        ({"follower_count": 900, "follower_growth_30d": -0.2877}, ["900 followers, down 25% in 30 days"]),
        ({"follower_count": 9, "follower_growth_30d": 1.0987}, ["9 followers, 3 times that of 30 days before"]),
        ({"audience_90d_count": 3, "engagement_growth_30d": 0.1}, ["3 people engaged in 90 days, engagement up 11% in 30 days"]),
        ({"engagement_rate_to_tier_ratio": 0.5}, ["engagement per follower 50% of the usual"]),
        ({"engagement_rate_to_tier_ratio": 1.1}, []),
        (
            {"replies_received_90d_count": 40, "substantive_reply_90d_ratio": 0.6, "reply_sentiment_90d_mean": 0.3},
            ["60% of 40 replies say something, warm"],
        ),
        ({"replies_received_90d_count": 9, "substantive_reply_90d_ratio": 0.6}, []),
        ({"topics_owned": [{"topic": 1, "share": 0.2}, {"topic": 7, "share": 0.3}]}, ["gets 30% of the engagement about topic 7"]),
        ({"topics_owned": [{"topic": 1, "share": 0.2}]}, ["gets 20% of the engagement about hops"]),
    ],
)  # fmt: skip
def test_what_is_known_of_an_audience_in_words(person: dict[str, Any], words: list[str]) -> None:
    assert facts_in_words(person, {1: "hops"}) == words


@pytest.fixture(scope="module")
def full() -> RunReport:
    reasons = [{"feature": "days_since_last_post", "value": 41.0, "contribution": 0.8}]
    person = {
        "person": HOSTILE, "influence": 0.654, "rank": 7, "momentum": 0.123, "tier": "nano", "is_emerging": True,
        "reasons": reasons, "follower_count": 4321, "audience_90d_count": 77, "discount": 0.35,
        "discount_reasons": [f"bursts {HOSTILE}"],
    }  # fmt: skip
    people = pd.DataFrame([person, person | {"person": "u2", "discount": None, "discount_reasons": None}])
    rows = [
        shortlisted("u1", 1, is_selected=True, selected_order=1, marginal_reach=60.4, reasons=[f"hops {HOSTILE}"]),
        shortlisted("u2", 2),
    ]
    shown = pd.DataFrame(rows).rename(columns={"user_id": "person"}).assign(overlap_with_selected=[0.07, None])
    hits = [{"list": "20 of everybody", "by": "the model", "share": 0.75, "low": 0.6, "high": 0.86}]
    stages = pd.DataFrame([{"job": "ingest", "status": "done", "seconds": 3.5, "rows_written": 99.0, "error": None}])
    tiers = pd.DataFrame({"tier": ["nano"], "people": [1234], "emerging": [2]})
    return RunReport(
        title="Beer", as_of=JUNE, run=RunPart("run-1", JUNE, stages),
        influence=InfluencePart(JUNE, "i", 1234, tiers, people, people, people.head(1), 1200, 14),
        influence_evidence=Evidence(model_id="i", measure=Measure("Influence model", 0.8), hits=hits),
        briefs=[BriefPart("b1", f"Spring {HOSTILE}", JUNE, shown), BriefPart("b2", "Nobody", JUNE, shown.tail(1))],
    )  # fmt: skip


def test_the_page_says_what_to_book_for_how_much_and_why(full: RunReport) -> None:
    seen = _Page(render_creators(full))
    for words in (
        "Book 1 creator for EUR 100", "expected to reach 60 different people", "Nobody could be booked within the budget",
        "shares up to 7%", "35% in doubt", "4,321 followers", "41 days since their last post",
        "Of 1,200 people whose engagement was looked at, 14 show signs", "75% 60% to 86%", "by its size",
    ):  # fmt: skip
        assert words in seen.words, words
    assert not [tag for tag, _ in seen.tags if tag == "img"]
    assert len(seen.scripts) == 3
    addresses = [v or "" for _, attrs in seen.tags for k, v in attrs.items() if k in ("src", "href")]
    assert {a for a in addresses if not a.startswith("#")} == {"data:,"}
    anchors = {attrs["id"] for _, attrs in seen.tags if attrs.get("id")}
    assert {a[1:] for a in addresses if a.startswith("#")} <= anchors


def test_every_chart_has_a_place_and_is_valid_plotly(full: RunReport) -> None:
    drawn = figures_of_creators(full)
    assert set(drawn) == set(re.findall(r'id="(chart-[a-z0-9-]+)"', render_creators(full)))
    assert drawn["chart-reach-1"]["data"][1]["y"] == [0.0, 60.4]
    for figure in drawn.values():
        go.Figure(json.loads(re.sub(r"var\(--[a-z-]+\)", "#123456", json.dumps(figure))))


def test_an_empty_page_speaks_and_another_run_changes_one_line(full: RunReport) -> None:
    empty = _Page(render_creators(RunReport("Empty", None, RunPart("r", JUNE)))).words
    for sentence in ("nobody has been scored", "Run train_influence", "Run assess_creators"):
        assert sentence in empty
    later = dataclasses.replace(full, run=RunPart("run-2", JUNE + timedelta(days=1), full.run.stages))
    both = zip(render_creators(full).split("\n"), render_creators(later).split("\n"), strict=True)
    assert [a[:8] for a, b in both if a != b] == ["<footer>"]
