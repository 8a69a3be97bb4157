"""Records' text to settled rows: typed, checked, one a key; what is not accepted is a duplicate or has its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import MapType, StringType

from social_signals.core.times import EPOCH
from social_signals.governance import pseudonym
from social_signals.ingest.checks import Raw, reasons
from social_signals.ingest.source import CARRIED, LANDED_TS, PROBLEM
from social_signals.ingest.values import KIND_SYNONYMS, absent_if_empty, typed, visible
from social_signals.tables.silver import (
    ATTRIBUTES,
    BATCH_ID,
    BIO,
    CURRENCY,
    DISPLAY_NAME,
    FILE,
    HANDLE,
    INGESTED_TS,
    IS_FIRST_LOAD,
    KIND,
    PURPOSE,
    REASONS,
    RECORD,
    RECORD_HASH,
    SOURCE,
    USERS,
    event_time_column,
    quarantine_of,
)
from social_signals.tables.table import Table

OUTCOME = "outcome"
ACCEPTED, DUPLICATE, QUARANTINED = "accepted", "duplicate", "quarantined"
OUTCOMES = (ACCEPTED, DUPLICATE, QUARANTINED)
SUPERSEDED = "another record has the same key and is newer, or as new and differs"
NAMING = (HANDLE, DISPLAY_NAME, BIO, ATTRIBUTES)
_RANK, _HASH, _WINNER = "_rank", "_hash", "_winner"


def checked(
    fields: DataFrame, *, table: Table, now: datetime, timestamp_formats: Sequence[str] = (), key: str | None = None
) -> DataFrame:
    """One row per record: the table's columns typed, `reasons` why it may not enter (empty = none), and CARRIED.

    fields: silver columns as text, those the source knows, with `problem` and CARRIED. key: with one, ids are pseudonyms
    and what names a person is dropped.
    """
    own = [f for f in table.schema if f.name not in (INGESTED_TS, SOURCE)]
    text_of = {f.name: f.name if isinstance(f.dataType, StringType) else f"_{f.name}" for f in own}
    # In steps, so that a name stands for what was computed: nested, each function's text would be compiled many times.
    seen = fields.select(*CARRIED, PROBLEM, *(_visible(fields, f.name, table, key).alias(f.name) for f in own))
    words = seen.select(*CARRIED, PROBLEM, *(_in_one_spelling(f.name).alias(f.name) for f in own))
    cleaned = words.select(*CARRIED, PROBLEM, *(_identity(f.name, table, key).alias(text_of[f.name]) for f in own))
    raws = [Raw(f.name, text_of[f.name], f.dataType) for f in own if text_of[f.name] != f.name]
    values = {r.name: typed(F.col(r.text), r.kind, timestamp_formats=timestamp_formats) for r in raws}
    found = reasons(table, required=[f.name for f in own if not f.nullable], raws=raws, now=now)
    all_reasons = F.when(F.col(PROBLEM).isNotNull(), F.array(PROBLEM)).otherwise(found)
    rows = cleaned.withColumns(values).withColumn(REASONS, all_reasons)
    return rows.select(*CARRIED, REASONS, *(f.name for f in own))


def settled(rows: DataFrame, *, table: Table) -> DataFrame:
    """`checked` rows with an `outcome`: per key the newest is accepted, its identical copies are duplicates.

    A copy with other content is quarantined with a reason. Among equally new ones the greatest hash of content wins, so
    the answer depends neither on order nor on the cluster. `record` stays with what is quarantined only.
    """
    own = [f for f in table.schema if f.name not in (INGESTED_TS, SOURCE)]
    is_valid = F.size(REASONS) == 0
    # Rows that failed may share a null key; their own record spreads them over the cluster.
    group = [F.when(is_valid, F.col(k)) for k in table.key] + [F.when(~is_valid, F.xxhash64(RECORD))]
    time = event_time_column(table)
    newest = [F.col(time).desc_nulls_last()] if time and time not in table.key else []
    order = Window.partitionBy(*group).orderBy(*newest, F.col(_HASH).desc())
    ranked = (
        rows.withColumn(_HASH, content_hash([(f.name, isinstance(f.dataType, MapType)) for f in own]))
        .withColumn(_RANK, F.row_number().over(order))
        .withColumn(_WINNER, F.first(_HASH).over(order.rowsBetween(Window.unboundedPreceding, Window.currentRow)))
    )
    is_copy = F.col(_HASH) == F.col(_WINNER)
    outcome = (
        F.when(~is_valid, QUARANTINED).when(F.col(_RANK) == 1, ACCEPTED).when(is_copy, DUPLICATE).otherwise(QUARANTINED)
    )
    is_superseded = is_valid & (F.col(OUTCOME) == QUARANTINED)
    all_reasons = F.when(is_superseded, F.array(F.lit(SUPERSEDED))).otherwise(F.col(REASONS))
    # What became a row need not carry its record any further; kept, it is half of what a job has to cache.
    record = F.when(F.col(OUTCOME) == QUARANTINED, F.col(RECORD))
    named = ranked.withColumn(OUTCOME, outcome).withColumns({REASONS: all_reasons, RECORD: record})
    return named.drop(_RANK, _HASH, _WINNER)


def accepted(rows: DataFrame, *, table: Table, source: str, history: bool) -> DataFrame:
    """The rows that enter silver, columns as in the contract.

    `ingested_ts` is when the record landed; in a first load of history it is the row's own time, or the epoch where it has
    none, because what happened was known then although we were not there to see it.
    """
    time = event_time_column(table)
    own_time = F.coalesce(F.col(time), F.lit(EPOCH)) if time else F.lit(EPOCH)
    seen = F.when(F.col(IS_FIRST_LOAD), own_time).otherwise(F.col(LANDED_TS)) if history else F.col(LANDED_TS)
    stamped = rows.where(F.col(OUTCOME) == ACCEPTED).withColumn(INGESTED_TS, seen).withColumn(SOURCE, F.lit(source))
    return stamped.select(*table.columns)


def quarantined(rows: DataFrame, *, table: Table, source: str, keep_records: bool) -> DataFrame:
    """The rows that were refused, columns as in the quarantine's contract. Without `keep_records` only a hash remains."""
    same = Window.partitionBy(BATCH_ID, RECORD).orderBy(FILE)
    refused = rows.where(F.col(OUTCOME) == QUARANTINED).withColumn(_RANK, F.row_number().over(same))
    identity = F.concat_ws("|", BATCH_ID, F.coalesce(F.col(RECORD), F.lit("")), F.col(_RANK).cast("string"))
    record = F.col(RECORD) if keep_records else F.lit(None).cast("string")
    named = refused.withColumns({RECORD_HASH: F.sha2(identity, 256), RECORD: record, SOURCE: F.lit(source)})
    return named.withColumnRenamed(LANDED_TS, INGESTED_TS).select(*quarantine_of(table).columns)


