from datetime import datetime, timedelta, timezone

from social_signals.models.labels import (
    churn_labels,
    engagement_of_posts,
    engagement_received,
    event_labels,
    tie_event_labels,
)
from social_signals.tables.silver import INTERACTIONS, POSTS

MAY = datetime(2020, 5, 1, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)


def day(count):
    return timedelta(days=count)


def acts(spark, *rows):
    return spark.createDataFrame(
        [(user, at, at if seen is None else seen) for user, at, seen in rows],
        "user_id string, event_ts timestamp, ingested_ts timestamp",
    )


def labels_of(frame):
    return {(r["as_of"].replace(tzinfo=timezone.utc), r["user_id"]): r["churned"] for r in frame.collect()}


def test_churn_by_eye(spark_session):
    seen = acts(
        spark_session,
        ("left", MAY - day(10), None),
        ("stayed", MAY - day(10), None), ("stayed", MAY, None),
        ("came back too late", MAY - day(1), None), ("came back too late", MAY + day(30), None),
        ("just in time", MAY - day(1), None), ("just in time", MAY + day(30) - SECOND, None),
        ("long gone", MAY - day(20) - SECOND, None),
        ("first second", MAY - day(20), None),
        ("newcomer", MAY + day(1), None),
        ("seen late", MAY - day(5), MAY + day(2)),
        ("outcome seen late", MAY - day(5), None), ("outcome seen late", MAY + day(5), MAY + day(300)),
    )  # fmt: skip
    found = labels_of(churn_labels(seen, cutoffs=[MAY], lookback_days=20, horizon_days=30))
    assert {user: churned for (_, user), churned in found.items()} == {
        "left": 1, "stayed": 0, "came back too late": 1, "just in time": 0, "first second": 1, "outcome seen late": 0,
    }  # fmt: skip


def test_every_cutoff_has_its_own_label(spark_session):
    seen = acts(spark_session, ("u", MAY - day(1), None), ("u", MAY + day(40), None))
    found = labels_of(churn_labels(seen, cutoffs=[MAY, MAY + day(30)], lookback_days=60, horizon_days=30))
    assert found == {(MAY, "u"): 1, (MAY + day(30), "u"): 0}


def test_engagement_by_eye(rows):
    posts = rows(POSTS, {"post_id": "p", "author_id": "ann", "event_ts": MAY - day(9)})
    received = rows(
        INTERACTIONS,
        {"interaction_id": "1", "kind": "like", "target_user_id": "ann", "event_ts": MAY},
        {"interaction_id": "2", "kind": "share", "actor_id": "bob", "target_post_id": "p", "event_ts": MAY + day(1)},
        {"interaction_id": "3", "kind": "share", "actor_id": "ann", "target_post_id": "p", "event_ts": MAY + day(1)},
        {"interaction_id": "4", "kind": "view", "actor_id": "bob", "target_user_id": "ann", "event_ts": MAY + day(1)},
        {"interaction_id": "5", "kind": "like", "target_user_id": "ann", "event_ts": MAY + day(30)},
        {"interaction_id": "6", "kind": "like", "target_user_id": "ann", "event_ts": MAY - SECOND},
        {"interaction_id": "7", "kind": "like", "target_user_id": "cid", "event_ts": MAY + day(30) - SECOND},
        {"interaction_id": "8", "kind": "like", "target_post_id": "unknown", "event_ts": MAY},
    )
    found = engagement_received(
        received, posts, cutoffs=[MAY], horizon_days=30, weights={"like": 1, "share": 3, "dislike": 0}
    )
    assert {r["user_id"]: r["engagement"] for r in found.collect()} == {"ann": 4, "cid": 1}


