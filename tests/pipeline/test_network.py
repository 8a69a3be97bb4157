"""The graph as a job on the shared lakehouse, and of a file of edges from end to end."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from social_signals.models.artefact import load
from social_signals.tables.gold_creators import QUALITY_MEASURES
from social_signals.tables.gold_network import NETWORK_MEASURES
from tests.pipeline.conftest import Ran


def content(spark: SparkSession, root: Path, table: str) -> tuple[int, str]:
    rows = spark.read.format("delta").load(str(root / "gold" / table))
    found = rows.selectExpr("count(*)", "cast(sum(cast(xxhash64(*) AS decimal(20, 0))) AS string)").first()
    assert found is not None
    return int(found[0]), str(found[1])


def test_everybody_with_an_edge_has_a_place_and_twice_is_once(
    job_runner: Callable[..., Ran], sample_run: Ran, tmp_path: Path, spark_session: SparkSession
) -> None:
    root = Path(shutil.copytree(sample_run.root, tmp_path / "lakehouse"))
    runs = []
    for _ in range(2):
        ran = job_runner("build_network", root, f"as_of={sample_run.summary.as_of}")
        assert ran.code == 0, ran.summary.error
        runs.append([content(spark_session, root, table) for table in ("network_features", "network_topics")])
    assert runs[0] == runs[1]
    people = spark_session.read.format("delta").load(str(root / "gold/network_features"))
    assert people.where("degree < 1 OR in_degree + out_degree < degree").isEmpty()
    total = people.agg(F.sum("pagerank")).first()
    # people who did not agree to profiling are part of the graph and not of the table
    assert total is not None
    assert 0.5 < total[0] <= 1.0 + 1e-9
    topics = spark_session.read.format("delta").load(str(root / "gold/network_topics"))
    assert topics.select("topic").distinct().count() > 1


def test_edges_of_a_file_with_kinds_of_its_own(
    job_runner: Callable[..., Ran], tmp_path: Path, spark_session: SparkSession
) -> None:
    file = tmp_path / "edges.txt.gz"
    with gzip.open(file, "wt") as lines:
        lines.write("1 2 1341100972 RT\n3 2 1341100973 RT\n2 1 1341100974 MT\n3 1 1341100975 RE\n3 1 1341100976 XX\n")
    root = tmp_path / "lakehouse"
    ran = job_runner("ingest", root, "source=retweet_edges", f"source.interactions={file}")
    assert ran.code == 0, ran.summary.error
    assert ran.summary.metrics["ingest"]["interactions"] == {"in": 5, "accepted": 4, "duplicates": 0, "quarantined": 1}
    ran = job_runner("build_network", root)
    assert ran.code == 0, ran.summary.error
    rows = spark_session.read.format("delta").load(str(root / "gold/network_features")).collect()
    assert {row["user_id"]: (row["share_in_degree"], row["mention_in_degree"], row["in_degree"]) for row in rows} == {
        "1": (0, 1, 2), "2": (2, 0, 2), "3": (0, 0, 0)
    }  # fmt: skip


def test_influence_learns_from_the_network_and_the_quality_of_engagement_and_scores_with_both(
    job_runner: Callable[..., Ran], sample_run: Ran, tmp_path: Path, spark_session: SparkSession
) -> None:
    root = Path(shutil.copytree(sample_run.root, tmp_path / "lakehouse"))
    shared = [
        f"as_of={sample_run.summary.as_of}",
        "influence.network=true",
        "influence.quality=true",
        # The one cut-off that it learns from is the one before the scored one: two graphs in all.
        "influence.horizon_days=30",
        "network.topics=false",
    ]
    trained = job_runner("train_influence", root, *shared, "model=quick", "influence.max_cutoffs=1")
    assert trained.code == 0, trained.summary.error
    found = trained.summary.metrics["influence"]
    assert {"degree", "pagerank"} <= set(found["baselines"])
    assert 0 <= found["top"]["model"]["precision_at_20_low"] <= found["top"]["model"]["precision_at_20"] <= 1
    scored = job_runner("score_influence", root, *shared)
    assert scored.code == 0, scored.summary.error
    scores = spark_session.read.format("delta").load(str(root / "gold/influence_scores"))
    (model_id,) = {row["model_id"] for row in scores.select("model_id").distinct().collect()} - {
        row["model_id"]
        for row in spark_session.read.format("delta").load(str(sample_run.root / "gold/influence_scores")).collect()
    }
    assert model_id == trained.summary.metrics["gate"]["influence"]["model_id"]
    # the slice that training built is found, not made again
    for table in ("network_features", "creator_quality"):
        rows = spark_session.read.format("delta").load(str(root / "gold" / table))
        written = trained.summary.tables[f"gold.{table}"]["written"]
        assert scored.summary.tables[f"gold.{table}"]["written"] == rows.count() - written
    known = load(root / "models" / "influence" / model_id).features
    assert {*NETWORK_MEASURES, *QUALITY_MEASURES} <= set(known)
