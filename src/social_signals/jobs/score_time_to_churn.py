"""`score_time_to_churn`: reads silver and one slice of `gold.user_features`; replaces it in `gold.time_to_churn`."""

from __future__ import annotations

from dataclasses import dataclass, field

from social_signals.core.times import iso
from social_signals.features import FeatureParams, activity
from social_signals.governance import ConsentParams
from social_signals.jobs import build_features, training
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.models.distributed import require_device
from social_signals.models.survival import TIME_TO_CHURN, active_people, params_of
from social_signals.scoring.params import ScoringParams
from social_signals.scoring.survival import predict_time_to_churn
from social_signals.tables.gold import AS_OF, MODEL_ID, TIMES_TO_CHURN
from social_signals.tables.silver import INTERACTIONS, POSTS, USER_ID


@dataclass
class ScoreTimeToChurnJob(Job):
    """as_of null means the first midnight after the newest act."""

    scoring: ScoringParams = field(default_factory=ScoringParams)
    features: FeatureParams = field(default_factory=FeatureParams)
    consent: ConsentParams = field(default_factory=ConsentParams)


SCHEMA = ScoreTimeToChurnJob


def run(job: ScoreTimeToChurnJob, context: Context) -> Outcome:
    """Everybody in the slice who acted in the lookback, by the champion or the model that was named."""
    catalog, device = context.catalog, job.platform.device
    model = training.chosen_model(catalog, TIME_TO_CHURN, folder=job.scoring.model)
    as_of = job.as_of_instant or build_features.default_as_of(context, features=job.features)
    table, asked = TIMES_TO_CHURN, params_of(model)
    if job.dry_run:
        sentence = f"score_time_to_churn: score as_of={iso(as_of)} with {model.model_id} on {device}, replace it in {table.name}"
        return Outcome(status="dry_run", as_of=as_of, device=device, plan=[sentence])
    require_device(context.spark, device)
    features = training.slices(context, as_of=[as_of], features=job.features, consent=job.consent)
    acts = activity(catalog.read(POSTS), catalog.read(INTERACTIONS), kinds=asked.kinds)
    active = active_people(acts, as_of=as_of, lookback_days=asked.lookback_days)
    context.progress.step(f"scoring with {model.model_id}")
    people = features.join(active, on=[AS_OF, USER_ID], how="left_semi")
    times = predict_time_to_churn(people, model=model, device=device)
    catalog.replace_slice(table, times, as_of=as_of, where={MODEL_ID: model.model_id})
    return Outcome(metrics={"scoring": {"time_to_churn_model_id": model.model_id}}, as_of=as_of, device=device)
