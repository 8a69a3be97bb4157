"""The driver's status store, asked after real Spark jobs: what they are called, whose they are, what they did."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from social_signals.core.lanes import at_once
from social_signals.core.progress import Progress
from social_signals.core.steps import stage, stage_of_thread, step
from social_signals.jobs import ledger
from social_signals.jobs.job import Context, Outcome
from social_signals.observability import key_shares, spark_work
from social_signals.tables.catalog import Catalog
from social_signals.tables.ops import RUNS, SPARK_TOTALS
from social_signals.tables.silver import POSTS
from social_signals.tables.store import CatalogParams


@pytest.fixture(scope="module")
def work(spark_session):
    """Of a run that shuffles 9,000 rows unevenly and goes through two lanes; the row of its pipeline comes with it."""
    rows = spark_session.range(9_000, numPartitions=3)

    def count(name):
        with step(spark_session, f"count {name}"):
            return stage_of_thread(), rows.groupBy(F.col("id") % 2).count().collect()

    with stage(spark_session, "pipeline", run_id="r1"):
        with stage(spark_session, "annotate", run_id="r1.annotate"):
            stages = [name for name, _ in at_once(spark_session, [lambda: count("likes"), lambda: count("shares")])]
            rows.count()
        with stage(spark_session, "train", run_id="r2"):
            rows.count()
    # Spark does not tell whose jobs these are.
    rows.count()
    return SimpleNamespace(
        stages=stages, annotate=spark_work(spark_session, "r1.annotate"), pipeline=spark_work(spark_session, "r1")
    )


def test_jobs_are_named_by_stage_and_step_in_lanes_too(work):
    assert work.stages == ["annotate", "annotate"]
    names = {s.name for s in work.annotate.stages}
    assert names == {"annotate: count likes", "annotate: count shares", "annotate"}


def test_a_run_has_the_rows_of_its_own_jobs(work):
    likes = [s for s in work.annotate.stages if s.name == "annotate: count likes"]
    assert sum(s.input_rows for s in likes) == 9_000
    # Each of three tasks sends on one row for odd and one for even ids.
    assert sum(s.shuffle_write_rows for s in likes) == sum(s.shuffle_read_rows for s in likes) == 6
    assert work.annotate.row["input_rows"] == 27_000
    assert work.annotate.row["unknown_stages"] == 0
    assert work.annotate.row["peak_heap_bytes"] is None or work.annotate.row["peak_heap_bytes"] > 2**20


def test_a_pipeline_leaves_out_what_its_stages_tell_themselves(work):
    # What the other run did within it has no identity of its pipeline: it is the pipeline's too.
    assert work.pipeline.row["input_rows"] == 9_000


def test_names_end_with_their_stage(spark_session):
    before = spark_session.sparkContext.getLocalProperty("spark.job.description")
    with stage(spark_session, "ingest", run_id="r3"):
        assert spark_session.sparkContext.getLocalProperty("spark.job.description") == "ingest"
    assert stage_of_thread() is None
    assert spark_session.sparkContext.getLocalProperty("spark.job.description") == before
    assert "run r3" not in (spark_session.sparkContext.getJobTags() or set())


def test_asking_starts_no_spark_job(spark_session, work):
    scheduler = spark_session.sparkContext._jsc.sc().dagScheduler()
    before = scheduler.numTotalJobs()
    again = spark_work(spark_session, "r1.annotate")
    assert [s.stage_id for s in again.stages] == [s.stage_id for s in work.annotate.stages]
    assert scheduler.numTotalJobs() == before


def test_a_run_without_spark_jobs_has_a_row_of_noughts(spark_session):
    work = spark_work(spark_session, "never")
    row = spark_session.createDataFrame([work.row], SPARK_TOTALS).collect()[0]
    assert (row["stages"], row["task_seconds"], work.stage_rows) == (0, 0.0, [])


def test_where_there_is_no_status_store_nothing_is_told():
    assert spark_work(SimpleNamespace(sparkContext=SimpleNamespace()), "r1") is None


def test_the_largest_share_of_a_key_is_told_without_the_key(spark_session):
    rows = spark_session.createDataFrame(
        [("a", "2024-01-01 10:00:00"), ("a", "2024-01-01 23:00:00"), ("b", "2024-01-02 00:00:00"), (None, "2024-01-01 01:00:00")],
        "author_id string, event_ts string",
    ).withColumn("event_ts", F.to_timestamp("event_ts"))  # fmt: skip
    shares = key_shares(rows, ["author_id", "event_ts"], fraction=1.0, seed=1)
    assert {tuple(row) for row in shares.collect()} == {("author_id", 0.5), ("event_ts", 0.75)}


def test_what_the_catalog_does_is_named_and_each_run_has_its_ledger_row(spark_session, rows, tmp_path):
    run_id = "20240101T000000-ingest-1"
    catalog = Catalog(spark_session, CatalogParams(root=str(tmp_path)), run_id=run_id)
    now = datetime(2024, 1, 1, tzinfo=timezone.utc)
    context = Context(spark=spark_session, catalog=catalog, run_id=run_id, now=now, progress=Progress(enabled=False))
    entry = ledger.Entry(run_id, "ingest", "0" * 64, now, 1.0, Outcome())
    # A ledger of before these columns were there is read and written on.
    without = StructType([f for f in RUNS.schema if f.name not in RUNS.added])
    old = spark_session.createDataFrame([("r0", "ingest", None, "done", now, 1.0, "0", "1") + (None,) * 5], without)
    old.write.format("delta").save(catalog.address(RUNS))
    assert catalog.read(RUNS).select("spark").collect() == [(None,)]
    with stage(spark_session, "ingest", run_id=run_id):
        catalog.merge(POSTS, rows(POSTS, {"post_id": "p0", "event_ts": now}))
        ledger.record(context, entry, replace(entry, run_id="r2"))
    told = {r["run_id"]: r for r in catalog.read(RUNS).collect()}
    first = told[run_id]
    assert "ingest: merge silver.posts" in {s["name"] for s in first["spark_stages"]}
    assert first["spark"]["output_rows"] == 1
    assert first["advice"] == [] == context.advice
    assert (told["r0"]["spark"], told["r2"]["spark"]) == (None, None)
