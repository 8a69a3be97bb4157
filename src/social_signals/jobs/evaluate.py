"""`evaluate`: measures a model on a labelled file; replaces `gold.evaluation_<task>` by its predictions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame

from social_signals.core.errors import ConfigError, DataQualityError, did_you_mean
from social_signals.evaluation.text import as_bio, entity_f1, macro_recall, tags_in_tagset, tagset_of
from social_signals.jobs import training
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.jobs.labelled import read_lines
from social_signals.jobs.train_influence import pairs_table
from social_signals.models.artefact import INFLUENCE_PAIRS
from social_signals.models.pairing import pair_report
from social_signals.models.pairs import predict_pairs
from social_signals.nlp import (
    annotate_sentiment,
    annotate_words,
    entity_model,
    sentiment_model,
    tags_of_tokens,
)
from social_signals.nlp.finetune.labelled import parse_sentences
from social_signals.nlp.params import TextParams
from social_signals.tables.gold import MODEL_ID, evaluation_of
from social_signals.tables.gold_texts import LABEL, SENTIMENTS
from social_signals.tables.silver import POST_ID, TEXT


@dataclass
class EvaluateParams:
    """path: the labelled file, `.gz` or not. model: folder of a trained influence model, null for the champion."""

    path: str = ""
    model: str | None = None


@dataclass
class EvaluateJob(Job):
    """task: sentiment (text TAB label), entities (token TAB BIO tag, a blank line between sentences) or influence_pairs
    (CSV with Choice, A_* and B_*)."""

    task: str = "sentiment"
    evaluate: EvaluateParams = field(default_factory=EvaluateParams)
    text: TextParams = field(default_factory=TextParams)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.task not in TASKS:
            raise ConfigError(f"there is no task {self.task!r}", hint=did_you_mean(self.task, list(TASKS)))
        if not self.evaluate.path:
            raise ConfigError("evaluate.path is empty", hint="name the labelled file: evaluate.path=FILE")


@dataclass(frozen=True)
class Evaluated:
    """Predictions in the shape of `evaluation_of(task)`, and the metrics."""

    predictions: DataFrame
    metrics: dict[str, Any]


def run(job: EvaluateJob, context: Context) -> Outcome:
    """Predict every row of the file, write the predictions, print the metrics."""
    table = evaluation_of(job.task)
    if job.dry_run:
        return Outcome(status="dry_run", plan=[f"evaluate: predict {job.evaluate.path}, replace {table.name}"])
    evaluated = TASKS[job.task](job, context)
    context.catalog.replace(table, evaluated.predictions)
    return Outcome(metrics=evaluated.metrics, device="cpu")


def _sentiment(job: EvaluateJob, context: Context) -> Evaluated:
    # A row keeps the number of its line, so that a blank one in between shifts nothing.
    lines = {
        n: line.rpartition("\t")
        for n, line in enumerate(read_lines(context.spark, job.evaluate.path, setting="evaluate.path"))
        if line.strip()
    }
    names = dict(zip("012", SENTIMENTS, strict=True)) | {name: name for name in SENTIMENTS}
    wrong = [n for n, (_, tab, label) in lines.items() if not tab or label.strip().lower() not in names]
    if wrong or not lines:
        raise DataQualityError(
            f"{len(wrong)} of {len(lines)} lines are not text TAB label, the first is line {wrong[0] if wrong else 0}",
            hint=f"each line is a text, a tab and one of {', '.join(SENTIMENTS)} (or 0, 1, 2)",
        )
    truth = [names[label.strip().lower()] for _, _, label in lines.values()]
    model = sentiment_model(context.spark, job.text.sentiment, staging=context.staging)
    posts = context.spark.createDataFrame([(str(n), text) for n, (text, _, _) in lines.items()], [POST_ID, TEXT])
    said = {int(r[POST_ID]): (r[LABEL], r[MODEL_ID]) for r in annotate_sentiment(posts, model=model).collect()}
    predicted = [said[n][0] for n in lines]
    recall = {label: _recall(truth, predicted, label) for label in SENTIMENTS if label in truth}
    accuracy = sum(t == p for t, p in zip(truth, predicted, strict=True)) / len(truth)
    metrics = {
        "macro_recall": macro_recall(truth, predicted),
        "accuracy": accuracy,
        "recall": recall,
        "rows": len(truth),
    }
    rows = [(n, label, model_id) for n, (label, model_id) in sorted(said.items())]
    return Evaluated(context.spark.createDataFrame(rows, evaluation_of(job.task).schema), {"sentiment": metrics})


def _recall(truth: list[str], predicted: list[str], label: str) -> float:
    hits = [p == label for t, p in zip(truth, predicted, strict=True) if t == label]
    return sum(hits) / len(hits)


def _entities(job: EvaluateJob, context: Context) -> Evaluated:
    sentences = parse_sentences(read_lines(context.spark, job.evaluate.path, setting="evaluate.path"))
    if not sentences:
        raise DataQualityError(
            f"{job.evaluate.path} has no sentence",
            hint="each line is a token, a tab and a BIO tag; a blank line ends a sentence",
        )
    tokens = [sentence.tokens for sentence in sentences]
    truth = [sentence.tags for sentence in sentences]
    tagset = tagset_of(tag for tags in truth for tag in tags)
    model = entity_model(context.spark, job.text.entities, staging=context.staging)
    posts = context.spark.createDataFrame([(str(n), " ".join(t)) for n, t in enumerate(tokens)], [POST_ID, TEXT])
    said = {int(r[POST_ID]): r["tags"] for r in annotate_words(posts, model=model).collect()}
    predicted = [as_bio(tags_in_tagset(tags_of_tokens(words, said[n]), tagset)) for n, words in enumerate(tokens)]
    score = entity_f1(truth, predicted)
    rows = [(n, tags, model.card.model_id) for n, tags in enumerate(predicted)]
    metrics = {**score._asdict(), "sentences": len(sentences)}
    return Evaluated(context.spark.createDataFrame(rows, evaluation_of(job.task).schema), {"entities": metrics})


def _influence_pairs(job: EvaluateJob, context: Context) -> Evaluated:
    model = training.chosen_model(context.catalog, INFLUENCE_PAIRS, folder=job.evaluate.model)
    pairs, told = predict_pairs(model, pairs_table(context.spark, job.evaluate.path))
    between = [(float(low), float(high)) for low, high in zip(told.low, told.high, strict=True)]
    rows = [
        (n, float(p), *(ends if ends[0] == ends[0] else (None, None)), model.model_id)
        for n, (p, ends) in enumerate(zip(told.probability, between, strict=True))
    ]
    metrics: dict[str, Any] = {"rows": len(rows)}
    if pairs.a_won is not None:
        people: dict[str, Any] = {"persons_a": pairs.persons_a, "persons_b": pairs.persons_b}
        metrics |= pair_report(told.probability, pairs.a_won, **people, seed=job.seed)
    table = evaluation_of(job.task)
    return Evaluated(context.spark.createDataFrame(rows, table.schema), {"influence": {"evaluation": metrics}})


TASKS: dict[str, Callable[[EvaluateJob, Context], Evaluated]] = {
    "sentiment": _sentiment,
    "entities": _entities,
    "influence_pairs": _influence_pairs,
}

SCHEMA = EvaluateJob
