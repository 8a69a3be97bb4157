"""The session speaks UTC and Delta, and has the jars of the one list."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyspark
import pytest
from pyspark.sql import SparkSession

from social_signals.core import slots
from social_signals.core.errors import ConfigError, ResourceError
from social_signals.core.lineage import LineageParams
from social_signals.core.session import PlatformParams, cores_asked_for, launch_settings, settings


def test_functions_of_columns_do_not_ask_java_for_their_class_again(spark_session: SparkSession) -> None:
    jvm = spark_session.sparkContext._jvm
    assert jvm is not None
    assert jvm.functions is jvm.functions
    assert jvm.SparkFiles is not jvm.SparkFiles, "what is not held is looked up each time"


def test_the_session_speaks_utc_and_delta(spark_session: SparkSession, tmp_path) -> None:
    instant = datetime(2020, 3, 1, 12, tzinfo=timezone.utc)
    frame = spark_session.createDataFrame([(instant,)], "event_ts timestamp")
    frame.write.format("delta").save(str(tmp_path / "t"))
    seen = spark_session.read.format("delta").load(str(tmp_path / "t")).selectExpr("cast(event_ts as string)").first()
    assert seen is not None
    assert seen[0] == "2020-03-01 12:00:00"


def test_the_platform_has_the_last_word_on_any_spark_setting() -> None:
    assert (
        settings(PlatformParams(conf={"spark.sql.session.timeZone": "UTC+0"}))["spark.sql.session.timeZone"] == "UTC+0"
    )


@pytest.mark.parametrize("wrong", [{"device": "gpu"}, {"deploy_mode": "both"}, {"shuffle_partitions": 0}])
def test_a_platform_that_cannot_be_is_refused_at_the_door(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        PlatformParams(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("platform", "said", "expected"),
    [
        ({"master": "local[2]"}, "", True),
        ({"master": "local[2]", "java_options": "-XX:+UseZGC"}, "", False),
        ({"master": "local[2]"}, "-XX:+UseSerialGC", False),
        ({"master": "spark://host:7077"}, "", False),
        ({"master": "local-cluster[2,1,1024]"}, "", False),
    ],
)
def test_a_local_driver_collects_in_parallel_unless_told_otherwise(
    platform: dict[str, str], said: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", said)
    options = launch_settings(PlatformParams(**platform))["spark.driver.extraJavaOptions"]
    assert ("-XX:+UseParallelGC" in options) is expected


def test_lineage_is_off_until_it_is_asked_for() -> None:
    assert not [key for key in settings(PlatformParams()) if "lineage" in key or "Listener" in key]
    lineage = LineageParams("file", location="/tmp/events.ndjson", namespace="brand")
    conf = {"spark.extraListeners": "org.example.Ours", "spark.openlineage.namespace": "other"}
    platform = PlatformParams(lineage=lineage, conf=conf)
    told = settings(platform)
    assert told["spark.extraListeners"] == "org.example.Ours,io.openlineage.spark.agent.OpenLineageSparkListener"
    assert told["spark.openlineage.transport.type"] == "file"
    assert told["spark.openlineage.transport.location"] == "/tmp/events.ndjson"
    assert told["spark.openlineage.facets.spark.logicalPlan.disabled"] == "true"
    # The last word is platform.conf's.
    assert told["spark.openlineage.namespace"] == "other"
    assert [package.split(":")[1] for package in platform.all_packages] == ["openlineage-spark_2.12"]


@pytest.mark.parametrize("wrong", [{"transport": "htp"}, {"transport": "http"}, {"transport": "file"}])
def test_lineage_that_has_nowhere_to_go_is_refused_at_the_door(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        LineageParams(**wrong)


def test_a_driver_that_ran_a_barrier_stage_ends_under_spark_submit(tmp_path: Path) -> None:
    script = tmp_path / "meet.py"
    script.write_text(
        "from pyspark import BarrierTaskContext\n"
        "from social_signals.core.session import PlatformParams, let_the_driver_end, make_session\n"
        "def meet(rows):\n"
        "    BarrierTaskContext.get().barrier()\n"
        "    return rows\n"
        "spark = make_session(PlatformParams(), app_name='meeting')\n"
        "print(spark.sparkContext.parallelize(range(2), 2).barrier().mapPartitions(meet).count())\n"
        "let_the_driver_end()\n"
    )
    home = Path(pyspark.__path__[0])
    line = [home / "bin" / "spark-submit", "--master", "local[2]", "--conf", "spark.ui.enabled=false", script]
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_HOME": str(home)}
    # Without the last line of the script it would hang.
    ran = subprocess.run(line, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert (ran.returncode, ran.stdout) == (0, "2\n"), ran.stderr[-2000:]


@pytest.mark.parametrize(
    ("platform", "cores"),
    [
        ({"master": "local-cluster[3,2,1024]"}, 6),
        ({"master": "spark://h:7077", "conf": {"spark.cores.max": "12"}}, 12),
        ({"master": "yarn", "num_executors": 4, "executor_cores": 2}, 8),
        ({"master": "spark://h:7077"}, 1),
    ],
)
def test_how_many_cores_are_waited_for(platform: dict[str, Any], cores: int) -> None:
    assert cores_asked_for(PlatformParams(**platform)) == cores


def test_executors_that_never_come_end_the_job_in_words(
    spark_session: SparkSession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert slots.await_slots(spark_session, 2) == 2
    assert slots.await_slots(spark_session, 3, all_s=0) == 2
    assert "2 of 3 task slots have registered" in caplog.text
    monkeypatch.setattr(slots, "task_slots", lambda _: 0)
    with pytest.raises(ResourceError, match=r"no executor has registered with local\[2\] in 0 seconds"):
        slots.await_slots(spark_session, 1, first_s=0)
