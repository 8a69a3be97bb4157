"""Upkeep refuses what would hurt somebody, and forgets no run that says what was read last."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from social_signals.core.errors import ConfigError
from social_signals.core.progress import Progress
from social_signals.jobs import ledger, maintain
from social_signals.jobs.job import Context
from social_signals.jobs.runner import composed
from social_signals.tables.catalog import Catalog
from social_signals.tables.ops import BATCHES, RUNS
from social_signals.tables.silver import POSTS
from social_signals.tables.store import CatalogParams

NOW = datetime(2024, 1, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("overrides", "problem", "hint"),
    [
        (["maintain.vacuum_retention_days=2"], "vacuum_retention_days is 2", "short_retention=true"),
        (["maintain.vacuum_retention_days=-1", "maintain.short_retention=true"], "is -1", "days"),
        (["maintain.runs_days=0"], "runs_days is 0", "null"),
        (["maintain.batches_days=0"], "batches_days is 0", "null"),
    ],
)
def test_what_would_hurt_is_refused(overrides: list[str], problem: str, hint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        composed("maintain", overrides)
    assert problem in refused.value.problem
    assert hint in refused.value.hint


def test_short_retention_has_to_be_said_and_batches_are_kept_unless_asked() -> None:
    job, _ = composed("maintain", ["maintain.vacuum_retention_days=2", "maintain.short_retention=true"])
    assert job.maintain.vacuum_retention_days == 2  # type: ignore[attr-defined]
    assert job.maintain.batches_days is None  # type: ignore[attr-defined]


def run_row(name: str, job: str, status: str, days_ago: int, version: int) -> dict[str, object]:
    return {
        "run_id": name, "job": job, "status": status, "started_ts": NOW - timedelta(days=days_ago), "seconds": 1.0,
        "config_hash": "h", "code_version": "1", "input_versions": {POSTS.name: version},
    }  # fmt: skip


def test_tables_are_looked_after_and_old_runs_forgotten_but_each_jobs_newest(
    spark_session: SparkSession, rows: Callable[..., DataFrame], tmp_path: Path
) -> None:
    catalog = Catalog(spark_session, CatalogParams(root=str(tmp_path)), run_id="r")
    context = Context(spark_session, catalog, "r", NOW, Progress(enabled=False))
    runs = [
        run_row("a1", "annotate", "done", 900, 3), run_row("a2", "annotate", "done", 800, 4),
        run_row("a3", "annotate", "failed", 700, 9), run_row("s1", "score_churn", "done", 500, 4),
        run_row("s2", "score_churn", "done", 5, 4),
    ]  # fmt: skip
    for some in (runs[:3], runs[3:]):
        catalog.append(RUNS, rows(RUNS, *some))
    batch = {"batch_id": "b", "bronze_table": "x", "silver_table": "y", "source": "z", "in_rows": 1, "accepted_rows": 1,
             "duplicate_rows": 0, "quarantined_rows": 0, "merged_ts": NOW - timedelta(days=900)}  # fmt: skip
    catalog.append(BATCHES, rows(BATCHES, batch))
    known = ledger.last_input_version(context, job="annotate", table=POSTS)
    job, _ = composed("maintain", [])
    planned = maintain.run(composed("maintain", ["dry_run=true"])[0], context)  # type: ignore[arg-type]
    assert any(sentence.startswith("maintain: ops.runs, 4 files of ") for sentence in planned.plan)
    assert catalog.read(RUNS).count() == 5
    metrics = maintain.run(job, context).metrics["maintain"]  # type: ignore[arg-type]
    assert sorted(row["run_id"] for row in catalog.read(RUNS).collect()) == ["a2", "s2"]
    assert ledger.last_input_version(context, job="annotate", table=POSTS) == known == 4
    assert (metrics["forgotten_runs"], metrics["forgotten_batches"]) == (3, 0)
    assert catalog.read(BATCHES).count() == 1
    assert set(metrics["tables"]) == {"ops.runs", "ops.batches"}
    assert metrics["tables"]["ops.runs"]["files_before"] > metrics["tables"]["ops.runs"]["files_after"] == 1
    # A second time there is nothing to do, and nothing is written.
    version = catalog.version(RUNS)
    asked, _ = composed("maintain", ["maintain.batches_days=30", "maintain.tables=[ops.runs]"])
    again = maintain.run(asked, context).metrics["maintain"]  # type: ignore[arg-type]
    assert (again["forgotten_runs"], again["forgotten_batches"]) == (0, 1)
    assert catalog.version(RUNS) == version
    with pytest.raises(ConfigError, match="no stored table is called"):
        maintain.run(composed("maintain", ["maintain.tables=[silver.psts]"])[0], context)  # type: ignore[arg-type]


def test_what_killed_runs_left_among_models_goes_and_what_is_read_or_younger_stays(
    spark_session: SparkSession, tmp_path: Path
) -> None:
    catalog = Catalog(spark_session, CatalogParams(root=str(tmp_path)), run_id="r")
    context = Context(spark_session, catalog, "r", NOW, Progress(enabled=False))
    churn = tmp_path / "models" / "churn"
    old, young = (NOW - timedelta(days=days) for days in (2, 0.5))
    kept = ["churn-1/model.ubj", "champion.json", ".churn-2-trained-x/weights", ".unfinished-young/model.ubj"]
    left = [".unfinished-old/model.ubj", ".champion.json.4711"]
    for name in (*kept, *left):
        path = churn / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        when = (young if "young" in name else old).timestamp()
        for changed in {path, churn / Path(name).parts[0]}:
            os.utime(changed, (when, when))
    # as one that its run put in place after it was listed
    (churn / ".unfinished-gone").symlink_to("nowhere")
    planned = maintain.run(composed("maintain", ["dry_run=true"])[0], context)  # type: ignore[arg-type]
    assert sorted(Path(sentence.split()[2].rstrip(",")).name for sentence in planned.plan if "killed" in sentence) == [
        ".champion.json.4711", ".unfinished-old"
    ]  # fmt: skip
    assert all((churn / name).exists() for name in left)
    assert maintain.run(composed("maintain", [])[0], context).metrics["maintain"]["swept"] == 2  # type: ignore[arg-type]
    assert sorted(str(f.relative_to(churn)) for f in churn.rglob("*") if f.is_file()) == sorted(kept)
