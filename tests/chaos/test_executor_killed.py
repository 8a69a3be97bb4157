"""An executor is killed while it works. The job ends well by itself, and writes what it writes where nothing happens."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.conftest import Clean, before, before_two_workers
from tests.chaos.content import Content
from tests.chaos.runs import LONG_TRAINING, ended, local_cluster, run, start
from tests.chaos.tally import Tally

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1800)]

WITHIN = {"ingest": "bronze.files_interactions", "annotate": "gold.post_entities", "score_churn": "gold.churn_scores"}


@pytest.mark.parametrize("job", WITHIN)
def test_a_job_outlives_an_executor(
    job: str, clean: Clean, source: list[str], tmp_path: Path, same_after: Callable[[str, Path], None],
    tally: Tally, recovery: Callable[[float], None],
) -> None:  # fmt: skip
    root, log = before(job, clean, tmp_path), tmp_path / "deaths"
    done = ended(start(job, root, *source, platform=local_cluster(), killer=(log, WITHIN[job])))
    assert done.code == 0, f"{done.summary.get('error')}\n{done.stderr[-3000:]}"
    (death,) = [json.loads(line) for line in log.read_text().splitlines()]
    tally.kills += 1
    recovery(death["at"])
    same_after(job, root)


@pytest.mark.parametrize("resume", [False, True])
def test_two_workers_that_train_begin_again_when_one_is_lost_and_grow_the_same_trees(
    resume: bool, clean: Clean, source: list[str], of_two_workers: Content, tmp_path: Path,
    same_as: Callable[[Content, Path], None], tally: Tally, recovery: Callable[[float], None],
) -> None:  # fmt: skip
    root, log = before_two_workers(clean, tmp_path), tmp_path / "deaths"
    settings = [*source, *LONG_TRAINING, f"resume={str(resume).lower()}"]
    done = ended(start("train_churn", root, *settings, platform=local_cluster(), killer=(log, "rounds")))
    assert done.code == 0, f"{done.summary.get('error')}\n{done.stderr[-3000:]}"
    (death,) = [json.loads(line) for line in log.read_text().splitlines()]
    tally.kills += 1
    recovery(death["at"])
    same_as(of_two_workers, root)
    assert not list(root.glob("models/churn/checkpoints/*/*")), "checkpoints go when the model is saved"


def test_a_training_that_loses_its_last_executors_ends_with_5_and_says_which(
    clean: Clean, source: list[str], of_two_workers: Content, tmp_path: Path,
    same_as: Callable[[Content, Path], None], tally: Tally, recovery: Callable[[float], None],
) -> None:  # fmt: skip
    root, log = before_two_workers(clean, tmp_path), tmp_path / "deaths"
    settings = [*source, *LONG_TRAINING, "resume=true", "xgboost.limits.retries=0"]
    done = ended(start("train_churn", root, *settings, platform=local_cluster(), killer=(log, "rounds")))
    (death,) = [json.loads(line) for line in log.read_text().splitlines()]
    tally.kills += 1
    assert done.code == 5, done.stderr[-3000:]
    error = done.summary["error"]
    assert "executor" in error["problem"], error
    assert "was lost" in error["problem"], error
    assert "resume=true" in error["hint"], error
    run("train_churn", root, *settings)
    recovery(death["at"])
    same_as(of_two_workers, root)
