"""Who will go silent: examples in, a calibrated model with its evidence out."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame

from social_signals.evaluation.metrics import deciles, reliability, roc_points
from social_signals.evaluation.splits import TEST, TRAIN, VALID, Splits, rolling_folds
from social_signals.models.artefact import Artefact, ModelStore, model_id_of
from social_signals.models.calibration import Calibration, fit_calibration
from social_signals.models.card import card_of, code_identity
from social_signals.models.distributed import Fitted, require_barrier, require_device, workers_for
from social_signals.models.examples import examine, with_role
from social_signals.models.explain import RISK_TENTH, contributions_of, importance, risk_tenths, segments
from social_signals.models.groups import group_report, memberships
from social_signals.models.grower import Grower
from social_signals.models.judged import PERSON, judged_rows, metrics_of
from social_signals.models.labels import CHURNED
from social_signals.models.params import CONTRACT, SILENCE, ChurnParams, XGBoostParams
from social_signals.models.predict import MARGIN, require_features
from social_signals.models.search import Trial, best_of, in_full, search, searched, storage_of, study_of, told
from social_signals.models.search_params import OFF, SearchParams
from social_signals.models.subject import PEOPLE, Subject
from social_signals.models.text_added import ReadText, added_by_text

log = logging.getLogger(__name__)

# Exact contributions of a few thousand rows say which features matter as well as those of all of them.
MOST_EXPLAINED_ROWS = 2_000


def churn_examples(
    features: DataFrame, labels: DataFrame, *, splits: Splits, seed: int, subject: Subject = PEOPLE
) -> DataFrame:
    """One row per cut-off of the split and subject with features and a label: its key, features, churned, role."""
    return with_role(features.join(labels, on=list(subject.key), how="inner"), splits, seed=seed)


def train_churn(
    examples: DataFrame,
    *,
    features: Sequence[str],
    as_of: datetime | None,
    splits: Splits,
    params: ChurnParams,
    xgboost: XGBoostParams,
    seed: int,
    device: str,
    inputs: Mapping[str, int],
    store: ModelStore,
    categories: Mapping[str, Sequence[str]] | None = None,
    tuning: SearchParams | None = None,
    studies: Path | None = None,
    groups: DataFrame | None = None,
    text: ReadText | None = None,
    subject: Subject = PEOPLE,
    more: Callable[[Fitted, Calibration], Mapping[str, Any]] | None = None,
) -> tuple[Artefact, bool]:
    """The churn model of these examples, and whether it had to be trained: the same inputs find the finished one.

    examples: `churn_examples`, cached by the caller, since several Spark jobs read them. as_of: null where they have no time and
    are one slice. inputs: Delta version of each table they came from, for the card. categories: the features that hold codes,
    each with the values that they stand for. tuning: which settings of the trees are tried first; studies: the folder of what
    they gave, beside the store's unless named. groups: `groups_of_users` of those of `churn.groups` that are no feature. text:
    which features are of texts; the metrics then say what they added. subject: what a row is about. more: gives further metrics
    of the finished trees and of how margins become probabilities, for the card. Slots and device are checked before any Spark
    job, labels before training.
    Raises ConfigError, ResourceError or DataQualityError with what is missing.
    """
    spark, xgboost = examples.sparkSession, xgboost.for_features(len(features))
    slots = require_barrier(spark, workers=xgboost.num_workers, device=device)
    require_features(examples, features, model_id="the churn model")
    examined = examine(
        examples, label=CHURNED, features=features, is_binary=True, what=subject.name.replace("_", " "), key=subject.key
    )
    workers = workers_for(examined.before_test, slots=slots, params=xgboost)
    made_of = {
        **code_identity(), "features": list(features), "fingerprint": examined.fingerprint, "splits": asdict(splits),
        "params": asdict(params), "xgboost": xgboost.deciding, "seed": seed, "workers": workers, "device": device,
    }  # fmt: skip
    kind, known = subject.kinds[params.definition], dict(categories or {})
    made_of |= {"categories": known} if known else {}
    made_of |= {"text": hashlib.sha256(text.content).hexdigest()} if text else {}
    tried = tuning or SearchParams()
    model_id = model_id_of(kind, made_of | searched(tried))
    finished = store.find(kind, model_id)
    if finished is not None:
        return finished, False
    require_device(spark, device)
    grower = Grower(
        examples, features=features, params=params, xgboost=xgboost, workers=workers, device=device, seed=seed,
        valid_rows=examined.rows[VALID], known_rows=examined.before_test, categorical=list(known), key=subject.key,
        positive_weight=xgboost.weight_of_a_positive(rows=examined.rows[TRAIN], positives=examined.positives[TRAIN]),
        checkpoints=store.checkpoints(kind, model_id),
    )  # fmt: skip
    trials: list[Trial] = []
    if tried.method != OFF:
        name = study_of(kind, made_of, tried)
        trials = _search(grower, tried, splits=splits, study=name, folder=studies or store.root.parent / "studies")
        grower = replace(grower, xgboost=replace(xgboost, **best_of(trials).settings))
    chosen = grower.chosen()
    fitted = grower.finished(chosen)
    unseen = grower.unseen_margins(chosen)
    calibration = fit_calibration(unseen[MARGIN], unseen[CHURNED])
    test = judged_rows(examples, fitted, features=features, refit=params.refit, total=examined.rows[TEST], seed=seed,
        categories={name: len(values) for name, values in known.items()}, groups=groups, subject=subject,
    )  # fmt: skip
    probabilities = calibration.apply(test[MARGIN])
    metrics = metrics_of(test, probabilities, has_time=as_of is not None, seed=seed)
    member_of = memberships(test, params.groups, features=features, categories=known)
    metrics |= group_report(
        member_of, test[CHURNED], probabilities, people=test[PERSON], min_rows=params.min_group_rows, seed=seed
    )
    if text:
        bounds = {name: sign for name, sign in xgboost.monotone.items() if name not in text.columns}
        plain = replace(
            grower, features=[name for name in features if name not in text.columns],
            xgboost=replace(grower.xgboost, monotone=bounds),
        )  # fmt: skip
        metrics["text"] = added_by_text(test, chosen, grower=plain, seed=seed)
    if params.n_seeds > 1:
        metrics["seeds"] = grower.spread(test, chosen=chosen, fitted=fitted)
    if more is not None:
        metrics |= more(fitted, calibration)
    if trials:
        metrics["search"] = told(trials)
    card = card_of(
        as_of=as_of,
        params=params,
        xgboost=grower.xgboost,
        splits=splits,
        examined=examined,
        fitted=replace(fitted, history=chosen.history),
        seed=seed,
        inputs=inputs,
    ) | {
        "label": (subject.says or label_of)(params),
        "categories": {name: list(values) for name, values in known.items()},
        **({"text": text.card} if text else {}),
        "metrics": {subject.name: metrics},
        "curves": {
            subject.name: {
                "roc": roc_points(test[CHURNED], probabilities),
                "calibration": reliability(test[CHURNED], probabilities),
                "deciles": [tenth._asdict() for tenth in deciles(test[CHURNED], probabilities)],
            }
        },
        **_explained(
            fitted.booster,
            test,
            probabilities,
            member_of,
            categories=known,
            features=features,
            told=metrics["groups"],
            seed=seed,
        ),
        "search": in_full(tried, trials),
    }
    artefact = Artefact(
        kind, model_id, list(features), fitted.booster, calibration.as_json(), card, text.content if text else None
    )
    store.put(artefact)
    return artefact, True


def label_of(params: ChurnParams) -> str:
    """What a 1 means, in words, for the card."""
    if params.definition == CONTRACT:
        return f"{params.contract.label} is {params.contract.positive}"
    among = f"among those active in the {params.lookback_days} days before"
    did = "silent" if params.definition == SILENCE else f"{' or '.join(params.events)}"
    return f"{did} in [as_of, as_of + {params.horizon_days} days) {among}"


def _search(grower: Grower, tried: SearchParams, *, splits: Splits, study: str, folder: Path) -> list[Trial]:
    folds = rolling_folds(splits, horizon_days=grower.params.horizon_days, most=tried.folds)
    log.info("search: %s over %s on %d folds, study %s", tried.method, ", ".join(tried.ranges()), len(folds), study)
    return search(
        lambda settings, fold: grower.loss(settings, folds[fold]),
        params=tried, base=grower.xgboost, folds=len(folds), seed=grower.seed, study=study,
        storage=storage_of(tried, folder=folder, study=study), together=grower.together,
    )  # fmt: skip


def _explained(
    booster: bytes,
    test: pd.DataFrame,
    probabilities: Any,
    groups: Mapping[str, pd.Series],
    *,
    categories: Mapping[str, Sequence[str]],
    features: Sequence[str],
    told: Mapping[str, Mapping[str, Any]],
    seed: int,
) -> dict[str, Any]:
    """For the card: `importance` of each feature, and the key risk factors of each tenth of risk and of each group, `segments`."""
    places = test.sample(min(len(test), MOST_EXPLAINED_ROWS), random_state=seed).index
    rows, p = test.loc[places, list(features)].reset_index(drop=True), probabilities[places]
    contributions = contributions_of(booster, rows)
    tenths = risk_tenths(p)
    by: dict[str, tuple[pd.Series, Sequence[str]]] = {
        RISK_TENTH: (tenths, sorted(tenths.unique(), key=int)),
        **{name: (of.loc[places].reset_index(drop=True), list(told[name])) for name, of in groups.items()},
    }
    return {
        "importance": importance(contributions, features),
        "segments": segments(by, contributions, rows, test.loc[places, CHURNED], p, categories=categories),
    }
