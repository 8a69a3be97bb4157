"""Checked, settled, accepted, quarantined: small frames by eye."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta, timezone

import pytest
from pyspark.sql import functions as F

from social_signals.core.times import EPOCH
from social_signals.ingest.rows import SUPERSEDED, accepted, checked, quarantined, settled
from social_signals.tables import silver as S

NOW = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
LANDED = datetime(2024, 5, 1, 11, tzinfo=timezone.utc)
APRIL_1 = datetime(2024, 4, 1, tzinfo=timezone.utc)


@pytest.fixture
def fields(spark_session):
    """Rows of text as a mapping makes them: `{column: text}`; the record is the text of the dict."""

    def build(*records, first_load=True, problem=None):
        names = sorted({name for record in records for name in record})
        schema = ", ".join(f"{n} string" for n in ["record", "file", "batch_id"])
        schema += ", is_first_load boolean, landed_ts timestamp, dataset string, problem string"
        schema += "".join(f", {n} string" for n in names)
        data = [
            (str(r), "f.jsonl", "b1", first_load, LANDED, "posts", problem, *(r.get(n) for n in names)) for r in records
        ]
        return spark_session.createDataFrame(data, schema)

    return build


def reasons_of(frame):
    return [sorted(row.reasons) for row in frame.select("reasons", "record").collect()]


def test_every_reason_is_reported_and_good_rows_have_none(fields):
    posts = fields(
        {"post_id": "p1", "event_ts": "2024-04-01"},
        {"post_id": " ", "event_ts": "0001-01-01"},
        {"post_id": "p3", "event_ts": "9999-12-31T00:00:00Z"},
        {"post_id": "p4", "event_ts": "soon"},
        {"post_id": "p5"},
        {"post_id": "p6", "event_ts": "2024-05-02T11:00:00Z"},
    )
    assert reasons_of(checked(posts, table=S.POSTS, now=NOW)) == [
        [],
        ["event_ts is before 1990 or in the future", "post_id is missing"],
        ["event_ts is before 1990 or in the future"],
        ["event_ts is not a time that can be read"],
        ["event_ts is missing"],
        [],
    ]


def test_a_record_that_could_not_be_read_has_that_reason_alone(fields):
    assert reasons_of(checked(fields({"post_id": None}, problem="no JSON"), table=S.POSTS, now=NOW)) == [["no JSON"]]


def test_contract_checks_of_the_other_tables(fields):
    def found(table, **record):
        return reasons_of(checked(fields(record), table=table, now=NOW))[0]

    t = "2024-04-01"
    act = {"interaction_id": "i", "event_ts": t}
    assert found(S.INTERACTIONS, kind="ReTweet", **act) == []
    assert found(S.INTERACTIONS, kind="poke", **act)[0].startswith("kind is none of view, click")
    assert found(S.INTERACTIONS, kind="purchase", value="-1", **act) == ["value of a purchase or refund is negative"]
    assert found(S.INTERACTIONS, kind="like", value="-10", **act) == []
    assert found(S.USER_SNAPSHOTS, user_id="u", snapshot_ts=t, follower_count="-1", post_count="x") == [
        "follower_count is negative", "post_count is not a whole number that can be read",
    ]  # fmt: skip
    assert found(S.SURVEYS, response_id="r", event_ts=t, score="11") == ["score is not 0 to 10"]
    assert found(S.CAMPAIGNS, campaign_id="c", start_ts="2030-01-02", end_ts="2030-01-01") == [
        "end_ts is before start_ts"
    ]
    assert found(S.CONSENTS, user_id="u", purpose="Messaging", event_ts=t, granted="yes") == []


def test_kinds_and_currencies_get_one_spelling(fields):
    acts = fields({"interaction_id": "i", "kind": " Favourite", "currency": "eur", "event_ts": "2024-04-01"})
    row = checked(acts, table=S.INTERACTIONS, now=NOW).first()
    assert (row.kind, row.currency) == ("like", "EUR")


def test_one_row_a_key_and_nothing_lost(fields):
    posts = fields(
        {"post_id": "p1", "text": "old", "event_ts": "2024-04-01"},
        {"post_id": "p1", "text": "new", "event_ts": "2024-04-02"},
        {"post_id": "p1", "text": "new", "event_ts": "2024-04-02"},
        {"post_id": "p2", "text": "only", "event_ts": "2024-04-01"},
        {"post_id": None, "text": "a", "event_ts": "2024-04-01"},
        {"post_id": None, "text": "b", "event_ts": "2024-04-01"},
    )
    rows = settled(checked(posts, table=S.POSTS, now=NOW), table=S.POSTS)
    seen = {
        (r.post_id, r.text, r.outcome): r["count"] for r in rows.groupBy("post_id", "text", "outcome").count().collect()
    }
    assert seen == {
        ("p1", "new", "accepted"): 1, ("p1", "new", "duplicate"): 1, ("p1", "old", "quarantined"): 1,
        ("p2", "only", "accepted"): 1, (None, "a", "quarantined"): 1, (None, "b", "quarantined"): 1,
    }  # fmt: skip
    refused = quarantined(rows, table=S.POSTS, source="test", keep_records=True).collect()
    assert {tuple(r.reasons) for r in refused} == {(SUPERSEDED,), ("post_id is missing",)}
    assert all(r.record and r.ingested_ts and r.source == "test" for r in refused)


def test_which_row_wins_does_not_depend_on_order(fields):
    # Equal times, different content, and nulls that trade places: (text, title) = (x, null) is not (null, x).
    copies = [
        {"post_id": "p1", "text": "x", "title": None, "event_ts": "2024-04-01"},
        {"post_id": "p1", "text": None, "title": "x", "event_ts": "2024-04-01"},
        {"post_id": "p1", "text": "y", "title": None, "event_ts": "2024-04-01"},
    ]
    results = set()
    for order in (copies, copies[::-1]):
        rows = settled(checked(fields(*order), table=S.POSTS, now=NOW), table=S.POSTS)
        results.add(frozenset((r.text, r.title, r.outcome) for r in rows.collect()))
    assert len(results) == 1
    assert sorted(outcome for *_, outcome in results.pop()) == ["accepted", "quarantined", "quarantined"]


def test_records_that_failed_twice_are_two_rows_of_quarantine(fields):
    rows = settled(checked(fields({"post_id": None}, {"post_id": None}), table=S.POSTS, now=NOW), table=S.POSTS)
    refused = quarantined(rows, table=S.POSTS, source="test", keep_records=False)
    assert refused.columns == S.quarantine_of(S.POSTS).columns
    found = refused.collect()
    assert len({r.record_hash for r in found}) == 2
    assert {r.record for r in found} == {None}


def test_the_second_clock(fields):
    def seen(first_load, history, table=S.POSTS, **record):
        rows = settled(checked(fields(record, first_load=first_load), table=table, now=NOW), table=table)
        instant = (
            accepted(rows, table=table, source="s", history=history).select(F.unix_seconds("ingested_ts")).first()[0]
        )
        return datetime.fromtimestamp(instant, timezone.utc)

    post = {"post_id": "p", "event_ts": "2024-04-01"}
    assert seen(True, True, **post) == APRIL_1
    assert seen(False, True, **post) == LANDED
    assert seen(True, False, **post) == LANDED
    assert seen(True, True, table=S.ITEMS, item_id="i") == EPOCH
    assert seen(True, True, table=S.USERS, user_id="u") == EPOCH


def test_pseudonyms_reach_every_column_that_identifies_a_person(fields):
    key = "a key of enough length"
    users = fields(
        {
            "user_id": "anna",
            "handle": "@anna",
            "display_name": "Anna",
            "bio": "I am Anna",
            "attributes": '{"id": "anna"}',
        }
    )
    acts = fields(
        {"interaction_id": "i", "kind": "like", "actor_id": "anna", "target_user_id": None, "event_ts": "2024-04-01"}
    )
    expected = hmac.new(key.encode(), b"anna", hashlib.sha256).hexdigest()
    user = checked(users, table=S.USERS, now=NOW, key=key).first()
    act = checked(acts, table=S.INTERACTIONS, now=NOW, key=key).first()
    assert (user.user_id, user.handle, user.display_name, user.bio, user.attributes) == (
        expected,
        None,
        None,
        None,
        None,
    )
    assert (act.actor_id, act.target_user_id) == (expected, None)


def test_a_day_of_clock_skew_is_forgiven_and_no_more(fields):
    late = [NOW + timedelta(days=1), NOW + timedelta(days=1, seconds=1)]
    posts = fields(*({"post_id": str(i), "event_ts": t.isoformat()} for i, t in enumerate(late)))
    assert [bool(r) for r in reasons_of(checked(posts, table=S.POSTS, now=NOW))] == [False, True]
