"""JSON records to silver columns as text, as a mapping says; and whether the mapping can work, before anything is written."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import and_
from typing import Any, Protocol

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, StringType, StructField, StructType

from social_signals.core.errors import ConfigError, ContractError
from social_signals.ingest.source import CARRIED, PROBLEM, UNREADABLE_TAIL, carried
from social_signals.tables.silver import ATTRIBUTES, INGESTED_TS, INTERACTION_ID, RECORD, RESPONSE_ID, SOURCE, USERS
from social_signals.tables.table import Table

log = logging.getLogger(__name__)

CONSTANT = "="
THE_REST = "*"
# Keys that sources of acts often lack: made from the content, so that an identical copy is a duplicate.
DERIVED_KEYS = (INTERACTION_ID, RESPONSE_ID)
NOT_JSON = "the record is not a whole JSON object or row"


class Records(Protocol):
    """The dataset that a mapping reads: what is known of its columns."""

    name: str

    @property
    def columns(self) -> list[str]: ...
    @property
    def peek(self) -> list[dict[str, Any]]: ...
    @property
    def is_text(self) -> bool: ...


@dataclass
class JsonMapping:
    """Which place of the record fills which column of one silver table. values: column -> {what the source says: ours}."""

    table: Table
    records: Records
    given: Mapping[str, str] = field(default_factory=dict)
    only_with: str | None = None
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def wanted(self) -> list[str]:
        """The silver columns that a source may fill."""
        return [name for name in self.table.columns if name not in (INGESTED_TS, SOURCE)]

    def place(self, column: str) -> str:
        return self.given.get(column, column)

    def parts(self, place: str) -> tuple[str, ...]:
        """`a.b` is b inside a, unless the source has a column of that very name."""
        return (place,) if place in self.records.columns else tuple(place.split("."))

    def is_constant(self, column: str) -> bool:
        return self.place(column).startswith(CONSTANT)

    def is_found(self, column: str) -> bool:
        return self.is_constant(column) or self.parts(self.place(column))[0] in self.records.columns

    @property
    def derived(self) -> list[str]:
        return [c for c in DERIVED_KEYS if c in self.table.key and c not in self.given and not self.is_found(c)]

    @property
    def extra(self) -> list[str]:
        """Columns of the source that fill nothing."""
        used = {self.parts(self.place(c))[0] for c in self.wanted if not self.is_constant(c)}
        return [name for name in self.records.columns if name not in used]

    @property
    def keeps_the_rest(self) -> bool:
        """Whether `attributes` takes the columns that fill nothing: said by `*`, or people come without any mapping."""
        if self.table is not USERS:
            return False
        if ATTRIBUTES in self.given:
            return self.given[ATTRIBUTES] == THE_REST
        return not self.given and ATTRIBUTES not in self.records.columns

    def check(self) -> None:
        """Raise ContractError where a column without which no row is a row cannot be found."""
        if not self.records.columns:
            return
        required = [f.name for f in self.table.schema if not f.nullable and f.name in self.wanted]
        missing = [c for c in required if c not in self.derived and not (self.is_found(c) and self._has_values(c))]
        if missing:
            mapped = ", ".join(f"{c} from {self.place(c)}" for c in missing)
            raise ContractError(
                f"{self.table.name} needs {', '.join(missing)}, looked for as {mapped}; "
                f"source.{self.records.name} has {', '.join(self.records.columns)}",
                hint=f"map it, for example source.columns.{self.records.name}.{missing[0]}=NAME; a constant is written =value",
            )
        lost = [f"{c} from {p}" for c, p in self.given.items() if p != THE_REST and not self.is_found(c)]
        if lost:
            log.warning("%s: nothing is found for %s; left empty", self.records.name, ", ".join(lost))
        if self.derived:
            log.info("%s: %s is made from each record's content", self.records.name, ", ".join(self.derived))
        if self.extra:
            what = "kept in attributes" if self.keeps_the_rest else "not read"
            log.info("%s: further columns are %s: %s", self.records.name, what, ", ".join(self.extra))

    def _has_values(self, column: str) -> bool:
        """False where every record looked at lacks the column; records of a typed source have it by their schema."""
        if self.is_constant(column) or not self.records.is_text:
            return True
        about = [
            r for r in self.records.peek if self.only_with is None or _at(r, self.parts(self.only_with)) is not None
        ]
        parts = self.parts(self.place(column))
        return not about or any(_has(r, parts) for r in about)

    def fields(self, bronze: DataFrame, lookups: Mapping[str, DataFrame]) -> DataFrame:
        """One row per record that speaks of the table: silver columns as text, `problem`, and what is carried along."""
        del lookups
        places = {c: self.parts(self.place(c)) for c in self.wanted if self._is_read(c)}
        condition = () if self.only_with is None else self.parts(self.only_with)
        schema = schema_of([*places.values(), *([condition] if condition else [])])
        parsed = carried(bronze, self.records.name).withColumn("_parsed", F.from_json(RECORD, schema, JSON_OPTIONS))
        is_broken = F.col("_parsed").isNull() | (F.col("_parsed").getField(CORRUPT).isNotNull() & _is_empty(schema))
        problem = F.when(F.col(RECORD).isNull(), UNREADABLE_TAIL).when(is_broken, NOT_JSON)
        values = {c: self._value(c, places) for c in self.wanted if c not in self.derived}
        values |= {c: derived_key(values) for c in self.derived}
        rows = parsed.select(
            *CARRIED, problem.alias(PROBLEM), *(v.alias(c) for c, v in values.items()), *_condition(condition)
        )
        return (
            rows.where(F.col(PROBLEM).isNotNull() | F.col("_about").isNotNull()).drop("_about") if condition else rows
        )

    def _is_read(self, column: str) -> bool:
        is_rest = column == ATTRIBUTES and self.keeps_the_rest
        return column not in self.derived and not self.is_constant(column) and not is_rest

    def _value(self, column: str, places: Mapping[str, tuple[str, ...]]) -> Column:
        if self.is_constant(column):
            return F.lit(self.place(column).removeprefix(CONSTANT) or None).cast("string")
        if column == ATTRIBUTES and self.keeps_the_rest:
            used = sorted({parts[0] for parts in places.values()})
            everything = F.from_json(RECORD, "map<string,string>", {"allowUnquotedControlChars": "true"})
            rest = F.map_filter(everything, lambda key, value: ~key.isin(used) & value.isNotNull())
            return F.when(F.size(rest) > 0, F.to_json(rest))
        found = in_parsed(places[column])
        if ours := self.values.get(column):
            return F.coalesce(F.create_map(*[F.lit(part) for pair in ours.items() for part in pair])[found], found)
        return found


CORRUPT = "_corrupt"
JSON_OPTIONS = {"columnNameOfCorruptRecord": CORRUPT, "allowUnquotedControlChars": "true", "mode": "PERMISSIVE"}


def schema_of(places: list[tuple[str, ...]]) -> StructType:
    """The part of the record that the places need; every leaf is text.

    >>> schema_of([("id",), ("user", "name")]).simpleString()
    'struct<_corrupt:string,id:string,user:struct<name:string>>'
    """
    tree: dict[str, Any] = {}
    for parts in places:
        node = tree
        for part in parts[:-1]:
            node = node.setdefault(part, {})
            if node is None:
                raise _both_whole_and_part(parts)
        if node.get(parts[-1]):
            raise _both_whole_and_part(parts)
        node[parts[-1]] = None
    return StructType([StructField(CORRUPT, StringType()), *_struct(tree).fields])


def in_parsed(parts: tuple[str, ...]) -> Column:
    column = F.col("_parsed")
    for part in parts:
        column = column.getField(part)
    return column


def derived_key(values: Mapping[str, Column]) -> Column:
    """The first 32 hex digits of SHA-256 over all that is known of the act."""
    known = [F.coalesce(value, F.lit("")) for value in values.values()]
    return F.substring(F.sha2(F.concat_ws("\u001f", *known), 256), 1, 32)


def _struct(tree: Mapping[str, Any]) -> StructType:
    def kind(inner: Any) -> DataType:
        return StringType() if inner is None else _struct(inner)

    return StructType([StructField(name, kind(inner)) for name, inner in tree.items()])


def _is_empty(schema: StructType) -> Column:
    top = [F.col("_parsed").getField(f.name) for f in schema if f.name != CORRUPT]
    return reduce(and_, (c.isNull() for c in top), F.lit(True))


def _condition(parts: tuple[str, ...]) -> list[Column]:
    return [in_parsed(parts).alias("_about")] if parts else []


def _both_whole_and_part(parts: tuple[str, ...]) -> ConfigError:
    path = ".".join(parts)
    return ConfigError(
        f"the mapping uses {path} and also something around or inside it", hint="map either the whole or its parts"
    )


def _at(record: Any, parts: tuple[str, ...]) -> Any:
    for part in parts:
        record = record.get(part) if isinstance(record, dict) else None
    return record


def _has(record: Any, parts: tuple[str, ...]) -> bool:
    inner = _at(record, parts[:-1])
    return isinstance(inner, dict) and parts[-1] in inner