def test_leaving_by_an_event_by_eye(rows, spark_session):
    seen = acts(
        spark_session,
        *((user, MAY - day(1), None) for user in ("leaves", "stays", "too late", "left", "back", "left late", "told late")),
        ("long gone", MAY - day(21), None),
    )  # fmt: skip

    def said(number, kind, user, at, seen_at=None):
        return {
            "interaction_id": str(number), "kind": kind, "actor_id": user, "event_ts": at, "ingested_ts": seen_at or at,
        }  # fmt: skip

    statements = rows(
        INTERACTIONS,
        said(1, "unsubscribe", "leaves", MAY),
        said(2, "like", "stays", MAY + day(1)),
        said(3, "unsubscribe", "too late", MAY + day(30)),
        said(4, "unsubscribe", "left", MAY - day(400)),
        said(5, "unsubscribe", "back", MAY - day(9)), said(6, "subscribe", "back", MAY - day(8)),
        said(7, "unsubscribe", "left late", MAY - day(2), MAY + day(1)),
        said(8, "unsubscribe", "told late", MAY + day(2), MAY + day(99)),
        said(9, "unsubscribe", "long gone", MAY + day(1)),
    )  # fmt: skip
    found = labels_of(
        event_labels(seen, statements, cutoffs=[MAY], events=["unsubscribe"], lookback_days=20, horizon_days=30)
    )
    assert {user: churned for (_, user), churned in found.items()} == {
        "leaves": 1, "stays": 0, "too late": 0, "back": 0, "left late": 0, "told late": 1,
    }  # fmt: skip


def test_a_tie_ends_by_silence_towards_one_creator_alone(spark_session):
    seen = spark_session.createDataFrame(
        [
            ("fan", "a", MAY - day(5)), ("fan", "b", MAY - day(5)), ("fan", "b", MAY + day(1)),
            ("fan", "c", MAY - day(25)), ("fan", "d", MAY + day(2)),
        ],
        "user_id string, creator_id string, event_ts timestamp",
    ).selectExpr("*", "event_ts AS ingested_ts")  # fmt: skip
    found = churn_labels(seen, cutoffs=[MAY], lookback_days=20, horizon_days=30, who=("user_id", "creator_id"))
    assert {r["creator_id"]: r["churned"] for r in found.collect()} == {"a": 1, "b": 0}


def test_leaving_a_creator_is_asked_of_those_who_follow_or_act(spark_session):
    def ties(columns, *rows):
        return spark_session.createDataFrame(
            [(user, "star", *rest) for user, *rest in rows], f"user_id string, creator_id string, {columns}"
        ).selectExpr("*", "event_ts AS ingested_ts")

    acts = ties("event_ts timestamp", ("acts", MAY - day(1)), ("left", MAY - day(9)), ("acted once", MAY - day(21)))
    said = ties(
        "kind string, event_ts timestamp",
        ("acts", "unfollow", MAY + day(3)),
        ("left", "unfollow", MAY - day(2)),
        ("follows", "follow", MAY - day(300)), ("follows", "unsubscribe", MAY + day(29)),
        ("stays", "subscribe", MAY - day(300)), ("stays", "unfollow", MAY + day(30)),
        ("returned", "unfollow", MAY - day(5)), ("returned", "follow", MAY - day(4)),
        ("comes later", "follow", MAY), ("comes later", "unfollow", MAY + day(1)),
    )  # fmt: skip
    found = tie_event_labels(
        acts, said, cutoffs=[MAY], events=["unfollow", "unsubscribe"], lookback_days=20, horizon_days=30
    )
    assert {r["user_id"]: r["churned"] for r in found.collect()} == {"acts": 1, "follows": 1, "stays": 0, "returned": 0}


def test_the_engagement_of_a_post_is_what_others_did_to_it_in_its_own_horizon(rows):
    posts = rows(
        POSTS,
        {"post_id": "p", "author_id": "ann", "event_ts": MAY},
        {"post_id": "q", "author_id": "ann", "event_ts": MAY + day(1)},
        {"post_id": "nobody's", "event_ts": MAY},
    )
    done = [
        ("p", "bob", 0.0), ("p", "ann", 0.0), ("p", None, 1.9), ("p", "bob", 2.0), ("q", "bob", 0.5), ("q", "bob", 1.9),
        ("nobody's", None, 1.0),
    ]  # fmt: skip
    acts: list[dict[str, object]] = [
        {
            "interaction_id": str(n),
            "kind": "like",
            "actor_id": who,
            "target_post_id": post,
            "event_ts": MAY + day(after),
        }
        for n, (post, who, after) in enumerate(done)
    ]
    acts.append({"interaction_id": "to her", "kind": "follow", "target_user_id": "ann", "event_ts": MAY})
    acts.append({"interaction_id": "seen", "kind": "view", "target_post_id": "p", "event_ts": MAY})
    found = engagement_of_posts(
        rows(INTERACTIONS, *acts), posts, horizon_days=2, weights={"like": 3, "follow": 1, "view": 0}
    )
    assert {r["post_id"]: r["engagement"] for r in found.collect()} == {"p": 6, "q": 3, "nobody's": 3}
