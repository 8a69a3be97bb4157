"""Two processes write the same table in the same moment, in every round anew."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.runs import REPOSITORY
from tests.cluster.content import rows_of

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

ROUNDS = 8


def both(folder: Path, first: list[str], second: list[str]) -> list[list[dict[str, Any]]]:
    """What each of two writers says of its rounds. first, second: the slices that they go through."""
    path = f"{REPOSITORY / 'src'}{os.pathsep}{REPOSITORY}"
    words = [sys.executable, "-m", "tests.chaos.writer", str(folder)]
    running = [
        subprocess.Popen(
            [*words, name, other, str(ROUNDS), *slices], cwd=folder, env=os.environ | {"PYTHONPATH": path}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for name, other, slices in (("one", "two", first), ("two", "one", second))
    ]  # fmt: skip
    said = []
    for process in running:
        out, err = process.communicate(timeout=600)
        assert process.returncode == 0, err[-3000:]
        said.append([json.loads(line) for line in out.splitlines() if line.startswith("{")])
    assert [len(one) for one in said] == [ROUNDS, ROUNDS]
    return said


def stored(folder: Path) -> list[tuple[str, str, int]]:
    """(day of the slice, user, score) of every row."""
    rows = rows_of(folder / "lakehouse/gold/test_scores").to_pylist()
    return [(str(row["as_of"])[:10], row["user_id"], row["score"]) for row in rows]


def test_writers_of_different_slices_all_succeed(tmp_path: Path) -> None:
    for answers in both(tmp_path, ["2020-03-01", "2020-04-01"], ["2020-05-01", "2020-06-01"]):
        assert all(answer["written"] for answer in answers), answers
    days = Counter(day for day, _, _ in stored(tmp_path))
    assert days == Counter({f"2020-0{month}-01": 5 for month in (3, 4, 5, 6)})


def test_of_the_writers_of_one_slice_exactly_one_wins_in_every_round(tmp_path: Path) -> None:
    one, two = both(tmp_path, ["2020-03-01"], ["2020-03-01"])
    for mine, theirs in zip(one, two, strict=True):
        assert mine["written"] != theirs["written"], (mine, theirs)
        lost = theirs if mine["written"] else mine
        assert lost["code"] == 4
        assert "wrote the same slice of gold.test_scores" in lost["problem"]
    winner = "one" if one[-1]["written"] else "two"
    assert sorted(stored(tmp_path)) == [("2020-03-01", f"{winner}-{i}", ROUNDS - 1) for i in range(5)]
