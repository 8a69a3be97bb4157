"""`train_sentiment`: labelled posts in, a packaged Spark NLP model of sentiment out, with its scores beside the baselines'."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from social_signals.jobs import text_training
from social_signals.jobs.job import Context, Outcome
from social_signals.jobs.labelled import labelled_posts
from social_signals.nlp.finetune import FineTuneParams
from social_signals.nlp.finetune.baselines import sentiment_baselines
from social_signals.nlp.finetune.labelled import LabelledPost
from social_signals.nlp.head_models import CLASSIFIER_DL, FROZEN
from social_signals.nlp.packaged import FINETUNE

TASK = "sentiment"


@dataclass
class TrainSentimentJob(text_training.TextTrainingJob):
    """Ways without PyTorch: method=frozen (a sentence encoder with logistic regression) and method=classifierdl (Spark NLP's).

    Serve the model with text.sentiment.model=FOLDER, which the last line names.
    """

    train: FineTuneParams = field(
        default_factory=lambda: FineTuneParams(
            epochs=2,
            lr=1e-4,
            label_smoothing=0.05,
            freeze_embeddings=True,
            ema_decay=0.998,
            checks_per_epoch=4,
            patience=4,
        )
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        text_training.require_method(self.method, TASK, (FINETUNE, FROZEN, CLASSIFIER_DL))


SCHEMA = TrainSentimentJob


def run(job: TrainSentimentJob, context: Context) -> Outcome:
    """Read, part, train, package, measure. The same texts and settings give the model that is there already."""
    text_training.require(job, context)
    if job.dry_run:
        return text_training.dry_run(job, TASK)
    train, valid = labelled_posts(context, job.labelled)
    examples = [(post.text, post.label) for post in train]

    def baselines() -> dict[str, Any]:
        scores = sentiment_baselines(context.spark, train, valid, seed=job.seed)
        return {name: {"macro_recall": value} for name, value in {**scores, **_convolution(job, train, valid)}.items()}

    return text_training.conclude(
        job, context, TASK, train, valid, examples=examples, baselines=baselines, sizes={"posts": len(train)}
    )


def _convolution(job: TrainSentimentJob, train: list[LabelledPost], valid: list[LabelledPost]) -> dict[str, float]:
    def score() -> float:
        from social_signals.nlp.finetune.convolution import convolutional_sentiment

        vectors = Path(job.baselines.word_vectors) if job.baselines.word_vectors else None
        return convolutional_sentiment(
            train, valid, vectors=vectors, epochs=job.baselines.epochs, seed=job.seed, threads=job.train.threads
        )

    return text_training.convolution(score)
