"""A table is a value: name, schema, key, partition, who it is about and which purpose it serves."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql.types import DataType, StructField, StructType

from social_signals.core.errors import ConfigError

SUBJECT_KEY = "subject_key"
PERSONAL = "personal"
LAYERS = ("bronze", "silver", "gold", "ops")


def column(
    name: str,
    kind: DataType,
    comment: str,
    *,
    nullable: bool = True,
    subject: bool = False,
    personal: bool = False,
) -> StructField:
    """A column of a contract.

    subject: the value identifies a person, so erasure follows it. personal: the value says something that only one
    person could have written or be (a handle, a text). Both kinds stay out of Delta's min/max statistics, because a
    value was still readable in `_delta_log` after DELETE and VACUUM (measured).
    """
    metadata: dict[str, object] = {"comment": comment}
    if subject:
        metadata[SUBJECT_KEY] = True
    if subject or personal:
        metadata[PERSONAL] = True
    return StructField(name, kind, nullable=nullable, metadata=metadata)


@dataclass(frozen=True)
class Table:
    """A contract.

    name is `layer.table`. key: columns whose values are unique together and never null. partition: columns that slice
    the files, and with it what a rerun replaces. purpose: the consent purpose without which a person is left out.
    change_feed: keep Delta's change data feed, as every silver table does. statistics: keep min/max of columns in the log, by
    which readers skip files.
    cluster_by: columns by whose values upkeep lays rows near each other; they need statistics, by which readers skip files.
    added: nullable columns that the contract has gained; a stored table without them is read as null there and takes them on
    with the next write.
    """

    name: str
    schema: StructType
    key: tuple[str, ...]
    comment: str
    partition: tuple[str, ...] = ()
    purpose: str | None = None
    change_feed: bool = False
    statistics: bool = True
    cluster_by: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        missing = [c for c in (*self.key, *self.partition, *self.added) if c not in self.schema.names]
        if missing or self.layer not in LAYERS:
            raise ConfigError(
                f"contract {self.name} names {missing} in its key, partition or additions, or has no layer of {LAYERS}",
                hint="correct the Table value",
            )
        if blind := [c for c in self.cluster_by if c not in self.statistics_columns]:
            raise ConfigError(
                f"contract {self.name} is clustered by {blind}, on which no statistics are kept",
                hint="cluster by columns that are not personal and of which minima and maxima are kept",
            )

    @property
    def layer(self) -> str:
        return self.name.partition(".")[0]

    @property
    def columns(self) -> list[str]:
        return list(self.schema.names)

    @property
    def subject_columns(self) -> list[str]:
        """The columns whose value identifies a person; erasure is computed from these."""
        return [f.name for f in self.schema if f.metadata.get(SUBJECT_KEY)]

    @property
    def statistics_columns(self) -> list[str]:
        """The columns on which Delta may keep min/max: not personal, of a type that it can skip by, not partitions."""
        if not self.statistics:
            return []
        unskippable = ("struct", "array", "map", "binary", "boolean")
        return [
            f.name
            for f in self.schema
            if not f.metadata.get(PERSONAL)
            and f.dataType.simpleString().split("<")[0] not in unskippable
            and f.name not in self.partition
        ]

    @property
    def has_change_feed(self) -> bool:
        return self.change_feed or self.layer == "silver"
