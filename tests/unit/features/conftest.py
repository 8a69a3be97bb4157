"""Frames for the features tests: short ways to say who did what when, and one call to build the features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import Any

import pytest
from pyspark.sql import DataFrame

from social_signals.features import FeatureParams, user_features
from social_signals.tables.gold_texts import POST_ENTITIES, POST_SENTIMENT
from social_signals.tables.silver import INTERACTIONS, POSTS, USER_SNAPSHOTS, USERS

JUNE_1 = datetime(2020, 6, 1, tzinfo=timezone.utc)
INPUTS = {
    "interactions": INTERACTIONS,
    "posts": POSTS,
    "users": USERS,
    "user_snapshots": USER_SNAPSHOTS,
    "sentiment": POST_SENTIMENT,
    "entities": POST_ENTITIES,
}  # fmt: skip


class Given:
    """Builds table rows as dicts; ages are days before JUNE_1."""

    def __init__(self) -> None:
        self._ids = count()

    def act(
        self, actor: str | None, age: float, *, kind: str = "like", to: str | None = None, **more: object
    ) -> dict[str, object]:
        own = {"interaction_id": f"i{next(self._ids):04}", "kind": kind, "actor_id": actor, "target_user_id": to}
        return own | {"event_ts": JUNE_1 - timedelta(days=age)} | more

    def post(self, author: str | None, age: float, post_id: str | None = None, **more: object) -> dict[str, object]:
        own = {"post_id": post_id or f"p{next(self._ids):04}", "author_id": author}
        return own | {"event_ts": JUNE_1 - timedelta(days=age)} | more

    def tone(self, post_id: str, p_negative: float, p_positive: float) -> dict[str, object]:
        neutral = 1 - p_negative - p_positive
        own = {"post_id": post_id, "label": "neutral", "p_neutral": neutral, "model_id": "m"}
        return own | {"p_negative": p_negative, "p_positive": p_positive}

    def entity(self, post_id: str, begin: int) -> dict[str, object]:
        own = {"post_id": post_id, "begin": begin, "end": begin + 1, "model_id": "m"}
        return own | {"text": "x", "entity_type": "person", "normalized": "x"}


@pytest.fixture
def given() -> Given:
    return Given()


@pytest.fixture
def june_1() -> datetime:
    return JUNE_1


@pytest.fixture
def features(rows: Callable[..., DataFrame]) -> Callable[..., DataFrame]:
    """`features(interactions=[...], posts=[...], as_of=[...])`: the frame of user_features; what is not named is empty."""

    def build(
        *,
        as_of: Sequence[datetime] = (JUNE_1,),
        params: FeatureParams | None = None,
        **inputs: Sequence[dict[str, object]],
    ) -> DataFrame:
        unknown = set(inputs) - set(INPUTS)
        assert not unknown, unknown
        frames = {name: rows(table, *inputs.get(name, ())) for name, table in INPUTS.items()}
        return user_features(as_of=list(as_of), params=params or FeatureParams(), **frames)

    return build


@pytest.fixture
def by_person() -> Callable[[DataFrame], dict[str, dict[str, Any]]]:
    """The rows of a frame by user_id; fails where a person has two."""

    def collected(frame: DataFrame) -> dict[str, dict[str, Any]]:
        found = [row.asDict() for row in frame.collect()]
        people = {str(person["user_id"]): person for person in found}
        assert len(found) == len(people)
        return people

    return collected
