"""Ops: what ran, on what, with what result."""

from __future__ import annotations

from pyspark.sql.types import (
    DoubleType,
    LongType,
    MapType,
    StringType,
    StructType,
    TimestampType,
)

from social_signals.tables.table import Table, column

RUNS = Table(
    "ops.runs",
    StructType(
        [
            column("run_id", StringType(), "the run; a stage of a pipeline adds a dot and its name", nullable=False),
            column("job", StringType(), "which job", nullable=False),
            column("as_of", TimestampType(), "the cut-off, UTC, where the job has one"),
            column("status", StringType(), "done, failed or dry_run", nullable=False),
            column("started_ts", TimestampType(), "UTC", nullable=False),
            column("seconds", DoubleType(), "wall time", nullable=False),
            column("config_hash", StringType(), "SHA-256 of the composed config", nullable=False),
            column("code_version", StringType(), "version of the package", nullable=False),
            column("input_versions", MapType(StringType(), LongType()), "Delta version of each table read"),
            column("output_versions", MapType(StringType(), LongType()), "Delta version of each table written"),
            column("rows_written", MapType(StringType(), LongType()), "rows written to each table"),
            column("device", StringType(), "cpu or cuda, where a model ran"),
            column("error", StringType(), "kind of error and its first line, where it failed"),
            column("seen", MapType(StringType(), StringType()), "table -> id@version it went by or left, or absent"),
            column(
                "files", MapType(StringType(), StringType()), "models and pages it went by or left -> what they were"
            ),
            column("metrics", StringType(), "what the run reported, as JSON"),
        ]
    ),
    key=("run_id",),
    comment="One row per run of a job or pipeline stage.",
    added=("seen", "files", "metrics"),
)

BATCHES = Table(
    "ops.batches",
    StructType(
        [
            column("batch_id", StringType(), "fingerprint of what was landed together", nullable=False),
            column("bronze_table", StringType(), "where it landed", nullable=False),
            column("silver_table", StringType(), "where it was merged", nullable=False),
            column("source", StringType(), "which source", nullable=False),
            column("in_rows", LongType(), "records landed", nullable=False),
            column("accepted_rows", LongType(), "rows that reached silver", nullable=False),
            column(
                "duplicate_rows", LongType(), "rows that said again what another row of the batch said", nullable=False
            ),
            column("quarantined_rows", LongType(), "rows set aside with reasons", nullable=False),
            column("merged_ts", TimestampType(), "UTC", nullable=False),
        ]
    ),
    key=("batch_id", "bronze_table", "silver_table"),
    comment="One row per batch merged: in = accepted + duplicates + quarantined.",
)