def content_hash(columns: Sequence[tuple[str, bool]]) -> Column:
    """64 bits of every column's content; (name, is_map). Null differs from every value and from a null elsewhere."""
    parts: list[Column] = []
    for name, is_map in columns:
        value = F.to_json(F.sort_array(F.map_entries(name))) if is_map else F.col(name)
        # Spark's hash passes over a null: without the flag (a, null) and (null, a) would be the same content.
        parts += [value, value.isNull()]
    return F.xxhash64(*parts)


def _visible(fields: DataFrame, name: str, table: Table, key: str | None) -> Column:
    is_dropped = key is not None and table is USERS and name in NAMING
    if name not in fields.columns or is_dropped:
        return F.lit(None).cast("string")
    return visible(F.col(name))


def _in_one_spelling(name: str) -> Column:
    text = absent_if_empty(F.col(name))
    if name in (KIND, PURPOSE):
        return F.lower(text)
    return F.upper(text) if name == CURRENCY else text


def _identity(name: str, table: Table, key: str | None) -> Column:
    if name == KIND:
        synonyms = F.create_map(*(F.lit(x) for pair in KIND_SYNONYMS.items() for x in pair))
        return F.coalesce(synonyms[F.col(name)], F.col(name))
    is_person = name in table.subject_columns
    return pseudonym(F.col(name), key=key) if key is not None and is_person else F.col(name)
