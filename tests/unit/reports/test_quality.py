"""Rows read, rows set aside with reasons, and the jobs of this run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pandas as pd
from pyspark.sql import DataFrame

from social_signals.reports.quality import gather_headline, gather_quality, gather_stages
from social_signals.tables.ops import BATCHES, RUNS
from social_signals.tables.silver import INTERACTIONS, POSTS, USERS, quarantine_of

Rows = Callable[..., DataFrame]
JUNE = datetime(2020, 6, 1, tzinfo=timezone.utc)


def test_the_headline_counts_rows_and_spans_posts_and_interactions(rows: Rows) -> None:
    posts = rows(POSTS, {"post_id": "p", "event_ts": JUNE})
    acts = [{"interaction_id": f"i{n}", "kind": "like", "event_ts": JUNE + timedelta(hours=n)} for n in (1, 5)]
    found = gather_headline(rows(USERS, {"user_id": "u"}), posts, rows(INTERACTIONS, *acts))
    assert (found.people, found.posts, found.interactions) == (1, 1, 2)
    assert (found.first_event, found.last_event) == (JUNE, JUNE + timedelta(hours=5))

    nothing = gather_headline(rows(USERS), rows(POSTS), rows(INTERACTIONS))
    assert (nothing.people, nothing.first_event, nothing.last_event) == (0, None, None)


def _batch(table: str, *counts: int, batch: str = "b1") -> dict:
    names = ("in_rows", "accepted_rows", "duplicate_rows", "quarantined_rows")
    return {
        "batch_id": batch, "bronze_table": "bronze.x", "silver_table": table, "source": "test", "merged_ts": JUNE,
        **dict(zip(names, counts, strict=True)),
    }  # fmt: skip


def test_batches_add_up_and_the_commonest_reasons_come_first(rows: Rows) -> None:
    batches = rows(BATCHES, _batch("silver.posts", 5, 3, 1, 1), _batch("silver.posts", 4, 2, 0, 2, batch="b2"))
    refused = [
        {"record_hash": f"h{n}", "batch_id": "b", "record": "{}", "reasons": reasons}
        for n, reasons in enumerate([["no time", "no id"], ["no time"], ["x" * 500]])
    ]
    part = gather_quality(batches, {"silver.posts": rows(quarantine_of(POSTS), *refused)})
    tables = {
        "table": ["silver.posts"], "in_rows": [9], "accepted_rows": [5], "duplicate_rows": [1], "quarantined_rows": [3],
    }  # fmt: skip
    pd.testing.assert_frame_equal(part.tables, pd.DataFrame(tables))
    assert part.quarantined == 3
    assert part.reasons.values.tolist() == [
        ["silver.posts", "no time", 2],
        ["silver.posts", "no id", 1],
        ["silver.posts", "x" * 200, 1],
    ]


def _run(run_id: str, job: str, *, hours: int, status: str = "done", written: dict | None = None) -> dict:
    return {
        "run_id": run_id, "job": job, "status": status, "started_ts": JUNE + timedelta(hours=hours), "seconds": 1.5,
        "config_hash": "c", "code_version": "0", "rows_written": written, "error": "E: x" if status == "failed" else None,
    }  # fmt: skip


def test_the_stages_of_this_pipeline_hide_those_of_other_runs(rows: Rows) -> None:
    runs = rows(
        RUNS,
        _run("r1.train", "train_churn", hours=2),
        _run("r1.ingest", "ingest", hours=1, written={"silver.posts": 3, "silver.users": 2}),
        _run("r0", "annotate", hours=0),
        _run("r2", "ingest", hours=5),
    )
    order = ["ingest", "annotate", "train_churn"]
    found = gather_stages(runs, run_id="r1.build_report", order=order)
    assert found[["job", "status", "seconds"]].values.tolist() == [
        ["ingest", "done", 1.5],
        ["train_churn", "done", 1.5],
    ]
    assert found["rows_written"].iloc[0] == 5

    alone = gather_stages(runs, run_id="r9", order=order)
    assert alone["job"].tolist() == ["ingest", "annotate", "train_churn"]
