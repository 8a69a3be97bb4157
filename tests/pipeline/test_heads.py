"""Lighter heads as jobs: labelled texts in, a model that serves out, and no PyTorch anywhere."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from social_signals.core.errors import ResourceError
from social_signals.nlp.annotate import annotate_sentiment
from social_signals.nlp.head_models import require_tensorflow
from social_signals.nlp.params import TextModelParams
from social_signals.nlp.pretrained import sentiment_model
from tests.pipeline.conftest import Ran

MOODS = {
    "positive": ["I love {}", "{} made me so happy", "what a great day at {}", "best {} ever, thank you!"],
    "negative": ["I hate {}", "{} was awful", "worst {} of my life", "so disappointed and angry with {}"],
    "neutral": ["{} opens at nine on Monday", "the meeting about {} is on the second floor", "she asked when {} ends"],
}
THINGS = ["the museum", "this phone", "the train", "Berlin", "the concert", "our school", "the new cafe", "her book"]
NAMES, PLACES = ["Anna", "Bob", "Carla"], ["Paris", "Rome", "Oslo"]
FILLER = ["the", "a", "in", "with", "today", "really", "was", "met"]


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = [(t.format(thing), mood) for mood, templates in MOODS.items() for t in templates for thing in THINGS]
    random.Random(7).shuffle(texts)
    path = tmp_path_factory.mktemp("posts") / "posts.tsv"
    path.write_text("".join(f"{text}\t{mood}\n" for text, mood in texts), encoding="utf-8")
    return path


@pytest.fixture
def tensorflow(spark_session: SparkSession) -> None:
    try:
        require_tensorflow(spark_session, "classifierdl")
    except ResourceError:
        pytest.skip("TensorFlow (300 MB) is not on the class path; TEST_PACKAGES brings it")


def test_a_frozen_encoder_with_a_head_serves(
    job_runner: Callable[..., Ran], spark_session: SparkSession, posts: Path, tmp_path: Path
) -> None:
    settings = [
        "method=frozen",
        "head.regularisation=[1e-4]",
        f"labelled.train=[{posts}]",
        "labelled.valid_fraction=0.2",
        "baselines.enabled=false",
    ]
    ran = job_runner("train_sentiment", tmp_path / "lakehouse", *settings)
    assert ran.code == 0, ran.summary.error
    said = ran.summary.metrics["sentiment"]
    assert said["macro_recall"]["spark_nlp"] > 0.8
    again = job_runner("train_sentiment", tmp_path / "lakehouse", *settings)
    assert again.summary.metrics == ran.summary.metrics

    folder = Path(said["folder"])
    model = sentiment_model(spark_session, TextModelParams(model=str(folder)))
    texts = ["I love the train", "the concert was awful", "", *(f"the bus leaves at {n}" for n in range(30))]
    frame = spark_session.createDataFrame(list(enumerate(texts)), "post_id string, text string")
    answers = {int(row.post_id): row for row in annotate_sentiment(frame, model=model).collect()}
    assert [answers[i].label for i in (0, 1, 2)] == ["positive", "negative", "neutral"]
    assert all(r.p_negative + r.p_neutral + r.p_positive == pytest.approx(1.0) for r in answers.values())
    assert {row.model_id for row in answers.values()} == {said["model_id"]}
    alone = annotate_sentiment(frame.where("post_id = '0'"), model=model).first()
    assert alone is not None
    assert alone.p_positive == pytest.approx(answers[0].p_positive, abs=1e-4)


@pytest.mark.parametrize(
    ("job", "settings", "code", "says"),
    [
        ("train_sentiment", ["method=nerdl"], 2, "method=nerdl is no way to train sentiment"),
        ("train_entities", ["method=nerdl"], 2, "head.word_vectors is not set"),
        ("train_sentiment", ["method=frozen", "head.encoder=/nowhere"], 3, "no packaged model at /nowhere"),
    ],
)
def test_what_a_method_lacks_is_a_sentence(
    job: str, settings: list[str], code: int, says: str, job_runner: Callable[..., Ran], posts: Path, tmp_path: Path
) -> None:
    ran = job_runner(job, tmp_path / "lakehouse", f"labelled.train=[{posts}]", *settings)
    assert ran.summary.error is not None
    assert says in ran.summary.error["problem"]
    assert ran.code == code


def test_without_tensorflow_its_methods_say_what_brings_it(
    job_runner: Callable[..., Ran], spark_session: SparkSession, posts: Path, tmp_path: Path
) -> None:
    try:
        require_tensorflow(spark_session, "classifierdl")
    except ResourceError:
        ran = job_runner("train_sentiment", tmp_path / "lakehouse", f"labelled.train=[{posts}]", "method=classifierdl")
        assert ran.code == 5
        assert ran.summary.error is not None
        assert "platform.packages=" in ran.summary.error["hint"]
    else:
        pytest.skip("TensorFlow is on the class path")


def test_classifier_dl_serves_texts_in_groups(
    job_runner: Callable[..., Ran], tensorflow: None, posts: Path, tmp_path: Path
) -> None:
    ran = job_runner(
        "train_sentiment", tmp_path / "lakehouse", "method=classifierdl", f"labelled.train=[{posts}]",
        "labelled.valid_fraction=0.2", "baselines.enabled=false", "head.epochs=20",
    )  # fmt: skip
    assert ran.code == 0, ran.summary.error
    assert ran.summary.metrics["sentiment"]["macro_recall"]["spark_nlp"] > 0.7


def test_ner_dl_serves(job_runner: Callable[..., Ran], tensorflow: None, tmp_path: Path) -> None:
    rng = random.Random(7)
    blocks = []
    for _ in range(300):
        words = [(rng.choice(FILLER), "O") for _ in range(rng.randint(2, 6))]
        name = rng.choice([(rng.choice(NAMES), "B-PER"), (rng.choice(PLACES), "B-LOC")])
        words.insert(rng.randint(0, len(words)), name)
        blocks.append("".join(f"{word}\t{tag}\n" for word, tag in words))
    (tmp_path / "names.conll").write_text("\n".join(blocks), encoding="utf-8")
    vectors = [
        f"{word.lower()} {' '.join(str(round(rng.gauss(0, 1), 3)) for _ in range(20))}"
        for word in (*NAMES, *PLACES, *FILLER)
    ]
    (tmp_path / "vectors.txt").write_text("\n".join(vectors) + "\n", encoding="utf-8")
    ran = job_runner(
        "train_entities", tmp_path / "lakehouse", "method=nerdl", f"labelled.train=[{tmp_path}/names.conll]",
        f"head.word_vectors={tmp_path}/vectors.txt", "baselines.enabled=false", "head.epochs=8",
    )  # fmt: skip
    assert ran.code == 0, ran.summary.error
    assert ran.summary.metrics["entities"]["valid_0"]["strict_f1"]["spark_nlp"] > 0.9
