"""Who moves people: a score a person, learnt from who gathered more engagement after past cut-offs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.evaluation.metrics import (
    brier,
    calibration_error,
    log_loss,
    pair_bootstrap,
    pairwise_accuracy,
    reliability,
    roc_auc,
    roc_points,
)
from social_signals.evaluation.splits import TEST, TRAIN, VALID, Splits
from social_signals.models.artefact import INFLUENCE, Artefact, ModelStore, model_id_of
from social_signals.models.at_top import precision_at_top, with_small_audience
from social_signals.models.calibration import sigmoid
from social_signals.models.card import card_of, code_identity
from social_signals.models.distributed import fit_ranker, require_barrier, require_device, workers_for
from social_signals.models.examples import ROLE, Examined, examine, sample_of_people, with_role
from social_signals.models.labels import ENGAGEMENT
from social_signals.models.params import InfluenceParams, XGBoostParams
from social_signals.models.predict import MARGIN, require_features, with_margins
from social_signals.models.trend import Trend, fit_trend
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import USER_ID

Floats = NDArray[np.float64]

MOST_EVALUATED_ROWS = 50_000
MOST_PAIRS = 40_000
# A query goes to one worker whole and its pairs are drawn inside it: large enough for variety, small enough to deal.
PEOPLE_PER_QUERY = 128
REFERENCE_POINTS = 201
PERSON = "person"
# What a person without a model would rank by.
BASELINES = {
    "followers": "follower_count",
    "received": "received_90d_count",
    "received_ever": "received_count",
    "activity": "activity_90d_count",
    "growth": "received_30d_log_change",
    "follower_growth": "follower_30d_log_change",
    "degree": "in_degree",
    "pagerank": "pagerank_to_mean_ratio",
}
# Sizes by which people may be told apart beyond the largest of the training rows: more of each speaks for more engagement.
MAGNITUDES = (
    "received_3d_count", "received_7d_count", "received_30d_count", "received_90d_count", "received_count",
    "received_share_90d_count", "replies_received_90d_count", "posts_30d_count", "activity_90d_count", "follower_count",
    "in_degree", "share_in_degree", "pagerank_to_mean_ratio", "authority_to_mean_ratio",
)  # fmt: skip
# What a driver holds to list people by: whole cut-offs, the newest first.
MOST_RANKED_ROWS = 1_000_000


@dataclass(frozen=True)
class Ladder:
    """From margins to probabilities. P(A out-engages B) = 1 / (1 + exp(-scale * (margin A - margin B))), so swapping A
    and B gives exactly one minus it. `reference` are the margins of the people of the newest judged cut-off, as evenly
    spaced quantiles: a person's influence is the mean probability of out-engaging them. A margin is the booster's and the
    trend's together.
    """

    scale: float = 1.0
    reference: list[float] = field(default_factory=lambda: [0.0])
    trend: Trend = field(default_factory=Trend)

    def beats(self, margins_a: ArrayLike, margins_b: ArrayLike) -> Floats:
        """The probability that each A gathers more than its B."""
        difference = np.asarray(margins_a, dtype=np.float64) - np.asarray(margins_b, dtype=np.float64)
        return sigmoid(self.scale * difference)

    def influence(self, margins: ArrayLike) -> Floats:
        """Each person's probability of out-engaging a person drawn at random from the reference, to nine decimals."""
        m = np.asarray(margins, dtype=np.float64)
        # A plain loop over 201 points keeps memory at one column, whatever the batch.
        total = np.zeros_like(m)
        for other in self.reference:
            total += sigmoid(self.scale * (m - other))
        return (total / len(self.reference)).round(9)

    def as_json(self) -> dict[str, Any]:
        return {"method": "logistic of the difference of margins", **asdict(self)}

    @staticmethod
    def from_json(stored: Mapping[str, Any]) -> Ladder:
        # Models of before had no trend.
        return Ladder(
            float(stored["scale"]), [float(v) for v in stored["reference"]], Trend(**stored.get("trend", {}))
        )  # fmt: skip


def influence_examples(features: DataFrame, engagement: DataFrame, *, splits: Splits, seed: int) -> DataFrame:
    """One row per cut-off of the split and person with features: as_of, user_id, features, engagement (0 for none), role."""
    joined = features.join(engagement, on=[AS_OF, USER_ID], how="left")
    return with_role(joined.withColumn(ENGAGEMENT, F.coalesce(ENGAGEMENT, F.lit(0))), splits, seed=seed)


