"""`score_follower_churn`: reads silver and one slice of `gold.user_features`; replaces it in `gold.follower_churn_scores`."""

from __future__ import annotations

from dataclasses import dataclass, field

from social_signals.core.errors import ConfigError, did_you_mean
from social_signals.core.times import iso
from social_signals.features import FeatureParams
from social_signals.governance import ConsentParams
from social_signals.jobs import build_features, follower_features, training
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.models.distributed import require_device
from social_signals.models.followers import FOLLOWERS, params_of
from social_signals.models.params import SILENCE
from social_signals.scoring.followers import predict_follower_churn, with_places
from social_signals.scoring.params import ScoringParams
from social_signals.tables.gold import FOLLOWER_CHURN_SCORES, MODEL_ID, P_CHURN


@dataclass
class ScoreFollowerChurnJob(Job):
    """as_of null means the first midnight after the newest act. definition: whose champion scores, silence or event."""

    definition: str = SILENCE
    scoring: ScoringParams = field(default_factory=ScoringParams)
    features: FeatureParams = field(default_factory=FeatureParams)
    consent: ConsentParams = field(default_factory=ConsentParams)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.definition not in FOLLOWERS.kinds:
            raise ConfigError(
                f"definition is {self.definition!r}", hint=did_you_mean(self.definition, list(FOLLOWERS.kinds))
            )


SCHEMA = ScoreFollowerChurnJob


def run(job: ScoreFollowerChurnJob, context: Context) -> Outcome:
    """Every tie that the model may be asked about, by the champion or the model that was named."""
    catalog, device = context.catalog, job.platform.device
    model = training.chosen_model(catalog, FOLLOWERS.kinds[job.definition], folder=job.scoring.model)
    as_of = job.as_of_instant or build_features.default_as_of(context, features=job.features)
    table = FOLLOWER_CHURN_SCORES
    if job.dry_run:
        sentence = f"score_follower_churn: score as_of={iso(as_of)} with {model.model_id} on {device}, replace it in {table.name}"
        return Outcome(status="dry_run", as_of=as_of, device=device, plan=[sentence])
    require_device(context.spark, device)
    ties = follower_features.slices(
        context, as_of=[as_of], churn=params_of(model), features=job.features, consent=job.consent
    )
    context.progress.step(f"scoring with {model.model_id}")
    # Deciles look at the slice twice; the trees should not.
    explanation = job.scoring.explanation_of_all(by=P_CHURN, device=device)
    predicted = predict_follower_churn(ties, model=model, explanation=explanation, device=device).persist()
    try:
        catalog.replace_slice(table, predicted.transform(with_places), as_of=as_of, where={MODEL_ID: model.model_id})
    finally:
        predicted.unpersist()
    return Outcome(metrics={"scoring": {"follower_churn_model_id": model.model_id}}, as_of=as_of, device=device)
