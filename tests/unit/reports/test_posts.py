"""Sentiment over time has no holes and no outlier; names need several authors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pandas as pd
from pyspark.sql import DataFrame

from social_signals.reports.posts import gather_entities, gather_sentiment
from social_signals.tables.gold_texts import POST_ENTITIES, POST_SENTIMENT
from social_signals.tables.silver import POSTS

Rows = Callable[..., DataFrame]
MONDAY = datetime(2020, 6, 1, tzinfo=timezone.utc)


def _post(post: str, when: datetime, author: str | None = "a") -> dict:
    return {"post_id": post, "author_id": author, "event_ts": when}


def _sounds(post: str, label: str) -> dict:
    values = {"p_negative": 0.0, "p_neutral": 0.0, "p_positive": 0.0}
    return {"post_id": post, "label": label, "model_id": "s", **values}


def _names(post: str, text: str, begin: int = 0, kind: str = "product") -> dict:
    return {
        "post_id": post, "begin": begin, "end": begin + len(text), "text": text, "entity_type": kind,
        "normalized": text.lower(), "model_id": "e",
    }  # fmt: skip


def test_a_short_history_is_told_by_week_with_zeros_where_nothing_was_said(rows: Rows) -> None:
    posts = rows(
        POSTS,
        _post("p1", MONDAY),
        _post("p2", MONDAY + timedelta(days=6, hours=23)),
        _post("p3", MONDAY + timedelta(days=14)),
        _post("unread", MONDAY),
        _post("later", MONDAY + timedelta(days=21)),
    )
    labels = rows(POST_SENTIMENT, *[_sounds(p, "negative") for p in ("p1", "p2", "later")], _sounds("p3", "positive"))
    part = gather_sentiment(posts, labels, as_of=MONDAY + timedelta(days=21))
    expected = {
        "period": ["2020-06-01", "2020-06-08", "2020-06-15"],
        "negative": [2, 0, 0], "neutral": [0, 0, 0], "positive": [0, 0, 1],
    }  # fmt: skip
    pd.testing.assert_frame_equal(part.over_time, pd.DataFrame(expected))
    assert (part.period, part.posts, part.model_id) == ("week", 3, "s")


def test_one_ancient_date_among_thousands_does_not_flatten_the_chart(rows: Rows) -> None:
    ancient = datetime(1970, 1, 1, tzinfo=timezone.utc)
    dates = [ancient, *(MONDAY + timedelta(days=n % 60) for n in range(1500))]
    posts = rows(POSTS, *[_post(f"p{n}", when) for n, when in enumerate(dates)])
    labels = rows(POST_SENTIMENT, *[_sounds(f"p{n}", "neutral") for n in range(len(dates))])
    part = gather_sentiment(posts, labels, as_of=None)
    assert part.over_time["period"].iloc[0] == "2020-06-01"
    assert part.posts == 1500


def test_thirty_years_are_told_by_quarter(rows: Rows) -> None:
    posts = rows(POSTS, _post("old", datetime(1995, 5, 5, tzinfo=timezone.utc)), _post("new", MONDAY))
    labels = rows(POST_SENTIMENT, _sounds("old", "neutral"), _sounds("new", "neutral"))
    part = gather_sentiment(posts, labels, as_of=None)
    assert part.period == "quarter"
    assert part.over_time["period"].iloc[[0, -1]].tolist() == ["1995-04-01", "2020-04-01"]


def test_a_name_counts_posts_not_mentions_and_needs_several_authors(rows: Rows) -> None:
    posts = rows(
        POSTS,
        _post("p1", MONDAY, "ada"), _post("p2", MONDAY, "bob"), _post("p3", MONDAY, "ada"), _post("p4", MONDAY, None),
        _post("p5", MONDAY + timedelta(days=1), "eve"),
    )  # fmt: skip
    entities = rows(
        POST_ENTITIES,
        _names("p1", "Guinness"), _names("p1", "Guinness", 20), _names("p2", "guinness"), _names("p3", "Guinness"),
        _names("p1", "Bob", 40, "person"), _names("p3", "Bob", 40, "person"),
        _names("p2", "Prague", 40, "location"), _names("p4", "Prague", 0, "location"), _names("p5", "Prague", 0, "location"),
    )  # fmt: skip
    labels = rows(POST_SENTIMENT, _sounds("p1", "positive"), _sounds("p2", "negative"))
    part = gather_entities(posts, entities, labels, as_of=MONDAY + timedelta(days=1), top=5, min_authors=2)
    expected = {
        "name": ["Guinness", "Prague"], "entity_type": ["product", "location"], "posts": [3, 2], "authors": [2, 2],
        "negative": [1, 1], "neutral": [0, 0], "positive": [1, 0],
    }  # fmt: skip
    pd.testing.assert_frame_equal(part.named, pd.DataFrame(expected))
