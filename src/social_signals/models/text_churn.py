"""A text model of churn: the encoder's vectors of what a person wrote, a linear head, and probabilities by models that never saw them.

Averaging and a linear head commute, so a post becomes one number a model, and a person the mean of theirs: as cheap as the
features, at any number of models.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.core.errors import DataQualityError
from social_signals.evaluation.metrics import log_loss, roc_auc
from social_signals.evaluation.splits import TEST, TRAIN
from social_signals.models.examples import ROLE, sample_of_people
from social_signals.models.labels import CHURNED
from social_signals.models.text_params import ChurnTextParams
from social_signals.models.text_reader import person_means, values_of_vectors, written
from social_signals.tables.gold import AS_OF, IS_OUT_OF_FOLD, P_CHURN_TEXT
from social_signals.tables.silver import POST_ID, USER_ID

Floats = NDArray[np.float64]
FOLD = "fold"
TASK = "churn_text"
HEAD_FILE = "head.json"


@dataclass(frozen=True)
class TextHead:
    """Heads on the vectors of `encoder`: one for each fold of people, which learnt from the others, then one of everybody.

    weights: a row a head; intercepts: a number a head.
    """

    encoder: str
    seed: int
    weights: Floats
    intercepts: Floats

    @property
    def folds(self) -> int:
        return len(self.intercepts) - 1

    def to_bytes(self) -> bytes:
        said = {
            "encoder": self.encoder, "seed": self.seed,
            "weights": self.weights.tolist(), "intercepts": self.intercepts.tolist(),
        }  # fmt: skip
        return (json.dumps(said) + "\n").encode()

    @staticmethod
    def from_bytes(content: bytes) -> TextHead:
        said = json.loads(content)
        return TextHead(said["encoder"], said["seed"], np.array(said["weights"]), np.array(said["intercepts"]))


def fold_of(*, seed: int, folds: int) -> Column:
    """The fold of a row's person, 0 to folds - 1: the same at every cut-off, and not that of the calibration."""
    return F.pmod(F.xxhash64(F.lit(seed), F.lit("text fold"), F.col(USER_ID)), F.lit(folds)).cast("int").alias(FOLD)


def learnt_from(
    posts: DataFrame, examples: DataFrame, *, params: ChurnTextParams, cutoffs: Sequence[datetime], seed: int
) -> DataFrame:
    """One row per training example and post of its window: (as_of, user_id, churned, fold, post_id), and no other role's.

    examples: `churn_examples`; cutoffs: those of the training. People are drawn by a hash where there are more than
    `most_posts` rows, which takes a Spark job to tell.
    """
    train = examples.where(F.col(ROLE) == TRAIN).select(AS_OF, USER_ID, CHURNED)
    wrote = written(posts, as_of=cutoffs, days=params.days)
    rows = train.join(wrote, on=[AS_OF, USER_ID], how="inner")
    chosen = sample_of_people(rows, total=rows.count(), most=params.most_posts, seed=seed)
    return chosen.select(AS_OF, USER_ID, CHURNED, fold_of(seed=seed, folds=params.folds), POST_ID)


