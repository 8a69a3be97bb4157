"""How well a model of influence tells who gathers more, on cut-offs that it has not seen, beside what needs no model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.core.steps import doing
from social_signals.evaluation.metrics import pair_bootstrap, reliability, roc_auc, roc_points
from social_signals.evaluation.splits import TEST, TRAIN, VALID, Splits
from social_signals.models.artefact import INFLUENCE
from social_signals.models.at_top import precision_at_top, with_small_audience
from social_signals.models.examples import MOST_EVALUATED_ROWS, ROLE, Examined, sample_of_people
from social_signals.models.labels import ENGAGEMENT
from social_signals.models.ladder import Ladder
from social_signals.models.pairing import MOST_PAIRS, pair_report, sample_pairs
from social_signals.models.params import TOTAL, InfluenceParams
from social_signals.models.predict import MARGIN, with_margins
from social_signals.models.trend import Trend
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import USER_ID

PERSON = "person"
IS_SEEN = "is_seen"
# Fewer pairs give no metric worth a line.
FEWEST_UNSEEN = 50
_ORDER = "order"
# What a driver holds to list people by: whole cut-offs, the newest first.
MOST_RANKED_ROWS = 1_000_000
# What a person without a model would rank people by.
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


def _of_people(params: InfluenceParams) -> str:
    what = "engagement" if params.per == TOTAL else f"engagement per {params.per}"
    return f"of two people at a cut-off, who received more {what} in [as_of, as_of + {params.horizon_days} days)"


@dataclass(frozen=True)
class Ranked:
    """What is ranked: people at a cut-off, or posts.

    kind: of the model. key: columns that are unique together; the person, by whom parts and intervals are made, is a column too.
    baselines: name -> the column that somebody without a model would rank by; `followers` and `received` say whose audience is
    small. magnitudes: see MAGNITUDES. says: what it means to win, in words.
    """

    kind: str = INFLUENCE
    key: tuple[str, ...] = (AS_OF, USER_ID)
    baselines: Mapping[str, str] = field(default_factory=lambda: BASELINES)
    magnitudes: tuple[str, ...] = MAGNITUDES
    says: Callable[[InfluenceParams], str] = _of_people


PEOPLE = Ranked()


@dataclass(frozen=True)
class Grown:
    """The trees, and the line they stand on."""

    booster: bytes
    trend: Trend


@doing("score the test and its baselines")
def judged_people(
    examples: DataFrame, grown: Grown, *, features: Sequence[str], examined: Examined, subject: Ranked, seed: int
) -> pd.DataFrame:
    """Rows of valid and test with their margins, on the driver: whole people, as many as it may hold. `is_seen`: whether the trees,
    or the choice of when to stop them, know the person from another cut-off."""
    held_out = examples.where(F.col(ROLE).isin(VALID, TEST))
    total = examined.rows[VALID] + examined.rows[TEST]
    sampled = sample_of_people(held_out, total=total, most=MOST_EVALUATED_ROWS, seed=seed)
    known = examples.where(F.col(ROLE).isin(TRAIN, VALID)).select(USER_ID).distinct()
    flagged = sampled.join(known.withColumn(IS_SEEN, F.lit(True)), on=USER_ID, how="left")
    rows = flagged.withColumn(IS_SEEN, F.coalesce(IS_SEEN, F.lit(False)))
    return _with_baselines(rows, grown, features=features, subject=subject, more=(IS_SEEN,))


@doing("take the people to rank")
def ranked_people(
    examples: DataFrame, judged: pd.DataFrame, grown: Grown, *, features: Sequence[str], examined: Examined,
    splits: Splits, subject: Ranked, seed: int,
) -> pd.DataFrame:  # fmt: skip
    """Whole test cut-offs, the newest that a driver may hold: a list is drawn from everybody, not from a sample of pairs."""
    if examined.rows[VALID] + examined.rows[TEST] <= MOST_EVALUATED_ROWS:
        return judged[judged[ROLE] == TEST].reset_index(drop=True)
    count = max(1, MOST_RANKED_ROWS // examined.largest_cutoff)
    newest = examples.where((F.col(ROLE) == TEST) & F.col(AS_OF).isin(sorted(splits.test)[-count:]))
    held = sample_of_people(newest, total=count * examined.largest_cutoff, most=MOST_RANKED_ROWS, seed=seed)
    return _with_baselines(held, grown, features=features, subject=subject)


def _with_baselines(
    examples: DataFrame, grown: Grown, *, features: Sequence[str], subject: Ranked, more: tuple[str, ...] = ()
) -> pd.DataFrame:
    """One row per example, on the driver: as_of, a number for the person, role, engagement, margin, and what baselines rank by."""
    baselines = [
        (F.col(feature) if feature in features else F.lit(None)).cast("double").alias(f"by_{name}")
        for name, feature in subject.baselines.items()
    ]
    rows = examples.select(
        AS_OF,
        F.xxhash64(USER_ID).alias(PERSON),
        F.xxhash64(*subject.key).alias(_ORDER),
        ROLE,
        *more,
        F.col(ENGAGEMENT).cast("double").alias(ENGAGEMENT),
        *baselines,
        *features,
    )
    keep = [AS_OF, PERSON, _ORDER, ROLE, *more, ENGAGEMENT, *(f"by_{name}" for name in subject.baselines)]
    small = with_margins(rows, booster=grown.booster, features=features, keep=keep, trend=grown.trend)
    return pd.DataFrame(small.toPandas()).sort_values([AS_OF, PERSON, _ORDER], ignore_index=True)


def at_top(people: pd.DataFrame, *, params: InfluenceParams, subject: Ranked, seed: int) -> dict[str, Any]:
    """How many of a list were in the top tenth afterwards: of everybody (`top`), and of who has a small audience (`emerging`)."""
    known = {name: f"by_{name}" for name in subject.baselines if people[f"by_{name}"].notna().any()}
    scores = {"model": MARGIN, **known}
    small = with_small_audience(
        people, followers="by_followers", received="by_received", most=params.emerging_max_followers
    )
    return {
        "top": precision_at_top(people, outcome=ENGAGEMENT, scores=scores, seed=seed),
        "emerging": precision_at_top(people, outcome=ENGAGEMENT, scores=scores, pool=small, seed=seed),
    }


def metrics_of(pairs: pd.DataFrame, ladder: Ladder, *, subject: Ranked, seed: int) -> dict[str, Any]:
    """The model and the baselines on pairs of the test."""
    people = {"persons_a": pairs[f"a_{PERSON}"], "persons_b": pairs[f"b_{PERSON}"]}
    metrics: dict[str, Any] = {"test": _report(pairs, ladder, seed=seed), "baselines": {}}
    for name in subject.baselines:
        a, b = pairs[f"a_by_{name}"], pairs[f"b_by_{name}"]
        if a.isna().all() and b.isna().all():
            continue
        auc = pair_bootstrap(roc_auc, pairs["a_won"], np.sign(a.fillna(0) - b.fillna(0)), **people, seed=seed)
        metrics["baselines"][name] = {
            "roc_auc": round(auc.value, 10), "roc_auc_low": round(auc.low, 10), "roc_auc_high": round(auc.high, 10)
        }  # fmt: skip
    return metrics


def of_people_never_seen(test: pd.DataFrame, ladder: Ladder, *, seed: int) -> dict[str, Any]:
    """`test_unseen`: the model on pairs of two people of the test neither of whom it knows; nothing where there are too few."""
    pairs = sample_pairs(test[~test[IS_SEEN]].reset_index(drop=True), most=MOST_PAIRS, seed=seed)
    if len(pairs) < FEWEST_UNSEEN or pairs["a_won"].nunique() < 2:
        return {}
    return {"test_unseen": _report(pairs, ladder, seed=seed)}


def _report(pairs: pd.DataFrame, ladder: Ladder, *, seed: int) -> dict[str, float]:
    probabilities = ladder.beats(pairs[f"a_{MARGIN}"], pairs[f"b_{MARGIN}"])
    people = {"persons_a": pairs[f"a_{PERSON}"], "persons_b": pairs[f"b_{PERSON}"]}
    return pair_report(probabilities, pairs["a_won"], **people, seed=seed)


def curves_of(pairs: pd.DataFrame, ladder: Ladder) -> dict[str, Any]:
    """ROC and reliability of the same pairs."""
    probabilities = ladder.beats(pairs[f"a_{MARGIN}"], pairs[f"b_{MARGIN}"])
    return {
        "roc": roc_points(pairs["a_won"], probabilities),
        "calibration": reliability(pairs["a_won"], probabilities),
    }
