"""Creators as a job on the shared lakehouse."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import SparkSession

from tests.pipeline.conftest import Ran


def test_everybody_seen_lately_is_assessed_and_the_second_run_writes_nothing(
    job_runner: Callable[..., Ran], sample_run: Ran, tmp_path: Path, spark_session: SparkSession
) -> None:
    root = Path(shutil.copytree(sample_run.root, tmp_path / "lakehouse"))
    ran = job_runner("assess_creators", root, f"as_of={sample_run.summary.as_of}")
    assert ran.code == 0, ran.summary.error
    people = spark_session.read.format("delta").load(str(root / "gold/creator_quality"))
    first = sorted(people.collect())
    again = job_runner("assess_creators", root, f"as_of={sample_run.summary.as_of}")
    assert again.code == 0, again.summary.error
    assert "gold.creator_quality" not in again.summary.tables
    assert sorted(people.collect()) == first

    features = spark_session.read.format("delta").load(str(root / "gold/user_features"))
    known = features.join(people.select("as_of", "user_id"), on=["as_of", "user_id"], how="inner")
    # who wrote or received is among those who were seen lately, and no other consent is asked for
    assert known.count() == len(first) > 100
