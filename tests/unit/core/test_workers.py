"""A worker of Python settles in its first task; what is no worker stays as it is."""

from __future__ import annotations

import gc
import importlib
import zipimport
from collections.abc import Iterable

import pandas as pd
from pyspark.sql import SparkSession

from social_signals.core.workers import settle, settled


def _zips_read_anew() -> int:
    """How many zips on the path read their directory when all finders are told to look again, as before every task."""
    read: list[str] = []
    original = zipimport._read_directory

    def reading(archive: str) -> object:
        read.append(archive)
        return original(archive)

    zipimport._read_directory = reading
    try:
        importlib.invalidate_caches()
    finally:
        zipimport._read_directory = original
    return len(read)


def test_a_settled_worker_collects_and_reads_nothing_between_tasks(spark_session: SparkSession) -> None:
    def look(batches: Iterable[pd.DataFrame]) -> Iterable[pd.DataFrame]:
        frozen, zips = gc.get_freeze_count(), _zips_read_anew()
        for batch in batches:
            yield batch.assign(frozen=frozen, zips=zips)

    rows = spark_session.range(0, 4, 1, 4)
    looks = rows.mapInPandas(settled(look), "id long, frozen long, zips long").collect()
    assert [row["id"] for row in looks] == [0, 1, 2, 3]
    assert all(row["frozen"] > 10_000 for row in looks)
    assert all(row["zips"] == 0 for row in looks)


def test_outside_a_task_nothing_happens() -> None:
    frozen, found = gc.get_freeze_count(), zipimport.zipimporter.invalidate_caches
    settle()
    assert gc.get_freeze_count() == frozen
    assert zipimport.zipimporter.invalidate_caches is found
