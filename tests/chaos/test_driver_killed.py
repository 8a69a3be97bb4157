"""The driver, Python and JVM, is killed at every point where something is written. A rerun finishes, and nothing is lost or doubled."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.conftest import Clean
from tests.chaos.runs import JOBS, KILLED, ended, start
from tests.chaos.tally import Tally

pytestmark = pytest.mark.chaos

MOST_DEATHS = 60


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("job", JOBS)
def test_a_driver_that_dies_at_every_write_and_is_started_again_writes_what_a_clean_run_does(
    job: str, clean: Clean, source: list[str], tmp_path: Path, same_after: Callable[[str, Path], None],
    tally: Tally, recovery: Callable[[float], None],
) -> None:  # fmt: skip
    root, log = tmp_path / "lakehouse", tmp_path / "deaths"
    if (before := JOBS.index(job)) > 0:
        shutil.copytree(clean.after[JOBS[before - 1]], root)
    root.mkdir(exist_ok=True)
    for _ in range(MOST_DEATHS):
        done = ended(start(job, root, *source, "resume=true", log=log))
        if done.code != KILLED:
            break
        tally.kills += 1
    deaths = [json.loads(line) for line in log.read_text().splitlines()]
    assert done.code == 0, f"after {deaths[-1]['point']}: {done.summary.get('error')}\n{done.stderr[-3000:]}"
    recovery(deaths[-1]["at"])
    points = [death["point"] for death in deaths]
    assert len(points) == len(set(points)) >= 2
    assert any(point.startswith("within") for point in points)
    same_after(job, root)
