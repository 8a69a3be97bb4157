"""Text models with a lighter head (see `heads`), as they serve: a frozen encoder or word vectors, and a head on them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.ml import PipelineModel
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from social_signals.core.errors import ResourceError
from social_signals.nlp.packaged import WRITTEN, EntityModel, SentimentModel, address_of, card_of, require_spark_nlp
from social_signals.nlp.reading import GROUP, PLAIN
from social_signals.tables.gold_texts import SENTIMENTS

FROZEN, CLASSIFIER_DL, NER_DL = "frozen", "classifierdl", "nerdl"
ENCODER, WORD_VECTORS, HEAD = "encoder", "word_vectors", "head"
VECTORS = "vectors"


def load_sentiment_head(spark: SparkSession, folder: Path, *, staging: str | None = None) -> SentimentModel:
    """The sentiment model of a folder that `train_head` wrote. `staging` as for `load_sentiment_model`."""
    card = card_of(folder, task="sentiment")
    require_spark_nlp(spark)
    from sparknlp.annotator import BertSentenceEmbeddings, ClassifierDLModel

    address = address_of(spark, folder, card, staging=staging)
    encoder = BertSentenceEmbeddings.load(f"{address}/{ENCODER}").setInputCols([PLAIN[0]]).setBatchSize(GROUP)
    if card.method == FROZEN:
        stage: Any = LinearHead(encoder.setOutputCol(card.task), **json.loads((folder / f"{HEAD}.json").read_text()))
    else:
        require_tensorflow(spark, card.method)
        head = ClassifierDLModel.load(f"{address}/{HEAD}").setOutputCol(card.task)
        stage = _OneByOne(encoder.setOutputCol(VECTORS), head)
    return SentimentModel(card, stage, inputs=PLAIN)


def load_entity_head(spark: SparkSession, folder: Path, *, staging: str | None = None) -> EntityModel:
    """The entity model of a folder that `train_head` wrote. `staging` as for `load_entity_model`."""
    card = card_of(folder, task="entities")
    require_spark_nlp(spark)
    require_tensorflow(spark, card.method)
    from sparknlp.annotator import NerDLModel, WordEmbeddingsModel

    address = address_of(spark, folder, card, staging=staging)
    vectors = WordEmbeddingsModel.load(f"{address}/{WORD_VECTORS}").setInputCols(list(WRITTEN)).setOutputCol(VECTORS)
    head = NerDLModel.load(f"{address}/{HEAD}").setInputCols([*WRITTEN, VECTORS]).setOutputCol(card.task)
    return EntityModel(card, PipelineModel([vectors, head]), inputs=WRITTEN)


@dataclass(frozen=True)
class LinearHead:
    """Multinomial logistic regression on a sentence encoder's vectors of length 1, in place of Spark NLP's last stage.

    weights: a row a sentiment, in their order, each as wide as the vectors.
    """

    encoder: Any
    weights: list[list[float]]
    intercepts: list[float]

    def transform(self, groups: DataFrame) -> DataFrame:
        """The encoder's column, with an answer in place of each vector: `result`, and a probability a label in `metadata`."""
        column = self.encoder.getOutputCol()
        read: DataFrame = self.encoder.transform(groups)
        return read.withColumn(column, F.transform(column, self._answer))

    def _answer(self, annotation: Column) -> Column:
        vector = annotation["embeddings"]
        length = F.sqrt(_dot(vector, vector))
        logits = [
            F.exp(_dot(vector, _constant(row)) / length + bias)
            for row, bias in zip(self.weights, self.intercepts, strict=True)
        ]
        # a struct for all of them, so that what follows reads each number once
        named = F.struct(*(value.alias(name) for name, value in zip(SENTIMENTS, logits, strict=True)))
        return F.transform(F.array(named), lambda e: _annotation_of(annotation, e))[0]


@dataclass(frozen=True)
class _OneByOne:
    """ClassifierDL gives all sentences of a row the answer to its first: each of a group's texts meets it alone."""

    encoder: Any
    head: Any

    def transform(self, groups: DataFrame) -> DataFrame:
        read: DataFrame = self.encoder.transform(groups)
        answer, kind = self.head.getOutputCol(), read.schema[VECTORS].metadata
        alone = [f"{VECTORS}_{i}" for i in range(GROUP)]
        answers = [f"{answer}_{i}" for i in range(GROUP)]
        for i, (vector, name) in enumerate(zip(alone, answers, strict=True)):
            read = read.withColumn(vector, F.slice(VECTORS, i + 1, 1).alias(vector, metadata=kind))
            read = self.head.setInputCols([vector]).setOutputCol(name).transform(read)
        self.head.setOutputCol(answer)
        return read.withColumn(answer, F.concat(*answers)).drop(*alone, *answers)


def _annotation_of(annotation: Column, powers: Column) -> Column:
    total = sum((powers[name] for name in SENTIMENTS), F.lit(0.0))
    most = F.greatest(*(powers[name] for name in SENTIMENTS))
    best = F.coalesce(*(F.when(powers[name] == most, F.lit(name)) for name in SENTIMENTS))
    pairs = [part for name in SENTIMENTS for part in (F.lit(name), (powers[name] / total).cast("string"))]
    return F.struct(
        F.lit("category").alias("annotatorType"),
        annotation["begin"].alias("begin"),
        annotation["end"].alias("end"),
        best.alias("result"),
        F.create_map(*pairs).alias("metadata"),
        F.array().cast("array<float>").alias("embeddings"),
    )


def _dot(left: Column, right: Column) -> Column:
    products = F.zip_with(left, right, lambda x, y: x.cast("double") * y)
    return F.aggregate(products, F.lit(0.0), lambda total, x: total + x)


def _constant(numbers: Sequence[float]) -> Column:
    # one literal, folded once: an array of 384 columns would be 384 expressions
    return F.split(F.lit(",".join(map(repr, numbers))), ",").cast("array<double>")


def require_tensorflow(spark: SparkSession, method: str) -> None:
    """Spark NLP's own words for it are an `UnsatisfiedLinkError` of JavaCPP."""
    jvm: Any = spark.sparkContext._jvm
    try:
        jvm.org.tensorflow.TensorFlow.version()
    except Exception as error:
        raise ResourceError(
            f"method={method} runs on TensorFlow, whose native library is not on Spark's class path",
            hint="add platform.packages=[org.tensorflow:tensorflow-core-platform:0.4.2] (300 MB, fetched once), or use "
            "method=frozen or method=finetune, which need none",
        ) from error
