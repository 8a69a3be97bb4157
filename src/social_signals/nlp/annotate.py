"""Posts in, what they say out. Each distinct text is read once, and once for both models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf
from pyspark.sql.types import ArrayType, BooleanType, DoubleType, IntegerType, StringType, StructField, StructType

from social_signals.core.errors import ConfigError
from social_signals.nlp.entities import Entity, find_entities
from social_signals.nlp.gazetteer import Gazetteer, find_names, known_first
from social_signals.nlp.language import LANGUAGE_MODEL_ID, detect_language
from social_signals.nlp.packaged import MARKED, WRITTEN, EntityModel, SentimentModel
from social_signals.nlp.sentences import sentence_of, split_sentences
from social_signals.nlp.words import MAX_CHARS, MAX_WORD_LENGTH, split_words, written
from social_signals.tables.gold import (
    BEGIN,
    CONFIDENCE,
    END,
    ENTITY_TYPE,
    IS_READ,
    LABEL,
    LANGUAGE,
    MODEL_ID,
    NORMALIZED,
    P_NEGATIVE,
    P_NEUTRAL,
    P_POSITIVE,
    READ_BY,
    SENTENCE_BEGIN,
    SENTENCE_END,
    SENTIMENTS,
    TEXT_HASH,
)
from social_signals.tables.silver import POST_ID, TEXT

SENTIMENT, ENTITIES = "sentiment", "entities"
# Spark NLP gives a label to every word piece that begins where some token does, so no piece may reach the next token
_STRIDE = MAX_WORD_LENGTH + 4
_PROBABILITIES = (P_NEGATIVE, P_NEUTRAL, P_POSITIVE)
_KNOWN_BY, _GUESSED_BY = "known_by", "guessed_by"
# Beside an entity: whether its name is the platform's own, or a model's guess.
_IS_KNOWN = "is_known"
_ENTITY_TYPE = ArrayType(
    StructType(
        [
            StructField(BEGIN, IntegerType()),
            StructField(END, IntegerType()),
            StructField(TEXT, StringType()),
            StructField(ENTITY_TYPE, StringType()),
            StructField(NORMALIZED, StringType()),
            StructField(SENTENCE_BEGIN, IntegerType()),
            StructField(SENTENCE_END, IntegerType()),
            StructField(_IS_KNOWN, BooleanType()),
        ]
    )
)
_WORDS = {MARKED: "words", WRITTEN: "written_words"}
_READING = StructType(
    [
        *(StructField(name, StringType()) for name in _WORDS.values()),
        StructField(LANGUAGE, StringType()),
        StructField(CONFIDENCE, DoubleType()),
    ]
)
# Schemes with tags for the last and the only word of a name, as begin and inside.
_PREFIXES = {"S": "B", "U": "B", "E": "I", "L": "I"}


def text_hash(text: Column) -> Column:
    """SHA-256 of a post's text in hex, as `text_hash` has it; a null text counts as an empty one."""
    return F.sha2(F.coalesce(text, F.lit("")), 256)


def annotate(
    posts: DataFrame,
    *,
    sentiment: SentimentModel | None = None,
    entities: EntityModel | None = None,
    gazetteer: Gazetteer | None = None,
    languages: Sequence[str] | None = None,
    partitions: int | None = None,
) -> DataFrame:
    """One row per post, `post_id`, `text_hash`, `language` and its `confidence`, with what the models asked for say.

    `sentiment`: struct of label, p_negative, p_neutral, p_positive, model_id. A text without words (null, empty, invisible)
    is neutral with probability 1. `entities`: array, in order, of structs of begin, end, text, entity_type, normalized,
    sentence_begin, sentence_end, is_known. Read are the first 10,000 characters, at most 126 words
    and 128 word pieces. Texts in none of the `languages` (null: whatever they are in) are not read: `is_read` is false,
    `sentiment` null and `entities` are known names only. Names of the `gazetteer` are found in any language and go before
    what the model says. The frame is lazy: persist it before cutting tables from it. `partitions` is how
    many tasks read texts at a time and apart; by default twice the slots of the session.
    """
    if sentiment is None and entities is None:
        raise ConfigError("annotate was asked for nothing", hint="give a sentiment model, an entity model or both")
    inputs = sorted({model.inputs for model in (sentiment, entities) if model is not None})
    read = _texts(posts, partitions, languages, inputs=inputs)
    answers: dict[str, Column] = {}
    if sentiment is not None:
        read = sentiment.stage.transform(read)
        answers[SENTIMENT] = F.when(F.col(IS_READ), _sentiment_answer(sentiment))
    if entities is not None:
        read = entities.stage.transform(read)
        answers[ENTITIES] = _entities_with(gazetteer)(F.col(TEXT), F.array_join(_tags(entities), " "))
        answers[_KNOWN_BY] = F.lit(gazetteer.model_id if gazetteer else None).cast("string")
        answers[_GUESSED_BY] = F.lit(entities.card.model_id)
    about = (TEXT_HASH, LANGUAGE, CONFIDENCE, IS_READ)
    answered = read.select("post_ids", *about, *(answer.alias(name) for name, answer in answers.items()))
    return answered.select(F.explode("post_ids").alias(POST_ID), *about, *answers)


