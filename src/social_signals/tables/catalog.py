"""The catalog: the only thing that reads, merges, overwrites or streams tables, at the places that `Store` knows."""

from __future__ import annotations

import contextvars
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from typing import TypeVar

from delta import DeltaTable
from pyspark.sql import Column, DataFrame, DataFrameWriter, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.types import StructType

from social_signals.core import logs
from social_signals.core.steps import named
from social_signals.tables.checks import drift, require_contract
from social_signals.tables.commits import (
    ABSENT,
    Commit,
    Slice,
    content_differs,
    identity_of,
    mark_of,
    marked,
    properties,
    rows_of,
    slice_condition,
    total_rows,
)
from social_signals.tables.conflicts import (
    CONFLICTS,
    EVERYTHING,
    IS_GONE,
    attempts_used_up,
    first_load,
    key_condition,
    lost_slice,
    successors,
    taken_by,
    within,
)
from social_signals.tables.failures import in_our_words
from social_signals.tables.newest import is_empty, last_commits
from social_signals.tables.reading import Reading
from social_signals.tables.store import CatalogParams
from social_signals.tables.table import Table

log = logging.getLogger(__name__)

WRITE_ATTEMPTS = 5
_REMEMBERED_COMMITS = 10

T = TypeVar("T")


@dataclass(frozen=True)
class Written:
    """What a run left in a table: rows it wrote in all its commits, and the version after the last of them.

    total: rows that the table held then; None where its log does not tell.
    """

    rows: int
    version: int
    total: int | None = None


