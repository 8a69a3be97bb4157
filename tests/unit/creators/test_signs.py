"""Who is accused of what, and that nobody else is; what was not known changes nothing."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession
from tests.unit.creators.conftest import AS_OF, People, Rows, World, ago, measured


def test_a_clean_creator_has_no_discount(found: People) -> None:
    clean = [row for name, row in found.items() if name.startswith("clean")]
    assert len(clean) == 10
    assert {(row["discount"], row["authenticity"], len(row["discount_reasons"])) for row in clean} == {(0.0, 1.0, 0)}


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        (
            "burst",
            "50% of 80 engagements came within one hour of 2024-01-30, where up to 30% is usual for 10 posts",
        ),
        (
            "ring1",
            "80% of 40 engagements came from 2 accounts that engage back and forth with them and with each other",
        ),
        ("echoed", "12 of 24 replies said the same in the same words as another"),
        ("hollow", "12 engagements on 10 posts for 9,900 followers, where 202 are usual for their size"),
        ("inflated", "130 engagements on 10 posts for 1,000 followers, where 19 are usual for their size"),
    ],
)
def test_what_was_planted_is_the_one_reason(found: People, who: str, reason: str) -> None:
    assert found[who]["discount_reasons"] == [reason]
    assert 0 < found[who]["discount"] <= 0.6
    assert found[who]["authenticity"] == pytest.approx(1 - found[who]["discount"])


def test_the_part_of_a_sign_grows_from_its_threshold(found: People) -> None:
    assert found["burst"]["burst_hour_90d_ratio"] == 0.5
    assert found["burst"]["discount"] == pytest.approx(0.6 * (0.5 - 0.3) / (1 - 0.3), abs=1e-6)
    assert found["ring0"]["ring_90d_ratio"] == 0.8
    assert found["ring0"]["ring_90d_people_count"] == 2
    assert found["ring0"]["discount"] == pytest.approx(0.5 * (0.8 - 0.5) / (1 - 0.5), abs=1e-6)


def test_to_answer_who_comments_is_no_ring(found: People) -> None:
    for one in ("talk0", "talk1", "talk2"):
        assert found[one]["engagements_90d_count"] == 40
        assert (found[one]["ring_90d_people_count"], found[one]["ring_90d_ratio"]) == (0, 0.0)
        assert found[one]["discount_reasons"] == []


def test_with_little_engagement_nobody_is_accused(found: People) -> None:
    assert found["eye"]["burst_day_90d_ratio"] > 0.1
    assert found["eye"]["discount"] == 0.0


def test_what_was_not_known_changes_nothing_in_any_order(rows: Rows, world: World, found: People) -> None:
    later: World = deepcopy(world)
    unseen: list[dict[str, Any]] = [{"days": -1.0}, {"days": 3.0, "ingested_ts": ago(-2)}, {"days": 92.0}]
    for n, more in enumerate(unseen):
        for target in ("clean0", "burst", "ring0"):
            for k in range(50):
                later.act("like", f"fan{k}", target, **more)
        later.reply(f"late{n}", "fan9", "new", "so very nice my friend", tone=0.1, names=["paris"], **more)
    later.snapshots.append({"user_id": "eye", "snapshot_ts": ago(1), "follower_count": 9, "ingested_ts": ago(-1)})
    # comes as a post only after the cut-off: until then the comment stands for itself
    later.act("comment", "fan9", "clean1", days=2.5, ingested_ts=ago(-3))
    later.reply("late-twin", "fan4", "new", "I really love the beer of Ghent", days=9.1, ingested_ts=ago(-3))
    assert measured(rows, later, as_of=[AS_OF, AS_OF + timedelta(days=30)], turned=True) == found


def test_acts_that_are_dated_by_the_day_are_in_no_hour(rows: Rows, spark_session: SparkSession) -> None:
    world = World()
    world.creator("a", followers=100)
    moved = world.posts[0]["event_ts"]
    for n in range(40):
        # at midnight, and at the very instant of the post, where a source puts what it would have before it
        world.act("like", f"fan{n}", "a", days=30)
        world.act("like", f"fan{n}", days=(AS_OF - moved) / timedelta(days=1), target_post_id="a-p0")
    context: Any = spark_session.sparkContext._jsc
    before = set(context.getPersistentRDDs())
    (row,) = measured(rows, world).values()
    assert row["burst_hour_90d_ratio"] == 0.0
    assert row["burst_day_90d_ratio"] == 0.5
    # nothing stays persisted
    assert set(context.getPersistentRDDs()) <= before
