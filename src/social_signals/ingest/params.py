"""What an operator says about a source: its kind, where it lies, and how its columns are called."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from social_signals.core.errors import ConfigError, did_you_mean
from social_signals.ingest.sample.params import SampleParams
from social_signals.tables.silver import INGESTED_TS, SILVER, SOURCE, silver_table

TABLE_NAMES = tuple(table.name.removeprefix("silver.") for table in SILVER)
FORMATS = ("jsonl", "csv", "tsv", "parquet", "delta")


@dataclass
class IngestParams:
    """How records become rows.

    history: a first load is history, so a row was seen when it happened; false means seen when it landed, and no as_of
    before today sees it. pseudonymise: ids become HMAC-SHA-256 with the key in the environment variable
    `pseudonym_key_env`; names, bios and attributes are dropped, and quarantine keeps hashes instead of records.
    """

    history: bool = True
    pseudonymise: bool = False
    pseudonym_key_env: str = "SOCIAL_SIGNALS_PSEUDONYM_KEY"


@dataclass
class SampleSource(SampleParams):
    """A generated world of known truth; its settings are those of `SampleParams`."""

    kind: str = "sample"
    name: str = "sample"

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_kind(self, "sample")
        _require_name(self.name)


@dataclass
class StackExchangeSource:
    """A public Stack Exchange dump: a folder with Posts.xml, Users.xml, Comments.xml, Votes.xml, each also as .gz."""

    kind: str = "stackexchange"
    name: str = "stackexchange"
    path: str = ""

    def __post_init__(self) -> None:
        _require_kind(self, "stackexchange")
        _require_name(self.name)
        if not self.path:
            raise ConfigError("source.path is empty", hint="name the folder of the dump: source.path=DIR")


@dataclass
class _Named:
    """A place for each silver table; null where the source has nothing of the kind."""

    posts: str | None = None
    interactions: str | None = None
    users: str | None = None
    user_snapshots: str | None = None
    items: str | None = None
    campaigns: str | None = None
    exposures: str | None = None
    surveys: str | None = None
    consents: str | None = None

    def places(self) -> dict[str, str]:
        """Silver table -> place, for those that were given."""
        return {name: place for name in TABLE_NAMES if (place := getattr(self, name))}


@dataclass
class FilesSource(_Named):
    """Files of JSON lines, CSV, TSV, Parquet or a Delta folder, each also as .gz or .bz2; a path is a file, folder or glob.

    columns: silver table -> {silver column: where the value is}. The place is a column, a path into the record such as
    `tweet.user.id_str`, or a constant written `=value` (`=` alone is null). A silver column that is not named is looked for
    under its own name. values: silver table -> {silver column: {what the source says: ours}}; what is not named stays. only_with: silver table -> a place that must have a value, else the record does not speak of that
    table. timestamp_formats: Spark patterns tried before the built-in ones; without a zone times are UTC.
    format: one of jsonl, csv, tsv, parquet, delta where the file names do not tell. name: marks rows and bronze tables, so
    that two sources in one catalog stay apart.
    """

    kind: str = "files"
    name: str = "files"
    format: str | None = None
    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    values: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    only_with: dict[str, str] = field(default_factory=dict)
    timestamp_formats: list[str] = field(default_factory=list)
    delimiter: str | None = None
    header: bool = True

    def __post_init__(self) -> None:
        _require_kind(self, "files")
        _require_name(self.name)
        _require_places(self)
        if self.format is not None and self.format not in FORMATS:
            raise ConfigError(f"source.format is {self.format!r}", hint=did_you_mean(self.format, list(FORMATS)))
        for setting, named in (("columns", self.columns), ("values", self.values)):
            for table, mapping in named.items():
                contract = silver_table(table)
                valid = [name for name in contract.columns if name not in (INGESTED_TS, SOURCE)]
                for column in mapping:
                    if column not in valid:
                        raise ConfigError(
                            f"source.{setting}.{table} maps {column!r}, which {contract.name} does not have",
                            hint=did_you_mean(column, valid),
                        )
        for table in self.only_with:
            silver_table(table)


@dataclass
class TablesSource(_Named):
    """Delta tables that are there already, in the shape of the silver contracts: each a path or a metastore name."""

    kind: str = "tables"
    name: str = "tables"

    def __post_init__(self) -> None:
        _require_kind(self, "tables")
        _require_name(self.name)
        _require_places(self)


def _require_kind(source: Any, kind: str) -> None:
    if source.kind != kind:
        raise ConfigError(
            f"source.kind is {source.kind!r} among settings of source={kind}", hint=f"choose source={source.kind}"
        )


def _require_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ConfigError(
            f"source.name is {name!r}, which cannot be part of a table's name",
            hint="use a-z, 0-9 and _, beginning with a letter",
        )


def _require_places(source: _Named) -> None:
    if not source.places():
        raise ConfigError("the source names no table", hint="name at least one, for example source.posts=tweets.jsonl")
