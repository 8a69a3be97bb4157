"""A packaged model is loaded as it was packaged, or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyspark.sql import SparkSession

from social_signals.core.errors import ModelMismatchError, ResourceError
from social_signals.nlp import load_entity_model, load_sentiment_model, verify_model

PACKAGED = Path(__file__).parents[3] / "models"
LIMIT_MB = 30


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PACKAGED / "sentiment", tmp_path / "sentiment"))


@pytest.mark.parametrize("name", ["sentiment", "entities", "embeddings"])
def test_packaged_models_are_whole_small_and_described(name: str):
    card = verify_model(PACKAGED / name)
    assert card.task == name
    assert card.model_id.startswith(f"{name}-")
    assert sum(p.stat().st_size for p in (PACKAGED / name).rglob("*") if p.is_file()) < LIMIT_MB * 2**20


def test_the_cards_hold_what_the_models_promise():
    sentiment = verify_model(PACKAGED / "sentiment").metrics
    assert sentiment["macro_recall"]["spark_nlp_int8"] >= 0.70
    best = max(baseline["macro_recall"] for baseline in sentiment["baselines"].values())
    assert sentiment["macro_recall"]["spark_nlp_int8"] > best + 0.03
    assert sentiment["spark_nlp_agrees_with_onnxruntime"] >= 0.995
    entities = verify_model(PACKAGED / "entities").metrics
    assert entities["wnut17_dev"]["strict_f1"]["spark_nlp_int8"] >= 0.58
    assert entities["btc_dev"]["strict_f1"]["spark_nlp_int8"] >= 0.70
    assert entities["spark_nlp_agrees_with_onnxruntime"] >= 0.995


def test_a_changed_file_is_refused(copy: Path):
    card = copy / "card.json"
    card.write_text(card.read_text().replace('"seed"', '"seeds"'))
    with pytest.raises(ModelMismatchError, match=r"changed: card.json(?s:.*)To fix: restore"):
        verify_model(copy)


def test_a_missing_file_is_refused(copy: Path):
    (copy / "fields" / "vocabulary" / "part-00000").unlink()
    with pytest.raises(ModelMismatchError, match="missing: fields/vocabulary/part-00000"):
        verify_model(copy)


def test_a_file_that_was_added_is_refused(copy: Path):
    (copy / "fields" / "vocabulary" / "part-00001").write_bytes(b"")
    with pytest.raises(ModelMismatchError, match="not part of it: fields/vocabulary/part-00001"):
        verify_model(copy)


def test_a_folder_without_a_model_says_so(tmp_path: Path):
    with pytest.raises(ModelMismatchError, match="there is no packaged model at"):
        verify_model(tmp_path / "nowhere")


def test_the_model_of_the_other_task_is_refused(spark_session: SparkSession):
    with pytest.raises(ModelMismatchError, match="is for entities, but sentiment was asked for"):
        load_sentiment_model(spark_session, PACKAGED / "entities")


def test_a_model_travels_over_shared_storage(spark_session: SparkSession, tmp_path: Path):
    staging = (tmp_path / "shared").as_uri()
    for _ in range(2):
        model = load_sentiment_model(spark_session, PACKAGED / "sentiment", staging=staging)
    assert [path.name for path in (tmp_path / "shared").iterdir() if path.is_dir()] == [model.card.model_id]


def test_a_session_without_the_jar_gets_a_sentence(spark_session: SparkSession):
    real = spark_session.sparkContext._jvm
    # what py4j answers for a class that no jar has
    absent = real.com.example.nowhere
    package = SimpleNamespace(BertForTokenClassification=absent.BertForTokenClassification)
    com = SimpleNamespace(
        johnsnowlabs=SimpleNamespace(
            nlp=SimpleNamespace(annotators=SimpleNamespace(classifier=SimpleNamespace(dl=package)))
        )
    )
    session = SimpleNamespace(sparkContext=SimpleNamespace(_jvm=SimpleNamespace(com=com, java=real.java)))
    with pytest.raises(
        ResourceError, match=r"no Spark NLP jar \(com.johnsnowlabs.nlp:spark-nlp_2.12:(?s:.*)--packages"
    ):
        load_entity_model(session, PACKAGED / "entities")
