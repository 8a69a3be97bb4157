"""What people write: seen before the cut-off alone, fitted on the training slices alone, told by heads that never saw the person."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import functions as F
from tests.unit.models.conftest import MAY

from social_signals.core.errors import ConfigError, DataQualityError, ModelMismatchError
from social_signals.models.params import ChurnParams, ContractParams
from social_signals.models.text_churn import (
    TextHead,
    fit_head,
    head_probabilities,
    learnt_from,
    out_of_fold,
    placed,
)
from social_signals.models.text_params import ChurnTextParams
from social_signals.models.text_reader import (
    TextReader,
    fit_vectors,
    fit_words,
    person_means,
    require_encoder,
    text_features,
    values_of_vectors,
    values_of_words,
    written,
)
from social_signals.tables.gold_texts import POST_EMBEDDINGS
from social_signals.tables.silver import POSTS

JUNE = MAY + timedelta(days=31)
BEER, BIKE, BREAD = (
    ["hops", "malt", "yeast", "mash", "boil", "keg"],
    ["wheel", "tyre", "chain", "pedal", "brake", "saddle"],
    ["flour", "dough", "oven", "crust", "knead", "loaf"],
)


def texts_about(subjects, *, count=120):
    rng = np.random.default_rng(7)
    return [[str(w) for w in rng.choice(subjects[i % len(subjects)], 8)] for i in range(count)]


def read_again(reader):
    return TextReader.from_json(json.loads(json.dumps(reader.as_json())))


@pytest.mark.parametrize("kind", ["topics", "tfidf"])
def test_words_that_occur_together_share_a_component(kind):
    params = ChurnTextParams(features=kind, components=3, min_posts=2)
    reader = fit_words(texts_about([BEER, BIKE, BREAD]), params=params, seed=1)
    found = read_again(reader).read_words([BEER, BEER[:3], BIKE, BREAD, ["unknown"], []])
    strongest = np.abs(found[:4]).argmax(axis=1)
    assert strongest[0] == strongest[1]
    assert len(set(strongest)) == 3
    assert np.isnan(found[4:]).all()
    # alone or in company, now or read back from the model's folder: the same numbers
    assert (reader.read_words([BEER]) == found[:1]).all()
    assert len(set(reader.columns)) == 3
    assert set(map(frozenset, reader.terms(6))) == {frozenset(words) for words in (BEER, BIKE, BREAD)}


def test_vectors_are_reduced_along_what_tells_them_apart():
    rng = np.random.default_rng(7)
    vectors = rng.normal(size=(200, 6)) * [1, 1, 9, 1, 4, 1]
    reader = read_again(fit_vectors(vectors, params=ChurnTextParams(components=2), made_by="encoder-1"))
    found = reader.read_vectors(vectors)
    assert abs(np.corrcoef(found[:, 0], vectors[:, 2])[0, 1]) > 0.98
    assert abs(np.corrcoef(found[:, 1], vectors[:, 4])[0, 1]) > 0.95
    assert np.abs(found.mean(axis=0)).max() < 1e-5
    with pytest.raises(ModelMismatchError, match="reads vectors of encoder-1, and the posts are read by encoder-2"):
        require_encoder("encoder-2", reader.made_by, model_id="m")


def test_too_few_texts_are_a_sentence():
    with pytest.raises(DataQualityError, match="the training slices have 0 texts or words to learn from"):
        fit_words([], params=ChurnTextParams(features="tfidf"), seed=1)


@pytest.fixture(scope="module")
def people():
    """Those who write along the first direction leave more often; 400 examples of 200 people, one or two posts each."""
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(700, 5))
    person = np.repeat(np.arange(200), 2)
    first = rng.integers(0, 700, 400)
    churned = (vectors[first, 0] + rng.normal(size=400) > 0).astype(int)
    rows = [(i, churned[i], person[i] % 5, first[i]) for i in range(400)]
    rows += [(i, churned[i], person[i] % 5, first[i]) for i in range(0, 400, 3)]
    return pd.DataFrame(rows, columns=["example", "churned", "fold", "post"]), vectors


PARAMS = ChurnTextParams(model="frozen", regularisation=[1.0])


def test_a_head_learns_what_tells_of_leaving_and_says_how_it_does_on_those_it_has_not_seen(people):
    head, told = fit_head(*people, encoder="encoder-1", params=PARAMS, seed=1)
    assert told["roc_auc"] > 0.75
    assert (np.abs(head.weights).argmax(axis=1) == 0).all()
    assert head.folds == 5
    again = TextHead.from_bytes(head.to_bytes())
    assert (again.weights == head.weights).all()
    assert again.encoder == "encoder-1"


def test_no_head_has_seen_the_people_of_its_fold(people):
    rows, vectors = people
    head, _ = fit_head(rows, vectors, encoder="e", params=PARAMS, seed=1)
    other = rows.assign(churned=np.where(rows["fold"] == 2, 1 - rows["churned"], rows["churned"]))
    changed, _ = fit_head(other, vectors, encoder="e", params=PARAMS, seed=1)
    assert (changed.weights[2] == head.weights[2]).all()
    for number in (0, 1, 3, 4, 5):
        assert (changed.weights[number] != head.weights[number]).any()


def test_one_outcome_only_is_refused(people):
    rows, vectors = people
    with pytest.raises(DataQualityError, match="have one outcome only"):
        fit_head(rows.assign(churned=1), vectors, encoder="e", params=PARAMS, seed=1)


@pytest.fixture(scope="module")
def vectors_of():
    """The made-up vector of a post: two numbers that follow from its id."""

    def of(post_id):
        return [float(len(post_id)), float(ord(post_id[-1])) / 100]

    return of


def post(post_id, author, days, *, seen=None):
    """A post so many days before (negative: after) the first of May; seen: days before it when it was ingested."""
    told = days if seen is None else seen
    return {
        "post_id": post_id, "author_id": author, "event_ts": MAY - timedelta(days=days),
        "ingested_ts": MAY - timedelta(days=told), "text": "words",
    }  # fmt: skip


BEFORE = [post("a", "u1", 1), post("bb", "u1", 90), post("c", "u2", 2), post("d", None, 2)]
NOT_SEEN = [
    post("at", "u1", 0), post("later", "u1", -3), post("late", "u1", 5, seen=0), post("old", "u1", 90.001, seen=90.001),
    post("soon", "u3", 1, seen=-20),
]  # fmt: skip


def test_posts_at_or_after_the_cutoff_by_either_clock_change_nothing(rows, spark_session, vectors_of):
    def features(*posts):
        wrote = written(rows(POSTS, *posts), as_of=[MAY], days=90)
        known = rows(
            POST_EMBEDDINGS,
            *[{"post_id": p["post_id"], "embedding": vectors_of(p["post_id"]), "model_id": "e"} for p in posts],
        )
        reader = TextReader("embeddings", 90, "e", (), np.zeros(2), np.eye(2))
        read = text_features(wrote, values_of_vectors(known, read=reader.read_vectors), reader=reader)
        return sorted(map(tuple, read.collect()))

    plain = features(*BEFORE)
    assert [(user, first) for _, user, first, _ in plain] == [("u1", 1.5), ("u2", 1.0)]
    assert features(*NOT_SEEN, *reversed(BEFORE)) == plain


def test_only_what_training_examples_saw_is_learnt_from(rows, spark_session):
    posts = rows(POSTS, *BEFORE, *NOT_SEEN, post("x", "u4", 3))
    examples = spark_session.createDataFrame(
        [
            (MAY, "u1", 1, "train"), (MAY, "u2", 0, "valid"), (MAY, "u4", 0, "test"), (JUNE, "u3", 0, "test"),
            (JUNE, "u1", 1, "between"),
        ],
        "as_of timestamp, user_id string, churned int, role string",
    )  # fmt: skip
    learnt = learnt_from(posts, examples, params=PARAMS, cutoffs=[MAY, JUNE], seed=1).collect()
    assert sorted((row.user_id, row.post_id, row.churned) for row in learnt) == [("u1", "a", 1), ("u1", "bb", 1)]


def test_examples_before_the_test_are_told_by_the_head_that_has_not_seen_them(rows, spark_session, vectors_of):
    ids = ["a", "bb", "c"]
    known = rows(POST_EMBEDDINGS, *[{"post_id": i, "embedding": vectors_of(i), "model_id": "e"} for i in ids])
    # each head says its own number whatever it reads
    head = TextHead("e", 1, np.zeros((6, 2)), np.arange(6) - 3.0)
    wrote = written(rows(POSTS, *BEFORE), as_of=[MAY], days=90)
    chances = head_probabilities(wrote, known, head=head)
    roles = spark_session.createDataFrame(
        [(MAY, "u1", "train"), (MAY, "u2", "valid"), (MAY, "u9", "train")],
        "as_of timestamp, user_id string, role string",
    )
    said = out_of_fold(roles, chances, seed=1, folds=5).collect()
    fold = {
        row.user_id: row.fold
        for row in roles.select(
            "user_id", F.pmod(F.xxhash64(F.lit(1), F.lit("text fold"), "user_id"), F.lit(5)).alias("fold")
        ).collect()
    }
    expected = {user: round(1 / (1 + np.exp(-(fold[user] - 3.0))), 6) for user in ("u1", "u2")}
    assert {row.user_id: row.p_churn_text for row in said} == expected
    assert all(row.is_out_of_fold for row in said)
    test = out_of_fold(roles.withColumn("role", F.lit("test")), chances, seed=1, folds=5).collect()
    assert {row.p_churn_text for row in test} == {round(1 / (1 + np.exp(-2.0)), 6)}
    assert not any(row.is_out_of_fold for row in test)


def test_words_of_one_text_are_those_of_every_post_that_says_it(spark_session):
    reader = fit_words(
        texts_about([BEER, BIKE, BREAD]), params=ChurnTextParams(features="tfidf", components=2, min_posts=2), seed=1
    )
    texts = spark_session.createDataFrame(
        [(["p1", "p2"], BEER), (["p3"], ["unknown"])], "post_ids array<string>, words array<string>"
    )
    values = values_of_words(texts, reader=reader)
    said = {row.post_id: row["values"] for row in values.collect()}
    assert set(said) == {"p1", "p2"}
    assert said["p1"] == said["p2"] == (reader.read_words([BEER])[0] * 1e6).round().astype(int).tolist()
    wrote = spark_session.createDataFrame(
        [(MAY, "u1", "p1"), (MAY, "u1", "p2"), (MAY, "u2", "p3")], "as_of timestamp, user_id string, post_id string"
    )
    means = person_means(wrote, values, count=2).collect()
    assert [(row.user_id, row.means) for row in means] == [("u1", [v / 1e6 for v in said["p1"]])]


def test_posts_without_a_vector_are_left_out_and_examples_numbered_by_cutoff_and_person():
    seen = pd.DataFrame(
        [(JUNE, "u1", 1, 3, "b"), (MAY, "u2", 0, 4, "c"), (MAY, "u2", 0, 4, "a"), (MAY, "u3", 1, 0, "none")],
        columns=["as_of", "user_id", "churned", "fold", "post_id"],
    )
    found = placed(seen, ["a", "b", "c"])
    assert found.to_numpy().tolist() == [[0, 0, 4, 0], [0, 0, 4, 2], [1, 1, 3, 1]]


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"features": "tfdif"}, "churn.text.features is 'tfdif'"),
        ({"model": "gpt"}, "churn.text.model is 'gpt'"),
        ({"folds": 1}, "churn.text.folds is 1"),
        ({"regularisation": []}, r"churn.text.regularisation is \[\]"),
    ],
)
def test_settings_that_mean_nothing_are_refused(setting, says):
    with pytest.raises(ConfigError, match=says):
        ChurnTextParams(**setting)


def test_contracts_have_no_posts():
    with pytest.raises(ConfigError, match="a table of contracts has no posts"):
        ChurnParams(
            definition="contract", contract=ContractParams(table="t.csv"), text=ChurnTextParams(features="tfidf")
        )
