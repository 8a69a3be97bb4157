"""Training never hangs: a thread of the driver that looks at executors and at what workers say, and ends the Spark job in time.

Spark fails a barrier stage that gives a result with the first of its tasks; beginning again is ours. What it does not end by itself:
a stage that waits for slots which are gone for good, and workers that wait for one of whom nothing has said that it is lost (ADR 0028).
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from pyspark import InheritableThread
from pyspark.sql import SparkSession

from social_signals.core.errors import ResourceError, known_error
from social_signals.models.lifeline import SILENT_S, Heard
from social_signals.models.params import LimitParams

log = logging.getLogger(__name__)

T = TypeVar("T")

LOOK_S = 1.0
# Beyond XGBoost's own time-outs, which come first where they work.
GRACE_S = 60.0
# Until Spark knows of an executor that died; one that is cut off is for its heartbeats to tell.
_NOTICED_S = 10.0
_NO_SLOTS = ("SPARK-24819", "BarrierJobSlotsNumberCheckFailed")
# What a worker fails with whose peer is gone, and Spark where a Python worker of its own is.
_BROKEN = ("Python worker exited unexpectedly", "ExecutorLostFailure", "collective/", "rabit/", "Connection reset")
_GROUP = "spark.jobGroup.id"
_HINT = (
    "start the job again: what is finished is kept, and with resume=true training goes on from its last checkpoint; give the "
    "platform another worker if one is gone for good, or set xgboost.num_workers to the slots that are left"
)


@dataclass(frozen=True)
class Executor:
    """An executor as Spark's driver knows it. reason: why it was removed."""

    id: str
    host: str
    cores: int
    is_active: bool
    reason: str | None = None


