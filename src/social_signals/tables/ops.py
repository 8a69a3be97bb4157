"""Ops: what ran, on what, with what result."""

from __future__ import annotations

from pyspark.sql.types import (
    ArrayType,
    DoubleType,
    IntegerType,
    LongType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from social_signals.tables.table import Table, column

SPARK, SPARK_STAGES, ADVICE = "spark", "spark_stages", "advice"

# Of one Spark stage, and summed over those of a run.
_SUMMED: tuple[StructField, ...] = (
    column("tasks", LongType(), "tasks that ended well"),
    column("task_seconds", DoubleType(), "run time of all tasks"),
    column("cpu_seconds", DoubleType(), "of these, on a core, in the JVM alone"),
    column("gc_seconds", DoubleType(), "of these, collecting garbage"),
    column("input_rows", LongType(), "rows read from files and caches"),
    column("input_bytes", LongType(), "bytes read from files and caches"),
    column("output_rows", LongType(), "rows written to files"),
    column("output_bytes", LongType(), "bytes written to files"),
    column("shuffle_read_rows", LongType(), "rows read from shuffles"),
    column("shuffle_read_bytes", LongType(), "bytes read from shuffles"),
    column("shuffle_write_rows", LongType(), "rows written to shuffles"),
    column("shuffle_write_bytes", LongType(), "bytes written to shuffles"),
    column("spilled_memory_bytes", LongType(), "what did not fit, as it was in memory"),
    column("spilled_disk_bytes", LongType(), "what did not fit, as it was written to disk"),
    column("failed_tasks", LongType(), "attempts of tasks that failed or were killed"),
)
_PEAKS: tuple[StructField, ...] = (
    column("peak_task_bytes", LongType(), "most memory that one task took to sort, join and aggregate"),
    column("peak_heap_bytes", LongType(), "largest heap of a JVM that runs tasks, asked every few seconds"),
)
SPARK_TOTALS = StructType(
    [
        column("stages", IntegerType(), "Spark stages that ran"),
        *_SUMMED,
        *_PEAKS,
        column("retried_stages", IntegerType(), "stages that ran more than once"),
        column("lost_executors", IntegerType(), "executors that went away meanwhile, idle ones left out"),
        column(
            "unknown_stages",
            IntegerType(),
            "stages that the driver had forgotten; null where it does not know how many",
        ),
    ]
)
SPARK_STAGE = StructType(
    [
        column("stage_id", IntegerType(), "Spark's number of it"),
        column("name", StringType(), "what it was for, as in Spark's UI"),
        column("seconds", DoubleType(), "wall time from its first task to its end"),
        *_SUMMED,
        *_PEAKS,
        column("attempts", IntegerType(), "how often it was begun"),
        column("longest_task_seconds", DoubleType(), "run time of the longest task"),
        column("time_skew", DoubleType(), "longest task over the median one, by run time"),
        column("rows_skew", DoubleType(), "largest task over the median one, by rows read from shuffles"),
    ]
)

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
            column(
                SPARK,
                SPARK_TOTALS,
                "what Spark did for it, but for its pipeline's stages, which have rows of their own",
            ),
            column(SPARK_STAGES, ArrayType(SPARK_STAGE), "the Spark stages that worked longest, heaviest first"),
            column(ADVICE, ArrayType(StringType()), "what is worth changing, in words; empty where nothing is"),
        ]
    ),
    key=("run_id",),
    comment="One row per run of a job or pipeline stage.",
    added=("seen", "files", "metrics", SPARK, SPARK_STAGES, ADVICE),
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
