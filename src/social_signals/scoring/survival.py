"""How long until each person falls silent."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.models.artefact import Artefact, require_kind
from social_signals.models.calibration import Calibration
from social_signals.models.curves import with_curves
from social_signals.models.predict import require_features
from social_signals.models.survival import PERIOD, TIME_TO_CHURN, params_of
from social_signals.tables.gold import MODEL_ID, TIMES_TO_CHURN


def predict_time_to_churn(features: DataFrame, *, model: Artefact, device: str = "cpu") -> DataFrame:
    """TIMES_TO_CHURN of one cut-off's features, one row per row.

    Raises ModelMismatchError where the rows lack a feature of the model, or the model is of another kind.
    """
    require_kind(model, TIME_TO_CHURN)
    require_features(features, [name for name in model.features if name != PERIOD], model_id=model.model_id)
    curves = with_curves(
        features, booster=model.booster, features=model.features, calibration=Calibration(**model.calibration),
        params=params_of(model), device=device,
    )  # fmt: skip
    return curves.withColumn(MODEL_ID, F.lit(model.model_id)).select(*TIMES_TO_CHURN.columns)
