"""Jobs in processes of their own, which a test may kill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
JOBS = ("ingest", "annotate", "build_features", "train_churn", "score_churn")
# Most of a short job is Java compiling Spark; the quick compiler alone is done sooner.
JAVA = "platform.java_options='-XX:+UseSerialGC -XX:TieredStopAtLevel=1'"
LOCAL = ("platform.master=local[2]", "platform.driver_memory=2g", "platform.shuffle_partitions=2", JAVA)
# Two workers and enough rounds to be met at: small steps, and nobody stops early.
LONG_TRAINING = (
    "xgboost.num_workers=2", "xgboost.n_estimators=3000", "xgboost.early_stopping_rounds=3000", "xgboost.learning_rate=0.002",
    "xgboost.checkpoint_rounds=500", "churn.refit=false",
)  # fmt: skip
LONGEST_S = 600
# Killed by SIGKILL, as Popen says it.
KILLED = -9


@dataclass(frozen=True)
class Done:
    """A job that ended. summary: its last line."""

    code: int
    summary: dict[str, Any]
    stderr: str


def local_cluster() -> list[str]:
    """The settings of two executors of one core, in processes of their own, which are replaced when they die."""
    from social_signals.core import jars

    return [
        "platform.master='local-cluster[2,1,1600]'", "platform.driver_memory=2g", "platform.executor_memory=1600m",
        "platform.shuffle_partitions=2", JAVA, f"platform.conf={{spark.executor.extraClassPath:'{jars.classpath()}'}}",
    ]  # fmt: skip


def start(
    job: str,
    root: Path,
    *overrides: str,
    log: Path | None = None,
    only_at: Sequence[str] = (),
    killer: tuple[Path, str] | None = None,
    platform: Sequence[str] = LOCAL,
) -> subprocess.Popen[str]:
    """A job in a process of its own, running. log: the deaths of a `victim`, which this process becomes, only_at: at these points
    where any are named. killer: the log and the moment of a `killer`."""
    module = ["tests.chaos.victim", str(log)] if log else ["social_signals.cli"]
    if killer:
        module = ["tests.chaos.killer", *map(str, killer)]
    words = [sys.executable, "-m", *module, job, f"catalog.root={root}", *platform, *known(job, overrides)]
    path = f"{REPOSITORY / 'src'}{os.pathsep}{REPOSITORY}"
    return subprocess.Popen(
        words,
        cwd=root.parent,
        env=os.environ | {"PYTHONPATH": path, "ONLY_AT": json.dumps(list(only_at))},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def known(job: str, overrides: Sequence[str]) -> list[str]:
    """Of these settings those that the job has."""
    rooms = {
        "ingest": ("source", "now"), "annotate": ("now",), "build_features": ("now", "as_of", "features"),
        "train_churn": ("now", "as_of", "churn", "xgboost", "tracking", "resume"),
        "score_churn": ("now", "as_of"),
        "pipeline": ("source", "now", "as_of", "features", "churn", "influence", "xgboost", "tracking", "topics"),
    }  # fmt: skip
    return [word for word in overrides if word.split("=")[0].split(".")[0] in (*rooms[job], "platform", "log_format")]


def ended(process: subprocess.Popen[str], *, within_s: float = LONGEST_S) -> Done:
    """A job's end. One that hangs fails the test, and is ended."""
    try:
        out, err = process.communicate(timeout=within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        _, err = process.communicate()
        raise AssertionError(f"{process.args} ran longer than {within_s} s:\n{err[-3000:]}") from None
    try:
        summary = json.loads(out.strip().splitlines()[-1])
    except (IndexError, ValueError):
        summary = {}
    return Done(process.returncode, summary, err)


def run(job: str, root: Path, *overrides: str, platform: Sequence[str] = LOCAL) -> Done:
    """A job that has to succeed."""
    done = ended(start(job, root, *overrides, platform=platform))
    assert done.code == 0, f"{job}: {done.summary.get('error')}\n{done.stderr[-3000:]}"
    return done


def in_process(module: str, *words: str, cwd: Path, within_s: float = LONGEST_S) -> str:
    """What a module of the tests says on stdout when it is run in a process of its own. It has to succeed."""
    path = f"{REPOSITORY / 'src'}{os.pathsep}{REPOSITORY}"
    done = subprocess.run(
        [sys.executable, "-m", module, *words], cwd=cwd, env=os.environ | {"PYTHONPATH": path}, text=True,
        capture_output=True, check=False, timeout=within_s,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