def sentiment_of(annotated: DataFrame) -> DataFrame:
    """One row per post that was read: the rows of `gold.post_sentiment`, from a frame that `annotate` made with such a model."""
    return annotated.where(IS_READ).select(
        POST_ID,
        *(F.col(SENTIMENT)[name].alias(name) for name in (LABEL, *_PROBABILITIES)),
        TEXT_HASH,
        F.col(SENTIMENT)[MODEL_ID].alias(MODEL_ID),
    )


def languages_of(annotated: DataFrame, *, read_by: str) -> DataFrame:
    """One row per post: the rows of `gold.post_language`. `read_by` names the models that were to read the posts."""
    return annotated.select(
        POST_ID,
        LANGUAGE,
        CONFIDENCE,
        IS_READ,
        TEXT_HASH,
        F.lit(read_by).alias(READ_BY),
        F.lit(LANGUAGE_MODEL_ID).alias(MODEL_ID),
    )


def entity_sentiment(
    annotated: DataFrame, posts: DataFrame, *, model: SentimentModel, partitions: int | None = None
) -> DataFrame:
    """One row per entity of a post that was read: the rows of `gold.entity_sentiment`, the mood of the sentence that names it.

    `annotated` is what `annotate` made of `posts` with both models. A post of one sentence has been read already; the other
    sentences that name somebody are read here, each distinct one once.
    """
    named = (
        annotated.where(IS_READ)
        .select(POST_ID, TEXT_HASH, SENTIMENT, F.explode(ENTITIES).alias("entity"))
        .join(posts.select(POST_ID, TEXT), on=POST_ID, how="inner")
    )
    begin, end = F.col("entity")[SENTENCE_BEGIN], F.col("entity")[SENTENCE_END]
    cut = F.col(TEXT).substr(begin + 1, end - begin)
    is_whole = cut == F.trim(TEXT)
    sentences = named.withColumn("sentence", F.when(~is_whole, cut)).withColumn("part", text_hash(F.col("sentence")))
    parts = sentences.where(F.col("sentence").isNotNull()).select(
        F.col("part").alias(POST_ID), F.col("sentence").alias(TEXT)
    )
    read = annotate(parts.dropDuplicates([POST_ID]), sentiment=model, partitions=partitions)
    apart = read.select(F.col(POST_ID).alias("part"), F.col(SENTIMENT).alias("of_sentence"))
    mood = F.coalesce("of_sentence", SENTIMENT)
    return sentences.join(apart, on="part", how="left").select(
        POST_ID,
        *(
            F.col("entity")[name].alias(name)
            for name in (BEGIN, END, ENTITY_TYPE, NORMALIZED, SENTENCE_BEGIN, SENTENCE_END)
        ),
        *(mood[name].alias(name) for name in (LABEL, *_PROBABILITIES)),
        TEXT_HASH,
        mood[MODEL_ID].alias(MODEL_ID),
    )


def entities_of(annotated: DataFrame) -> DataFrame:
    """One row per entity: the rows of `gold.post_entities`, from a frame that `annotate` made with an entity model."""
    named = annotated.select(POST_ID, F.explode(ENTITIES).alias("entity"), TEXT_HASH, _KNOWN_BY, _GUESSED_BY)
    who = F.when(F.col("entity")[_IS_KNOWN], F.col(_KNOWN_BY)).otherwise(F.col(_GUESSED_BY))
    return named.select(
        POST_ID,
        *(F.col("entity")[name].alias(name) for name in (BEGIN, END, TEXT, ENTITY_TYPE, NORMALIZED)),
        TEXT_HASH,
        who.alias(MODEL_ID),
    )


def annotate_sentiment(posts: DataFrame, *, model: SentimentModel, partitions: int | None = None) -> DataFrame:
    """One row per post: post_id, label, p_negative, p_neutral, p_positive, text_hash, model_id."""
    return sentiment_of(annotate(posts, sentiment=model, partitions=partitions))


def annotate_entities(posts: DataFrame, *, model: EntityModel, partitions: int | None = None) -> DataFrame:
    """One row per entity: post_id, begin, end, text, entity_type, normalized, text_hash, model_id.

    `text` is the slice `[begin, end)` of the post's text in code points, as Python and Spark count them.
    """
    return entities_of(annotate(posts, entities=model, partitions=partitions))


