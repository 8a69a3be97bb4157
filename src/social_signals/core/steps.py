"""What runs now, in the suite's words: as the description of Spark's jobs and as the stage of each log line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound="HasSession")
W = TypeVar("W", bound="HasName")

DESCRIPTION = "spark.job.description"

# The job, or the stage of a pipeline, of this thread. `core.lanes` hands it on to the threads that it starts.
_STAGE: ContextVar[str | None] = ContextVar("social_signals_stage", default=None)


def stage_of_thread() -> str | None:
    """The job, or the stage of a pipeline, that this thread works for; None outside of any."""
    return _STAGE.get()


@contextmanager
def stage(spark: SparkSession, name: str, *, run_id: str) -> Iterator[None]:
    """Name the job or the stage of a pipeline that runs: its log lines carry the name, its Spark jobs carry it as their
    description and the run as their tag, by which what Spark did for a run is found again."""
    context = spark.sparkContext
    token = _STAGE.set(name)
    # A tag, unlike a job group, is left alone by streams and broadcasts, and a job may carry those of several runs.
    context.addJobTag(tag_of(run_id))
    try:
        with _described(spark, name):
            yield
    finally:
        context.removeJobTag(tag_of(run_id))
        _STAGE.reset(token)


@contextmanager
def step(spark: SparkSession, what: str) -> Iterator[None]:
    """Name what is done now, for example "write gold.user_features": in Spark's UI, event log and ops.runs the jobs of this
    thread are called that, behind the name of the stage. Innermost wins. No personal data."""
    with _described(spark, _in_words(what)):
        yield


def _in_words(what: str) -> str:
    name = _STAGE.get()
    return f"{name}: {what}" if name else what


class HasSession(Protocol):
    @property
    def spark(self) -> SparkSession: ...


class HasName(Protocol):
    @property
    def name(self) -> str: ...


def say(spark: SparkSession, what: str) -> None:
    """As `step`, but until the next thing is said or the stage ends."""
    spark.sparkContext.setLocalProperty(DESCRIPTION, _in_words(what))


def doing(what: str) -> Callable[[Callable[Concatenate[DataFrame, P], T]], Callable[Concatenate[DataFrame, P], T]]:
    """Makes a function whose first argument is a frame a step."""

    def decorate(function: Callable[Concatenate[DataFrame, P], T]) -> Callable[Concatenate[DataFrame, P], T]:
        @wraps(function)
        def wrapped(rows: DataFrame, /, *args: P.args, **kwargs: P.kwargs) -> T:
            with step(rows.sparkSession, what):
                return function(rows, *args, **kwargs)

        return wrapped

    return decorate


def named(verb: str) -> Callable[[Callable[Concatenate[S, W, P], T]], Callable[Concatenate[S, W, P], T]]:
    """Makes a method of an object with a session, whose first argument has a name, a step called by the verb and that name."""

    def decorate(method: Callable[Concatenate[S, W, P], T]) -> Callable[Concatenate[S, W, P], T]:
        @wraps(method)
        def wrapped(self: S, what: W, /, *args: P.args, **kwargs: P.kwargs) -> T:
            with step(self.spark, f"{verb} {what.name}"):
                return method(self, what, *args, **kwargs)

        return wrapped

    return decorate


def tag_of(run_id: str) -> str:
    """The tag of a run's Spark jobs; Spark parts tags by commas.

    >>> tag_of("20200301T060000-pipeline-1a2b3c4d.ingest")
    'run 20200301T060000-pipeline-1a2b3c4d.ingest'
    """
    return f"run {run_id.replace(',', ';')}"


@contextmanager
def _described(spark: SparkSession, description: str) -> Iterator[None]:
    context = spark.sparkContext
    before = context.getLocalProperty(DESCRIPTION)
    context.setLocalProperty(DESCRIPTION, description)
    try:
        yield
    finally:
        # None takes it away again.
        context.setLocalProperty(DESCRIPTION, before)  # type: ignore[arg-type]
