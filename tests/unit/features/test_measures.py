"""Small worlds checked by hand: one person a behaviour."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame

from social_signals.features.facts import person_facts
from social_signals.features.traces import traces
from social_signals.features.user_features import habits, totals
from social_signals.tables.gold_texts import POST_ENTITIES, POST_SENTIMENT
from social_signals.tables.silver import INTERACTIONS, POSTS, USER_SNAPSHOTS, USERS

Records = Sequence[dict[str, object]]
People = dict[str, dict[str, Any]]


class Measure:
    """One half of the features at the cut-off, collected by person: a half alone is a fraction of the whole plan."""

    def __init__(
        self, rows: Callable[..., DataFrame], by_person: Callable[[DataFrame], People], as_of: datetime
    ) -> None:
        self.rows, self.by_person, self.as_of = rows, by_person, [as_of]

    def habits(self, acts: Records, posts: Records = ()) -> People:
        marks = traces(self.rows(INTERACTIONS, *acts), self.rows(POSTS, *posts))
        return self.by_person(habits(marks, as_of=self.as_of))

    def totals(self, acts: Records = (), posts: Records = (), **more: Records) -> People:
        tables = {
            "users": USERS,
            "user_snapshots": USER_SNAPSHOTS,
            "sentiment": POST_SENTIMENT,
            "entities": POST_ENTITIES,
        }
        frames = {name: self.rows(table, *more.get(name, ())) for name, table in tables.items()}
        facts = person_facts(interactions=self.rows(INTERACTIONS, *acts), posts=self.rows(POSTS, *posts), **frames)
        return self.by_person(totals(facts, as_of=self.as_of, population_days=90))


@pytest.fixture
def measure(rows: Callable[..., DataFrame], by_person: Callable[[DataFrame], People], june_1: datetime) -> Measure:
    return Measure(rows, by_person, june_1)


def test_rhythm(measure: Measure, given) -> None:
    """regular: every 10 days; bursty: gaps of 1, 1, 40 days; once: a single act; hours: four acts in two bins."""
    acts = [given.act("regular", 1.5 + 10 * i) for i in range(4)]
    acts += [given.act("bursty", age) for age in (2.5, 3.5, 4.5, 44.5)]
    acts += [given.act("once", 0.5)]
    # 2020-05-31 is a Sunday; its hours 0, 1 and 12 are in two of the six bins. 2020-05-29 is a Friday.
    acts += [given.act("hours", 1), given.act("hours", 1 - 1 / 24), given.act("hours", 0.5), given.act("hours", 2.5)]
    found = measure.habits(acts)

    regular = found["regular"]
    assert regular["active_gap_mean_days"] == 10.0
    assert regular["active_gap_std_days"] == 0.0
    assert regular["active_gap_burstiness"] == -1.0
    assert regular["silence_to_mean_gap_ratio"] == pytest.approx(0.15)
    assert regular["days_since_active_day_3"] == 21.5
    assert regular["days_since_active_day_5"] is None
    assert regular["active_weeks_90d_count"] == 4
    assert regular["days_since_first_activity"] == 31.5

    bursty = found["bursty"]
    assert (bursty["active_gap_last_days"], bursty["active_gap_max_days"]) == (1.0, 40.0)
    assert bursty["active_gap_mean_days"] == 14.0
    assert bursty["active_gap_std_days"] == pytest.approx(math.sqrt((13**2 + 13**2 + 26**2) / 3))
    assert bursty["activity_30d_log_change"] == pytest.approx(math.log(4 / 2))

    once = found["once"]
    assert (once["active_gap_mean_days"], once["active_gap_std_days"], once["active_gap_burstiness"]) == (None,) * 3
    assert once["activity_hour_entropy"] == 0.0
    assert once["recency_to_tenure_ratio"] == 1.0

    hours = found["hours"]
    assert hours["active_days_count"] == 2
    assert hours["activity_night_ratio"] == 0.5
    assert hours["activity_weekend_ratio"] == 0.75
    assert hours["activity_hour_entropy"] == pytest.approx(math.log(2) / math.log(6))


def test_slope_is_positive_for_growth_and_its_unit_is_the_mean_per_step(measure: Measure, given) -> None:
    """rising: 1, 2, 3, 4, 5, 6 acts in steps of 15 days: slope 1 over a mean of 3.5."""
    acts = [given.act("rising", 90 - 15 * step - 1 - n) for step in range(6) for n in range(step + 1)]
    acts += [given.act("falling", 15 * step + 1 + n) for step in range(6) for n in range(step + 1)]
    found = measure.habits(acts)
    assert found["rising"]["activity_90d_slope"] == pytest.approx(1 / 3.5)
    assert found["falling"]["activity_90d_slope"] == pytest.approx(-1 / 3.5)


def test_ties(measure: Measure, given) -> None:
    """ann acts towards bob (who acts back), cat (who acted back long ago) and dan (who never did)."""
    acts = [given.act("ann", age, to="bob") for age in (3, 4)]
    acts += [given.act("ann", 5, to="cat"), given.act("ann", 6, to="dan"), given.act("ann", 5, to="ann")]
    acts += [given.act("bob", 2, to="ann"), given.act("cat", 200, to="ann"), given.act(None, 1, to="ann")]
    found = measure.habits(acts)
    ann = found["ann"]
    assert (ann["partners_count"], ann["partners_90d_count"], ann["partners_new_30d_count"]) == (3, 3, 2)
    assert (ann["partners_given_90d_count"], ann["partners_received_90d_count"]) == (3, 1)
    assert ann["reciprocity_90d_ratio"] == pytest.approx(1 / 3)
    assert ann["reciprocity_ratio"] == pytest.approx(2 / 3)
    assert ann["top_partner_90d_ratio"] == pytest.approx(3 / 5)
    assert found["dan"]["reciprocity_ratio"] is None


def test_engagement_by_kind_sign_and_money(measure: Measure, given) -> None:
    acts = [given.act(None, 1, kind=kind, to="ann") for kind in ("like", "like", "dislike", "answer_accepted")]
    acts += [given.act("ann", 40, kind="purchase", value=10.1), given.act("ann", 100, kind="purchase", value=5.0)]
    acts += [given.act("ann", 3, kind="refund", value=0.2), given.act("ann", 2, kind="unfollow", to="bob")]
    posts = [given.post("ann", 1), given.post("ann", 100)]
    ann = measure.totals(acts, posts)["ann"]
    assert ann["received_positive_90d_ratio"] == 0.75
    assert (ann["received_like_90d_count"], ann["received_answer_accepted_count"]) == (2, 1)
    assert (ann["likes_per_post"], ann["dislikes_per_post"], ann["accepted_per_post"]) == (1.0, 0.5, 0.5)
    assert (ann["purchases_90d_count"], ann["purchases_count"]) == (1, 2)
    assert (ann["purchases_90d_value"], ann["purchases_value"]) == (9.9, 14.9)
    assert ann["given_leave_90d_count"] == 1
    assert ann["days_since_last_purchase"] == 40.0


def test_words_and_what_comes_back(measure: Measure, given) -> None:
    """ann writes two posts; bob answers the newer within 6 hours, unkindly; ann's own answer to herself is no reply."""
    posts = [
        given.post("ann", 50, "old", text="12345"),
        given.post("ann", 10, "new", text="123456789"),
        given.post("bob", 9.75, "answer", parent_post_id="new"),
        given.post("ann", 9, "own", parent_post_id="new", text="1"),
        given.post("cat", 5, "orphan", parent_post_id="unknown"),
    ]
    sentiment = [given.tone("old", 0.1, 0.6), given.tone("new", 0.2, 0.1), given.tone("answer", 0.9, 0.05)]
    entities = [given.entity("old", 0), given.entity("old", 2), given.entity("new", 0)]
    found = measure.totals(posts=posts, sentiment=sentiment, entities=entities)
    ann = found["ann"]
    assert (ann["posts_started_90d_count"], ann["posts_reply_90d_count"]) == (2, 1)
    assert ann["text_length_90d_mean_chars"] == 5.0
    assert ann["sentiment_written_mean"] == pytest.approx(0.2)
    assert ann["sentiment_written_30d_mean"] == pytest.approx(-0.1)
    assert ann["sentiment_written_change"] == pytest.approx(-0.3)
    assert (ann["entities_90d_count"], ann["entities_per_post"]) == (3, 1.0)
    assert ann["sentiment_received_90d_mean"] == pytest.approx(-0.85)
    assert ann["replies_negative_90d_ratio"] == 1.0
    assert ann["reply_delay_90d_mean_hours"] == pytest.approx(6.0)
    assert (ann["is_first_post_answered"], ann["first_post_reply_delay_hours"]) == (0, None)
    assert found["bob"]["sentiment_received_mean"] is None
    assert found["cat"]["posts_reply_ratio"] == 1.0


