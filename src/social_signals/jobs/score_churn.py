"""`score_churn`: reads one slice of `gold.user_features`; replaces it in `gold.churn_scores`."""

from __future__ import annotations

from dataclasses import dataclass, field

from social_signals.core.times import iso
from social_signals.features import FeatureParams
from social_signals.governance import ConsentParams
from social_signals.jobs import build_features, training
from social_signals.jobs.churn_text import with_kept_texts
from social_signals.jobs.embed_posts import EmbeddingParams
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.models.artefact import CHURN
from social_signals.models.distributed import require_device
from social_signals.scoring.churn import predict_churn, with_deciles
from social_signals.scoring.params import ScoringParams
from social_signals.tables.gold import CHURN_SCORES


@dataclass
class ScoreChurnJob(Job):
    """as_of null means the first midnight after the newest act."""

    scoring: ScoringParams = field(default_factory=ScoringParams)
    features: FeatureParams = field(default_factory=FeatureParams)
    consent: ConsentParams = field(default_factory=ConsentParams)
    embeddings: EmbeddingParams = field(default_factory=EmbeddingParams)


SCHEMA = ScoreChurnJob


def run(job: ScoreChurnJob, context: Context) -> Outcome:
    """Everybody in the slice, by the champion or the model that was named."""
    catalog, device = context.catalog, job.platform.device
    model = training.chosen_model(catalog, CHURN, folder=job.scoring.model)
    as_of = job.as_of_instant or build_features.default_as_of(context, features=job.features)
    if job.dry_run:
        sentence = f"score_churn: score as_of={iso(as_of)} with {model.model_id} on {device}, replace it in {CHURN_SCORES.name}"
        return Outcome(status="dry_run", as_of=as_of, device=device, plan=[sentence])
    require_device(context.spark, device)
    features = training.slices(context, as_of=[as_of], features=job.features, consent=job.consent)
    features = with_kept_texts(context, features, artefact=model, as_of=[as_of], embeddings=job.embeddings)
    context.progress.step(f"scoring with {model.model_id}")
    # Deciles look at the slice twice; the trees should not.
    predicted = predict_churn(features, model=model, top_reasons=job.scoring.top_reasons, device=device).persist()
    try:
        catalog.replace_slice(CHURN_SCORES, predicted.transform(with_deciles), as_of=as_of)
    finally:
        predicted.unpersist()
    return Outcome(metrics={"scoring": {"churn_model_id": model.model_id}}, as_of=as_of, device=device)
