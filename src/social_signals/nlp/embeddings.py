"""Where a text lies among texts: one vector a post, from a frozen sentence encoder that runs through Spark NLP."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from social_signals.nlp.packaged import ModelCard, address_of, card_of, pieces_of, require_spark_nlp
from social_signals.nlp.reading import GROUP, PLAIN, POST_IDS, each_post, each_text, grouped_texts
from social_signals.tables.gold import MODEL_ID
from social_signals.tables.gold_texts import EMBEDDING, TEXT_HASH
from social_signals.tables.silver import POST_ID, TEXT

TASK = "embeddings"


class EmbeddingModel(NamedTuple):
    """A loaded sentence encoder: its card and the Spark NLP stage that reads `document`."""

    card: ModelCard
    stage: Any


def load_embedding_model(spark: SparkSession, folder: Path, *, staging: str | None = None) -> EmbeddingModel:
    """The sentence encoder of a folder on the driver, checked first. `staging` as for `load_sentiment_model`."""
    card = card_of(folder, task=TASK)
    require_spark_nlp(spark)
    from sparknlp.annotator import BertSentenceEmbeddings

    address = address_of(spark, folder, card, staging=staging)
    stage = BertSentenceEmbeddings.load(address)
    return EmbeddingModel(card, stage.setInputCols([PLAIN[0]]).setOutputCol(TASK).setBatchSize(GROUP))


def embed_posts(posts: DataFrame, *, model: EmbeddingModel, partitions: int | None = None) -> DataFrame:
    """One row per post with words: the rows of `gold.post_embeddings`. Each distinct text is read once.

    The vector has length 1, so that dot products are cosines; it stands for the first 126 words.
    """
    groups = grouped_texts(posts, partitions=partitions, languages=None, inputs=[PLAIN], pieces=pieces_of(model.stage))
    texts = each_text(model.stage.transform(groups), TASK)
    vector = F.col(TASK)["embeddings"]
    length = F.sqrt(F.aggregate(vector, F.lit(0.0), lambda total, x: total + x.cast("double") * x))
    # an array of lengths: one value in the lambda would be worked out anew for each of the vector's numbers
    unit = F.zip_with(vector, F.array_repeat("length", F.size(vector)), lambda x, y: (x / y).cast("float"))
    read = texts.withColumn("length", length).where(F.col("length") > 0)
    answers = read.select(POST_IDS, unit.alias(EMBEDDING), TEXT_HASH, F.lit(model.card.model_id).alias(MODEL_ID))
    return each_post(answers, EMBEDDING, TEXT_HASH, MODEL_ID)


def embed_texts(spark: SparkSession, texts: Sequence[str], *, model: EmbeddingModel) -> NDArray[np.float32]:
    """A row of length 1 per text, in their order, as `embed_posts` would give posts; for a handful. Texts without words have none."""
    rows = spark.createDataFrame(
        [(f"{n:06}", text) for n, text in enumerate(texts)], f"{POST_ID} string, {TEXT} string"
    )
    few = embed_posts(rows, model=model, partitions=1).select(POST_ID, EMBEDDING).collect()
    return np.array([row[EMBEDDING] for row in sorted(few, key=lambda row: str(row[POST_ID]))], dtype=np.float32)
