"""Posts to what Spark NLP's models read: each distinct text once, its words, its language, in groups of like length.

A row that models read holds a handful of texts, as the sentences of one document: Spark NLP puts the sentences of a row into
one run of the model, never those of two rows. `grouped_texts` makes such rows, `each_text` takes them apart again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DoubleType,
    StringType,
    StructField,
    StructType,
)

from social_signals.core.workers import settled
from social_signals.nlp.language import detect_language
from social_signals.nlp.packaged import BATCH, MARKED, WRITTEN
from social_signals.nlp.wordpiece import split_pieces
from social_signals.nlp.words import CASE_MARKS, MAX_CHARS, MAX_WORD_LENGTH, MAX_WORDS, Word, split_words, written
from social_signals.tables.gold_texts import CONFIDENCE, IS_READ, LANGUAGE, TEXT_HASH
from social_signals.tables.silver import POST_ID, TEXT

GROUP = BATCH
PLAIN = ("plain_document", "")
"""Words in lower case without case marks, for models that read a document and no tokens."""

# Spark NLP gives a label to every word piece that begins where some token does, so no piece may reach the next token
STRIDE = MAX_WORD_LENGTH + 4
# Texts of a group lie apart by as much as the longest of them may take.
SPAN = (MAX_WORDS + 1) * STRIDE
POST_IDS = "post_ids"
_WORDS = {MARKED: "words", WRITTEN: "written_words", PLAIN: "plain_words"}
# What is known of each text, an array a group: one entry a text.
_ABOUT: Mapping[str, DataType] = {
    POST_IDS: ArrayType(StringType()),
    TEXT_HASH: StringType(),
    TEXT: StringType(),
    LANGUAGE: StringType(),
    CONFIDENCE: DoubleType(),
    IS_READ: BooleanType(),
}


def text_hash(text: Column) -> Column:
    """SHA-256 of a post's text in hex, as `text_hash` has it; a null text counts as an empty one."""
    return F.sha2(F.coalesce(text, F.lit("")), 256)


def distinct_texts(posts: DataFrame) -> DataFrame:
    """One row per distinct text: text_hash, its first 10,000 characters as text, and the post_ids that say it."""
    return (
        posts.select(POST_ID, F.coalesce(TEXT, F.lit("")).alias(TEXT))
        .groupBy(text_hash(F.col(TEXT)).alias(TEXT_HASH))
        .agg(F.first(F.substring(TEXT, 1, MAX_CHARS)).alias(TEXT), F.collect_list(POST_ID).alias(POST_IDS))
    )


def grouped_texts(
    posts: DataFrame,
    *,
    partitions: int | None,
    languages: Sequence[str] | None,
    inputs: Sequence[tuple[str, str]],
    pieces: frozenset[str] = frozenset(),
) -> DataFrame:
    """One row per group of at most `GROUP` distinct texts, with the columns of Spark NLP's annotations named in `inputs`.

    Texts of a group have as many word pieces as each other, or nearly so: a model pads them all to the longest. `pieces` are
    those it knows (`pieces_of`); without them each word counts as one. Texts in none of the `languages` (null: whatever they are in), and texts without words, are in groups that no model reads.
    """
    slots = posts.sparkSession.sparkContext.defaultParallelism
    # an explicit number, or adaptive execution would put a small table into one task on one core; four a slot, so that none
    # waits long for the last one. By a hash of the hash: where as many partitions by the hash itself are there already, Spark leaves
    # the number out, and which texts share a group, and with it the last bits of what is said of them, would hang on a setting
    texts = distinct_texts(posts).repartition(partitions or 4 * slots, F.xxhash64(TEXT_HASH))
    groups = texts.mapInPandas(settled(_grouping(languages, inputs, pieces)), _group_schema(inputs))
    return groups.select(*_ABOUT, *(column for columns in inputs for column in as_annotations(columns)))


def each_text(groups: DataFrame, *answers: str) -> DataFrame:
    """One row per distinct text of `grouped_texts`: what is known of it, and its entry of each of the columns `answers`, which
    are arrays with one entry a text, or none at all for groups that no model reads."""
    names = [*_ABOUT, *answers]
    zipped = groups.select(F.explode(F.arrays_zip(*names)).alias("one"))
    return zipped.select(*(F.col("one")[name].alias(name) for name in names))