def train_influence(
    examples: DataFrame,
    *,
    features: Sequence[str],
    as_of: datetime,
    splits: Splits,
    params: InfluenceParams,
    xgboost: XGBoostParams,
    seed: int,
    device: str,
    inputs: Mapping[str, int],
    store: ModelStore,
) -> tuple[Artefact, bool]:
    """The influence model of these examples, and whether it had to be trained. As `train_churn`, for pairs.

    Two people of one cut-off and query make a pair; who gathered more engagement won it; equal ones teach nothing.
    """
    spark = examples.sparkSession
    slots = require_barrier(spark, workers=xgboost.num_workers, device=device)
    require_features(examples, features, model_id="the influence model")
    examined = examine(examples, label=ENGAGEMENT, features=features, is_binary=False, what="influence")
    workers = workers_for(examined.rows[TRAIN] + examined.rows[VALID], slots=slots, params=xgboost)
    made_of = {
        **code_identity(), "features": list(features), "fingerprint": examined.fingerprint, "splits": asdict(splits),
        "params": asdict(params), "xgboost": asdict(xgboost), "seed": seed, "workers": workers, "device": device,
    }  # fmt: skip
    model_id = model_id_of(INFLUENCE, made_of)
    finished = store.find(INFLUENCE, model_id)
    if finished is not None:
        return finished, False
    require_device(spark, device)
    queries = -(-examined.largest_cutoff // PEOPLE_PER_QUERY)
    trend = _trend(examples, features=features, total=examined.rows[TRAIN], seed=seed)
    fitted = fit_ranker(
        examples.where(F.col(ROLE).isin(TRAIN, VALID)),
        features=features, relevance=ENGAGEMENT, qid=_query(splits, queries=queries, seed=seed),
        is_valid=F.col(ROLE) == VALID, params=xgboost, workers=workers, device=device, seed=seed,
        offset=trend.column() if trend.weights else None,
    )  # fmt: skip
    grown = Grown(fitted.booster, trend)
    judged = _judged(examples, grown, features=features, examined=examined, seed=seed)
    valid, test = judged[judged[ROLE] == VALID], judged[judged[ROLE] == TEST]
    newest = test[test[AS_OF] == test[AS_OF].max()]
    scale = fit_scale(*_margins_and_winner(sample_pairs(valid, most=MOST_PAIRS, seed=seed)))
    ladder = Ladder(scale, reference_of(newest[MARGIN]), trend)
    pairs = sample_pairs(test, most=MOST_PAIRS, seed=seed)
    ranked = _ranked(
        examples, judged, grown, features=features, examined=examined, splits=splits, seed=seed
    )  # fmt: skip
    card = card_of(
        as_of=as_of,
        params=params,
        xgboost=xgboost,
        splits=splits,
        examined=examined,
        fitted=fitted,
        seed=seed,
        inputs=inputs,
    ) | {
        "label": f"of two people at a cut-off, who received more engagement in [as_of, as_of + {params.horizon_days} days)",
        "metrics": {INFLUENCE: _metrics(pairs, ladder, seed=seed) | _at_top(ranked, params=params, seed=seed)},
        "curves": {INFLUENCE: _curves(pairs, ladder)},
    }
    artefact = Artefact(INFLUENCE, model_id, list(features), fitted.booster, ladder.as_json(), card)
    store.put(artefact)
    return artefact, True


def _query(splits: Splits, *, queries: int, seed: int) -> Column:
    """An int that is the same for people who are compared: one cut-off, one part, one of `queries` draws by hash."""
    place = F.lit(0)
    for number, cutoff in enumerate(splits.used):
        place = F.when(F.col(AS_OF) == F.lit(cutoff), F.lit(number)).otherwise(place)
    draw = F.pmod(F.xxhash64(F.lit(seed), F.lit("query"), F.col(USER_ID)), F.lit(queries))
    return (place * F.lit(queries) + draw) * F.lit(2) + (F.col(ROLE) == VALID).cast("int")


@dataclass(frozen=True)
class Grown:
    """The trees, and the line they stand on."""

    booster: bytes
    trend: Trend


def _trend(examples: DataFrame, *, features: Sequence[str], total: int, seed: int) -> Trend:
    """The line of the training rows, from pairs of two people of one cut-off."""
    names = [name for name in MAGNITUDES if name in features]
    if not names:
        return Trend()
    training = sample_of_people(
        examples.where(F.col(ROLE) == TRAIN), total=total, most=MOST_EVALUATED_ROWS, seed=seed
    )  # fmt: skip
    rows = pd.DataFrame(
        training.select(
            AS_OF,
            F.xxhash64(USER_ID).alias(PERSON),
            F.col(ENGAGEMENT).cast("double").alias(ENGAGEMENT),
            *[F.col(name).cast("double").alias(name) for name in names],
        ).toPandas()
    ).sort_values([AS_OF, PERSON], ignore_index=True)
    pairs = sample_pairs(rows, most=MOST_PAIRS, seed=seed)
    a, b = (pairs[[f"{side}_{name}" for name in names]].to_numpy(np.float64) for side in "ab")
    return fit_trend(a, b, pairs["a_won"], names=names, rows=rows[names].to_numpy(np.float64))


def _judged(
    examples: DataFrame, grown: Grown, *, features: Sequence[str], examined: Examined, seed: int
) -> pd.DataFrame:
    held_out = examples.where(F.col(ROLE).isin(VALID, TEST))
    total = examined.rows[VALID] + examined.rows[TEST]
    sampled = sample_of_people(held_out, total=total, most=MOST_EVALUATED_ROWS, seed=seed)
    return _with_baselines(sampled, grown, features=features)


def _ranked(
    examples: DataFrame, judged: pd.DataFrame, grown: Grown, *, features: Sequence[str], examined: Examined,
    splits: Splits, seed: int,
) -> pd.DataFrame:  # fmt: skip
    """Whole test cut-offs, the newest that a driver may hold: a list is drawn from everybody, not from a sample of pairs."""
    if examined.rows[VALID] + examined.rows[TEST] <= MOST_EVALUATED_ROWS:
        return judged[judged[ROLE] == TEST].reset_index(drop=True)
    count = max(1, MOST_RANKED_ROWS // examined.largest_cutoff)
    newest = examples.where((F.col(ROLE) == TEST) & F.col(AS_OF).isin(sorted(splits.test)[-count:]))
    held = sample_of_people(newest, total=count * examined.largest_cutoff, most=MOST_RANKED_ROWS, seed=seed)
    return _with_baselines(held, grown, features=features)


def _with_baselines(examples: DataFrame, grown: Grown, *, features: Sequence[str]) -> pd.DataFrame:
    """One row per example, on the driver: as_of, a number for the person, role, engagement, margin, and what baselines rank by."""
    baselines = [
        (F.col(feature) if feature in features else F.lit(None)).cast("double").alias(f"by_{name}")
        for name, feature in BASELINES.items()
    ]
    rows = examples.select(
        AS_OF,
        F.xxhash64(USER_ID).alias(PERSON),
        ROLE,
        F.col(ENGAGEMENT).cast("double").alias(ENGAGEMENT),
        *baselines,
        *features,
    )
    keep = [AS_OF, PERSON, ROLE, ENGAGEMENT, *(f"by_{name}" for name in BASELINES)]
    small = with_margins(rows, booster=grown.booster, features=features, keep=keep, trend=grown.trend)
    return pd.DataFrame(small.toPandas()).sort_values([AS_OF, PERSON], ignore_index=True)


def _at_top(people: pd.DataFrame, *, params: InfluenceParams, seed: int) -> dict[str, Any]:
    """How many of a list were in the top tenth afterwards: of everybody (`top`), and of who has a small audience (`emerging`)."""
    known = {name: f"by_{name}" for name in BASELINES if people[f"by_{name}"].notna().any()}
    scores = {"model": MARGIN, **known}
    small = with_small_audience(
        people, followers="by_followers", received="by_received", most=params.emerging_max_followers
    )
    return {
        "top": precision_at_top(people, outcome=ENGAGEMENT, scores=scores, seed=seed),
        "emerging": precision_at_top(people, outcome=ENGAGEMENT, scores=scores, pool=small, seed=seed),
    }


def sample_pairs(people: pd.DataFrame, *, most: int, seed: int) -> pd.DataFrame:
    """At most `most` random pairs of two people of one cut-off with unequal engagement, columns `a_*` and `b_*`, `a_won`.

    Every cut-off gives pairs in proportion to its people; who is A is drawn too. people is sorted by the caller.
    """
    rng = np.random.default_rng(seed)
    drawn = []
    for _, slice_ in people.groupby(AS_OF, sort=True):
        wanted = min(-(-most * len(slice_) // len(people)), len(slice_) * (len(slice_) - 1) // 2)
        if wanted:
            first, second = rng.integers(0, len(slice_), (2, 2 * wanted))
            drawn.append((slice_.index.to_numpy()[first], slice_.index.to_numpy()[second]))
    if not drawn:
        return people.iloc[:0].add_prefix("a_").join(people.iloc[:0].add_prefix("b_")).assign(a_won=0)
    a, b = (np.concatenate(side) for side in zip(*drawn, strict=True))
    pairs = (
        people.loc[a]
        .add_prefix("a_")
        .reset_index(drop=True)
        .join(people.loc[b].add_prefix("b_").reset_index(drop=True))
    )
    unequal = pairs[pairs[f"a_{ENGAGEMENT}"] != pairs[f"b_{ENGAGEMENT}"]]
    unequal = unequal.iloc[:most].reset_index(drop=True)
    return unequal.assign(a_won=(unequal[f"a_{ENGAGEMENT}"] > unequal[f"b_{ENGAGEMENT}"]).astype(int))


def _margins_and_winner(pairs: pd.DataFrame) -> tuple[Floats, Floats]:
    return (pairs[f"a_{MARGIN}"] - pairs[f"b_{MARGIN}"]).to_numpy(), pairs["a_won"].to_numpy().astype(np.float64)


def fit_scale(differences: ArrayLike, a_won: ArrayLike) -> float:
    """The scale above 0 under which sigmoid(scale * difference) says best who won; 1 where there is no pair.

    One number and no intercept: an intercept would break P(A beats B) = 1 - P(B beats A).
    """
    from scipy.optimize import minimize_scalar

    d, won = np.asarray(differences, dtype=np.float64), np.asarray(a_won, dtype=np.float64)
    if len(d) == 0:
        return 1.0
    signed = np.where(won == 1, d, -d)

    def loss(log_scale: float) -> float:
        return float(np.logaddexp(0, -np.exp(log_scale) * signed).mean())

    return round(float(np.exp(minimize_scalar(loss, bounds=(-5, 4), method="bounded").x)), 6)


def reference_of(margins: ArrayLike) -> list[float]:
    """The margins as `REFERENCE_POINTS` evenly spaced quantiles."""
    m = np.asarray(margins, dtype=np.float64)
    at = (np.arange(REFERENCE_POINTS) + 0.5) / REFERENCE_POINTS
    return [round(float(v), 6) for v in np.quantile(m, at)] if len(m) else [0.0]


def pair_report(
    probabilities: ArrayLike, a_won: ArrayLike, *, persons_a: ArrayLike, persons_b: ArrayLike, seed: int
) -> dict[str, float]:
    """The metrics of P(A beats B) over pairs; the interval of the AUC draws people, not pairs."""
    p, won = np.asarray(probabilities, dtype=np.float64), np.asarray(a_won, dtype=np.float64)
    auc = pair_bootstrap(roc_auc, won, p, persons_a=persons_a, persons_b=persons_b, seed=seed)
    return {
        "pairs": len(won),
        "roc_auc": round(auc.value, 10), "roc_auc_low": round(auc.low, 10), "roc_auc_high": round(auc.high, 10),
        "accuracy": round(pairwise_accuracy(p, 1 - p, won), 10), "brier": round(brier(won, p), 10),
        "log_loss": round(log_loss(won, p), 10), "calibration_error": round(calibration_error(won, p), 10),
    }  # fmt: skip


def _metrics(pairs: pd.DataFrame, ladder: Ladder, *, seed: int) -> dict[str, Any]:
    people = {"persons_a": pairs[f"a_{PERSON}"], "persons_b": pairs[f"b_{PERSON}"]}
    probabilities = ladder.beats(pairs[f"a_{MARGIN}"], pairs[f"b_{MARGIN}"])
    metrics: dict[str, Any] = {"test": pair_report(probabilities, pairs["a_won"], **people, seed=seed), "baselines": {}}
    for name in BASELINES:
        a, b = pairs[f"a_by_{name}"], pairs[f"b_by_{name}"]
        if a.isna().all() and b.isna().all():
            continue
        auc = pair_bootstrap(roc_auc, pairs["a_won"], np.sign(a.fillna(0) - b.fillna(0)), **people, seed=seed)
        metrics["baselines"][name] = {
            "roc_auc": round(auc.value, 10), "roc_auc_low": round(auc.low, 10), "roc_auc_high": round(auc.high, 10)
        }  # fmt: skip
    return metrics


def _curves(pairs: pd.DataFrame, ladder: Ladder) -> dict[str, Any]:
    probabilities = ladder.beats(pairs[f"a_{MARGIN}"], pairs[f"b_{MARGIN}"])
    return {
        "roc": roc_points(pairs["a_won"], probabilities),
        "calibration": reliability(pairs["a_won"], probabilities),
    }
