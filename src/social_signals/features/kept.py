"""Columns that are written once a Spark context, however often a build asks for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from weakref import WeakKeyDictionary

from pyspark import SparkContext
from pyspark.sql import Column, SparkSession


def kept(written: Callable[[], Sequence[Column]]) -> Callable[[], Sequence[Column]]:
    """Have the columns that a function without arguments writes made at its first call in a Spark context, then kept.

    A column is an expression that names no frame, so builds can share it. Each of its parts is some calls from Python to
    the JVM, and the families have thousands of them: more than half of the time that it took to write down a build.
    """
    by_context: WeakKeyDictionary[SparkContext, tuple[Column, ...]] = WeakKeyDictionary()

    @wraps(written)
    def columns() -> Sequence[Column]:
        # The columns of another context may live in a JVM that is gone.
        context = SparkSession.active().sparkContext
        if context not in by_context:
            by_context[context] = tuple(written())
        return by_context[context]

    return columns
