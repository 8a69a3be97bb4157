"""`ingest`: reads a source; writes `bronze.*`, `silver.*`, `silver.*_quarantine` and `ops.batches`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Any

from omegaconf import MISSING
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.core.errors import SocialSignalsError
from social_signals.core.lanes import at_once
from social_signals.governance import ConsentParams, read_key
from social_signals.ingest import IngestParams, Opened, open_source
from social_signals.ingest.rows import OUTCOME, QUARANTINED, accepted, checked, quarantined, settled
from social_signals.ingest.source import DATASET, Dataset, Flow
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.tables.ops import BATCHES
from social_signals.tables.silver import (
    BATCH_ID,
    INGESTED_TS,
    INTERACTIONS,
    IS_FIRST_LOAD,
    POSTS,
    SILVER,
    SOURCE,
    quarantine_of,
)
from social_signals.tables.table import Table

log = logging.getLogger(__name__)


@dataclass
class IngestJob(Job):
    """Where records come from, how they become rows, and what holds for people who have said nothing."""

    # One of the kinds of jobs.schemas; which one is the config group's to say.
    source: Any = MISSING
    ingest: IngestParams = field(default_factory=IngestParams)
    consent: ConsentParams = field(default_factory=ConsentParams)


SCHEMA = IngestJob


@dataclass(frozen=True)
class Pending:
    """A flow with the batches that have not gone through it yet."""

    flow: Flow
    batch_ids: list[str]


# (dataset, batch) -> outcome -> rows
Counts = dict[tuple[str, str], dict[str, int]]


def run(job: IngestJob, context: Context, *, source: Opened | None = None, nothing_is_new: bool = False) -> Outcome:
    """Land what is new, merge what is not merged yet. A second run finds nothing to do and writes nothing.

    source: where somebody has opened it already. nothing_is_new: all that it holds is known to be merged.
    """
    key = read_key(job.ingest.pseudonym_key_env) if job.ingest.pseudonymise else None
    source = source or open_source(context.spark, job.source)
    pending = [] if nothing_is_new else still_to_do(source, context)
    for todo in pending:
        todo.flow.check()
    if job.dry_run:
        metrics = {"ingest": {"pending_batches": sum(len(todo.batch_ids) for todo in pending)}}
        return Outcome(status="dry_run", metrics=metrics, plan=plan(source, pending))
    at_once(context.spark, [partial(land, source, dataset, pending, context) for dataset in source.datasets])
    tables = silver_tables(source)
    to_merge = [[p for p in pending if p.flow.silver.name == table.name] for table in tables]
    merges = [
        partial(merge, source, table, todo, job, context, key=key) for table, todo in zip(tables, to_merge, strict=True)
    ]
    counts = dict(zip(tables, at_once(context.spark, merges), strict=True))
    # What people do to each other is all that some sources know, and what they write all of others; later stages read both.
    for table in (POSTS, INTERACTIONS):
        context.catalog.create(table)
    record(source, counts, context)
    say_consents(source, job.consent)
    return Outcome(metrics={"ingest": {short(table): total(counts[table]) for table in counts}})


def still_to_do(source: Opened, context: Context) -> list[Pending]:
    """The batches that the source holds and that `ops.batches` does not know, flow by flow."""
    merged = context.catalog.read_or_empty(BATCHES).where(F.col(SOURCE) == source.name)
    # One row per file and table: as small as the listing of the source itself.
    done = {tuple(row) for row in merged.select(BATCH_ID, "bronze_table", "silver_table").collect()}
    held = {dataset.name: [batch.id for batch in dataset.batches] for dataset in source.datasets}

    def left(flow: Flow) -> list[str]:
        bronze = source.bronze(flow.dataset).name
        return [batch for batch in held[flow.dataset] if (batch, bronze, flow.silver.name) not in done]

    return [Pending(flow, ids) for flow in source.flows if (ids := left(flow))]


def land(source: Opened, dataset: Dataset, pending: Sequence[Pending], context: Context) -> None:
    """Land in bronze the records of the batches that are not there yet, all of them in one commit. They are what bronze holds of
    these batches: of two runs that land the same ones at once, the second finds a conflict and no record is there twice."""
    catalog, bronze = context.catalog, source.bronze(dataset.name)
    wanted = sorted({batch for p in pending if p.flow.dataset == dataset.name for batch in p.batch_ids})
    if not wanted:
        return
    is_first_load = not catalog.exists(bronze) or catalog.read(bronze).isEmpty()
    missing = wanted if is_first_load else not_landed(wanted, catalog.read(bronze))
    if not missing:
        return
    context.progress.step(f"landing {dataset.name}")
    landing = {IS_FIRST_LOAD: F.lit(is_first_load), INGESTED_TS: F.lit(context.now)}
    try:
        catalog.replace_slice(bronze, dataset.read(missing).withColumns(landing), where={BATCH_ID: missing})
    except SocialSignalsError:
        raise
    except Exception:
        # Whole files are the rule: only when reading failed is each one unpacked to find those that are not.
        readable = dataset.read_what_is_left(missing)
        if readable is None:
            raise
        catalog.replace_slice(bronze, readable.withColumns(landing), where={BATCH_ID: missing})


def not_landed(batch_ids: Sequence[str], bronze: DataFrame) -> list[str]:
    """The batches of which bronze has no record."""
    there = bronze.where(F.col(BATCH_ID).isin(*batch_ids)).select(BATCH_ID).distinct()
    landed = {row[BATCH_ID] for row in there.collect()}
    return [batch for batch in batch_ids if batch not in landed]


def merge(
    source: Opened, table: Table, pending: Sequence[Pending], job: IngestJob, context: Context, *, key: str | None
) -> Counts:
    """Bring the pending batches from bronze to one silver table and its quarantine; rows by dataset, batch and outcome."""
    if not pending:
        return {}
    catalog = context.catalog
    context.progress.step(f"merging {table.name}")
    fields = [records_of(source, p, context) for p in pending]
    every = reduce(lambda one, more: one.unionByName(more, allowMissingColumns=True), fields)
    formats = source.timestamp_formats
    rows = settled(checked(every, table=table, now=context.now, timestamp_formats=formats, key=key), table=table)
    # Counted once, merged once and cut into quarantine once: without this every one of them would parse all records again.
    rows = rows.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        counts: Counts = {(p.flow.dataset, batch): {} for p in pending for batch in p.batch_ids}
        for row in rows.groupBy(DATASET, BATCH_ID, OUTCOME).count().collect():
            counts[row[DATASET], row[BATCH_ID]][row[OUTCOME]] = row["count"]
        catalog.merge(table, accepted(rows, table=table, source=source.name, history=job.ingest.history))
        if any(of_batch.get(QUARANTINED) for of_batch in counts.values()):
            refused = quarantined(rows, table=table, source=source.name, keep_records=key is None)
            catalog.merge(quarantine_of(table), refused)
    finally:
        rows.unpersist()
    log.info("%s: %s", table.name, ", ".join(f"{n} {what}" for what, n in total(counts).items()))
    return counts


def records_of(source: Opened, pending: Pending, context: Context) -> DataFrame:
    """The silver columns as text, from the bronze records of the pending batches."""
    flow, catalog = pending.flow, context.catalog
    known = {dataset.name for dataset in source.datasets}
    lookups = {name: catalog.read(source.bronze(name)) for name in flow.lookups if name in known}
    bronze = catalog.read(source.bronze(flow.dataset))
    return flow.fields(bronze.where(F.col(BATCH_ID).isin(pending.batch_ids)), lookups)


def record(source: Opened, counts: dict[Table, Counts], context: Context) -> None:
    """Write down which batches are merged, with their counts: from now on they are skipped."""
    rows = [
        {
            "batch_id": batch, "bronze_table": source.bronze(dataset).name, "silver_table": table.name, "source": source.name,
            "in_rows": sum(of_batch.values()), "accepted_rows": of_batch.get("accepted", 0),
            "duplicate_rows": of_batch.get("duplicate", 0), "quarantined_rows": of_batch.get(QUARANTINED, 0),
            "merged_ts": context.now,
        }
        for table, of_table in counts.items()
        for (dataset, batch), of_batch in of_table.items()
    ]  # fmt: skip
    if rows:
        context.catalog.merge(BATCHES, context.spark.createDataFrame(rows, BATCHES.schema))


def total(counts: Counts) -> dict[str, int]:
    """Rows of all batches together: in = accepted + duplicates + quarantined."""
    batches = list(counts.values())
    parts = {"accepted": "accepted", "duplicates": "duplicate", "quarantined": QUARANTINED}
    of_outcome = {name: sum(of_batch.get(outcome, 0) for of_batch in batches) for name, outcome in parts.items()}
    return {"in": sum(of_outcome.values()), **of_outcome}


def silver_tables(source: Opened) -> list[Table]:
    """The silver tables that the source fills, in the order of their contracts."""
    filled = {flow.silver.name for flow in source.flows}
    return [table for table in SILVER if table.name in filled]


def say_consents(source: Opened, consent: ConsentParams) -> None:
    if not source.knows_consents:
        log.info(
            "the source knows no consents: consent.default=%s holds for everybody who has said nothing", consent.default
        )


def plan(source: Opened, pending: Sequence[Pending]) -> list[str]:
    """What a run would do, one sentence a line."""
    if not pending:
        return [f"ingest: everything that {source.name} holds is merged already"]
    return [
        f"ingest: {len(p.batch_ids)} batches from {p.flow.dataset} to {source.bronze(p.flow.dataset).name} and {p.flow.silver.name}"
        for p in pending
    ]


def short(table: Table) -> str:
    return table.name.removeprefix("silver.")
