"""From trained weights to a folder that serves: graph, int8, Spark NLP, scores of each step, card, manifest."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pyspark.sql import SparkSession
from safetensors.torch import load as load_weights

from social_signals.evaluation.metrics import log_loss
from social_signals.evaluation.text import entity_f1, macro_recall, tags_in_tagset, tagset_of
from social_signals.nlp.annotate import annotate_sentiment, annotate_words
from social_signals.nlp.entities import tags_of_tokens
from social_signals.nlp.finetune.encoder import PostClassifier, WordClassifier
from social_signals.nlp.finetune.export import (
    CAREFUL,
    answer_with_the_label_alone,
    answers_of,
    export,
    quantise,
    with_small_embedding,
)
from social_signals.nlp.finetune.labelled import ENTITY_LABELS, LEAVES, POST_LABELS, LabelledPost, LabelledSentence
from social_signals.nlp.finetune.loop import Trained, Work
from social_signals.nlp.finetune.params import CardParams
from social_signals.nlp.finetune.pieces import WINDOW, Vocabulary
from social_signals.nlp.leaving import P_LEAVES, leaving_chances, load_leaving_model
from social_signals.nlp.packaged import (
    ModelCard,
    load_entity_model,
    load_sentiment_model,
    sha256_of,
    sign,
    verify_model,
)
from social_signals.nlp.words import split_words
from social_signals.tables.gold_texts import SENTIMENTS
from social_signals.tables.silver import POST_ID, TEXT

PLAIN, SMALL, SERVED = "onnx_float32", "onnx_int8", "spark_nlp_int8"
# Texts whose values show the range of each product; more change the scores by less than seeds do.
CALIBRATION_TEXTS = 256
_QUANTISATION = "static int8, weights per channel in 7 bits; embedding int8, a scale a row; first layer float32"


@dataclass(frozen=True)
class Graphs:
    """The graph of a network, before and after it was made small, and the pieces it reads."""

    plain: Path
    small: Path
    vocabulary: Vocabulary


def package(
    spark: SparkSession, work: Work, trained: Trained, *, out: Path, card: CardParams, more: Mapping[str, Any]
) -> ModelCard:
    """Write the model's folder, measured as it serves; `more` goes into the card as it is. A folder that was there goes."""
    with tempfile.TemporaryDirectory() as scratch:
        graphs = _graphs(work, trained, Path(scratch))
        labels = POST_LABELS.get(work.task, ENTITY_LABELS)
        saved = Path(scratch) / "packaged"
        save_for_spark(spark, graphs.small, graphs.vocabulary.lines, labels, saved, task=work.task)
        words: dict[str, Any] = {
            "model_id": f"{work.task}-{sha256_of(graphs.small)[:12]}",
            "task": work.task,
            "what": card.what or f"{work.task.capitalize()} of an English post.",
            "labels": list(labels),
            "encoder": card.encoder,
            "licence": card.licence,
            "trained_on": [*card.trained_on],
            "measured_on": [*card.measured_on],
            "seed": work.seed,
            "params": {k: v for k, v in asdict(work.params).items() if k != "encoder"},
            "training": {"looks": trained.looks, "steps": trained.steps, "seconds": trained.seconds},
            "window_pieces": WINDOW,
            "quantisation": _QUANTISATION,
            **more,
            "metrics": {},
        }
        sign(saved, words)
        if work.task == "sentiment":
            scores = _sentiment_scores(spark, work, graphs, saved)
        elif work.task in POST_LABELS:
            scores = _leaving_scores(spark, work, graphs, saved)
        else:
            names = [*card.valid_names, *(f"valid_{i}" for i in range(len(card.valid_names), len(work.valid)))]
            scores = _entity_scores(spark, work, graphs, saved, names=names)
        words["metrics"] = {**scores, **more.get("metrics", {})}
        sign(saved, words)
        if out.exists():
            shutil.rmtree(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(saved, out)
    return verify_model(out)


def _graphs(work: Work, trained: Trained, scratch: Path) -> Graphs:
    encoder = scratch / "encoder"
    encoder.mkdir()
    for name, content in work.files.items():
        (encoder / name).write_bytes(content)
    vocabulary = Vocabulary((encoder / "vocab.txt").read_text(encoding="utf-8").splitlines())
    plain, source, small = (scratch / f"{name}.onnx" for name in ("plain", "source", "small"))
    is_posts = work.task in POST_LABELS
    network = (
        PostClassifier(encoder, len(POST_LABELS[work.task]), dropout=0.0)
        if is_posts
        else WordClassifier(encoder, len(ENTITY_LABELS), dropout=0.0)
    )
    network.load_state_dict(load_weights(trained.weights))
    export(network, plain, per_piece=not is_posts)
    export(with_small_embedding(network), source, per_piece=not is_posts)
    quantise(source, small, _calibration(work, vocabulary), kept=CAREFUL)
    if not is_posts:
        answer_with_the_label_alone(small, len(ENTITY_LABELS))
    return Graphs(plain, small, vocabulary)


def _calibration(work: Work, vocabulary: Vocabulary) -> list[list[int]]:
    """Piece ids of training texts, spread over all of them."""
    step = max(1, len(work.train) // CALIBRATION_TEXTS)
    chosen = work.train[::step][:CALIBRATION_TEXTS]
    words = [
        [word.text for word in split_words(example[0])] if work.task in POST_LABELS else list(example.words)
        for example in chosen
    ]
    return [vocabulary.encode(text)[0] for text in words]


def save_for_spark(
    spark: SparkSession, graph: Path, vocabulary: Sequence[str], labels: Sequence[str], out: Path, *, task: str
) -> None:
    """A Spark NLP folder with nothing in it that changes from run to run."""
    from sparknlp.annotator import BertForSequenceClassification, BertForTokenClassification, BertSentenceEmbeddings

    kinds = {
        "sentiment": BertForSequenceClassification,
        "churn_text": BertForSequenceClassification,
        "entities": BertForTokenClassification,
        "embeddings": BertSentenceEmbeddings,
    }
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "source"
        (source / "assets").mkdir(parents=True)
        shutil.copy(graph, source / "model.onnx")
        (source / "assets" / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
        if labels:
            (source / "assets" / "labels.txt").write_text("\n".join(labels) + "\n", encoding="utf-8")
        model = kinds[task].loadSavedModel(str(source), spark)
        model = model.setInputCols(["document", "token"] if labels else ["document"]).setOutputCol(task)
        model = model.setCaseSensitive(True).setMaxSentenceLength(WINDOW).setBatchSize(8)
        saved = Path(scratch) / "saved"
        model.write().overwrite().save(saved.as_uri())
        for litter in [*saved.rglob("*.crc"), *saved.rglob("_SUCCESS")]:
            litter.unlink()
        metadata = next((saved / "metadata").glob("part-*"))
        described = json.loads(metadata.read_text(encoding="utf-8")) | {"timestamp": 0, "uid": task}
        metadata.write_text(json.dumps(described, sort_keys=True) + "\n", encoding="utf-8")
        for packed in saved.glob("*_onnx"):
            _repack(packed)
        shutil.copytree(saved, out)


def _repack(path: Path) -> None:
    """The zip Spark NLP keeps a graph in, smaller and without the time of day."""
    with zipfile.ZipFile(path) as packed:
        content = {name: packed.read(name) for name in packed.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name in sorted(content):
            packed.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content[name], zipfile.ZIP_DEFLATED)


def _sentiment_scores(spark: SparkSession, work: Work, graphs: Graphs, folder: Path) -> dict[str, Any]:
    posts: Sequence[LabelledPost] = work.valid
    truth = [post.label for post in posts]
    rows = [graphs.vocabulary.encode([w.text for w in split_words(post.text)])[0] for post in posts]
    pad = graphs.vocabulary.pad
    said = {
        name: [SENTIMENTS[int(answer.argmax())] for answer in answers_of(path, rows, pad)]
        for name, path in ((PLAIN, graphs.plain), (SMALL, graphs.small))
    }
    frame = spark.createDataFrame([(str(i), post.text) for i, post in enumerate(posts)], [POST_ID, TEXT])
    answers = annotate_sentiment(frame, model=load_sentiment_model(spark, folder)).collect()
    served = {int(row[POST_ID]): row["label"] for row in answers}
    said[SERVED] = [served[i] for i in range(len(posts))]
    agreed = np.mean([a == b for a, b in zip(said[SERVED], said[SMALL], strict=True)])
    return {
        "posts": len(posts),
        "macro_recall": {name: round(macro_recall(truth, labels), 4) for name, labels in said.items()},
        "spark_nlp_agrees_with_onnxruntime": round(float(agreed), 4),
    }


def _leaving_scores(spark: SparkSession, work: Work, graphs: Graphs, folder: Path) -> dict[str, Any]:
    """Log loss on the texts that were chosen by, of each step on the way to serving."""
    truth = [int(label == LEAVES) for _, label in work.valid]
    rows = [graphs.vocabulary.encode([w.text for w in split_words(text)])[0] for text, _ in work.valid]
    said = {
        # a softmax of two is a sigmoid of their difference
        name: [1 / (1 + float(np.exp(a[0] - a[1]))) for a in answers_of(path, rows, graphs.vocabulary.pad)]
        for name, path in ((PLAIN, graphs.plain), (SMALL, graphs.small))
    }
    frame = spark.createDataFrame([(str(i), text) for i, (text, _) in enumerate(work.valid)], [POST_ID, TEXT])
    answers = leaving_chances(frame, model=load_leaving_model(spark, folder)).collect()
    served = {int(row[POST_ID]): float(row[P_LEAVES]) for row in answers}
    # a text without words is read by nobody
    said[SERVED] = [served.get(i, 0.5) for i in range(len(truth))]
    return {
        "texts": len(truth),
        "log_loss": {name: round(log_loss(truth, chances), 4) for name, chances in said.items()},
    }


def _entity_scores(
    spark: SparkSession, work: Work, graphs: Graphs, folder: Path, *, names: Sequence[str]
) -> dict[str, Any]:
    """Scores of each validation set, by its name."""
    model = load_entity_model(spark, folder)
    same = words = 0
    found: dict[str, Any] = {}
    for name_of_set, part in zip(names, work.valid, strict=False):
        sentences: Sequence[LabelledSentence] = part
        truth = [s.tags for s in sentences]
        tagset = tagset_of(tag for tags in truth for tag in tags)
        texts = [" ".join(s.tokens) for s in sentences]
        encoded = [graphs.vocabulary.encode([w.text for w in split_words(text)]) for text in texts]
        said: dict[str, list[list[str]]] = {}
        for name, path in ((PLAIN, graphs.plain), (SMALL, graphs.small)):
            answers = answers_of(path, [ids for ids, _ in encoded], graphs.vocabulary.pad)
            best = [answer[firsts].argmax(-1) for answer, (_, firsts) in zip(answers, encoded, strict=True)]
            said[name] = [
                tags_of_tokens(s.tokens, [ENTITY_LABELS[label] for label in labels])
                for s, labels in zip(sentences, best, strict=True)
            ]
        frame = spark.createDataFrame([(str(i), text) for i, text in enumerate(texts)], [POST_ID, TEXT])
        served = {int(row[POST_ID]): row["tags"] for row in annotate_words(frame, model=model).collect()}
        said[SERVED] = [tags_of_tokens(s.tokens, served[i]) for i, s in enumerate(sentences)]
        scores = {name: entity_f1(truth, [tags_in_tagset(t, tagset) for t in tags]) for name, tags in said.items()}
        last = scores[SERVED]
        found[name_of_set] = {
            "sentences": len(sentences),
            "strict_f1": {name: round(score.f1, 4) for name, score in scores.items()},
            "precision": round(last.precision, 4),
            "recall": round(last.recall, 4),
            "support": last.support,
        }
        for a, b in zip(said[SERVED], said[SMALL], strict=True):
            words += len(a)
            same += sum(x == y for x, y in zip(a, b, strict=True))
    return {**found, "spark_nlp_agrees_with_onnxruntime": round(same / max(1, words), 4)}