def fit_head(
    people: pd.DataFrame, vectors: Floats, *, encoder: str, params: ChurnTextParams, seed: int
) -> tuple[TextHead, dict[str, Any]]:
    """The heads, and how they do on the people they have not seen: strength chosen, log loss and ROC AUC out of fold.

    people: one row a training example and post: `example` (0-based), `churned`, `fold`, and `post`, the place of the post's
    vector in `vectors`. The strength with the least log loss out of fold stays. Raises DataQualityError where a fold lacks a
    class.
    """
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    examples = people.drop_duplicates("example").sort_values("example")
    counts = people.groupby("example").size().to_numpy()
    shares = csr_matrix(
        (1.0 / counts[people["example"]], (people["example"], people["post"])), shape=(len(examples), len(vectors))
    )
    means, churned, fold = shares @ vectors, examples[CHURNED].to_numpy(), examples[FOLD].to_numpy()
    for number in range(params.folds):
        if len(set(churned[fold != number])) < 2:
            raise DataQualityError(
                f"without fold {number}, the {int((fold != number).sum())} people who wrote have one outcome only",
                hint="bring more people who write, set churn.text.folds lower, or churn.text.model=none",
            )

    def fitted(mask: NDArray[np.bool_], strength: float) -> LogisticRegression:
        return LogisticRegression(C=1.0 / strength, max_iter=1000, tol=1e-6).fit(means[mask], churned[mask])

    best: tuple[float, float, list[Any], Floats] | None = None
    for strength in sorted(params.regularisation):
        heads = [fitted(fold != number, strength) for number in range(params.folds)]
        chances = np.empty(len(examples))
        for number, head in enumerate(heads):
            apart = fold == number
            if apart.any():
                chances[apart] = head.predict_proba(means[apart])[:, 1]
        loss = log_loss(churned, chances)
        if best is None or loss < best[0]:
            best = (loss, strength, heads, chances)
    assert best is not None  # params.regularisation is not empty
    loss, strength, heads, chances = best
    heads = [*heads, fitted(np.ones(len(examples), dtype=bool), strength)]
    found = TextHead(
        encoder, seed,
        np.stack([head.coef_[0] for head in heads]).round(6), np.array([head.intercept_[0] for head in heads]).round(6),
    )  # fmt: skip
    told = {
        "examples": len(examples), "regularisation": strength, "log_loss": round(loss, 6),
        "roc_auc": round(roc_auc(churned, chances), 6),
    }  # fmt: skip
    return found, told


def head_probabilities(wrote: DataFrame, embeddings: DataFrame, *, head: TextHead) -> DataFrame:
    """One row per (as_of, user_id) who wrote: `chances`, the probability by each head, the last one that of everybody's.

    wrote: `text_reader.written`. embeddings: of the head's encoder.
    """
    values = values_of_vectors(embeddings, read=lambda vectors: vectors @ head.weights.T)
    means = person_means(wrote, values, count=len(head.intercepts))
    chances = F.array(
        *[
            F.round(1.0 / (1.0 + F.exp(-(F.col("means")[i] + F.lit(float(b))))), 6)
            for i, b in enumerate(head.intercepts)
        ]
    )
    return means.select(AS_OF, USER_ID, chances.alias("chances"))


def out_of_fold(examples: DataFrame, chances: DataFrame, *, seed: int, folds: int) -> DataFrame:
    """One row per example who wrote: (as_of, user_id, p_churn_text, is_out_of_fold).

    Before the test each probability is that of the head which learnt from everybody but the person's fold; in the test that
    of the head which learnt from all, as in scoring.
    """
    is_apart = F.col(ROLE) != F.lit(TEST)
    place = F.when(is_apart, fold_of(seed=seed, folds=folds)).otherwise(F.lit(folds))
    rows = examples.select(AS_OF, USER_ID, ROLE).join(chances, on=[AS_OF, USER_ID], how="inner")
    return rows.select(AS_OF, USER_ID, F.col("chances")[place].alias(P_CHURN_TEXT), is_apart.alias(IS_OUT_OF_FOLD))


def placed(rows: pd.DataFrame, posts: Sequence[str]) -> pd.DataFrame:
    """`fit_head`'s people from rows (as_of, user_id, churned, fold, post_id), those of posts without a vector left out.

    posts: the ids of the vectors, sorted. Examples are numbered by cut-off and person.
    """
    known = np.asarray(posts, dtype=object)
    ordered = rows[rows[POST_ID].isin(set(posts))].sort_values([AS_OF, USER_ID, POST_ID], ignore_index=True)
    return pd.DataFrame(
        {
            "example": ordered.groupby([AS_OF, USER_ID], sort=True).ngroup(),
            CHURNED: ordered[CHURNED].astype(int),
            FOLD: ordered[FOLD].astype(int),
            "post": np.searchsorted(known.astype(str), ordered[POST_ID].to_numpy(dtype=str)),
        }
    )
