"""What Spark is told so that tasks get GPUs, and the check that there are any. Spark gives them out; XGBoost uses the one given."""

from __future__ import annotations

import time
from pathlib import Path

from pyspark.resource import ResourceProfile, ResourceProfileBuilder, TaskResourceRequests
from pyspark.sql import SparkSession

from social_signals.core import jars
from social_signals.core.errors import ResourceError
from social_signals.core.machine import gpu_names
from social_signals.core.slots import task_slots

CUDA = "cuda"
# Shipped with every job; where an executor starts, it lies in the working folder (YARN) or in the image (Kubernetes).
DISCOVERY = Path(__file__).with_name("find_gpus.sh")
# Seconds that executors get to register with their GPUs.
REGISTRATION_S = 120.0
# How many cores a task asks for that trains and has the card of its executor to itself; ours, Spark ignores it.
TRAINING = "spark.social_signals.training.cpus"


def gpu_settings(
    *,
    master: str | None,
    gpus_per_executor: int,
    gpus_per_task: float,
    discovery: str | None,
    training_cores: int | None = None,
) -> dict[str, str]:
    """The Spark settings of `platform.device=cuda` on a cluster; none in local mode, where Spark gives out no resources.

    Standalone: workers find their GPUs by their own spark.worker.resource.gpu.* (docs/gpu.md). YARN: the script is shipped to
    each container. Kubernetes: the script is in the image, and the pod asks the device plugin of NVIDIA. Databricks sets
    these on the cluster, whose session is taken as it is.
    """
    if master is None or master.startswith("local"):
        return {}
    values = {
        "spark.executor.resource.gpu.amount": str(gpus_per_executor),
        "spark.task.resource.gpu.amount": f"{gpus_per_task:g}",
    }
    if training_cores is not None:
        values[TRAINING] = str(training_cores)
    if master.startswith("yarn"):
        values["spark.executor.resource.gpu.discoveryScript"] = f"./{DISCOVERY.name}"
    if master.startswith("k8s:"):
        values["spark.executor.resource.gpu.vendor"] = "nvidia.com"
    if discovery is not None:
        values["spark.executor.resource.gpu.discoveryScript"] = discovery
    return values


def shipped_with_gpus(master: str | None) -> dict[str, str]:
    """Files that a launch ships for `gpu_settings`. Only a launch: a driver inside the cluster has no such path."""
    return {"spark.files": str(DISCOVERY)} if str(master).startswith("yarn") else {}


def rapids_settings(version: str | None) -> tuple[list[str], dict[str, str]]:
    """The jar and the settings of the RAPIDS Accelerator, which lets SQL run on the GPU too; nothing where it is not asked for."""
    if version is None:
        return [], {}
    return [f"{jars.RAPIDS}:{version}"], {
        "spark.plugins": "com.nvidia.spark.SQLPlugin",
        "spark.kryo.registrator": "com.nvidia.spark.rapids.GpuKryoRegistrator",
        # By default it takes nearly all memory of the card for itself, and XGBoost beside it finds none.
        "spark.rapids.memory.gpu.pool": "NONE",
    }


def training_profile(spark: SparkSession, device: str) -> ResourceProfile | None:
    """What the tasks of a training stage ask for, where that is not what all tasks do (`platform.gpus_per_training_task`).

    Only the task's part: executors stay those of the application, which is what Spark 3.5 allows without dynamic allocation, on
    standalone, YARN and Kubernetes. It counts a card as the shares that the application gives out, so that four tasks which ask
    for a whole one each would get the same (SPARK-45527): more than half of the cores keeps it to one task an executor.
    """
    cpus = spark.conf.get(TRAINING, None)
    if device != CUDA or cpus is None:
        return None
    return ResourceProfileBuilder().require(TaskResourceRequests().cpus(int(cpus)).resource("gpu", 1)).build


def require_gpu(spark: SparkSession, *, slots_with_gpu: int | None = None, wait_s: float = REGISTRATION_S) -> None:
    """Raise ResourceError unless this session can give a task a GPU. Starts no Spark job.

    In local mode the card must be in this machine. On a cluster that was asked for GPUs, executors that have one must have
    registered within `wait_s` seconds; a job would wait for them for ever. slots_with_gpu: how many tasks can run, where the
    caller knows it.
    """
    context = spark.sparkContext
    if str(context.master).startswith("local"):
        _require_card_here()
        return
    asked = spark.conf.get("spark.executor.resource.gpu.amount", None)
    if asked is None:
        # Nodes may have GPUs that Spark does not count; the tree that a task grows next says so.
        return
    until = time.monotonic() + wait_s
    while (task_slots(spark) if slots_with_gpu is None else slots_with_gpu) == 0:
        if time.monotonic() >= until:
            raise ResourceError(
                f"platform.device is cuda, and in {wait_s:g} seconds no executor with {asked} GPU has registered",
                hint="check that the nodes tell Spark of their GPUs (docs/gpu.md), or set platform.device=cpu",
            )
        time.sleep(1)


def _require_card_here() -> None:
    import xgboost as xgb

    if not gpu_names():
        raise ResourceError(
            "platform.device is cuda, and this machine shows no NVIDIA GPU",
            hint="run on a machine where nvidia-smi names one, or set platform.device=cpu",
        )
    if not xgb.build_info().get("USE_CUDA"):
        raise ResourceError(
            f"platform.device is cuda, and xgboost {xgb.__version__} here was built without CUDA",
            hint="install the wheel of PyPI for Linux on x86-64, or set platform.device=cpu",
        )
