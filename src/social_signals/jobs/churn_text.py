"""What the jobs of churn share about texts: the features of people's posts at cut-offs, and what the text model says of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.core.errors import ModelMismatchError
from social_signals.evaluation.splits import Splits
from social_signals.jobs.churn_tuning import asked_of_everybody
from social_signals.jobs.embed_posts import EmbeddingParams, embed_missing
from social_signals.jobs.job import Context
from social_signals.models.artefact import Artefact
from social_signals.models.text_added import ReadText
from social_signals.models.text_churn import HEAD_FILE, TASK, TextHead, head_probabilities, learnt_from
from social_signals.models.text_params import EMBEDDINGS, FROZEN, NONE, ChurnTextParams
from social_signals.models.text_reader import (
    WORDS,
    Floats,
    TextReader,
    fit_vectors,
    fit_words,
    require_encoder,
    stacked,
    text_features,
    values_of_vectors,
    values_of_words,
    written,
)
from social_signals.nlp.packaged import card_of
from social_signals.nlp.topics import topic_words
from social_signals.tables.gold import AS_OF, CHURN_TEXT, IS_OUT_OF_FOLD, MODEL_ID, P_CHURN_TEXT
from social_signals.tables.gold_texts import EMBEDDING, POST_EMBEDDINGS, TEXT_HASH
from social_signals.tables.silver import POST_ID, POSTS, TEXT, USER_ID


@dataclass(frozen=True)
class Vectors:
    """Posts' vectors (post_id, embedding), and the model_id of the encoder that they are of."""

    encoder: str
    rows: DataFrame


@dataclass(frozen=True)
class KeptTextModel:
    """A trained text model of churn: the name of its folder under `models/churn_text`, how it was made, its model_id, and of how
    many days it reads posts."""

    name: str
    method: str
    model_id: str
    days: int


def vectors_of(context: Context, params: EmbeddingParams) -> Vectors:
    """The kept vectors of all posts; those of new posts are made first."""
    encoder = embed_missing(context, params)
    kept = context.catalog.read(POST_EMBEDDINGS).where(F.col(MODEL_ID) == encoder)
    return Vectors(encoder, kept.select(POST_ID, EMBEDDING))


def with_texts(
    context: Context,
    examples: DataFrame,
    *,
    params: ChurnTextParams,
    embeddings: EmbeddingParams,
    splits: Splits,
    seed: int,
    model: KeptTextModel | None = None,
) -> tuple[DataFrame, ReadText]:
    """The examples with the features of texts, null for who wrote nothing; and what makes the same features of other texts.

    The reader is fitted on the posts that the training examples saw, alone. model: the one whose probabilities of these
    examples `gold.churn_text` holds.
    """
    context.progress.step("reading what people wrote")
    joined, reader = examples, None
    columns: list[str] = []
    if params.features != NONE:
        posts = context.catalog.read(POSTS)
        seen = learnt_from(posts, examples, params=params, cutoffs=splits.train, seed=seed).select(POST_ID).distinct()
        vectors = vectors_of(context, embeddings) if params.features == EMBEDDINGS else None
        reader = _fitted(context, seen, params=params, vectors=vectors, seed=seed)
        read = _read(context, reader, cutoffs=splits.used, vectors=vectors)
        joined, columns = joined.join(read, on=[AS_OF, USER_ID], how="left"), [*columns, *reader.columns]
    if model is not None:
        joined, columns = _with_probability(context, joined, model), [*columns, P_CHURN_TEXT]
    return joined, ReadText(columns, _content(reader, model), _words(params, reader, model))


def with_kept_texts(
    context: Context, features: DataFrame, *, artefact: Artefact, as_of: Sequence[datetime], embeddings: EmbeddingParams
) -> DataFrame:
    """The people of the cut-offs with the features of texts that a churn model was trained with, made by its own reader."""
    if artefact.text is None:
        return features
    said: dict[str, Any] = json.loads(artefact.text)
    joined = features
    if said["reader"] is not None:
        reader = TextReader.from_json(said["reader"])
        vectors = vectors_of(context, embeddings) if reader.kind == EMBEDDINGS else None
        read = _read(context, reader, cutoffs=as_of, vectors=vectors)
        joined = joined.join(read, on=[AS_OF, USER_ID], how="left")
    if said["model"] is not None:
        model = KeptTextModel(**said["model"])
        ask(context, model, features, as_of=as_of, embeddings=embeddings)
        joined = _with_probability(context, joined, model)
    return joined


