"""Lighter text models, trained in Spark alone: vectors that stay as they are, with a head on them. No PyTorch here.

`frozen`: the packaged sentence encoder with logistic regression (Spark ML). `classifierdl`: the same vectors with Spark NLP's
ClassifierDL. `nerdl`: word vectors with Spark NLP's NerDL (Chiu and Nichols 2016, arXiv:1511.08308). The last two run on
TensorFlow, which the suite does not bring: `platform.packages=[org.tensorflow:tensorflow-core-platform:0.4.2]`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from pyspark.ml.classification import LogisticRegression
from pyspark.ml.functions import array_to_vector
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from social_signals.core.errors import ConfigError
from social_signals.core.places import shipped
from social_signals.evaluation.text import entity_f1, macro_recall, tags_in_tagset, tagset_of
from social_signals.nlp.annotate import annotate_sentiment, annotate_words
from social_signals.nlp.embeddings import embed_posts, load_embedding_model
from social_signals.nlp.entities import tags_of_tokens
from social_signals.nlp.finetune.labelled import LabelledPost, LabelledSentence, Tagset, word_targets
from social_signals.nlp.finetune.params import CardParams
from social_signals.nlp.finetune.pieces import without_case
from social_signals.nlp.head_models import (
    CLASSIFIER_DL,
    ENCODER,
    FROZEN,
    HEAD,
    NER_DL,
    VECTORS,
    WORD_VECTORS,
    load_entity_head,
    load_sentiment_head,
    require_tensorflow,
)
from social_signals.nlp.packaged import (
    CARD,
    MANIFEST,
    WRITTEN,
    ModelCard,
    require_spark_nlp,
    sha256_of,
    sign,
    verify_model,
)
from social_signals.nlp.params import PACKAGED
from social_signals.nlp.reading import GROUP, PLAIN, as_annotations
from social_signals.nlp.words import split_words, written
from social_signals.tables.gold_texts import EMBEDDING, ENTITY_TYPES, LABEL, SENTIMENTS
from social_signals.tables.silver import POST_ID, TEXT

SERVED = "spark_nlp"
# The widths that Spark NLP ships graphs of NerDL for; narrower vectors are filled up with zeros.
_NER_WIDTHS = (100, 128, 256, 300, 384, 512, 768, 1024, 2048, 4096)


@dataclass
class HeadParams:
    """How a head is trained in Spark alone, on vectors that stay as they are (method frozen, classifierdl or nerdl).

    encoder: the sentence encoder under a head for sentiment: `packaged`, or a folder like it. word_vectors: a text file, `.gz` or
    not, a word and its numbers a line, frequent words first (GloVe's form); nerdl keeps most_words of them. regularisation: strengths
    of L2 that frozen tries; the best on validation stays. epochs, lr, batch_size, dropout: of the other two; null is Spark NLP's own.
    """

    encoder: str = PACKAGED
    word_vectors: str | None = None
    most_words: int = 50_000
    regularisation: list[float] = field(default_factory=lambda: [1e-5, 1e-4, 1e-3])
    epochs: int = 10
    lr: float | None = None
    batch_size: int | None = None
    dropout: float | None = None

    def __post_init__(self) -> None:
        for name in ("most_words", "epochs"):
            if getattr(self, name) < 1:
                raise ConfigError(f"head.{name} is {getattr(self, name)}", hint="give a whole number, 1 or more")
        if not self.regularisation or min(self.regularisation) < 0:
            raise ConfigError(
                f"head.regularisation is {list(self.regularisation)}", hint="give one or more numbers, 0 or above"
            )


@dataclass
class HeadWork:
    """What to train a head on. train and valid: posts for sentiment, data sets of sentences for entities."""

    task: str
    method: str
    params: HeadParams
    seed: int
    train: Sequence[Any]
    valid: Sequence[Any]


def require_head(spark: SparkSession, method: str, params: HeadParams) -> None:
    """Fail before anything is read: the vectors must be there, and TensorFlow where the method runs on it."""
    require_spark_nlp(spark)
    if method in (FROZEN, CLASSIFIER_DL):
        verify_model(encoder_folder(params))
    elif params.word_vectors is None or not Path(params.word_vectors).is_file():
        raise ConfigError(
            "method=nerdl reads words by their vectors, and head.word_vectors "
            + ("is not set" if params.word_vectors is None else f"names no file: {params.word_vectors}"),
            hint="name a text file with a word and its numbers a line, for example GloVe's glove.6B.100d.txt",
        )
    if method != FROZEN:
        require_tensorflow(spark, method)


def encoder_folder(params: HeadParams) -> Path:
    return shipped("models", "embeddings") if params.encoder == PACKAGED else Path(params.encoder)


def content_of(method: str, params: HeadParams) -> list[str]:
    """What the vectors are, for the name of a model that is made of them."""
    if method == NER_DL:
        return [sha256_of(Path(str(params.word_vectors)))]
    return [verify_model(encoder_folder(params)).model_id]


def train_head(
    spark: SparkSession, work: HeadWork, *, out: Path, card: CardParams, more: Mapping[str, Any]
) -> ModelCard:
    """Train, write the model's folder, measure it as it serves; `more` goes into the card. A folder that was there goes."""
    fit = {FROZEN: _fit_frozen, CLASSIFIER_DL: _fit_classifier_dl, NER_DL: _fit_ner_dl}[work.method]
    with tempfile.TemporaryDirectory() as scratch:
        saved = Path(scratch) / "packaged"
        saved.mkdir()
        chosen = fit(spark, work, saved)
        for litter in [*saved.rglob("*.crc"), *saved.rglob("_SUCCESS")]:
            litter.unlink()
        digest = hashlib.sha256()
        for path in sorted(p for p in saved.rglob("*") if p.is_file()):
            digest.update(path.read_bytes())
        words: dict[str, Any] = {
            "model_id": f"{work.task}-{work.method}-{digest.hexdigest()[:12]}",
            "task": work.task,
            "method": work.method,
            "what": card.what or f"{work.task.capitalize()} of an English post, {work.method}.",
            "labels": list(SENTIMENTS if work.task == "sentiment" else ENTITY_TYPES),
            "encoder": card.encoder,
            "licence": card.licence,
            "trained_on": [*card.trained_on],
            "measured_on": [*card.measured_on],
            "seed": work.seed,
            "params": {**asdict(work.params), **chosen},
            **more,
            "metrics": {},
        }
        sign(saved, words)
        if work.task == "sentiment":
            scores = _sentiment_scores(spark, work, saved)
        else:
            names = [*card.valid_names, *(f"valid_{i}" for i in range(len(card.valid_names), len(work.valid)))]
            scores = _entity_scores(spark, work, saved, names)
        words["metrics"] = {**scores, **more.get("metrics", {})}
        sign(saved, words)
        if out.exists():
            shutil.rmtree(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(saved, out)
    return verify_model(out)


def _fit_frozen(spark: SparkSession, work: HeadWork, saved: Path) -> dict[str, Any]:
    both = _vectors(spark, work).persist()
    examples, kept = both.where("weight > 0"), both.where("weight = 0")
    try:
        best: tuple[float, float, Any] | None = None
        for strength in work.params.regularisation:
            learner = LogisticRegression(
                labelCol=LABEL, weightCol="weight", regParam=float(strength), maxIter=200, family="multinomial"
            )
            model = learner.fit(examples)
            rows = model.transform(kept).select(LABEL, "prediction").collect()
            score = macro_recall(
                [SENTIMENTS[int(r[LABEL])] for r in rows], [SENTIMENTS[int(r["prediction"])] for r in rows]
            )
            if best is None or score > best[0]:
                best = (score, float(strength), model)
    finally:
        both.unpersist()
    if best is None:
        raise ConfigError("head.regularisation is empty", hint="give one or more numbers, 0 or above")
    _, strength, model = best
    found = {"weights": model.coefficientMatrix.toArray().tolist(), "intercepts": list(model.interceptVector)}
    (saved / f"{HEAD}.json").write_text(json.dumps(found), encoding="utf-8")
    _copy_encoder(work.params, saved)
    return {"regularisation": strength}


def _vectors(spark: SparkSession, work: HeadWork) -> DataFrame:
    """`label` (a number), `weight` and the vector `features` of each post with words, those to train on and those to choose by.

    Labels weigh inversely to their frequency; what is only chosen by has no weight.
    """
    counts = Counter(post.label for post in work.train)
    weights = {name: len(work.train) / (len(counts) * count) for name, count in counts.items()}
    weighed = [(post, weights[post.label]) for post in work.train] + [(post, 0.0) for post in work.valid]
    rows = [
        (str(i), post.text, float(SENTIMENTS.index(post.label)), weight) for i, (post, weight) in enumerate(weighed)
    ]
    frame = spark.createDataFrame(rows, f"{POST_ID} string, {TEXT} string, {LABEL} double, weight double")
    read = embed_posts(frame, model=load_embedding_model(spark, encoder_folder(work.params)))
    return frame.join(read.select(POST_ID, array_to_vector(F.col(EMBEDDING)).alias("features")), on=POST_ID).drop(TEXT)


def _copy_encoder(params: HeadParams, saved: Path) -> None:
    shutil.copytree(encoder_folder(params), saved / ENCODER, ignore=shutil.ignore_patterns(CARD, MANIFEST))


def _fit_classifier_dl(spark: SparkSession, work: HeadWork, saved: Path) -> dict[str, Any]:
    from sparknlp.annotator import BertSentenceEmbeddings, ClassifierDLApproach

    _copy_encoder(work.params, saved)
    encoder = BertSentenceEmbeddings.load((saved / ENCODER).as_uri()).setInputCols([PLAIN[0]]).setOutputCol(VECTORS)
    lines = [(_plain(post.text), post.label) for post in work.train]
    frame = spark.createDataFrame(
        [([line], label) for line, label in lines if line], f"plain_words array<string>, {LABEL} string"
    )
    learner = ClassifierDLApproach().setInputCols([VECTORS]).setOutputCol(work.task).setLabelColumn(LABEL)
    learner = _set(learner, work, batch_size=64, dropout=0.5, lr=5e-3).setRandomSeed(work.seed)
    vectors = encoder.setBatchSize(GROUP).transform(frame.select(LABEL, *as_annotations(PLAIN)))
    learner.fit(vectors).write().overwrite().save((saved / HEAD).as_uri())
    return {}


def _plain(text: str) -> str:
    return " ".join(without_case([word.text for word in split_words(text)]))


def _fit_ner_dl(spark: SparkSession, work: HeadWork, saved: Path) -> dict[str, Any]:
    from sparknlp.annotator import NerDLApproach, WordEmbeddings

    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "vectors.txt"
        width = _write_vectors(Path(str(work.params.word_vectors)), file, most=work.params.most_words)
        vectors = (
            WordEmbeddings()
            .setInputCols(list(WRITTEN))
            .setOutputCol(VECTORS)
            .setStoragePath(str(file), "TEXT")
            .setStorageRef(f"{work.task}-{work.seed}")
            .setDimension(width)
            .setCaseSensitive(False)
        )
        frame = _tagged(spark, work.train)
        model = vectors.fit(frame)
        learner = NerDLApproach().setInputCols([*WRITTEN, VECTORS]).setOutputCol(work.task).setLabelColumn(LABEL)
        learner = _set(learner, work, batch_size=32, dropout=0.5, lr=1e-3).setRandomSeed(work.seed).setVerbose(0)
        head = learner.fit(model.transform(frame))
        model.write().overwrite().save((saved / WORD_VECTORS).as_uri())
        head.write().overwrite().save((saved / HEAD).as_uri())
    return {}


def _tagged(spark: SparkSession, sets: Sequence[Sequence[LabelledSentence]]) -> DataFrame:
    """A row a sentence: document and tokens as written, and a tag a token; a token that may be `O` is one."""
    rows = []
    for sentences in sets:
        tagset = Tagset.of(sentences)
        for sentence in sentences:
            text = " ".join(sentence.tokens)
            words = written(text, split_words(text))
            tags = ["O" if "O" in a else min(a) for a in word_targets(sentence, tagset).allowed]
            if words:
                rows.append(([" ".join(words)], tags))
    frame = spark.createDataFrame(rows, "written_words array<string>, tags array<string>")
    labels = F.transform(
        WRITTEN[1],
        lambda token, i: token.withField("annotatorType", F.lit("named_entity")).withField("result", F.col("tags")[i]),
    )
    named = frame.select("tags", *as_annotations(WRITTEN))
    return named.withColumn(LABEL, labels.alias(LABEL, metadata={"annotatorType": "named_entity"}))


def _write_vectors(source: Path, target: Path, *, most: int) -> int:
    """The first `most` words of a file of vectors, as wide as NerDL knows; the width."""
    opener = gzip.open if source.suffix == ".gz" else open
    with opener(source, "rt", encoding="utf-8") as lines, target.open("w", encoding="utf-8") as kept:
        width = filler = 0
        for line in islice(lines, most):
            word, *numbers = line.split()
            if not width:
                filler = next((w - len(numbers) for w in _NER_WIDTHS if w >= len(numbers)), 0)
                width = len(numbers) + filler
            kept.write(" ".join([word, *numbers, *["0"] * filler]) + "\n")
    return width


def _set(learner: Any, work: HeadWork, *, batch_size: int, dropout: float, lr: float) -> Any:
    params = work.params
    learner = learner.setMaxEpochs(params.epochs).setBatchSize(params.batch_size or batch_size)
    learner = learner.setLr(float(params.lr or lr))
    return learner.setDropout(float(dropout if params.dropout is None else params.dropout))


def _sentiment_scores(spark: SparkSession, work: HeadWork, folder: Path) -> dict[str, Any]:
    posts: Sequence[LabelledPost] = work.valid
    frame = spark.createDataFrame([(str(i), post.text) for i, post in enumerate(posts)], [POST_ID, TEXT])
    model = load_sentiment_head(spark, folder)
    said = {int(row[POST_ID]): row[LABEL] for row in annotate_sentiment(frame, model=model).collect()}
    score = macro_recall([post.label for post in posts], [said[i] for i in range(len(posts))])
    return {"posts": len(posts), "macro_recall": {SERVED: round(score, 4)}}


def _entity_scores(spark: SparkSession, work: HeadWork, folder: Path, names: Sequence[str]) -> dict[str, Any]:
    model = load_entity_head(spark, folder)
    found: dict[str, Any] = {}
    for name, sentences in zip(names, work.valid, strict=False):
        truth = [sentence.tags for sentence in sentences]
        tagset = tagset_of(tag for tags in truth for tag in tags)
        frame = spark.createDataFrame([(str(i), " ".join(s.tokens)) for i, s in enumerate(sentences)], [POST_ID, TEXT])
        served = {int(row[POST_ID]): row["tags"] for row in annotate_words(frame, model=model).collect()}
        tags = [tags_in_tagset(tags_of_tokens(s.tokens, served[i]), tagset) for i, s in enumerate(sentences)]
        score = entity_f1(truth, tags)
        found[name] = {
            "sentences": len(sentences),
            "strict_f1": {SERVED: round(score.f1, 4)},
            "precision": round(score.precision, 4),
            "recall": round(score.recall, 4),
            "support": score.support,
        }
    return found
