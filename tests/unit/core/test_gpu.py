"""What Spark is told of GPUs on each platform, and that a GPU which is not there is refused in words."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from social_signals.core import gpu, jars, machine
from social_signals.core.errors import ConfigError, ResourceError
from social_signals.core.session import PlatformParams, settings
from social_signals.jobs.runner import composed
from social_signals.models.distributed import require_barrier, require_device
from social_signals.submit import command

AMOUNTS = {"spark.executor.resource.gpu.amount": "1", "spark.task.resource.gpu.amount": "1"}


def gpu_conf(name: str, *overrides: str) -> dict[str, str]:
    platform = composed("pipeline", [f"platform={name}", "platform.device=cuda", *overrides])[0].platform
    return {k: v for k, v in settings(platform).items() if "gpu" in k}


def test_each_platform_is_told_of_gpus_in_its_own_way() -> None:
    assert gpu_conf("local") == {}
    assert gpu_conf("databricks") == {}
    assert gpu_conf("standalone") == AMOUNTS
    found = gpu_conf("yarn", "platform.gpus_per_executor=2", "platform.gpus_per_task=0.25")
    assert found == {
        "spark.executor.resource.gpu.amount": "2",
        "spark.task.resource.gpu.amount": "0.25",
        "spark.executor.resource.gpu.discoveryScript": "./find_gpus.sh",
    }
    line = command(
        "jobs/x.py", [], platform=PlatformParams(master="yarn", device="cuda"), spark_home=Path("/opt/spark")
    )
    assert f"spark.files={gpu.DISCOVERY}" in line
    assert gpu_conf("kubernetes") == AMOUNTS | {
        "spark.executor.resource.gpu.vendor": "nvidia.com",
        "spark.executor.resource.gpu.discoveryScript": "/opt/spark/examples/src/main/scripts/getGpusResources.sh",
    }
    own = gpu_conf("standalone", "++platform.conf={spark.task.resource.gpu.amount: '0.5'}")
    assert own["spark.task.resource.gpu.amount"] == "0.5"


def test_a_task_that_trains_has_the_card_alone_while_the_others_share_it(spark_session: SparkSession) -> None:
    shared = ["platform.gpus_per_task=0.25", "platform.gpus_per_training_task=1", "platform.executor_cores=4"]
    found = gpu_conf("standalone", *shared)
    assert found == AMOUNTS | {"spark.task.resource.gpu.amount": "0.25"}
    spark = spark_session.newSession()
    assert gpu.training_profile(spark, "cuda") is None, "every task asks for the same"
    platform = composed("pipeline", ["platform=standalone", "platform.device=cuda", *shared])[0].platform
    spark.conf.set(gpu.TRAINING, settings(platform)[gpu.TRAINING])
    profile = gpu.training_profile(spark, "cuda")
    assert profile is not None
    asked = {name: request.amount for name, request in profile.taskResources.items()}
    assert asked == {"cpus": 3.0, "gpu": 1.0}, "two of them do not fit into four cores"
    assert not profile.executorResources, "executors are those of the application"
    assert gpu.training_profile(spark, "cpu") is None


def test_without_cuda_nothing_is_said_of_gpus() -> None:
    for name in ("local", "standalone", "yarn", "kubernetes", "databricks"):
        assert not [k for k in settings(composed("pipeline", [f"platform={name}"])[0].platform) if "gpu" in k]


def test_rapids_brings_its_jar_its_plugin_and_leaves_the_memory_alone() -> None:
    platform = PlatformParams(master="yarn", device="cuda", rapids="26.04.2")
    assert platform.all_packages == [f"{jars.RAPIDS}:26.04.2"]
    in_image = replace(platform, installed_at="/opt/social-signals")
    line = command("jobs/x.py", [], platform=in_image, spark_home=Path("/opt/spark"))
    assert line[line.index("--packages") + 1] == "com.nvidia:rapids-4-spark_2.12:26.04.2"
    found = settings(platform)
    assert found["spark.plugins"] == "com.nvidia.spark.SQLPlugin"
    assert found["spark.rapids.memory.gpu.pool"] == "NONE"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"gpus_per_task": 0.7}, "platform.gpus_per_task is 0.7"),
        ({"gpus_per_task": 0.0}, "platform.gpus_per_task is 0.0"),
        ({"gpus_per_executor": 0}, "platform.gpus_per_executor is 0"),
        ({"gpus_per_training_task": 2, "executor_cores": 4}, "platform.gpus_per_training_task is 2"),
        ({"gpus_per_training_task": 1}, "platform.gpus_per_training_task is 1"),
        ({"rapids": "26.04.2"}, "platform.device is cpu"),
        ({"device": "cuda", "master": "k8s://https://host:443"}, "platform.gpu_discovery is not set"),
    ],
)
def test_settings_that_cannot_be_are_refused_at_the_door(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        PlatformParams(**wrong)  # type: ignore[arg-type]


def test_the_script_names_the_cards_as_spark_wants_them_and_fails_without(tmp_path: Path) -> None:
    def run(listed: str) -> subprocess.CompletedProcess[str]:
        fake = tmp_path / "nvidia-smi"
        fake.write_text(f"#!/bin/sh\nprintf '{listed}'\n")
        fake.chmod(0o755)
        environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        line = ["bash", str(gpu.DISCOVERY)]
        return subprocess.run(line, env=environment, capture_output=True, text=True, check=False)

    assert json.loads(run("0\\n1\\n").stdout) == {"name": "gpu", "addresses": ["0", "1"]}
    assert json.loads(run("0\\n").stdout) == {"name": "gpu", "addresses": ["0"]}
    assert run("").returncode == 1
    assert os.access(gpu.DISCOVERY, os.X_OK)


def jobs_started(spark: SparkSession) -> list[int]:
    return list(spark.sparkContext.statusTracker().getJobIdsForGroup(None))


@pytest.mark.skipif(bool(machine.gpu_names()), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused_before_any_spark_job(spark_session: SparkSession) -> None:
    before = jobs_started(spark_session)
    with pytest.raises(ResourceError, match=r"platform\.device is cuda, and this machine shows no NVIDIA GPU"):
        require_device(spark_session, "cuda")
    assert jobs_started(spark_session) == before


def test_executors_without_their_gpu_are_not_waited_for_for_ever(spark_session: SparkSession) -> None:
    class Cluster:
        """A session of a cluster that was asked for GPUs, as far as the check looks at it."""

        class sparkContext:  # noqa: N801
            master = "spark://host:7077"

        class conf:  # noqa: N801
            @staticmethod
            def get(name: str, default: str | None) -> str | None:
                return {"spark.executor.resource.gpu.amount": "1"}.get(name, default)

    with pytest.raises(ResourceError, match="in 0 seconds no executor with 1 GPU has registered"):
        gpu.require_gpu(Cluster(), slots_with_gpu=0, wait_s=0)  # type: ignore[arg-type]
    gpu.require_gpu(Cluster(), slots_with_gpu=1, wait_s=0)  # type: ignore[arg-type]


def test_in_local_mode_one_worker_trains_on_a_gpu(spark_session: SparkSession) -> None:
    assert require_barrier(spark_session, workers=1, device="cuda") == 1
    with pytest.raises(ResourceError, match=r"xgboost\.num_workers is 2, but 1 tasks can run"):
        require_barrier(spark_session, workers=2, device="cuda")
