"""A job on workers that have Java and Spark and nothing else: the Python that their tasks run in is the one that was sent."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cluster.hosts import Cluster


def test_tasks_run_in_the_python_that_was_sent(hosts: Cluster, tmp_path: Path) -> None:
    done = hosts.submit("doctor", f"catalog.root={tmp_path / 'lakehouse'}", timeout_s=240)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}\n{hosts.logs()}"
    last = json.loads(done.stdout.splitlines()[-1])
    prefixes = {Path(one["prefix"]) for one in last["metrics"]["doctor"]["task_pythons"]}
    folders = [worker.folder / "work" for worker in hosts.workers]
    # One for each executor, inside its own working folder: neither the checkout's environment nor one of the system.
    assert len(prefixes) == 2
    assert all(sum(prefix.is_relative_to(folder) for prefix in prefixes) == 1 for folder in folders), prefixes