def annotate_words(posts: DataFrame, *, model: EntityModel, partitions: int | None = None) -> DataFrame:
    """One row per post: post_id and `tags`, the model's tag of each word of `split_words` (`B-` or `I-` and a type, or `O`), as far
    as its window goes; an `I-` that continues nothing begins an entity.

    For measuring the model against labelled tokens (`tags_of_tokens`); entities proper leave out what is only punctuation.
    """
    read: DataFrame = model.stage.transform(_texts(posts, partitions, None, inputs=[model.inputs]))
    return read.select(F.explode("post_ids").alias(POST_ID), _tags(model).alias("tags"))


def plain_documents(posts: DataFrame, *, partitions: int | None = None) -> DataFrame:
    """One row per distinct text with words: post_ids, text_hash and `document`, its words in lower case, as Spark NLP reads it."""
    read = _texts(posts, partitions, None, inputs=[MARKED]).where(F.size("token") > 0)
    # the only capitals there are case marks
    words = F.regexp_replace(F.col("document")[0]["result"], "(^| )[TUA]", "$1")
    document = F.array(_annotation("document", F.lit(0), F.length("words") - 1, F.col("words")))
    return read.withColumn("words", words).select(
        "post_ids", TEXT_HASH, document.alias("document", metadata={"annotatorType": "document"})
    )


def _tags(model: EntityModel) -> Column:
    """The BIO tag of each word, in our types; a type that is none of ours is `O`."""
    tags = F.transform(ENTITIES, lambda annotation: annotation["result"])
    if all(theirs == ours for theirs, ours in model.names.items()):
        return tags
    names = {
        f"{prefix}-{theirs}": f"{_PREFIXES.get(prefix, prefix)}-{ours}"
        for theirs, ours in model.names.items()
        for prefix in ("B", "I", *_PREFIXES)
    }
    table = F.create_map(*(F.lit(part) for pair in names.items() for part in pair))
    return F.transform(tags, lambda tag: F.coalesce(table[tag], F.lit("O")))


def _texts(
    posts: DataFrame,
    partitions: int | None,
    languages: Sequence[str] | None,
    *,
    inputs: Sequence[tuple[str, str]],
) -> DataFrame:
    """One row per distinct text, with the posts that say it, its language, and its words as Spark NLP's annotations."""
    is_read = F.lit(True) if languages is None else F.col("reading")[LANGUAGE].isin(*languages)
    slots = posts.sparkSession.sparkContext.defaultParallelism
    texts = (
        posts.select(POST_ID, F.coalesce(TEXT, F.lit("")).alias(TEXT))
        .groupBy(text_hash(F.col(TEXT)).alias(TEXT_HASH))
        .agg(F.first(F.substring(TEXT, 1, MAX_CHARS)).alias(TEXT), F.collect_list(POST_ID).alias("post_ids"))
        # an explicit number, or adaptive execution would put a small table into one task on one core
        .repartition(partitions or 2 * slots, TEXT_HASH)
        .select("post_ids", TEXT_HASH, TEXT, _reading_for(inputs)(F.col(TEXT)).alias("reading"))
        .select(
            "post_ids",
            TEXT_HASH,
            TEXT,
            *(F.when(is_read, F.col("reading")[_WORDS[i]]).otherwise("").alias(_WORDS[i]) for i in inputs),
            F.col("reading")[LANGUAGE].alias(LANGUAGE),
            F.col("reading")[CONFIDENCE].alias(CONFIDENCE),
            is_read.alias(IS_READ),
        )
    )
    return _with_annotation_columns(texts, inputs)


def _with_annotation_columns(texts: DataFrame, inputs: Sequence[tuple[str, str]]) -> DataFrame:
    """What Spark NLP's DocumentAssembler and a tokenizer would make: each word a token, `_STRIDE` places from the last.

    Texts come sorted by length within a partition, so that neighbours cost the same.
    """
    lists = {
        columns: F.when(F.col(_WORDS[columns]) == "", F.array().cast("array<string>")).otherwise(
            F.split(_WORDS[columns], " ")
        )
        for columns in inputs
    }
    listed = texts.withColumns({f"{_WORDS[columns]}_list": words for columns, words in lists.items()})
    first = f"{_WORDS[inputs[0]]}_list"
    return listed.sortWithinPartitions(F.size(first), TEXT_HASH).select(
        "post_ids",
        TEXT_HASH,
        TEXT,
        LANGUAGE,
        CONFIDENCE,
        IS_READ,
        *(column for columns in inputs for column in _annotation_columns(columns)),
    )


