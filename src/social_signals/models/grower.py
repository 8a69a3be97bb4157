"""The fits of one churn model, which differ only in whom they learn from and how the trees are shaped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.core.lanes import at_once
from social_signals.evaluation.metrics import roc_auc
from social_signals.evaluation.splits import TEST, TRAIN, VALID, Fold
from social_signals.models.distributed import Fitted, fit_classifier
from social_signals.models.examples import MOST_EVALUATED_ROWS, ROLE, sample_of_people
from social_signals.models.labels import CHURNED
from social_signals.models.params import ChurnParams, XGBoostParams
from social_signals.models.predict import MARGIN, margins_on, with_margins
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import USER_ID

T = TypeVar("T")


@dataclass(frozen=True)
class Grower:
    """Examples as `train_churn` takes them, and everything that its fits share. positive_weight: see `fit_classifier`."""

    examples: DataFrame
    features: Sequence[str]
    params: ChurnParams
    xgboost: XGBoostParams
    workers: int
    device: str
    seed: int
    valid_rows: int
    categorical: Sequence[str]
    positive_weight: float = 1.0
    key: Sequence[str] = (AS_OF, USER_ID)

    def stopped_early(self, *, seed: int | None = None) -> Fitted:
        """Grown on train until valid gets no better."""
        rows = self.examples.where(F.col(ROLE).isin(TRAIN, VALID))
        return self._fit(rows, is_valid=F.col(ROLE) == VALID, seed=seed)

    def grown(self, *, rounds: int, seed: int | None = None) -> Fitted:
        """Grown for so many rounds on everything that was known before the test."""
        return self._fit(self._before_test(), rounds=rounds, seed=seed)

    def unseen_margins(self, chosen: Fitted) -> tuple[pd.Series, pd.Series]:
        """Margins and outcomes of the valid rows, each by a model that has not seen their person.

        Valid lies nearest to the test in time, so it says best how often 1s come by now. Without a refit `chosen` itself has
        seen none of it.
        """
        valid = self.examples.where(F.col(ROLE) == VALID)
        if not self.params.refit:
            return self._margins(valid, chosen)
        folds = self.params.calibration_folds
        fold = self._place_of_person("fold", parts=folds)

        def of_fold(number: int) -> tuple[pd.Series, pd.Series]:
            fitted = self._fit(self._before_test().where(fold != number), rounds=chosen.rounds)
            return self._margins(valid.where(fold == number), fitted)

        parts = self.together([partial(of_fold, number) for number in range(folds)])
        return pd.concat([part[0] for part in parts]), pd.concat([part[1] for part in parts])

    def spread(self, test: pd.DataFrame, *, chosen: Fitted, fitted: Fitted) -> dict[str, float]:
        """The ROC AUC on `test` with each of n_seeds seeds, grown as the model was: mean and standard deviation.

        chosen: how long to grow. fitted: the model itself, which is the first of them.
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
        rows = self._before_test()
        if fold.is_by_person:
            is_valid = self._place_of_person("search", parts=fold.parts) == fold.part
        else:
            rows = rows.where(F.col(AS_OF).isin([*fold.train, *fold.valid]))
            is_valid = F.col(AS_OF).isin(fold.valid)
        fitted = self._fit(rows, is_valid=is_valid, settings=settings)
        return float(min(fitted.history["valid_logloss"]))

    def together(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Several fits side by side. Several workers take every slot; single ones leave room for each other."""
        return at_once(self.examples.sparkSession, calls) if self.workers == 1 else [call() for call in calls]

    def _with_seed(self, seed: int, chosen: Fitted) -> Fitted:
        return self.grown(rounds=chosen.rounds, seed=seed) if self.params.refit else self.stopped_early(seed=seed)

    def _place_of_person(self, purpose: str, *, parts: int) -> Column:
        return F.pmod(F.xxhash64(F.lit(self.seed), F.lit(purpose), F.col(USER_ID)), F.lit(parts))

    def _before_test(self) -> DataFrame:
        return self.examples.where(F.col(ROLE) != TEST)

    def _fit(
        self,
        rows: DataFrame,
        *,
        is_valid: Column | None = None,
        rounds: int | None = None,
        seed: int | None = None,
        settings: XGBoostParams | None = None,
    ) -> Fitted:
        return fit_classifier(
            rows, features=self.features, label=CHURNED, is_valid=is_valid, key=self.key,
            params=settings or self.xgboost,
            workers=self.workers, device=self.device, seed=self.seed if seed is None else seed, rounds=rounds,
            categorical=self.categorical, positive_weight=self.positive_weight,
        )  # fmt: skip

    def _margins(self, rows: DataFrame, fitted: Fitted) -> tuple[pd.Series, pd.Series]:
        sampled = sample_of_people(rows, total=self.valid_rows, most=MOST_EVALUATED_ROWS, seed=self.seed)
        scored = with_margins(
            sampled.select(F.col(CHURNED).cast("int").alias(CHURNED), *self.features),
            booster=fitted.booster, features=self.features, keep=[CHURNED],
        )  # fmt: skip
        # An order of its own, so that a sum over them is the same in every run.
        small = pd.DataFrame(scored.toPandas()).sort_values([MARGIN, CHURNED], ignore_index=True)
        return small[MARGIN], small[CHURNED]
