"""What a fine-tuned encoder makes of what a person wrote: how likely its author leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from social_signals.nlp.finetune.labelled import LEAVES
from social_signals.nlp.packaged import MARKED, load_stage, pieces_of
from social_signals.nlp.reading import each_post, each_text, grouped_texts

TASK = "churn_text"
P_LEAVES = "p_leaves"


def load_leaving_model(spark: SparkSession, folder: Path, *, staging: str | None = None) -> Any:
    """The Spark NLP stage of a folder that `train_text_churn` fine-tuned, checked first. `staging` as for `load_sentiment_model`."""
    return load_stage(spark, folder, staging, task=TASK, annotator="BertForSequenceClassification")[1]


def leaving_chances(texts: DataFrame, *, model: Any, partitions: int | None = None) -> DataFrame:
    """One row per row of `texts` (post_id, text) with words: post_id and p_leaves, 0 to 1. Read are the first 126 words."""
    groups = grouped_texts(texts, partitions=partitions, languages=None, inputs=[MARKED], pieces=pieces_of(model))
    read = each_text(model.transform(groups), TASK).where(F.col(TASK).isNotNull())
    chance = F.col(TASK)["metadata"][LEAVES].cast("double").alias(P_LEAVES)
    return each_post(read.select("*", chance), P_LEAVES)
