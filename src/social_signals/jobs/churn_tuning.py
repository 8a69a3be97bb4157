"""The text model of churn by fine-tuning: an encoder for each fold of people, which reads the others, then one of everybody."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.core.errors import ConfigError, DataQualityError
from social_signals.evaluation.metrics import log_loss, roc_auc
from social_signals.evaluation.splits import TEST, TRAIN, Splits
from social_signals.jobs.job import Context
from social_signals.jobs.labelled import fingerprint_of, found_model
from social_signals.models.examples import ROLE
from social_signals.models.labels import CHURNED
from social_signals.models.text_churn import FOLD, TASK, fold_of
from social_signals.models.text_params import ChurnTextParams
from social_signals.models.text_reader import documents, written
from social_signals.nlp.finetune import CardParams, FineTuneParams, fine_tune
from social_signals.nlp.finetune.labelled import POST_LABELS
from social_signals.nlp.leaving import P_LEAVES, leaving_chances, load_leaving_model
from social_signals.nlp.packaged import CARD, FINETUNE, ModelCard, verify_model
from social_signals.tables.gold import AS_OF, CHURN_TEXT, IS_OUT_OF_FOLD, MODEL_ID, P_CHURN_TEXT
from social_signals.tables.gold_texts import IS_READ, POST_LANGUAGE
from social_signals.tables.silver import POST_ID, POSTS, TEXT, USER_ID

if TYPE_CHECKING:
    from social_signals.nlp.finetune.loop import Trained, Work

# A fifth of the people say when to stop; they are never among those that a model is asked about.
_CHOOSERS = 5
_CHOOSES = "chooses"


@dataclass(frozen=True)
class Tuning:
    """How to fine-tune, and on which device."""

    params: FineTuneParams
    device: str


def tuned(
    context: Context,
    examples: DataFrame,
    *,
    params: ChurnTextParams,
    splits: Splits,
    seed: int,
    folder: Path,
    tuning: Tuning | None,
) -> tuple[ModelCard, DataFrame | None]:
    """The card of the model, and what to write into `gold.churn_text`: nothing where the model was found, with its answers kept.

    The texts of all examples before the test are held on the driver, where PyTorch's examples are made.
    """
    if tuning is None:
        card = verify_model(folder) if (folder / CARD).is_file() else None
        if card is None or not _has_answers(context, card.model_id):
            raise ConfigError(
                "churn.text.model=finetune, and no text model has been fine-tuned on these examples",
                hint="run train_text_churn first, with the same as_of, seed and settings of churn and "
                "churn.text.model=finetune train.encoder=FOLDER; or set churn.text.model=frozen",
            )
        return card, None
    from social_signals.nlp.finetune.encoder import encoder_files

    files = encoder_files(Path(tuning.params.encoder))
    settings = {k: v for k, v in asdict(tuning.params).items() if k != "encoder"}
    rows = pd.DataFrame(_texts(context, examples, params=params, splits=splits, seed=seed).toPandas())
    rows = rows.sort_values([AS_OF, USER_ID], ignore_index=True)
    made_of = fingerprint_of(TASK, [settings, seed, tuning.device], *files.values(), rows[[TEXT, CHURNED]].to_csv())
    card = found_model(folder, made_of)
    if card is not None and _has_answers(context, card.model_id):
        return card, None
    work = partial(_work, rows, files=files, tuning=tuning, seed=seed)
    answers: list[pd.DataFrame] = []
    for fold in range(params.folds):
        context.progress.step(f"fine-tuning without fold {fold + 1} of {params.folds}")
        apart = rows[rows[FOLD] == fold]
        trained = _trained(context, work(without=fold, asked=list(apart[TEXT])), folder, f"{made_of}-{fold}")
        answers.append(apart[[AS_OF, USER_ID, ROLE, CHURNED]].assign(**{P_CHURN_TEXT: trained.answers}))
    told = pd.concat(answers).sort_values([AS_OF, USER_ID])
    context.progress.step("fine-tuning on everybody")
    everybody = work(without=None, asked=[])
    card = _packaged(context, everybody, folder, made_of, tuning=tuning, metrics=_told(told))
    before = context.spark.createDataFrame(
        [(a.to_pydatetime(), u, float(p)) for a, u, p in told[[AS_OF, USER_ID, P_CHURN_TEXT]].itertuples(index=False)],
        f"{AS_OF} timestamp, {USER_ID} string, {P_CHURN_TEXT} double",
    ).withColumn(IS_OUT_OF_FOLD, F.lit(True))
    test = examples.where(F.col(ROLE) == TEST).select(AS_OF, USER_ID)
    after = asked_of_everybody(context, test, folder=folder, cutoffs=splits.test, days=params.days)
    return card, before.unionByName(after.withColumn(IS_OUT_OF_FOLD, F.lit(False)))


def asked_of_everybody(
    context: Context, people: DataFrame, *, folder: Path, cutoffs: Sequence[datetime], days: int
) -> DataFrame:
    """(as_of, user_id, p_churn_text) of those of `people` (as_of, user_id) who wrote, by the encoder that learnt from everybody."""
    texts = people.join(_documents(context, cutoffs=cutoffs, days=days), on=[AS_OF, USER_ID], how="inner")
    read = leaving_chances(
        texts.select(POST_ID, TEXT), model=load_leaving_model(context.spark, folder, staging=context.staging)
    )
    joined = texts.join(read, on=POST_ID, how="inner")
    return joined.select(AS_OF, USER_ID, F.round(P_LEAVES, 6).alias(P_CHURN_TEXT))


def _texts(context: Context, examples: DataFrame, *, params: ChurnTextParams, splits: Splits, seed: int) -> DataFrame:
    """One row per example before the test who wrote: as_of, user_id, role, churned, text, its fold, and whether they choose."""
    before = examples.where(F.col(ROLE) != TEST).select(AS_OF, USER_ID, ROLE, CHURNED)
    said = _documents(context, cutoffs=splits.used, days=params.days).select(AS_OF, USER_ID, TEXT)
    place = F.pmod(F.xxhash64(F.lit(seed), F.lit("text chooser"), F.col(USER_ID)), F.lit(_CHOOSERS))
    return before.join(said, on=[AS_OF, USER_ID], how="inner").select(
        AS_OF, USER_ID, ROLE, CHURNED, TEXT, fold_of(seed=seed, folds=params.folds), (place == 0).alias(_CHOOSES)
    )


def _documents(context: Context, *, cutoffs: Sequence[datetime], days: int) -> DataFrame:
    posts = context.catalog.read(POSTS)
    read = context.catalog.read(POST_LANGUAGE).where(IS_READ).select(POST_ID)
    return documents(written(posts, as_of=cutoffs, days=days), posts.join(read, on=POST_ID, how="left_semi"))


def _work(
    rows: pd.DataFrame, *, files: dict[str, bytes], tuning: Tuning, seed: int, without: int | None, asked: Sequence[str]
) -> Work:
    """What to train on: the training examples of people of other folds; a fifth of those people say when to stop."""
    from social_signals.nlp.finetune.loop import Work

    seen = rows[(rows[ROLE] == TRAIN) & (rows[FOLD] != without)]
    labels = POST_LABELS[TASK]
    parts = [
        [(text, labels[int(churned)]) for text, churned in part[[TEXT, CHURNED]].itertuples(index=False)]
        for part in (seen[~seen[_CHOOSES]], seen[seen[_CHOOSES]])
    ]
    if len({label for _, label in parts[0]}) < 2 or not parts[1]:
        raise DataQualityError(
            f"of {len(seen)} training texts, too few are of people who left, or of people who stayed, to fine-tune on",
            hint="bring more people who write, or set churn.text.model=frozen",
        )
    return Work(TASK, files, tuning.params, seed, tuning.device, parts[0], parts[1], asked)


def _trained(context: Context, work: Work, folder: Path, made_of: str) -> Trained:
    """Trained, or what a run that did not finish left: hours of training should not be lost to what comes after them."""
    from social_signals.nlp.finetune.loop import Trained

    unfinished = folder.with_name(f".{folder.name}-trained-{made_of}")
    trained = Trained.read(unfinished)
    if trained is None:
        trained = fine_tune(context.spark, work)
        trained.write(unfinished)
    return trained


def _packaged(
    context: Context, work: Work, folder: Path, made_of: str, *, tuning: Tuning, metrics: dict[str, Any]
) -> ModelCard:
    from social_signals.nlp.finetune.package import package

    trained = _trained(context, work, folder, f"{made_of}-all")
    words = CardParams(
        what="Churn by what a person wrote: an encoder with dropout and a linear head, fine-tuned on recent posts.",
        encoder=Path(tuning.params.encoder).name,
        trained_on=["posts in the windows of the training slices"],
        measured_on=["a fifth of the people of the training slices, who said when to stop"],
    )
    more = {"made_of": made_of, "method": FINETUNE, "metrics": {"out_of_fold": metrics}}
    card = package(context.spark, work, trained, out=folder, card=words, more=more)
    for left in folder.parent.glob(f".{folder.name}-trained-*"):
        shutil.rmtree(left)
    return card


def _told(answers: pd.DataFrame) -> dict[str, Any]:
    train = answers[answers[ROLE] == TRAIN]
    return {
        "examples": len(train),
        "log_loss": round(log_loss(train[CHURNED], train[P_CHURN_TEXT]), 6),
        "roc_auc": round(roc_auc(train[CHURNED], train[P_CHURN_TEXT]), 6),
    }


def _has_answers(context: Context, model_id: str) -> bool:
    said = context.catalog.read_or_empty(CHURN_TEXT)
    return not said.where((F.col(MODEL_ID) == model_id) & F.col(IS_OUT_OF_FOLD)).isEmpty()
