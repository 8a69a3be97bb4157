"""Who moves people, who is about to, and why."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.models.artefact import INFLUENCE as INFLUENCE_MODEL
from social_signals.models.artefact import Artefact, require_kind
from social_signals.models.at_top import TOP_SHARE
from social_signals.models.contributions import Explanation
from social_signals.models.ladder import Ladder
from social_signals.models.predict import require_features, with_margins
from social_signals.scoring.ranks import with_rank
from social_signals.scoring.reasons import without_reasons
from social_signals.tables.gold import (
    AS_OF,
    INFLUENCE,
    INFLUENCE_SCORES,
    IS_EMERGING,
    MODEL_ID,
    MOMENTUM,
    RANK,
    REASONS,
    REASONS_METHOD,
    REASONS_TEXT,
    TIER,
)
from social_signals.tables.silver import FOLLOWER_COUNT, USER_ID
from social_signals.tables.tiers import TIERS_BY_SHARE, tier_above, tier_by_followers

RECEIVED = "received_90d_count"


def predict_influence(
    features: DataFrame,
    *,
    model: Artefact,
    explanation: Explanation | None = None,
    device: str = "cpu",
    keep: tuple[str, ...] = (),
    kind: str = INFLUENCE_MODEL,
) -> DataFrame:
    """One row per row of features: as_of, user_id, model_id, influence, reasons (in words too) and their method, and the `keep` columns.

    influence is the probability of out-engaging a person drawn at random from the people the model was last judged on;
    it looks at no other row of the slice. kind: of the model, where not people are ranked. Raises ModelMismatchError where a feature is missing or the kind is another.
    """
    require_kind(model, kind)
    require_features(features, model.features, model_id=model.model_id)
    ladder = Ladder.from_json(model.calibration)
    scored = with_margins(
        features,
        booster=model.booster,
        features=model.features,
        keep=[AS_OF, USER_ID, *keep],
        links={INFLUENCE: ladder.influence},
        trend=ladder.trend,
        explanation=explanation,
        device=device,
    )
    if explanation is None:
        scored = scored.withColumns(without_reasons())
    return scored.select(
        AS_OF, USER_ID, F.lit(model.model_id).alias(MODEL_ID), INFLUENCE, REASONS, REASONS_TEXT, REASONS_METHOD, *keep
    )


def with_standing(
    predicted: DataFrame, *, previous: DataFrame | None = None, emerging_max_followers: int | None = None
) -> DataFrame:
    """The rows of one cut-off as INFLUENCE_SCORES: rank, momentum, tier, and who is emerging.

    predicted: `predict_influence(..., keep=AUDIENCE)`. previous: (user_id, influence) of an earlier cut-off by the same
    model; momentum is the change since, null for whoever was not there. A tier goes by followers; where nobody's are
    known, by the share of people who received less engagement. Emerging: in the top tenth of influence with an audience
    (followers, else engagement received) of at most `emerging_max_followers`, by default the median of those known.
    """
    earlier = _earlier(predicted, previous)
    ranked = predicted.join(earlier, on=USER_ID, how="left").transform(with_rank, by=INFLUENCE, tie=USER_ID, name=RANK)
    audience = ranked.agg(
        F.percentile(FOLLOWER_COUNT, F.lit(0.5)).alias("median_followers"),
        *[F.percentile(RECEIVED, F.lit(share)).alias(f"received_{name}") for name, share in TIERS_BY_SHARE],
        F.count(FOLLOWER_COUNT).alias("with_followers"),
    )
    known = F.col("with_followers") > 0
    limit = F.lit(emerging_max_followers) if emerging_max_followers is not None else F.col("median_followers")
    has_small_audience = F.when(known, F.col(FOLLOWER_COUNT) <= limit).otherwise(
        F.col(RECEIVED) <= F.col("received_micro")
    )
    by_received = tier_above(F.col(RECEIVED), {name: F.col(f"received_{name}") for name, _ in TIERS_BY_SHARE})
    in_top = F.col(RANK) <= F.ceil(F.col("total") * F.lit(TOP_SHARE))
    return (
        ranked.crossJoin(F.broadcast(audience))
        .withColumn(IS_EMERGING, F.coalesce(in_top & has_small_audience, F.lit(False)))
        .withColumn(TIER, F.when(known, tier_by_followers(F.col(FOLLOWER_COUNT))).otherwise(by_received))
        .withColumn(MOMENTUM, F.round(F.col(INFLUENCE) - F.col("earlier_influence"), 9))
        .select(*INFLUENCE_SCORES.columns)
    )


AUDIENCE = (FOLLOWER_COUNT, RECEIVED)


def _earlier(predicted: DataFrame, previous: DataFrame | None) -> DataFrame:
    if previous is None:
        return predicted.sparkSession.createDataFrame([], f"{USER_ID} string, earlier_influence double")
    return previous.select(USER_ID, F.col(INFLUENCE).alias("earlier_influence"))
