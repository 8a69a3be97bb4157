"""The homes that the pipeline runs in, and the worlds that it runs on: what says the same must come out of each pair."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.hosts import REPOSITORY, Cluster
from tests.pipeline.conftest import SMALL_SAMPLE

LOCAL, LOCAL_CLUSTER, CLIENT, CLUSTER = "local[2]", "local-cluster[2,1,2048]", "client", "cluster"
BEER = REPOSITORY.parent / "shared" / "data" / "stackexchange_beer"
WORLDS: dict[str, Sequence[str]] = {
    "sample": SMALL_SAMPLE,
    "beer": ["source=stackexchange", f"source.path={BEER}"],
}


@dataclass(frozen=True)
class Finished:
    """A pipeline that ran to its end: where its tables are, its last line, seconds of the whole command."""

    root: Path
    last: dict[str, Any]


def finished(root: Path, done: subprocess.CompletedProcess[str], logs: str = "") -> Finished:
    """What a job left behind. Fails where it did not end well."""
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}\n{logs}"
    last = json.loads(done.stdout.strip().splitlines()[-1])
    assert last["status"] == "done"
    return Finished(root, last)


def on_this_machine(master: str, job: str, root: Path, *overrides: str) -> Finished:
    """A job by `./spark-submit.sh`, as far as that is Python, with all of Spark on this machine."""
    words = [sys.executable, "-m", "social_signals.submit", str(REPOSITORY / f"jobs/{job}.py")]
    settings = [f"platform.master='{master}'", "platform.driver_memory=3g", f"catalog.root={root}"]
    environment = {name: value for name, value in os.environ.items() if name not in ("MASTER", "DEPLOY_MODE")}
    done = subprocess.run(
        [*words, *settings, *overrides], cwd=root.parent, capture_output=True, text=True, check=False,
        env=environment | {"PYTHONPATH": str(REPOSITORY / "src")},
    )  # fmt: skip
    return finished(root, done)


@contextmanager
def cluster_for(mode: str, folder: Path) -> Iterator[Cluster]:
    """Hosts with a core each for executors; in cluster mode the driver has a further one, on whichever the master chooses."""
    with Cluster.on_hosts(folder, cores=(2, 2) if mode == CLUSTER else (1, 1)) as cluster:
        yield cluster


def in_home(home: str, root: Path, *overrides: str, job: str = "pipeline", cluster: Cluster | None = None) -> Finished:
    """A job in one of the homes; cluster: the hosts of the last two."""
    if cluster is None:
        return on_this_machine(home, job, root, *overrides)
    # Two executors of one core, as in the other homes, wherever the driver is.
    overrides = (*overrides, "platform.conf={spark.cores.max: '2'}")
    done = cluster.submit(job, f"catalog.root={root}", *overrides, deploy_mode=home, timeout_s=3000)
    return finished(root, done, cluster.logs() if done.returncode else "")


def areas_of(metrics: Any, path: str = "") -> dict[str, float]:
    """Every ROC AUC of a last line, by where it stands in it."""
    if not isinstance(metrics, dict):
        return {path: float(metrics)} if path.endswith(".roc_auc") and isinstance(metrics, float) else {}
    return {place: value for name, part in metrics.items() for place, value in areas_of(part, f"{path}.{name}").items()}
