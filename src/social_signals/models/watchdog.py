"""Training never hangs: a thread of the driver that looks at executors and at what workers say, and ends the Spark job in time.

Spark begins a barrier stage again when it has seen one of its tasks fail. What it does not end by itself: a stage that waits for
slots which are gone for good, and workers that wait for one of whom nothing has said that it is lost (ADR 0028).
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
    """The answer of a Spark action that trains. Raises ResourceError, and has cancelled the action, where it could not go on:
    with the executor or worker that was lost, and what to do."""
    context = spark.sparkContext
    before = {name: one for name, one in executors_of(spark).items() if one.is_active}
    cpus = int(str(spark.conf.get("spark.task.cpus", "1")))
    ended = threading.Event()
    reasons: list[str] = []

    def state() -> State:
        now_there = executors_of(spark)
        ours = {name: one for name, one in now_there.items() if one.is_active or name in before}
        before.update({name: one for name, one in ours.items() if one.is_active})
        return State(ours, heard(), workers, cpus)

    def watch(group: str) -> None:
        ailing_since: float | None = None
        begun = 0
        while not ended.wait(LOOK_S):
            seen, now = state(), time.monotonic()
            growing = [heard for heard in seen.heard if heard.is_open and heard.round > 0]
            if len(growing) == workers > 1 and begun <= seen.attempt:
                begun = seen.attempt + 1
                hosts = ", ".join(heard.host for heard in growing)
                log.info("%d workers train together, on %s (begun %d times)", workers, hosts, begun)
            ill = ailment(seen, now=now)
            if ill and ailing_since is None:
                log.warning("training waits: %s", ill)
            ailing_since = None if ill is None else ailing_since if ailing_since is not None else now
            reason = verdict(seen, now=now, ailing_since=ailing_since, limits=limits)
            if reason:
                reasons.append(reason)
                context.cancelJobGroup(group)
                return

    with _job_group(spark) as group:
        # This kind of thread gives back what Java holds for it when it ends.
        thread = InheritableThread(target=watch, args=(group,), name="training watchdog", daemon=True)
        thread.start()
        try:
            return action()
        except Exception as error:
            if reasons:
                raise ResourceError(f"training was ended: {reasons[0]}", hint=_HINT) from error
            if known_error(error) is None and (why := _lost(error, state())):
                raise ResourceError(f"training failed: {why}", hint=_HINT) from error
            raise
        finally:
            ended.set()


def _lost(error: Exception, state: State) -> str | None:
    """Whether a failure is of what there is to run on, in words."""
    if "SPARK-24819" in str(error) or "BarrierJobSlotsNumberCheckFailed" in str(error):
        return f"{named(state.lost) or 'slots are missing'}; {state.slots} of {state.workers} slots that training needs are there"
    return named(state.lost) or None


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
