"""`train_text_churn`: reads silver, `gold.user_features` and posts' vectors; saves the text model of churn, fills `gold.churn_text`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone

from pyspark import StorageLevel

from social_signals.core.errors import ConfigError
from social_signals.features import FeatureParams
from social_signals.governance import ConsentParams
from social_signals.jobs import training
from social_signals.jobs.churn_text import model_folder
from social_signals.jobs.churn_text_model import judged, text_model
from social_signals.jobs.churn_tuning import Tuning
from social_signals.jobs.embed_posts import EmbeddingParams
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.jobs.train_churn import examples_of_acts
from social_signals.models.params import CONTRACT, ChurnParams
from social_signals.models.text_churn import TASK
from social_signals.models.text_params import FINETUNE, FROZEN, NONE, ChurnTextParams
from social_signals.nlp.finetune import FineTuneParams, require_finetune
from social_signals.tracking import ModelRun, TrackingParams, log_model_run


@dataclass
class TrainTextChurnJob(Job):
    """The same settings of churn and features as `train_churn`, which then finds the model; as_of as there. train: for
    churn.text.model=finetune, which needs the extra `finetune`."""

    churn: ChurnParams = field(default_factory=lambda: ChurnParams(text=ChurnTextParams(model=FROZEN)))
    features: FeatureParams = field(default_factory=FeatureParams)
    consent: ConsentParams = field(default_factory=ConsentParams)
    embeddings: EmbeddingParams = field(default_factory=EmbeddingParams)
    train: FineTuneParams = field(default_factory=lambda: FineTuneParams(class_weights=False, freeze_embeddings=True))
    tracking: TrackingParams = field(default_factory=TrackingParams)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.churn.definition == CONTRACT or self.churn.text.model == NONE:
            raise ConfigError(
                f"churn.definition={self.churn.definition} with churn.text.model={self.churn.text.model} has no text model",
                hint="set churn.text.model=frozen or finetune, and churn.definition=silence or event",
            )


SCHEMA = TrainTextChurnJob


def run(job: TrainTextChurnJob, context: Context) -> Outcome:
    """Cut-offs, examples, their posts, the model; how it does alone. `train_churn` says what it adds."""
    tuning = None
    if job.churn.text.model == FINETUNE:
        if not job.train.encoder:
            raise ConfigError(
                "train.encoder is empty", hint="name the folder of a BERT-family encoder: train.encoder=FOLDER"
            )
        require_finetune(context.spark, job.train, device=job.platform.device)
        tuning = Tuning(job.train, job.platform.device)
    plan = training.plan(context, as_of=job.as_of_instant, cutoffs=job.churn, features=job.features)
    if job.dry_run:
        return Outcome(status="dry_run", as_of=plan.as_of, plan=[plan.sentence("train_text_churn")])
    examples = examples_of_acts(
        context, plan, churn=job.churn, features=job.features, consent=job.consent, seed=job.seed
    ).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        model, card = text_model(
            context,
            examples,
            churn=job.churn,
            splits=plan.splits,
            embeddings=job.embeddings,
            seed=job.seed,
            tuning=tuning,
        )
        context.progress.step("judging")
        metrics = {**card.metrics, "test": judged(context, examples, model, seed=job.seed), "model_id": model.model_id}
    finally:
        examples.unpersist()
    run = ModelRun(
        kind=TASK,
        model_id=model.model_id,
        folder=model_folder(context, model.name),
        params={**card.params, "seed": job.seed},
        metrics={TASK: metrics},
        tags={"run_id": context.run_id, "finished": datetime.now(timezone.utc).isoformat(timespec="seconds")},
    )
    context.progress.step("tracking")
    log_model_run(job.tracking, run, root=context.catalog.file(), is_champion=True)
    return Outcome(metrics={TASK: metrics}, as_of=plan.as_of, device=job.platform.device)
