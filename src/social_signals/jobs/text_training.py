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
from social_signals.nlp.packaged import CARD, ModelCard
from social_signals.tracking import ModelRun, TrackingParams, log_model_run

log = logging.getLogger(__name__)


@dataclass
class TextTrainingJob(Job):
    """out: folder of the model; null is one under catalog.root, named by what the model is made of."""

    labelled: LabelledParams = field(default_factory=LabelledParams)
    train: FineTuneParams = field(default_factory=FineTuneParams)
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


def require(job: TextTrainingJob, context: Context) -> None:
    """Fail before anything is read: PyTorch, the device, the slots and the encoder must be there."""
    if not job.train.encoder:
        raise ConfigError(
            "train.encoder is empty", hint="name the folder of a BERT-family encoder: train.encoder=FOLDER"
        )
    require_finetune(context.spark, job.train, device=job.platform.device)
    from social_signals.nlp.finetune.encoder import encoder_files

    encoder_files(Path(job.train.encoder))


def dry_run(job: TextTrainingJob, task: str) -> Outcome:
    device = job.platform.device
    plan = (
        f"train_{task}: fine-tune {job.train.encoder} on {', '.join(job.labelled.train)} with {job.train.workers} workers "
        f"on {device}, {job.train.epochs} epochs at most, and write {job.out or 'a folder under catalog.root'}"
    )
    return Outcome(status="dry_run", device=device, plan=[plan])


def conclude(
    job: TextTrainingJob,
    context: Context,
    task: str,
    train: Sequence[Any],
    valid: Sequence[Any],
    *,
    baselines: Callable[[], dict[str, Any]],
    sizes: Mapping[str, Any],
) -> Outcome:
    """Train, package, measure, tell MLflow; or find the model that was made of just this."""
    from social_signals.nlp.finetune.encoder import encoder_files

    files = encoder_files(Path(job.train.encoder))
    settings = {k: v for k, v in asdict(job.train).items() if k != "encoder"}
    made_of = fingerprint_of(task, [settings, job.seed, job.platform.device], *files.values(), train, valid)
    folder = Path(job.out) if job.out else context.catalog.file("models", task, made_of)
    card = found_model(folder, made_of)
    if card is None:
        card = _trained(job, context, task, train, valid, files, folder, made_of, baselines=baselines, sizes=sizes)
    else:
        log.info("%s found at its place, made of the same texts and settings", card.model_id)
    run = ModelRun(
        kind=task,
        model_id=card.model_id,
        folder=folder,
        params={**settings, "seed": job.seed},
        metrics=card.metrics,
        tags={"run_id": context.run_id, "finished": datetime.now(timezone.utc).isoformat(timespec="seconds")},
    )
    context.progress.step("tracking")
    log_model_run(job.tracking, run, root=context.catalog.file(), is_champion=True)
    metrics = {**card.metrics, "model_id": card.model_id, "folder": str(folder)}
    return Outcome(metrics={task: metrics}, device=job.platform.device)


def _trained(
    job: TextTrainingJob,
    context: Context,
    task: str,
    train: Sequence[Any],
    valid: Sequence[Any],
    files: dict[str, bytes],
    folder: Path,
    made_of: str,
    *,
    baselines: Callable[[], dict[str, Any]],
    sizes: Mapping[str, Any],
) -> ModelCard:
    from social_signals.nlp.finetune.loop import Trained, Work
    from social_signals.nlp.finetune.package import package

    _refuse_foreign_folder(folder)
    work = Work(task, files, job.train, job.seed, job.platform.device, list(train), list(valid))
    context.progress.step("fine-tuning")
    # Kept until the model is packaged: hours of training should not be lost to a full disk after them.
    unfinished = folder.with_name(f".{folder.name}-trained-{made_of}")
    trained = Trained.read(unfinished)
    if trained is None:
        trained = fine_tune(context.spark, work)
        trained.write(unfinished)
    else:
        log.info("trained weights found at %s, left by a run that did not finish", unfinished)
    more: dict[str, Any] = {"made_of": made_of, "train": dict(sizes)}
    if job.baselines.enabled:
        context.progress.step("training what it must beat")
        more["metrics"] = {"baselines": _rounded(baselines())}
    context.progress.step("packaging and measuring")
    about = job.card
    about.encoder = about.encoder or Path(job.train.encoder).name
    about.trained_on = about.trained_on or [Path(place).name for place in job.labelled.train]
    about.measured_on = about.measured_on or [Path(place).name for place in job.labelled.valid]
    card = package(context.spark, work, trained, out=folder, card=about, more=more)
    shutil.rmtree(unfinished)
    return card


def _refuse_foreign_folder(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()) and not (folder / CARD).is_file():
        raise ConfigError(
            f"out={folder} holds something that is no packaged model", hint="give an empty folder, or one of a model"
        )


def _rounded(scores: Mapping[str, Any]) -> dict[str, Any]:
    rounded: dict[str, Any] = json.loads(json.dumps(scores), parse_float=lambda text: round(float(text), 4))
    return rounded
