"""A source's settings to what it delivers: the one place that knows all kinds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import partial
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from social_signals import __version__
from social_signals.core.errors import ConfigError
from social_signals.core.lanes import Once
from social_signals.ingest.mapping import JsonMapping
from social_signals.ingest.params import FilesSource, SampleSource, StackExchangeSource, TablesSource
from social_signals.ingest.read import FileDataset, FrameDataset, open_files, open_table
from social_signals.ingest.sample import SAMPLE_TABLES, columns_of, sample_tables
from social_signals.ingest.source import Batch, Flow, Opened
from social_signals.ingest.stackexchange import open_dump
from social_signals.tables.silver import silver_table


def open_source(spark: SparkSession, source: Any) -> Opened:
    """What the source delivers. Raises ConfigError where a place is missing, empty or not what it should be."""
    if isinstance(source, SampleSource):
        return _open_sample(spark, source)
    if isinstance(source, StackExchangeSource):
        return open_dump(spark, source.name, source.path)
    if isinstance(source, FilesSource):
        return _open_files(spark, source)
    if isinstance(source, TablesSource):
        datasets = [open_table(spark, name, place) for name, place in source.places().items()]
        return Opened(source.name, datasets, [_flow(dataset) for dataset in datasets])
    raise ConfigError(f"source is {type(source).__name__}", hint="choose source=sample, stackexchange, files or tables")


def _open_sample(spark: SparkSession, source: SampleSource) -> Opened:
    # The same settings make another world when the generator changes, and that shows in the package's version.
    settings = json.dumps(asdict(source) | {"version": __version__}, sort_keys=True)
    batch = Batch(hashlib.sha256(settings.encode()).hexdigest()[:16], f"sample of {source.users} people")
    world = Once(lambda: sample_tables(spark, source))
    datasets = [
        FrameDataset(name, columns_of(name), partial(lambda table: world()[table], name), batch)
        for name in SAMPLE_TABLES
    ]
    return Opened(source.name, datasets, [_flow(dataset) for dataset in datasets])


def _open_files(spark: SparkSession, source: FilesSource) -> Opened:
    _require_patterns(spark, source.timestamp_formats)
    options = {"file_format": source.format, "delimiter": source.delimiter, "header": source.header}
    datasets = [open_files(spark, name, place, **options) for name, place in source.places().items()]  # type: ignore[arg-type]
    flows = [
        _flow(
            d,
            given=source.columns.get(d.name, {}),
            only_with=source.only_with.get(d.name),
            values=source.values.get(d.name, {}),
        )
        for d in datasets
    ]
    return Opened(source.name, datasets, flows, source.timestamp_formats)


def _flow(
    dataset: FileDataset | FrameDataset,
    *,
    given: dict[str, str] | None = None,
    only_with: str | None = None,
    values: dict[str, dict[str, str]] | None = None,
) -> Flow:
    mapping = JsonMapping(silver_table(dataset.name), dataset, given or {}, only_with, values or {})
    return Flow(dataset.name, mapping.table, mapping.fields, check=mapping.check)


def _require_patterns(spark: SparkSession, patterns: list[str]) -> None:
    for pattern in patterns:
        try:
            spark.range(1).select(F.to_timestamp(F.lit("2015-02-24"), pattern)).first()
        except Exception as error:
            reason = str(getattr(error, "java_exception", error)).splitlines()[0][:200]
            raise ConfigError(
                f"source.timestamp_formats has {pattern!r}, which is no pattern that Spark reads: {reason}",
                hint="use letters as in yyyy-MM-dd HH:mm:ss Z; the name of a weekday (E) can only be written, not read",
            ) from None
