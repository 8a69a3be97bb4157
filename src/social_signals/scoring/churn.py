"""Who is about to leave, by whichever definition the model learnt, and why."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.models.artefact import CHURN, Artefact, require_kind
from social_signals.models.calibration import Calibration
from social_signals.models.contributions import Explanation
from social_signals.models.predict import require_features, with_margins
from social_signals.models.subject import KINDS
from social_signals.scoring.reasons import without_reasons
from social_signals.scoring.tenths import Tenths, with_tenth
from social_signals.tables.gold import AS_OF, CHURN_SCORES, MODEL_ID, P_CHURN, REASONS, REASONS_METHOD, REASONS_TEXT
from social_signals.tables.silver import USER_ID


def predict_churn(
    features: DataFrame, *, model: Artefact, explanation: Explanation | None = None, device: str = "cpu"
) -> DataFrame:
    """One row per row of features: as_of, user_id, p_churn, and with an explanation reasons, in words too, and their method.

    Looks at no other row. Raises ModelMismatchError where the rows lack a feature of the model, or the model is none of churn.
    """
    if model.kind not in KINDS.values():
        require_kind(model, CHURN)
    require_features(features, model.features, model_id=model.model_id)
    scored = with_margins(
        features,
        booster=model.booster,
        features=model.features,
        keep=[AS_OF, USER_ID],
        links={P_CHURN: Calibration(**model.calibration).apply},
        explanation=explanation,
        device=device,
    )
    told = [] if explanation is None else [REASONS, REASONS_TEXT, REASONS_METHOD]
    return scored.select(AS_OF, USER_ID, P_CHURN, *told)


def as_scores(predicted: DataFrame, tenths: Tenths, *, model_id: str) -> DataFrame:
    """The rows of one cut-off as CHURN_SCORES: decile 1 is the tenth most likely to leave; ties go by user_id."""
    placed = predicted.transform(with_tenth, tenths, by=P_CHURN, tie=USER_ID).withColumn(MODEL_ID, F.lit(model_id))
    if REASONS not in placed.columns:
        placed = placed.withColumns(without_reasons())
    return placed.select(*CHURN_SCORES.columns)
