"""Where tables lie: the place of a contract in a lakehouse or a metastore, and what Delta's log says of the table there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from delta import DeltaTable
from pyspark.sql import DataFrame, Row, SparkSession

from social_signals.core.errors import ConfigError, ContractError, ResourceError
from social_signals.tables.commits import Origin, content_version, note_of
from social_signals.tables.newest import id_and_version, last_commits
from social_signals.tables.table import Table

CATALOG_KINDS = ("path", "metastore")
# Commits that are looked at before the whole log is: upkeep makes three at a time.
_LOOKED_BACK = 10


@dataclass
class CatalogParams:
    """Where tables live.

    kind `path`: `<root>/silver/posts`; kind `metastore`: `[name.]silver.posts` (Hive, Unity Catalog). `root` also holds
    what is not a table: models, the tracking file, reports. evolve: take on an added nullable column.
    """

    kind: str = "path"
    root: str = "lakehouse"
    name: str | None = None
    evolve: bool = False

    def __post_init__(self) -> None:
        if self.kind not in CATALOG_KINDS:
            raise ConfigError(f"catalog.kind is {self.kind!r}", hint=f"choose one of {', '.join(CATALOG_KINDS)}")
        if not self.root:
            raise ConfigError("catalog.root is empty", hint="name a folder, for example catalog.root=lakehouse")


class Store:
    """The places of contracts, and which versions lie there. Reads and writes no rows."""

    def __init__(self, spark: SparkSession, params: CatalogParams, *, run_id: str) -> None:
        self.spark = spark
        self.run_id = run_id
        # Delta takes no relative path in every place; where it is relative to is the file system's to say.
        self.params = replace(params, root=_qualified(spark, params.root))

    def address(self, table: Table) -> str:
        """The path or the metastore name of a contract."""
        if self.params.kind == "path":
            return f"{self.params.root.rstrip('/')}/{table.name.replace('.', '/')}"
        return f"{self.params.name}.{table.name}" if self.params.name else table.name

    def file(self, *parts: str) -> Path:
        """A place under the root for what is not a table: models, reports, the tracking file."""
        return Path(self.params.root.removeprefix("file:")).joinpath(*parts)

    def exists(self, table: Table) -> bool:
        if self.params.kind == "path":
            return DeltaTable.isDeltaTable(self.spark, self.address(table))
        return self.spark.catalog.tableExists(self.address(table))

    def snapshot(self, table: Table) -> tuple[str, int]:
        """The id of a table that exists and its newest version, upkeep or not. A table made anew has another id."""
        return id_and_version(self.spark, self._delta(table))

    def version(self, table: Table) -> int | None:
        """The newest Delta version, or None where the table does not exist."""
        return self._newest(table) if self.exists(table) else None

    def row_count(self, table: Table) -> int:
        """Rows of the newest version, answered from Delta's file statistics without reading data."""
        return self._load(table, version=None).count()

    def origin(self, table: Table) -> Origin | None:
        """Which table lies there and the newest version that changed its rows; None where there is none. A table made anew has
        another id. Where the log no longer tells, the newest version stands for it: what was made before looks out of date."""
        if not self.exists(table):
            return None
        delta = self._delta(table)
        table_id, _ = self.snapshot(table)
        commits = last_commits(self.spark, delta, _LOOKED_BACK)
        version = content_version(commits)
        if version is None:
            version = content_version(delta.history().select("version", "operation").collect())
        newest = int(commits[0]["version"]) if commits else 0
        return Origin(table_id, newest if version is None else version, newest)

    def commits(self, table: Table) -> list[Row]:
        """What was done to a table, newest first: version, operation, userMetadata."""
        if not self.exists(table):
            return []
        return self._delta(table).history().select("version", "operation", "userMetadata").collect()

    def notes(self, table: Table, *, newest: int) -> list[str]:
        """What the newest commits say beside who made them, newest first; empty where one says nothing. Read from the log alone."""
        if not self.exists(table):
            return []
        return [note_of(commit["userMetadata"]) for commit in last_commits(self.spark, self._delta(table), newest)]

    def require_writable(self) -> None:
        """Raise ResourceError unless a file can be written under the root; found before the cluster is paid for."""
        hadoop = self.spark.sparkContext._jvm.org.apache.hadoop.fs  # type: ignore[union-attr]
        conf = self.spark.sparkContext._jsc.hadoopConfiguration()
        try:
            probe = hadoop.Path(self.params.root, f".writable-{self.run_id}")
            fs = probe.getFileSystem(conf)
            fs.create(probe, True).close()
            fs.delete(probe, False)
        except Exception as error:
            reason = str(getattr(error, "java_exception", error)).splitlines()[0]
            raise ResourceError(
                f"nothing can be written under catalog.root={self.params.root}: {reason}",
                hint="choose a folder that this account may write, for example catalog.root=/tmp/lakehouse",
            ) from None

    def _delta(self, table: Table) -> DeltaTable:
        address = self.address(table)
        is_path = self.params.kind == "path"
        return DeltaTable.forPath(self.spark, address) if is_path else DeltaTable.forName(self.spark, address)

    def _newest(self, table: Table) -> int:
        return self.snapshot(table)[1]

    def _load(self, table: Table, *, version: int | None) -> DataFrame:
        reader = self.spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        return reader.load(self.address(table)) if self.params.kind == "path" else reader.table(self.address(table))

    def _refuse_foreign_files(self, table: Table) -> None:
        path = self.file(*table.name.split("."))
        if "://" not in self.params.root and path.is_dir() and any(path.glob("*.parquet")):
            raise ContractError(
                f"{path} holds files that are no Delta table of ours",
                hint="point catalog.root at an empty folder, or read those files with source=files",
            )


def _qualified(spark: SparkSession, root: str) -> str:
    """The root as an absolute path or address: `lakehouse` is in the working folder, or in the home on a cluster's HDFS."""
    hadoop = spark.sparkContext._jvm.org.apache.hadoop.fs  # type: ignore[union-attr]
    try:
        path = hadoop.Path(root)
        absolute = path.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()).makeQualified(path).toString()
    except Exception:
        # A file system that is not there is found, with advice, by require_writable.
        return root
    return str(absolute).removeprefix("file:")
