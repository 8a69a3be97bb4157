"""What a source is to the job: datasets that land in bronze, and flows that carry them on to silver."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.tables.silver import BATCH_ID, FILE, INGESTED_TS, IS_FIRST_LOAD, RECORD, bronze_of
from social_signals.tables.table import Table

# Columns beside the silver ones while a record becomes a row.
PROBLEM = "problem"
DATASET = "dataset"
LANDED_TS = "landed_ts"
CARRIED = (RECORD, FILE, BATCH_ID, IS_FIRST_LOAD, LANDED_TS, DATASET)

# A record that is null stands for what followed in a damaged file.
UNREADABLE_TAIL = "the rest of the file could not be read: it is truncated or damaged"


@dataclass(frozen=True)
class Batch:
    """What lands together and once: a file, a version of a table, a generated world. `id` is a fingerprint of it."""

    id: str
    label: str


class Dataset(Protocol):
    """Records of one kind that a source delivers; each lands in its own bronze table."""

    name: str

    @property
    def batches(self) -> list[Batch]:
        """Everything that the source holds now, landed before or not."""

    def read(self, batch_ids: Sequence[str]) -> DataFrame:
        """Records as received: `record`, `file`, `batch_id`. A damaged file fails the action that reads it."""

    def read_what_is_left(self, batch_ids: Sequence[str]) -> DataFrame | None:
        """As `read` from damaged files up to the damage, with one null record for what follows it; None if none is damaged."""


# Bronze rows, and the whole bronze of the datasets that the flow names as lookups -> silver columns as text (those the
# source knows), `problem` (why the record cannot be read, or null), and CARRIED.
Fields = Callable[[DataFrame, Mapping[str, DataFrame]], DataFrame]


def _nothing_to_check() -> None:
    return None


@dataclass(frozen=True)
class Flow:
    """One way from a dataset to a silver table. `check` raises before anything is written if it cannot work."""

    dataset: str
    silver: Table
    fields: Fields
    lookups: tuple[str, ...] = ()
    check: Callable[[], None] = _nothing_to_check


@dataclass(frozen=True)
class Opened:
    """A source whose places were found."""

    name: str
    datasets: Sequence[Dataset]
    flows: Sequence[Flow]
    timestamp_formats: list[str] = field(default_factory=list)

    def bronze(self, dataset: str) -> Table:
        return bronze_of(self.name, dataset)

    @property
    def fingerprint(self) -> str:
        """Changes when the source holds another batch, or one less."""
        held = sorted(f"{dataset.name} {batch.id}" for dataset in self.datasets for batch in dataset.batches)
        return hashlib.sha256("\n".join((self.name, *held)).encode()).hexdigest()[:16]

    @property
    def knows_consents(self) -> bool:
        return any(flow.silver.name == "silver.consents" for flow in self.flows)


def carried(bronze: DataFrame, dataset: str) -> DataFrame:
    """Bronze rows with what travels beside the silver columns under names that no silver table uses."""
    return bronze.withColumnRenamed(INGESTED_TS, LANDED_TS).withColumn(DATASET, F.lit(dataset))
