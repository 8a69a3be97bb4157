"""Reads files and tables as records: one text per line, element or row, with the file and batch it came from."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, DataFrameReader, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from social_signals.core.errors import ConfigError
from social_signals.ingest.places import PACKED, File, batch_id_of_row, damage, find_files, is_delta_folder
from social_signals.ingest.source import Batch
from social_signals.tables.silver import BATCH_ID, FILE, RECORD

log = logging.getLogger(__name__)

# Whole microseconds: Spark writes milliseconds into JSON otherwise.
AS_JSON = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"}
BROKEN_ROW = "_broken_row"
# Enough to see which columns there are; small enough to take to the driver even where each holds a long post.
PEEKED_RECORDS = 100
REPLACEMENT = "\ufffd"


@dataclass
class FileDataset:
    """Records in files of one format. Lines (JSON lines, XML) land as they are; rows (CSV, Parquet) as JSON."""

    spark: SparkSession
    name: str
    files: list[File]
    format: str
    delimiter: str | None = None
    header: bool = True
    base_path: str | None = None

    @property
    def batches(self) -> list[Batch]:
        return [Batch(file.batch_id, file.base_name) for file in self.files]

    @cached_property
    def columns(self) -> list[str]:
        """The columns of the first records; for JSON lines, every key that the first hundred have."""
        if self.format in ("csv", "tsv"):
            return self._csv_columns
        if self.format == "parquet":
            return list(self._parquet([f for f in self.files if f.size_bytes]).columns) if self._has_bytes else []
        keys = (key for record in self.peek for key in record)
        return list(dict.fromkeys(keys))

    @cached_property
    def peek(self) -> list[dict[str, Any]]:
        """The first readable JSON records."""
        lines = self._lines(self.files, tolerant=True).select(RECORD).take(PEEKED_RECORDS)
        return [record for row in lines if (record := _json_object(row[RECORD])) is not None]

    @property
    def is_text(self) -> bool:
        """JSON lines tell their columns record by record; the other formats once."""
        return self.format in ("jsonl", "xml")

    def read(self, batch_ids: Sequence[str]) -> DataFrame:
        return self._records([f for f in self.files if f.batch_id in set(batch_ids)], tolerant=False)

    def read_what_is_left(self, batch_ids: Sequence[str]) -> DataFrame | None:
        files = [f for f in self.files if f.batch_id in set(batch_ids)]
        damaged = [f for f in files if damage(self.spark, f) is not None]
        if not damaged:
            return None
        for file in damaged:
            log.warning("%s: %s is truncated or damaged; what can be read of it is kept", self.name, file.base_name)
        notes = [(None, f.base_name, f.batch_id) for f in damaged]
        schema = f"{RECORD} string, {FILE} string, {BATCH_ID} string"
        return self._records(files, tolerant=True).unionByName(self.spark.createDataFrame(notes, schema))

    def _records(self, files: list[File], *, tolerant: bool) -> DataFrame:
        with_bytes = [f for f in files if f.size_bytes]
        for empty in (f for f in files if not f.size_bytes):
            log.info("%s: %s is empty", self.name, empty.base_name)
        if not with_bytes:
            return self.spark.createDataFrame([], f"{RECORD} string, {FILE} string, {BATCH_ID} string")
        if self.is_text:
            return self._lines(with_bytes, tolerant=tolerant)
        rows = self._parquet(with_bytes) if self.format == "parquet" else self._csv(with_bytes, tolerant=tolerant)
        names = [c for c in rows.columns if c != BROKEN_ROW]
        whole = F.to_json(F.struct(*(F.col(f"`{c}`") for c in names)), AS_JSON)
        # A row of another length than its header lands as its text, which is no JSON: silver will say so.
        record = (
            F.when(F.col(BROKEN_ROW).isNull(), whole).otherwise(F.col(BROKEN_ROW))
            if BROKEN_ROW in rows.columns
            else whole
        )
        return _placed(rows, valid_text(record))

    def _lines(self, files: list[File], *, tolerant: bool) -> DataFrame:
        lines = self._reader(tolerant).text([f.spark_path for f in files])
        return _placed(lines.where(F.length(F.btrim("value")) > 0), valid_text(F.col("value")))

    @cached_property
    def _csv_columns(self) -> list[str]:
        first = [f for f in self.files if f.size_bytes][:1]
        return list(self._csv_reader(tolerant=True).csv([f.spark_path for f in first]).columns) if first else []

    def _csv(self, files: list[File], *, tolerant: bool) -> DataFrame:
        columns = [StructField(name, StringType()) for name in (*self._csv_columns, BROKEN_ROW)]
        reader = self._csv_reader(tolerant=tolerant).schema(StructType(columns))
        # Without a check of each file's header, one with its columns in another order would be read as if it had not.
        return reader.csv([f.spark_path for f in files], enforceSchema=False, columnNameOfCorruptRecord=BROKEN_ROW)

    def _csv_reader(self, *, tolerant: bool) -> DataFrameReader:
        delimiter = self.delimiter or ("\t" if self.format == "tsv" else ",")
        options: dict[str, Any] = {
            "header": self.header,
            "sep": delimiter,
            "quote": '"',
            "escape": '"',
            "multiLine": True,
        }
        return self._reader(tolerant).options(**options)

    def _parquet(self, files: list[File]) -> DataFrame:
        reader = self.spark.read.option("mergeSchema", "true")
        if self.base_path:
            reader = reader.option("basePath", self.base_path)
        return reader.parquet(*(f.spark_path for f in files))

    def _reader(self, tolerant: bool) -> DataFrameReader:
        return self.spark.read.option("ignoreCorruptFiles", str(tolerant).lower())

    @property
    def _has_bytes(self) -> bool:
        return any(f.size_bytes for f in self.files)


@dataclass
class FrameDataset:
    """Typed rows that no file holds (generated, or a version of a Delta table); each lands as JSON.

    `rows` is called when they are read, not before: what has landed already costs nothing.
    """

    name: str
    columns: list[str]
    rows: Callable[[], DataFrame]
    batch: Batch
    is_text: bool = field(default=False, init=False)
    peek: list[dict[str, Any]] = field(default_factory=list, init=False)

    @property
    def batches(self) -> list[Batch]:
        return [self.batch]

    def read(self, batch_ids: Sequence[str]) -> DataFrame:
        del batch_ids  # there is one
        record = F.to_json(F.struct(*(F.col(f"`{c}`") for c in self.columns)), AS_JSON)
        label, batch = F.lit(None).cast("string"), F.lit(self.batch.id)
        return self.rows().select(record.alias(RECORD), label.alias(FILE), batch.alias(BATCH_ID))

    def read_what_is_left(self, batch_ids: Sequence[str]) -> DataFrame | None:
        del batch_ids
        return None


def open_files(
    spark: SparkSession,
    name: str,
    place: str,
    *,
    file_format: str | None = None,
    delimiter: str | None = None,
    header: bool = True,
) -> FileDataset | FrameDataset:
    """The dataset at a file, folder or glob. Raises ConfigError where nothing usable is there."""
    setting = f"source.{name}"
    if file_format == "delta" or (file_format is None and is_delta_folder(spark, place)):
        return open_table(spark, name, place)
    files = find_files(spark, place, setting=setting)
    if file_format is None:
        file_format, files = _told_by_names(files, place, setting)
    return FileDataset(
        spark, name, files, file_format, delimiter=delimiter, header=header, base_path=_base_path(files, place)
    )


def open_table(spark: SparkSession, name: str, place: str) -> FrameDataset:
    """The newest version of a Delta table, named by path or in the metastore."""
    is_path = "/" in place or ":" in place
    target = f"delta.`{place}`" if is_path else place
    try:
        detail = spark.sql(f"DESCRIBE DETAIL {target}").first()
        newest = spark.sql(f"DESCRIBE HISTORY {target} LIMIT 1").first()
        if detail is None or newest is None or detail["format"] != "delta":
            raise ConfigError(f"source.{name}={place} is no Delta table", hint="read other formats with source=files")
        reader = spark.read.format("delta").option("versionAsOf", newest["version"])
        frame = reader.load(place) if is_path else reader.table(place)
    except (AnalysisException, Py4JJavaError) as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise ConfigError(
            f"source.{name}={place} is no Delta table that can be read: {reason}",
            hint="give a path or [catalog.]schema.table",
        ) from None
    fingerprint = hashlib.sha256(f"{detail['id']}|{newest['version']}".encode()).hexdigest()[:16]
    batch = Batch(fingerprint, f"{place}@{newest['version']}")
    return FrameDataset(name, list(frame.columns), lambda: frame, batch)


def valid_text(text: Column) -> Column:
    """The text with bytes that are no UTF-8, and NULs, replaced by U+FFFD: Python workers and other readers stumble on both."""
    return F.translate(F.decode(text.cast("binary"), "UTF-8"), "\0", REPLACEMENT)


def _placed(rows: DataFrame, record: Column) -> DataFrame:
    return rows.select(
        record.alias(RECORD), F.col("_metadata.file_name").alias(FILE), batch_id_of_row().alias(BATCH_ID)
    )


def _told_by_names(files: list[File], place: str, setting: str) -> tuple[str, list[File]]:
    known = [f for f in files if f.format not in (None, "xml")]
    formats = sorted({str(f.format) for f in known})
    if len(formats) != 1:
        shown = ", ".join(f.base_name for f in files[:5])
        packed = any(f.base_name.lower().endswith(PACKED) for f in files)
        what = f"files of several formats ({', '.join(formats)})" if formats else "no file whose name tells its format"
        raise ConfigError(
            f"{setting}={place} has {what}; it has {shown}",
            hint="unpack them first"
            if packed and not formats
            else "narrow the path with a glob, or set source.format=csv",
        )
    left = [f.base_name for f in files if f not in known]
    if left:
        log.info("%s: %d files of another kind are left alone, %s first", setting, len(left), left[0])
    return formats[0], known


def _base_path(files: list[File], place: str) -> str | None:
    # Parquet keeps partition columns in folder names; they are read only below a base.
    is_folder = len(files) > 0 and not any(f.path.rstrip("/").endswith(place.rstrip("/")) for f in files)
    return place if is_folder and not any(c in place for c in "*?[{") else None


def _json_object(text: str | None) -> dict[str, Any] | None:
    try:
        value = json.loads(text or "", strict=False)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
