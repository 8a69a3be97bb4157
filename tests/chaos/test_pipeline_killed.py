"""A pipeline dies, again and again, over files that came since its last run. What that run said of itself is believed of nothing
that has changed since: the next one finishes, and only then is there nothing to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos import world
from tests.chaos.content import Content, content
from tests.chaos.runs import KILLED, ended, run, start
from tests.chaos.tally import Tally

pytestmark = pytest.mark.chaos

# Before the batches are known to be merged, before anything follows from them, with a stage done and recorded, and amid the slices.
POINTS = (
    "after silver.posts commit 1", "after ops.batches commit 1", "after ops.runs commit 1", "within gold.user_features commit 1",
)  # fmt: skip
# At a cut-off after the run: what comes late is known there, and at none before.
SETTINGS = (
    *(setting for setting in world.SETTINGS if not setting.startswith("as_of=")), "as_of=2020-11-05", "topics.enabled=false",
    "influence.lookback_days=30", "influence.horizon_days=28", "influence.step_days=28", "influence.max_cutoffs=6",
)  # fmt: skip


def every_tenth(folder: Path, *, come: bool) -> None:
    """Hold back every tenth record, or let it come, in files of its own."""
    for table, found in world.records().items():
        late = [one for number, one in enumerate(found) if number % 10 == 3]
        if come:
            world.lines(folder / table / "late.jsonl", late)
        else:
            world.lines(folder / table / "early.jsonl", [one for one in found if one not in late])


@pytest.mark.timeout(3600)
def test_a_pipeline_that_dies_over_new_files_is_finished_by_the_next_and_then_nothing_is_new(
    tmp_path: Path, tally: Tally, recovery: Callable[[float], None], same_as: Callable[[Content, Path], None]
) -> None:
    files, root, undisturbed = tmp_path / "in", tmp_path / "killed" / "lakehouse", tmp_path / "clean" / "lakehouse"
    settings = [*world.source(files), *SETTINGS]
    every_tenth(files, come=False)
    root.parent.mkdir()
    run("pipeline", root, *settings)
    shutil.copytree(root, undisturbed)
    every_tenth(files, come=True)
    log = tmp_path / "deaths"
    for _ in POINTS:
        assert ended(start("pipeline", root, *settings, log=log, only_at=POINTS)).code == KILLED
        tally.kills += 1
    deaths = [json.loads(line) for line in log.read_text().splitlines()]
    assert tuple(death["point"] for death in deaths) == POINTS
    run("pipeline", root, *settings)
    recovery(deaths[-1]["at"])
    expected = run("pipeline", undisturbed, *settings)
    assert "up_to_date" not in expected.summary["metrics"], "the late records are news for every stage"
    same_as(content(undisturbed), root)
    again = run("pipeline", root, *settings)
    assert "nothing is new: nothing was written" in again.stderr
    assert again.summary["tables"] == {}
