"""Posts in, answers out: no row lost, each text read once, and the same answer in any company."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from pyspark.sql import DataFrame

from social_signals.core.errors import ConfigError
from social_signals.nlp import (
    EntityModel,
    SentimentModel,
    annotate,
    annotate_entities,
    annotate_sentiment,
    entities_of,
    sentiment_of,
)
from social_signals.tables.gold_texts import POST_ENTITIES, POST_SENTIMENT

Posts = Callable[..., DataFrame]

TRAPS = (
    None,
    "",
    "   \n\t ",
    "\u200d\u200b\ufeff",
    "\x00\x00",
    "\U0001f600\U0001f602\u2764\ufe0f",
    "https://t.co/abcdef",
    "!!! ... ???",
    "z" * 10_000,
    "I love Berlin \x00 and \u200dParis\u200d with \U0001f468\u200d\U0001f469\u200d\U0001f467 in Rome",
    "\u041c\u043e\u0441\u043a\u0432\u0430 \u5317\u4eac \u0627\u0644\u0642\u0627\u0647\u0631\u0629 London \u05ea\u05dc \u05d0\u05d1\u05d9\u05d1",
    "<p>Great &amp; cheap<br/>in New&nbsp;York</p> &#39;ok&#39; \\u2019 &notanentity;",
    "O O B-person I-person",
    "Tparis [CLS] [SEP] [PAD] ##ing",
    "word " * 200_000,
)


@pytest.fixture(scope="module")
def traps(_spark_session, sentiment_model: SentimentModel, entity_model: EntityModel) -> list:
    posts = _spark_session.createDataFrame([(str(i), t) for i, t in enumerate(TRAPS)], "post_id string, text string")
    rows = annotate(posts, sentiment=sentiment_model, entities=entity_model).collect()
    return sorted(rows, key=lambda row: int(row.post_id))


def test_no_post_is_lost_whatever_its_text(traps: list):
    assert [int(row.post_id) for row in traps] == list(range(len(TRAPS)))
    for row, text in zip(traps, TRAPS, strict=True):
        assert row.text_hash == hashlib.sha256((text or "").encode()).hexdigest()
        assert row.sentiment.label in ("negative", "neutral", "positive")
        chances = (row.sentiment.p_negative, row.sentiment.p_neutral, row.sentiment.p_positive)
        assert sum(chances) == pytest.approx(1.0, abs=1e-5)


def test_a_text_without_words_is_surely_neutral_and_names_nobody(traps: list):
    for row in traps[:5]:
        assert row.sentiment.label == "neutral"
        assert row.sentiment.p_neutral == 1.0
        assert row.entities == []


def test_entities_of_traps_slice_their_text(traps: list):
    for row, text in zip(traps, TRAPS, strict=True):
        ends = [0]
        for entity in row.entities:
            assert text[entity.begin : entity.end] == entity.text
            assert entity.begin >= ends[-1]
            ends.append(entity.end)
    assert {entity.text for entity in traps[9].entities} >= {"Berlin", "Rome"}


def test_known_sentences_get_sensible_labels(posts: Posts, sentiment_model: SentimentModel):
    said = posts(
        "I love this phone, best purchase ever!",
        "Worst customer service I have ever had, I hate this airline",
        "The meeting is on Tuesday at 10 am",
        "I do not like this at all",
        "so happy \U0001f60d\U0001f60d",
    )
    rows = annotate_sentiment(said, model=sentiment_model).collect()
    labels = {int(row.post_id): row.label for row in rows}
    assert labels == {0: "positive", 1: "negative", 2: "neutral", 3: "negative", 4: "positive"}


def test_known_names_are_found_with_their_types(posts: Posts, entity_model: EntityModel):
    said = posts("Barack Obama visited London yesterday", "flew from Paris to Chicago with Anna Smith")
    found = {(e.text, e.entity_type) for e in annotate_entities(said, model=entity_model).collect()}
    assert found >= {("Barack Obama", "person"), ("London", "location"), ("Paris", "location"), ("Chicago", "location")}


def test_both_tables_come_out_of_one_reading(posts: Posts, sentiment_model: SentimentModel, entity_model: EntityModel):
    read = annotate(posts("London calling", None), sentiment=sentiment_model, entities=entity_model)
    assert sentiment_of(read).columns == POST_SENTIMENT.columns
    assert entities_of(read).columns == POST_ENTITIES.columns
    types = {f.name: f.dataType for f in POST_SENTIMENT.schema.fields + POST_ENTITIES.schema.fields}
    for frame in (sentiment_of(read), entities_of(read)):
        assert all(types[f.name] == f.dataType for f in frame.schema.fields)
    assert {row.model_id for row in sentiment_of(read).collect()} == {sentiment_model.card.model_id}


def test_an_answer_does_not_depend_on_the_company(posts: Posts, sentiment_model: SentimentModel):
    alone = posts("not sure about the new update, it is slow").transform(annotate_sentiment, model=sentiment_model)
    texts = ["not sure about the new update, it is slow", *(f"{'so ' * n}good {n}" for n in range(60))]
    crowd = annotate_sentiment(posts(*texts), model=sentiment_model, partitions=1).where("post_id = '0'")
    (one,), (other,) = alone.collect(), crowd.collect()
    assert one.label == other.label
    # sums of floats are taken in another order in another company, and nothing more
    assert [one.p_negative, one.p_neutral] == pytest.approx([other.p_negative, other.p_neutral], abs=1e-5)


def test_equal_texts_get_equal_answers_each(posts: Posts, sentiment_model: SentimentModel):
    rows = annotate_sentiment(posts("same text", "same text", "other"), model=sentiment_model).collect()
    assert len(rows) == 3
    by_post = {row.post_id: row for row in rows}
    assert by_post["0"].p_neutral == by_post["1"].p_neutral
    assert by_post["0"].text_hash == by_post["1"].text_hash != by_post["2"].text_hash


def test_asking_for_nothing_is_refused(posts: Posts):
    with pytest.raises(ConfigError, match="asked for nothing"):
        annotate(posts("x"))
