"""A small world with creators whose engagement is planted, measured once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from pyspark.sql import DataFrame

from social_signals.creators import CreatorParams, creators_of
from social_signals.tables.gold_texts import POST_ENTITIES, POST_SENTIMENT, POST_TOPICS
from social_signals.tables.silver import INTERACTIONS, POSTS, USER_SNAPSHOTS

AS_OF = datetime(2024, 3, 1, tzinfo=timezone.utc)
Rows = Callable[..., DataFrame]
People = dict[str, dict[str, Any]]
PARAMS = CreatorParams(least_people=8)


def ago(days: float) -> datetime:
    return AS_OF - timedelta(days=days)


@dataclass
class World:
    """Rows of silver and gold, added in words."""

    interactions: list[dict[str, Any]] = field(default_factory=list)
    posts: list[dict[str, Any]] = field(default_factory=list)
    snapshots: list[dict[str, Any]] = field(default_factory=list)
    sentiment: list[dict[str, Any]] = field(default_factory=list)
    entities: list[dict[str, Any]] = field(default_factory=list)
    topics: list[dict[str, Any]] = field(default_factory=list)

    def act(self, kind: str, actor: str | None, target: str | None = None, *, days: float, **more: Any) -> None:
        number = len(self.interactions)
        self.interactions.append(
            {
                "interaction_id": f"i{number}", "kind": kind, "actor_id": actor, "target_user_id": target,
                "event_ts": ago(days), **more,
            }
        )  # fmt: skip

    def post(self, name: str, author: str | None, *, days: float, topic: int | None = None, **more: Any) -> None:
        row = {"post_id": name, "author_id": author, "event_ts": ago(days), "text": "words", **more}
        self.posts.append(row)
        if topic is not None:
            self.topics.append({"post_id": name, "topic": topic, "weights": [], "model_id": "t"})

    def reply(self, name: str, author: str | None, parent: str, text: str | None, *, days: float, **more: Any) -> None:
        tone, names = more.pop("tone", None), more.pop("names", ())
        self.post(name, author, days=days, parent_post_id=parent, text=text, **more)
        if tone is not None:
            p = {"p_positive": max(tone, 0.0), "p_negative": max(-tone, 0.0), "p_neutral": 1 - abs(tone)}
            self.sentiment.append({"post_id": name, "label": "neutral", **p, "model_id": "s"})
        for place, one in enumerate(names):
            entity = {"begin": place, "end": place + 1, "text": one, "entity_type": "location", "normalized": one}
            self.entities.append({"post_id": name, **entity, "model_id": "e"})

    def creator(self, name: str, *, followers: int, posts: int = 10) -> None:
        self.snapshots.append({"user_id": name, "snapshot_ts": ago(5), "follower_count": followers})
        for n in range(posts):
            self.post(f"{name}-p{n}", name, days=85 - n)

    def likes(self, target: str, number: int, *, by: str = "fan") -> None:
        """Each on a day of its own as far as there are days, none on the hour of another."""
        for n in range(number):
            self.act("like", f"{by}{n}", target, days=1.013 + (n * 88 / number))


def measured(rows: Rows, world: World, *, as_of: list[datetime] | None = None, turned: bool = False) -> People:
    """By user_id at AS_OF; turned: the rows in another order and partitioning."""

    def frame(table: Any, records: list[dict[str, Any]]) -> DataFrame:
        return rows(table, *reversed(records)).repartition(5) if turned else rows(table, *records)

    with creators_of(
        as_of=as_of or [AS_OF], interactions=frame(INTERACTIONS, world.interactions), posts=frame(POSTS, world.posts),
        user_snapshots=frame(USER_SNAPSHOTS, world.snapshots), sentiment=frame(POST_SENTIMENT, world.sentiment),
        entities=frame(POST_ENTITIES, world.entities), topics=frame(POST_TOPICS, world.topics), params=PARAMS,
    ) as people:  # fmt: skip
        found = people.collect()
    at_cutoff = [row.asDict(recursive=True) for row in found if row["as_of"].astimezone(timezone.utc) == AS_OF]
    assert len({row["user_id"] for row in at_cutoff}) == len(at_cutoff)
    return {row["user_id"]: row for row in at_cutoff}


def planted() -> World:
    world = World()
    for n in range(10):
        world.creator(f"clean{n}", followers=2_000)
        world.likes(f"clean{n}", 36 + 2 * n)
    world.creator("burst", followers=4_000)
    world.likes("burst", 40)
    for n in range(40):
        world.act("like", f"bot{n}", "burst", days=30.47 + n / 2_000)
    for one in ("ring0", "ring1", "ring2"):
        world.creator(one, followers=2_000)
        world.likes(one, 8)
        for other in {"ring0", "ring1", "ring2"} - {one}:
            for n in range(16):
                world.act("like", other, one, days=1.6 + 5 * n)
    world.creator("echoed", followers=2_000)
    world.likes("echoed", 16)
    for n in range(24):
        text = "So VERY nice, my friend!" if n % 2 else f"reply {n} has words of its own {n * n}"
        if n == 23:
            text = "so very nice my friend"
        world.reply(f"echo{n}", f"fan{n}", f"echoed-p{n % 10}", text, days=60.3 - 2 * n)
    _talk(world)
    world.creator("hollow", followers=9_900)
    world.likes("hollow", 12)
    world.creator("inflated", followers=1_000)
    world.likes("inflated", 130)
    _by_eye(world)
    return world


def _talk(world: World) -> None:
    """talk0 comments on the other two, talk1 on talk2, and whoever is commented on answers."""
    for one in ("talk0", "talk1", "talk2"):
        world.creator(one, followers=480)
        world.likes(one, 8)
    for guest, host in (("talk0", "talk1"), ("talk0", "talk2"), ("talk1", "talk2")):
        for n in range(16):
            name = f"{guest}-{host}-{n}"
            world.reply(name, guest, f"{host}-p{n % 10}", f"question {n} of {name} to {host}", days=70.2 - 4 * n)
            world.reply(f"{name}-a", host, name, f"answer {n * n} of {name} by {host}", days=69.6 - 4 * n)


def _by_eye(world: World) -> None:
    """`eye`: little enough to count."""
    for days, followers in ((100, 1_000), (70, 1_200), (40, 1_500), (5, 2_000)):
        world.snapshots.append({"user_id": "eye", "snapshot_ts": ago(days), "follower_count": followers})
    world.post("old", "eye", days=400, topic=7)
    world.post("new", "eye", days=20, topic=7)
    world.post("theirs", "clean0", days=20, topic=7)
    for days in (10, 11, 12, 40):
        world.act("view", None, "eye", days=days)
    world.act("like", "fan1", days=10.4, target_post_id="new")
    world.act("share", "fan1", days=10.4, target_post_id="new")
    world.act("save", None, days=40.4, target_post_id="old")
    world.act("like", "fan2", days=3, target_post_id="theirs")
    for kind, actor in (("unfollow", "fan3"), ("like", "eye")):
        world.act(kind, actor, "eye", days=4)
    # comes twice, as an interaction and as a post
    world.act("comment", "fan4", "eye", days=9.1, target_post_id="new")
    world.reply("r1", "fan4", "new", "I really love the beer of Ghent", days=9.1, tone=0.8, names=["ghent", "ghent"])
    world.reply("r2", "fan5", "new", "@eye nice", days=8.2, tone=-0.6, names=["ghent"])
    world.reply("r3", "fan6", "old", "no, no, no https://x.y/z", days=7.3, names=["ghent", "paris"])
    world.reply("r4", "fan4", "old", None, days=6.4, names=["paris"])
    world.reply("r5", "eye", "old", "my own answer to myself", days=5.5)
    # four replies, of which one is the comment
    for n in range(4):
        world.act("like", f"fan{n}", days=50 + 7 * n, target_post_id="old")


@pytest.fixture(scope="package")
def world() -> World:
    return planted()


@pytest.fixture(scope="package")
def found(rows: Rows, world: World) -> People:
    return measured(rows, world)
