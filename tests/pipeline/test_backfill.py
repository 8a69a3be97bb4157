"""Past cut-offs from end to end: many in one pass, and a second time only what is missing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from social_signals.tables.catalog import Catalog
from social_signals.tables.silver import INTERACTIONS, POSTS
from social_signals.tables.store import CatalogParams
from tests.pipeline.conftest import Ran

RANGE = ["backfill.first=2020-01-11", "backfill.last=2020-01-31", "backfill.step_days=10"]


def test_features_in_one_pass_then_only_what_is_missing(
    job_runner: Callable[..., Ran],
    spark_session: SparkSession,
    rows: Callable[..., DataFrame],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = tmp_path / "lakehouse"
    catalog = Catalog(spark_session, CatalogParams(root=str(root)), run_id="made")
    begin = datetime(2020, 1, 1, tzinfo=timezone.utc)
    posts = [
        {"post_id": f"p{n}", "author_id": f"u{n % 3}", "event_ts": begin + timedelta(days=n), "text": "x"}
        for n in range(30)
    ]
    catalog.append(POSTS, rows(POSTS, *posts))
    catalog.create(INTERACTIONS)

    def again(*more: str) -> Ran:
        ran = job_runner("backfill", root, "backfill.job=build_features", *RANGE, *more)
        assert ran.code == 0, ran.summary.error
        return ran

    first = again("backfill.last=2020-01-21")
    assert first.summary.metrics["backfill"] == {"job": "build_features", "cutoffs": 2, "done_before": 0, "run": 2}
    written = first.summary.tables["gold.user_features"]
    assert (written["rows"], written["written"]) == (6, 6)
    second = again()
    assert second.summary.metrics["backfill"] == {"job": "build_features", "cutoffs": 3, "done_before": 2, "run": 1}
    # One commit for two cut-offs, and one for the third.
    assert second.summary.tables["gold.user_features"]["version"] == written["version"] + 1
    # Other settings are other work, and nobody has trained a model: every cut-off is named, with the code of the first.
    none = job_runner("backfill", root, "backfill.job=score_churn", *RANGE)
    assert none.code == 3
    assert none.summary.error is not None
    assert "3 of 3 cut-offs of score_churn failed (2020-01-11, 2020-01-21, 2020-01-31)" in none.summary.error["problem"]
    assert "there is no churn model" in none.summary.error["problem"]
    # A table that is no longer there was not made, whatever the ledger says.
    shutil.rmtree(root / "gold" / "user_features")
    capsys.readouterr()
    again("dry_run=true")
    assert "build_features at 3 of 3 cut-offs, in one pass; 0 are done" in capsys.readouterr().out
