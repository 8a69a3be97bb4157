"""A range of cut-offs becomes jobs of their own; one that fails is told and does not keep the others from being done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType, StringType, StructType, TimestampType

from social_signals.core.errors import ConfigError, ContractError, ResourceError, SocialSignalsError, all_together
from social_signals.core.progress import Progress
from social_signals.jobs import JOBS, ledger
from social_signals.jobs.backfill import JOBS_OF_A_CUTOFF, BackfillJob, Work, all_jobs, worked
from social_signals.jobs.job import Context, Outcome
from social_signals.jobs.ledger import config_hash_of
from social_signals.jobs.runner import composed, load
from social_signals.tables.catalog import Catalog
from social_signals.tables.commits import mark_of
from social_signals.tables.ops import RUNS
from social_signals.tables.store import CatalogParams
from social_signals.tables.table import Table, column

RANGE = ["backfill.first=2020-01-01", "backfill.last=2020-03-01", "backfill.step_days=30"]
SEEN = Table(
    "gold.test_seen",
    StructType(
        [
            column("as_of", TimestampType(), "cut-off", nullable=False),
            column("user_id", StringType(), "person", nullable=False),
            column("score", IntegerType(), "score"),
        ]
    ),
    key=("as_of", "user_id"),
    comment="One row per person at a cut-off.",
    partition=("as_of",),
)


def backfill(*overrides: str) -> BackfillJob:
    job, _ = composed("backfill", [*RANGE, *overrides])
    assert isinstance(job, BackfillJob)
    return job


def test_every_cutoff_is_the_job_that_its_own_command_line_would_compose() -> None:
    jobs = all_jobs(backfill("backfill.job=train_churn", 'backfill.settings=["model=quick", "churn.horizon_days=14"]'))
    assert [j.as_of for j in jobs.values()] == ["2020-01-01", "2020-01-31", "2020-03-01"]
    alone, _ = composed("train_churn", ["as_of=2020-01-31", "model=quick", "churn.horizon_days=14"])
    again = jobs[datetime(2020, 1, 31, tzinfo=timezone.utc)]
    # So what was run by hand is known as done.
    assert config_hash_of(again) == config_hash_of(alone)
    assert len({config_hash_of(job) for job in jobs.values()}) == 3


def test_where_and_how_it_runs_is_handed_on() -> None:
    said = ["platform.master=local[3]", "catalog.root=/lake", "seed=7", "now=2021-01-01"]
    for job in all_jobs(backfill("backfill.job=score_churn", *said)).values():
        assert (job.platform.master, job.catalog.root, job.seed, job.now) == ("local[3]", "/lake", 7, "2021-01-01")


def test_jobs_of_a_cutoff_are_jobs_that_take_one() -> None:
    assert set(JOBS_OF_A_CUTOFF) <= set(JOBS)
    # These have no cut-off of their own, go through several by themselves, or write one page for all.
    others = {"pipeline", "ingest", "annotate", "embed_posts", "train_sentiment", "train_entities", "evaluate",
              "build_report", "compare_influence", "backfill", "maintain", "doctor"}  # fmt: skip
    assert set(JOBS) - set(JOBS_OF_A_CUTOFF) == others
    assert all(hasattr(load(name)[0](), "features") for name in JOBS_OF_A_CUTOFF if name.startswith("score_"))


@pytest.mark.parametrize(
    ("overrides", "problem", "hint"),
    [
        (["backfill.job=score_chrun"], "score_chrun", "score_churn"),
        (["backfill.job=ingest"], "no job of a cut-off", "build_features"),
        (["backfill.job=score_churn", "backfill.first=2020-05-01"], "lies after", "earlier"),
        (["backfill.job=score_churn", "backfill.last="], "backfill.last is empty", "date"),
        (["backfill.job=score_churn", "backfill.first=soon"], "soon", "backfill.first"),
        (["backfill.job=score_churn", "backfill.step_days=0"], "step_days is 0", "1 or more"),
        (["backfill.job=score_churn", "as_of=2020-01-01"], "names one cut-off", "backfill.first"),
        (["backfill.job=score_churn", 'backfill.settings=["as_of=2020-01-01"]'], "names as_of", "backfill.first"),
        (["backfill.job=score_churn", 'backfill.settings=["catalog.root=x"]'], "names catalog.root", "itself"),
        (["backfill.job=score_churn", 'backfill.settings=["scoring.top_resons=1"]'], "top_resons", "top_reasons"),
    ],
)
def test_what_is_off_is_said_before_spark_starts(overrides: list[str], problem: str, hint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        backfill(*overrides)
    assert problem in refused.value.problem
    assert hint in refused.value.hint


def test_several_errors_have_the_kind_and_the_exit_code_of_the_first() -> None:
    wrapped = RuntimeError("a worker says")
    wrapped.__cause__ = ResourceError("no disk", hint="free some")
    for failures, code in (
        ([ContractError("no column", hint="map it"), wrapped], 3), ([wrapped], 5), ([KeyError("text of a person")], 1),
    ):  # fmt: skip
        error = all_together("2 of 3 failed (a, b)", failures, hint="start again")
        assert error.exit_code == code
        assert error.problem.startswith("2 of 3 failed (a, b); the first")
        assert "text of a person" not in str(error)
    assert all_together("2 failed", [ContractError("no column", hint="map it")], hint="again").hint == "map it; again"


def test_a_cutoff_that_fails_is_told_and_the_others_are_done_side_by_side(
    spark_session: SparkSession, rows: Callable[..., DataFrame], tmp_path: Path
) -> None:
    job = backfill("backfill.job=score_time_to_churn", f"catalog.root={tmp_path}", "backfill.step_days=10")
    jobs = all_jobs(job)
    bad = sorted(jobs)[2]
    sessions: set[int] = set()

    def score(one: Any, context: Context) -> Outcome:
        as_of = one.as_of_instant
        if as_of == bad:
            raise ResourceError("no room", hint="make some")
        sessions.add(id(context.spark._jsparkSession))
        # A setting of one must not be seen by another that runs at the same time.
        context.spark.conf.set("spark.sql.shuffle.partitions", str(as_of.day))
        made = context.spark.createDataFrame([(as_of, "u", as_of.day)], SEEN.schema)
        context.catalog.replace_slice(SEEN, made, as_of=as_of, note=one.as_of)
        assert context.spark.conf.get("spark.sql.shuffle.partitions") == str(as_of.day)
        return Outcome(as_of=as_of)

    before = spark_session.conf.get("spark.sql.shuffle.partitions")
    catalog = Catalog(spark_session, CatalogParams(root=str(tmp_path)), run_id="r")
    context = Context(spark_session, catalog, "r", datetime.now(timezone.utc), Progress(enabled=False))
    try:
        results = worked(Work("score_time_to_churn", score, jobs), context, at_a_time=24)
    finally:
        spark_session.conf.set("spark.sql.shuffle.partitions", before)
    assert [r.as_of for r in results if r.error is not None] == [bad]
    assert isinstance(results[2].error, SocialSignalsError)
    assert len(sessions) == len(jobs) - 1
    assert catalog.read(SEEN).count() == len(jobs) - 1
    # Each commit says whose it is, with the note of its own slice.
    said = {mark_of(c["userMetadata"]): c["userMetadata"].partition("\n")[2] for c in catalog.commits(SEEN) if c["operation"] == "WRITE"}  # fmt: skip
    assert said == {f"social-signals run r.score_time_to_churn-{j.as_of}": j.as_of for c, j in jobs.items() if c != bad}
    # The ledger knows each, and the next run asks it.
    states = {r["config_hash"]: r["status"] for r in catalog.read(RUNS).collect()}
    assert states == {config_hash_of(j): "failed" if c == bad else "done" for c, j in jobs.items()}
    known = ledger.finished(context, jobs=["score_time_to_churn"], config_hashes=list(states))
    assert set(known) == {config_hash_of(j) for c, j in jobs.items() if c != bad}
    assert catalog.read(RUNS).where(F.col("error").isNotNull()).select("error").first() == ("ResourceError: no room",)
