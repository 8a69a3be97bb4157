"""`train_entities`: labelled sentences in, a packaged Spark NLP model of entities out, with its scores beside the baselines'."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from social_signals.jobs import text_training
from social_signals.jobs.job import Context, Outcome
from social_signals.jobs.labelled import labelled_sentences
from social_signals.nlp.finetune import FineTuneParams
from social_signals.nlp.finetune.baselines import entity_baselines
from social_signals.nlp.finetune.labelled import LabelledSentence, Tagset, WordTargets, word_targets
from social_signals.nlp.head_models import NER_DL
from social_signals.nlp.packaged import FINETUNE

TASK = "entities"


@dataclass
class TrainEntitiesJob(text_training.TextTrainingJob):
    """Data sets with different tags train together: what a set does not label is unknown there, not `O`.

    A way without PyTorch: method=nerdl (Spark NLP's NerDL over word vectors), where what a set does not label is `O`.

    Serve the model with text.entities.model=FOLDER, which the last line names.
    """

    train: FineTuneParams = field(
        default_factory=lambda: FineTuneParams(
            epochs=4, lr=1.5e-4, case_dropout=0.1, freeze_embeddings=True, ema_decay=0.995, patience=2
        )
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        text_training.require_method(self.method, TASK, (FINETUNE, NER_DL))


SCHEMA = TrainEntitiesJob


def run(job: TrainEntitiesJob, context: Context) -> Outcome:
    """Read, part, train, package, measure. The same texts and settings give the model that is there already."""
    text_training.require(job, context)
    if job.dry_run:
        return text_training.dry_run(job, TASK)
    train, valid = labelled_sentences(context, job.labelled)
    examples: list[WordTargets] = []
    for sentences in train:
        tagset = Tagset.of(sentences)
        examples += [word_targets(sentence, tagset) for sentence in sentences]

    def baselines() -> dict[str, Any]:
        scores = entity_baselines(context.spark, examples, valid, seed=job.seed)
        return {name: {"f1": value} for name, value in {**scores, **_convolution(job, examples, valid)}.items()}

    sizes = {"sentences": [len(sentences) for sentences in train]}
    return text_training.conclude(job, context, TASK, train, valid, examples=examples, baselines=baselines, sizes=sizes)


def _convolution(
    job: TrainEntitiesJob, examples: list[WordTargets], valid: list[list[LabelledSentence]]
) -> dict[str, float]:
    def score() -> float:
        from social_signals.nlp.finetune.convolution import convolutional_entities

        vectors = Path(job.baselines.word_vectors) if job.baselines.word_vectors else None
        return convolutional_entities(
            examples, valid, vectors=vectors, epochs=job.baselines.epochs, seed=job.seed, threads=job.train.threads
        )

    return text_training.convolution(score)
