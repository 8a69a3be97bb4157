"""Curves of survival from a model of hazards: for everybody in a slice, and judged on the test with their rivals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, StructField, StructType

from social_signals.core.workers import settled
from social_signals.evaluation.metrics import bootstrap, brier, calibration_error, calibration_noise, roc_auc
from social_signals.evaluation.splits import TEST, TRAIN
from social_signals.evaluation.survival import (
    concordance_gain,
    concordance_interval,
    expected_days,
    median_days,
    survival_of,
)
from social_signals.models.baselines import LOGISTIC, TREE, flat_vector, with_baselines
from social_signals.models.calibration import Calibration
from social_signals.models.distributed import Fitted
from social_signals.models.examples import ROLE, sample_of_people
from social_signals.models.judged import PERSON
from social_signals.models.labels import CHURNED
from social_signals.models.predict import margins_on, with_margins
from social_signals.models.subject import RECENCY_FEATURE
from social_signals.models.survival import (
    FOLLOW_DAYS,
    HAS_BEGUN,
    IS_SILENT,
    PERIOD,
    SILENT_AFTER_DAYS,
    TimeToChurnParams,
)
from social_signals.tables.gold import AS_OF, EXPECTED_DAYS, MEDIAN_DAYS, SURVIVAL, SURVIVAL_TYPE
from social_signals.tables.silver import USER_ID

Floats = NDArray[np.float64]
# What a driver may hold of people, each with a row a period.
MOST_JUDGED_ROWS = 20_000
AFT = "aft"
_HAZARD, _HAZARDS, _ROW = "hazard", "hazards", "row"


def with_curves(
    people: DataFrame,
    *,
    booster: bytes,
    features: Sequence[str],
    calibration: Calibration,
    params: TimeToChurnParams,
    device: str = "cpu",
) -> DataFrame:
    """One row per row of people: as_of, user_id, expected_days, median_days, survival.

    Each is scored once a period, with calibrated hazards; a hazard looks at no other row.
    """
    periods, step = params.periods, params.period_days
    entered = people.withColumn(PERIOD, F.explode(F.sequence(F.lit(0), F.lit(periods))))
    scored = with_margins(
        entered, booster=booster, features=features, keep=[AS_OF, USER_ID, PERIOD], links={_HAZARD: calibration.apply},
        device=device,
    )  # fmt: skip
    in_order = F.array_sort(F.collect_list(F.struct(PERIOD, _HAZARD))).getField(_HAZARD).alias(_HAZARDS)
    together = scored.groupBy(AS_OF, USER_ID).agg(in_order)
    added = [StructField(EXPECTED_DAYS, DoubleType(), nullable=False), StructField(MEDIAN_DAYS, DoubleType())]
    kept = [together.schema[name] for name in (AS_OF, USER_ID)]
    schema = StructType([*kept, *added, StructField(SURVIVAL, SURVIVAL_TYPE)])

    def drawn(batches: Iterable[Any]) -> Iterable[Any]:
        import pyarrow as pa

        for batch in batches:
            if batch.num_rows == 0:
                continue
            hazards = batch.column(2).flatten().to_numpy(zero_copy_only=False).reshape(batch.num_rows, periods + 1)
            curve = survival_of(hazards).round(9)
            median = median_days(curve, period_days=step).round(3)
            days = np.tile(np.arange(periods + 1, dtype=np.int32) * step, batch.num_rows)
            points = pa.StructArray.from_arrays([pa.array(days), pa.array(curve.ravel())], names=["days", "p_active"])
            offsets = np.arange(0, days.size + 1, periods + 1, dtype=np.int32)
            columns = [
                batch.column(0), batch.column(1), pa.array(expected_days(curve, period_days=step).round(3)),
                pa.array(median, mask=np.isnan(median)), pa.ListArray.from_arrays(offsets, points),
            ]  # fmt: skip
            yield pa.RecordBatch.from_arrays(columns, names=[field.name for field in schema])

    return together.mapInArrow(settled(drawn), schema)


def time_metrics(
    examples: DataFrame,
    fitted: Fitted,
    calibration: Calibration,
    *,
    features: Sequence[str],
    params: TimeToChurnParams,
    seed: int,
) -> dict[str, Any]:
    """How well the test people's times are foretold, under the names of the card.

    concordance of the expected days, with its interval and what it gained over recency alone; the same of the rivals,
    trained on the same rows: Spark ML's logistic regression and decision tree on person-periods, and its accelerated failure
    time model. horizons: for each day of the curve, among those followed that far, the chance of being silent by then
    against how many were. examples: `person_periods`.
    """
    test = examples.where((F.col(ROLE) == TEST) & (F.col(PERIOD) == 0))
    sampled = sample_of_people(test, total=test.count(), most=MOST_JUDGED_ROWS, seed=seed)
    columns = [name for name in features if name != PERIOD]
    row = F.xxhash64(AS_OF, USER_ID).alias(_ROW)
    known = [SILENT_AFTER_DAYS, IS_SILENT, HAS_BEGUN, FOLLOW_DAYS]
    taken = sampled.select(row, F.xxhash64(USER_ID).alias(PERSON), *known, *columns).toPandas()
    people = pd.DataFrame(taken).sort_values(_ROW, ignore_index=True)
    curve = _curves(people, fitted, calibration, features=features, periods=params.periods)
    rivals = _rivals(sampled, examples, row, features=features, params=params, seed=seed)
    predicted = {"model": expected_days(curve, period_days=params.period_days)}
    if RECENCY_FEATURE in people:
        predicted["recency"] = -people[RECENCY_FEATURE].to_numpy(np.float64)
    predicted |= {name: rivals[name].reindex(people[_ROW]).to_numpy() for name in rivals}
    return {"time": _told(people, predicted, seed=seed), "horizons": _horizons(people, curve, params, seed=seed)}


def _curves(
    people: pd.DataFrame, fitted: Fitted, calibration: Calibration, *, features: Sequence[str], periods: int
) -> Floats:
    hazards = [
        calibration.apply(margins_on(fitted.booster, people.assign(**{PERIOD: period})[list(features)]))
        for period in range(periods + 1)
    ]
    return survival_of(np.column_stack(hazards))


def _rivals(
    sampled: DataFrame, examples: DataFrame, row: Any, *, features: Sequence[str], params: TimeToChurnParams, seed: int
) -> dict[str, pd.Series]:
    """The days that each rival expects, by row."""
    learnt_from = examples.where(F.col(ROLE) != TEST if params.refit else F.col(ROLE) == TRAIN)
    entered = sampled.drop(PERIOD).withColumn(PERIOD, F.explode(F.sequence(F.lit(0), F.lit(params.periods))))
    hazards = with_baselines(
        entered, learnt_from, features=features, label=CHURNED, seed=seed, categories={PERIOD: params.periods + 1}
    )
    taken = pd.DataFrame(hazards.select(row, PERIOD, LOGISTIC, TREE).toPandas())
    found = {}
    for name in (LOGISTIC, TREE):
        wide = taken.pivot(index=_ROW, columns=PERIOD, values=name)
        days = expected_days(survival_of(wide.to_numpy()), period_days=params.period_days)
        found[name] = pd.Series(days, index=wide.index)
    aft = _aft(sampled, learnt_from.where(F.col(PERIOD) == 0), columns=[c for c in features if c != PERIOD])
    times = pd.DataFrame(aft.select(row, AFT).toPandas()).set_index(_ROW)[AFT]
    return found | {AFT: times}


def _aft(rows: DataFrame, train: DataFrame, *, columns: Sequence[str]) -> DataFrame:
    """Adds `aft`: the days that Spark ML's Weibull regression expects. A day is added, as it knows no time of 0."""
    from pyspark.ml.regression import AFTSurvivalRegression

    vector = flat_vector(columns).alias("_vector")
    narrow = train.select(
        vector, (F.col(SILENT_AFTER_DAYS) + 1.0).alias("label"), F.col(IS_SILENT).cast("double").alias("censor")
    ).persist()
    try:
        model = AFTSurvivalRegression(featuresCol="_vector", maxIter=50).fit(narrow)
    finally:
        narrow.unpersist()
    scored: DataFrame = model.transform(rows.withColumn("_vector", vector))
    return scored.withColumnRenamed("prediction", AFT)


