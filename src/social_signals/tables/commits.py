"""How Delta is spoken to and what its log says: conditions and properties as text, rows counted from commits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pyspark.sql import Row
from pyspark.sql.types import MapType

from social_signals.core.errors import ConfigError
from social_signals.tables.silver import INGESTED_TS, SOURCE
from social_signals.tables.table import Table

# A row of Delta's history, or the same as a mapping.
Commit = Row | Mapping[str, Any]
Slice = Mapping[str, "str | datetime | Sequence[str] | Sequence[datetime]"]


# Files are laid out anew, cleared away or described; no row changes.
UPKEEP = ("OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES")

# In the place of an identity where there is no table.
ABSENT = "absent"


@dataclass(frozen=True)
class Origin:
    """A version of a table, told from the same number of a table that was made anew in its place.

    version: the newest that changed rows. newest: the one to read, which upkeep may have laid out otherwise since; it says
    nothing about the content and is not compared.
    """

    table_id: str
    version: int
    newest: int | None = field(default=None, compare=False)


def identity_of(table_id: str, version: int) -> str:
    """`3f2a...@7`: a table that was made anew has other ids for the same numbers."""
    return f"{table_id}@{version}"


def content_version(commits: Sequence[Commit]) -> int | None:
    """The newest version that changed rows, of commits from the newest on; None where they are all upkeep."""
    return next((int(c["version"]) for c in commits if c["operation"] not in UPKEEP), None)


def slice_condition(chosen: Slice, *, of: str | None = None) -> str:
    """A slice as literals, which lets Delta prune and two writers of different slices both succeed. of: the alias of the table.

    >>> slice_condition({"as_of": datetime.fromisoformat("2020-03-01T00:00:00+00:00"), "model_id": "churn-1"})
    "`as_of` IN (TIMESTAMP '2020-03-01T00:00:00+00:00') AND `model_id` IN ('churn-1')"
    """
    if not chosen:
        raise ConfigError("a slice without columns would replace the whole table", hint="name its as_of")
    table = f"{of}." if of else ""
    return " AND ".join(f"{table}`{name}` IN ({', '.join(_literals(value))})" for name, value in chosen.items())


def _literals(value: str | datetime | Sequence[str] | Sequence[datetime]) -> list[str]:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ConfigError(f"the slice {value} has no time zone", hint="use aware datetimes, see core.times")
        return [f"TIMESTAMP '{value.isoformat()}'"]
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return [f"'{escaped}'"]
    return [text for one in value for text in _literals(one)]


def properties(table: Table) -> dict[str, str]:
    properties = {}
    if table.has_change_feed:
        properties["delta.enableChangeDataFeed"] = "true"
    columns = table.statistics_columns
    # A named list of none would mean "the first 32 columns".
    if columns:
        properties["delta.dataSkippingStatsColumns"] = ",".join(columns)
    else:
        properties["delta.dataSkippingNumIndexedCols"] = "0"
    return properties


def content_differs(table: Table) -> str:
    provenance = (INGESTED_TS, SOURCE)
    compared = [f for f in table.schema if f.name not in (*table.key, *provenance)]
    if not compared:
        return "false"

    def same(name: str, *, is_map: bool) -> str:
        # Maps cannot be compared; their sorted entries can.
        sides = (
            f"sort_array(map_entries({side}.`{name}`))" if is_map else f"{side}.`{name}`" for side in ("old", "new")
        )
        return " <=> ".join(sides)

    return "NOT (" + " AND ".join(same(f.name, is_map=isinstance(f.dataType, MapType)) for f in compared) + ")"


def rows_of(metrics: Mapping[str, str]) -> int:
    merged = int(metrics.get("numTargetRowsInserted", 0)) + int(metrics.get("numTargetRowsUpdated", 0))
    return merged or int(metrics.get("numOutputRows", 0) if "numTargetRowsInserted" not in metrics else 0)


def total_rows(commits: Sequence[Commit]) -> int | None:
    """Rows of a table after its commits, oldest first; None where they do not begin with its first or do not tell."""
    if not commits or commits[0]["version"] != 0:
        return None
    total = 0
    for commit in commits:
        how, metrics = commit["operationParameters"] or {}, commit["operationMetrics"] or {}
        written = int(metrics.get("numOutputRows", -1))
        is_whole = how.get("mode") == "Overwrite" and (total == 0 or not how.get("predicate"))
        if commit["operation"] == "WRITE" and written >= 0 and (is_whole or how.get("mode") == "Append"):
            total = written if is_whole else total + written
        elif commit["operation"] == "MERGE" and "numTargetRowsInserted" in metrics:
            total += int(metrics["numTargetRowsInserted"]) - int(metrics.get("numTargetRowsDeleted", 0))
        elif commit["operation"] != "CREATE TABLE":
            return None
    return total


def marked(mark: str, note: str) -> str:
    """What a commit says of itself: who made it, and on a line of its own what else there is to say.

    >>> note_of(marked("social-signals run r1", "made of x")), mark_of(marked("social-signals run r1", "made of x"))
    ('made of x', 'social-signals run r1')
    """
    return f"{mark}\n{note}" if note else mark


def mark_of(metadata: str | None) -> str:
    return (metadata or "").partition("\n")[0]


def note_of(metadata: str | None) -> str:
    return (metadata or "").partition("\n")[2]


def first_line(text: str) -> str:
    return text.strip().splitlines()[0][:300]
