"""A mapping: paths, constants, conditions, made keys, what is refused before anything is written."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from social_signals.core.errors import ConfigError, ContractError
from social_signals.ingest.mapping import NOT_JSON, JsonMapping, schema_of
from social_signals.ingest.source import UNREADABLE_TAIL
from social_signals.tables import silver as S

TWEET = {
    "id": 7,
    "text": "hi",
    "at": "2015-01-01",
    "user": {"id_str": "u1", "n": {"deep": 1.50}},
    "to": None,
    "tags": ["a"],
}


@dataclass
class Lines:
    """What a dataset of JSON lines knows of itself."""

    name: str
    peek: list[dict] = field(default_factory=list)
    is_text: bool = True

    @property
    def columns(self):
        return list(dict.fromkeys(key for record in self.peek for key in record))


@pytest.fixture
def bronze(spark_session):
    def build(*records):
        rows = [(r if r is None or isinstance(r, str) else json.dumps(r), "f", "b", True, None) for r in records]
        return spark_session.createDataFrame(
            rows, "record string, file string, batch_id string, is_first_load boolean, ingested_ts timestamp"
        )

    return build


def test_values_come_from_paths_constants_and_same_names(bronze):
    given = {
        "post_id": "id",
        "author_id": "user.id_str",
        "event_ts": "at",
        "media_type": "=status",
        "title": "user.n",
        "language": "=",
    }
    mapping = JsonMapping(S.POSTS, Lines("posts", [TWEET]), given)
    mapping.check()
    row = mapping.fields(bronze(TWEET), {}).first()
    assert (row.post_id, row.author_id, row.event_ts, row.media_type, row.text) == (
        "7",
        "u1",
        "2015-01-01",
        "status",
        "hi",
    )
    assert (row.title, row.language, row.item_id, row.problem) == ('{"deep":1.5}', None, None, None)
    assert (row.dataset, row.batch_id) == ("posts", "b")


def test_a_column_with_a_dot_in_its_name_is_that_column(bronze):
    record = {"user.id": "u1", "post_id": "p", "event_ts": "2015-01-01"}
    mapping = JsonMapping(S.POSTS, Lines("posts", [record]), {"author_id": "user.id"})
    assert mapping.fields(bronze(record), {}).first().author_id == "u1"


def test_broken_records_say_so_and_take_no_good_one_with_them(bronze):
    good = {"post_id": "p", "event_ts": "2015-01-01"}
    odd = {"post_id": "p", "event_ts": "2015-01-01", "user": "not an object"}
    mapping = JsonMapping(S.POSTS, Lines("posts", [good, {"user": {}}]), {"author_id": "user.id"})
    rows = mapping.fields(
        bronze(good, odd, '{"post_id": "p", "te', "garbage", "[1]", "null", None, {"unrelated": 1}), {}
    ).collect()
    assert [r.problem for r in rows] == [None, None, NOT_JSON, NOT_JSON, NOT_JSON, NOT_JSON, UNREADABLE_TAIL, None]
    assert rows[1].post_id == "p"


def test_only_records_that_speak_of_the_table_are_taken(bronze):
    reply, other = {**TWEET, "to": "u2"}, TWEET
    given = {
        "kind": "=comment",
        "actor_id": "user.id_str",
        "target_user_id": "to",
        "event_ts": "at",
        "interaction_id": "id",
    }
    mapping = JsonMapping(S.INTERACTIONS, Lines("interactions", [reply]), given, "to")
    rows = mapping.fields(bronze(reply, other, "broken"), {}).collect()
    assert [(r.target_user_id, r.problem) for r in rows] == [("u2", None), (None, NOT_JSON)]


def test_acts_without_an_id_get_one_from_their_content(bronze):
    act = {"kind": "like", "actor_id": "u1", "event_ts": "2015-01-01"}
    mapping = JsonMapping(S.INTERACTIONS, Lines("interactions", [act]))
    assert mapping.derived == ["interaction_id"]
    same, copy, other = mapping.fields(bronze(act, act, {**act, "actor_id": "u2"}), {}).collect()
    assert len(same.interaction_id) == 32
    assert same.interaction_id == copy.interaction_id != other.interaction_id
    assert JsonMapping(S.INTERACTIONS, Lines("interactions", [{**act, "interaction_id": None}])).derived == []


def test_people_without_a_mapping_keep_what_else_is_said(bronze):
    person = {"user_id": "u1", "handle": "anna", "plan": "gold", "level": 3, "gone": None}
    mapping = JsonMapping(S.USERS, Lines("users", [person]))
    assert json.loads(mapping.fields(bronze(person), {}).first().attributes) == {"plan": "gold", "level": "3"}
    mapped = JsonMapping(S.USERS, Lines("users", [person]), {"display_name": "handle"})
    assert mapped.fields(bronze(person), {}).first().attributes is None


def test_a_missing_required_column_lists_what_is_there():
    with pytest.raises(ContractError) as refused:
        JsonMapping(S.POSTS, Lines("posts", [TWEET]), {"post_id": "tweet_id"}).check()
    assert "silver.posts needs post_id, event_ts, looked for as post_id from tweet_id, event_ts from event_ts" in str(
        refused.value
    )
    assert "source.posts has id, text, at, user, to, tags" in str(refused.value)


def test_a_path_that_no_record_has_is_a_missing_column():
    with pytest.raises(ContractError, match=r"post_id from user\.uid"):
        JsonMapping(S.POSTS, Lines("posts", [TWEET]), {"post_id": "user.uid", "event_ts": "at"}).check()


def test_an_empty_source_misses_nothing():
    JsonMapping(S.POSTS, Lines("posts")).check()


def test_a_whole_and_its_part_cannot_both_be_mapped():
    for places in ([("user",), ("user", "id")], [("user", "id"), ("user",)]):
        with pytest.raises(ConfigError, match="map either the whole or its parts"):
            schema_of(places)


def test_what_is_not_read_is_named_once(caplog):
    with caplog.at_level("INFO", logger="social_signals"):
        JsonMapping(S.POSTS, Lines("posts", [TWEET]), {"post_id": "id", "event_ts": "at", "title": "headline"}).check()
    assert "posts: further columns are not read: user, to, tags" in caplog.text
    assert "nothing is found for title from headline" in caplog.text
