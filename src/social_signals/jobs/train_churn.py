"""`train_churn`: reads silver and past slices of `gold.user_features`; saves, judges and registers the churn model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.evaluation.splits import TRAIN, Splits, split_by_time
from social_signals.features import FEATURE_NAMES, FeatureParams, activity
from social_signals.governance import ConsentParams
from social_signals.jobs import training
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.jobs.places import table_at
from social_signals.models.churn import churn_examples, train_churn
from social_signals.models.contract import NO_TIME, contract_rows, encoded, learn_encoding
from social_signals.models.distributed import require_barrier
from social_signals.models.examples import ROLE, with_role
from social_signals.models.gate import duel_on
from social_signals.models.groups import groups_of_users, of_users, require_groups
from social_signals.models.judged import PERSON, newest_rows
from social_signals.models.labels import CHURNED, churn_labels, event_labels
from social_signals.models.params import CONTRACT, EVENT, GRID, OFF, ChurnParams, SearchParams, XGBoostParams
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import INTERACTIONS, POSTS, USER_ID, USERS
from social_signals.tracking import TrackingParams


@dataclass
class TrainChurnJob(Job):
    """as_of null means the first midnight after the newest act; outcomes up to it are used, nothing after it."""

    churn: ChurnParams = field(default_factory=ChurnParams)
    xgboost: XGBoostParams = field(default_factory=XGBoostParams)
    search: SearchParams = field(default_factory=SearchParams)
    features: FeatureParams = field(default_factory=FeatureParams)
    consent: ConsentParams = field(default_factory=ConsentParams)
    tracking: TrackingParams = field(default_factory=TrackingParams)


SCHEMA = TrainChurnJob


def run(job: TrainChurnJob, context: Context) -> Outcome:
    """Cut-offs, slices, labels, model; or contracts, model. A slice that is missing is built first."""
    require_barrier(context.spark, workers=job.xgboost.num_workers)
    has_users = job.churn.definition != CONTRACT
    if has_users:
        require_groups(job.churn.groups, features=FEATURE_NAMES, has_users=True)
    return _from_acts(job, context) if has_users else _from_contracts(job, context)


def _from_acts(job: TrainChurnJob, context: Context) -> Outcome:
    plan = training.plan(context, as_of=job.as_of_instant, cutoffs=job.churn, features=job.features)
    device = job.platform.device
    if job.dry_run:
        sentences = [plan.sentence("train_churn"), *_search_sentences(job)]
        return Outcome(status="dry_run", as_of=plan.as_of, device=device, plan=sentences)
    features = training.slices(context, as_of=plan.splits.used, features=job.features, consent=job.consent)
    examples = churn_examples(features, _labels(job, context, plan), splits=plan.splits, seed=job.seed)
    context.progress.step("training on past cut-offs")
    apart = of_users(job.churn.groups, features=FEATURE_NAMES)
    groups = groups_of_users(context.catalog.read(USERS), apart) if apart else None
    metrics = _trained(job, context, examples, plan.splits, as_of=plan.as_of, features=FEATURE_NAMES, groups=groups)
    return Outcome(metrics=metrics, as_of=plan.as_of, device=device)


def _labels(job: TrainChurnJob, context: Context, plan: training.Plan) -> DataFrame:
    catalog, churn = context.catalog, job.churn
    interactions = catalog.read(INTERACTIONS)
    acts = activity(catalog.read(POSTS), interactions, kinds=churn.kinds)
    days = {"lookback_days": churn.lookback_days, "horizon_days": churn.horizon_days}
    if churn.definition == EVENT:
        return event_labels(acts, interactions, cutoffs=plan.splits.used, events=churn.events, **days)
    return churn_labels(acts, cutoffs=plan.splits.used, **days)


def _from_contracts(job: TrainChurnJob, context: Context) -> Outcome:
    contract, device = job.churn.contract, job.platform.device
    rows = contract_rows(table_at(context, str(contract.table)), contract)
    # One slice: train, valid and test are different contracts, and the metrics say how the model does on others.
    splits = split_by_time(
        [NO_TIME], horizon_days=1, test_fraction=job.churn.test_fraction, valid_fraction=job.churn.valid_fraction
    )
    if job.dry_run:
        sentence = f"train_churn: {contract.label} of {contract.table}, split by {contract.key}"
        return Outcome(status="dry_run", device=device, plan=[sentence, *_search_sentences(job)])
    with_roles = with_role(rows, splits, seed=job.seed)
    columns = [name for name in rows.columns if name not in (AS_OF, USER_ID, CHURNED)]
    encoding = learn_encoding(with_roles.where(F.col(ROLE) == TRAIN), columns=columns)
    examples = encoded(with_roles, encoding, keep=[AS_OF, USER_ID, CHURNED, ROLE])
    require_groups(job.churn.groups, features=encoding.features, has_users=False)
    context.progress.step("training on contracts")
    metrics = _trained(
        job,
        context,
        examples,
        splits,
        as_of=None,
        features=encoding.features,
        categories=encoding.categories,
    )
    return Outcome(metrics=metrics, device=device)


def _search_sentences(job: TrainChurnJob) -> list[str]:
    tried = job.search
    if tried.method == OFF:
        return []
    count = len(tried.combinations()) if tried.method == GRID else tried.n_trials
    return [
        f"search: {count} trials by {tried.method} over {', '.join(tried.ranges())}, on up to {tried.folds} folds each"
    ]


def _trained(
    job: TrainChurnJob,
    context: Context,
    examples: DataFrame,
    splits: Splits,
    *,
    as_of: datetime | None,
    features: Sequence[str],
    categories: Mapping[str, Sequence[str]] | None = None,
    groups: DataFrame | None = None,
) -> dict[str, Any]:
    """The metrics of the model of these examples, once it is settled who is in charge."""
    # Counted, fingerprinted, trained on and judged: without this each would join features and labels again.
    kept = examples.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        artefact, is_new = train_churn(
            kept, features=features, as_of=as_of, splits=splits, params=job.churn, xgboost=job.xgboost,
            seed=job.seed, device=job.platform.device, inputs=context.catalog.read_versions,
            store=training.model_store(context.catalog), categories=categories, tuning=job.search,
            studies=context.catalog.file("studies"), groups=groups,
        )  # fmt: skip
        newest = newest_rows(kept, splits=splits, total=artefact.card["examples"]["test"]["newest_rows"], seed=job.seed)
    finally:
        kept.unpersist()
    duel = duel_on(newest, label=CHURNED, person=PERSON, seed=job.seed)
    return training.conclude(context, artefact, is_new=is_new, tracking=job.tracking, duel=duel)
