"""Who is about to go silent, and why."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.models.artefact import CHURN, Artefact, require_kind
from social_signals.models.calibration import Calibration
from social_signals.models.predict import require_features, with_margins
from social_signals.scoring.ranks import with_rank
from social_signals.tables.gold import AS_OF, CHURN_SCORES, DECILE, MODEL_ID, P_CHURN, REASON_TYPE, REASONS
from social_signals.tables.silver import USER_ID


def predict_churn(features: DataFrame, *, model: Artefact, top_reasons: int = 3, device: str = "cpu") -> DataFrame:
    """One row per row of features: as_of, user_id, model_id, p_churn, reasons. Looks at no other row.

    Raises ModelMismatchError where the rows lack a feature of the model, or the model is of another kind.
    """
    require_kind(model, CHURN)
    require_features(features, model.features, model_id=model.model_id)
    scored = with_margins(
        features,
        booster=model.booster,
        features=model.features,
        keep=[AS_OF, USER_ID],
        links={P_CHURN: Calibration(**model.calibration).apply},
        top_reasons=top_reasons,
        device=device,
    )
    reasons = F.col(REASONS) if top_reasons else F.lit(None).cast(REASON_TYPE)
    return scored.select(
        AS_OF,
        USER_ID,
        F.lit(model.model_id).alias(MODEL_ID),
        P_CHURN,
        reasons.alias(REASONS),
    )


def with_deciles(predicted: DataFrame) -> DataFrame:
    """The rows of one cut-off as CHURN_SCORES: decile 1 is the tenth most likely to leave; ties go by user_id."""
    ranked = predicted.transform(with_rank, by=P_CHURN, tie=USER_ID)
    decile = (F.floor((F.col("rank") - F.lit(1)) * F.lit(10) / F.col("total")) + F.lit(1)).cast("int")
    return ranked.withColumn(DECILE, decile).select(*CHURN_SCORES.columns)


def score_churn(features: DataFrame, *, model: Artefact, top_reasons: int = 3, device: str = "cpu") -> DataFrame:
    """CHURN_SCORES of one cut-off's features: calibrated probability, decile and the top reasons of each person."""
    return predict_churn(features, model=model, top_reasons=top_reasons, device=device).transform(with_deciles)
