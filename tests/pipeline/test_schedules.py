"""The order of the schedules, against what the stages of a real run have read and written."""

from __future__ import annotations

from pathlib import Path

import yaml
from pyspark.sql import SparkSession

WEEKLY = Path(__file__).parents[2] / "resources" / "weekly.yml"


def test_every_stage_has_read_only_what_tasks_before_it_have_written(
    sample_lakehouse: Path, spark_session: SparkSession
) -> None:
    (job,) = yaml.safe_load(WEEKLY.read_text())["resources"]["jobs"].values()
    graph = {t["task_key"]: {d["task_key"] for d in t.get("depends_on", [])} for t in job["tasks"]}

    def before(task: str) -> set[str]:
        return graph[task].union(*(before(earlier) for earlier in graph[task]))

    runs = spark_session.read.format("delta").load(str(sample_lakehouse / "ops/runs")).collect()
    stages = {row["job"]: row for row in runs if row["job"] != "pipeline"}
    written = {name: set(row["output_versions"]) for name, row in stages.items()}
    assert set(stages) <= set(graph)
    assert len(stages) == 9
    found = 0
    for name, row in stages.items():
        for table in row["input_versions"]:
            makers = {m for m, tables in written.items() if table in tables} - {name}
            if makers and not table.startswith("ops."):
                assert makers & before(name), f"{name} has read {table} of {makers}, none of which comes before it"
                found += 1
    assert found > 10
