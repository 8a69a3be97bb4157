"""Posts ranked by what they gather: trained and scored on the shared lakehouse."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from tests.pipeline.conftest import Ran

OF_POSTS = ["influence.unit=post", "influence.step_days=30", "influence.horizon_days=7"]
TRAINED = [*OF_POSTS, "model=quick", "influence.max_cutoffs=12", "tracking.gate=report"]


def test_posts_are_ranked_by_what_was_known_when_they_came_and_twice_is_once(
    job_runner: Callable[..., Ran], sample_run: Ran, tmp_path: Path, spark_session: SparkSession
) -> None:
    root = Path(shutil.copytree(sample_run.root, tmp_path / "lakehouse"))
    as_of = f"as_of={sample_run.summary.as_of}"
    planned = job_runner("train_influence", root, as_of, *TRAINED, "dry_run=true")
    assert planned.code == 0, planned.summary.error
    assert not (root / "models" / "influence_posts").exists()
    trained = job_runner("train_influence", root, as_of, *TRAINED)
    assert trained.code == 0, trained.summary.error
    told = trained.summary.metrics["influence"]
    assert told["test"]["roc_auc"] > told["baselines"]["followers"]["roc_auc"]
    contents = []
    for _ in range(2):
        scored = job_runner("score_influence", root, as_of, *OF_POSTS, "influence.lookback_days=30")
        assert scored.code == 0, scored.summary.error
        rows = spark_session.read.format("delta").load(str(root / "gold/post_influence"))
        contents.append(rows.selectExpr("count(*)", "sum(cast(xxhash64(*) AS decimal(20, 0)))").first())
    assert contents[0] == contents[1]
    posts = spark_session.read.format("delta").load(str(root / "silver/posts"))
    joined = rows.join(posts, on="post_id", how="inner")
    assert joined.where((F.col("author_id") != F.col("user_id")) | (F.col("event_ts") >= F.col("as_of"))).isEmpty()
    assert joined.where("influence < 0 OR influence > 1 OR size(reasons) = 0").isEmpty()
    assert contents[0][0] > 20
