"""What Delta's log says of a table now, asked as Delta's own readers ask: a few milliseconds, where its public answers are Spark
jobs of 100 to 200 each (and ten times that for the first one of a process). Where a platform's Delta is another one inside, the public answers are taken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from delta import DeltaTable
from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

# What is found missing inside another Delta, and a commit that does not begin with who made it.
_OTHERWISE = (Py4JError, TypeError, AttributeError, KeyError, ValueError)
_TOLD = ("version", "operation", "operationParameters", "operationMetrics", "userMetadata")


def id_and_version(spark: SparkSession, table: DeltaTable) -> tuple[str, int]:
    """The id of a table and its newest version. A table made anew has another id."""
    try:
        snapshot = _snapshot(spark, table)
        return str(snapshot.metadata().id()), int(snapshot.version())
    except _OTHERWISE:
        detail, commit = table.detail().select("id").first(), table.history(1).select("version").first()
        # Whatever Delta calls a table has a commit.
        return str(detail["id"]) if detail else "", int(commit["version"]) if commit else 0


def is_empty(spark: SparkSession, table: DeltaTable) -> bool:
    """Whether the newest version consists of no file."""
    try:
        files = _snapshot(spark, table).numOfFilesIfKnown()
        if files.isDefined():
            return int(files.get()) == 0
    except _OTHERWISE:
        pass
    detail = table.detail().select("numFiles").first()
    return detail is not None and detail["numFiles"] == 0


def last_commits(spark: SparkSession, table: DeltaTable, limit: int) -> list[Mapping[str, Any]]:
    """The newest commits, newest first: version, operation, operationParameters, operationMetrics, userMetadata; fewer where the
    log has forgotten older ones."""
    try:
        return _commits_in_the_log(spark, table, limit)
    except _OTHERWISE:
        return [row.asDict() for row in table.history(limit).select(*_TOLD).collect()]


def _snapshot(spark: SparkSession, table: DeltaTable) -> Any:
    none = spark.sparkContext._jvm.scala.Option.apply(None)  # type: ignore[union-attr]
    return table._jdt.deltaLog().update(False, none, none)  # type: ignore[attr-defined,unused-ignore]


def _commits_in_the_log(spark: SparkSession, table: DeltaTable, limit: int) -> list[Mapping[str, Any]]:
    newest = int(_snapshot(spark, table).version())
    log = table._jdt.deltaLog()  # type: ignore[attr-defined,unused-ignore]
    path_of, conf = spark.sparkContext._jvm.org.apache.hadoop.fs.Path, spark.sparkContext._jsc.hadoopConfiguration()  # type: ignore[union-attr]
    found: list[Mapping[str, Any]] = []
    for version in range(newest, max(-1, newest - limit), -1):
        place = path_of(log.logPath(), f"{version:020d}.json")
        if not place.getFileSystem(conf).exists(place):
            break
        # The protocol puts who made a commit first among its actions.
        lines = log.store().readAsIterator(place, conf)
        try:
            info = json.loads(lines.next())["commitInfo"]
        finally:
            lines.close()
        found.append({name: info.get(name) for name in _TOLD} | {"version": version})
    if not found:
        raise ValueError(f"no commit of version {newest} in the log")
    return found
