"""Rows of silver to the place of each person: what counts as an edge, what was known, and how far posts were carried."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from social_signals.core.errors import ConfigError
from social_signals.network import NetworkParams, network_of
from social_signals.tables.gold_network import NETWORK_COLUMNS
from social_signals.tables.gold_texts import CREATOR_TOPICS
from social_signals.tables.silver import INTERACTIONS, POSTS

AS_OF = datetime(2024, 3, 1, tzinfo=timezone.utc)
Rows = Callable[..., DataFrame]
People = dict[str, dict[str, Any]]


def ago(days: float) -> datetime:
    return AS_OF - timedelta(days=days)


def act(
    number: int,
    kind: str,
    actor: str | None,
    target: str | None = None,
    *,
    post: str | None = None,
    days: float = 1.0,
    **more: Any,
) -> dict[str, Any]:
    return {
        "interaction_id": f"i{number}", "kind": kind, "actor_id": actor, "target_user_id": target, "target_post_id": post,
        "event_ts": ago(days), **more,
    }  # fmt: skip


def post(name: str, author: str | None, *, parent: str | None = None, days: float = 1.0) -> dict[str, Any]:
    return {"post_id": name, "author_id": author, "parent_post_id": parent, "event_ts": ago(days), "text": "words"}


# b, c and d share what a wrote or a themself; a answers b once.
ACTS = [
    act(1, "share", "b", "a"), act(2, "share", "b", "a", days=2), act(3, "share", "c", post="p1"), act(4, "like", "d", "a"),
    act(5, "mention", "c", "b"),
]  # fmt: skip
WRITTEN = [post("p1", "a", days=9), post("p2", "b", days=8), post("p3", "a", parent="p2", days=7)]


def people_of(rows: Rows, acts: list[dict[str, Any]], posts: list[dict[str, Any]], **settings: Any) -> People:
    with network_of(
        as_of=AS_OF, interactions=rows(INTERACTIONS, *acts), posts=rows(POSTS, *posts), topics=None,
        params=NetworkParams(**settings), seed=7,
    ) as (people, _):  # fmt: skip
        assert people.columns == ["user_id", *[one.name for one in NETWORK_COLUMNS]]
        return {row["user_id"]: row.asDict() for row in people.collect()}


@pytest.fixture(scope="module")
def expected(rows: Rows) -> People:
    """Of ACTS and WRITTEN, by the default settings."""
    return people_of(rows, ACTS, WRITTEN)


def test_degrees_count_people_by_kind_and_weights_count_acts(rows: Rows) -> None:
    found = people_of(rows, ACTS, WRITTEN, weights={"share": 2.0, "like": 1.0, "mention": 1.0, "reply": 3.0})
    assert {name: found["a"][name] for name in ("degree", "in_degree", "out_degree", "in_weight", "out_weight")} == {
        "degree": 3, "in_degree": 3, "out_degree": 1, "in_weight": 7.0, "out_weight": 3.0
    }  # fmt: skip
    assert (found["a"]["share_in_degree"], found["a"]["like_in_degree"], found["a"]["reply_out_degree"]) == (2, 1, 1)
    # of 10 between a and others, b gave 4 and took 3 back
    assert found["a"]["reciprocity"] == pytest.approx(2 * 3 / 10)
    assert found["d"]["reciprocity"] == 0


def test_what_was_not_known_is_not_there(rows: Rows, expected: People) -> None:
    later = [
        act(10, "share", "e", "a", days=-1), act(11, "share", "e", "a", days=3, ingested_ts=ago(-2)),
        act(12, "share", "e", "a", days=91), act(13, "share", None, "a"), act(14, "share", "a", "a"), act(15, "view", "e", "a"),
        act(16, "share", "e", post="p9"),
    ]  # fmt: skip
    late_post = [post("p9", "a", days=-1), post("p10", "e", parent="p1", days=-1)]
    assert people_of(rows, [*ACTS, *later], [*WRITTEN, *late_post]) == expected


def test_rows_in_any_order_and_partitioning_give_the_same(rows: Rows, expected: People) -> None:
    with network_of(
        as_of=AS_OF, interactions=rows(INTERACTIONS, *reversed(ACTS)).repartition(7), posts=rows(POSTS, *WRITTEN).repartition(5),
        topics=None, params=NetworkParams(), seed=7,
    ) as (people, _):  # fmt: skip
        assert {row["user_id"]: row.asDict() for row in people.collect()} == expected


def test_cascades_follow_answers_to_answers_and_shares(rows: Rows) -> None:
    chain = [post("root", "a", days=20)] + [
        post(f"r{n}", "b" if n % 2 else "c", parent=f"r{n - 1}" if n else "root", days=19 - n) for n in range(6)
    ]
    away = [post("old", "d", days=400), post("x1", "e", parent="old", days=5), post("x2", "a", parent="x1", days=4)]
    shares = [act(1, "share", "d", post="r5"), act(2, "share", "e", post="root")]
    found = people_of(rows, shares, [*chain, *away])
    assert (found["a"]["cascade_size_mean"], found["a"]["cascade_size_max"], found["a"]["cascade_depth_max"]) == (
        8.0,
        8,
        7,
    )
    # what answers a post of before the window begins no cascade
    assert found["e"]["cascade_size_max"] is None


def test_pagerank_from_a_topic_favours_who_is_near_it(rows: Rows) -> None:
    acts = [act(1, "like", "x", "near"), act(2, "like", "y", "far"), act(3, "like", "z", "far")]
    wrote = {"as_of": AS_OF, "share": 1.0, "posts_count": 3, "model_id": "t"}
    topics = rows(CREATOR_TOPICS, {"user_id": "x", "topic": 4, **wrote}, {"user_id": "nobody", "topic": 5, **wrote})
    with network_of(
        as_of=AS_OF, interactions=rows(INTERACTIONS, *acts), posts=rows(POSTS), topics=topics,
        params=NetworkParams(people_per_topic=2), seed=7,
    ) as (people, of_topics):  # fmt: skip
        assert of_topics is not None
        ranks = {(row["topic"], row["user_id"]): row["pagerank"] for row in of_topics.collect()}
        overall = {row["user_id"]: row["pagerank"] for row in people.collect()}
    assert set(ranks) == {(4, "x"), (4, "near")}
    assert ranks[(4, "near")] > overall["near"]


def test_nothing_stays_persisted(rows: Rows, spark_session: SparkSession) -> None:
    context: Any = spark_session.sparkContext._jsc
    spark_session.catalog.clearCache()
    before = set(context.getPersistentRDDs())
    people_of(rows, ACTS, WRITTEN)
    assert set(context.getPersistentRDDs()) <= before


def test_nobody_deals_with_anybody(rows: Rows) -> None:
    assert people_of(rows, [], []) == {}


def test_a_kind_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="'shar'") as refused:
        NetworkParams(weights={"shar": 1.0})
    assert "share" in str(refused.value.hint)
