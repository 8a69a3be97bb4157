"""`train_follower_churn`: reads silver and past slices of `gold.user_features`; saves, judges and registers the model."""

from __future__ import annotations

from dataclasses import dataclass, field

from social_signals.features.declared_followers import FOLLOWER_FEATURE_NAMES
from social_signals.jobs import follower_features, training
from social_signals.jobs.job import Context, Outcome
from social_signals.jobs.train_churn import TrainChurnJob, trained
from social_signals.jobs.training import search_sentences
from social_signals.models.churn import churn_examples
from social_signals.models.distributed import require_barrier
from social_signals.models.followers import FOLLOWERS, FollowerChurnParams, follower_labels
from social_signals.models.groups import require_groups
from social_signals.tables.silver import INTERACTIONS, POSTS


@dataclass
class TrainFollowerChurnJob(TrainChurnJob):
    """As train_churn; a row is a person and a creator instead of a person."""

    churn: FollowerChurnParams = field(default_factory=FollowerChurnParams)


SCHEMA = TrainFollowerChurnJob


def run(job: TrainFollowerChurnJob, context: Context) -> Outcome:
    """Cut-offs, ties, labels, model."""
    require_barrier(context.spark, workers=job.xgboost.num_workers)
    require_groups(job.churn.groups, features=FOLLOWER_FEATURE_NAMES, has_users=False)
    plan = training.plan(context, as_of=job.as_of_instant, cutoffs=job.churn, features=job.features)
    device, cutoffs = job.platform.device, plan.splits.used
    if job.dry_run:
        return Outcome(
            status="dry_run",
            as_of=plan.as_of,
            device=device,
            plan=[plan.sentence("train_follower_churn"), *search_sentences(job.search)],
        )
    ties = follower_features.slices(context, as_of=cutoffs, churn=job.churn, features=job.features, consent=job.consent)
    catalog = context.catalog
    labels = follower_labels(catalog.read(POSTS), catalog.read(INTERACTIONS), params=job.churn, cutoffs=cutoffs)
    examples = churn_examples(ties, labels, splits=plan.splits, seed=job.seed, subject=FOLLOWERS)
    metrics = trained(
        job, context, examples, plan.splits, as_of=plan.as_of, features=FOLLOWER_FEATURE_NAMES, subject=FOLLOWERS
    )
    return Outcome(metrics=metrics, as_of=plan.as_of, device=device)
