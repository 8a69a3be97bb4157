"""Who has a row, and what a window includes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from pyspark.sql import DataFrame

from social_signals.core.errors import ConfigError
from social_signals.features import FeatureParams

MICROSECOND = 1 / 86_400e6


def test_windows_include_their_start_and_rows_that_came_late_are_not_seen(
    features: Callable[..., DataFrame], by_person, given, june_1: datetime
) -> None:
    acts = [
        given.act("at_start", 30),
        given.act("before_start", 30 + MICROSECOND),
        given.act("just_before_cutoff", MICROSECOND),
        given.act("at_cutoff", 0),
        given.act("twice", 90),
        given.act("twice", 3),
        given.act("long_gone", 90 + MICROSECOND),
        given.act("half_seen", 10),
        given.act("half_seen", 5, ingested_ts=june_1),
        given.act("unseen", 5, ingested_ts=june_1),
        given.act("just_seen", 5, ingested_ts=june_1 - timedelta(microseconds=1)),
    ]
    found = by_person(features(interactions=acts))
    of_30_days = ("activity_30d_count", "given_30d_count", "active_days_30d_count", "activity_count")
    assert {name: tuple(person[f] for f in of_30_days) for name, person in found.items()} == {
        "at_start": (1, 1, 1, 1),
        "before_start": (0, 0, 0, 1),
        "just_before_cutoff": (1, 1, 1, 1),
        "twice": (1, 1, 1, 2),
        "half_seen": (1, 1, 1, 1),
        "just_seen": (1, 1, 1, 1),
    }
    assert found["twice"]["activity_90d_count"] == 2
    assert found["twice"]["activity_3d_count"] == 1
    assert found["twice"]["days_since_last_activity"] == 3.0


def test_people_are_those_who_acted_wrote_or_received_and_anonymous_is_nobody(
    features: Callable[..., DataFrame], by_person, given
) -> None:
    acts = [
        given.act("actor", 1, to="receiver"),
        given.act(None, 1, to="liked_by_strangers"),
        given.act(None, 1, target_post_id="p_owner"),
        given.act("selfish", 14, to="selfish"),
        given.act("selfish", 1, to="selfish"),
        given.act("older", 15),
    ]
    posts = [given.post("writer", 1), given.post("owner", 99, "p_owner"), given.post(None, 1, parent_post_id="p_owner")]
    found = by_person(features(interactions=acts, posts=posts, params=FeatureParams(population_days=14)))
    assert set(found) == {"actor", "receiver", "liked_by_strangers", "owner", "selfish", "writer"}
    assert found["owner"]["received_count"] == 1
    assert found["owner"]["replies_received_count"] == 1
    assert found["liked_by_strangers"]["partners_count"] == 0
    assert found["liked_by_strangers"]["days_since_last_activity"] is None
    assert (found["selfish"]["given_count"], found["selfish"]["received_count"]) == (2, 0)
    assert found["selfish"]["partners_count"] == 0


@pytest.mark.parametrize("wrong", [{"population_days": 0}, {"activity_kinds": ["lik"]}])
def test_params_that_cannot_be_are_refused_at_the_door(wrong: dict) -> None:
    with pytest.raises(ConfigError):
        FeatureParams(**wrong)
