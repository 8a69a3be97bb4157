"""The command line that a platform's config becomes, exactly; and a mistake that never starts a JVM."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from social_signals import submit
from social_signals.core import jars
from social_signals.core.session import PlatformParams
from social_signals.jobs.runner import composed
from social_signals.submit import Shipment

SPARK = Path("/opt/spark")
SHIPPED = Shipment("/s/social_signals.zip", "/s/files.tar.gz", jars=("/j/delta.jar", "/j/nlp.jar"))


def conf_of(line: list[str]) -> dict[str, str]:
    pairs = (line[i + 1].split("=", 1) for i, word in enumerate(line) if word == "--conf")
    return dict(pairs)


def option(line: list[str], name: str) -> str | None:
    return line[line.index(name) + 1] if name in line else None


def platform_of(name: str, *overrides: str) -> PlatformParams:
    return composed("pipeline", [f"platform={name}", *overrides])[0].platform


def test_a_laptop_reads_the_jars_in_place() -> None:
    line = submit.command("jobs/x.py", ["as_of=2020-01-01"], platform=platform_of("local"), spark_home=SPARK)
    assert line[:3] == ["/opt/spark/bin/spark-submit", "--master", "local[*]"]
    assert line[-2:] == ["jobs/x.py", "as_of=2020-01-01"]
    assert conf_of(line)["spark.driver.extraClassPath"] == jars.classpath()
    assert conf_of(line)["spark.driver.memory"] == "6g"
    assert "spark.executor.extraClassPath" not in conf_of(line)
    assert "--jars" not in line


def test_executors_of_a_local_cluster_read_the_jars_in_place_too_and_take_what_a_worker_has() -> None:
    platform = platform_of("local", "platform.master='local-cluster[2,1,2048]'")
    line = submit.command("jobs/x.py", [], platform=platform, spark_home=SPARK)
    assert option(line, "--master") == "local-cluster[2,1,2048]"
    assert conf_of(line)["spark.executor.extraClassPath"] == jars.classpath()
    assert conf_of(line)["spark.executor.memory"] == "2048m"
    assert conf_of(line)["spark.driver.host"] == "127.0.0.1"
    assert "ParallelGC" not in conf_of(line)["spark.driver.extraJavaOptions"], "the driver is not all of Spark"


def test_workers_of_a_standalone_cluster_are_sent_jars_code_and_a_python() -> None:
    shipment = Shipment(
        SHIPPED.code, SHIPPED.files, "/c/environment-1.tar.gz", "/s/social_signals_python", SHIPPED.jars
    )
    line = submit.command("jobs/x.py", [], platform=platform_of("standalone"), spark_home=SPARK, shipment=shipment)
    assert option(line, "--jars") == "/j/delta.jar,/j/nlp.jar"
    assert option(line, "--files") == "/s/social_signals_python,/c/environment-1.tar.gz"
    assert option(line, "--archives") == "/s/files.tar.gz#social_signals_files"
    assert option(line, "--py-files") == "/s/social_signals.zip"
    assert "--packages" not in line, "nobody needs a network for what has been resolved already"
    assert conf_of(line)["spark.pyspark.python"] == "./social_signals_python"
    assert conf_of(line)["spark.pyspark.driver.python"] == sys.executable
    assert "spark.driver.host" not in conf_of(line), "workers must not be told to look for the driver on themselves"


def test_workers_with_a_python_at_the_same_path_are_sent_none() -> None:
    line = submit.command("jobs/x.py", [], platform=platform_of("standalone"), spark_home=SPARK, shipment=SHIPPED)
    assert "--files" not in line
    assert "spark.pyspark.python" not in conf_of(line)


def test_yarn_in_cluster_mode_exactly() -> None:
    shipment = Shipment(SHIPPED.code, SHIPPED.files, "/c/environment-1.tar.gz", jars=SHIPPED.jars)
    line = submit.command("jobs/x.py", ["a=1"], platform=platform_of("yarn"), spark_home=SPARK, shipment=shipment)
    assert line == golden("yarn")


def test_kubernetes_in_cluster_mode_exactly() -> None:
    line = submit.command("jobs/x.py", ["a=1"], platform=platform_of("kubernetes"), spark_home=SPARK)
    assert line == golden("kubernetes")


def golden(name: str) -> list[str]:
    """A reviewed command line, a word a line."""
    return Path(__file__).with_name(f"{name}.txt").read_text(encoding="utf-8").splitlines()


def test_a_packed_python_of_ones_own_travels_as_an_archive() -> None:
    platform = platform_of("yarn", "platform.python_archive=hdfs:///envs/ours.tar.gz", "platform.deploy_mode=client")
    shipment = Shipment(SHIPPED.code, SHIPPED.files, platform.python_archive, jars=SHIPPED.jars)
    line = submit.command("jobs/x.py", [], platform=platform, spark_home=SPARK, shipment=shipment)
    assert option(line, "--archives") == "/s/files.tar.gz#social_signals_files,hdfs:///envs/ours.tar.gz#environment"
    assert conf_of(line)["spark.pyspark.python"] == "./environment/bin/python"
    assert conf_of(line)["spark.pyspark.driver.python"] == sys.executable, "the driver is here and unpacks nothing"


def test_the_environment_chooses_the_master_and_the_spark_for_the_job_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MASTER", "yarn")
    monkeypatch.setenv("DEPLOY_MODE", "client")
    spark = tmp_path / "spark"
    (spark / "bin").mkdir(parents=True)
    (spark / "bin" / "spark-submit").write_text("#!/bin/sh\n")
    monkeypatch.setenv("SPARK_HOME", str(spark))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    line = submit.prepared("jobs/doctor.py", ["platform.ship_python=false"]).line
    assert line[:3] == [f"{spark}/bin/spark-submit", "--master", "yarn"]
    # The job composes its config again and must come to the same platform: one that is not on this machine.
    told = composed("doctor", line[line.index("jobs/doctor.py") + 1 :])[0].platform
    assert (told.master, told.deploy_mode) == ("yarn", "client")


def test_a_mistake_is_found_before_any_jvm_starts(capsys: pytest.CaptureFixture[str]) -> None:
    assert submit.main(["jobs/pipeline.py", "platform.device=gpu"]) == 2
    said = capsys.readouterr()
    last = json.loads(said.out.splitlines()[-1])
    assert last["status"] == "failed"
    assert last["error"]["kind"] == "ConfigError"
    assert "cuda" in said.err
    assert submit.main(["jobs/nothing.py"]) == 2