def ask(
    context: Context,
    model: KeptTextModel,
    people: DataFrame,
    *,
    as_of: Sequence[datetime],
    embeddings: EmbeddingParams,
) -> None:
    """Let the text model that learnt from everybody say what it makes of `people` at these cut-offs, into `gold.churn_text`."""
    folder = model_folder(context, model.name)
    if not folder.is_dir():
        raise ModelMismatchError(
            f"the churn model reads {model.model_id}, but there is no such text model at {folder}",
            hint="restore the folder, or train the churn model again",
        )
    if card_of(folder, task=TASK).model_id != model.model_id:
        raise ModelMismatchError(
            f"the churn model reads {model.model_id}, and {folder} holds another text model",
            hint="restore the folder, or train the churn model again",
        )
    keys = people.where(F.col(AS_OF).isin(list(as_of))).select(AS_OF, USER_ID)
    if model.method == FROZEN:
        head = TextHead.from_bytes((folder / HEAD_FILE).read_bytes())
        vectors = vectors_of(context, embeddings)
        require_encoder(vectors.encoder, head.encoder, model_id=model.model_id)
        wrote = written(context.catalog.read(POSTS), as_of=as_of, days=model.days)
        chances = head_probabilities(wrote, vectors.rows, head=head)
        said = keys.join(
            chances.select(AS_OF, USER_ID, F.col("chances")[head.folds].alias(P_CHURN_TEXT)), on=[AS_OF, USER_ID]
        )
    else:
        said = asked_of_everybody(context, keys, folder=folder, cutoffs=as_of, days=model.days)
    rows = said.withColumns({MODEL_ID: F.lit(model.model_id), IS_OUT_OF_FOLD: F.lit(False)})
    context.catalog.replace_slice(
        CHURN_TEXT, rows.select(*CHURN_TEXT.columns), as_of=list(as_of), where={MODEL_ID: model.model_id}
    )


def model_folder(context: Context, name: str) -> Path:
    return context.catalog.file("models", TASK, name)


def _fitted(
    context: Context, seen: DataFrame, *, params: ChurnTextParams, vectors: Vectors | None, seed: int
) -> TextReader:
    """seen: (post_id) of the posts to fit on. vectors: for a reader of embeddings."""
    if vectors is not None:
        return fit_vectors(collected(vectors, seen)[1], params=params, made_by=vectors.encoder)
    posts = context.catalog.read(POSTS).select(POST_ID, TEXT).join(seen, on=POST_ID, how="left_semi")
    # in an order of their own, so that the same posts give the same reader
    texts = pd.DataFrame(topic_words(posts).select(TEXT_HASH, WORDS).toPandas()).sort_values(TEXT_HASH)
    return fit_words([list(words) for words in texts[WORDS]], params=params, seed=seed)


def collected(vectors: Vectors, posts: DataFrame) -> tuple[list[str], Floats]:
    """The ids of those of `posts` that have a vector, sorted, and the vectors, a row a post. Bounded by the caller."""
    found = vectors.rows.join(posts, on=POST_ID, how="left_semi")
    rows = pd.DataFrame(found.toPandas()).sort_values(POST_ID)
    return [str(post_id) for post_id in rows[POST_ID]], stacked(rows[EMBEDDING])


def _read(context: Context, reader: TextReader, *, cutoffs: Sequence[datetime], vectors: Vectors | None) -> DataFrame:
    posts = context.catalog.read(POSTS)
    wrote = written(posts, as_of=cutoffs, days=reader.days)
    if vectors is not None:
        require_encoder(vectors.encoder, reader.made_by, model_id="the churn model")
        values = values_of_vectors(vectors.rows, read=reader.read_vectors)
    else:
        needed = posts.join(wrote.select(POST_ID).distinct(), on=POST_ID, how="left_semi")
        values = values_of_words(topic_words(needed), reader=reader)
    return text_features(wrote, values, reader=reader)


def _with_probability(context: Context, rows: DataFrame, model: KeptTextModel) -> DataFrame:
    said = context.catalog.read(CHURN_TEXT).where(F.col(MODEL_ID) == model.model_id)
    return rows.join(said.select(AS_OF, USER_ID, P_CHURN_TEXT), on=[AS_OF, USER_ID], how="left")


def _content(reader: TextReader | None, model: KeptTextModel | None) -> bytes:
    said = {"reader": reader.as_json() if reader else None, "model": vars(model) if model else None}
    return (json.dumps(said, ensure_ascii=False, sort_keys=True) + "\n").encode()


def _words(params: ChurnTextParams, reader: TextReader | None, model: KeptTextModel | None) -> dict[str, Any]:
    """For the card: everything but the numbers."""
    read = {"reader": None} if reader is None else {
        "reader": {
            "kind": reader.kind, "components": len(reader.matrix), "encoder": reader.made_by or None,
            "vocabulary": len(reader.vocabulary), "fitted_on": "posts in the windows of the training slices",
            "terms": reader.terms(5),
        }
    }  # fmt: skip
    return {"days": params.days, **read, "model": None if model is None else vars(model)}
