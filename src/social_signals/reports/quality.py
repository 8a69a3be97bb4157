"""What was read, what was set aside and why, and how long each job took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import reduce

import pandas as pd
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from social_signals.core.times import EPOCH
from social_signals.reports.report import Headline, QualityPart
from social_signals.tables.silver import EVENT_TS
from social_signals.tables.silver import REASONS as QUARANTINE_REASONS

ROW_COUNTS = ("in_rows", "accepted_rows", "duplicate_rows", "quarantined_rows")
REASONS_PER_TABLE = 5
LONGEST_REASON = 200
STAGE_COLUMNS = ("job", "status", "seconds", "rows_written", "error")


def gather_headline(users: DataFrame, posts: DataFrame, interactions: DataFrame) -> Headline:
    """How many people, posts and interactions there are, and over what time; three small numbers each."""

    def counted(name: str, rows: DataFrame, when: Column) -> DataFrame:
        first, last = F.unix_micros(F.min(when)).alias("first"), F.unix_micros(F.max(when)).alias("last")
        return rows.agg(F.count("*").alias("n"), first, last).withColumn("what", F.lit(name))

    no_time = F.lit(None).cast("timestamp")
    parts = [
        counted("people", users, no_time),
        counted("posts", posts, F.col(EVENT_TS)),
        counted("interactions", interactions, F.col(EVENT_TS)),
    ]
    three = {row["what"]: row for row in reduce(DataFrame.unionByName, parts).collect()}
    times = [row[end] for row in three.values() for end in ("first", "last") if row[end] is not None]
    return Headline(
        people=three["people"]["n"],
        posts=three["posts"]["n"],
        interactions=three["interactions"]["n"],
        first_event=_instant(min(times, default=None)),
        last_event=_instant(max(times, default=None)),
    )


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else EPOCH + timedelta(microseconds=micros)


def gather_quality(batches: DataFrame, quarantines: Mapping[str, DataFrame]) -> QualityPart:
    """Rows in, accepted, duplicate and quarantined per silver table, over all its batches, and the commonest reasons.

    quarantines: the quarantine rows of each silver table, by the table's name. A row with two reasons counts for both.
    """
    tables: pd.DataFrame = (
        batches.groupBy(F.col("silver_table").alias("table"))
        .agg(*(F.sum(name).alias(name) for name in ROW_COUNTS))
        .orderBy("table")
        .toPandas()
    )
    if not quarantines:
        return QualityPart(tables=tables, reasons=pd.DataFrame(columns=["table", "reason", "rows"]))
    exploded = [
        rows.select(F.lit(name).alias("table"), F.explode(QUARANTINE_REASONS).alias("reason"))
        for name, rows in sorted(quarantines.items())
    ]
    commonest_first = Window.partitionBy("table").orderBy(F.desc("rows"), "reason")
    reasons: pd.DataFrame = (
        reduce(DataFrame.unionByName, exploded)
        .groupBy("table", F.substring("reason", 1, LONGEST_REASON).alias("reason"))
        .agg(F.count("*").alias("rows"))
        .withColumn("place", F.row_number().over(commonest_first))
        .where(F.col("place") <= REASONS_PER_TABLE)
        .orderBy("table", "place")
        .select("table", "reason", "rows")
        .toPandas()
    )
    return QualityPart(tables=tables, reasons=reasons)


def gather_stages(runs: DataFrame, *, run_id: str, order: Sequence[str] = ()) -> pd.DataFrame:
    """One row per job: of this run where it is a pipeline, else each job's newest run, whole pipelines left out.

    Columns job, status, seconds, rows_written, error. order: jobs in the order in which they are shown, others after
    them by name.
    """
    root = run_id.split(".")[0]
    is_ours = F.col("run_id").startswith(f"{root}.")
    newest_of_ours_first = Window.partitionBy("job").orderBy(F.desc(is_ours), F.desc("started_ts"), F.desc("run_id"))
    rows_written = F.aggregate(F.map_values("rows_written"), F.lit(0).cast("long"), lambda total, n: total + n)
    newest_per_job: pd.DataFrame = (
        runs.where(F.col("job") != "pipeline")
        .withColumn("is_ours", is_ours)
        .withColumn("place", F.row_number().over(newest_of_ours_first))
        .where(F.col("place") == 1)
        .select("job", "status", "seconds", rows_written.alias("rows_written"), "error", "is_ours")
        .toPandas()
    )
    ours = newest_per_job[newest_per_job["is_ours"]]
    chosen = newest_per_job if ours.empty else ours
    place = {job: number for number, job in enumerate(order)}
    key = [(place.get(job, len(place)), job) for job in chosen["job"]]
    in_order = sorted(range(len(key)), key=lambda i: key[i])
    return chosen.iloc[in_order][list(STAGE_COLUMNS)].reset_index(drop=True)
