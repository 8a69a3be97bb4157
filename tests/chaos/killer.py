"""Runs a job as the command line does, and kills one of its executors (SIGKILL) while that works at what is named.

    python -m tests.chaos.killer LOG WHAT JOB [key=value ...]

WHAT is a table, killed for while tasks of a write to it run; or `rounds`, killed for when every worker of a training with more than
one has grown some. The death is written to LOG as `victim` writes its own. What is waited for is seen, never guessed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

LOOK_S = 0.02


def executors() -> list[Any]:
    """The JVMs of this driver's executors."""
    import psutil
    from pyspark import SparkContext

    gateway = SparkContext._gateway
    assert gateway is not None
    below = psutil.Process(gateway.proc.pid).children(recursive=True)
    return [one for one in below if any("CoarseGrainedExecutorBackend" in word for word in _words(one))]


def _words(process: Any) -> list[str]:
    import psutil

    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def kill_one(log: Path, point: str) -> None:
    """The executor with the most processes below it: one that works."""
    victim = max(executors(), key=lambda one: (len(one.children(recursive=True)), one.pid))
    below = victim.children(recursive=True)
    os.kill(victim.pid, signal.SIGKILL)
    for one in below:
        # The host of an executor that dies takes its Python workers with it.
        one.kill()
    with log.open("a") as told:
        told.write(json.dumps({"at": time.time(), "point": point}) + "\n")


def while_writing(log: Path, name: str) -> None:
    from pyspark import SparkContext

    from social_signals.tables.catalog import Catalog

    plain = Catalog._written_by_us

    def watch(ended: threading.Event) -> None:
        context = SparkContext._active_spark_context
        assert context is not None
        tracker = context.statusTracker()
        while not ended.wait(LOOK_S):
            stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
            if any(stage is not None and stage.numActiveTasks for stage in stages):
                kill_one(log, f"executor within {name}")
                return

    def written(self: Any, table: Any, write: Any, **more: Any) -> None:
        ended = threading.Event()
        if table.name == name and not log.exists():
            threading.Thread(target=watch, args=(ended,), daemon=True).start()
        try:
            plain(self, table, write, **more)
        finally:
            ended.set()

    Catalog._written_by_us = written  # type: ignore[method-assign,assignment]


def while_growing(log: Path) -> None:
    from social_signals.models.lifeline import Lifeline

    plain = Lifeline.__enter__

    def watch(lifeline: Lifeline) -> None:
        until = time.monotonic() + 300
        while time.monotonic() < until and not log.exists():
            heard = lifeline.heard()
            if len(heard) > 1 and all(one.round > 0 and one.is_open for one in heard):
                kill_one(log, "executor after some rounds")
                return
            time.sleep(LOOK_S)

    def entered(self: Lifeline) -> Lifeline:
        threading.Thread(target=watch, args=(self,), daemon=True).start()
        return plain(self)

    Lifeline.__enter__ = entered  # type: ignore[method-assign]


def main() -> int:
    log, what, job, *overrides = sys.argv[1:]
    if what == "rounds":
        while_growing(Path(log))
    else:
        while_writing(Path(log), what)
    from social_signals import cli

    return cli.main([job, *overrides])


if __name__ == "__main__":
    raise SystemExit(main())