def _annotation_columns(columns: tuple[str, str]) -> tuple[Column, Column]:
    document, token = columns
    name = f"{_WORDS[columns]}_list"
    tokens = F.transform(
        name, lambda word, i: _annotation("token", i * _STRIDE, i * _STRIDE + F.length(word) - 1, word)
    )
    text = F.array(_annotation("document", F.lit(0), F.size(name) * _STRIDE, F.col(_WORDS[columns])))
    return (
        text.alias(document, metadata={"annotatorType": "document"}),
        tokens.alias(token, metadata={"annotatorType": "token"}),
    )


def _annotation(kind: str, begin: Column, end: Column, result: Column) -> Column:
    return F.struct(
        F.lit(kind).alias("annotatorType"),
        begin.alias("begin"),
        end.alias("end"),
        result.alias("result"),
        F.create_map(F.lit("sentence"), F.lit("0")).alias("metadata"),
        F.array().cast("array<float>").alias("embeddings"),
    )


def _sentiment_answer(model: SentimentModel) -> Column:
    answer = F.col(SENTIMENT)[0]
    without_words = {LABEL: F.lit("neutral"), P_NEGATIVE: F.lit(0.0), P_NEUTRAL: F.lit(1.0), P_POSITIVE: F.lit(0.0)}
    names = model.names
    chances = {
        column: sum(
            (answer["metadata"][theirs].cast("double") for theirs, ours in names.items() if ours == label), F.lit(0.0)
        )
        for column, label in zip(_PROBABILITIES, SENTIMENTS, strict=True)
    }
    said = F.create_map(*(F.lit(part) for pair in names.items() for part in pair))[answer["result"]]
    if len(set(names.values())) < len(names):
        # several labels mean the same: what they say together counts
        best = F.greatest(*chances.values())
        said = F.when(
            best.isNotNull(),
            F.coalesce(*(F.when(p == best, F.lit(n)) for p, n in zip(chances.values(), SENTIMENTS, strict=True))),
        )
    spoken = {LABEL: said} | chances
    fields = (F.coalesce(spoken[name], without_words[name]).alias(name) for name in spoken)
    return F.struct(*fields, F.lit(model.card.model_id).alias(MODEL_ID))


def _reading_for(inputs: Sequence[tuple[str, str]]) -> Callable[..., Column]:
    """The words of each text, with blanks between, and its language: one look at the text for all of it."""

    @pandas_udf(_READING)  # type: ignore[call-overload,untyped-decorator,unused-ignore]
    def reading(batches: Iterator[pd.Series]) -> Iterator[pd.DataFrame]:
        for texts in batches:
            words = [split_words(text) for text in texts]
            languages = [detect_language(text) for text in texts]
            as_marked = [" ".join(word.text for word in found) for found in words]
            as_written = (
                [" ".join(written(text, found)) for text, found in zip(texts, words, strict=True)]
                if WRITTEN in inputs
                else None
            )
            yield pd.DataFrame(
                {
                    _WORDS[MARKED]: as_marked,
                    _WORDS[WRITTEN]: as_written,
                    LANGUAGE: [language.code for language in languages],
                    CONFIDENCE: [language.confidence for language in languages],
                }
            )

    return cast("Callable[..., Column]", reading)


def _entities_with(gazetteer: Gazetteer | None) -> Callable[..., Column]:
    """The entities of each text, each with its sentence, from the tags of its words with blanks between."""

    @pandas_udf(_ENTITY_TYPE)  # type: ignore[call-overload,untyped-decorator,unused-ignore]
    def entities(batches: Iterator[tuple[pd.Series, pd.Series]]) -> Iterator[pd.Series]:
        for texts, tags in batches:
            found = [_entities_of_text(text, line, gazetteer) for text, line in zip(texts, tags, strict=True)]
            yield pd.Series(found, dtype=object)

    return cast("Callable[..., Column]", entities)


def _entities_of_text(text: str, tags: str | None, gazetteer: Gazetteer | None) -> list[dict[str, str | int | bool]]:
    known = find_names(text, gazetteer) if gazetteer else []
    guessed = find_entities(text, tags.split(" ")) if tags and tags.strip("O ") else []
    if not known and not guessed:
        return []
    spans, ours = split_sentences(text), set(known)
    return [_with_sentence(entity, spans, is_known=entity in ours) for entity in known_first(known, guessed)]


def _with_sentence(entity: Entity, spans: list[tuple[int, int]], *, is_known: bool) -> dict[str, str | int | bool]:
    begin, end = sentence_of(spans, entity.begin, entity.end)
    return {**entity._asdict(), SENTENCE_BEGIN: begin, SENTENCE_END: end, _IS_KNOWN: is_known}
