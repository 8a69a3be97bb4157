"""The packaged models, loaded once for all tests of the room."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from social_signals.nlp import EntityModel, SentimentModel, load_entity_model, load_sentiment_model

PACKAGED = Path(__file__).parents[3] / "models"


@pytest.fixture(scope="session")
def sentiment_model(_spark_session: SparkSession) -> SentimentModel:
    return load_sentiment_model(_spark_session, PACKAGED / "sentiment")


@pytest.fixture(scope="session")
def entity_model(_spark_session: SparkSession) -> EntityModel:
    return load_entity_model(_spark_session, PACKAGED / "entities")


@pytest.fixture
def posts(spark_session: SparkSession) -> Callable[..., DataFrame]:
    """`posts(text, ...)`: a frame of posts called 0, 1, 2 and so on."""

    def build(*texts: str | None) -> DataFrame:
        rows = [(str(i), text) for i, text in enumerate(texts)]
        return spark_session.createDataFrame(rows, "post_id string, text string")

    return build
