"""`score_influence`: reads slices of `gold.user_features` and those before; replaces its model's rows in `gold.influence_scores`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.core.times import iso
from social_signals.creators import CreatorParams
from social_signals.features import USER_FEATURES, FeatureParams
from social_signals.governance import ConsentParams
from social_signals.jobs import influence_of_posts, scoring_plan, training
from social_signals.jobs.assess_creators import with_quality
from social_signals.jobs.build_network import with_network
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.models.artefact import INFLUENCE, INFLUENCE_POSTS, Artefact
from social_signals.models.contributions import Explanation
from social_signals.models.distributed import require_device
from social_signals.models.params import POST, InfluenceParams
from social_signals.models.predict import require_features
from social_signals.network import NetworkParams
from social_signals.scoring.influence import AUDIENCE, predict_influence, with_standing
from social_signals.scoring.params import ScoringParams
from social_signals.scoring.reasons import Phrases
from social_signals.scoring.tenths import tenths_of
from social_signals.tables.gold import AS_OF, INFLUENCE_SCORES, MODEL_ID, POST_INFLUENCE
from social_signals.tables.gold import INFLUENCE as INFLUENCE_SCORE
from social_signals.tables.gold_creators import QUALITY_MEASURES
from social_signals.tables.gold_network import NETWORK_MEASURES
from social_signals.tables.silver import POST_ID, USER_ID


@dataclass
class ScoreInfluenceJob(Job):
    """as_of null means the first midnight after the newest act. Momentum compares with influence.step_days before."""

    influence: InfluenceParams = field(default_factory=InfluenceParams)
    scoring: ScoringParams = field(default_factory=ScoringParams)
    features: FeatureParams = field(default_factory=FeatureParams)
    network: NetworkParams = field(default_factory=NetworkParams)
    creators: CreatorParams = field(default_factory=CreatorParams)
    consent: ConsentParams = field(default_factory=ConsentParams)

    def __post_init__(self) -> None:
        super().__post_init__()
        scoring_plan.require_one_time(self.scoring, as_of=self.as_of)


SCHEMA = ScoreInfluenceJob


def run(job: ScoreInfluenceJob, context: Context) -> Outcome:
    """Everybody in the slices, by the champion or the model that was named, and how they moved since the slice before."""
    device, step = job.platform.device, timedelta(days=job.influence.step_days)
    require_device(context.spark, device)
    if job.influence.unit == POST:
        return _score_posts(job, context)
    model = people_model(job, context)
    cutoffs = scoring_plan.cutoffs_to_score(context, job.scoring, as_of=job.as_of_instant, features=job.features)
    if job.dry_run:
        sentence = (
            f"score_influence: score {scoring_plan.spoken(cutoffs)}, momentum since {job.influence.step_days} days before, "
            f"with {model.model_id} on {device}, replace its rows in {INFLUENCE_SCORES.name}"
        )
        return Outcome(status="dry_run", as_of=cutoffs[-1], device=device, plan=[sentence])
    scoring_plan.say_what_the_model_knew(model, cutoffs)
    needed = sorted({*cutoffs, *(as_of - step for as_of in cutoffs)})
    people = people_as_seen(job, context, model=model, as_of=needed)
    for as_of in cutoffs:
        context.progress.step(f"scoring {iso(as_of)} with {model.model_id}")
        current, earlier = (people.where(F.col(AS_OF) == F.lit(time)) for time in (as_of, as_of - step))
        _score(job, context, current, earlier=earlier, model=model, as_of=as_of)
    metrics = {"scoring": {"influence_model_id": model.model_id, "cutoffs": len(cutoffs)}}
    return Outcome(metrics=metrics, as_of=cutoffs[-1], device=device)


def people_model(job: ScoreInfluenceJob, context: Context) -> Artefact:
    """The champion of people or the model that was named, once it is sure that its features can be had."""
    model = training.chosen_model(context.catalog, INFLUENCE, folder=job.scoring.model)
    # Slices that are missing would be built before the model could refuse them.
    measured = [name for name in model.features if name not in (*NETWORK_MEASURES, *QUALITY_MEASURES)]
    require_features(USER_FEATURES, measured, model_id=model.model_id)
    return model


def people_as_seen(
    job: ScoreInfluenceJob, context: Context, *, model: Artefact, as_of: Sequence[datetime]
) -> DataFrame:
    """The slices of people with what the model knows of them; those that are missing are built first."""
    people = training.slices(context, as_of=as_of, features=job.features, consent=job.consent)
    if set(NETWORK_MEASURES) & set(model.features):
        people = with_network(context, people, as_of=as_of, network=job.network, consent=job.consent, seed=job.seed)
    if set(QUALITY_MEASURES) & set(model.features):
        people = with_quality(context, people, as_of=as_of, creators=job.creators, consent=job.consent)
    return people


def _score_posts(job: ScoreInfluenceJob, context: Context) -> Outcome:
    """The posts of the `influence.lookback_days` before each cut-off, by the champion of posts or the model that was named."""
    device, catalog = job.platform.device, context.catalog
    model = training.chosen_model(catalog, INFLUENCE_POSTS, folder=job.scoring.model)
    cutoffs = scoring_plan.cutoffs_to_score(context, job.scoring, as_of=job.as_of_instant, features=job.features)
    if job.dry_run:
        sentence = (
            f"score_influence: score posts of the {job.influence.lookback_days} days before {scoring_plan.spoken(cutoffs)} "
            f"with {model.model_id} on {device}, replace its rows in {POST_INFLUENCE.name}"
        )
        return Outcome(status="dry_run", as_of=cutoffs[-1], device=device, plan=[sentence])
    for as_of in cutoffs:
        context.progress.step(f"scoring posts before {iso(as_of)} with {model.model_id}")
        since = as_of - timedelta(days=job.influence.lookback_days)
        posts = influence_of_posts.published(context, before=as_of, since=since, consent=job.consent)
        current = influence_of_posts.at(posts, as_of).persist()
        try:
            explanation = _explained(job, current, model=model) if job.scoring.explains else None
            scores = predict_influence(
                current, model=model, explanation=explanation, device=device, keep=(POST_ID,), kind=INFLUENCE_POSTS
            )
            rows = scores.select(*POST_INFLUENCE.columns)
            catalog.replace_slice(POST_INFLUENCE, rows, as_of=as_of, where={MODEL_ID: model.model_id})
        finally:
            current.unpersist()
    metrics = {"scoring": {"influence_posts_model_id": model.model_id, "cutoffs": len(cutoffs)}}
    return Outcome(metrics=metrics, as_of=cutoffs[-1], device=device)


def _explained(job: ScoreInfluenceJob, current: DataFrame, *, model: Artefact) -> Explanation | None:
    """Whose reasons are told, and how: by the tenths of a first pass without any."""
    key = POST_ID if model.kind == INFLUENCE_POSTS else USER_ID
    with scoring_plan.in_bulk(current.sparkSession):
        keep = (POST_ID,) if model.kind == INFLUENCE_POSTS else ()
        plain = predict_influence(
            current, model=model, device=job.platform.device, keep=keep, kind=model.kind
        ).persist()  # fmt: skip
    try:
        tenths = tenths_of(plain, by=INFLUENCE_SCORE, tie=key)
    finally:
        plain.unpersist()
    phrases = Phrases(model.features, {})
    return job.scoring.explanation(tenths, by=INFLUENCE_SCORE, device=job.platform.device, phrase=phrases)


def _score(
    job: ScoreInfluenceJob,
    context: Context,
    current: DataFrame,
    *,
    earlier: DataFrame,
    model: Artefact,
    as_of: datetime,
) -> None:
    device = job.platform.device
    explanation = _explained(job, current, model=model) if job.scoring.explains else None
    # Ranks look at the slice twice; the trees should not.
    predicted = predict_influence(current, model=model, explanation=explanation, device=device, keep=AUDIENCE).persist()
    try:
        scores = with_standing(
            predicted,
            previous=predict_influence(earlier, model=model, device=device),
            emerging_max_followers=job.influence.emerging_max_followers,
        )
        # Another model's rows of the same slice stay: model_id is part of the key.
        context.catalog.replace_slice(INFLUENCE_SCORES, scores, as_of=as_of, where={MODEL_ID: model.model_id})
    finally:
        predicted.unpersist()
