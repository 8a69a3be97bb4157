"""Whole jobs in the session of the tests, through the real configs, into a temporary lakehouse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from social_signals.jobs.runner import Summary, run_job

# Every stage, each with as little as it takes to be right: 200 people, few cut-offs, one number of topics.
SMALL_SAMPLE = [
    "source=sample", "source.users=200", "model=quick", "churn.max_cutoffs=24", "influence.max_cutoffs=24",
    "topics.counts=[5]",
]  # fmt: skip

# For a process of its own that is over before the second compiler has done anything for it.
BRIEF_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:MetaspaceSize=200m"


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
def sample_run(job_runner: Callable[..., Ran], tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One full pipeline run on 200 generated people, shared by all tests that only read it."""
    ran = job_runner("pipeline", tmp_path_factory.mktemp("sample") / "lakehouse", *SMALL_SAMPLE)
    assert ran.code == 0, ran.summary.error
    return ran


@pytest.fixture(scope="session")
def sample_lakehouse(sample_run: Ran) -> Path:
    """The root of the lakehouse of `sample_run`."""
    return sample_run.root