def test_the_answer_to_the_first_post(measure: Measure, given) -> None:
    """ann's first post got two answers, the sooner after 2 hours; her second got a quicker one. bob answered her only."""
    posts = [given.post("ann", 50, "first"), given.post("ann", 10, "second")]
    posts += [given.post("bob", 50 - hours / 24, parent_post_id="first") for hours in (5, 2)]
    posts += [given.post("bob", 10 - 1 / 24, parent_post_id="second")]
    found = measure.totals(posts=posts)
    ann, bob = found["ann"], found["bob"]
    assert (ann["is_first_post_answered"], ann["reply_delay_min_hours"]) == (1, pytest.approx(1.0))
    assert ann["first_post_reply_delay_hours"] == pytest.approx(2.0)
    assert (bob["is_first_post_answered"], bob["first_post_reply_delay_hours"]) == (0, None)


def test_breadth_counts_different_things(measure: Measure, given) -> None:
    """An item and a post of the same id are two things; the same post answered and liked is one."""
    acts = [given.act("ann", 3, item_id="x"), given.act("ann", 4, item_id="x"), given.act("ann", 95, item_id="old")]
    acts += [
        given.act("ann", 40, target_post_id="x"),
        given.act("ann", 5, target_post_id="p1"),
        given.act(None, 1, item_id="y"),
    ]
    posts = [given.post("ann", 6, parent_post_id="p1"), given.post("ann", 7, item_id="z")]
    found = measure.habits(acts, posts)
    counts = ("items_90d_count", "posts_touched_90d_count", "posts_touched_30d_count")
    assert {name: [person[c] for c in counts] for name, person in found.items()} == {"ann": [2, 2, 1]}


