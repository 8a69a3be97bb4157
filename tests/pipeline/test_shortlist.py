"""A brief on the shared lakehouse: a shortlist, a set to book, and the same again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from tests.pipeline.conftest import Ran


def rows_of(spark: SparkSession, root: Path) -> list[dict[str, Any]]:
    found = spark.read.format("delta").load(str(root / "gold/shortlists")).orderBy("brief_id", "rank").collect()
    return [row.asDict(recursive=True) for row in found]


def test_a_brief_becomes_a_shortlist_and_twice_is_once(
    job_runner: Callable[..., Ran], sample_run: Ran, tmp_path: Path, spark_session: SparkSession
) -> None:
    root = Path(shutil.copytree(sample_run.root, tmp_path / "lakehouse"))
    label = spark_session.read.format("delta").load(str(root / "gold/topics")).orderBy("topic").first()
    assert label is not None
    word = str(label["label"]).split(", ")[0]
    limits = ["brief.budget=700", "brief.max_creators=5", "brief.max_overlap=0.6", "brief.shortlist=12"]
    shared = [
        f"as_of={sample_run.summary.as_of}",
        f"brief.topics=[{word}]",
        "shortlist.sets=4000",
        "shortlist.error=0.05",
    ]
    planned = job_runner("shortlist_creators", root, *shared, *limits, "dry_run=true")
    assert (planned.code, (root / "gold/shortlists").exists()) == (0, False)
    runs = []
    for _ in range(2):
        ran = job_runner("shortlist_creators", root, *shared, *limits)
        assert ran.code == 0, ran.summary.error
        told = ran.summary.metrics["shortlist"]
        every = rows_of(spark_session, root)
        runs.append(([row for row in every if row["brief_id"] == told["brief_id"]], told))
        if len(runs) == 1:
            # another brief's rows of the same cut-off
            table = spark_session.read.format("delta").load(str(root / "gold/shortlists"))
            other = table.withColumn("brief_id", F.lit("other"))
            other.write.format("delta").mode("append").save(str(root / "gold/shortlists"))
    assert runs[0] == runs[1]
    rows = runs[0][0]
    assert [row | {"brief_id": told["brief_id"]} for row in every if row["brief_id"] == "other"] == rows
    assert [row["rank"] for row in rows] == list(range(1, told["shortlisted"] + 1))
    assert [row["fit"] for row in rows] == sorted((row["fit"] for row in rows), reverse=True)
    chosen = sorted((row for row in rows if row["is_selected"]), key=lambda row: row["selected_order"])
    assert 1 < len(chosen) == told["selected"] <= 5
    assert sum(row["price"] for row in chosen) == told["cost"] <= 700
    assert abs(sum(row["marginal_reach"] for row in chosen) - told["expected_reach"]) < 0.01
    assert all(row["overlap_with_selected"] <= 0.6 for row in chosen)
    assert told["reach_standard_error"] <= 0.05 * told["expected_reach"] or told["sets"] > 600_000
    assert 0 < told["guarantee"]["found"] <= 1
    # everybody who may be paid was looked at twice
    assert all(0 < row["authenticity"] <= 1 for row in rows)
    assert all(len(row["reasons"]) >= 4 and row["relevance_by"] == "topics" for row in rows)
    # texts ask for vectors, which nobody has made here
    refused = job_runner("shortlist_creators", root, *shared, "brief.text=coffee")
    assert refused.code == 3
    assert "embed_posts" in str(refused.summary.error)
