"""Who will leave a creator: trained and scored as jobs on the shared lakehouse."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from tests.pipeline.conftest import Ran

SETTINGS = ["model=quick", "churn.max_cutoffs=12", "churn.calibration_folds=2"]


@pytest.fixture(scope="module")
def trained(job_runner: Callable[..., Ran], sample_run: Ran, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    root = Path(shutil.copytree(sample_run.root, tmp_path_factory.mktemp("followers") / "lakehouse"))
    ran = job_runner("train_follower_churn", root, *SETTINGS, f"as_of={sample_run.summary.as_of}")
    assert ran.code == 0, ran.summary.error
    return ran


def test_a_model_of_ties_beats_the_recency_of_the_tie(trained: Ran) -> None:
    found = trained.summary.metrics["follower_churn"]
    assert found["test"]["roc_auc_low"] > found["baselines"]["recency"]["roc_auc"]
    (card,) = (json.loads(path.read_text()) for path in trained.root.glob("models/follower_churn/*/card.json"))
    assert card["label"].endswith("of a person towards a creator")
    assert trained.summary.metrics["gate"]["follower_churn"]["promoted"] == 1


def test_every_tie_is_scored_and_twice_is_once(
    trained: Ran, job_runner: Callable[..., Ran], spark_session: SparkSession
) -> None:
    def scores() -> tuple[int, str]:
        ran = job_runner(
            "score_follower_churn", trained.root, "scoring.top_reasons=1", f"as_of={trained.summary.as_of}"
        )
        assert ran.code == 0, ran.summary.error
        rows = spark_session.read.format("delta").load(str(trained.root / "gold/follower_churn_scores"))
        own = rows.groupBy("creator_id").agg(F.max("rank").alias("last"), F.count(F.lit(1)).alias("followers"))
        assert own.where("last <> followers").isEmpty()
        assert rows.where("user_id = creator_id").isEmpty()
        found = rows.selectExpr("count(*)", "cast(sum(cast(xxhash64(*) AS decimal(20, 0))) AS string)").first()
        assert found is not None
        return int(found[0]), str(found[1])

    first = scores()
    assert first[0] > 200
    assert scores() == first