class Catalog(Reading):
    """Reads and writes contracts. Remembers the version of what it read and wrote, for the ledger and the model card."""

    def __init__(self, spark: SparkSession, params: CatalogParams, *, run_id: str) -> None:
        super().__init__(spark, params, run_id=run_id)
        self.written: dict[str, Written] = {}
        self.written_tables: dict[str, Table] = {}

    def seen(self) -> dict[str, str]:
        """What this run has gone by and left: table -> its identity (`identity_of`) at the version written, else at the one read,
        else, where it was only looked at, now; `ABSENT` where there is none. One that changes afterwards has changed for the run."""
        found = {}
        for name, table in sorted(self.looked_at.items()):
            table_id, newest = self.snapshot(table) if super().exists(table) else (ABSENT, -1)
            own = self.written[name].version if name in self.written else self.read_versions.get(name, newest)
            found[name] = ABSENT if table_id == ABSENT else identity_of(table_id, own)
        return found

    def absorb(self, stage: Catalog) -> None:
        """Take over what the catalog of a stage of this run has read and written."""
        self.read_versions.update(stage.read_versions)
        self.written_tables.update(stage.written_tables)
        for name, written in stage.written.items():
            earlier = self.written.get(name, Written(0, 0)).rows
            self.written[name] = replace(written, rows=earlier + written.rows)

    def rows_after(self) -> dict[str, int]:
        """Name -> rows, for each table that this catalog has written."""
        known = {name: written.total for name, written in self.written.items()}
        tables = [self.written_tables[name] for name, total in known.items() if total is None]
        counts = [self._load(t, version=None).agg(F.count("*")).select(F.lit(t.name), "count(1)") for t in tables]
        counted = {row[0]: row[1] for row in reduce(DataFrame.unionAll, counts).collect()} if counts else {}
        return {name: counted[name] if total is None else total for name, total in known.items()}

    # Writing --------------------------------------------------------------------------------------------------------

    @named("write")
    def append(self, table: Table, rows: DataFrame, *, note: str = "") -> Written:
        """Add rows. For append-only tables (the ledger): a repeat of the call adds them again. note: as in `replace_slice`."""
        writer = self._writer(table, rows).mode("append")
        return self._commit(table, lambda: self._save(table, writer), note=note)

    @named("write")
    def replace_slice(
        self,
        table: Table,
        rows: DataFrame,
        *,
        as_of: datetime | Sequence[datetime] | None = None,
        where: Slice | None = None,
        note: str = "",
    ) -> Written:
        """Replace the rows of one slice (`as_of`, or any columns in `where`) and no others; running it twice is once.

        note: said beside the run in the commit's userMetadata, so that it is there exactly when the rows are. Raises ContractError
        where a row lies outside the slice that it is meant to replace, WriteConflictError where another run has written the same
        slice meanwhile: its rows stay.
        """
        chosen: Slice = {**({"as_of": as_of} if as_of is not None else {}), **(where or {})}
        condition = slice_condition(chosen)
        writer = self._writer(table, rows).mode("overwrite").option("replaceWhere", condition)
        return self._commit(table, lambda: self._save(table, writer), note=note, condition=condition)

    @named("write")
    def replace(self, table: Table, rows: DataFrame) -> Written:
        """Replace all rows of a table, keeping its history. Raises WriteConflictError as `replace_slice`."""
        writer = self._writer(table, rows).mode("overwrite")
        return self._commit(table, lambda: self._save(table, writer), condition=EVERYTHING)

    @named("merge")
    def merge(self, table: Table, rows: DataFrame, *, where: Slice | None = None) -> Written:
        """Insert rows with a new key; update those whose content differs from what the key holds; leave the rest alone.

        The caller has made the key unique. `ingested_ts` and `source` alone do not make a row different. where: partitions in which
        all the rows lie, where they are known; merges into different ones then do not wait for each other. Raises ContractError
        where a row lies outside.
        """
        prepared = self._prepare(table, rows)
        if where is not None:
            prepared = within(prepared, table, where)

        def merged() -> None:
            matched = self._delta(table).alias("old").merge(prepared.alias("new"), key_condition(table, where))
            matched.whenMatchedUpdateAll(condition=content_differs(table)).whenNotMatchedInsertAll().execute()

        return self._loaded_first(table, prepared) or self._commit(table, merged)

    @named("write")
    def replace_keys(self, table: Table, rows: DataFrame, *, keys: DataFrame) -> Written:
        """Replace everything the table says about the `keys` (a frame of some of its key columns) by `rows`, in one commit: who
        reads meanwhile, or dies, never finds them gone, and of two runs at once neither adds to what the other wrote."""
        prepared = self._prepare(table, rows)

        def replaced() -> None:
            source = successors(prepared, self._load(table, version=None), table, keys=keys)
            values: dict[str, str | Column] = {f"`{name}`": f"new.`{name}`" for name in prepared.columns}
            matched = self._delta(table).alias("old").merge(source.alias("new"), key_condition(table, None))
            stays = f"NOT new.`{IS_GONE}`"
            matched = matched.whenMatchedDelete(f"new.`{IS_GONE}`").whenMatchedUpdate(stays, values)
            matched.whenNotMatchedInsert(stays, values).execute()

        return self._loaded_first(table, prepared) or self._commit(table, replaced)

    @named("delete from")
    def delete(self, table: Table, condition: Column) -> Written:
        """Delete the rows that meet a condition."""
        return self._commit(table, lambda: self._delta(table).delete(condition))

    def merge_stream(
        self, table: Table, stream: DataFrame, *, checkpoint: str, forever: bool = False
    ) -> StreamingQuery:
        """Merge each micro-batch on the key, so that a replayed one changes nothing. Ends when caught up, unless forever."""

        # Spark calls back in a thread of its own, which does not know for which stage it works.
        lane = contextvars.copy_context()

        def merge_batch(batch: DataFrame, _: int) -> None:
            lane.run(self.merge, table, batch)

        writer = stream.writeStream.foreachBatch(merge_batch).option("checkpointLocation", checkpoint)
        return (writer if forever else writer.trigger(availableNow=True)).start()

    def create(self, table: Table) -> None:
        """Make an empty table with its properties, if it is not there yet."""
        if self.exists(table):
            return
        builder = DeltaTable.createIfNotExists(self.spark)
        if self.params.kind == "path":
            self._refuse_foreign_files(table)
            builder = builder.location(self.address(table))
        else:
            self.spark.sql(f"CREATE SCHEMA IF NOT EXISTS {self.address(table).rpartition('.')[0]}")
            builder = builder.tableName(self.address(table))
        builder = builder.addColumns(table.schema).comment(table.comment)
        for key, value in properties(table).items():
            builder = builder.property(key, value)
        if table.partition:
            builder = builder.partitionedBy(*table.partition)
        try:
            self._explained(table, builder.execute)
        except CONFLICTS:
            # Of two runs that make the same table at once, one has. Whether it is there Delta would say from what it remembers, and
            # the second attempt looks first.
            self._explained(table, builder.execute)

    # Parts ----------------------------------------------------------------------------------------------------------

    def _is_empty(self, table: Table) -> bool:
        # Told by the log alone; asking for a row would read the table's whole state first.
        return is_empty(self.spark, self._delta(table))

    def _prepare(self, table: Table, rows: DataFrame) -> DataFrame:
        """Both schemas checked, columns in the stored order, the table there."""
        self.create(table)
        stored = self._load(table, version=None).schema
        expected = StructType([*table.schema, *drift(stored, table.schema).extra])
        against_contract = drift(rows.schema, expected)
        extra_ok = self.params.evolve
        missing_ok = all(f.name not in table.columns for f in against_contract.missing)
        if against_contract.retyped or not missing_ok or (against_contract.extra and not extra_ok):
            require_contract(table, rows.schema, what="What is written")
        against_stored = drift(stored, table.schema)
        lacks_ok = self._may_be_absent(table, against_stored.missing)
        if against_stored.retyped or (against_stored.missing and not lacks_ok):
            require_contract(table, stored, what="The stored table")
        absent = {f.name: F.lit(None).cast(f.dataType) for f in against_contract.missing}
        added = [*against_stored.missing, *against_contract.extra]
        if added:
            self._add_columns(table, StructType(added))
            stored = self._load(table, version=None).schema
        return rows.withColumns(absent).select(*stored.names)

    def _add_columns(self, table: Table, added: StructType) -> None:
        address = self.address(table)
        name = f"delta.`{address}`" if self.params.kind == "path" else address
        columns = ", ".join(f"`{f.name}` {f.dataType.simpleString()}" for f in added)
        self.spark.sql(f"ALTER TABLE {name} ADD COLUMNS ({columns})")
        said = {logs.TABLE: table.name}
        log.info("%s takes on the columns %s", table.name, ", ".join(added.names), extra=said)

    def _writer(self, table: Table, rows: DataFrame, *, is_prepared: bool = False) -> DataFrameWriter:
        prepared = rows if is_prepared else self._prepare(table, rows)
        return prepared.write.format("delta")

    def _save(self, table: Table, writer: DataFrameWriter) -> None:
        if self.params.kind == "path":
            writer.save(self.address(table))
        else:
            writer.saveAsTable(self.address(table))

    def _commit(
        self, table: Table, write: Callable[[], object], *, note: str = "", condition: str | None = None
    ) -> Written:
        """Write, and take the counts from Delta's own commit. condition: the slice that is replaced, whatever it holds."""
        self._written_by_us(table, write, note=note, condition=condition)
        return self._account(table, self._latest(table))

    def _loaded_first(self, table: Table, rows: DataFrame) -> Written | None:
        """Fill a table that is empty, where there is nothing to compare with; None where it is not, or another run came first."""
        if not self._is_empty(table):
            return None
        writer = self._writer(table, rows, is_prepared=True).mode("overwrite").options(**first_load(table))
        self._written_by_us(table, lambda: self._save(table, writer))
        commits = self._latest(table)
        return self._account(table, commits) if self._ours(table, commits) else None

    def _written_by_us(
        self, table: Table, write: Callable[[], object], *, note: str = "", condition: str | None = None
    ) -> None:
        """Write, again with back-off where another writer came first and that is safe (`conflicts`)."""
        # Set at each write: a pipeline and its stages are several catalogs on one session.
        self.spark.conf.set("spark.databricks.delta.commitInfo.userMetadata", marked(self._mark, note))
        since = self._newest(table) if condition else 0
        for attempt in range(1, WRITE_ATTEMPTS + 1):
            try:
                self._explained(table, write)
                return
            except CONFLICTS as error:
                if attempt == WRITE_ATTEMPTS:
                    raise attempts_used_up(table, attempt) from error
                said = {logs.TABLE: table.name}
                log.warning("%s was changed by another writer, trying again (%d)", table.name, attempt, extra=said)
                self._wait(attempt)
                if condition and (winner := self._winner(table, condition, since=since)):
                    raise lost_slice(table, condition, winner=winner) from error

    def _wait(self, attempt: int) -> None:
        # Writers that collided once must not meet again in step; the wait decides nothing that is written.
        time.sleep(2**attempt * random.uniform(0.5, 1.0))

    def _winner(self, table: Table, condition: str, *, since: int) -> str | None:
        """Who else has written the slice after version `since`."""
        commits = self._delta(table).history().where(F.col("version") > since)
        told = commits.select("version", "operation", "userMetadata").collect()

        def files_at(version: int) -> set[str]:
            return set(self._load(table, version=version).where(condition).inputFiles())

        return taken_by(told, ours=self._mark, files_at=files_at)

    def _latest(self, table: Table) -> Sequence[Commit]:
        return last_commits(self.spark, self._delta(table), _REMEMBERED_COMMITS)

    def _ours(self, table: Table, commits: Sequence[Commit]) -> list[Commit]:
        """Of these commits those of this run that have not been counted yet."""
        earlier = self.written.get(table.name, Written(0, -1))
        return [c for c in commits if mark_of(c["userMetadata"]) == self._mark and c["version"] > earlier.version]

    def _account(self, table: Table, commits: Sequence[Commit]) -> Written:
        earlier = self.written.get(table.name, Written(0, -1))
        ours = self._ours(table, commits)
        rows = sum(rows_of(c["operationMetrics"] or {}) for c in ours)
        version = max(int(c["version"]) for c in ours or commits)
        total = total_rows([c for c in reversed(commits) if c["version"] <= version])
        self.written[table.name] = Written(earlier.rows + rows, version, total)
        self.written_tables[table.name] = table
        said = {logs.TABLE: table.name, logs.VERSION: version, logs.ROWS: rows}
        log.info("%s: %d rows written, version %d", table.name, rows, version, extra=said)
        return Written(rows=rows, version=version)

    def _explained(self, table: Table, action: Callable[[], T]) -> T:
        try:
            return action()
        except CONFLICTS:
            raise
        except Exception as error:
            told = in_our_words(error, table=table.name, address=self.address(table))
            if told is None:
                raise
            raise told from error
