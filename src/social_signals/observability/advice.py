"""What is worth changing after a run, in words. Silent about what costs little: each threshold says why it is where it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from social_signals.observability.work import SparkStage, SparkWork

# What is spilled is written and read once more, at some 200 MB/s on a plain disk: below this a second or two.
LEAST_SPILL_BYTES = 512 * 2**20
# A stage ends with its last task. One that takes five times the median leaves most of the other slots idle for most of a stage, and
# is what Spark's own skew join calls skewed (spark.sql.adaptive.skewJoin.skewedPartitionFactor); half a minute is noticed.
SKEWED = 5.0
LEAST_SKEWED_SECONDS = 30.0
# Starting and booking a task takes Spark some 5 to 10 ms on the driver: with tasks shorter than 20 ms that is a third of all work.
SHORT_TASK_SECONDS = 0.02
MANY_SHORT_TASKS = 1000
# A task of minutes is lost whole with its executor, and a stage with fewer of them than slots leaves the rest idle.
LONG_TASK_SECONDS = 180.0
# The tuning guide's own sign of too small a heap; below a minute of tasks it is the JVM's start that shows.
MOST_GC_RATIO = 0.1
LEAST_TASK_SECONDS_FOR_GC = 60.0
# Room for what one median task needs beside the rest: partitions are cut so that each keeps a fifth of its memory free.
_HEADROOM = 1.25
# A key whose rows a stage cannot share out is worth naming from here on: with eight partitions an even one holds 12.5 %.
LEAST_KEY_RATIO = 0.02

DOCS = "docs/observability.md#skew"


@dataclass(frozen=True)
class Limits:
    """What a run had: task slots, spark.sql.shuffle.partitions, and whether the driver runs the tasks (local mode)."""

    slots: int
    shuffle_partitions: int
    is_local: bool

    @property
    def memory_setting(self) -> str:
        return "platform.driver_memory" if self.is_local else "platform.executor_memory"


@dataclass(frozen=True)
class KeyShare:
    """The largest share of a table's rows that one value of a column holds; the value itself is a person's and not ours to tell."""

    table: str
    column: str
    ratio: float


def advice(work: SparkWork, limits: Limits, *, shares: Sequence[KeyShare] = ()) -> list[str]:
    """Sentences, the costliest trouble first; none where nothing is worth a change.

    shares: the heaviest keys of the tables that were read, where a skewed stage gave reason to count them.
    """
    return [sentence for about in ADVICE for sentence in about(work, limits)] + _of_shares(work, shares)


def is_skewed(work: SparkWork) -> bool:
    """Whether one task held a stage up for long enough to ask which key it had."""
    return any(_is_skewed(stage) for stage in work.stages)


def _of_losses(work: SparkWork, limits: Limits) -> list[str]:
    if not work.lost_executors:
        return []
    failed = int(work.totals["failed_tasks"])
    what = "1 executor was" if work.lost_executors == 1 else f"{work.lost_executors} executors were"
    return [
        f"{what} lost and {_count(failed, 'task')} failed or ran again: look for the reason in the log of the executor (out of memory: "
        f"give more {limits.memory_setting}; preempted: ask for fewer or better protected ones)"
    ]


def _of_spills(work: SparkWork, limits: Limits) -> list[str]:
    spilling = [s for s in work.stages if s.spilled_disk_bytes >= LEAST_SPILL_BYTES]
    return [
        f'stage "{stage.name}" spilled {_gb(stage.spilled_disk_bytes)} to disk: give {limits.memory_setting} more, or '
        + _smaller_partitions(stage, limits)
        for stage in _worst(spilling, by=lambda s: s.spilled_disk_bytes)
    ]


def _smaller_partitions(stage: SparkStage, limits: Limits) -> str:
    if not stage.shuffle_read_bytes:
        return "read smaller splits (spark.sql.files.maxPartitionBytes in platform.conf)"
    return f"raise platform.shuffle_partitions from {limits.shuffle_partitions} to {partitions_without_spill(stage, limits)}"


def partitions_without_spill(stage: SparkStage, limits: Limits) -> int:
    """Into how many partitions the stage's rows fit without a spill: what a task held and what it spilled (as it was in memory),
    over what it could hold, rounded up to a multiple of the slots; twice as many where Spark did not say what a task held.

    Eight tasks that held 1 GB each and spilled 24 GB between them had 32 GB to hold, four times what they could: 8 * 4 * 1.25.

    >>> stage = SparkStage(stage_id=7, name="merge silver.posts", seconds=60.0, tasks=8, spilled_memory_bytes=24 * 2**30)
    >>> from dataclasses import replace
    >>> partitions_without_spill(replace(stage, peak_task_bytes=2**30), Limits(slots=4, shuffle_partitions=8, is_local=True))
    40
    """
    now = max(limits.shuffle_partitions, stage.tasks)
    held = (stage.peak_task_bytes or 0) * stage.tasks
    factor = _HEADROOM * (held + stage.spilled_memory_bytes) / held if held else 2.0
    return limits.slots * math.ceil(max(factor, _HEADROOM) * now / limits.slots)


def _of_skew(work: SparkWork, _: Limits) -> list[str]:
    skewed = [s for s in work.stages if _is_skewed(s)]
    return [
        f'stage "{stage.name}" waited for one task: {stage.longest_task_seconds:.0f} s, {stage.time_skew:.0f} times the median of '
        f"its {stage.tasks}" + (f", with {stage.rows_skew:.0f} times the rows" if (stage.rows_skew or 0) >= 2 else "")
        + f": see skew in {DOCS}"
        for stage in _worst(skewed, by=lambda s: s.longest_task_seconds or 0.0)
    ]  # fmt: skip


def _is_skewed(stage: SparkStage) -> bool:
    is_long = (stage.longest_task_seconds or 0.0) >= LEAST_SKEWED_SECONDS
    return is_long and (stage.time_skew or 0.0) >= SKEWED


def _of_shares(work: SparkWork, shares: Sequence[KeyShare]) -> list[str]:
    heavy = sorted((s for s in shares if s.ratio >= LEAST_KEY_RATIO), key=lambda s: -s.ratio)
    return [
        f"one {_KINDS.get(share.column, share.column)} holds {100 * share.ratio:.0f} % of the rows of {share.table}: see skew in {DOCS}"
        for share in heavy
        if is_skewed(work)
    ]


# What a column's value is, in words.
_KINDS = {
    "author_id": "author", "actor_id": "person who acts", "target_user_id": "person acted towards",
    "target_post_id": "post", "parent_post_id": "answered post", "conversation_id": "conversation",
    "follower_id": "follower", "followee_id": "person followed", "item_id": "item", "event_ts": "day",
}  # fmt: skip


def _of_partitions(work: SparkWork, limits: Limits) -> list[str]:
    short = [s for s in work.stages if s.tasks >= MANY_SHORT_TASKS and s.mean_task_seconds < SHORT_TASK_SECONDS]
    long = [s for s in work.stages if s.mean_task_seconds >= LONG_TASK_SECONDS and s.tasks < 4 * limits.slots]
    too_many = [
        f'stage "{stage.name}" had {stage.tasks} tasks of {1000 * stage.mean_task_seconds:.0f} ms: lower platform.shuffle_partitions '
        f"(now {limits.shuffle_partitions}), or let `maintain` pack the small files of what it reads"
        for stage in _worst(short, by=lambda s: float(s.tasks))
    ]
    too_few = [
        f'stage "{stage.name}" had {_count(stage.tasks, "task")} of {stage.mean_task_seconds / 60:.0f} minutes on {limits.slots} slots: '
        f"raise platform.shuffle_partitions (now {limits.shuffle_partitions}) to {4 * limits.slots} or more"
        for stage in _worst(long, by=lambda s: s.mean_task_seconds)
    ]
    return too_many + too_few


def _of_memory(work: SparkWork, limits: Limits) -> list[str]:
    run, gc = work.totals["task_seconds"], work.totals["gc_seconds"]
    if run < LEAST_TASK_SECONDS_FOR_GC or gc <= MOST_GC_RATIO * run:
        return []
    return [
        f"the JVMs spent {100 * gc / run:.0f} % of {run:.0f} s of tasks collecting garbage: give {limits.memory_setting} more, or fewer "
        "cores to share it"
    ]


def _of_the_unknown(work: SparkWork, _: Limits) -> list[str]:
    # A long run begins with many small ones, and what is kept are the heaviest.
    if work.unknown_stages is not None and work.unknown_stages <= len(work.stages):
        return []
    how_many = "an unknown number of" if work.unknown_stages is None else str(work.unknown_stages)
    return [
        f"{how_many} earlier Spark stages of this run are missing from its summary: raise spark.ui.retainedStages and "
        "spark.ui.retainedJobs in platform.conf (each 1000 by default)"
    ]


ADVICE: tuple[Callable[[SparkWork, Limits], Iterable[str]], ...] = (
    _of_losses,
    _of_skew,
    _of_spills,
    _of_memory,
    _of_partitions,
    _of_the_unknown,
)

# More of the same kind would say the same again.
_OF_A_KIND = 2


def _worst(stages: Iterable[SparkStage], *, by: Callable[[SparkStage], float]) -> list[SparkStage]:
    """The worst of each name, for tries and folds do the same again and again, and of those the worst few."""
    of_name: Mapping[str, SparkStage] = {s.name: s for s in sorted(stages, key=by)}
    return sorted(of_name.values(), key=by, reverse=True)[:_OF_A_KIND]


def _count(n: int, what: str) -> str:
    return f"{n} {what}" + ("" if n == 1 else "s")


def _gb(size: int) -> str:
    return f"{size / 2**30:.1f} GB"
