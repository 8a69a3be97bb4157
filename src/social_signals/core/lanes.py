"""A few Spark actions at once from one driver: small tables wait on planning, not on the cores."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import Generic, TypeVar

from pyspark import inheritable_thread_target
from pyspark.sql import SparkSession

T = TypeVar("T")

# More than a few only queue up for the same task slots.
LANES = 4


def at_once(spark: SparkSession, calls: Iterable[Callable[[], T]]) -> list[T]:
    """The answers of the calls in their order, worked out in as many lanes as there are task slots, four at most.

    The first call that failed, by order, raises here, when those that had begun have ended; no further one is begun.
    """
    lanes = max(1, min(LANES, spark.sparkContext.defaultParallelism))
    # A lane inherits the description and the tags of the stage's Spark jobs, and the stage's name for its log lines.
    with ThreadPoolExecutor(lanes, thread_name_prefix="lane") as pool:
        begun = [
            pool.submit(inheritable_thread_target(partial(contextvars.copy_context().run, call))) for call in calls
        ]
        try:
            return [future.result() for future in begun]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class Once(Generic[T]):
    """A value that the first who asks works out and everybody else waits for."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = Lock()
        self._made: list[T] = []

    def __call__(self) -> T:
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]
