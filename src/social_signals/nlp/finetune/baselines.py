"""What fine-tuning must beat, in Spark ML: counted words with logistic regression, and with a decision tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyspark.ml import Pipeline
from pyspark.ml.classification import DecisionTreeClassifier, LogisticRegression
from pyspark.ml.feature import IDF, CountVectorizer, NGram, Normalizer, SQLTransformer
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from social_signals.evaluation.text import entity_f1, macro_recall, tags_in_tagset, tagset_of
from social_signals.nlp.entities import tags_of_tokens
from social_signals.nlp.finetune.labelled import ENTITY_LABELS, LabelledPost, LabelledSentence, WordTargets
from social_signals.nlp.finetune.pieces import without_case
from social_signals.nlp.words import split_words
from social_signals.tables.gold_texts import SENTIMENTS

LOGISTIC, TREE = "tfidf_logistic_regression", "tfidf_decision_tree"
# A tree looks at every value of every column in each of its levels.
_TREE_TERMS, _TREE_DEPTH = 1_000, 10
_TERMS = 50_000


def sentiment_baselines(
    spark: SparkSession, train: Sequence[LabelledPost], valid: Sequence[LabelledPost], *, seed: int
) -> dict[str, float]:
    """Macro recall on `valid` of TF-IDF (words and pairs of words) with each; labels weigh inversely to their frequency."""

    def frame(posts: Sequence[LabelledPost]) -> DataFrame:
        rows = [
            (i, without_case([w.text for w in split_words(p.text)]), float(SENTIMENTS.index(p.label)))
            for i, p in enumerate(posts)
        ]
        return spark.createDataFrame(rows, "row int, words array<string>, label double")

    examples = _weighted(frame(train)).persist()
    kept = frame(valid)
    truth = [post.label for post in valid]
    try:
        return {
            name: macro_recall(truth, _predicted(model.fit(examples).transform(kept), SENTIMENTS))
            for name, model in _pipelines(seed, rows=len(train), pairs=True).items()
        }
    finally:
        examples.unpersist()


def entity_baselines(
    spark: SparkSession, train: Sequence[WordTargets], valid: Sequence[Sequence[LabelledSentence]], *, seed: int
) -> dict[str, float]:
    """Mean strict F1 on the sets of `valid` of each, over a word, its neighbours, its ends and its case."""
    rows = [
        (features, float(_label(allowed)))
        for example in train
        for features, allowed in zip(word_features(example.words), example.allowed, strict=True)
    ]
    examples = (
        spark.createDataFrame(rows, "words array<string>, label double").withColumn("weight", F.lit(1.0)).persist()
    )
    found: dict[str, float] = {}
    try:
        for name, pipeline in _pipelines(seed, rows=len(rows), pairs=False).items():
            model = pipeline.fit(examples)
            found[name] = sum(_entity_score(spark, model, part) for part in valid) / len(valid)
    finally:
        examples.unpersist()
    return found


def word_features(words: Sequence[str]) -> list[list[str]]:
    """What a word looks like, for each word of a sentence: itself, its neighbours, its ends, its case mark.

    >>> word_features(["in", "Tparis"])[1]
    ['is=paris', 'before=in', 'after=', 'starts=par', 'ends=ris', 'case=T', 'before_case=']
    """
    plain = ["", *without_case(words), ""]
    marks = ["", *(word[0] if word != bare else "" for word, bare in zip(words, plain[1:-1], strict=True))]
    return [
        [
            f"is={plain[i]}",
            f"before={plain[i - 1]}",
            f"after={plain[i + 1]}",
            f"starts={plain[i][:3]}",
            f"ends={plain[i][-3:]}",
            f"case={marks[i]}",
            f"before_case={marks[i - 1]}",
        ]
        for i in range(1, len(words) + 1)
    ]


def _label(allowed: frozenset[str]) -> int:
    """A learner that takes one label a word gets `O` wherever it may be that."""
    return min(ENTITY_LABELS.index(label) for label in allowed)


def _pipelines(seed: int, *, rows: int, pairs: bool) -> dict[str, Pipeline]:
    terms = [
        NGram(n=2, inputCol="words", outputCol="pairs"),
        SQLTransformer(statement="SELECT *, concat(words, pairs) AS terms FROM __THIS__"),
    ]
    words = [SQLTransformer(statement="SELECT *, words AS terms FROM __THIS__")]
    first = terms if pairs else words

    def counted(most: int) -> list[Any]:
        return [
            *first,
            CountVectorizer(inputCol="terms", outputCol="counts", vocabSize=most, minDF=2.0),
            IDF(inputCol="counts", outputCol="weighed"),
            Normalizer(inputCol="weighed", outputCol="features"),
        ]

    # C = 2 of scikit-learn, which divides by the number of rows and leaves rare terms as they are
    regression = LogisticRegression(weightCol="weight", maxIter=100, regParam=0.5 / rows, standardization=False)
    tree = DecisionTreeClassifier(weightCol="weight", maxDepth=_TREE_DEPTH, seed=seed)
    return {
        LOGISTIC: Pipeline(stages=[*counted(_TERMS), regression]),
        TREE: Pipeline(stages=[*counted(_TREE_TERMS), tree]),
    }


def _weighted(examples: DataFrame) -> DataFrame:
    counts = {row["label"]: row["count"] for row in examples.groupBy("label").count().collect()}
    total = sum(counts.values())
    weights = F.create_map(*(F.lit(v) for label, n in counts.items() for v in (label, total / (len(counts) * n))))
    return examples.withColumn("weight", weights[F.col("label")])


def _predicted(answers: DataFrame, labels: Sequence[str]) -> list[str]:
    rows = answers.select("row", "prediction").collect()
    said = {row["row"]: labels[int(row["prediction"])] for row in rows}
    return [said[i] for i in range(len(said))]


def _entity_score(spark: SparkSession, model: Any, sentences: Sequence[LabelledSentence]) -> float:
    words = [[w.text for w in split_words(" ".join(s.tokens))] for s in sentences]
    flat = [features for sentence in words for features in word_features(sentence)]
    frame = spark.createDataFrame(list(enumerate(flat)), "row int, words array<string>")
    said = iter(_predicted(model.transform(frame), ENTITY_LABELS))
    tagset = tagset_of(tag for s in sentences for tag in s.tags)
    tags = [
        tags_in_tagset(tags_of_tokens(s.tokens, [next(said) for _ in sentence]), tagset)
        for s, sentence in zip(sentences, words, strict=True)
    ]
    return entity_f1([s.tags for s in sentences], tags).f1
