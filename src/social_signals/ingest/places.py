"""Finds files on any path that Hadoop can read, says which are damaged, and fingerprints them."""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from social_signals.core.errors import ConfigError, ResourceError

log = logging.getLogger(__name__)

COMPRESSED = (".gz", ".bz2")
PACKED = (".7z", ".zip", ".tar", ".tgz", ".xz", ".zst", ".rar")
EXTENSIONS = {
    ".jsonl": "jsonl", ".json": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".parquet": "parquet",
    ".xml": "xml",
}  # fmt: skip
# A look at each file's permissions is a round trip on an object store; the first hundred tell enough.
PERMISSIONS_LOOKED_AT = 100


@dataclass(frozen=True)
class File:
    """A file as Hadoop lists it."""

    path: str
    uri: str
    size_bytes: int
    modified_ms: int

    @property
    def base_name(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    @property
    def format(self) -> str | None:
        """What its name says it is; None where it says nothing."""
        stem = self.base_name.lower()
        for ending in COMPRESSED:
            stem = stem.removesuffix(ending)
        return next((kind for ending, kind in EXTENSIONS.items() if stem.endswith(ending)), None)

    @property
    def spark_path(self) -> str:
        """The path with the characters escaped that Spark would take for a pattern."""
        return re.sub(r"([*?\[\]{}\\])", r"\\\1", self.path)

    @property
    def batch_id(self) -> str:
        """Changes when the file moves, grows or is written again."""
        text = f"{_bare(self.uri)}|{self.size_bytes}|{self.modified_ms}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def batch_id_of_row() -> Column:
    """`File.batch_id` as Spark computes it for each row that it reads from a file."""
    bare = F.regexp_replace(F.col("_metadata.file_path"), "^[A-Za-z0-9+.-]+:/*", "/")
    modified_ms = F.unix_millis(F.col("_metadata.file_modification_time"))
    text = F.concat_ws("|", bare, F.col("_metadata.file_size"), modified_ms)
    return F.substring(F.sha2(text, 256), 1, 16)


def _bare(uri: str) -> str:
    # Hadoop writes file:///a and Spark file:/a for the same file.
    return re.sub(r"^[A-Za-z0-9+.-]+:/*", "/", uri)


def find_files(spark: SparkSession, place: str, *, setting: str) -> list[File]:
    """Every file of a file, folder (with all below it) or glob, by path. Hidden ones and `_SUCCESS` are left out.

    Raises ConfigError where nothing is there, ResourceError where it may not be read.
    """
    hadoop, fs = _file_system(spark, place)
    path = hadoop.Path(place)
    try:
        found = [fs.getFileStatus(path)] if fs.exists(path) else list(fs.globStatus(path) or [])
        statuses = [inner for status in found for inner in (_below(fs, status) if status.isDirectory() else [status])]
    except Exception as error:
        raise _unreadable(place, setting, error) from None
    files = sorted((_file(s) for s in statuses), key=lambda f: f.path)
    files = [f for f in files if not _is_hidden(f, place)]
    if not files:
        what = "is an empty folder" if found and all(s.isDirectory() for s in found) else "matches no file"
        raise ConfigError(
            f"{setting}={place} {what}", hint="name a file, a folder with files, or a glob that matches some"
        )
    for file in files[:PERMISSIONS_LOOKED_AT]:
        try:
            fs.access(hadoop.Path(file.path), hadoop.permission.FsAction.READ)
        except Exception as error:
            raise _unreadable(file.path, setting, error) from None
    return files


def is_delta_folder(spark: SparkSession, place: str) -> bool:
    hadoop, fs = _file_system(spark, place)
    return bool(fs.exists(hadoop.Path(place, "_delta_log")))


def damage(spark: SparkSession, file: File) -> str | None:
    """What is wrong with a compressed file, found by unpacking it on the driver; None if it is whole or not compressed."""
    if not file.base_name.lower().endswith(COMPRESSED):
        return None
    hadoop, fs = _file_system(spark, file.path)
    jvm: Any = spark.sparkContext._jvm
    path = hadoop.Path(file.path)
    codec = jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(_conf(spark)).getCodec(path)
    try:
        stream = codec.createInputStream(fs.open(path))
        jvm.org.apache.hadoop.io.IOUtils.copyBytes(stream, jvm.java.io.OutputStream.nullOutputStream(), 1 << 20, True)
    except Exception as error:
        return _java_words(error)
    return None


def _file_system(spark: SparkSession, place: str) -> tuple[Any, Any]:
    jvm: Any = spark.sparkContext._jvm
    hadoop = jvm.org.apache.hadoop.fs
    try:
        return hadoop, hadoop.Path(place).getFileSystem(_conf(spark))
    except Exception as error:
        raise ConfigError(
            f"{place} is on no file system that Spark knows here: {_java_words(error)}",
            hint="check the address, and that the jar of the file system is on the class path",
        ) from None


def _conf(spark: SparkSession) -> Any:
    return spark.sparkContext._jsc.hadoopConfiguration()


def _below(fs: Any, folder: Any) -> list[Any]:
    iterator, found = fs.listFiles(folder.getPath(), True), []
    while iterator.hasNext():
        found.append(iterator.next())
    return found


def _file(status: Any) -> File:
    path = status.getPath()
    return File(path.toString(), path.toUri().toString(), status.getLen(), status.getModificationTime())


def _is_hidden(file: File, place: str) -> bool:
    # Only below what was asked for: the folder itself may well begin with a dot.
    below = file.path.rpartition(place.rstrip("/"))[2] if place in file.path else file.base_name
    return any(part.startswith(("_", ".")) for part in below.strip("/").split("/") if part)


def _unreadable(place: str, setting: str, error: Exception) -> ResourceError:
    return ResourceError(
        f"{setting}={place} cannot be read: {_java_words(error)}", hint="check its permissions and the address"
    )


def _java_words(error: Exception) -> str:
    return str(getattr(error, "java_exception", error)).splitlines()[0][:300]
