"""Where the training jobs of text read labelled examples: files in their own order, Delta folders, tables."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from social_signals.core.errors import ConfigError, DataQualityError
from social_signals.ingest.places import find_files
from social_signals.jobs.job import Context
from social_signals.jobs.places import stored_table
from social_signals.nlp.finetune.labelled import (
    LabelledPost,
    LabelledSentence,
    T,
    held_out,
    parse_posts,
    parse_sentences,
    sentiment_of_name,
    without,
)
from social_signals.nlp.finetune.params import ID_COLUMN, LABEL_COLUMN, TEXT_COLUMN, LabelledParams
from social_signals.nlp.packaged import CARD, ModelCard, verify_model
from social_signals.tables.gold_texts import SENTIMENTS

log = logging.getLogger(__name__)

# People labelled them; they are held on the driver, where PyTorch's examples are made.
MOST_LINES = 2_000_000
TOKENS, TAGS = "tokens", "tags"


def read_lines(spark: SparkSession, place: str, *, setting: str) -> list[str]:
    """The lines of the files of a path or glob, in order, `.gz` or not, from any file system that Spark reaches."""
    paths = ",".join(file.spark_path for file in find_files(spark, place, setting=setting))
    lines = spark.sparkContext.textFile(paths)
    return list(lines.zipWithIndex().filter(lambda numbered: numbered[1] < MOST_LINES).keys().collect())


def labelled_posts(context: Context, params: LabelledParams) -> tuple[list[LabelledPost], list[LabelledPost]]:
    """What to train on and what to choose by; no validation text is among the first.

    Raises DataQualityError where nothing is left, or where not every sentiment occurs in both.
    """
    spark = context.spark
    train = [post for place in params.train for post in _posts(spark, place, params, setting="labelled.train")]
    valid = [post for place in params.valid for post in _posts(spark, place, params, setting="labelled.valid")]
    ids: set[str] = set()
    if params.leave_out:
        lines = read_lines(spark, params.leave_out, setting="labelled.leave_out")
        ids = {line.rstrip("\r\n").rpartition("\t")[2] for line in lines if line.strip()}
    train, valid = _parted(train, valid, params, ids=ids)
    for part, posts in (("train on", train), ("choose by", valid)):
        missing = [label for label in SENTIMENTS if label not in {post.label for post in posts}]
        if missing:
            raise DataQualityError(
                f"of the {len(posts)} posts to {part} none is {' and none is '.join(missing)}",
                hint=f"give posts of all of {', '.join(SENTIMENTS)}, or more of them",
            )
    return train, valid


def labelled_sentences(
    context: Context, params: LabelledParams
) -> tuple[list[list[LabelledSentence]], list[list[LabelledSentence]]]:
    """The data sets to train on and those to choose by, in the order given, each a list of sentences."""
    spark = context.spark
    train = [_sentences(spark, place, setting="labelled.train") for place in params.train]
    valid = [_sentences(spark, place, setting="labelled.valid") for place in params.valid]
    if not valid:
        parted = [held_out(sentences, fraction=params.valid_fraction) for sentences in train]
        train, valid = [kept for kept, _ in parted], [apart for _, apart in parted]
    everything = [sentence for part in valid for sentence in part]
    train = [without(sentences, valid=everything) for sentences in train]
    for part, sets in (("train on", train), ("choose by", valid)):
        for number, sentences in enumerate(sets):
            if not any(tag != "O" for sentence in sentences for tag in sentence.tags):
                raise DataQualityError(
                    f"set {number} to {part} has {len(sentences)} sentences and no entity in them",
                    hint="give sentences with BIO tags, or more of them",
                )
    return train, valid


def _parted(
    train: Sequence[T], valid: Sequence[T], params: LabelledParams, *, ids: set[str]
) -> tuple[list[T], list[T]]:
    kept, apart = (list(train), list(valid)) if valid else held_out(train, fraction=params.valid_fraction)
    left = without(kept, valid=apart, ids=ids)
    log.info(
        "%d texts to train on (%d left out, as they are in validation), %d to choose by",
        len(left),
        len(kept) - len(left),
        len(apart),
    )
    return left, apart


def _posts(spark: SparkSession, place: str, params: LabelledParams, *, setting: str) -> list[LabelledPost]:
    rows = stored_table(spark, place)
    if rows is None:
        columns = params.valid_columns if setting == "labelled.valid" and params.valid_columns else params.columns
        posts, wrong = parse_posts(read_lines(spark, place, setting=setting), columns=columns)
    else:
        _require_columns(rows, place, (TEXT_COLUMN, LABEL_COLUMN))
        chosen = [c for c in (TEXT_COLUMN, LABEL_COLUMN, ID_COLUMN) if c in rows.columns]
        found = rows.select(*(rows[c].cast("string") for c in chosen)).limit(MOST_LINES).collect()
        pairs = [(row, sentiment_of_name(row[LABEL_COLUMN] or "")) for row in found]
        has_id = ID_COLUMN in chosen
        posts = [
            LabelledPost(row[TEXT_COLUMN] or "", label, row[ID_COLUMN] if has_id else None)
            for row, label in pairs
            if label
        ]
        posts.sort()  # rows of a table have no order of their own
        wrong = len(pairs) - len(posts)
    if not posts:
        raise DataQualityError(
            f"{setting}: none of the {wrong} rows of {place} has a known label",
            hint=f"labels are {', '.join(SENTIMENTS)} (or 0, 1, 2); labelled.columns names the columns of a file in order",
        )
    if wrong:
        log.warning("%s: %d of %d rows have no known label and are left out", setting, wrong, wrong + len(posts))
    return posts


def _sentences(spark: SparkSession, place: str, *, setting: str) -> list[LabelledSentence]:
    rows = stored_table(spark, place)
    if rows is None:
        return parse_sentences(read_lines(spark, place, setting=setting))
    _require_columns(rows, place, (TOKENS, TAGS))
    found = rows.select(TOKENS, TAGS).limit(MOST_LINES).collect()
    sentences = sorted(LabelledSentence(tuple(row[TOKENS] or ()), tuple(row[TAGS] or ())) for row in found)
    if uneven := sum(len(s.tokens) != len(s.tags) for s in sentences):
        raise DataQualityError(
            f"{setting}: {uneven} rows of {place} have not as many tags as tokens", hint="give a BIO tag for each token"
        )
    return [sentence for sentence in sentences if sentence.tokens]


def _require_columns(rows: DataFrame, place: str, wanted: Sequence[str]) -> None:
    if missing := [name for name in wanted if name not in rows.columns]:
        raise ConfigError(
            f"{place} has no column {', '.join(missing)}; it has {', '.join(rows.columns)}",
            hint=f"give a table with the columns {', '.join(wanted)}",
        )


def fingerprint_of(task: str, settings: Sequence[Any], *content: object) -> str:
    """What a text model is made of, in 16 hex digits: the same task, settings, encoder and texts give the same ones."""
    digest = hashlib.sha256(json.dumps([task, *settings], sort_keys=True, default=asdict).encode())
    for part in content:
        digest.update(part if isinstance(part, bytes) else repr(part).encode())
    return digest.hexdigest()[:16]


def found_model(folder: Path, made_of: str) -> ModelCard | None:
    """The model of a folder, if it was made of just that."""
    if not (folder / CARD).is_file():
        return None
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    return verify_model(folder) if card.get("made_of") == made_of else None
