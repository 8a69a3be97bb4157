"""What the training and scoring jobs share: past cut-offs and their slices, the model store, the gate and tracking."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.core.errors import ConfigError, DataQualityError, ModelMismatchError
from social_signals.core.times import iso, parse_instant
from social_signals.evaluation.splits import Splits, choose_cutoffs, split_by_time
from social_signals.features import USER_FEATURES, FeatureParams, activity
from social_signals.features.cutoffs import instant_of
from social_signals.governance import ConsentParams
from social_signals.jobs import build_features
from social_signals.jobs.job import Context
from social_signals.models import pyfunc
from social_signals.models.artefact import Artefact, ModelStore, load, require_kind
from social_signals.models.followers import FOLLOWERS
from social_signals.models.gate import Duel, require_promoted, settle
from social_signals.models.params import CutoffParams
from social_signals.models.search_params import GRID, OFF, SearchParams
from social_signals.models.subject import KINDS
from social_signals.tables.catalog import Catalog
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import EVENT_TS, INTERACTIONS, POSTS
from social_signals.tracking import ModelRun, TrackingParams, TrialRun, log_model_run

log = logging.getLogger(__name__)

# What MLflow is told of how a model was made.
TOLD = ("params", "xgboost", "seed", "device", "workers")
_TRAINED_BY = {
    kind: f"{job} churn.definition={definition}"
    for job, kinds in (("train_churn", KINDS), ("train_follower_churn", FOLLOWERS.kinds))
    for definition, kind in kinds.items()
}


@dataclass(frozen=True)
class Plan:
    """The cut-off to train for, and the past ones to learn from."""

    as_of: datetime
    splits: Splits

    def sentence(self, job: str) -> str:
        s = self.splits
        return (
            f"{job}: as_of={iso(self.as_of)}, cut-offs split by {s.method}: {len(s.train)} train, {len(s.valid)} validate, "
            f"{len(s.test)} test ({iso(s.test[0])} to {iso(s.test[-1])}), {len(s.embargoed)} embargoed"
        )


def plan(context: Context, *, as_of: datetime | None, cutoffs: CutoffParams, features: FeatureParams) -> Plan:
    """Choose as_of where it was not given, then the past cut-offs whose outcome has passed by then, and split them."""
    if cutoffs.lookback_days > features.population_days:
        raise ConfigError(
            f"lookback_days is {cutoffs.lookback_days}, but gold.user_features knows people of the last "
            f"{features.population_days} days",
            hint=f"set features.population_days={cutoffs.lookback_days} and build the features again",
        )
    chosen = as_of or build_features.default_as_of(context, features=features)
    past = choose_cutoffs(
        first_event(context.catalog, before=chosen),
        chosen,
        lookback_days=cutoffs.lookback_days,
        horizon_days=cutoffs.horizon_days,
        step_days=cutoffs.step_days,
        max_cutoffs=cutoffs.max_cutoffs,
    )
    return Plan(chosen, split(past, cutoffs, outcome_days=cutoffs.horizon_days))


def split(past: Sequence[datetime], params: CutoffParams, *, outcome_days: int) -> Splits:
    """Past cut-offs split by time as the settings say; outcome_days: after each, until its outcomes are known."""
    return split_by_time(
        past,
        horizon_days=outcome_days,
        test_fraction=params.test_fraction,
        valid_fraction=params.valid_fraction,
        test_from=parse_instant(params.test_from, name="test_from") if params.test_from else None,
    )


def search_sentences(tried: SearchParams) -> list[str]:
    """What a dry run says of a search; nothing where there is none."""
    if tried.method == OFF:
        return []
    count = len(tried.combinations()) if tried.method == GRID else tried.n_trials
    return [
        f"search: {count} trials by {tried.method} over {', '.join(tried.ranges())}, on up to {tried.folds} folds each"
    ]


def first_event(catalog: Catalog, *, before: datetime) -> datetime:
    """When the first act happened. Raises DataQualityError where none did before `before`."""
    acts = activity(catalog.read(POSTS), catalog.read(INTERACTIONS)).where(F.col(EVENT_TS) < F.lit(before))
    found = acts.agg(F.min(F.unix_micros(EVENT_TS)).alias("us")).first()
    if found is None or found["us"] is None:
        raise DataQualityError(
            f"nobody has acted or written before as_of={iso(before)}",
            hint="choose a later as_of, or run the ingest job",
        )
    return instant_of(int(found["us"]))


def slices(
    context: Context, *, as_of: Sequence[datetime], features: FeatureParams, consent: ConsentParams
) -> DataFrame:
    """The slices of gold.user_features at `as_of`, those that are missing built first; its version is pinned."""
    catalog = context.catalog
    missing = sorted(set(as_of) - stored_cutoffs(catalog))
    if missing:
        log.info("%d slices of %s are missing and are built first", len(missing), USER_FEATURES.name)
        build_features.build(context, as_of=missing, features=features, consent=consent)
    pinned = catalog.version(USER_FEATURES)
    return catalog.read(USER_FEATURES, version=pinned).where(F.col(AS_OF).isin(sorted(set(as_of))))


def stored_cutoffs(catalog: Catalog) -> set[datetime]:
    """The cut-offs that gold.user_features holds: one value a partition, few by construction."""
    stored = catalog.read_or_empty(USER_FEATURES).select(F.unix_micros(AS_OF).alias("us")).distinct().collect()
    return {instant_of(int(row["us"])) for row in stored}


def newest_stored(catalog: Catalog, *, before: datetime | None = None) -> datetime | None:
    """The newest cut-off stored, or the newest one strictly before `before`."""
    found = [c for c in stored_cutoffs(catalog) if before is None or c < before]
    return max(found, default=None)


def model_store(catalog: Catalog, *, resume: bool = False) -> ModelStore:
    return ModelStore(catalog.file("models"), resume=resume)


def champion_id(catalog: Catalog, kind: str) -> str | None:
    """The model in charge of a kind; None where there is none, or its files are missing or were touched."""
    try:
        champion = model_store(catalog).champion(kind)
    except ModelMismatchError:
        return None
    return champion.model_id if champion else None


def chosen_model(catalog: Catalog, kind: str, *, folder: str | None) -> Artefact:
    """The model of a folder, or the champion of its kind; its manifest is checked."""
    if folder is not None:
        return require_kind(load(Path(folder)), kind)
    champion = model_store(catalog).champion(kind)
    if champion is None:
        raise ModelMismatchError(
            f"there is no {kind} model under {catalog.file('models', kind)}",
            hint=f"run {_TRAINED_BY.get(kind, f'train_{kind}')} first, or name a model's folder in scoring.model",
        )
    return champion


def chosen_churn_model(catalog: Catalog, definition: str, *, folder: str | None) -> Artefact:
    """The model of a folder, if it is one of churn by any definition; else the champion of `definition`."""
    if folder is None:
        return chosen_model(catalog, KINDS[definition], folder=None)
    model = load(Path(folder))
    return model if model.kind in KINDS.values() else require_kind(model, KINDS[definition])


def conclude(
    context: Context, artefact: Artefact, *, is_new: bool, tracking: TrackingParams, duel: Duel | None = None
) -> dict[str, Any]:
    """Settle who is in charge and tell MLflow; returns the model's metrics for the last line.

    Raises GateError where the gate is strict and the champion stays; the candidate is in MLflow by then, without the alias.
    """
    catalog = context.catalog
    store = model_store(catalog)
    verdict = settle(artefact, store, gate=tracking.gate, duel=duel)
    state = "trained" if is_new else "found, made of the same inputs"
    log.info("%s %s; %s: %s", artefact.model_id, state, "champion" if verdict.promoted else "candidate", verdict.reason)
    context.progress.step("tracking")
    searched = dict(artefact.card.get("search", {}))
    trials = searched.pop("trials", [])
    run = ModelRun(
        kind=artefact.kind,
        model_id=artefact.model_id,
        folder=store.path(artefact.kind, artefact.model_id),
        params={key: artefact.card[key] for key in TOLD if key in artefact.card} | {"search": searched},
        metrics=artefact.metrics,
        tags={"run_id": context.run_id, "finished": datetime.now(timezone.utc).isoformat(timespec="seconds")},
        features=artefact.features,
        answer=pyfunc.ANSWERS[artefact.kind],
        loader=pyfunc.__name__,
        trials=[TrialRun(one["settings"], one["losses"], one["state"]) for one in trials],
    )
    log_model_run(tracking, run, root=catalog.file(), is_champion=verdict.promoted)
    require_promoted(verdict, artefact, gate=tracking.gate)
    settled = {"model_id": artefact.model_id, **verdict.as_json()}
    return artefact.metrics | {"gate": {artefact.kind: settled}}
