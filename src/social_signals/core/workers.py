"""What a Python worker of Spark does at the start of a task, so that its later tasks start at once."""

from __future__ import annotations

import gc
import zipimport
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from pyspark import TaskContext

Batches = Iterable[Any]


def settled(work: Callable[[Batches], Batches]) -> Callable[[Batches], Batches]:
    """The function of a `mapInArrow` or `mapInPandas`, in a worker that has settled (`settle`)."""

    @wraps(work)
    def run(batches: Batches) -> Batches:
        settle()
        return work(batches)

    return run


def settle() -> None:
    """Spare the tasks that follow in this worker a tenth of a second each; outside a task nothing happens.

    Between two tasks PySpark 3.5 has every zip on the path read its directory anew, the jar of Spark's core with its
    thousands of entries among them, and collects garbage over all that is imported. Neither finds anything: Spark never
    rewrites a zip that it has shipped, and what is there when a task starts stays. Together they took 110 ms of a core a
    task, most of what a task on a few thousand rows takes (Spark 3.5.9, Python 3.11, pandas and pyarrow imported).
    """
    if TaskContext.get() is None:
        return
    zipimport.zipimporter.invalidate_caches = _keep_caches  # type: ignore[method-assign,assignment]
    gc.freeze()


def _keep_caches(_: zipimport.zipimporter) -> None:
    return
