"""`score_churn`: reads slices of `gold.user_features`, or a table of contracts; replaces its model's rows in `gold.churn_scores`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.core.errors import ConfigError
from social_signals.core.times import iso, midnight
from social_signals.features import USER_FEATURES, FeatureParams
from social_signals.governance import ConsentParams, only_consented
from social_signals.jobs import scoring_plan, training
from social_signals.jobs.churn_text import with_kept_texts
from social_signals.jobs.embed_posts import EmbeddingParams
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.jobs.places import table_at
from social_signals.models.artefact import CHURN_CONTRACT, Artefact
from social_signals.models.contract import contracts_to_score, encoding_of
from social_signals.models.distributed import require_device
from social_signals.models.params import ChurnParams
from social_signals.models.predict import require_features
from social_signals.scoring.churn import as_scores, predict_churn
from social_signals.scoring.params import ScoringParams
from social_signals.scoring.reasons import Phrases
from social_signals.scoring.tenths import tenths_of
from social_signals.tables.gold import AS_OF, CHURN_SCORES, MODEL_ID, P_CHURN
from social_signals.tables.silver import CONSENTS, USER_ID


@dataclass
class ScoreChurnJob(Job):
    """as_of null means the first midnight after the newest act; for contracts, which have no time, today's midnight.

    churn.definition says whose champion scores, unless scoring.model names a model. Contracts are those of
    churn.contract.table, named by its column churn.contract.key; its label is not looked at.
    """

    churn: ChurnParams = field(default_factory=ChurnParams)
    scoring: ScoringParams = field(default_factory=ScoringParams)
    features: FeatureParams = field(default_factory=FeatureParams)
    consent: ConsentParams = field(default_factory=ConsentParams)
    embeddings: EmbeddingParams = field(default_factory=EmbeddingParams)

    def __post_init__(self) -> None:
        super().__post_init__()
        scoring_plan.require_one_time(self.scoring, as_of=self.as_of)


SCHEMA = ScoreChurnJob


def run(job: ScoreChurnJob, context: Context) -> Outcome:
    """Everybody in the slices, by the champion or the model that was named."""
    device = job.platform.device
    require_device(context.spark, device)
    model = training.chosen_churn_model(context.catalog, job.churn.definition, folder=job.scoring.model)
    is_contract = model.kind == CHURN_CONTRACT
    if is_contract:
        _require_contracts(job, model)
        cutoffs = [job.as_of_instant or midnight(context.now)]
    else:
        if model.text is None:
            # Slices that are missing would be built before the model could refuse them.
            require_features(USER_FEATURES, model.features, model_id=model.model_id)
        cutoffs = scoring_plan.cutoffs_to_score(context, job.scoring, as_of=job.as_of_instant, features=job.features)
    if job.dry_run:
        of = f" of {job.churn.contract.table}" if is_contract else ""
        sentence = (
            f"score_churn: score {scoring_plan.spoken(cutoffs)}{of} with {model.model_id} on {device}, replace its rows in "
            f"{CHURN_SCORES.name}"
        )
        return Outcome(status="dry_run", as_of=cutoffs[-1], device=device, plan=[sentence])
    if is_contract:
        people = _contracts(job, context, model, as_of=cutoffs[0])
    else:
        scoring_plan.say_what_the_model_knew(model, cutoffs)
        people = training.slices(context, as_of=cutoffs, features=job.features, consent=job.consent)
        people = with_kept_texts(context, people, artefact=model, as_of=cutoffs, embeddings=job.embeddings)
    for as_of in cutoffs:
        context.progress.step(f"scoring {iso(as_of)} with {model.model_id}")
        _score(job, context, people.where(F.col(AS_OF) == F.lit(as_of)), model=model, as_of=as_of)
    metrics = {"scoring": {"churn_model_id": model.model_id, "cutoffs": len(cutoffs)}}
    return Outcome(metrics=metrics, as_of=cutoffs[-1], device=device)


def _score(job: ScoreChurnJob, context: Context, people: DataFrame, *, model: Artefact, as_of: datetime) -> None:
    device = job.platform.device
    # Tenths look at all probabilities, the table wants both: the trees should not be walked again for it.
    with scoring_plan.in_bulk(context.spark):
        predicted = predict_churn(people, model=model, device=device).persist()
    try:
        tenths = tenths_of(predicted, by=P_CHURN, tie=USER_ID)
        phrases = Phrases(model.features, model.card.get("categories", {}))
        explanation = job.scoring.explanation(tenths, by=P_CHURN, device=device, phrase=phrases)
        explained = (
            predicted
            if explanation is None
            # Reading and predicting again is little beside the contributions, and needs no join of the two.
            else predict_churn(people, model=model, explanation=explanation, device=device)
        )
        scores = as_scores(explained, tenths, model_id=model.model_id)
        # Another model's rows of the same slice stay: model_id is part of the key.
        context.catalog.replace_slice(CHURN_SCORES, scores, as_of=as_of, where={MODEL_ID: model.model_id})
    finally:
        predicted.unpersist()


def _contracts(job: ScoreChurnJob, context: Context, model: Artefact, *, as_of: datetime) -> DataFrame:
    rows = contracts_to_score(
        table_at(context, str(job.churn.contract.table)),
        encoding_of(model.features, model.card.get("categories", {})),
        key=job.churn.contract.key, as_of=as_of, model_id=model.model_id,
    )  # fmt: skip
    consents = context.catalog.read_or_empty(CONSENTS)
    return only_consented(rows, consents, purpose="profiling", as_of=as_of, default=job.consent.default)


def _require_contracts(job: ScoreChurnJob, model: Artefact) -> None:
    if job.churn.contract.table is None:
        raise ConfigError(
            f"{model.model_id} scores contracts, and churn.contract.table is not set",
            hint="name them: churn.contract.table=FILE_OR_TABLE churn.contract.key=COLUMN",
        )
    if job.scoring.backfill:
        raise ConfigError(
            f"{model.model_id} scores contracts as they are now, and a backfill asks for the past",
            hint="leave scoring.backfill_from out; as_of says under which date the scores are kept",
        )
