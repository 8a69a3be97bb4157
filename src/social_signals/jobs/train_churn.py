"""`train_churn`: reads silver and past slices of `gold.user_features`; saves, judges and registers the churn model."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyspark import StorageLevel

from social_signals.features import FEATURE_NAMES, FeatureParams, activity
from social_signals.governance import ConsentParams
from social_signals.jobs import training
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.models.churn import PERSON, churn_examples, newest_rows, train_churn
from social_signals.models.distributed import require_barrier
from social_signals.models.gate import duel_on
from social_signals.models.labels import CHURNED, churn_labels
from social_signals.models.params import ChurnParams, XGBoostParams
from social_signals.tables.silver import INTERACTIONS, POSTS
from social_signals.tracking import TrackingParams


@dataclass
class TrainChurnJob(Job):
    """as_of null means the first midnight after the newest act; outcomes up to it are used, nothing after it."""

    churn: ChurnParams = field(default_factory=ChurnParams)
    xgboost: XGBoostParams = field(default_factory=XGBoostParams)
    features: FeatureParams = field(default_factory=FeatureParams)
    consent: ConsentParams = field(default_factory=ConsentParams)
    tracking: TrackingParams = field(default_factory=TrackingParams)


SCHEMA = TrainChurnJob


def run(job: TrainChurnJob, context: Context) -> Outcome:
    """Cut-offs, slices, labels, model. A slice that is missing is built first."""
    require_barrier(context.spark, workers=job.xgboost.num_workers)
    plan = training.plan(context, as_of=job.as_of_instant, cutoffs=job.churn, features=job.features)
    device = job.platform.device
    if job.dry_run:
        return Outcome(status="dry_run", as_of=plan.as_of, device=device, plan=[plan.sentence("train_churn")])
    catalog = context.catalog
    features = training.slices(context, as_of=plan.splits.used, features=job.features, consent=job.consent)
    acts = activity(catalog.read(POSTS), catalog.read(INTERACTIONS), kinds=job.churn.kinds)
    labels = churn_labels(
        acts, cutoffs=plan.splits.used, lookback_days=job.churn.lookback_days, horizon_days=job.churn.horizon_days
    )
    # Counted, fingerprinted, trained on and judged: without this each would join features and labels again.
    examples = churn_examples(features, labels, splits=plan.splits, seed=job.seed).persist(StorageLevel.MEMORY_AND_DISK)
    context.progress.step("training on past cut-offs")
    try:
        artefact, is_new = train_churn(
            examples, features=FEATURE_NAMES, as_of=plan.as_of, splits=plan.splits, params=job.churn, xgboost=job.xgboost,
            seed=job.seed, device=device, inputs=catalog.read_versions, store=training.model_store(catalog),
        )  # fmt: skip
        newest = newest_rows(examples, splits=plan.splits, seed=job.seed)
    finally:
        examples.unpersist()
    duel = duel_on(newest, label=CHURNED, person=PERSON, seed=job.seed)
    metrics = training.conclude(context, artefact, is_new=is_new, tracking=job.tracking, duel=duel)
    return Outcome(metrics=metrics, as_of=plan.as_of, device=device)
