"""Vectors of texts: near where texts are alike, the same in any company."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession

from social_signals.core.errors import ModelMismatchError
from social_signals.core.places import shipped
from social_signals.nlp.embeddings import EmbeddingModel, embed_posts, load_embedding_model


@pytest.fixture(scope="module")
def model(_spark_session: SparkSession) -> EmbeddingModel:
    return load_embedding_model(_spark_session, shipped("models", "embeddings"))


def vectors(spark: SparkSession, model: EmbeddingModel, *texts: str | None) -> dict[int, np.ndarray]:
    posts = spark.createDataFrame([(str(i), text) for i, text in enumerate(texts)], "post_id string, text string")
    return {int(row.post_id): np.array(row.embedding) for row in embed_posts(posts, model=model).collect()}


def test_texts_that_mean_the_same_are_near(spark_session: SparkSession, model: EmbeddingModel) -> None:
    found = vectors(
        spark_session, model, "How do I brew beer at home?", "what is the way to make beer in my kitchen", "My bike has a flat tyre",
    )  # fmt: skip
    assert found[0] @ found[1] > found[0] @ found[2] + 0.3
    assert np.linalg.norm(found[0]) == pytest.approx(1.0, abs=1e-4)


def test_texts_without_words_have_none_and_equal_texts_equal_ones(
    spark_session: SparkSession, model: EmbeddingModel
) -> None:
    found = vectors(
        spark_session, model, "same words", None, "", "\u200d", "same words", *(f"{'and ' * n}more" for n in range(30))
    )
    assert not set(found) & {1, 2, 3}
    assert (found[0] == found[4]).all()
    alone = vectors(spark_session, model, "same words")
    assert alone[0] == pytest.approx(found[0], abs=1e-5)


def test_a_model_of_another_task_is_refused(spark_session: SparkSession) -> None:
    with pytest.raises(ModelMismatchError, match="is for sentiment, but embeddings was asked for"):
        load_embedding_model(spark_session, shipped("models", "sentiment"))
