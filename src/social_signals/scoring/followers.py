"""Which followers a creator is about to lose, and why."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from social_signals.core.errors import ModelMismatchError
from social_signals.models.artefact import Artefact
from social_signals.models.calibration import Calibration
from social_signals.models.contributions import Explanation
from social_signals.models.followers import FOLLOWERS
from social_signals.models.predict import require_features, with_margins
from social_signals.scoring.ranks import with_rank
from social_signals.tables.gold import (
    AS_OF,
    DECILE,
    FOLLOWER_CHURN_SCORES,
    MODEL_ID,
    P_CHURN,
    RANK,
    REASON_TYPE,
    REASONS,
)
from social_signals.tables.silver import CREATOR_ID, USER_ID


def predict_follower_churn(
    ties: DataFrame, *, model: Artefact, explanation: Explanation | None = None, device: str = "cpu"
) -> DataFrame:
    """One row per row of ties: as_of, user_id, creator_id, model_id, p_churn, reasons (null without an explanation).

    Looks at no other row.

    Raises ModelMismatchError where the rows lack a feature of the model, or the model is of another kind.
    """
    if model.kind not in FOLLOWERS.kinds.values():
        raise ModelMismatchError(
            f"{model.model_id} is a model of {model.kind}, wanted is one of {FOLLOWERS.name}",
            hint="name the folder of a model that train_follower_churn made",
        )
    require_features(ties, model.features, model_id=model.model_id)
    scored = with_margins(
        ties,
        booster=model.booster,
        features=model.features,
        keep=[AS_OF, USER_ID, CREATOR_ID],
        links={P_CHURN: Calibration(**model.calibration).apply},
        explanation=explanation,
        device=device,
    )
    reasons = F.col(REASONS) if explanation else F.lit(None).cast(REASON_TYPE)
    named = F.lit(model.model_id).alias(MODEL_ID)
    return scored.select(AS_OF, USER_ID, CREATOR_ID, named, P_CHURN, reasons.alias(REASONS))


def with_places(predicted: DataFrame) -> DataFrame:
    """The rows of one cut-off as FOLLOWER_CHURN_SCORES.

    decile is among all ties of the slice, so that it means the same for a creator of three followers and of a million; rank
    is among the creator's own. Ties of equal probability go by user_id, then creator_id.
    """
    whole = predicted.withColumn("_tie", F.struct(USER_ID, CREATOR_ID)).transform(
        with_rank, by=P_CHURN, tie="_tie", name="_place"
    )
    decile = (F.floor((F.col("_place") - F.lit(1)) * F.lit(10) / F.col("total")) + F.lit(1)).cast("int")
    own = Window.partitionBy(CREATOR_ID).orderBy(F.col(P_CHURN).desc(), F.col(USER_ID))
    return whole.withColumns({DECILE: decile, RANK: F.row_number().over(own).cast("long")}).select(
        *FOLLOWER_CHURN_SCORES.columns
    )
