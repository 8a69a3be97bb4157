"""A worker's host is taken off the network while two workers train: nobody says goodbye, and the job ends all the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from tests.chaos.conftest import Clean, before_two_workers
from tests.chaos.content import Content
from tests.chaos.runs import LONG_TRAINING, known
from tests.chaos.tally import Tally
from tests.cluster.hosts import Cluster
from tests.cluster.network import reason_against_namespaces, until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1800)]

# Spark finds out by heartbeats that nobody answers, which takes two minutes unless it is told otherwise.
SOON = ("xgboost.limits.lost_worker_timeout_s=45", "xgboost.limits.round_timeout_s=60")
HEARTBEATS = (
    "platform.conf={spark.network.timeout:20s,spark.network.timeoutInterval:5s,spark.executor.heartbeatInterval:4s}"
)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    if reason := reason_against_namespaces():
        pytest.skip(reason)
    with Cluster.on_hosts(tmp_path / "hosts") as running:
        yield running


def said(stream: IO[str], words: str, *, within_s: float) -> list[str]:
    """Reads on until a line holds `words`; the lines so far. The rest goes on being read, so that nobody waits to be heard."""
    found, lines = threading.Event(), []

    def read() -> None:
        for line in stream:
            lines.append(line)
            if words in line:
                found.set()

    threading.Thread(target=read, daemon=True).start()
    assert found.wait(within_s), "".join(lines)[-3000:]
    return lines


def test_a_training_whose_other_host_is_cut_off_ends_with_5_names_it_and_goes_on_when_it_is_back(
    cluster: Cluster, clean: Clean, source: list[str], of_two_workers: Content, tmp_path: Path,
    same_as: Callable[[Content, Path], None], tally: Tally, recovery: Callable[[float], None],
) -> None:  # fmt: skip
    root = before_two_workers(clean, tmp_path)
    settings = [
        f"catalog.root={root}",
        HEARTBEATS,
        *known("train_churn", [*source, *LONG_TRAINING, *SOON, "resume=true"]),
    ]
    running = cluster.start("train_churn", *settings)
    lines = said(running.stderr, "workers train together", within_s=300)
    victim = cluster.workers[1]
    cluster.cut(victim)
    since = time.time()
    tally.cuts += 1
    assert running.wait(timeout=300) == 5, "".join(lines)[-3000:]
    text = "".join(lines)
    assert "ResourceError: training" in text, text[-3000:]
    assert victim.host.address in text.partition("ResourceError: training")[2], text[-3000:]
    cluster.heal(victim)
    until(lambda: len(cluster.alive()) == 2, within_s=120, what="the worker is back")
    again = cluster.submit("train_churn", *settings)
    assert again.returncode == 0, again.stderr[-3000:]
    recovery(since)
    same_as(of_two_workers, root)
