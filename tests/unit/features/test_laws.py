"""Laws on a random world of many people: what cannot be known yet, and the order of rows, never change a feature."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as given_by
from hypothesis import strategies as st
from pyspark.sql import DataFrame

from social_signals.features import USER_FEATURES, FeatureParams, user_features
from social_signals.features.cutoffs import micros
from social_signals.features.touched import FROM_US, WATCHED, touched_people
from social_signals.tables.gold_texts import POST_ENTITIES, POST_SENTIMENT
from social_signals.tables.silver import INTERACTIONS, KINDS, POSTS, USER_SNAPSHOTS, USERS

INPUTS = {
    "interactions": INTERACTIONS,
    "posts": POSTS,
    "users": USERS,
    "user_snapshots": USER_SNAPSHOTS,
    "sentiment": POST_SENTIMENT,
    "entities": POST_ENTITIES,
}
PEOPLE = [f"u{n:02}" for n in range(24)]
DAYS = 200


def random_world(given, june_1: datetime) -> dict[str, list[dict[str, object]]]:
    """Histories of 200 days in which one row in five came in up to 60 days late; some people and targets are not known."""
    draw = random.Random(20200601)

    def someone() -> str | None:
        return draw.choice([*PEOPLE, None])

    def late(row: dict[str, object]) -> dict[str, object]:
        delay = timedelta(days=draw.choice([0, 0, 0, 0, 60 * draw.random()]))
        instant = row["event_ts"]
        assert isinstance(instant, datetime)
        return row | {"ingested_ts": instant + delay}

    posts = [
        late(given.post(someone(), DAYS * draw.random(), f"p{n:03}", text="x" * draw.randrange(80))) for n in range(150)
    ]
    for post in posts[30:]:
        post["parent_post_id"] = draw.choice([None, "gone", f"p{draw.randrange(150):03}"])
    acts = [
        late(
            given.act(
                someone(),
                DAYS * draw.random(),
                kind=draw.choice(KINDS),
                to=draw.choice([None, someone()]),
                target_post_id=draw.choice([None, f"p{draw.randrange(150):03}"]),
                value=draw.choice([None, round(draw.random(), 2)]),
            )
        )
        for _ in range(900)
    ]
    # Whole days before the cut-offs: rows that sit exactly on the edges of windows.
    acts += [given.act(draw.choice(PEOPLE), 10 * draw.randrange(20), to=draw.choice(PEOPLE)) for _ in range(60)]
    sentiment = [given.tone(str(p["post_id"]), draw.random() / 2, draw.random() / 2) for p in posts[::2]]
    entities = [given.entity(str(p["post_id"]), begin) for p in posts[::3] for begin in range(draw.randrange(4))]
    snapshots = [
        {"user_id": name, "snapshot_ts": june_1 - timedelta(days=30 * n), "follower_count": draw.randrange(1000)}
        for name in PEOPLE[:9]
        for n in range(5)
    ]
    users = [{"user_id": name, "created_ts": june_1 - timedelta(days=300 * draw.random())} for name in PEOPLE]
    return {"posts": posts, "interactions": acts, "sentiment": sentiment, "entities": entities,
            "user_snapshots": snapshots, "users": users}  # fmt: skip


def known_by(as_of: datetime, row: dict[str, object]) -> bool:
    """By either clock; a row without clocks (sentiment, entities) is as old as its post and stays."""
    clocks = [row[name] for name in ("event_ts", "snapshot_ts", "created_ts", "ingested_ts") if name in row]
    return all(isinstance(clock, datetime) and clock < as_of for clock in clocks)


def exact(frame: DataFrame) -> dict[tuple[str, str], str]:
    """Each row by its key, every value by its repr: equal means the same to the last bit."""
    return {(str(row["as_of"]), row["user_id"]): repr(row) for row in frame.select(*USER_FEATURES.columns).collect()}


@pytest.fixture
def cutoffs(june_1: datetime) -> list[datetime]:
    # The middle one is at an odd hour: windows and days are counted from the cut-off, not from midnight.
    return [june_1 - timedelta(days=60), june_1 - timedelta(days=29, hours=7, minutes=13), june_1]


def test_later_rows_other_cutoffs_and_the_order_of_rows_change_nothing(
    features: Callable[..., DataFrame], given, june_1: datetime, cutoffs: list[datetime]
) -> None:
    world = random_world(given, june_1)
    together = exact(features(as_of=cutoffs, **world))
    apart: dict[tuple[str, str], str] = {}
    for n, as_of in enumerate(cutoffs[:2]):
        known = {name: [row for row in table if known_by(as_of, row)] for name, table in world.items()}
        for table in known.values():
            random.Random(n).shuffle(table)
        apart |= exact(features(as_of=[as_of], **known))
    assert len(apart) > len(PEOPLE)
    assert apart == {key: row for key, row in together.items() if key[0] != str(june_1.replace(tzinfo=None))}


# Worlds that hypothesis draws: many of them go into one frame, told apart by their ids.
Rows = dict[str, list[dict[str, Any]]]
IDS = ("user_id", "actor_id", "target_user_id", "author_id", "post_id", "target_post_id", "parent_post_id")

_names = st.sampled_from(["ann", "bob", "cat", "dan"])
_posts = st.sampled_from(["p0", "p1", "p2", "p3", "p4"])
# Edges of windows, some that only a part of a day tells from them, and, below 0, what has not happened yet.
_ages = st.one_of(
    st.sampled_from([1, 3, 7, 14, 15, 30, 60, 90, 180]), st.floats(-5, 200, allow_nan=False).map(lambda x: round(x, 2))
)
_delays = st.sampled_from([0, 0, 0, 0.5, 12, 100])
KEYS = {
    "interactions": ("interaction_id",),
    "posts": ("post_id",),
    "users": ("user_id",),
    "user_snapshots": ("user_id", "snapshot_ts"),
    "sentiment": ("post_id",),
    "entities": ("post_id", "begin", "end"),
}


@dataclass(frozen=True)
class World:
    """The rows of each table at first, and once rows have come in anew or in place of others of the same key."""

    before: Rows
    after: Rows

    @classmethod
    def of(cls, first: Rows, later: Rows) -> World:
        return cls(_by_key(first), _by_key({name: [*first[name], *later[name]] for name in KEYS}))

    def changed(self, name: str) -> list[dict[str, Any]]:
        """Every row that is not the same any more, as it was and as it is."""
        before, after = self.before[name], self.after[name]
        return [row for row in before if row not in after] + [row for row in after if row not in before]


def _by_key(tables: Rows) -> Rows:
    """One row a key, the last one said."""
    return {
        name: list({tuple(row[c] for c in key): row for row in tables[name]}.values()) for name, key in KEYS.items()
    }


def drawn(count: int, as_of: datetime) -> list[World]:
    """The same `count` worlds in every run."""
    worlds: list[World] = []

    @settings(
        max_examples=count, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given_by(_world(as_of))
    def collect(world: World) -> None:
        worlds.append(world)

    collect()
    return worlds


def _world(as_of: datetime) -> st.SearchStrategy[World]:
    return st.builds(World.of, _tables(as_of, most=9), _tables(as_of, most=2))


def _tables(as_of: datetime, *, most: int) -> st.SearchStrategy[Rows]:
    def clocks(own: str) -> st.SearchStrategy[dict[str, Any]]:
        def said(age: float, delay: float) -> dict[str, Any]:
            instant = as_of - timedelta(days=age)
            return {own: instant, "ingested_ts": instant + timedelta(days=delay)}

        return st.builds(said, _ages, _delays)

    def rows(own: str | None, **columns: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
        plain = st.fixed_dictionaries(columns)
        row = plain if own is None else st.builds(lambda a, b: a | b, plain, clocks(own))
        return st.lists(row, max_size=most)

    maybe = st.one_of(st.none(), _names)
    share = st.sampled_from([0.0, 0.1, 0.3, 0.5])
    return st.fixed_dictionaries(
        {
            "interactions": rows(
                "event_ts", interaction_id=st.integers(0, 20).map(lambda n: f"i{n}"), kind=st.sampled_from(KINDS),
                actor_id=maybe, target_user_id=maybe, target_post_id=st.one_of(st.none(), _posts),
                item_id=st.sampled_from([None, "x", "p0"]), value=st.sampled_from([None, 0.1, 2.5]),
            ),
            "posts": rows(
                "event_ts", post_id=_posts, author_id=maybe, parent_post_id=st.one_of(st.none(), _posts),
                text=st.sampled_from([None, "", "x", "xyz"]), item_id=st.sampled_from([None, "x"]),
            ),
            "users": rows("created_ts", user_id=_names),
            "user_snapshots": rows("snapshot_ts", user_id=_names, follower_count=st.sampled_from([None, 0, 7, 90])),
            "sentiment": rows(
                None, post_id=_posts, label=st.just("neutral"), p_neutral=st.just(0.0), p_negative=share,
                p_positive=share, model_id=st.just("m"),
            ),
            "entities": rows(
                None, post_id=_posts, begin=st.integers(0, 2), end=st.just(3), text=st.just("x"),
                entity_type=st.just("person"), normalized=st.just("x"), model_id=st.just("m"),
            ),
        }
    )  # fmt: skip


def in_world(prefix: str, row: dict[str, Any]) -> dict[str, Any]:
    """The row with every id of a world of its own."""
    own = {name: f"{prefix}.{row[name]}" for name in IDS if row.get(name) is not None}
    return row | own | ({"interaction_id": f"{prefix}.{row['interaction_id']}"} if "interaction_id" in row else {})


def test_in_generated_worlds_only_what_is_known_counts_and_only_the_touched_change(
    rows: Callable[..., DataFrame], june_1: datetime
) -> None:
    """Each world is there three times: as it is, with only what was known by the cut-off, and as it was before a change."""
    worlds = drawn(150, june_1)
    tables: dict[str, list[dict[str, object]]] = {name: [] for name in INPUTS}
    changed: dict[str, list[dict[str, object]]] = {name: [] for name in INPUTS}
    for n, world in enumerate(worlds):
        for name in INPUTS:
            timeless = name in ("sentiment", "entities")
            known = [row for row in world.after[name] if timeless or known_by(june_1, row)]
            tables[name] += [in_world(f"{n}.after", row) for row in world.after[name]]
            tables[name] += [in_world(f"{n}.known", row) for row in known]
            tables[name] += [in_world(f"{n}.before", row) for row in world.before[name]]
            changed[name] += [in_world(f"{n}.after", row) for row in world.changed(name)]
    frames = {name: rows(table, *tables[name]) for name, table in INPUTS.items()}
    found = {person: row for (_, person), row in exact(at(june_1, frames)).items()}

    def of(copy: str) -> dict[str, str]:
        return {who.replace(copy, "x"): row.replace(copy, "x") for who, row in found.items() if f".{copy}." in who}

    after, before = of("after"), of("before")
    assert len(after) > 200
    assert after == of("known")

    feeds = {table.name: rows(table, *changed[name]).select(*WATCHED[table.name]) for name, table in INPUTS.items()}
    touched = touched_people(feeds, interactions=frames["interactions"], posts=frames["posts"])
    people = touched.where(touched[FROM_US] < micros(june_1)).localCheckpoint()
    names = {row["user_id"].replace("after", "x") for row in people.collect()}
    kept = {who: row for who, row in after.items() if who not in names}
    assert kept == {who: row for who, row in before.items() if who not in names}
    assert 50 < len(kept) < len(after) - 50

    # Other order, other partitions, and nobody but the touched: the same bytes.
    mixed = {name: frame.orderBy(frame[frame.columns[0]].desc()).repartition(5) for name, frame in frames.items()}
    renewed = {
        who.replace("after", "x"): row.replace("after", "x")
        for (_, who), row in exact(at(june_1, mixed, people)).items()
    }
    assert renewed == {who: row for who, row in after.items() if who in names}


def at(as_of: datetime, frames: dict[str, DataFrame], people: DataFrame | None = None) -> DataFrame:
    return user_features(as_of=[as_of], params=FeatureParams(), people=people, **frames)
