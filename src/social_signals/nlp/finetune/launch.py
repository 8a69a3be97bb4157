"""Starts fine-tuning through Spark's TorchDistributor: processes on this machine in local mode, barrier tasks on a cluster."""

from __future__ import annotations

import importlib.util
import logging
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from pyspark.sql import SparkSession

from social_signals.core.errors import ResourceError
from social_signals.nlp.finetune.params import FineTuneParams

if TYPE_CHECKING:
    from social_signals.nlp.finetune.loop import Trained, Work

log = logging.getLogger(__name__)
NEEDED = ("torch", "transformers", "safetensors", "onnx", "onnxruntime", "onnxscript")
_EXTRA = "pip install 'social-signals[finetune]'"


def require_finetune(spark: SparkSession, params: FineTuneParams, *, device: str) -> None:
    """Fail before anything is read: the extra, the device and the slots that `params` asks for must be there."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ResourceError(
            f"fine-tuning needs {', '.join(missing)}, which is not installed",
            hint=f"{_EXTRA}, or train without PyTorch: method=frozen",
        )
    if is_local(spark):
        if device == "cuda":
            import torch

            if torch.cuda.device_count() < params.workers:
                raise ResourceError(
                    f"platform.device=cuda with {params.workers} workers, but PyTorch sees {torch.cuda.device_count()} GPUs",
                    hint="run with platform.device=cpu, or with as many workers as there are GPUs",
                )
        return
    slots = spark.sparkContext.defaultParallelism
    if slots < params.workers:
        raise ResourceError(
            f"train.workers={params.workers}, but the cluster has {slots} slots, and all workers must run at once",
            hint=f"set train.workers={slots} or fewer, or give the job more executors",
        )


def is_local(spark: SparkSession) -> bool:
    return str(spark.sparkContext.master).startswith("local")


def fine_tune(spark: SparkSession, work: Work) -> Trained:
    """The best weights that training found. What the processes say goes to stderr as it comes.

    Raises ResourceError with the last words of the processes where one of them died.
    """
    from pyspark.ml.torch.distributor import TorchDistributor

    from social_signals.nlp.finetune.loop import train_here

    try:
        # In local mode Spark gives out no GPUs, and the distributor would find none: processes there take the cards they see.
        distributor = TorchDistributor(
            num_processes=work.params.workers,
            local_mode=is_local(spark),
            use_gpu=work.device == "cuda" and not is_local(spark),
        )
        # the last line of stdout is the job's own
        with redirect_stdout(sys.stderr):
            trained: Any = distributor.run(train_here, work)
    except Exception as error:
        words = [line for line in str(error).splitlines() if line.strip()]
        cause = next((line for line in reversed(words) if "Error" in line), words[-1] if words else "")
        raise ResourceError(
            f"fine-tuning stopped: {cause.strip()[:300]}", hint="the lines before this one on stderr say where"
        ) from error
    if trained is None:
        raise ResourceError("fine-tuning gave no model", hint="the lines before this one on stderr say why")
    log.info(
        "trained in %.0f s on %s, %d steps, best validation score %.4f",
        trained.seconds,
        trained.device,
        trained.steps,
        trained.score,
    )
    return trained
