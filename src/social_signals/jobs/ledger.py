"""The run ledger: one row of `ops.runs` per job or pipeline stage, whatever became of it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from pyspark.sql import Row
from pyspark.sql import functions as F

from social_signals.core.code import code_version
from social_signals.core.errors import known_error
from social_signals.jobs import watched
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.tables.ops import RUNS
from social_signals.tables.table import Table

log = logging.getLogger(__name__)

# Neither does where the tables lie: the ledger lies with them.
UNDECIDING = ("platform", "catalog", "log_format", "dry_run", "now", "force", "resume")


def new_run_id(job: str, *, now: datetime) -> str:
    """`20200301T060000-train_churn-1a2b3c4d`: sorts by time, says the job, never repeats."""
    return f"{now.astimezone(timezone.utc):%Y%m%dT%H%M%S}-{job}-{uuid.uuid4().hex[:8]}"


@dataclass(frozen=True)
class Entry:
    """What the ledger keeps of one run, beside what the catalog remembers. files: what it went by or left that is no table."""

    run_id: str
    job: str
    config_hash: str
    started: datetime
    seconds: float
    outcome: Outcome
    error: str | None = None
    files: Mapping[str, str] | None = None


def words_of(error: BaseException) -> str:
    """The error as the ledger keeps it: our own sentence, or only the kind, since other errors may quote data."""
    known = known_error(error)
    return f"{type(known).__name__}: {known.problem}" if known else type(error).__name__


def record_failure(context: Context, entry: Entry) -> None:
    """As `record`; the failure that is being reported matters more than the one of writing it down."""
    try:
        record(context, entry)
    except Exception:
        log.warning("the ledger could not be written")


def config_hash_of(job: Job) -> str:
    """SHA-256 of the settings that decide the result; where a job runs and how it logs do not."""
    return hash_of({k: v for k, v in dataclasses.asdict(job).items() if k not in UNDECIDING})


def hash_of(deciding: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(deciding, sort_keys=True, default=str).encode()).hexdigest()


def seen_by(context: Context) -> dict[str, str]:
    """What a run has gone by and left, as `Catalog.seen`. The ledger itself is no input: it changes with every run."""
    return {name: identity for name, identity in context.catalog.seen().items() if name != RUNS.name}


def record(context: Context, *entries: Entry, note: str = "") -> dict[str, str]:
    """Append the entries. Table versions and row counts are those that the catalog has seen in this run. note: what the commit says
    beside. Returns what the run has seen."""
    catalog = context.catalog
    inputs = dict(catalog.read_versions)
    outputs = {name: written.version for name, written in catalog.written.items()}
    rows = {name: written.rows for name, written in catalog.written.items()}
    seen = seen_by(context)
    said = [
        (
            entry.run_id, entry.job, entry.outcome.as_of, entry.outcome.status, entry.started, entry.seconds,
            entry.config_hash, code_version(), inputs, outputs, rows, entry.outcome.device, entry.error,
            seen, dict(entry.files) if entry.files is not None else None, json.dumps(entry.outcome.metrics, default=str),
        )
        for entry in entries
    ]  # fmt: skip
    # Entries of one pass share what Spark did; the first one tells it, so that nothing is counted twice.
    nothing = ((None, None, None) for _ in entries[1:])
    done_by_spark = (watched.observed(context), *nothing)
    told = [(*entry, *work) for entry, work in zip(said, done_by_spark, strict=True)]
    catalog.append(RUNS, context.spark.createDataFrame(told, RUNS.schema), note=note)
    return seen


def finished(context: Context, *, jobs: Collection[str], config_hashes: Collection[str]) -> dict[str, list[Row]]:
    """Config hash -> the finished runs of one of the jobs with it, by this version of the code, newest first: `run_id`, what each
    read, wrote, has seen and reported. The hash covers as_of, so each cut-off has its own."""
    runs = context.catalog.read_or_empty(RUNS).where(
        F.col("job").isin(*jobs) & (F.col("status") == "done") & (F.col("code_version") == code_version())
    )
    known = runs.where(F.col("config_hash").isin(*config_hashes)) if config_hashes else runs.limit(0)
    wanted = known.select(
        "config_hash", "started_ts", "run_id", "input_versions", "output_versions", "seen", "files", "metrics", "device"
    )
    runs_of: dict[str, list[Row]] = {}
    for row in sorted(wanted.collect(), key=lambda row: row["started_ts"], reverse=True):
        runs_of.setdefault(row["config_hash"], []).append(row)
    return runs_of


def forget(context: Context, *, before: datetime) -> int:
    """Delete the runs that started before an instant, but each job's newest finished one, which says what it has read last.
    Returns how many."""
    if not context.catalog.exists(RUNS):
        return 0
    runs = context.catalog.read(RUNS)
    finished_runs = runs.where(F.col("status") == "done").groupBy("job")
    newest = finished_runs.agg(F.max_by("run_id", F.struct("started_ts", "run_id")).alias("run_id"))
    kept = [row["run_id"] for row in newest.collect()]
    old = (F.col("started_ts") < F.lit(before)) & ~F.col("run_id").isin(*kept)
    count = runs.where(old).count()
    if count:
        context.catalog.delete(RUNS, old)
    return count


def last_input_version(context: Context, *, job: str, table: Table) -> int | None:
    """The newest version of a table that a run of the job has read and finished with; None where the ledger knows of none."""
    runs = context.catalog.read_or_empty(RUNS).where((F.col("job") == job) & (F.col("status") == "done"))
    row = runs.agg(F.max(F.col("input_versions")[table.name]).alias("version")).first()
    return None if row is None or row["version"] is None else int(row["version"])
