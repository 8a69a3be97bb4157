"""What a lakehouse holds, row by row, and in what two of them differ."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.content import lines as as_text
from tests.cluster.content import rows_of

Content = dict[str, Counter[str]]

# The ledger is a log of runs: each is a row, those that died among them.
LEDGER = "ops.runs"


@dataclass(frozen=True)
class Difference:
    """Rows of a lakehouse against those of another. changed: of which one side has another than the other side."""

    lost: int = 0
    doubled: int = 0
    changed: int = 0

    def __add__(self, other: Difference) -> Difference:
        return Difference(self.lost + other.lost, self.doubled + other.doubled, self.changed + other.changed)


def lines(root: Path, table: str, *, without: tuple[str, ...] = ()) -> Counter[str]:
    """The rows of a table as text with their number; every column counts, those about the clock of the run too."""
    # A MERGE into a table with a change feed leaves this one in its files, empty; it is no column of the table.
    return Counter(as_text(rows_of(root / table.replace(".", "/")), without={"_change_type", *without}))


def content(root: Path) -> Content:
    """Table -> its rows, but those of the ledger; and `models`, the hash of every file of each model and who is champion."""
    tables = [f"{log.parent.parent.name}.{log.parent.name}" for log in sorted(root.glob("*/*/_delta_log"))]
    found = {table: lines(root, table) for table in tables if table != LEDGER}
    # A card tells with which versions of tables the model was made, and the manifest tells the hash of the card.
    # What a killed run was at has a hidden name, is read by nobody, and goes with `maintain`.
    files = [f for f in sorted(root.glob("models/*/**/*")) if f.suffix in (".ubj", ".json") and f.is_file()]
    kept = [f for f in files if not any(part.startswith(".") for part in f.relative_to(root).parts)]
    found["models"] = Counter(
        json.dumps([str(f.relative_to(root)), hashlib.sha256(f.read_bytes()).hexdigest()])
        for f in kept
        if f.name not in ("card.json", "manifest.json")
    )
    return found


def difference(expected: Content, found: Content) -> dict[str, Difference]:
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
