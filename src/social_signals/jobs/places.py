"""What a setting names is opened here: a folder of Delta or Parquet, a table of the metastore, a file with a header."""

from __future__ import annotations

import re

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession

from social_signals.core.errors import ConfigError
from social_signals.ingest.places import is_delta_folder
from social_signals.jobs.job import Context


def stored_table(spark: SparkSession, place: str) -> DataFrame | None:
    """The rows of a Delta folder or of a table of the metastore; None where the place is something else, such as a glob."""
    if "*" not in place and is_delta_folder(spark, place):
        return spark.read.format("delta").load(place)
    if re.fullmatch(r"\w+(\.\w+){0,2}", place) and spark.catalog.tableExists(place):
        return spark.read.table(place)
    return None


def table_at(context: Context, place: str, *, setting: str = "churn.contract.table") -> DataFrame:
    """The rows of a table as `stored_table` knows it, else of a CSV (with a header, `.gz` or not) or a Parquet folder.

    Raises ConfigError, in words, where the place that the setting names is none of them.
    """
    spark = context.spark
    try:
        if re.search(r"\.(csv|tsv|txt)(\.gz|\.bz2)?$", place):
            separator = "\t" if ".tsv" in place else ","
            return spark.read.csv(place, header=True, inferSchema=True, sep=separator)
        found = stored_table(spark, place)
        if found is not None:
            return found
        return spark.read.parquet(place) if "/" in place else spark.read.table(place)
    except AnalysisException as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise ConfigError(
            f"{setting}={place} cannot be read: {reason}",
            hint="give a CSV with a header, a Parquet or Delta folder, or [catalog.]schema.table",
        ) from None
