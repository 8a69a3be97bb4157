"""`train_time_to_churn`: reads silver and past slices of `gold.user_features`; saves, judges and registers the model."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from social_signals.features import FEATURE_NAMES, activity
from social_signals.jobs import training
from social_signals.jobs.job import Context, Outcome
from social_signals.jobs.train_churn import TrainChurnJob, trained
from social_signals.jobs.training import search_sentences
from social_signals.models.curves import time_metrics
from social_signals.models.distributed import require_barrier
from social_signals.models.groups import require_groups
from social_signals.models.survival import (
    PERIOD,
    PERSON_PERIODS,
    TimeToChurnParams,
    known_until,
    person_periods,
    silence_times,
)
from social_signals.tables.silver import INTERACTIONS, POSTS


@dataclass
class TrainTimeToChurnJob(TrainChurnJob):
    """As train_churn; a row is a person and a period after the cut-off, and its outcome that silence begins in it."""

    churn: TimeToChurnParams = field(default_factory=TimeToChurnParams)


SCHEMA = TrainTimeToChurnJob


def run(job: TrainTimeToChurnJob, context: Context) -> Outcome:
    """Cut-offs, slices, times, person-periods, model."""
    require_barrier(context.spark, workers=job.xgboost.num_workers)
    require_groups(job.churn.groups, features=FEATURE_NAMES, has_users=False)
    churn, device, catalog = job.churn, job.platform.device, context.catalog
    plan = training.plan(context, as_of=job.as_of_instant, cutoffs=churn.cutoffs, features=job.features)
    if job.dry_run:
        return Outcome(
            status="dry_run",
            as_of=plan.as_of,
            device=device,
            plan=[plan.sentence("train_time_to_churn"), *search_sentences(job.search)],
        )
    people = training.slices(context, as_of=plan.splits.used, features=job.features, consent=job.consent)
    acts = activity(catalog.read(POSTS), catalog.read(INTERACTIONS), kinds=churn.kinds)
    times = silence_times(
        acts, until=known_until(plan.splits, as_of=plan.as_of), lookback_days=churn.lookback_days,
        silence_days=churn.silence_days,
    )  # fmt: skip
    examples = person_periods(people, times, splits=plan.splits, params=churn, seed=job.seed)
    columns = [*FEATURE_NAMES, PERIOD]
    # While it trains the examples are cached, and the curves are judged on the same rows.
    more = partial(time_metrics, examples, features=columns, params=churn, seed=job.seed)
    metrics = trained(
        job, context, examples, plan.splits, as_of=plan.as_of, features=columns, subject=PERSON_PERIODS, more=more
    )
    return Outcome(metrics=metrics, as_of=plan.as_of, device=device)
