"""The fits of one churn model, which differ only in whom they learn from and how the trees are shaped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.core.lanes import at_once
from social_signals.core.steps import step
from social_signals.evaluation.metrics import roc_auc
from social_signals.evaluation.splits import TEST, TRAIN, VALID, Fold
from social_signals.models.distributed import Fitted, fit_classifier
from social_signals.models.examples import MOST_EVALUATED_ROWS, ROLE, place_of_person, rows_of_fold, sample_of_people
from social_signals.models.labels import CHURNED
from social_signals.models.params import ChurnParams, XGBoostParams
from social_signals.models.predict import MARGIN, first_rounds, margins_on, with_margins
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import USER_ID

T = TypeVar("T")

VALID_LOSS = "valid_logloss"


@dataclass(frozen=True)
class Chosen:
    """How many rounds to grow, and the models that told it.

    models: one for each fold of people, which has not seen them, its later rounds kept; or the one that stopped on valid.
    history: the log loss of each round by part (`train_logloss`, `valid_logloss`: rows that grew no tree), their mean.
    """

    rounds: int
    history: dict[str, list[float]]
    models: Sequence[Fitted]


@dataclass(frozen=True)
class Grower:
    """Examples as `train_churn` takes them, and everything that its fits share.

    valid_rows, known_rows: of valid, and of all that was known before the test. positive_weight, checkpoints: see `fit_classifier`.
    """

    examples: DataFrame
    features: Sequence[str]
    params: ChurnParams
    xgboost: XGBoostParams
    workers: int
    device: str
    seed: int
    valid_rows: int
    known_rows: int
    categorical: Sequence[str]
    positive_weight: float = 1.0
    key: Sequence[str] = (AS_OF, USER_ID)
    checkpoints: Path | None = None

    def chosen(self) -> Chosen:
        """How long to grow: with a refit, what is best for people that a model has not seen, else for the rows of valid.

        Valid comes after train, so how often 1s come differs between them in most communities, and the log loss there is
        least after few rounds that move every probability little. People are folds of the same months.
        """
        if not self.params.refit:
            stopped = self._stopped_on_valid()
            return Chosen(stopped.rounds, stopped.history, [stopped])
        models = self.together([partial(self._without, number) for number in range(self.params.calibration_folds)])
        history = {part: _mean_curve([one.history[part] for one in models]) for part in models[0].history}
        return Chosen(int(np.argmin(history[VALID_LOSS])) + 1, history, models)

    def finished(self, chosen: Chosen) -> Fitted:
        """The model itself: grown for the chosen rounds with a refit, else the one that stopped on valid."""
        return self._grown(chosen.rounds) if self.params.refit else chosen.models[0]

    def unseen_margins(self, chosen: Chosen) -> pd.DataFrame:
        """(margin, churned) of rows that grew none of the trees that say the margin: with a refit everything known
        before the test, each row by the model that has not seen its person; else those of valid. Bounded."""
        if not self.params.refit:
            valid = self.examples.where(F.col(ROLE) == VALID)
            return self._margins(valid, chosen.models[0].booster, total=self.valid_rows)
        rows, fold = self._before_test(), self._fold

        def of_fold(number: int) -> pd.DataFrame:
            booster = first_rounds(chosen.models[number].booster, chosen.rounds)
            return self._margins(rows.where(fold == number), booster, total=self.known_rows)

        parts = self.together([partial(of_fold, number) for number in range(self.params.calibration_folds)])
        return pd.concat(parts, ignore_index=True)

    def spread(self, test: pd.DataFrame, *, chosen: Chosen, fitted: Fitted) -> dict[str, float]:
        """The ROC AUC on `test` with each of n_seeds seeds, grown as the model was: mean and standard deviation.

        chosen: how long to grow, with a refit. fitted: the model itself, which is the first of them.
        """
        calls = [partial(self._with_seed, self.seed + more, chosen) for more in range(1, self.params.n_seeds)]
        models = [fitted, *self.together(calls)]
        found = [roc_auc(test[CHURNED], margins_on(one.booster, test[list(self.features)])) for one in models]
        return {
            "n": len(found),
            "roc_auc_mean": round(float(np.mean(found)), 10),
            "roc_auc_std": round(float(np.std(found)), 10),
        }

    def loss(self, settings: XGBoostParams, fold: Fold) -> float:
        """The mean log loss on the fold's validation rows of trees of these settings, where it is least."""
        rows, is_valid = rows_of_fold(self.examples, fold, seed=self.seed)
        fitted = self._fit(rows, what="try settings on a fold", is_valid=is_valid, settings=settings)
        return float(min(fitted.history[VALID_LOSS]))

    def together(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Several fits side by side. Several workers take every slot; single ones leave room for each other."""
        return at_once(self.examples.sparkSession, calls) if self.workers == 1 else [call() for call in calls]

    def _with_seed(self, seed: int, chosen: Chosen) -> Fitted:
        return self._grown(chosen.rounds, seed=seed) if self.params.refit else self._stopped_on_valid(seed=seed)

    def _grown(self, rounds: int, *, seed: int | None = None) -> Fitted:
        """Grown for so many rounds on everything that was known before the test."""
        return self._fit(self._before_test(), what="grow the model", rounds=rounds, seed=seed)

    def _stopped_on_valid(self, *, seed: int | None = None) -> Fitted:
        """Grown on train until valid gets no better."""
        rows = self.examples.where(F.col(ROLE).isin(TRAIN, VALID))
        return self._fit(rows, what="grow the model", is_valid=F.col(ROLE) == VALID, seed=seed)

    @property
    def _fold(self) -> Column:
        return place_of_person("fold", parts=self.params.calibration_folds, seed=self.seed)

    def _without(self, number: int) -> Fitted:
        """Grown on everybody known before the test but the people of a fold, on whom it stops."""
        what = f"grow without fold {number + 1} of {self.params.calibration_folds}"
        return self._fit(self._before_test(), what=what, is_valid=self._fold == number, cut=False)

    def _before_test(self) -> DataFrame:
        return self.examples.where(F.col(ROLE) != TEST)

    def _fit(
        self,
        rows: DataFrame,
        *,
        what: str,
        is_valid: Column | None = None,
        rounds: int | None = None,
        seed: int | None = None,
        settings: XGBoostParams | None = None,
        cut: bool = True,
    ) -> Fitted:
        with step(rows.sparkSession, what):
            return fit_classifier(
                rows, features=self.features, label=CHURNED, is_valid=is_valid, key=self.key,
                params=settings or self.xgboost,
                workers=self.workers, device=self.device, seed=self.seed if seed is None else seed, rounds=rounds,
                categorical=self.categorical, positive_weight=self.positive_weight, cut=cut,
                checkpoints=self.checkpoints,
            )  # fmt: skip

    def _margins(self, rows: DataFrame, booster: bytes, *, total: int) -> pd.DataFrame:
        """total: how many rows there are, of which `rows` may be a part; bounded in the whole."""
        sampled = sample_of_people(rows, total=total, most=MOST_EVALUATED_ROWS, seed=self.seed)
        scored = with_margins(
            sampled.select(F.col(CHURNED).cast("int").alias(CHURNED), *self.features),
            booster=booster, features=self.features, keep=[CHURNED],
        )  # fmt: skip
        # An order of its own, so that a sum over them is the same in every run.
        with step(rows.sparkSession, "score rows that the model has not seen"):
            return pd.DataFrame(scored.toPandas()).sort_values([MARGIN, CHURNED], ignore_index=True)


def _mean_curve(curves: Sequence[Sequence[float]]) -> list[float]:
    """The mean of each round; a curve that has ended keeps its last value."""
    longest = max(map(len, curves))
    filled = [[*curve, *[curve[-1]] * (longest - len(curve))] for curve in curves]
    return [float(value) for value in np.mean(filled, axis=0)]