def _told(people: pd.DataFrame, predicted: Mapping[str, Floats], *, seed: int) -> dict[str, Any]:
    times, ended = people[SILENT_AFTER_DAYS], people[IS_SILENT]
    whole = {"groups": people[PERSON], "seed": seed}

    def shown(name: str, interval: Any) -> dict[str, float]:
        parts = (("", interval.value), ("_low", interval.low), ("_high", interval.high))
        return {f"{name}{suffix}": round(float(value), 10) for suffix, value in parts}

    told: dict[str, Any] = {"rows": len(people), "events": int(ended.sum())}
    told |= shown("concordance", concordance_interval(times, ended, predicted["model"], **whole))
    if "recency" in predicted:
        gained = concordance_gain(times, ended, predicted["model"], predicted["recency"], **whole)
        told |= shown("gained_over_recency", gained)
    told["baselines"] = {
        name: shown("concordance", concordance_interval(times, ended, values, **whole))
        for name, values in predicted.items()
        if name != "model"
    }
    return told


def _horizons(people: pd.DataFrame, curve: Floats, params: TimeToChurnParams, *, seed: int) -> dict[str, Any]:
    found = {}
    for period in range(params.periods + 1):
        days = period * params.period_days
        followed = (people[FOLLOW_DAYS] >= days).to_numpy()
        if not followed.any():
            continue
        some = people[followed]
        begun = some[HAS_BEGUN] | (some[IS_SILENT] & (some[SILENT_AFTER_DAYS] < days))
        labels, chances = begun.to_numpy(np.float64), 1 - curve[followed, period]
        auc = bootstrap(roc_auc, labels, chances, groups=some[PERSON], seed=seed)
        found[f"{days}_days"] = {
            "rows": len(some),
            "rate": round(float(labels.mean()), 10),
            "mean_probability": round(float(chances.mean()), 10),
            "calibration_error": round(calibration_error(labels, chances), 10),
            "calibration_noise": round(calibration_noise(chances, seed=seed), 10),
            "brier": round(brier(labels, chances), 10),
            "roc_auc": round(auc.value, 10), "roc_auc_low": round(auc.low, 10), "roc_auc_high": round(auc.high, 10),
        }  # fmt: skip
    return found