def test_a_reply_counts_only_once_both_posts_are_known(measure: Measure, given, june_1) -> None:
    posts = [
        given.post("ann", 10, "late", ingested_ts=june_1),
        given.post("bob", 9, parent_post_id="late"),
        given.post("ann", 20, "known"),
    ]
    acts = [given.act("cat", 8, target_post_id="late"), given.act("dan", 8, target_post_id="known")]
    found = measure.totals(acts, posts)
    ann = found["ann"]
    assert (ann["posts_count"], ann["replies_received_count"], ann["received_count"]) == (1, 0, 1)
    assert found["cat"]["given_count"] == 1
    circles = measure.habits(acts, posts)
    assert {name for name, person in circles.items() if person["partners_count"]} == {"ann", "dan"}


def test_audience_takes_the_newest_reading_before_the_cutoff(measure: Measure, given, june_1: datetime) -> None:
    def reading(user: str, age: float, followers: int) -> dict[str, object]:
        return {
            "user_id": user,
            "snapshot_ts": june_1 - timedelta(days=age),
            "follower_count": followers,
            "following_count": 4,
        }

    snapshots = [reading("ann", 0, 999), reading("ann", 1, 99), reading("ann", 30, 50), reading("ann", 40, 9)]
    snapshots += [reading("bob", 2, 7)]
    users = [
        {"user_id": "ann", "created_ts": june_1 - timedelta(days=400)},
        {"user_id": "bob", "created_ts": june_1},
        {"user_id": "cat"},
    ]
    posts = [given.post(name, 1) for name in ("ann", "bob", "cat")]
    found = measure.totals(posts=posts, user_snapshots=snapshots, users=users)
    assert (found["ann"]["follower_count"], found["ann"]["follower_to_following_ratio"]) == (99, 99 / 5)
    assert found["ann"]["follower_30d_log_change"] == pytest.approx(math.log(100 / 10))
    assert found["bob"]["follower_30d_log_change"] is None
    ages = {name: person["days_since_created"] for name, person in found.items()}
    assert ages == {"ann": 400.0, "bob": None, "cat": None}
