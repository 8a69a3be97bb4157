"""What `train_sentiment` and `train_entities` share: their settings, what must be there, and the way from examples to a model."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from social_signals.core.errors import ConfigError
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.jobs.labelled import fingerprint_of, found_model
from social_signals.nlp.finetune import (
    BaselineParams,
    CardParams,
    FineTuneParams,
    LabelledParams,
    fine_tune,
    require_finetune,
)
from social_signals.nlp.heads import HeadParams, HeadWork, content_of, require_head, train_head
from social_signals.nlp.packaged import CARD, FINETUNE, ModelCard
from social_signals.tracking import ModelRun, TrackingParams, log_model_run

log = logging.getLogger(__name__)


@dataclass
class TextTrainingJob(Job):
    """method: finetune trains all of an encoder with PyTorch (`train`), the others a head on fixed vectors in Spark alone (`head`).

    out: folder of the model; null is one under catalog.root, named by what the model is made of.
    """

    method: str = FINETUNE
    labelled: LabelledParams = field(default_factory=LabelledParams)
    train: FineTuneParams = field(default_factory=FineTuneParams)
    head: HeadParams = field(default_factory=HeadParams)
    baselines: BaselineParams = field(default_factory=BaselineParams)
    card: CardParams = field(default_factory=CardParams)
    tracking: TrackingParams = field(default_factory=TrackingParams)
    out: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.labelled.train:
            raise ConfigError(
                "labelled.train is empty", hint="name labelled files or tables: labelled.train=[FILE.tsv.gz]"
            )


def require_method(method: str, task: str, known: Sequence[str]) -> None:
    """Raises ConfigError for a way of training that is none of the `known`."""
    if method not in known:
        raise ConfigError(f"method={method} is no way to train {task}", hint=f"choose one of {', '.join(known)}")


def require(job: TextTrainingJob, context: Context) -> None:
    """Fail before anything is read: what the method runs on, the device, the slots and the encoder must be there."""
    if job.method != FINETUNE:
        require_head(context.spark, job.method, job.head)
        return
    if not job.train.encoder:
        raise ConfigError(
            "train.encoder is empty", hint="name the folder of a BERT-family encoder: train.encoder=FOLDER"
        )
    require_finetune(context.spark, job.train, device=job.platform.device)
    from social_signals.nlp.finetune.encoder import encoder_files

    encoder_files(Path(job.train.encoder))


def dry_run(job: TextTrainingJob, task: str) -> Outcome:
    device = job.platform.device
    files, out = ", ".join(job.labelled.train), job.out or "a folder under catalog.root"
    if job.method == FINETUNE:
        plan = (
            f"train_{task}: fine-tune {job.train.encoder} on {files} with {job.train.workers} workers on {device}, "
            f"{job.train.epochs} epochs at most, and write {out}"
        )
    else:
        plan = f"train_{task}: train a head ({job.method}) on {files} in Spark alone, and write {out}"
    return Outcome(status="dry_run", device=device, plan=[plan])


def conclude(
    job: TextTrainingJob,
    context: Context,
    task: str,
    train: Sequence[Any],
    valid: Sequence[Any],
    *,
    examples: Sequence[Any],
    baselines: Callable[[], dict[str, Any]],
    sizes: Mapping[str, Any],
) -> Outcome:
    """Train, package, measure, tell MLflow; or find the model that was made of just this.

    examples: what fine-tuning reads, made of `train`; a head reads `train` itself.
    """
    way = _fine_tuning(job, task, examples, valid) if job.method == FINETUNE else _head(job, task, train, valid)
    folder = Path(job.out) if job.out else context.catalog.file("models", task, way.made_of)
    card = found_model(folder, way.made_of)
    if card is None:
        _refuse_foreign_folder(folder)
        about = job.card
        about.encoder = about.encoder or way.encoder
        about.trained_on = about.trained_on or [Path(place).name for place in job.labelled.train]
        about.measured_on = about.measured_on or [Path(place).name for place in job.labelled.valid]
        more: dict[str, Any] = {"made_of": way.made_of, "train": dict(sizes)}

        def compared() -> dict[str, Any]:
            if not job.baselines.enabled:
                return more
            context.progress.step("training what it must beat")
            return {**more, "metrics": {"baselines": _rounded(baselines())}}

        card = way.make(context, folder, compared)
    else:
        log.info("%s found at its place, made of the same texts and settings", card.model_id)
    run = ModelRun(
        kind=task,
        model_id=card.model_id,
        folder=folder,
        params={**way.settings, "seed": job.seed},
        metrics=card.metrics,
        tags={"run_id": context.run_id, "finished": datetime.now(timezone.utc).isoformat(timespec="seconds")},
    )
    context.progress.step("tracking")
    log_model_run(job.tracking, run, root=context.catalog.file(), is_champion=True)
    metrics = {**card.metrics, "model_id": card.model_id, "folder": str(folder)}
    return Outcome(metrics={task: metrics}, device=job.platform.device)


@dataclass(frozen=True)
class _Way:
    """How a model is made: its settings, the hash of all it is made of, what it starts from, and the making.

    make: from context, folder and what the card says beside its own (asked for when it is needed) to the card.
    """

    settings: dict[str, Any]
    made_of: str
    encoder: str
    make: Callable[[Context, Path, Callable[[], dict[str, Any]]], ModelCard]


def _fine_tuning(job: TextTrainingJob, task: str, examples: Sequence[Any], valid: Sequence[Any]) -> _Way:
    from social_signals.nlp.finetune.encoder import encoder_files
    from social_signals.nlp.finetune.loop import Trained, Work
    from social_signals.nlp.finetune.package import package

    files = encoder_files(Path(job.train.encoder))
    settings = {k: v for k, v in asdict(job.train).items() if k != "encoder"}
    made_of = fingerprint_of(task, [settings, job.seed, job.platform.device], *files.values(), examples, valid)
    work = Work(task, files, job.train, job.seed, job.platform.device, list(examples), list(valid))

    def make(context: Context, folder: Path, more: Callable[[], dict[str, Any]]) -> ModelCard:
        context.progress.step("fine-tuning")
        # Kept until the model is packaged: hours of training should not be lost to a full disk after them.
        unfinished = folder.with_name(f".{folder.name}-trained-{made_of}")
        trained = Trained.read(unfinished)
        if trained is None:
            trained = fine_tune(context.spark, work)
            trained.write(unfinished)
        else:
            log.info("trained weights found at %s, left by a run that did not finish", unfinished)
        said = more()
        context.progress.step("packaging and measuring")
        card = package(context.spark, work, trained, out=folder, card=job.card, more=said)
        shutil.rmtree(unfinished)
        return card

    return _Way(settings, made_of, Path(job.train.encoder).name, make)


def _head(job: TextTrainingJob, task: str, train: Sequence[Any], valid: Sequence[Any]) -> _Way:
    settings = {k: v for k, v in asdict(job.head).items() if k not in ("encoder", "word_vectors")}
    vectors = content_of(job.method, job.head)
    work = HeadWork(task, job.method, job.head, job.seed, train, valid)

    def make(context: Context, folder: Path, more: Callable[[], dict[str, Any]]) -> ModelCard:
        said = more()
        context.progress.step("training a head")
        return train_head(context.spark, work, out=folder, card=job.card, more=said)

    made_of = fingerprint_of(task, [job.method, settings, job.seed], *vectors, train, valid)
    return _Way({"method": job.method, **settings}, made_of, ", ".join(vectors), make)


def convolution(train: Callable[[], float]) -> dict[str, float]:
    """The score of the convolutional network, which needs PyTorch; nothing where only Spark is to be had."""
    try:
        import torch  # noqa: F401  (looked for, not used)
    except ImportError:
        log.warning("PyTorch is not installed: the convolutional network is left out of the baselines")
        return {}
    return {"convolutional_network": train()}


def _refuse_foreign_folder(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()) and not (folder / CARD).is_file():
        raise ConfigError(
            f"out={folder} holds something that is no packaged model", hint="give an empty folder, or one of a model"
        )


def _rounded(scores: Mapping[str, Any]) -> dict[str, Any]:
    rounded: dict[str, Any] = json.loads(json.dumps(scores), parse_float=lambda text: round(float(text), 4))
    return rounded
