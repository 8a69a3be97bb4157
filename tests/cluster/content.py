"""What a lakehouse says, whoever wrote it: a hash of each table's rows in order, read from Delta's log without Spark."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Set
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

# When and by which run it was written, and by which: another run says something else. `batch` is bronze's name of a run.
OF_A_RUN = frozenset({"run_id", "batch_id", "ingested_ts", "landed_ts", "started_ts", "seconds"})
# The ledger is about runs and nothing else.
OF_RUNS = frozenset({"ops.runs", "ops.batches"})


def content_of(root: Path, *, digits: int | None = None, without: Set[str] = OF_A_RUN) -> dict[str, str]:
    """By table: how many rows, and a hash of them in sorted order. without: columns left out, those about the run that wrote a row.

    digits: significant digits that floats are rounded to; None compares every bit.
    """
    tables = (log.parent for log in sorted(root.glob("*/*/_delta_log")))
    named = {f"{folder.parent.name}.{folder.name}": folder for folder in tables}
    return {
        name: hash_of(rows_of(folder), digits=digits, without=without)
        for name, folder in named.items()
        if name not in OF_RUNS
    }


def rows_of(folder: Path) -> pa.Table:
    """The rows of a Delta table as its log leaves them, columns of the partition among them."""
    parts = []
    for path, partition in live_files(folder).items():
        rows = pq.read_table(folder / path, partitioning=None)
        for name, value in partition.items():
            rows = rows.append_column(name, pa.array([value] * len(rows), pa.string()))
        parts.append(rows)
    return pa.concat_tables(parts, promote_options="permissive") if parts else pa.table({})


def live_files(folder: Path) -> dict[str, dict[str, str]]:
    """By path: the partition values of the files that the newest version holds."""
    log = folder / "_delta_log"
    live: dict[str, dict[str, str]] = {}
    checkpoints = {int(found.name[:20]) for found in log.glob("*.checkpoint*.parquet")}
    last = max(checkpoints, default=-1)
    for found in sorted(log.glob(f"{last:020d}.checkpoint*.parquet")):
        for action in pq.read_table(found, columns=["add"]).column("add").to_pylist():
            if action:
                live[unquote(action["path"])] = dict(action["partitionValues"])
    for commit in sorted(log.glob("[0-9]*.json")):
        if int(commit.stem) <= last:
            continue
        actions = [json.loads(line) for line in commit.read_text().splitlines()]
        for action in actions:
            if "remove" in action:
                live.pop(unquote(action["remove"]["path"]), None)
        for action in actions:
            if "add" in action:
                assert not action["add"].get("deletionVector"), (
                    f"{folder} has deletion vectors, which are not read here"
                )
                live[unquote(action["add"]["path"])] = action["add"]["partitionValues"]
    return live


def hash_of(rows: pa.Table, *, digits: int | None = None, without: Set[str] = OF_A_RUN) -> str:
    """How many rows, and a hash that neither their order nor that of the columns decides."""
    said = sorted(lines(rows, digits=digits, without=without))
    digest = hashlib.sha256()
    for line in said:
        digest.update(line.encode() + b"\n")
    return f"{len(said)} rows {digest.hexdigest()[:16]}"


def lines(rows: pa.Table, *, digits: int | None = None, without: Set[str] = OF_A_RUN) -> Iterator[str]:
    """A row as text, its columns in the order of their names."""
    names = sorted(set(rows.column_names) - without)
    plain = _rounded(digits)
    columns = [rows.column(name).to_pylist() for name in names]
    for values in zip(*columns, strict=True):
        yield repr([plain(value) for value in values])


def differing(one: Path, other: Path, table: str, *, most: int = 5) -> list[str]:
    """For the message of a failed assertion: rows that only one of two lakehouses has, and which."""
    folder = table.replace(".", "/")
    left, right = (sorted(lines(rows_of(root / folder))) for root in (one, other))
    only_left, only_right = sorted(set(left) - set(right)), sorted(set(right) - set(left))
    return [*(f"- {line}" for line in only_left[:most]), *(f"+ {line}" for line in only_right[:most])]


def _rounded(digits: int | None) -> Callable[[Any], Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, float):
            return repr(value) if digits is None else f"{value:.{digits}g}"
        if isinstance(value, dict):
            return sorted((name, plain(one)) for name, one in value.items())
        if isinstance(value, list):
            return [plain(one) for one in value]
        if isinstance(value, tuple):
            return tuple(plain(one) for one in value)
        return str(value) if hasattr(value, "isoformat") else value

    return plain
