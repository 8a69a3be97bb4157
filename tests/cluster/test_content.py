"""The comparison itself: blind to order, files and runs, and to nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.cluster.content import content_of, differing

ROWS = [{"user_id": "a", "p": 0.25, "run_id": "1"}, {"user_id": "b", "p": 0.5, "run_id": "1"}]


def lakehouse(root: Path, *commits: list[list[dict[str, Any]]], removed: tuple[str, ...] = ()) -> Path:
    """A lakehouse with one table: each commit adds a file for each list of rows, the last one takes `removed` away."""
    folder = root / "gold" / "scores"
    (folder / "_delta_log").mkdir(parents=True)
    for version, files in enumerate(commits):
        actions: list[dict[str, Any]] = []
        for number, rows in enumerate(files):
            name = f"{version}-{number}.parquet"
            pq.write_table(pa.Table.from_pylist(rows), folder / name)
            actions.append({"add": {"path": name, "partitionValues": {"as_of": "2020-01-01"}}})
        if version == len(commits) - 1:
            actions += [{"remove": {"path": name}} for name in removed]
        text = "\n".join(json.dumps(action) for action in actions)
        (folder / "_delta_log" / f"{version:020d}.json").write_text(text)
    return root


def test_order_files_and_runs_say_nothing(tmp_path: Path) -> None:
    one = lakehouse(tmp_path / "one", [ROWS])
    other = lakehouse(tmp_path / "other", [[{**ROWS[1], "run_id": "2"}], [{**ROWS[0], "run_id": "2"}]])
    assert content_of(one) == content_of(other)
    assert content_of(one)["gold.scores"].startswith("2 rows ")
    assert differing(one, other, "gold.scores") == []


def test_the_last_bit_of_a_number_and_a_row_twice_are_seen(tmp_path: Path) -> None:
    one = lakehouse(tmp_path / "one", [ROWS])
    bit = lakehouse(tmp_path / "bit", [[{**ROWS[0], "p": 0.25000000000000006}, ROWS[1]]])
    twice = lakehouse(tmp_path / "twice", [[*ROWS, ROWS[0]]])
    assert content_of(one) != content_of(bit)
    assert content_of(one, digits=12) == content_of(bit, digits=12)
    assert content_of(one) != content_of(twice)
    only_here, only_there = differing(one, bit, "gold.scores")
    assert (only_here[0], only_there[0]) == ("-", "+")


def test_files_that_the_log_has_dropped_are_not_read(tmp_path: Path) -> None:
    one = lakehouse(tmp_path / "one", [ROWS])
    rewritten = lakehouse(tmp_path / "rewritten", [[{**ROWS[0], "p": 0.75}]], [ROWS], removed=("0-0.parquet",))
    assert content_of(one) == content_of(rewritten)
