"""Two writers of one table: which retry is safe, who has won a slice, and merges that leave other partitions alone. No locks.

Delta lets a transaction fail that has read what another one changed meanwhile. A merge may always begin again: it looks at the rows
anew. Whoever replaces a slice may not where another run has replaced the same one: beginning again would undo what that run wrote and
has reported as done (ADR 0028).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from delta import exceptions as delta
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from social_signals.core.errors import WriteConflictError
from social_signals.tables.commits import UPKEEP, Slice, mark_of, slice_condition
from social_signals.tables.table import Table

# What a transaction fails with that another one has come before. In Java they have a common ancestor, in Python none.
CONFLICTS = (
    delta.DeltaConcurrentModificationException, delta.ConcurrentWriteException, delta.MetadataChangedException,
    delta.ProtocolChangedException, delta.ConcurrentAppendException, delta.ConcurrentDeleteReadException,
    delta.ConcurrentDeleteDeleteException, delta.ConcurrentTransactionException,
)  # fmt: skip
# The condition of a slice that is the whole table.
EVERYTHING = "true"
IS_GONE = "__is_gone"


def taken_by(commits: Sequence[Row], *, ours: str, files_at: Callable[[int], Collection[str]]) -> str | None:
    """The mark of the newest commit by somebody else that changed which files hold the slice; None where there is none.

    commits: `version`, `operation`, `userMetadata` of what came since the slice was looked at. files_at: the files that may
    hold rows of the slice at a version. What upkeep does changes files and no rows.
    """
    for commit in sorted(commits, key=lambda c: -int(c["version"])):
        mark = mark_of(commit["userMetadata"])
        if mark == ours or commit["operation"] in UPKEEP:
            continue
        version = int(commit["version"])
        if set(files_at(version - 1)) != set(files_at(version)):
            return mark or "another writer"
    return None


def lost_slice(table: Table, condition: str, *, winner: str) -> WriteConflictError:
    """What the writer that came second says: the slice is as the first one left it."""
    what = "all of it" if condition == EVERYTHING else condition
    return WriteConflictError(
        f"{winner} wrote the same slice of {table.name} ({what}) while this run was making it; that is what it holds now",
        hint="nothing is lost; start this run again if it should replace what the other one wrote",
    )


def attempts_used_up(table: Table, attempts: int) -> WriteConflictError:
    return WriteConflictError(
        f"another writer changed {table.name} during {attempts} attempts",
        hint="let the other run finish and start this one again; it replaces only its own slice",
    )


def first_load(table: Table) -> dict[str, str]:
    """Options of a write that fills an empty table: the second of two such writes does nothing, whenever it comes.

    Without them a writer that saw an empty table would overwrite what another one has put there since. Delta keeps the pair
    in its log and passes over a write that it has seen (idempotent writes); they belong to this one write, never to the session.
    """
    return {"txnAppId": f"social-signals first load of {table.name}", "txnVersion": "1"}


def key_condition(table: Table, where: Slice | None) -> str:
    """On what a merge matches. Partitions as literals keep merges into different ones out of each other's way."""
    keys = " AND ".join(f"old.`{k}` <=> new.`{k}`" for k in table.key)
    return f"{slice_condition(where, of='old')} AND {keys}" if where else keys


def within(rows: DataFrame, table: Table, where: Slice) -> DataFrame:
    """The same rows; the write fails where one lies outside the slice, which a merge would insert beside what it did not look at."""
    condition = F.coalesce(F.expr(slice_condition(where)), F.lit(False))
    refused = F.raise_error(F.lit(f"DELTA_REPLACE_WHERE_MISMATCH: a row for {table.name} outside {dict(where)}"))
    name = next(iter(where))
    checked = F.when(condition, F.col(name)).otherwise(refused.cast(rows.schema[name].dataType))
    return rows.withColumn(name, checked)


def successors(rows: DataFrame, stored: DataFrame, table: Table, *, keys: DataFrame) -> DataFrame:
    """What a merge on the table's key needs so that of `keys` it holds `rows` and nothing else: `rows`, and with `IS_GONE` the
    keys of what it says about them now and no longer."""
    about = stored.join(keys.distinct(), on=keys.columns, how="left_semi").select(*table.key)
    gone = about.join(rows.select(*table.key), on=list(table.key), how="left_anti").withColumn(IS_GONE, F.lit(True))
    return rows.withColumn(IS_GONE, F.lit(False)).unionByName(gone, allowMissingColumns=True)
