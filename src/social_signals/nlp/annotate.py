"""Posts in, what they say out. Each distinct text is read once, and once for both models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf
from pyspark.sql.types import ArrayType, BooleanType, IntegerType, StringType, StructField, StructType

from social_signals.core.errors import ConfigError
from social_signals.core.workers import settle
from social_signals.nlp.entities import Entity, find_entities
from social_signals.nlp.gazetteer import Gazetteer, find_names, known_first
from social_signals.nlp.language import LANGUAGE_MODEL_ID
from social_signals.nlp.packaged import EntityModel, SentimentModel, pieces_of
from social_signals.nlp.reading import SPAN, STRIDE, each_post, each_text, grouped_texts, text_hash
from social_signals.nlp.sentences import sentence_of, split_sentences
from social_signals.tables.gold import MODEL_ID
from social_signals.tables.gold_texts import (
    BEGIN,
    CONFIDENCE,
    END,
    ENTITY_TYPE,
    IS_READ,
    LABEL,
    LANGUAGE,
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
_TAGS = "tags"
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
# Schemes with tags for the last and the only word of a name, as begin and inside.
_PREFIXES = {"S": "B", "U": "B", "E": "I", "L": "I"}


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
    many tasks read texts at a time and apart; by default four times the slots of the session.
    """
    if sentiment is None and entities is None:
        raise ConfigError("annotate was asked for nothing", hint="give a sentiment model, an entity model or both")
    models = [model for model in (sentiment, entities) if model is not None]
    inputs = sorted({model.inputs for model in models})
    pieces = next((known for model in models if (known := pieces_of(model.stage))), frozenset())
    read = grouped_texts(posts, partitions=partitions, languages=languages, inputs=inputs, pieces=pieces)
    if sentiment is not None:
        read = sentiment.stage.transform(read)
    if entities is not None:
        # the tags go where the names come: what a group's models said is read once, and not carried on
        named = _names_with(gazetteer)(F.col(TEXT), *_tags(entities))
        read = entities.stage.transform(read).withColumn(ENTITIES, named)
    asked = [name for name, model in ((SENTIMENT, sentiment), (ENTITIES, entities)) if model is not None]
    texts = each_text(read, *asked)
    if sentiment is not None:
        texts = texts.withColumn(SENTIMENT, F.when(F.col(IS_READ), _sentiment_answer(sentiment)))
    if entities is not None:
        texts = texts.withColumns(
            {
                _KNOWN_BY: F.lit(gazetteer.model_id if gazetteer else None).cast("string"),
                _GUESSED_BY: F.lit(entities.card.model_id),
            }
        )
        asked += [_KNOWN_BY, _GUESSED_BY]
    return each_post(texts, TEXT_HASH, LANGUAGE, CONFIDENCE, IS_READ, *asked)


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
    groups = grouped_texts(
        posts, partitions=partitions, languages=None, inputs=[model.inputs], pieces=pieces_of(model.stage)
    )
    read: DataFrame = model.stage.transform(groups)
    lines = F.transform(model.inputs[0], lambda annotation: annotation["result"])
    texts = each_text(read.withColumn(_TAGS, _word_tags(lines, *_tags(model))), _TAGS)
    without_words = F.array().cast("array<string>")
    return each_post(texts.withColumn(_TAGS, F.coalesce(_TAGS, without_words)), _TAGS)


def _tags(model: EntityModel) -> tuple[Column, Column]:
    """Where in its group each word begins that is in an entity, and its tag, in our types."""
    named = F.filter(ENTITIES, lambda annotation: annotation["result"] != "O")
    begins = F.transform(named, lambda annotation: annotation["begin"])
    tags = F.transform(named, lambda annotation: annotation["result"])
    if all(theirs == ours for theirs, ours in model.names.items()):
        return begins, tags
    names = {
        f"{prefix}-{theirs}": f"{_PREFIXES.get(prefix, prefix)}-{ours}"
        for theirs, ours in model.names.items()
        for prefix in ("B", "I", *_PREFIXES)
    }
    table = F.create_map(*(F.lit(part) for pair in names.items() for part in pair))
    return begins, F.transform(tags, lambda tag: F.coalesce(table[tag], F.lit("O")))


def _sentiment_answer(model: SentimentModel) -> Column:
    answer = F.col(SENTIMENT)
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


def _tags_of_texts(begins: Sequence[int], tags: Sequence[str]) -> dict[int, list[str]]:
    """Which tags the words of each text of a group have, as far as its last entity; texts without one are missing."""
    found: dict[int, list[str]] = {}
    for begin, tag in zip(begins, tags, strict=True):
        text, place = divmod(int(begin), SPAN)
        line = found.setdefault(text, [])
        line.extend("O" for _ in range(place // STRIDE - len(line)))
        line.append(tag)
    return found


@pandas_udf(ArrayType(ArrayType(StringType())))  # type: ignore[call-overload,untyped-decorator,unused-ignore]
def _word_tags(lines: pd.Series, begins: pd.Series, tags: pd.Series) -> pd.Series:
    """The tag of each word of each text of a group; its texts come as words with blanks between."""
    settle()

    def of_group(group: Sequence[str], where: Sequence[int], said: Sequence[str]) -> list[list[str]]:
        known = _tags_of_texts(where, said)
        sizes = [line.count(" ") + 1 for line in group]
        return [(known.get(i, []) + ["O"] * size)[:size] for i, size in enumerate(sizes)]

    return pd.Series([of_group(*row) for row in zip(lines, begins, tags, strict=True)], dtype=object)


def _names_with(gazetteer: Gazetteer | None) -> Callable[..., Column]:
    """The entities of each text of a group, each with its sentence: known names, then what the tags of its words say."""

    @pandas_udf(ArrayType(_ENTITY_TYPE))  # type: ignore[call-overload,untyped-decorator,unused-ignore]
    def names(batches: Iterator[tuple[pd.Series, pd.Series, pd.Series]]) -> Iterator[pd.Series]:
        settle()
        for groups, begins, tags in batches:
            found = []
            for texts, where, said in zip(groups, begins, tags, strict=True):
                known = _tags_of_texts(where, said)
                found.append([_entities_of_text(text, known.get(i), gazetteer) for i, text in enumerate(texts)])
            yield pd.Series(found, dtype=object)

    return cast("Callable[..., Column]", names)


def _entities_of_text(
    text: str, tags: Sequence[str] | None, gazetteer: Gazetteer | None
) -> list[dict[str, str | int | bool]]:
    known = find_names(text, gazetteer) if gazetteer else []
    guessed = find_entities(text, tags) if tags else []
    if not known and not guessed:
        return []
    spans, ours = split_sentences(text), set(known)
    return [_with_sentence(entity, spans, is_known=entity in ours) for entity in known_first(known, guessed)]


def _with_sentence(entity: Entity, spans: list[tuple[int, int]], *, is_known: bool) -> dict[str, str | int | bool]:
    begin, end = sentence_of(spans, entity.begin, entity.end)
    return {**entity._asdict(), SENTENCE_BEGIN: begin, SENTENCE_END: end, _IS_KNOWN: is_known}
