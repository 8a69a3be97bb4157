"""Models that are not ours: what their labels mean, how they are told apart, and what happens where one cannot be had."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from social_signals.core.errors import ConfigError, ModelMismatchError, ResourceError
from social_signals.core.places import shipped
from social_signals.nlp import annotate_entities, annotate_sentiment, entity_model, model_card, sentiment_model
from social_signals.nlp.params import TextModelParams
from social_signals.nlp.pretrained import entity_names, sentiment_names


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged models as anybody's Spark NLP would have saved them: without card and manifest."""
    root = tmp_path_factory.mktemp("foreign")
    for task in ("sentiment", "entities"):
        shutil.copytree(
            shipped("models", task), root / task, ignore=shutil.ignore_patterns("card.json", "manifest.json")
        )
    return root


def test_a_model_that_spark_nlp_saved_reads_posts(spark_session: SparkSession, foreign: Path) -> None:
    posts = spark_session.createDataFrame(
        [("a", "i love the new iphone in paris"), ("b", "worst day ever, so sad"), ("c", "")],
        "post_id string, text string",
    )
    model = sentiment_model(spark_session, TextModelParams(model=str(foreign / "sentiment")))
    said = {row.post_id: row for row in annotate_sentiment(posts, model=model).collect()}
    assert [said[i].label for i in "abc"] == ["positive", "negative", "neutral"]
    assert said["a"].model_id.startswith("sentiment-sentiment-")
    assert said["a"].p_negative + said["a"].p_neutral + said["a"].p_positive == pytest.approx(1.0, abs=1e-4)
    assert (
        model.card.model_id == model_card(TextModelParams(model=str(foreign / "sentiment")), task="sentiment").model_id
    )


def test_labels_of_another_model_may_be_told_and_several_may_mean_one(
    spark_session: SparkSession, foreign: Path
) -> None:
    posts = spark_session.createDataFrame([("a", "i love it so much")], "post_id string, text string")
    told = {"negative": "positive", "neutral": "negative"}
    model = sentiment_model(spark_session, TextModelParams(model=str(foreign / "sentiment"), labels=told))
    row = annotate_sentiment(posts, model=model).first()
    assert row is not None
    assert (row.label, row.p_neutral) == ("positive", 0.0)
    assert row.p_positive > 0.5
    entities = entity_model(
        spark_session, TextModelParams(model=str(foreign / "entities"), labels={"location": "group"})
    )
    named = spark_session.createDataFrame([("a", "We met in paris with obama")], "post_id string, text string")
    found = {row.text: row.entity_type for row in annotate_entities(named, model=entities).collect()}
    assert found.get("paris") == "group"


def test_a_name_needs_a_download_and_without_a_network_that_is_said(spark_session: SparkSession) -> None:
    params = TextModelParams(model="bert_sequence_classifier_that_is_nowhere")
    with pytest.raises(ResourceError, match=r"needs a download from Spark NLP's model hub, and that failed"):
        sentiment_model(spark_session, params)
    assert model_card(params, task="sentiment").model_id == "sentiment-bert_sequence_classifier_that_is_nowhere"


def test_a_folder_of_another_kind_is_refused(tmp_path: Path, foreign: Path) -> None:
    with pytest.raises(ModelMismatchError, match="there is no packaged model at"):
        model_card(TextModelParams(model=str(tmp_path)), task="sentiment")
    with pytest.raises(ModelMismatchError, match="is a BertForTokenClassification, but sentiment needs"):
        model_card(TextModelParams(model=str(foreign / "entities")), task="sentiment")
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "part-00000").write_text(json.dumps({"class": "org.apache.spark.ml.PipelineModel"}))
    with pytest.raises(ModelMismatchError, match="is a PipelineModel"):
        model_card(TextModelParams(model=str(tmp_path)), task="entities")


def test_labels_that_say_nothing_must_be_told() -> None:
    assert sentiment_names(["1 star", "3 stars", "5 stars"], {})["3 stars"] == "neutral"
    with pytest.raises(ConfigError, match="labels that say nothing: joy"):
        sentiment_names(["joy", "positive"], {})
    with pytest.raises(ConfigError, match="cannot mean 'postive'"):
        sentiment_names(["joy"], {"joy": "postive"})
    with pytest.raises(ConfigError, match="no type that we know: MISC"):
        entity_names(["O", "B-MISC"], {})
    assert entity_names(["B-PER", "I-LOC", "O"], {"PER": "group"}) == {"PER": "group", "LOC": "location"}