def each_post(texts: DataFrame, *columns: str) -> DataFrame:
    """One row per post, `post_id` and the columns named, from a frame with a row a distinct text."""
    return texts.select(F.explode(POST_IDS).alias(POST_ID), *columns)


def _group_schema(inputs: Sequence[tuple[str, str]]) -> StructType:
    about = [StructField(name, ArrayType(kind)) for name, kind in _ABOUT.items()]
    return StructType([*about, *(StructField(_WORDS[i], ArrayType(StringType())) for i in inputs)])


def _grouping(
    languages: Sequence[str] | None, inputs: Sequence[tuple[str, str]], pieces: frozenset[str]
) -> Callable[[Iterable[pd.DataFrame]], Iterable[pd.DataFrame]]:
    known = None if languages is None else frozenset(languages)
    names = [*_ABOUT, *(_WORDS[i] for i in inputs)]
    ways = {MARKED: _marked, WRITTEN: _written, PLAIN: _plain}

    def groups(batches: Iterable[pd.DataFrame]) -> Iterable[pd.DataFrame]:
        @lru_cache(maxsize=65_536)
        def size(word: str) -> int:
            return len(split_pieces(word[1:] if word[0] in CASE_MARKS else word, pieces)) or 1

        for batch in batches:
            unread: list[tuple[object, ...]] = []
            to_read: list[tuple[int, str, tuple[object, ...]]] = []
            for post_ids, digest, text in zip(batch[POST_IDS], batch[TEXT_HASH], batch[TEXT], strict=True):
                language = detect_language(text)
                is_read = known is None or language.code in known
                words = split_words(text) if is_read else []
                about = (post_ids, digest, text, language.code, language.confidence, is_read)
                if words:
                    cost = min(sum(size(word.text) for word in words), MAX_WORDS)
                    to_read.append((cost, digest, (*about, *(ways[i](text, words) for i in inputs))))
                else:
                    unread.append(about)
            # neighbours cost the same: sorted by words alone, a sixth of what the models read was padding (measured)
            to_read.sort(key=lambda row: row[:2])
            rows = [
                *(
                    [list(column) for column in zip(*part, strict=True)] + [[] for _ in inputs]
                    for part in _parts(unread)
                ),
                *(
                    [list(column) for column in zip(*part, strict=True)]
                    for part in _parts([row for _, _, row in to_read])
                ),
            ]
            yield pd.DataFrame({name: [row[i] for row in rows] for i, name in enumerate(names)})

    return groups


def _parts(rows: list[tuple[object, ...]]) -> Iterator[list[tuple[object, ...]]]:
    return (rows[i : i + GROUP] for i in range(0, len(rows), GROUP))


def _marked(text: str, words: Sequence[Word]) -> str:
    del text
    return " ".join(word.text for word in words)


def _written(text: str, words: Sequence[Word]) -> str:
    return " ".join(written(text, words))


def _plain(text: str, words: Sequence[Word]) -> str:
    del text
    return " ".join(word.text[1:] if word.text[0] in CASE_MARKS else word.text for word in words)


def as_annotations(columns: tuple[str, str]) -> list[Column]:
    """What Spark NLP's DocumentAssembler and a tokenizer would make: a text a sentence, a word a token.

    They come from an array column of texts, words with blanks between: `words`, `written_words` or `plain_words`.
    """
    document, token = columns
    lines = F.col(_WORDS[columns])
    texts = F.transform(lines, lambda line, i: _annotation("document", i * SPAN, (i + 1) * SPAN - 1, line, i))
    made = [texts.alias(document, metadata={"annotatorType": "document"})]
    if token:
        tokens = F.flatten(
            F.transform(
                lines,
                lambda line, i: F.transform(
                    F.split(line, " "),
                    lambda word, j: _annotation(
                        "token", i * SPAN + j * STRIDE, i * SPAN + j * STRIDE + F.length(word) - 1, word, i
                    ),
                ),
            )
        )
        made.append(tokens.alias(token, metadata={"annotatorType": "token"}))
    return made


def _annotation(kind: str, begin: Column, end: Column, result: Column, sentence: Column) -> Column:
    return F.struct(
        F.lit(kind).alias("annotatorType"),
        begin.cast("int").alias("begin"),
        end.cast("int").alias("end"),
        result.alias("result"),
        F.create_map(F.lit("sentence"), sentence.cast("string")).alias("metadata"),
        F.array().cast("array<float>").alias("embeddings"),
    )
