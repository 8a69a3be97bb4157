"""Whole jobs in the session of the tests, through the real configs, into a temporary lakehouse."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock
from pyspark.sql import SparkSession

from social_signals.jobs.runner import Summary, run_job

# Every stage, each with as little as it takes to be right: 200 people, few cut-offs, one number of topics.
SMALL_SAMPLE = [
    "source=sample", "source.users=200", "model=quick", "churn.max_cutoffs=24", "influence.max_cutoffs=24",
    "topics.counts=[5]",
]  # fmt: skip


@dataclass(frozen=True)
class Ran:
    """A finished run of a job and where it wrote."""

    root: Path
    code: int
    summary: Summary


@pytest.fixture(scope="session")
def job_runner(_spark_session: SparkSession) -> Callable[..., Ran]:
    """`job_runner("ingest", root, "source=sample")` runs a job as the command line does."""

    def run(name: str, root: Path, *overrides: str) -> Ran:
        code, summary = run_job(name, [f"catalog.root={root}", *overrides])
        return Ran(root, code, summary)

    return run


@pytest.fixture(scope="session")
def sample_run(job_runner: Callable[..., Ran], tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Ran:
    """One full pipeline run on 200 generated people, shared by all tests, and processes, that only read it."""
    if worker_id == "master":
        return _sample_run(job_runner, tmp_path_factory.mktemp("sample"))
    # as pytest-xdist's own manual has it: whoever comes first makes it, the others wait
    folder = tmp_path_factory.getbasetemp().parent / "sample"
    with FileLock(f"{folder}.lock"):
        kept = folder / "summary.json"
        if not kept.is_file():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            kept.write_text(_sample_run(job_runner, folder).summary.line(), encoding="utf-8")
        return Ran(folder / "lakehouse", 0, Summary(**json.loads(kept.read_text(encoding="utf-8"))))


def _sample_run(job_runner: Callable[..., Ran], folder: Path) -> Ran:
    ran = job_runner("pipeline", folder / "lakehouse", *SMALL_SAMPLE)
    assert ran.code == 0, ran.summary.error
    return ran


@pytest.fixture(scope="session")
def sample_lakehouse(sample_run: Ran) -> Path:
    """The root of the lakehouse of `sample_run`."""
    return sample_run.root
