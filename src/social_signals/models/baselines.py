"""What a model must beat on the same rows: Spark ML's logistic regression and decision tree on the same features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

LOGISTIC, TREE = "logistic", "decision_tree"
TRAINED_BASELINES = (LOGISTIC, TREE)
_VECTOR = "_vector"


def with_baselines(
    rows: DataFrame,
    train: DataFrame,
    *,
    features: Sequence[str],
    label: str,
    seed: int,
    categories: Mapping[str, int] | None = None,
) -> DataFrame:
    """Adds `logistic` and `decision_tree` to `rows`: P(label = 1), both learnt from `train`.

    They see signed logarithms, with missing values at 0: a line needs the first, and neither knows what is missing; and a
    column of 0 and 1 for each value of `categories` (feature -> how many codes it has). Several Spark jobs on `train`.
    """
    from pyspark.ml.classification import DecisionTreeClassifier, LogisticRegression
    from pyspark.ml.functions import vector_to_array

    vector = flat_vector(features, categories=categories).alias(_VECTOR)
    # Each estimator reads the rows several times over, and would work out the logarithms anew.
    narrow = train.select(vector, F.col(label).cast("double").alias("label")).persist()
    try:
        fitted = {
            LOGISTIC: LogisticRegression(featuresCol=_VECTOR, maxIter=30, regParam=0.01).fit(narrow),
            TREE: DecisionTreeClassifier(featuresCol=_VECTOR, maxDepth=5, minInstancesPerNode=20, seed=seed).fit(
                narrow
            ),
        }
    finally:
        narrow.unpersist()
    scored = rows.withColumn(_VECTOR, vector)
    for name, model in fitted.items():
        probability = F.round(vector_to_array(F.col("probability"))[1], 6)
        scored = (
            model.transform(scored).withColumn(name, probability).drop("rawPrediction", "probability", "prediction")
        )
    return scored.drop(_VECTOR)


def flat_vector(features: Sequence[str], *, categories: Mapping[str, int] | None = None) -> Column:
    """The features as a vector that a line can use: signed logarithms, missing values at 0, a 0 or 1 for each category."""
    from pyspark.ml.functions import array_to_vector

    known = categories or {}
    columns = [_flat(name) for name in features if name not in known]
    columns += [
        F.coalesce((F.col(name) == code).cast("double"), F.lit(0.0))
        for name, count in known.items()
        for code in range(count)
    ]
    return array_to_vector(F.array(*columns))


def _flat(name: str) -> Column:
    value = F.coalesce(F.col(name).cast("double"), F.lit(0.0))
    return F.signum(value) * F.log1p(F.abs(value))
