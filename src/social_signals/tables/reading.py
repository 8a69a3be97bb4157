"""Tables are read by contract, at a known version; and what was read is told from what is there now."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructField

from social_signals.core import logs
from social_signals.core.errors import ContractError
from social_signals.core.steps import named
from social_signals.tables.checks import drift, require_contract
from social_signals.tables.commits import ABSENT
from social_signals.tables.store import CatalogParams
from social_signals.tables.table import Table
from social_signals.tables.upkeep import Upkeep, unopened

log = logging.getLogger(__name__)


class Reading(Upkeep):
    """What is read of tables. Remembers the version of each that was read, and every table that was looked at."""

    def __init__(self, spark: SparkSession, params: CatalogParams, *, run_id: str) -> None:
        super().__init__(spark, params, run_id=run_id)
        self.read_versions: dict[str, int] = {}
        self.looked_at: dict[str, Table] = {}

    def exists(self, table: Table) -> bool:
        self.looked_at[table.name] = table
        return super().exists(table)

    @named("read")
    def read(self, table: Table, *, version: int | None = None) -> DataFrame:
        """The rows of a table, columns as in its contract. Raises ContractError where it is missing or another shape."""
        if not self.exists(table):
            raise ContractError(
                f"there is no table {table.name} at {self.address(table)}",
                hint="run the job that makes it first (ARCHITECTURE.md lists which), or check catalog.root",
            )
        pinned = self._newest(table) if version is None else version
        frame = self._load(table, version=pinned)
        found = drift(frame.schema, table.schema)
        may_be_added = self._may_be_absent(table, found.missing)
        if found.retyped or (found.missing and not may_be_added):
            require_contract(table, frame.schema, what="The stored table")
        if self.read_versions.get(table.name) != pinned:
            said = {logs.TABLE: table.name, logs.VERSION: pinned, logs.FOR_MACHINES: True}
            log.info("%s: read at version %d", table.name, pinned, extra=said)
        self.read_versions[table.name] = pinned
        if frame.columns == list(table.columns):
            return frame
        added = {f.name: F.lit(None).cast(f.dataType) for f in found.missing}
        return frame.withColumns(added).select(*table.columns)

    def read_or_empty(self, table: Table) -> DataFrame:
        """As `read`; a frame without rows where the table has not been made yet."""
        if self.exists(table):
            return self.read(table)
        # The limit lets the optimiser see that there is nothing, and leave out what is joined with it.
        return self.spark.createDataFrame([], table.schema).limit(0)

    @named("read what changed in")
    def changed_keys(self, table: Table, *, since: int, until: int) -> DataFrame | None:
        """The distinct keys of the rows inserted or updated after version `since`, up to and with `until`.

        None where the change feed does not reach back that far: it was vacuumed, or the table was made anew.
        """
        kinds = ("insert", "update_postimage")
        return self._change_feed(table, table.key, kinds=kinds, since=since, until=until)

    @named("read what changed in")
    def changed_rows(self, table: Table, columns: Sequence[str], *, since: int, until: int) -> DataFrame | None:
        """The distinct values of `columns` in every row inserted, deleted or updated, as it was and as it became, after
        version `since` up to and with `until`; None as in `changed_keys`. since -1: before the table was there."""
        kinds = ("insert", "delete", "update_preimage", "update_postimage")
        return self._change_feed(table, columns, kinds=kinds, since=since, until=until)

    def _change_feed(
        self, table: Table, columns: Sequence[str], *, kinds: Sequence[str], since: int, until: int
    ) -> DataFrame | None:
        reader = self.spark.read.format("delta").option("readChangeFeed", "true")
        reader = reader.option("startingVersion", since + 1).option("endingVersion", until)
        try:
            path = self.params.kind == "path"
            feed = reader.load(self.address(table)) if path else reader.table(self.address(table))
            changed = feed.where(F.col("_change_type").isin(*kinds))
            # Read here and now: files that have been vacuumed are missed when they are read, not before.
            return changed.select(*columns).distinct().localCheckpoint()
        except (AnalysisException, Py4JJavaError):
            said = {logs.TABLE: table.name, logs.VERSION: since + 1}
            log.info(
                "%s has no change feed from version %d on: all of it is looked at", table.name, since + 1, extra=said
            )
            return None

    def read_stream(self, table: Table) -> DataFrame:
        """The table as an unbounded source of appended rows, columns as in its contract."""
        reader = self.spark.readStream.format("delta").option("ignoreChanges", "true")
        address = self.address(table)
        frame = reader.load(address) if self.params.kind == "path" else reader.table(address)
        return frame.select(*table.columns)

    def changed_since(self, seen: Mapping[str, str]) -> list[str]:
        """The tables of `seen` whose rows are no longer what they were then: changed, made anew, gone, or come to be. Upkeep
        changes none."""
        return [name for name, identity in sorted(seen.items()) if not self._is_still(unopened(name), identity)]

    def _is_still(self, table: Table, identity: str) -> bool:
        if not super().exists(table):
            return identity == ABSENT
        table_id, newest = self.snapshot(table)
        then_id, _, then = identity.rpartition("@")
        if table_id != then_id:
            return False
        if newest <= int(then):
            return True
        origin = self.origin(table)
        return origin is not None and origin.version <= int(then)

    def _may_be_absent(self, table: Table, missing: Sequence[StructField]) -> bool:
        """Whether a stored table may lack these columns: the contract gained them later, or evolution was asked for."""
        return all(f.nullable and (self.params.evolve or f.name in table.added) for f in missing)
