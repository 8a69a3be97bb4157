"""`score_influence`: reads a slice of `gold.user_features` and the one before; replaces it in `gold.influence_scores`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from social_signals.core.times import iso
from social_signals.features import USER_FEATURES, FeatureParams
from social_signals.governance import ConsentParams
from social_signals.jobs import build_features, training
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.models.artefact import INFLUENCE
from social_signals.models.distributed import require_device
from social_signals.models.params import InfluenceParams
from social_signals.scoring.influence import AUDIENCE, predict_influence, with_standing
from social_signals.scoring.params import ScoringParams
from social_signals.tables.gold import INFLUENCE_SCORES


@dataclass
class ScoreInfluenceJob(Job):
    """as_of null means the first midnight after the newest act. Momentum compares with influence.step_days before."""

    influence: InfluenceParams = field(default_factory=InfluenceParams)
    scoring: ScoringParams = field(default_factory=ScoringParams)
    features: FeatureParams = field(default_factory=FeatureParams)
    consent: ConsentParams = field(default_factory=ConsentParams)


SCHEMA = ScoreInfluenceJob


def run(job: ScoreInfluenceJob, context: Context) -> Outcome:
    """Everybody in the slice, by the champion or the model that was named, and how they moved since the slice before."""
    catalog, device = context.catalog, job.platform.device
    model = training.chosen_model(catalog, INFLUENCE, folder=job.scoring.model)
    as_of = job.as_of_instant or build_features.default_as_of(context, features=job.features)
    before = as_of - timedelta(days=job.influence.step_days)
    if job.dry_run:
        sentence = (
            f"score_influence: score as_of={iso(as_of)}, momentum since {iso(before)}, with {model.model_id} on {device}, "
            f"replace it in {INFLUENCE_SCORES.name}"
        )
        return Outcome(status="dry_run", as_of=as_of, device=device, plan=[sentence])
    require_device(context.spark, device)
    both = training.slices(context, as_of=[before, as_of], features=job.features, consent=job.consent)
    context.progress.step(f"scoring with {model.model_id}")
    current = both.where(both[USER_FEATURES.key[0]] == as_of)
    earlier = both.where(both[USER_FEATURES.key[0]] == before)
    # Ranks look at the slice twice; the trees should not.
    predicted = predict_influence(
        current, model=model, top_reasons=job.scoring.top_reasons, device=device, keep=AUDIENCE
    ).persist()
    try:
        scores = with_standing(
            predicted,
            previous=predict_influence(earlier, model=model, top_reasons=0, device=device),
            emerging_max_followers=job.influence.emerging_max_followers,
        )
        catalog.replace_slice(INFLUENCE_SCORES, scores, as_of=as_of)
    finally:
        predicted.unpersist()
    return Outcome(metrics={"scoring": {"influence_model_id": model.model_id}}, as_of=as_of, device=device)
