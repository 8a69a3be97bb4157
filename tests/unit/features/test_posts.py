"""What was known of a post when it was published."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame
from tests.unit.features.conftest import INPUTS, JUNE_1

from social_signals.features.posts import POST_FEATURES, post_features


@pytest.fixture
def known(rows: Callable[..., DataFrame]) -> Callable[..., dict[str, dict[str, Any]]]:
    """`known(posts=[...], interactions=[...])`: the features of each post, by post_id."""

    def build(**inputs: Any) -> dict[str, dict[str, Any]]:
        frames = {name: rows(table, *inputs.get(name, ())) for name, table in INPUTS.items()}
        found = post_features(frames.pop("posts"), **frames)
        assert found.columns == ["post_id", "user_id", "event_ts", *[f.name for f in POST_FEATURES]]
        return {row["post_id"]: row.asDict() for row in found.collect()}

    return build


def reading(user, age, followers, **more):
    return {"user_id": user, "snapshot_ts": JUNE_1 - timedelta(days=age), "follower_count": followers} | more


def test_only_what_came_before_a_post_counts_and_a_reading_with_it(known, given):
    posts = [given.post("ann", 40, "first"), given.post("ann", 5, "second"), given.post("bob", 3, "other")]
    acts = [
        given.act("bob", 38, to="ann"),
        given.act("bob", 5, to="ann"),  # the instant of the second post: not before it
        given.act("ann", 39, to="ann"),  # by herself
        given.act(None, 6, kind="view", target_post_id="first"),
    ]
    readings = [reading("ann", 41, 10), reading("ann", 5, 20, following_count=4), reading("ann", 4, 99)]
    found = known(posts=posts, interactions=acts, user_snapshots=readings)
    assert [found[p]["follower_count"] for p in ("first", "second", "other")] == [10, 20, None]
    assert [found[p]["earlier_posts_count"] for p in ("first", "second", "other")] == [0, 1, 0]
    second = found["second"]
    assert (second["earlier_received_count"], second["earlier_received_positive_count"]) == (2, 1)
    assert second["earlier_received_30d_count"] == 1
    assert second["hours_since_earlier_post"] == 35 * 24
    assert second["follower_to_following_ratio"] == 20 / 5
    assert second["received_per_earlier_post"] == 2.0


def test_what_was_seen_late_counts_from_when_it_was_seen(known, given):
    late = {"ingested_ts": JUNE_1 - timedelta(days=1)}
    posts = [given.post("ann", 9, "a", **late), given.post("ann", 5, "b"), given.post("ann", 0.5, "c")]
    acts = [given.act("bob", 8, to="ann", **late)]
    found = known(posts=posts, interactions=acts, user_snapshots=[reading("ann", 8, 7, **late)])
    assert (found["b"]["earlier_posts_count"], found["c"]["earlier_posts_count"]) == (0, 2)
    assert (found["b"]["earlier_received_count"], found["c"]["earlier_received_count"]) == (0, 1)
    assert (found["b"]["follower_count"], found["c"]["follower_count"]) == (None, 7)


def test_an_answer_knows_the_conversation_that_it_joins(known, given):
    posts = [
        given.post("ann", 2, "root"),
        given.post("bob", 1.5, "one", parent_post_id="root"),
        given.post("cat", 1, "two", parent_post_id="root"),
        given.post("dan", 0.5, "deep", parent_post_id="two"),
        given.post("eve", 0.5, "lost", parent_post_id="unknown"),
    ]
    found = known(posts=posts, user_snapshots=[reading("ann", 3, 50)])
    columns = ("is_reply", "parent_answers_count", "parent_is_reply", "parent_follower_count", "parent_age_hours")
    seen = {name: tuple(row[c] for c in columns) for name, row in found.items()}
    assert seen == {
        "root": (0, None, None, None, None), "one": (1, 0, 0, 50, 12.0), "two": (1, 1, 0, 50, 24.0),
        "deep": (1, 0, 1, None, 12.0), "lost": (1, 0, None, None, None),
    }  # fmt: skip


def test_the_words_of_a_post_are_counted(known, given):
    text = "LOOK @ann at https://x.io/?a=1#b! 2 new #pilsner posts? mail@x.io"
    posts = [given.post("ann", 1, "p", text=text), given.post("ann", 1, "empty")]
    found = known(posts=posts, sentiment=[given.tone("p", 0.25, 0.5)], entities=[given.entity("p", 0)])["p"]
    counts = ("urls_count", "mentions_count", "hashtags_count", "questions_count", "exclamations_count")
    assert tuple(found[name] for name in counts) == (1, 1, 1, 1, 0)
    assert found["words_count"] == 10
    assert found["text_length_chars"] == len(text)
    assert found["capitals_ratio"] == pytest.approx(4 / 31)
    assert (found["sentiment"], found["entities_count"]) == (0.25, 1)


def test_later_rows_and_their_order_change_no_feature(known, given):
    posts = [given.post("ann", 30 - i, f"p{i}", parent_post_id=f"p{i - 2}" if i % 3 == 2 else None) for i in range(12)]
    acts = [given.act("bob", 30.5 - i, to="ann", kind="like" if i % 2 else "share") for i in range(12)]
    until = [r for r in (*posts, *acts) if r["event_ts"] <= JUNE_1 - timedelta(days=24)]
    few = known(posts=[r for r in until if r in posts], interactions=[r for r in until if r in acts])
    everything = known(posts=posts[::-1], interactions=acts[::-1])
    assert len(few) == 7
    assert {name: everything[name] for name in few} == few
