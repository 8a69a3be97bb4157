"""Topics: words that are about something, coherence, labels that stay, shares that add up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from itertools import permutations

import pytest
from pyspark.sql import DataFrame, SparkSession
from scipy.sparse import csr_matrix

from social_signals.core.errors import DataQualityError
from social_signals.nlp.params import TopicParams
from social_signals.nlp.topics import (
    Topic,
    TopicModel,
    assign_topics,
    creator_topics,
    fit_topics,
    load_topics,
    npmi_coherence,
    numbered,
    save_topics,
    topic_words,
)
from social_signals.tables.gold_texts import POST_TOPICS
from social_signals.tables.silver import POSTS

BEER = ["hops malt yeast barley", "yeast barley brewing malt", "malt hops brewing barley", "brewing yeast hops malt"]
BIKES = ["pedal wheel saddle chain", "chain wheel brake pedal", "saddle brake wheel chain", "pedal brake chain saddle"]
PARAMS = TopicParams(counts=[2, 4], iterations=40, top_words=4, min_posts=2, max_share=0.9)


@pytest.fixture(scope="module")
def beer_and_bikes(_spark_session: SparkSession) -> DataFrame:
    texts = [f"{text} {i % 3 * 'again '}" for i in range(30) for text in (*BEER, *BIKES)]
    return _spark_session.createDataFrame([(f"p{i}", t) for i, t in enumerate(texts)], "post_id string, text string")


@pytest.fixture(scope="module")
def model(beer_and_bikes: DataFrame) -> TopicModel:
    return fit_topics(topic_words(beer_and_bikes), params=PARAMS, seed=7)


def test_links_accounts_stop_words_and_signs_are_about_nothing(spark_session: SparkSession) -> None:
    text = "I can't believe the #Brewing at @anna's https://t.co/x &amp; HOPS, hops!! 42 \\u2019 caf\u00e9"
    frame = spark_session.createDataFrame(
        [("a", text), ("b", None), ("c", "\U0001f600")], "post_id string, text string"
    )
    words = {row.post_ids[0]: row.words for row in topic_words(frame).collect()}
    assert words == {"a": ["believe", "brewing", "hops", "hops", "caf\u00e9"], "b": [], "c": []} | {"b": words["b"]}
    assert words["b"] == []


def test_the_number_of_topics_is_the_most_coherent_one(model: TopicModel) -> None:
    assert len(model.topics) == 2
    assert model.coherence[2] > model.coherence[4]
    found = sorted({term for term, _ in topic.terms} & set(" ".join(BEER).split()) != set() for topic in model.topics)
    assert found == [False, True]


def test_a_post_is_about_what_its_words_say(model: TopicModel, spark_session: SparkSession) -> None:
    posts = spark_session.createDataFrame(
        [("beer", "the malt and the hops"), ("bike", "a new saddle, a new brake"), ("none", "zebra")],
        "post_id string, text string",
    )
    answers = {row.post_id: row for row in assign_topics(topic_words(posts), model).collect()}
    of_word = {term: topic.number for topic in model.topics for term, _ in topic.terms}
    assert answers["beer"].topic == of_word["malt"]
    assert answers["bike"].topic == of_word["saddle"]
    assert answers["none"].topic is None
    assert answers["none"].weights == []
    assert sum(w.weight for w in answers["beer"].weights) == pytest.approx(1.0, abs=0.02)


def test_learnt_again_the_topics_are_the_same(model: TopicModel, beer_and_bikes: DataFrame) -> None:
    shuffled = beer_and_bikes.repartition(5).orderBy("text")
    again = fit_topics(topic_words(shuffled), params=PARAMS, seed=7)
    assert [(t.number, t.label) for t in again.topics] == [(t.number, t.label) for t in model.topics]


def test_a_topic_that_is_still_there_keeps_its_number_and_label() -> None:
    before = [Topic(4, "beer", (("hops", 0.2), ("malt", 0.1)), 0.1, 0.5), Topic(0, "gone", (("x", 0.1),), 0.1, 0.5)]
    terms = [[("wheel", 0.3), ("chain", 0.2), ("brake", 0.1)], [("malt", 0.3), ("hops", 0.2), ("yeast", 0.1)]]
    bikes, beer = numbered(terms, [0.1, 0.2], [0.6, 0.4], before=before)
    assert (beer.number, beer.label) == (4, "beer")
    assert (bikes.number, bikes.label) == (0, "wheel, chain, brake")


def test_labels_are_unlike_each_other() -> None:
    terms = [[("a", 0.3), ("b", 0.2), ("c", 0.1), ("d", 0.1)], [("a", 0.3), ("b", 0.2), ("c", 0.1), ("e", 0.1)]]
    first, second = numbered(terms, [0.1, 0.1], [0.6, 0.4], before=[])
    assert (first.label, second.label) == ("a, b, c", "a, b, c, e")


def test_coherence_of_words_that_meet_by_chance_is_nothing() -> None:
    present = csr_matrix([[1, 1], [1, 0], [0, 1], [0, 0]])
    assert npmi_coherence(present, [0, 1]) == pytest.approx(0.0)


def test_too_few_words_are_said_to_be_too_few(spark_session: SparkSession) -> None:
    posts = spark_session.createDataFrame([("a", "hops"), ("b", "malt")], "post_id string, text string")
    with pytest.raises(DataQualityError, match="too few words occur in 5 posts"):
        fit_topics(topic_words(posts), params=TopicParams(), seed=7)


def test_a_saved_model_says_the_same(model: TopicModel, spark_session: SparkSession, tmp_path) -> None:
    named = save_topics(model, tmp_path, params={}, seed=7)
    assert named.model_id.startswith("topics-")
    assert save_topics(model, tmp_path, params={}, seed=7).model_id == named.model_id
    loaded = load_topics(spark_session, tmp_path / named.model_id)
    assert loaded.topics == named.topics
    posts = spark_session.createDataFrame([("beer", "malt hops")], "post_id string, text string")
    first, second = (assign_topics(topic_words(posts), m).first() for m in (named, loaded))
    assert first == second


def test_shares_of_a_person_are_of_what_was_known_at_the_cut_off(rows: Callable[..., DataFrame]) -> None:
    day = datetime(2020, 5, 1, tzinfo=timezone.utc)
    posts = rows(
        POSTS,
        {"post_id": "a", "author_id": "u", "event_ts": day, "text": "x"},
        {"post_id": "b", "author_id": "u", "event_ts": day, "text": "x"},
        {"post_id": "late", "author_id": "u", "event_ts": day + timedelta(days=2), "text": "x"},
        {"post_id": "nobody", "author_id": None, "event_ts": day, "text": "x"},
    )
    about = rows(
        POST_TOPICS,
        *(
            {"post_id": p, "topic": t, "weights": [(t, 0.75), (1 - t, 0.25)], "text_hash": "h", "model_id": "m"}
            for p, t in (("a", 0), ("b", 1), ("late", 1), ("nobody", 1))
        ),
    )
    found = creator_topics(about, posts, as_of=day + timedelta(days=1), model_id="m").collect()
    assert sorted((r.user_id, r.topic, r.share, r.posts_count) for r in found) == [("u", 0, 0.5, 2), ("u", 1, 0.5, 2)]


def test_a_share_does_not_depend_on_the_order_of_the_posts(
    rows: Callable[..., DataFrame], spark_session: SparkSession
) -> None:
    day = datetime(2024, 5, 1, tzinfo=timezone.utc)
    # Added as floats these come to 0.600002 or to a little more or less, and a quarter of that lies between two shares.
    orders = list(permutations([0.1, 0.2, 0.3, 0.000002]))
    said = [(f"u{u}", f"p{u}-{i}", weight) for u, order in enumerate(orders) for i, weight in enumerate(order)]
    posts = rows(POSTS, *({"post_id": p, "author_id": u, "event_ts": day} for u, p, _ in said))
    weights = [{"post_id": p, "topic": 0, "weights": [(0, w)], "text_hash": "h", "model_id": "m"} for _, p, w in said]
    found = creator_topics(rows(POST_TOPICS, *weights), posts, as_of=day + timedelta(days=1), model_id="m").collect()
    assert len(found) == len(orders)
    assert {r.share for r in found} == {0.150001}
