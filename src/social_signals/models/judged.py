"""What a churn model did on rows that it has not seen: metrics with intervals, per cut-off, beside baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import NumericType

from social_signals.core.steps import doing
from social_signals.core.times import iso
from social_signals.evaluation.metrics import bootstrap, probability_report, roc_auc
from social_signals.evaluation.splits import TEST, TRAIN, Splits
from social_signals.models.baselines import TRAINED_BASELINES, with_baselines
from social_signals.models.distributed import Fitted
from social_signals.models.examples import MOST_EVALUATED_ROWS, ROLE, sample_of_people
from social_signals.models.labels import CHURNED
from social_signals.models.predict import with_margins
from social_signals.models.subject import PEOPLE, Subject
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import USER_ID

PERSON = "person"
# The hash of a row's key: an order that is the same in every run.
_ROW = "row"


@doing("take the newest rows of the test")
def newest_rows(
    examples: DataFrame, *, splits: Splits, total: int, seed: int, subject: Subject = PEOPLE
) -> pd.DataFrame:
    """The rows of the newest test cut-off, for a duel of two models: features, `churned`, `person`. Bounded, sorted.

    total: how many there are. Examples as `train_churn` takes them; whoever trained on cut-offs before the test has not seen them.
    """
    newest = examples.where((F.col(ROLE) == TEST) & (F.col(AS_OF) == F.lit(splits.test[-1])))
    sampled = sample_of_people(newest, total=total, most=MOST_EVALUATED_ROWS, seed=seed)
    # Numbers are features or labels, also where they are part of the key.
    known = [column.name for column in sampled.schema if isinstance(column.dataType, NumericType)]
    rows = sampled.select(F.xxhash64(USER_ID).alias(PERSON), F.xxhash64(*subject.key).alias(_ROW), *known).toPandas()
    return pd.DataFrame(rows).sort_values([PERSON, _ROW], ignore_index=True).drop(columns=_ROW)


@doing("score the test and its baselines")
def judged_rows(
    examples: DataFrame,
    fitted: Fitted,
    *,
    features: Sequence[str],
    refit: bool,
    total: int,
    seed: int,
    categories: Mapping[str, int],
    groups: DataFrame | None = None,
    subject: Subject = PEOPLE,
) -> pd.DataFrame:
    """Test rows with their features, the margin and what the baselines say; bounded, in an order of their own.

    groups: (user_id, ...), one row per person, whose other columns come with the rows.
    """
    test = examples.where(F.col(ROLE) == TEST)
    sampled = sample_of_people(test, total=total, most=MOST_EVALUATED_ROWS, seed=seed)
    learnt_from = F.col(ROLE) != TEST if refit else F.col(ROLE) == TRAIN
    baselines = with_baselines(
        sampled, examples.where(learnt_from), features=features, label=CHURNED, seed=seed, categories=categories
    )
    recency = F.col(subject.recency) if subject.recency in features else F.lit(None)
    if groups is not None:
        baselines = baselines.join(groups, on=USER_ID, how="left")
    told = [] if groups is None else [name for name in groups.columns if name != USER_ID]
    rows = baselines.select(
        AS_OF, F.xxhash64(USER_ID).alias(PERSON), F.xxhash64(*subject.key).alias(_ROW), F.col(CHURNED).cast("int").alias(CHURNED),
        recency.cast("double").alias("recency"), *TRAINED_BASELINES, *told, *features,
    )  # fmt: skip
    keep = [AS_OF, PERSON, _ROW, CHURNED, "recency", *TRAINED_BASELINES, *told, *features]
    small = with_margins(rows, booster=fitted.booster, features=features, keep=keep)
    return pd.DataFrame(small.toPandas()).sort_values([AS_OF, PERSON, _ROW], ignore_index=True)


def metrics_of(test: pd.DataFrame, probabilities: np.ndarray[Any, Any], *, has_time: bool, seed: int) -> dict[str, Any]:
    """Metrics of all test rows and of the newest cut-off, of the baselines on the same rows, and of each cut-off.

    has_time false: the rows are of one moment that has no date.
    """
    labels, people = test[CHURNED].to_numpy(), test[PERSON].to_numpy()
    newest = (test[AS_OF] == test[AS_OF].max()).to_numpy()
    metrics: dict[str, Any] = {
        "test": probability_report(labels, probabilities, groups=people, seed=seed),
        "newest": probability_report(labels[newest], probabilities[newest], groups=people[newest], seed=seed)
        | {"as_of": iso(test[AS_OF].max().tz_localize("UTC").to_pydatetime()) if has_time else None},
        "baselines": {},
        "slices": _slices(test, probabilities) if has_time else {},
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
