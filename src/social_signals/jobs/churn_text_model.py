"""Finds the text model of churn of these examples, or trains it, and lets it say of each example what it makes of it."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.util import hash_pandas_object
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.evaluation.metrics import bootstrap, roc_auc
from social_signals.evaluation.splits import TEST, Splits
from social_signals.jobs.churn_text import KeptTextModel, collected, model_folder, vectors_of
from social_signals.jobs.churn_tuning import Tuning, tuned
from social_signals.jobs.embed_posts import EmbeddingParams
from social_signals.jobs.job import Context
from social_signals.jobs.labelled import found_model
from social_signals.models.artefact import model_id_of
from social_signals.models.examples import MOST_EVALUATED_ROWS, ROLE, sample_of_people
from social_signals.models.judged import PERSON
from social_signals.models.labels import CHURNED
from social_signals.models.params import ChurnParams
from social_signals.models.text_churn import (
    HEAD_FILE,
    TASK,
    TextHead,
    fit_head,
    head_probabilities,
    learnt_from,
    out_of_fold,
    placed,
)
from social_signals.models.text_params import FROZEN, ChurnTextParams
from social_signals.models.text_reader import written
from social_signals.nlp.packaged import ModelCard, put_in_place, sign, verify_model
from social_signals.tables.gold import AS_OF, CHURN_TEXT, MODEL_ID, P_CHURN_TEXT
from social_signals.tables.silver import POST_ID, POSTS, USER_ID

log = logging.getLogger(__name__)


def text_model(
    context: Context,
    examples: DataFrame,
    *,
    churn: ChurnParams,
    splits: Splits,
    embeddings: EmbeddingParams,
    seed: int,
    tuning: Tuning | None = None,
) -> tuple[KeptTextModel, ModelCard]:
    """The text model of `examples` and its card; `gold.churn_text` holds what it says of each of them who wrote.

    examples: `churn_examples`, persisted by the caller. Every probability before the test is by a model that has not seen the
    person; those of the test are by the one of everybody, as in scoring. tuning: how to fine-tune; without it a fine-tuned
    model must have been made of these examples before, by `train_text_churn`.
    """
    params = churn.text
    learnt = learnt_from(context.catalog.read(POSTS), examples, params=params, cutoffs=splits.train, seed=seed)
    rows = pd.DataFrame(learnt.toPandas()).sort_values([AS_OF, USER_ID, POST_ID], ignore_index=True)
    name = model_id_of(params.model, _made_of(rows, churn, splits, seed=seed))
    folder = model_folder(context, name)
    said: DataFrame | None
    if params.model == FROZEN:
        card, said = _by_head(
            context, examples, rows, params=params, splits=splits, embeddings=embeddings, seed=seed, folder=folder
        )
    else:
        card, said = tuned(context, examples, params=params, splits=splits, seed=seed, folder=folder, tuning=tuning)
    if said is not None:
        context.catalog.replace_slice(
            CHURN_TEXT, said.withColumn(MODEL_ID, F.lit(card.model_id)).select(*CHURN_TEXT.columns), as_of=splits.used,
            where={MODEL_ID: card.model_id},
        )  # fmt: skip
    return KeptTextModel(name, params.model, card.model_id, params.days), card


def judged(context: Context, examples: DataFrame, model: KeptTextModel, *, seed: int) -> dict[str, float]:
    """How the text model does by itself on the test examples of people who wrote: ROC AUC with its interval."""
    said = context.catalog.read(CHURN_TEXT).where(F.col(MODEL_ID) == model.model_id)
    test = examples.where(F.col(ROLE) == TEST).select(AS_OF, USER_ID, CHURNED).join(said, on=[AS_OF, USER_ID])
    sampled = sample_of_people(test, total=test.count(), most=MOST_EVALUATED_ROWS, seed=seed)
    rows = sampled.select(AS_OF, F.xxhash64(USER_ID).alias(PERSON), CHURNED, P_CHURN_TEXT).toPandas()
    rows = pd.DataFrame(rows).sort_values([AS_OF, PERSON])
    found = bootstrap(roc_auc, rows[CHURNED], rows[P_CHURN_TEXT], groups=rows[PERSON], seed=seed)
    return {
        "rows": len(rows), "roc_auc": round(found.value, 6), "roc_auc_low": round(found.low, 6),
        "roc_auc_high": round(found.high, 6),
    }  # fmt: skip


def _made_of(rows: pd.DataFrame, churn: ChurnParams, splits: Splits, *, seed: int) -> dict[str, Any]:
    """What the examples are; how a model learns from them is its card's to say."""
    text = churn.text
    return {
        "seed": seed, "days": text.days, "folds": text.folds, "label": churn.definition, "train": splits.train,
        "test": splits.test, "rows": hashlib.sha256(hash_pandas_object(rows, index=False).to_numpy().tobytes()).hexdigest(),
    }  # fmt: skip


def _by_head(
    context: Context,
    examples: DataFrame,
    rows: pd.DataFrame,
    *,
    params: ChurnTextParams,
    splits: Splits,
    embeddings: EmbeddingParams,
    seed: int,
    folder: Path,
) -> tuple[ModelCard, DataFrame]:
    """A head on the frozen encoder's vectors, found or trained; cheap enough to be asked again in any case."""
    vectors = vectors_of(context, embeddings)
    made_of = model_id_of(vectors.encoder, {"regularisation": sorted(params.regularisation)})
    card = found_model(folder, made_of)
    if card is None:
        context.progress.step("training the text model of churn")
        seen = context.spark.createDataFrame([(str(one),) for one in rows[POST_ID].unique()], f"{POST_ID} string")
        ids, found = collected(vectors, seen)
        head, told = fit_head(placed(rows, ids), found, encoder=vectors.encoder, params=params, seed=seed)
        card = _kept(head, folder, params=params, told=told, made_of=made_of)
    head = TextHead.from_bytes((folder / HEAD_FILE).read_bytes())
    wrote = written(context.catalog.read(POSTS), as_of=splits.used, days=params.days)
    chances = head_probabilities(wrote, vectors.rows, head=head)
    return card, out_of_fold(examples, chances, seed=seed, folds=params.folds)


def _kept(head: TextHead, folder: Path, *, params: ChurnTextParams, told: dict[str, Any], made_of: str) -> ModelCard:
    content = head.to_bytes()
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / HEAD_FILE).write_bytes(content)
        sign(
            Path(scratch),
            {
                "model_id": f"{TASK}-{params.model}-{hashlib.sha256(content).hexdigest()[:12]}",
                "task": TASK,
                "method": params.model,
                "made_of": made_of,
                "what": "Churn by what a person wrote: a linear head on the mean of a frozen sentence encoder's vectors.",
                "labels": ["stays", "leaves"],
                "encoder": head.encoder,
                "seed": head.seed,
                "params": asdict(params),
                "metrics": {"out_of_fold": told},
            },
        )
        put_in_place(Path(scratch), folder)
    return verify_model(folder)
