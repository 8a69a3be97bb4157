"""Laws on a random world of many people: what cannot be known yet, and the order of rows, never change a feature."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from pyspark.sql import DataFrame

from social_signals.features import USER_FEATURES
from social_signals.tables.silver import KINDS

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
