"""A dump of nine records, each of which says one thing."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from social_signals.core.errors import ConfigError
from social_signals.ingest.source import PROBLEM
from social_signals.ingest.stackexchange import FLOWS, NOT_A_ROW, UNDATED_ACCEPTANCE, open_dump

LANDED = datetime(2024, 5, 1, tzinfo=timezone.utc)
POSTS = [
    '<row Id="1" PostTypeId="1" AcceptedAnswerId="2" CreationDate="2014-01-21T20:26:05.383" Title="R&amp;D?" '
    'Body="&lt;p&gt;Why &lt;b&gt;beer&lt;/b&gt;?&lt;/p&gt;" OwnerUserId="7" />',
    '<row Id="2" PostTypeId="2" ParentId="1" CreationDate="2014-01-22T10:00:00.000" Body="Because" OwnerUserId="8" />',
    '<row Id="3" PostTypeId="2" ParentId="1" CreationDate="2014-01-22T11:00:00.000" Body="No" OwnerUserId="-1" />',
    '<row Id="4" PostTypeId="5" CreationDate="2014-01-22T11:00:00.000" Body="wiki" OwnerUserId="7" />',
    '<row Id="5" PostTypeId="1" AcceptedAnswerId="6" CreationDate="2014-01-23T00:00:00.000" Title="T" Body="B" />',
    '<row Id="9" PostTypeId="1" Crea',
]
COMMENTS = [
    '<row Id="1" PostId="2" Text="a &lt; b&#xA;&quot;ok&quot;" CreationDate="2014-01-22T12:00:00.000" UserId="7" />'
]
VOTES = [
    '<row Id="1" PostId="1" VoteTypeId="2" CreationDate="2014-01-21T00:00:00.000" />',
    '<row Id="2" PostId="2" VoteTypeId="3" CreationDate="2014-01-25T00:00:00.000" />',
    '<row Id="3" PostId="2" VoteTypeId="1" CreationDate="2014-01-24T00:00:00.000" />',
    '<row Id="4" PostId="1" VoteTypeId="5" UserId="8" CreationDate="2014-01-24T00:00:00.000" />',
    '<row Id="5" PostId="1" VoteTypeId="16" CreationDate="2014-01-24T00:00:00.000" />',
    '<row Id="6" PostId="77" VoteTypeId="2" CreationDate="2014-01-24T00:00:00.000" />',
]
USERS = [
    '<row Id="-1" DisplayName="Community" CreationDate="2014-01-21T00:00:00.000" />',
    '<row Id="7" Reputation="101" DisplayName="Zoë &amp; co" CreationDate="2014-01-21T00:00:00.000" Location="Köln" '
    'AboutMe="&lt;p&gt;Hi&lt;/p&gt;" Views="4" UpVotes="0" />',
]
RECORDS = {"posts": POSTS, "comments": COMMENTS, "votes": VOTES, "users": USERS}


@pytest.fixture(scope="module")
def told(request):
    """What every flow says: (dataset, silver table, position among equals) -> rows as dicts."""
    spark = request.getfixturevalue("spark_session")
    schema = "record string, file string, batch_id string, is_first_load boolean, ingested_ts timestamp"
    bronze = {
        name: spark.createDataFrame([(r, f"{name}.xml", "b", True, LANDED) for r in records], schema).localCheckpoint()
        for name, records in RECORDS.items()
    }
    return [(f, [r.asDict() for r in f.fields(bronze[f.dataset], bronze).collect()]) for f in FLOWS]


def rows_of(told, silver, key):
    found = [row for flow, rows in told if flow.silver.name == f"silver.{silver}" for row in rows]
    return {row[key]: {k: v for k, v in row.items() if v is not None} for row in found if row[PROBLEM] is None}


def test_questions_answers_and_comments_are_posts(told):
    posts = rows_of(told, "posts", "post_id")
    assert sorted(posts) == ["c1", "p1", "p2", "p3", "p5"]
    assert (posts["p1"]["title"], posts["p1"]["text"], posts["p1"]["media_type"]) == ("R&D?", "Why beer?", "question")
    assert (posts["p2"]["parent_post_id"], posts["p2"]["author_id"], posts["p2"]["media_type"]) == ("p1", "8", "answer")
    assert (posts["c1"]["parent_post_id"], posts["c1"]["text"], posts["c1"]["author_id"]) == ("p2", 'a < b\n"ok"', "7")


def test_programs_and_the_deleted_write_nothing(told):
    posts = rows_of(told, "posts", "post_id")
    assert "author_id" not in posts["p3"]
    assert "author_id" not in posts["p5"]
    assert list(rows_of(told, "users", "user_id")) == ["7"]


def test_people_come_without_their_totals(told):
    (person,) = rows_of(told, "users", "user_id").values()
    assert (person["display_name"], person["country"], person["bio"]) == ("Zoë & co", "Köln", "Hi")
    assert "101" not in [str(v) for k, v in person.items() if k != "record"]


def test_replies_and_votes_are_acts(told):
    acts = rows_of(told, "interactions", "interaction_id")
    said = {
        key: tuple(act.get(c) for c in ("kind", "actor_id", "target_user_id", "target_post_id", "event_ts"))
        for key, act in acts.items()
    }
    assert said == {
        "comment-1": ("comment", "7", "8", "p2", "2014-01-22T12:00:00.000"),
        "answer-2": ("comment", "8", "7", "p1", "2014-01-22T10:00:00.000"),
        "answer-3": ("comment", None, "7", "p1", "2014-01-22T11:00:00.000"),
        # A vote of the post's own day cannot be older than the post.
        "vote-1": ("like", None, "7", "p1", "2014-01-21T20:26:05.383"),
        "vote-2": ("dislike", None, "8", "p2", "2014-01-25T00:00:00.000"),
        "vote-3": ("answer_accepted", "7", "8", "p2", "2014-01-24T00:00:00.000"),
        "vote-4": ("save", "8", "7", "p1", "2014-01-24T00:00:00.000"),
        "vote-6": ("like", None, None, "p77", "2014-01-24T00:00:00.000"),
    }


def test_an_acceptance_without_a_date_is_not_given_one_and_a_broken_row_is_reported_once(told):
    problems = [(flow.silver.name, row[PROBLEM]) for flow, rows in told for row in rows if row[PROBLEM]]
    assert sorted(problems) == [("silver.interactions", UNDATED_ACCEPTANCE), ("silver.posts", NOT_A_ROW)]


def test_a_folder_without_posts_says_what_it_has(spark_session, tmp_path):
    (tmp_path / "beer.stackexchange.com.7z").write_bytes(b"7z")
    with pytest.raises(
        ConfigError, match=r"has no Posts\.xml or Posts\.xml\.gz; it has beer\.stackexchange\.com\.7z"
    ) as refused:
        open_dump(spark_session, "stackexchange", str(tmp_path))
    assert "unpack the archive first" in str(refused.value)


def test_a_dump_may_lack_everything_but_posts(spark_session, tmp_path, caplog):
    (tmp_path / "Posts.xml").write_text("<posts></posts>")
    opened = open_dump(spark_session, "stackexchange", str(tmp_path))
    assert [d.name for d in opened.datasets] == ["posts"]
    assert {f.dataset for f in opened.flows} == {"posts"}
    assert "has no Votes.xml" in caplog.text