@dataclass(frozen=True)
class State:
    """What the watchdog sees at one moment. executors: those there were since training began. heard: of the newest attempt."""

    executors: Mapping[str, Executor]
    heard: Sequence[Heard]
    workers: int
    cpus_of_task: int

    @property
    def lost(self) -> list[Executor]:
        return [executor for executor in self.executors.values() if not executor.is_active]

    @property
    def slots(self) -> int:
        return sum(one.cores // self.cpus_of_task for one in self.executors.values() if one.is_active)

    @property
    def attempt(self) -> int:
        return max((heard.attempt for heard in self.heard), default=0)


def ailment(state: State, *, now: float) -> str | None:
    """What keeps the training from going on, if only for the moment; null where nothing is known to.

    >>> gone = Executor("1", "10.0.0.2", 1, False, "worker lost")
    >>> ailment(State({"0": Executor("0", "10.0.0.1", 1, True), "1": gone}, [], workers=2, cpus_of_task=1), now=0.0)
    'executor 1 on 10.0.0.2 was lost (worker lost); 1 of 2 slots that training needs are left'
    """
    if state.lost and state.slots < state.workers:
        return f"{named(state.lost)}; {state.slots} of {state.workers} slots that training needs are left"
    silent = [heard for heard in state.heard if heard.is_open and now - heard.at >= SILENT_S]
    if silent and len(silent) == len([heard for heard in state.heard if heard.is_open]) > 1:
        # Nobody is heard: rather the driver's own ears.
        return None
    if silent:
        return "; ".join(
            f"worker {h.rank} on {h.host} has given no sign of life for {now - h.at:.0f} s (round {h.round})"
            for h in silent
        )
    return None


def verdict(state: State, *, now: float, ailing_since: float | None, limits: LimitParams) -> str | None:
    """Why the training has to end now; null where it may go on.

    ailing_since: since when there has been an `ailment`. An ailment may pass: Spark finds out, and begins again where there are slots.
    """
    if ailing_since is not None and now - ailing_since >= limits.lost_worker_timeout_s:
        return f"{ailment(state, now=now)}; that did not change within {limits.lost_worker_timeout_s} s"
    if state.lost and state.attempt > limits.retries:
        return f"{named(state.lost)}; training had begun {state.attempt + 1} times"
    open_ones = [heard for heard in state.heard if heard.is_open]
    if not open_ones:
        return None
    furthest = max(heard.round for heard in open_ones)
    since = max(heard.round_at for heard in open_ones)
    most = (limits.round_timeout_s if furthest else limits.connect_timeout_s) + GRACE_S
    if now - since >= most:
        where = ", ".join(f"worker {heard.rank} on {heard.host}" for heard in open_ones)
        return f"no round has ended for {now - since:.0f} s after round {furthest}, with {where} running"
    return None


def named(executors: Sequence[Executor]) -> str:
    """The lost executors as a sentence."""
    return "; ".join(
        f"executor {one.id} on {one.host} was lost"
        + (f" ({one.reason.strip().splitlines()[0][:200]})" if one.reason else "")
        for one in executors
    )


def watched(
    spark: SparkSession,
    action: Callable[[], T],
    *,
    workers: int,
    limits: LimitParams,
    heard: Callable[[], Sequence[Heard]],
) -> T:
    """The answer of a Spark action that trains, begun again where a worker was lost and there are slots for all in time.

    Raises ResourceError, and has cancelled the action, where it could not go on: with the executor or worker that was lost, and what
    to do. Spark itself begins no barrier stage again that gives a result: it fails with its first task.
    """
    for retries_left in range(limits.retries, -1, -1):
        seen = _Watch(spark, workers=workers, limits=limits, heard=heard)
        try:
            return seen.over(action)
        except Exception as error:
            if seen.reason:
                raise ResourceError(f"training was ended: {seen.reason}", hint=_HINT) from error
            if known_error(error) is not None or not (why := seen.loss(error)):
                raise
            if retries_left == 0:
                times = f"; training had begun {limits.retries + 1} times" if limits.retries else ""
                raise ResourceError(f"training failed: {why}{times}", hint=_HINT) from error
            log.warning("training begins again: %s", why)
            if not seen.is_whole_again():
                missing = f"{seen.state().slots} of {workers} slots that training needs are left after {limits.lost_worker_timeout_s} s"
                raise ResourceError(f"training failed: {why}; {missing}", hint=_HINT) from error
    raise AssertionError("the last attempt has returned or raised")


class _Watch:
    """One attempt to train, and what happened around it. reason: why it was ended from here; None where it was not."""

    def __init__(
        self, spark: SparkSession, *, workers: int, limits: LimitParams, heard: Callable[[], Sequence[Heard]]
    ) -> None:
        self.spark, self.workers, self.limits, self.heard = spark, workers, limits, heard
        self.reason: str | None = None
        self._ours = {name for name, one in executors_of(spark).items() if one.is_active}
        self._cpus = int(str(spark.conf.get("spark.task.cpus", "1")))
        self._ended = threading.Event()

    def over(self, action: Callable[[], T]) -> T:
        """The answer of the action, under watch."""
        with _job_group(self.spark) as group:
            # This kind of thread gives back what Java holds for it when it ends.
            thread = InheritableThread(target=self._watch, args=(group,), name="training watchdog", daemon=True)
            thread.start()
            try:
                return action()
            finally:
                self._ended.set()

    def state(self) -> State:
        """What is to be seen now. An executor that was gone before this attempt is none of it."""
        there = executors_of(self.spark)
        self._ours |= {name for name, one in there.items() if one.is_active}
        return State(
            {name: there[name] for name in self._ours if name in there}, self.heard(), self.workers, self._cpus
        )

    def loss(self, error: Exception) -> str | None:
        """Whether the attempt failed for want of what it ran on, in words; None where another attempt would fail alike."""
        text = str(error)
        if any(word in text for word in _NO_SLOTS):
            state = self.state()
            there = f"{state.slots} of {self.workers} slots that training needs are there"
            return f"{named(state.lost)}; {there}" if state.lost else there
        # Who was left notices that the connection broke before Spark does that an executor is gone.
        until = time.monotonic() + (_NOTICED_S if any(word in text for word in _BROKEN) else 0.0)
        while not (lost := self.state().lost) and time.monotonic() < until:
            time.sleep(LOOK_S)
        if lost:
            return named(lost)
        return "a worker was lost and its executor was not" if any(word in text for word in _BROKEN) else None

    def is_whole_again(self) -> bool:
        """Whether there are slots for all workers, or come to be in time."""
        until = time.monotonic() + self.limits.lost_worker_timeout_s
        while (state := self.state()).lost and state.slots < self.workers:
            if time.monotonic() >= until:
                return False
            time.sleep(LOOK_S)
        return True

    def _watch(self, group: str) -> None:
        ailing_since: float | None = None
        begun = -1
        while not self._ended.wait(LOOK_S):
            seen, now = self.state(), time.monotonic()
            growing = [heard for heard in seen.heard if heard.is_open and heard.round > 0]
            if len(growing) == self.workers > 1 and begun < seen.attempt:
                begun = seen.attempt
                hosts = ", ".join(heard.host for heard in growing)
                log.info("%d workers train together, on %s (begun %d times)", self.workers, hosts, begun + 1)
            ill = ailment(seen, now=now)
            if ill and ailing_since is None:
                log.warning("training waits: %s", ill)
            ailing_since = None if ill is None else ailing_since if ailing_since is not None else now
            self.reason = verdict(seen, now=now, ailing_since=ailing_since, limits=self.limits)
            if self.reason:
                self.spark.sparkContext.cancelJobGroup(group)
                return


@contextmanager
def _job_group(spark: SparkSession) -> Iterator[str]:
    """A job group of its own for what this thread does within; its description, and the group of whoever calls, stay."""
    context = spark.sparkContext
    before, group = context.getLocalProperty(_GROUP), f"training-{uuid.uuid4().hex[:12]}"
    context.setLocalProperty(_GROUP, group)
    try:
        yield group
    finally:
        context.setLocalProperty(_GROUP, before)  # type: ignore[arg-type]


def executors_of(spark: SparkSession) -> dict[str, Executor]:
    """Id -> executor, those that were removed among them; in local mode the driver. Empty where Spark does not tell."""
    try:
        java: Any = spark.sparkContext._jsc.sc()
        found = java.statusStore().executorList(False)
        ones = [found.apply(i) for i in range(found.size())]
        told = [
            Executor(
                str(one.id()), str(one.hostPort()).rsplit(":", 1)[0], int(one.totalCores()), bool(one.isActive()),
                str(one.removeReason().get()) if one.removeReason().isDefined() else None,
            )
            for one in ones
        ]  # fmt: skip
    except Exception as error:
        log.debug("Spark does not tell of its executors: %s", type(error).__name__)
        return {}
    is_local = str(spark.sparkContext.master).startswith("local") and "cluster" not in str(spark.sparkContext.master)
    return {one.id: one for one in told if is_local or one.id != "driver"}
