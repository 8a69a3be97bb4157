"""What being active means."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from pyspark.sql import DataFrame

from social_signals.features import NewestAct, activity, newest_act
from social_signals.tables.silver import INTERACTIONS, POSTS


def test_a_comment_that_is_both_post_and_interaction_is_one_act(rows: Callable[..., DataFrame], given, june_1) -> None:
    seen_later = june_1 + timedelta(days=3)
    posts = rows(POSTS, given.post("ann", 2, ingested_ts=seen_later), given.post("bob", 1), given.post(None, 1))
    acts = rows(
        INTERACTIONS,
        given.act("ann", 2, kind="comment"),
        given.act("ann", 1, kind="view"),
        given.act("cat", 1, kind="view", to="bob"),
        given.act(None, 1, to="bob"),
    )
    found = {(r.user_id, r.event_ts, r.ingested_ts) for r in activity(posts, acts).collect()}
    two, one = (june_1 - timedelta(days=2)).replace(tzinfo=None), (june_1 - timedelta(days=1)).replace(tzinfo=None)
    assert found == {("ann", two, two), ("ann", one, one), ("bob", one, one), ("cat", one, one)}


def test_only_the_kinds_named_make_a_person_active(rows: Callable[..., DataFrame], given) -> None:
    posts = rows(POSTS, given.post("writer", 1))
    acts = rows(INTERACTIONS, given.act("viewer", 1, kind="view"), given.act("fan", 1, kind="like"))
    assert {r.user_id for r in activity(posts, acts, kinds=["like"]).collect()} == {"writer", "fan"}


def test_the_default_cutoff_is_the_midnight_after_the_newest_act_before_now(
    rows: Callable[..., DataFrame], given
) -> None:
    far = datetime(9999, 1, 1, tzinfo=timezone.utc)
    acts = rows(INTERACTIONS, given.act("ann", 1.25), given.act("bob", 40)).unionByName(
        rows(INTERACTIONS, given.act("cat", 0) | {"event_ts": far})
    )
    newest = newest_act(acts, now=datetime(2026, 1, 1, tzinfo=timezone.utc))
    assert newest is not None
    assert newest.as_of == datetime(2020, 5, 31, tzinfo=timezone.utc)
    # The clock may yet come to one that it left out now.
    assert not newest.is_last
    assert newest_act(acts) == NewestAct(far, is_last=True)
    assert newest_act(acts.limit(0)) is None
