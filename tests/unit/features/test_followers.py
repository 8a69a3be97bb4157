"""What is known of a tie: by eye on a few acts, and as a law on a random world."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.features.declared_followers import FOLLOWER_FEATURE_NAMES, FOLLOWER_FEATURES, TIE
from social_signals.features.followers import tie_activity, tie_acts, tie_features, with_enough_followers, with_people
from social_signals.tables.silver import INTERACTIONS, KINDS, POSTS

Ties = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture
def ties(rows: Callable[..., DataFrame], june_1: datetime) -> Callable[..., Ties]:
    """`ties(interactions, posts)`: the features of each tie by (user, creator)."""

    def build(
        interactions: list[dict[str, object]],
        posts: list[dict[str, object]] = [],  # noqa: B006  never changed
        *,
        kinds: tuple[str, ...] = (),
        with_following: bool = False,
    ) -> Ties:
        acts = tie_acts(rows(POSTS, *posts), rows(INTERACTIONS, *interactions), kinds=kinds)
        found = tie_features(acts, as_of=[june_1], lookback_days=90, with_following=with_following).collect()
        assert len({(row["user_id"], row["creator_id"]) for row in found}) == len(found)
        return {(row["user_id"], row["creator_id"]): row.asDict() for row in found}

    return build


def test_a_tie_by_eye(ties: Callable[..., Ties], given) -> None:
    posts = [given.post("star", 50, "p"), given.post("fan", 9.5, "r", parent_post_id="p")]
    found = ties(
        [
            given.act("fan", 100.5, kind="view", to="star"),
            given.act("fan", 40.5, kind="like", target_post_id="p"),
            given.act("fan", 40.2, kind="share", target_post_id="p"),
            # the same comment as a post and as an interaction
            given.act("fan", 9.5, kind="comment", to="star"),
            given.act("fan", 5, kind="like", to="other"),
            given.act("star", 8, kind="mention", to="fan"),
            given.act("fan", 3, kind="like", to="fan"),
        ],
        posts,
    )
    assert set(found) == {("fan", "star"), ("fan", "other"), ("star", "fan")}
    tie = found["fan", "star"]
    shown = {name: tie[name] for name in TIE if name.endswith("_count") and tie[name]}
    assert shown == {
        "tie_30d_count": 1, "tie_90d_count": 3, "tie_count": 4, "tie_talk_30d_count": 1, "tie_talk_90d_count": 1,
        "tie_support_90d_count": 2, "tie_active_days_30d_count": 1, "tie_active_days_90d_count": 2,
        "tie_active_days_count": 3, "tie_back_30d_count": 1, "tie_back_90d_count": 1, "tie_back_count": 1,
        "tie_back_talk_90d_count": 1,
    }  # fmt: skip
    assert (tie["days_since_tie"], tie["days_since_tie_talk"]) == (9.5, 9.5)
    assert (tie["days_since_tie_active_day_2"], tie["days_since_tie_active_day_3"]) == (40.2, 100.5)
    assert (tie["days_since_tie_support"], tie["days_since_tie_back"], tie["days_since_first_tie"]) == (40.2, 8, 100.5)
    assert (tie["tie_gap_mean_days"], tie["tie_gap_max_days"], tie["tie_gap_last_days"]) == (45.5, 60, 31)
    assert tie["tie_silence_to_mean_gap_ratio"] == 9.5 / 45.5
    assert (tie["tie_30d_share_ratio"], tie["tie_90d_share_ratio"], tie["tie_share_ratio"]) == (1 / 2, 3 / 4, 4 / 5)
    assert tie["tie_30d_log_change"] == pytest.approx(math.log(2 / 3))
    assert tie["is_following"] == 0


def test_who_left_is_asked_about_by_silence_and_not_by_event(ties: Callable[..., Ties], given) -> None:
    acts = [
        given.act("follows", 300, kind="follow", to="star"),
        given.act("left", 20, kind="follow", to="star"),
        given.act("left", 10, kind="unfollow", to="star"),
        given.act("back", 20, kind="unfollow", to="star"),
        given.act("back", 10, kind="subscribe", to="star"),
        given.act("long_gone", 91, to="star"),
        given.act("only_leaves", 5, kind="unfollow", to="star"),
    ]
    assert {user for user, _ in ties(acts)} == {"left", "back"}
    by_event = ties(acts, with_following=True)
    assert {user: tie["is_following"] for (user, _), tie in by_event.items()} == {"follows": 1, "back": 1}
    assert by_event["back", "star"]["tie_left_count"] == 1


def test_only_the_kinds_that_count_keep_a_tie_though_all_are_measured(ties: Callable[..., Ties], given) -> None:
    acts = [
        given.act("reader", 5, kind="view", to="star"),
        given.act("fan", 5, kind="view", to="star"),
        given.act("fan", 9, kind="like", to="star"),
    ]
    found = ties(acts, kinds=("like",))
    assert set(found) == {("fan", "star")}
    assert found["fan", "star"]["tie_90d_count"] == 2


def test_a_tie_is_known_once_the_post_it_is_done_to_is(ties: Callable[..., Ties], given, june_1: datetime) -> None:
    acts = [given.act("fan", 5, target_post_id="late"), given.act("fan", 5, target_post_id="known")]
    posts = [
        given.post("hidden", 6, "late", ingested_ts=june_1),
        given.post("star", 6, "known", ingested_ts=june_1 - timedelta(seconds=1)),
    ]
    assert set(ties(acts, posts)) == {("fan", "star")}


def test_creators_with_few_followers_are_left_out(spark_session) -> None:
    frame = spark_session.createDataFrame(
        [("a", "u", "star"), ("a", "v", "star"), ("a", "u", "small"), ("b", "u", "star")],
        "as_of string, user_id string, creator_id string",
    )
    kept = with_enough_followers(frame, least=2).collect()
    assert {tuple(row) for row in kept} == {("a", "u", "star"), ("a", "v", "star")}


def test_what_is_known_of_both_people_joins_the_tie(
    features: Callable[..., DataFrame], rows: Callable[..., DataFrame], given, june_1: datetime
) -> None:
    acts = [given.act("fan", 5, to="star"), given.act("star", 7, to="fan"), given.act("fan", 50, to="gone")]
    people = features(interactions=acts).where("user_id <> 'gone'")
    tie = tie_features(
        tie_acts(rows(POSTS), rows(INTERACTIONS, *acts)), as_of=[june_1], lookback_days=90, with_following=False
    )
    known = with_people(tie, people)
    assert known.columns == ["as_of", "user_id", "creator_id", *FOLLOWER_FEATURE_NAMES]
    found = {(row["user_id"], row["creator_id"]): row for row in known.collect()}
    assert found["fan", "star"]["person_activity_90d_count"] == 2
    assert found["fan", "star"]["creator_days_since_last_activity"] == 7
    assert found["fan", "gone"]["creator_days_since_last_activity"] is None


def test_names_are_unique_and_every_measure_has_a_meaning() -> None:
    assert len(set(FOLLOWER_FEATURE_NAMES)) == len(FOLLOWER_FEATURES)
    assert all(feature.meaning for feature in FOLLOWER_FEATURES)


def test_later_rows_and_the_order_of_rows_change_nothing(
    rows: Callable[..., DataFrame], given, june_1: datetime
) -> None:
    draw = random.Random(5)
    people = [f"u{n}" for n in range(8)]

    def late(row: dict[str, Any]) -> dict[str, Any]:
        return row | {"ingested_ts": row["event_ts"] + timedelta(days=draw.choice([0, 0, 0, 60 * draw.random()]))}

    posts = [late(given.post(draw.choice([*people, None]), 200 * draw.random(), f"p{n}")) for n in range(40)]
    for post in posts[10:]:
        post["parent_post_id"] = draw.choice([None, f"p{draw.randrange(40)}"])
    acts = [
        late(
            given.act(
                draw.choice([*people, None]), 10 * draw.randrange(20) + draw.choice([0, draw.random()]),
                kind=draw.choice(KINDS), to=draw.choice([None, *people]),
                target_post_id=draw.choice([None, f"p{draw.randrange(40)}"]),
            )
        )
        for _ in range(400)
    ]  # fmt: skip
    early = june_1 - timedelta(days=40, hours=5)

    def exact(as_of: list[datetime], acts: list[dict[str, Any]], posts: list[dict[str, Any]]) -> list[str]:
        made = tie_acts(rows(POSTS, *posts), rows(INTERACTIONS, *acts))
        found = tie_features(made, as_of=as_of, lookback_days=60, with_following=True)
        return sorted(repr(row) for row in found.where(F.col("as_of") == F.lit(early)).collect())

    known = [[r for r in table if max(r["event_ts"], r["ingested_ts"]) < early] for table in (acts, posts)]
    for table in known:
        draw.shuffle(table)
    together = exact([early, june_1], acts, posts)
    assert len(together) > 20
    assert exact([early], *known) == together


def test_activity_of_a_tie_leaves_out_leaving_and_what_does_not_count(rows: Callable[..., DataFrame], given) -> None:
    acts = [
        given.act("fan", 5, kind="like", to="star"),
        given.act("fan", 4, kind="view", to="star"),
        given.act("fan", 3, kind="unfollow", to="star"),
        given.act("star", 2, kind="like", to="fan"),
    ]
    made = tie_activity(tie_acts(rows(POSTS), rows(INTERACTIONS, *acts), kinds=["like"]))
    assert sorted((row["user_id"], row["creator_id"]) for row in made.collect()) == [("fan", "star"), ("star", "fan")]
