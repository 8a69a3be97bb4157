"""Looking after tables: their files are laid out anew and cleared away, and no row changes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pyspark.sql import Row
from pyspark.sql.types import StructType

from social_signals.core.errors import ConfigError, WriteConflictError
from social_signals.core.steps import named
from social_signals.tables.commits import UPKEEP
from social_signals.tables.conflicts import CONFLICTS
from social_signals.tables.store import Store
from social_signals.tables.table import LAYERS, Table

log = logging.getLogger(__name__)

# What Delta itself keeps at least: a reader or a change feed may still need files that were replaced less than so long ago.
LEAST_RETENTION_DAYS = 7.0
_RETENTION_CHECK = "spark.databricks.delta.retentionDurationCheck.enabled"
# Folders are listed by as many tasks, 10,000 unless the session says otherwise: hours of scheduling on one machine.
_LISTING = "spark.sql.sources.parallelPartitionDiscovery.parallelism"


@dataclass(frozen=True)
class Files:
    """The files that a table's newest version consists of."""

    count: int
    bytes: int


@dataclass(frozen=True)
class Cleared:
    """Files that no version within the retention refers to: those found, and what they took where they were deleted."""

    files: int
    bytes: int = 0


def unopened(name: str) -> Table:
    """A table of which only the name is known: enough to look after its files, not to read or write rows."""
    return Table(name, StructType([]), key=(), comment="")


class Upkeep(Store):
    """What is done to the files of tables, whatever is in them."""

    @property
    def _mark(self) -> str:
        """How our commits are told from a neighbour's in the Delta log, so that counts are taken from ours alone."""
        return f"social-signals run {self.run_id}"

    def stored(self) -> list[str]:
        """The names of all Delta tables in the layers, ours by contract or not, sorted."""
        return sorted(f"{layer}.{name}" for layer in LAYERS for name in self._stored_in(layer))

    def files(self, table: Table) -> Files:
        detail = self._detail(table)
        return Files(int(detail["numFiles"]), int(detail["sizeInBytes"]))

    @named("pack")
    def optimize(self, table: Table) -> bool:
        """Pack small files into large ones, rows near each other by the contract's `cluster_by` where the table has no clustering of
        its own. Returns whether anything was to do: a table whose rows nothing has changed since it was last done is left alone."""
        detail = self._detail(table)
        own_clustering = "clusteringColumns" in detail.asDict() and bool(detail["clusteringColumns"])
        by = [] if own_clustering else [c for c in table.cluster_by if c not in detail["partitionColumns"]]
        if int(detail["numFiles"]) == 0 or self._is_laid_out(table):
            return False
        self._say_who()
        before = self._newest(table)
        builder = self._delta(table).optimize()
        try:
            # Sorting a single file again would be work without a gain.
            if by and int(detail["numFiles"]) > 1:
                builder.executeZOrderBy(by)
            else:
                builder.executeCompaction()
        except CONFLICTS as error:
            raise WriteConflictError(
                f"{table.name} was changed while its files were laid out anew",
                hint="nothing is lost; the next run does it, at a time when nobody writes",
            ) from error
        return self._newest(table) > before

    def to_clear(self, table: Table, *, retention_days: float) -> Cleared:
        """What `clear` would delete: counted, not measured."""
        found = self.spark.sql(f"VACUUM {self._sql_name(table)} RETAIN {_hours(retention_days)} HOURS DRY RUN")
        return Cleared(found.count())

    @named("clear")
    def clear(self, table: Table, *, retention_days: float) -> Cleared:
        """Delete the files that no version of the last `retention_days` refers to (VACUUM). Where there are none nothing is
        done, and no commit says that nothing was. To be called within `clearing`."""
        if self.to_clear(table, retention_days=retention_days).files == 0:
            return Cleared(0)
        self._say_who()
        self._delta(table).vacuum(_hours(retention_days))
        said = {row["operation"]: row["operationMetrics"] or {} for row in reversed(self._history(table, 2))}
        started, ended = said.get("VACUUM START", {}), said.get("VACUUM END", {})
        return Cleared(int(ended.get("numDeletedFiles", 0)), int(started.get("sizeOfDataToDelete", 0)))

    @contextmanager
    def clearing(self, retention_days: float) -> Iterator[None]:
        """The session's settings while files are cleared: few tasks in local mode, a short retention where it was asked for."""
        settings = {}
        if str(self.spark.sparkContext.master).startswith("local"):
            settings[_LISTING] = str(2 * self.spark.sparkContext.defaultParallelism)
        if retention_days < LEAST_RETENTION_DAYS:
            settings[_RETENTION_CHECK] = "false"
        before = {key: self.spark.conf.get(key, None) for key in settings}
        for key, value in settings.items():
            self.spark.conf.set(key, value)
        try:
            yield
        finally:
            for key, was in before.items():
                if was is None:
                    self.spark.conf.unset(key)
                else:
                    self.spark.conf.set(key, was)

    # Parts ----------------------------------------------------------------------------------------------------------

    def _say_who(self) -> None:
        # Whatever the session said for its last write would be said of this commit too, a note of slices among it.
        self.spark.conf.set("spark.databricks.delta.commitInfo.userMetadata", self._mark)

    def _stored_in(self, layer: str) -> list[str]:
        if self.params.kind == "path":
            folder = self._hadoop_path(f"{self.params.root.rstrip('/')}/{layer}")
            fs = folder.getFileSystem(self.spark.sparkContext._jsc.hadoopConfiguration())
            found = [str(s.getPath().getName()) for s in fs.listStatus(folder)] if fs.exists(folder) else []
            return [name for name in found if self.exists(unopened(f"{layer}.{name}"))]
        schema = f"{self.params.name}.{layer}" if self.params.name else layer
        if not self.spark.catalog.databaseExists(schema):
            return []
        names = [
            row["tableName"] for row in self.spark.sql(f"SHOW TABLES IN {schema}").collect() if not row["isTemporary"]
        ]
        return [name for name in names if self._is_delta(unopened(f"{layer}.{name}"))]

    def _is_delta(self, table: Table) -> bool:
        described = self.spark.sql(f"DESCRIBE TABLE EXTENDED {self.address(table)}")
        provider = described.where("col_name = 'Provider'").select("data_type").first()
        return provider is not None and str(provider[0]).lower() == "delta"

    def _hadoop_path(self, text: str):  # type: ignore[no-untyped-def]
        return self.spark.sparkContext._jvm.org.apache.hadoop.fs.Path(text)  # type: ignore[union-attr]

    def _detail(self, table: Table) -> Row:
        detail = self._delta(table).detail().first()
        if detail is None:
            raise ConfigError(f"{table.name} tells nothing of itself", hint="check catalog.root and catalog.name")
        return detail

    def _history(self, table: Table, limit: int) -> list[Row]:
        columns = ("version", "operation", "operationParameters", "operationMetrics")
        return self._delta(table).history(limit).select(*columns).collect()

    def _is_laid_out(self, table: Table) -> bool:
        """Whether the newest commit but clearing and describing is an OPTIMIZE by the columns that it would be done by now."""
        for commit in self._history(table, 20):
            if commit["operation"] == "OPTIMIZE":
                by = str((commit["operationParameters"] or {}).get("zOrderBy", "[]"))
                return all(f'"{column}"' in by for column in table.cluster_by)
            if commit["operation"] not in UPKEEP:
                return False
        return False

    def _sql_name(self, table: Table) -> str:
        return f"delta.`{self.address(table)}`" if self.params.kind == "path" else self.address(table)


def _hours(days: float) -> float:
    return round(24 * days, 4)
