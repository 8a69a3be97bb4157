"""What the benchmarks share: contestants take turns, medians are compared; memory is watched meanwhile."""

from __future__ import annotations

import random
import statistics
import sys
import threading
import time
from collections.abc import Callable, Mapping

import psutil


def medians(contestants: Mapping[str, Callable[[], object]], *, rounds: int, seed: int = 7) -> dict[str, float]:
    """Seconds of each contestant: a warm-up each, then the median of `rounds` turns in an order of chance."""
    order, seconds = random.Random(seed), {name: [] for name in contestants}
    for turn in range(rounds + 1):
        # A machine is not equally fast all the time: everybody takes their turn.
        for name in order.sample(list(contestants), len(contestants)):
            started = time.monotonic()
            contestants[name]()
            took = time.monotonic() - started
            print(f"{'warm-up' if turn == 0 else f'round {turn}'} {name}: {took:.1f} s", file=sys.stderr, flush=True)
            if turn > 0:
                seconds[name].append(took)
    return {name: statistics.median(values) for name, values in seconds.items()}


class Memory:
    """The largest resident memory seen below this process, in MiB: of JVMs, of the largest single Python worker, of all
    Python processes together, and of everything together.

    is_shared_once: a page that several processes share (Python's workers are forks of one) is counted once in all, not once each.
    """

    def __init__(self, *, is_shared_once: bool = False) -> None:
        self._field = "pss" if is_shared_once else "rss"
        self.jvm = self.worker = self.python = self.total = 0.0
        self._is_over = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self._is_over.wait(0.2 if self._field == "rss" else 1.0):
            jvm, workers = 0.0, [0.0]
            for process in psutil.Process().children(recursive=True):
                try:
                    said = process.memory_info() if self._field == "rss" else process.memory_full_info()
                    size = getattr(said, self._field) / 2**20
                    if "java" in process.name():
                        jvm += size
                    else:
                        workers.append(size)
                except psutil.Error:
                    # It ended between being listed and being asked.
                    continue
            self.jvm, self.worker = max(self.jvm, jvm), max(self.worker, *workers)
            self.python, self.total = max(self.python, sum(workers)), max(self.total, jvm + sum(workers))

    def stop(self) -> None:
        self._is_over.set()
