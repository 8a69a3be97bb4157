"""Influence learnt from labelled pairs: a table with `Choice` (1 where A is more influential), `A_*` and `B_*` columns.

Pairs are labelled by people, so the table is small; it is held on the driver for cross-validation, and the model itself
is grown by Spark like every other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from social_signals.core.errors import DataQualityError
from social_signals.evaluation.metrics import log_loss, pair_bootstrap, reliability, roc_auc, roc_points
from social_signals.models.artefact import INFLUENCE, INFLUENCE_PAIRS, Artefact, ModelStore, model_id_of, require_kind
from social_signals.models.card import code_identity
from social_signals.models.distributed import RANK, fit_ranker, require_barrier, require_device, workers_for
from social_signals.models.ladder import Band, Ladder, fit_band, fit_scale, reference_of
from social_signals.models.pairing import pair_report
from social_signals.models.params import InfluenceParams, XGBoostParams
from social_signals.models.predict import load_booster
from social_signals.models.search import Trial, best_of, in_full, search, searched, storage_of, study_of, told
from social_signals.models.search_params import OFF, SearchParams

Floats = NDArray[np.float64]
Margins = Callable[[Floats], Floats]
Masks = tuple[NDArray[np.bool_], NDArray[np.bool_]]

CHOICE = "Choice"
MOST_PAIRS = 200_000
# More of these never makes a person less influential, all else equal; said to the trees, it holds for people who are
# like nobody in the table, and adds 0.004 of AUC on unseen people.
RISING = ("follower_count", "listed_count", "mentions_received", "retweets_received", "received")


@dataclass(frozen=True)
class Pairs:
    """One row per pair. a, b: the raw columns of both sides; a_won: 1 or 0, or None where the table has no labels;
    persons_a, persons_b: the same number for the same values, so that a person is never on both sides of a split."""

    columns: list[str]
    a: Floats
    b: Floats
    a_won: Floats | None
    persons_a: NDArray[np.int64]
    persons_b: NDArray[np.int64]


def read_pairs(table: pd.DataFrame, *, columns: Sequence[str] | None = None, needs_labels: bool = True) -> Pairs:
    """The pairs of a table with `A_x` and `B_x` for each column x, and `Choice` where they are labelled.

    columns: the ones a model expects; by default every x that both sides have. Raises DataQualityError for a table of
    another shape, without pairs, or with a label other than 0 or 1.
    """
    shared = [name[2:] for name in table.columns if name.startswith("A_") and f"B_{name[2:]}" in table.columns]
    wanted = list(columns) if columns is not None else shared
    missing = [name for name in wanted if name not in shared]
    if not wanted or missing or (needs_labels and CHOICE not in table.columns):
        raise DataQualityError(
            f"a table of pairs needs {CHOICE} and, for both sides, {missing or 'columns A_* and B_*'}; it has "
            f"{list(table.columns)[:8]}",
            hint="give a CSV with a header: Choice, A_follower_count, ..., B_follower_count, ...",
        )
    if not 0 < len(table) <= MOST_PAIRS:
        raise DataQualityError(f"the table has {len(table)} pairs", hint=f"give between 1 and {MOST_PAIRS} of them")
    a, b = (
        table[[f"{side}_{name}" for name in wanted]].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
        for side in "AB"
    )
    won = None
    if CHOICE in table.columns:
        won = pd.to_numeric(table[CHOICE], errors="coerce").to_numpy(np.float64)
        if needs_labels and not np.isin(won, (0, 1)).all():
            raise DataQualityError(
                f"{CHOICE} holds values other than 0 and 1", hint="1 where A is more influential, else 0"
            )
    persons = np.unique(np.vstack([a, b]), axis=0, return_inverse=True)[1].ravel()
    return Pairs(wanted, a, b, won, persons[: len(a)], persons[len(a) :])


def pair_features(columns: Sequence[str]) -> list[str]:
    """Names of what the trees see of one person: each column, and the log ratio of each two."""
    return [*columns, *(f"{x}_to_{y}_log_ratio" for x, y in combinations(columns, 2))]


def _transformed(values: Floats) -> Floats:
    logs = np.sign(values) * np.log1p(np.abs(values))
    ratios = [logs[:, i] - logs[:, j] for i, j in combinations(range(values.shape[1]), 2)]
    return np.column_stack([logs, *ratios]).astype(np.float32).astype(np.float64)


def pair_settings(columns: Sequence[str]) -> tuple[XGBoostParams, dict[str, Any]]:
    """Shallow trees, slowly: among the settings tried, the ones that carry best to people never seen."""
    params = XGBoostParams(
        max_depth=2, learning_rate=0.05, n_estimators=600, subsample=0.5, colsample_bytree=0.25, min_child_weight=1.0,
        reg_lambda=5.0,
    )  # fmt: skip
    rising = [1 if name in RISING else 0 for name in pair_features(columns)]
    # A query is one pair, so there is one to draw.
    return params, {
        "monotone_constraints": "(" + ",".join(map(str, rising)) + ")", "lambdarank_num_pair_per_sample": 1
    }  # fmt: skip


def train_influence_pairs(
    spark: SparkSession,
    pairs: Pairs,
    *,
    params: InfluenceParams,
    num_workers: int | None,
    seed: int,
    device: str,
    store: ModelStore,
    tuning: SearchParams | None = None,
    studies: Path | None = None,
) -> tuple[Artefact, bool]:
    """The influence model of labelled pairs, cross-validated by row and with both people unseen; and whether it is new.

    tuning: which settings of the trees are tried first, by the log loss of pairs of unseen people, dealt otherwise than those of
    the cross-validation; a fold of the search is such a deal.
    """
    if pairs.a_won is None or len(set(pairs.a_won.tolist())) < 2:
        raise DataQualityError("one class only: A wins every pair, or none", hint="label some pairs each way")
    xgboost, extra = pair_settings(pairs.columns)
    slots = require_barrier(spark, workers=num_workers, device=device)
    xgboost.num_workers = num_workers
    workers = workers_for(2 * len(pairs.a), slots=slots, params=xgboost)
    content = np.column_stack([pairs.a, pairs.b, pairs.a_won])
    made_of = {
        **code_identity(), "columns": pairs.columns, "pairs": _digest(content), "xgboost": xgboost.deciding, "seed": seed,
        "workers": workers, "device": device, "folds": params.folds, "extra": extra,
    }  # fmt: skip
    tried = tuning or SearchParams()
    model_id = model_id_of(INFLUENCE_PAIRS, made_of | searched(tried))
    finished = store.find(INFLUENCE_PAIRS, model_id)
    if finished is not None:
        return finished, False
    require_device(spark, device)
    trials: list[Trial] = []
    if tried.method != OFF:
        name = study_of(INFLUENCE_PAIRS, made_of, tried)
        storage = storage_of(tried, folder=studies or store.root.parent / "studies", study=name)
        trials = search(
            lambda settings, deal: _loss_of_unseen(pairs, settings, folds=params.folds, seed=seed + 1 + deal),
            params=tried, base=xgboost, folds=tried.folds, seed=seed, study=name, storage=storage,
            # The models of one trial grow beside each other already.
            together=lambda calls: [call() for call in calls],
        )  # fmt: skip
        xgboost = replace(xgboost, **best_of(trials).settings)
    validated = cross_validate(pairs, folds=params.folds, seed=seed, settings=xgboost)
    fitted = fit_ranker(
        _long(spark, pairs), features=pair_features(pairs.columns), relevance="relevance", qid=F.col("pair"),
        is_valid=None, params=xgboost, workers=workers, device=device, seed=seed, extra=extra,
        checkpoints=store.checkpoints(INFLUENCE_PAIRS, model_id),
    )  # fmt: skip
    margins = margins_of(fitted.booster, pairs.a), margins_of(fitted.booster, pairs.b)
    ladder = Ladder(validated.scale, reference_of(np.concatenate(margins)), band=validated.band)
    card = {
        **code_identity(), "label": "of two people, who is more influential, as labelled", "seed": seed,
        "device": device, "workers": workers, "rounds": fitted.rounds, "xgboost": xgboost.deciding,
        "pair_columns": pairs.columns, "examples": {"pairs": len(pairs.a)},
        "metrics": {INFLUENCE: validated.metrics | ({"search": told(trials)} if trials else {})},
        "curves": {INFLUENCE: validated.curves},
        "search": in_full(tried, trials),
    }  # fmt: skip
    artefact = Artefact(INFLUENCE_PAIRS, model_id, pair_features(pairs.columns), fitted.booster, ladder.as_json(), card)
    store.put(artefact)
    return artefact, True


@dataclass(frozen=True)
class Foretold:
    """Of each pair the probability that A wins, and the 95 % interval about it (NaN for models without one)."""

    probability: Floats
    low: Floats
    high: Floats


def predict_pairs(artefact: Artefact, table: pd.DataFrame) -> tuple[Pairs, Foretold]:
    """The pairs of a table and the probability that A wins each; labels are not needed and not looked at."""
    require_kind(artefact, INFLUENCE_PAIRS)
    pairs = read_pairs(table, columns=artefact.card["pair_columns"], needs_labels=False)
    ladder = Ladder.from_json(artefact.calibration)
    margins = margins_of(artefact.booster, pairs.a), margins_of(artefact.booster, pairs.b)
    return pairs, Foretold(ladder.beats(*margins), *ladder.beats_between(*margins))


def margins_of(booster: bytes, people: Floats) -> Floats:
    """The margin of each person, from raw columns."""
    found = load_booster(booster).inplace_predict(
        _transformed(people).astype(np.float32), predict_type="margin", validate_features=False
    )
    return np.asarray(found, dtype=np.float64)


@dataclass(frozen=True)
class Validated:
    """What cross-validation found: metrics, curves, the scale of differences on pairs that grew no tree, and how far it may be off."""

    metrics: dict[str, Any]
    curves: dict[str, Any]
    scale: float
    band: Band


def folds_of(pairs: Pairs, *, folds: int, seed: int) -> tuple[list[Masks], list[Masks]]:
    """Which pairs train and which are judged, fold by fold: held out by row, and with both people unseen.

    Unseen: people are dealt to folds; a fold is judged on the pairs inside it by a model of the pairs wholly outside.
    Each fold leaves out many pairs, so people are dealt five times over.
    """
    rng = np.random.default_rng(seed)
    deal_row = rng.integers(0, folds, len(pairs.a))
    people = int(max(pairs.persons_a.max(), pairs.persons_b.max())) + 1
    deals_people = [rng.integers(0, folds, people) for _ in range(5)]
    by_row = [(deal_row != f, deal_row == f) for f in range(folds)]
    unseen = [
        (
            (deal[pairs.persons_a] != f) & (deal[pairs.persons_b] != f),
            (deal[pairs.persons_a] == f) & (deal[pairs.persons_b] == f),
        )
        for deal in deals_people
        for f in range(folds)
    ]
    return by_row, unseen


def cross_validate(pairs: Pairs, *, folds: int, seed: int, settings: XGBoostParams | None = None) -> Validated:
    """Metrics of pairs that no tree has seen: `cv_row`, pairs held out; `cv_unseen`, both people held out as well (`folds_of`).

    Out-of-fold differences are pooled.
    """
    won = np.asarray(pairs.a_won)
    by_row, unseen = folds_of(pairs, folds=folds, seed=seed)
    metrics: dict[str, Any] = {"baselines": {}}
    row_differences, row_places = _out_of_fold(pairs, by_row, seed=seed, settings=settings)
    scale = fit_scale(row_differences, won[row_places])
    for name, (differences, places) in {
        "cv_row": (row_differences, row_places), "cv_unseen": _out_of_fold(pairs, unseen, seed=seed, settings=settings)
    }.items():  # fmt: skip
        if len(set(won[places].tolist())) < 2:
            continue
        people_of: dict[str, Any] = {"persons_a": pairs.persons_a[places], "persons_b": pairs.persons_b[places]}
        probabilities = Ladder(scale).beats(differences, np.zeros_like(differences))
        metrics[name] = pair_report(probabilities, won[places], **people_of, seed=seed)
        if "follower_count" in pairs.columns:
            column = pairs.columns.index("follower_count")
            followers = np.log1p(pairs.a[places, column]) - np.log1p(pairs.b[places, column])
            auc = pair_bootstrap(roc_auc, won[places], followers, **people_of, seed=seed)
            metrics["baselines"].setdefault("followers", {})[name] = {
                "roc_auc": round(auc.value, 10), "roc_auc_low": round(auc.low, 10), "roc_auc_high": round(auc.high, 10)
            }  # fmt: skip
    probabilities = Ladder(scale).beats(row_differences, np.zeros_like(row_differences))
    curves = {
        "roc": roc_points(won[row_places], probabilities),
        "calibration": reliability(won[row_places], probabilities),
    }
    people: dict[str, Any] = {"persons_a": pairs.persons_a[row_places], "persons_b": pairs.persons_b[row_places]}
    return Validated(metrics, curves, scale, fit_band(scale * row_differences, won[row_places], **people, seed=seed))


def _loss_of_unseen(pairs: Pairs, settings: XGBoostParams, *, folds: int, seed: int) -> float:
    """The log loss of pairs whose two people the trees have not seen, of one deal of people to folds, on the scale that suits best."""
    _, unseen = folds_of(pairs, folds=folds, seed=seed)
    differences, places = _out_of_fold(pairs, unseen[:folds], seed=seed, settings=settings)
    won = np.asarray(pairs.a_won)[places]
    return float(log_loss(won, Ladder(fit_scale(differences, won)).beats(differences, np.zeros_like(differences))))


def _out_of_fold(
    pairs: Pairs, splits: list[Masks], *, seed: int, settings: XGBoostParams | None
) -> tuple[Floats, NDArray[np.int64]]:
    """Differences of margins of the held-out pairs of every split, and which pairs they are."""
    a, b, won = _transformed(pairs.a), _transformed(pairs.b), np.asarray(pairs.a_won)
    judged = [(train, test) for train, test in splits if test.any() and len(set(won[train].tolist())) == 2]

    def of_split(masks: Masks) -> Floats:
        train, test = masks
        margin = _plain_ranker(a[train], b[train], won[train], pairs.columns, seed=seed, settings=settings)
        return margin(a[test]) - margin(b[test])

    # A model has one thread, so that it has the same trees on every machine; several grow beside each other.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        differences = [np.empty(0), *pool.map(of_split, judged)]
    places = [np.empty(0, dtype=np.int64), *(np.flatnonzero(test) for _, test in judged)]
    return np.concatenate(differences), np.concatenate(places)


def _plain_ranker(
    a: Floats, b: Floats, won: Floats, columns: Sequence[str], *, seed: int, settings: XGBoostParams | None
) -> Margins:
    """The same trees on the driver: thirty small models would wait longer for Spark than for themselves."""
    import xgboost as xgb

    usual, extra = pair_settings(columns)
    params = settings or usual
    rows = np.empty((2 * len(a), a.shape[1]))
    rows[0::2], rows[1::2] = a, b
    relevance = np.empty(2 * len(a))
    relevance[0::2], relevance[1::2] = won, 1 - won
    told_to_xgboost: Mapping[str, Any] = {
        **RANK, "max_depth": params.max_depth, "learning_rate": params.learning_rate,
        "subsample": params.subsample, "colsample_bytree": params.colsample_bytree, "reg_lambda": params.reg_lambda,
        "min_child_weight": params.min_child_weight, "max_bin": params.max_bin, "seed": seed, "nthread": 1, **extra,
    }  # fmt: skip
    data = xgb.DMatrix(rows, label=relevance, qid=np.repeat(np.arange(len(a)), 2), nthread=1)
    booster = xgb.train(dict(told_to_xgboost), data, num_boost_round=params.n_estimators)
    return lambda people: np.asarray(booster.inplace_predict(people, predict_type="margin"), dtype=np.float64)


def _long(spark: SparkSession, pairs: Pairs) -> DataFrame:
    """One row per pair and side, with the transformed features, relevance 1 for the winner, and the pair as query."""
    won = np.asarray(pairs.a_won)
    sides = [
        pd.DataFrame(_transformed(values), columns=pair_features(pairs.columns)).assign(
            relevance=relevance, pair=np.arange(len(won), dtype=np.int32)
        )
        for values, relevance in ((pairs.a, won), (pairs.b, 1 - won))
    ]
    return spark.createDataFrame(pd.concat(sides, ignore_index=True))


def _digest(content: Floats) -> str:
    import hashlib

    return hashlib.sha256(np.ascontiguousarray(content).tobytes()).hexdigest()
