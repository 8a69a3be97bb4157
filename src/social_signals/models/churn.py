"""Who will go silent: examples in, a calibrated model with its evidence out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.core.lanes import at_once
from social_signals.core.times import iso
from social_signals.evaluation.metrics import (
    bootstrap,
    deciles,
    probability_report,
    reliability,
    roc_auc,
    roc_points,
)
from social_signals.evaluation.splits import TEST, TRAIN, VALID, Splits
from social_signals.models.artefact import CHURN, CHURN_CONTRACT, CHURN_EVENT, Artefact, ModelStore, model_id_of
from social_signals.models.baselines import TRAINED_BASELINES, with_baselines
from social_signals.models.calibration import fit_calibration
from social_signals.models.card import card_of, code_identity
from social_signals.models.distributed import Fitted, fit_classifier, require_barrier, require_device, workers_for
from social_signals.models.examples import ROLE, examine, sample_of_people, with_role
from social_signals.models.labels import CHURNED
from social_signals.models.params import CONTRACT, EVENT, SILENCE, ChurnParams, XGBoostParams
from social_signals.models.predict import MARGIN, importance_of, margins_on, require_features, with_margins
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import USER_ID

# What a driver may hold for calibration, metrics and their intervals; above it, whole people are sampled.
MOST_EVALUATED_ROWS = 50_000
RECENCY_FEATURE = "days_since_last_activity"
# Exact contributions of a few thousand rows say which features matter as well as those of all of them.
MOST_EXPLAINED_ROWS = 2_000
PERSON = "person"
KINDS = {SILENCE: CHURN, EVENT: CHURN_EVENT, CONTRACT: CHURN_CONTRACT}


def churn_examples(features: DataFrame, labels: DataFrame, *, splits: Splits, seed: int) -> DataFrame:
    """One row per cut-off of the split and person with features and a label: as_of, user_id, features, churned, role."""
    return with_role(features.join(labels, on=[AS_OF, USER_ID], how="inner"), splits, seed=seed)


def train_churn(
    examples: DataFrame,
    *,
    features: Sequence[str],
    as_of: datetime,
    splits: Splits,
    params: ChurnParams,
    xgboost: XGBoostParams,
    seed: int,
    device: str,
    inputs: Mapping[str, int],
    store: ModelStore,
    categories: Mapping[str, Sequence[str]] | None = None,
) -> tuple[Artefact, bool]:
    """The churn model of these examples, and whether it had to be trained: the same inputs find the finished one.

    examples: `churn_examples`, cached by the caller, since several Spark jobs read them. inputs: Delta version of each
    table they came from, for the card. categories: the features that hold codes, each with the values that they stand for. Slots and device are checked before any Spark job, labels before training.
    Raises ConfigError, ResourceError or DataQualityError with what is missing.
    """
    spark = examples.sparkSession
    slots = require_barrier(spark, workers=xgboost.num_workers)
    require_features(examples, features, model_id="the churn model")
    examined = examine(examples, label=CHURNED, features=features, is_binary=True, what="churn")
    workers = workers_for(examined.before_test, slots=slots, params=xgboost)
    made_of = {
        **code_identity(), "features": list(features), "fingerprint": examined.fingerprint, "splits": asdict(splits),
        "params": asdict(params), "xgboost": asdict(xgboost), "seed": seed, "workers": workers, "device": device,
    }  # fmt: skip
    kind, known = KINDS[params.definition], dict(categories or {})
    model_id = model_id_of(kind, made_of | ({"categories": known} if known else {}))
    finished = store.find(kind, model_id)
    if finished is not None:
        return finished, False
    require_device(spark, device)
    grower = _Grower(
        examples, features=features, params=params, xgboost=xgboost, workers=workers, device=device, seed=seed,
        valid_rows=examined.rows[VALID], categorical=list(known),
    )  # fmt: skip
    chosen = grower.stopped_early()
    fitted = grower.grown(rounds=chosen.rounds) if params.refit else chosen
    calibration = fit_calibration(*grower.unseen_margins(chosen))
    test = _judged(examples, fitted, features=features, refit=params.refit, total=examined.rows[TEST], seed=seed,
        categories={name: len(values) for name, values in known.items()},
    )  # fmt: skip
    probabilities = calibration.apply(test[MARGIN])
    metrics = _metrics(test, probabilities, seed=seed)
    explained = test.sample(min(len(test), MOST_EXPLAINED_ROWS), random_state=seed)
    if params.n_seeds > 1:
        metrics["seeds"] = grower.spread(test, rounds=chosen.rounds)
    card = card_of(
        as_of=as_of,
        params=params,
        xgboost=xgboost,
        splits=splits,
        examined=examined,
        fitted=replace(fitted, history=chosen.history),
        seed=seed,
        inputs=inputs,
    ) | {
        "label": label_of(params),
        "categories": {name: list(values) for name, values in known.items()},
        "metrics": {CHURN: metrics},
        "curves": {
            CHURN: {
                "roc": roc_points(test[CHURNED], probabilities),
                "calibration": reliability(test[CHURNED], probabilities),
                "deciles": [tenth._asdict() for tenth in deciles(test[CHURNED], probabilities)],
            }
        },
        "importance": importance_of(fitted.booster, explained[list(features)]),
    }
    artefact = Artefact(kind, model_id, list(features), fitted.booster, calibration.as_json(), card)
    store.put(artefact)
    return artefact, True


def label_of(params: ChurnParams) -> str:
    """What a 1 means, in words, for the card."""
    if params.definition == CONTRACT:
        return f"{params.contract.label} is {params.contract.positive}"
    among = f"among those active in the {params.lookback_days} days before"
    did = "silent" if params.definition == SILENCE else f"{' or '.join(params.events)}"
    return f"{did} in [as_of, as_of + {params.horizon_days} days) {among}"


def newest_rows(examples: DataFrame, *, splits: Splits, seed: int) -> pd.DataFrame:
    """The rows of the newest test cut-off, for a duel of two models: features, `churned`, `person`. Bounded, sorted.

    Examples as `train_churn` takes them; whoever trained on cut-offs before the test has not seen them.
    """
    newest = examples.where((F.col(ROLE) == TEST) & (F.col(AS_OF) == F.lit(splits.test[-1])))
    sampled = sample_of_people(newest, total=newest.count(), most=MOST_EVALUATED_ROWS, seed=seed)
    known = [name for name in sampled.columns if name not in (AS_OF, USER_ID, ROLE)]
    rows = sampled.select(F.xxhash64(USER_ID).alias(PERSON), *known).toPandas()
    return pd.DataFrame(rows).sort_values(PERSON, ignore_index=True)


@dataclass(frozen=True)
class _Grower:
    """The fits of one model, which differ only in whom they learn from."""

    examples: DataFrame
    features: Sequence[str]
    params: ChurnParams
    xgboost: XGBoostParams
    workers: int
    device: str
    seed: int
    valid_rows: int
    categorical: Sequence[str]

    def stopped_early(self) -> Fitted:
        """Grown on train until valid gets no better."""
        rows = self.examples.where(F.col(ROLE).isin(TRAIN, VALID))
        return self._fit(rows, is_valid=F.col(ROLE) == VALID)

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
        fold = F.pmod(F.xxhash64(F.lit(self.seed), F.lit("fold"), F.col(USER_ID)), F.lit(folds))

        def of_fold(number: int) -> tuple[pd.Series, pd.Series]:
            fitted = self._fit(self._before_test().where(fold != number), rounds=chosen.rounds)
            return self._margins(valid.where(fold == number), fitted)

        calls = [partial(of_fold, number) for number in range(folds)]
        # Several workers take every slot; single ones leave room for each other.
        parts = at_once(self.examples.sparkSession, calls) if self.workers == 1 else [call() for call in calls]
        return pd.concat([part[0] for part in parts]), pd.concat([part[1] for part in parts])

    def spread(self, test: pd.DataFrame, *, rounds: int) -> dict[str, float]:
        """The ROC AUC on `test` with each of n_seeds seeds: mean and standard deviation."""
        found = []
        for more in range(self.params.n_seeds):
            fitted = self.grown(rounds=rounds, seed=self.seed + more)
            found.append(roc_auc(test[CHURNED], margins_on(fitted.booster, test[list(self.features)])))
        return {
            "n": len(found),
            "roc_auc_mean": round(float(np.mean(found)), 10),
            "roc_auc_std": round(float(np.std(found)), 10),
        }

    def _before_test(self) -> DataFrame:
        return self.examples.where(F.col(ROLE) != TEST)

    def _fit(
        self, rows: DataFrame, *, is_valid: Column | None = None, rounds: int | None = None, seed: int | None = None
    ) -> Fitted:
        return fit_classifier(
            rows, features=self.features, label=CHURNED, is_valid=is_valid, key=[AS_OF, USER_ID], params=self.xgboost,
            workers=self.workers, device=self.device, seed=self.seed if seed is None else seed, rounds=rounds,
            categorical=self.categorical,
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


def _judged(
    examples: DataFrame,
    fitted: Fitted,
    *,
    features: Sequence[str],
    refit: bool,
    total: int,
    seed: int,
    categories: Mapping[str, int],
) -> pd.DataFrame:
    """Test rows with their features, the margin and what the baselines say; bounded, in an order of their own."""
    test = examples.where(F.col(ROLE) == TEST)
    sampled = sample_of_people(test, total=total, most=MOST_EVALUATED_ROWS, seed=seed)
    learnt_from = F.col(ROLE) != TEST if refit else F.col(ROLE) == TRAIN
    baselines = with_baselines(
        sampled, examples.where(learnt_from), features=features, label=CHURNED, seed=seed, categories=categories
    )
    recency = F.col(RECENCY_FEATURE) if RECENCY_FEATURE in features else F.lit(None)
    rows = baselines.select(
        AS_OF, F.xxhash64(USER_ID).alias(PERSON), F.col(CHURNED).cast("int").alias(CHURNED),
        recency.cast("double").alias("recency"), *TRAINED_BASELINES, *features,
    )  # fmt: skip
    keep = [AS_OF, PERSON, CHURNED, "recency", *TRAINED_BASELINES, *features]
    small = with_margins(rows, booster=fitted.booster, features=features, keep=keep)
    return pd.DataFrame(small.toPandas()).sort_values([AS_OF, PERSON], ignore_index=True)


def _metrics(test: pd.DataFrame, probabilities: np.ndarray[Any, Any], *, seed: int) -> dict[str, Any]:
    labels, people = test[CHURNED].to_numpy(), test[PERSON].to_numpy()
    newest = (test[AS_OF] == test[AS_OF].max()).to_numpy()
    metrics: dict[str, Any] = {
        "test": probability_report(labels, probabilities, groups=people, seed=seed),
        "newest": probability_report(labels[newest], probabilities[newest], groups=people[newest], seed=seed)
        | {"as_of": iso(test[AS_OF].max().tz_localize("UTC").to_pydatetime())},
        "baselines": {},
        "slices": _slices(test, probabilities),
    }
    for name in ("recency", *TRAINED_BASELINES):
        if test[name].isna().all():
            continue
        scores = test[name].fillna(test[name].max()).to_numpy()
        interval = bootstrap(roc_auc, labels, scores, groups=people, seed=seed)
        newest_auc = roc_auc(labels[newest], scores[newest])
        metrics["baselines"][name] = {
            "roc_auc": round(interval.value, 10), "roc_auc_low": round(interval.low, 10),
            "roc_auc_high": round(interval.high, 10), "newest_roc_auc": round(newest_auc, 10),
        }  # fmt: skip
    return metrics


def _slices(test: pd.DataFrame, probabilities: np.ndarray[Any, Any]) -> dict[str, dict[str, float]]:
    """What the pooled numbers hide: rows, rate, ROC AUC and mean probability at each test cut-off."""
    found = {}
    for cutoff, rows in test.groupby(AS_OF, sort=True):
        labels, chances = rows[CHURNED].to_numpy(), probabilities[rows.index.to_numpy()]
        found[iso(pd.Timestamp(str(cutoff)).tz_localize("UTC").to_pydatetime())] = {
            "rows": len(rows),
            "rate": round(float(labels.mean()), 10),
            "mean_probability": round(float(chances.mean()), 10),
            "roc_auc": round(roc_auc(labels, chances), 10),
        }
    return found
