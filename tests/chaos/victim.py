"""Runs a job as the command line does, and kills itself and its JVM (SIGKILL) at a point that it has not died at yet.

    python -m tests.chaos.victim LOG JOB [key=value ...]

LOG holds a line of JSON for each death so far; the one to come is added to it. ONLY_AT in the environment, a list as JSON, names the
points to die at, where it is not every one. Points are found by running: each commit of a table,
once while its data files are there and the log does not know of them and once when it does, and each file that is put in place
under the catalog's root. A point is known by what is written, so a new way to write is rehearsed without being named here.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

_RANDOM = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f-]{27}|(?<=\.unfinished-)\w+|\.\d+$")
# The tracking store of MLflow is its own; that our models are registered once is its alias and the model's id to say.
_NOT_OURS = ("mlflow", "_delta_log", ".parquet", ".crc")


class Deaths:
    """Where this process may still die. Every point is died at once."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.only = set(json.loads(os.environ.get("ONLY_AT", "[]")))
        self.done = {json.loads(line)["point"] for line in log.read_text().splitlines()} if log.exists() else set()

    def at(self, point: str) -> None:
        if point in self.done or (self.only and point not in self.only):
            return
        with self.log.open("a") as log:
            log.write(json.dumps({"at": time.time(), "point": point}) + "\n")
            log.flush()
            os.fsync(log.fileno())
        die()


def die() -> None:
    """The JVM first: it would go on without us."""
    from pyspark import SparkContext

    gateway = SparkContext._gateway
    if gateway is not None:
        os.kill(gateway.proc.pid, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def watch_commits(deaths: Deaths) -> None:
    from social_signals.tables.catalog import Catalog

    plain = Catalog._written_by_us
    counts: dict[str, int] = {}

    def written(self: Any, table: Any, write: Any, **more: Any) -> None:
        counts[table.name] = counts.get(table.name, 0) + 1
        what = f"{table.name} commit {counts[table.name]}"
        ended = threading.Event()
        if f"within {what}" not in deaths.done:
            folder = Path(self.address(table))
            before = set(folder.rglob("*.parquet"))
            thread = threading.Thread(target=_when_files_come, args=(folder, before, ended, deaths, f"within {what}"))
            thread.daemon = True
            thread.start()
        plain(self, table, write, **more)
        ended.set()
        deaths.at(f"after {what}")

    Catalog._written_by_us = written  # type: ignore[method-assign,assignment]


def _when_files_come(folder: Path, before: set[Path], ended: threading.Event, deaths: Deaths, point: str) -> None:
    while not ended.wait(0.002):
        if set(folder.rglob("*.parquet")) - before:
            deaths.at(point)


def watch_files(deaths: Deaths, root: Path) -> None:
    inside = f"{root}{os.sep}"

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if event == "os.rename":
            path, what = given[1], "put in place"
        elif event == "open" and isinstance(given[1], str) and "w" in given[1]:
            path, what = given[0], "begun"
        else:
            return
        text = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else ""
        # What is begun under a hidden name is put in place later; only what is written where it stays is half there.
        is_hidden = what == "begun" and f"{os.sep}." in text.removeprefix(str(root))
        if text.startswith(inside) and not is_hidden and not any(part in text for part in _NOT_OURS):
            deaths.at(f"file {_RANDOM.sub('*', text.removeprefix(inside))} {what}")

    sys.addaudithook(hook)


def main() -> int:
    log, job, *overrides = sys.argv[1:]
    deaths = Deaths(Path(log))
    root = next(word.partition("=")[2] for word in overrides if word.startswith("catalog.root="))
    watch_commits(deaths)
    watch_files(deaths, Path(root))
    from social_signals import cli

    return cli.main([job, *overrides])


if __name__ == "__main__":
    raise SystemExit(main())
