"""The command line that a platform's config becomes, exactly; and a mistake that never starts a JVM."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from social_signals import submit
from social_signals.core import jars
from social_signals.core.session import PlatformParams
from social_signals.jobs.runner import composed

SPARK = Path("/opt/spark")


def conf_of(line: list[str]) -> dict[str, str]:
    pairs = (line[i + 1].split("=", 1) for i, word in enumerate(line) if word == "--conf")
    return dict(pairs)


def platform_of(name: str) -> PlatformParams:
    return composed("pipeline", [f"platform={name}"])[0].platform


def test_a_laptop_reads_the_jars_in_place() -> None:
    line = submit.command("jobs/x.py", ["as_of=2020-01-01"], platform=platform_of("local"), spark_home=SPARK)
    assert line[:3] == ["/opt/spark/bin/spark-submit", "--master", "local[*]"]
    assert line[-2:] == ["jobs/x.py", "as_of=2020-01-01"]
    assert conf_of(line)["spark.driver.extraClassPath"] == jars.classpath()
    assert conf_of(line)["spark.driver.memory"] == "6g"
    assert "--packages" not in line


def test_yarn_in_cluster_mode_ships_everything(tmp_path: Path) -> None:
    line = submit.command("jobs/x.py", [], platform=platform_of("yarn"), spark_home=SPARK, shipment=tmp_path)
    words = " ".join(line)
    assert "--master yarn --deploy-mode cluster" in words
    assert f"--packages {','.join(jars.PACKAGES)} --exclude-packages {','.join(jars.EXCLUDES)}" in words
    assert f"--py-files {tmp_path}/social_signals.zip --archives {tmp_path}/files.tar.gz#social_signals_files" in words
    assert conf_of(line)["spark.executor.instances"] == "4"
    assert conf_of(line)["spark.dynamicAllocation.enabled"] == "false"
    assert "spark.driver.host" not in conf_of(line), "workers must not be told to look for the driver on themselves"


def test_a_packed_python_travels_to_kubernetes() -> None:
    platform = platform_of("kubernetes")
    platform.python_archive = "s3a://bucket/environment.tar.gz"
    line = submit.command("jobs/x.py", [], platform=platform, spark_home=SPARK)
    assert "s3a://bucket/environment.tar.gz#environment" in line
    assert conf_of(line)["spark.pyspark.python"] == "./environment/bin/python"
    assert conf_of(line)["spark.kubernetes.namespace"] == "social-signals"


def test_the_shipment_holds_the_code_and_no_caches(tmp_path: Path) -> None:
    names = zipfile.ZipFile(submit.pack(tmp_path) / "social_signals.zip").namelist()
    assert "social_signals/jobs/pipeline.py" in names
    assert "social_signals/core/log4j2.properties" in names
    assert not [n for n in names if "__pycache__" in n]


def test_the_environment_chooses_the_master_and_the_spark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MASTER", "spark://host:7077")
    monkeypatch.setenv("DEPLOY_MODE", "cluster")
    spark = tmp_path / "spark"
    (spark / "bin").mkdir(parents=True)
    (spark / "bin" / "spark-submit").write_text("#!/bin/sh\n")
    monkeypatch.setenv("SPARK_HOME", str(spark))
    line, _ = submit.prepared("jobs/doctor.py", [])
    assert line[:5] == [f"{spark}/bin/spark-submit", "--master", "spark://host:7077", "--deploy-mode", "cluster"]


def test_a_mistake_is_found_before_any_jvm_starts(capsys: pytest.CaptureFixture[str]) -> None:
    assert submit.main(["jobs/pipeline.py", "platform.device=gpu"]) == 2
    said = capsys.readouterr()
    last = json.loads(said.out.splitlines()[-1])
    assert last["status"] == "failed"
    assert last["error"]["kind"] == "ConfigError"
    assert "cuda" in said.err
    assert submit.main(["jobs/nothing.py"]) == 2
