"""The doctor says what is here, and turns each thing that is missing into a sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyspark.sql import SparkSession

from social_signals.core import jars, machine
from tests.pipeline.conftest import Ran


def test_the_doctor_finds_the_lane_in_order(
    job_runner: Callable[..., Ran], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = job_runner("doctor", tmp_path / "lakehouse")
    said = capsys.readouterr().out
    assert ran.code == 0, said
    for subject in (
        "Python",
        "Java",
        "Spark",
        "Scala",
        "delta-spark",
        "spark-nlp",
        "xgboost",
        "GPU",
        "Task slots",
        "Python of tasks",
        "Disk",
        "Catalog",
    ):
        assert subject in said
    assert all(path.name in said for path in jars.resolved())
    assert not list((tmp_path / "lakehouse").glob("*")), "the doctor leaves nothing behind"


def test_a_gpu_that_is_not_there_is_exit_code_5(
    job_runner: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "gpu_names", list)
    ran = job_runner("doctor", tmp_path / "lakehouse", "platform.device=cuda")
    assert ran.code == 5
    assert ran.summary.error is not None
    assert "platform.device=cpu" in ran.summary.error["hint"]


def test_a_root_that_cannot_be_written_is_exit_code_5(job_runner: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for job in ("doctor", "ingest"):
        ran = job_runner(job, tmp_path / "file" / "lakehouse")
        assert ran.code == 5
        assert "catalog.root" in str(ran.summary.error)


def test_spark_nlp_without_its_jar_is_a_sentence(spark_session: SparkSession) -> None:
    """A session whose JVM does not know the class, as with the Python wheel alone."""

    def not_found(*_: object) -> None:
        raise RuntimeError("ClassNotFoundException")

    java = SimpleNamespace(
        lang=SimpleNamespace(Class=SimpleNamespace(forName=not_found), Thread=spark_session._jvm.java.lang.Thread)
    )
    bare = SimpleNamespace(sparkContext=SimpleNamespace(_jvm=SimpleNamespace(java=java)))
    missing = {f.subject: f for f in machine.jar_findings(bare)}  # type: ignore[arg-type]
    assert missing["Spark NLP in the JVM"].state == machine.BAD
    assert "com.johnsnowlabs.nlp:spark-nlp_2.12:5.5.3" in missing["Spark NLP in the JVM"].advice
    assert "'JavaPackage' object is not callable" in missing["Spark NLP in the JVM"].advice
    assert {f.state for f in machine.jar_findings(spark_session)} == {machine.OK}


def test_wrong_versions_come_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_installed", lambda package: {"numpy": "2.1.0"}.get(package))
    findings = {f.subject: f for f in machine.python_findings()}
    assert findings["numpy"].state == machine.BAD
    assert "1.26" in findings["numpy"].advice
    assert findings["xgboost"].found == "not installed"


def test_a_worker_with_other_packages_than_the_driver_is_named() -> None:
    here = machine._python_here()
    assert [f.state for f in machine.worker_findings([here])] == [machine.OK]
    other = replace(here, host="node7", packages=(("numpy", "2.0.0"), *here.packages[1:]))
    (finding,) = machine.worker_findings([other])
    assert finding.state == machine.BAD
    assert "node7" in finding.subject
    assert "numpy 2.0.0" in finding.found
