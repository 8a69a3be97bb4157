"""How long until people fall silent: trained and scored as jobs on the shared lakehouse."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.pipeline.conftest import Ran

SETTINGS = ["model=quick", "churn.max_cutoffs=10", "churn.calibration_folds=2", "churn.horizon_days=90"]


@pytest.fixture(scope="module")
def trained(job_runner: Callable[..., Ran], sample_run: Ran, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    root = Path(shutil.copytree(sample_run.root, tmp_path_factory.mktemp("times") / "lakehouse"))
    ran = job_runner("train_time_to_churn", root, *SETTINGS, f"as_of={sample_run.summary.as_of}")
    assert ran.code == 0, ran.summary.error
    return ran


def test_expected_days_beat_recency_and_the_card_holds_the_rivals(trained: Ran) -> None:
    found = trained.summary.metrics["time_to_churn"]
    time = found["time"]
    assert time["concordance_low"] < time["concordance"] < time["concordance_high"]
    assert time["concordance"] > time["baselines"]["recency"]["concordance"]
    assert set(time["baselines"]) == {"recency", "logistic", "decision_tree", "aft"}
    assert list(found["horizons"])[:2] == ["0_days", "30_days"]
    assert trained.summary.metrics["gate"]["time_to_churn"]["promoted"] == 1


def test_everybody_active_has_a_curve_and_twice_is_once(
    trained: Ran, job_runner: Callable[..., Ran], spark_session: SparkSession
) -> None:
    def scores() -> list[str]:
        ran = job_runner("score_time_to_churn", trained.root, f"as_of={trained.summary.as_of}")
        assert ran.code == 0, ran.summary.error
        rows = spark_session.read.format("delta").load(str(trained.root / "gold/time_to_churn")).collect()
        for row in rows:
            curve = [point["p_active"] for point in row["survival"]]
            assert curve == sorted(curve, reverse=True)
            assert [point["days"] for point in row["survival"]] == [0, 30, 60, 90]
            assert 0 <= row["expected_days"] <= 90
        return sorted(map(repr, rows))

    first = scores()
    assert len(first) > 50
    assert scores() == first
