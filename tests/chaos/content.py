"""What a lakehouse holds, without what differs from run to run by right: who ran when. And in what two of them differ."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

# The ledger is a log of runs: each is a row, those that died among them.
LOGS = ("ops.runs",)


@dataclass(frozen=True)
class Difference:
    """Rows of a lakehouse against those of another. changed: of which one side has another than the other side."""

    lost: int = 0
    doubled: int = 0
    changed: int = 0

    def __add__(self, other: Difference) -> Difference:
        return Difference(self.lost + other.lost, self.doubled + other.doubled, self.changed + other.changed)


def content(spark: SparkSession, root: Path) -> dict[str, Counter[str]]:
    """Table -> its rows as JSON with their number; and `models`, the hashes of every file of each model and who is champion."""
    found = {}
    for log in sorted(root.glob("*/*/_delta_log")):
        name = f"{log.parent.parent.name}.{log.parent.name}"
        if name in LOGS:
            continue
        rows = spark.read.format("delta").load(str(log.parent))
        one = F.to_json(F.struct(*sorted(rows.columns)), {"ignoreNullFields": "false"})
        found[name] = Counter(row[0] for row in rows.select(one).collect())
    kept = [f for f in sorted(root.glob("models/*/**/*")) if f.is_file() and f.suffix in (".ubj", ".json")]
    found["models"] = Counter(
        json.dumps([str(f.relative_to(root)), hashlib.sha256(f.read_bytes()).hexdigest()])
        for f in kept
        # A card says with which run it was made; the model's own files are what it is.
        if f.name != "card.json" and "MLmodel" not in f.name and f.name != "manifest.json"
    )
    return found


def difference(expected: dict[str, Counter[str]], found: dict[str, Counter[str]]) -> dict[str, Difference]:
    """Table -> in what it differs, for those that do."""
    told = {}
    for name in sorted({*expected, *found}):
        wanted, there = expected.get(name, Counter()), found.get(name, Counter())
        missing, more = wanted - there, there - wanted
        doubled = sum(count for row, count in more.items() if row in wanted)
        others = sum(more.values()) - doubled
        changed = min(sum(missing.values()), others)
        if missing or more:
            told[name] = Difference(sum(missing.values()) - changed, doubled + others - changed, changed)
    return told


def doubled_keys(spark: SparkSession, root: Path) -> int:
    """How many rows of the ledger have the id of another one."""
    runs = spark.read.format("delta").load(str(root / "ops" / "runs"))
    return int(runs.count() - runs.select("run_id").distinct().count())
