"""What Spark did for a run, as the ledger and the log tell it: columns of `ops.runs`, lines of advice."""

from __future__ import annotations

import logging
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from social_signals.core import logs
from social_signals.core.steps import step
from social_signals.jobs.job import Context
from social_signals.observability import KeyShare, Limits, advice, is_skewed, key_shares, spark_work
from social_signals.observability.shares import SAMPLED_ROWS
from social_signals.tables.catalog import Catalog
from social_signals.tables.silver import (
    ACTOR_ID,
    AUTHOR_ID,
    EVENT_TS,
    INTERACTIONS,
    PARENT_POST_ID,
    POSTS,
    TARGET_POST_ID,
    TARGET_USER_ID,
)
from social_signals.tables.table import Table

log = logging.getLogger(__name__)

# By what jobs join and group the tables that grow.
KEYS = {
    POSTS: (AUTHOR_ID, PARENT_POST_ID, EVENT_TS),
    INTERACTIONS: (ACTOR_ID, TARGET_USER_ID, TARGET_POST_ID, EVENT_TS),
}
_SEED = 1


def observed(context: Context) -> tuple[dict[str, Any] | None, list[dict[str, Any]] | None, list[str] | None]:
    """The columns `spark`, `spark_stages` and `advice` of the run's row; nulls where Spark does not tell. Advice is logged, and kept
    for the last line of the command."""
    work = spark_work(context.spark, context.run_id)
    if work is None:
        return None, None, None
    sentences = advice(work, _limits(context.spark), shares=heaviest_keys(context) if is_skewed(work) else ())
    for sentence in sentences:
        log.warning("advice: %s", sentence, extra={logs.ADVICE: sentence})
    context.advice.extend(sentences)
    return work.row, work.stage_rows, sentences


def said_of(catalog: Catalog, seconds: float) -> dict[str, Any]:
    """Fields of the line that ends a run or a stage: how long it took, and the version of each table it read and wrote."""
    written = {name: one.version for name, one in sorted(catalog.written.items())}
    read = dict(sorted(catalog.read_versions.items()))
    return {logs.SECONDS: round(seconds, 3), logs.TABLES_READ: read, logs.TABLES_WRITTEN: written}


def heaviest_keys(context: Context) -> list[KeyShare]:
    """Of each large table that the run has read: which share of its rows the commonest value of each key holds. One job over a sample;
    empty where that fails, for nobody's run fails over advice."""
    read = {
        table: context.catalog.read_versions[table.name]
        for table in KEYS
        if table.name in context.catalog.read_versions
    }
    if not read:
        return []
    try:
        with step(context.spark, "count the heaviest keys"):
            shares = [
                _shares_of(context, table, version).withColumn("table", F.lit(table.name))
                for table, version in read.items()
            ]
            rows = reduce(DataFrame.unionByName, shares).collect()
    except Exception as error:
        log.debug("the heaviest keys were not counted: %s", type(error).__name__)
        return []
    return [KeyShare(r["table"], r["column"], float(r["ratio"])) for r in rows if r["ratio"] is not None]


def _shares_of(context: Context, table: Table, version: int) -> DataFrame:
    fraction = min(1.0, SAMPLED_ROWS / max(context.catalog.row_count(table), 1))
    rows = context.catalog.read(table, version=version)
    return key_shares(rows, KEYS[table], fraction=fraction, seed=_SEED)


def _limits(spark: SparkSession) -> Limits:
    context = spark.sparkContext
    return Limits(
        slots=context.defaultParallelism,
        shuffle_partitions=int(spark.conf.get("spark.sql.shuffle.partitions") or 200),
        is_local=str(context.master).startswith("local"),
    )
