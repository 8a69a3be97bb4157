"""What Spark did, as rows: from the JSON of Spark's status API (`org.apache.spark.status.api.v1`) to numbers in plain units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

Json = Mapping[str, Any]

# Of a run's stages the heaviest are kept one by one; all of them count in its totals.
KEPT_STAGES = 20
# Quantiles that are asked of a stage's tasks, and where they are in the answer.
QUANTILES = (0.5, 1.0)
_MEDIAN, _LARGEST = 0, 1
_DRIVER = "driver"


@dataclass(frozen=True)
class SparkStage:
    """One Spark stage, all its attempts together; None where Spark did not say.

    name: the suite's words for its job. seconds: wall time from its first task to its end. task_seconds, cpu_seconds, gc_seconds:
    summed over tasks; Python's work is in the first alone.
    time_skew, rows_skew: the largest task over the median one, by run time and by rows read from a shuffle. peak_task_bytes: most
    memory that one task took to sort, join and aggregate. peak_heap_bytes: largest heap of a JVM that was seen while it ran, asked
    every few seconds. failed_tasks: attempts that failed or were killed and were made again or ended the run.
    """

    stage_id: int
    name: str
    seconds: float | None = None
    tasks: int = 0
    task_seconds: float = 0.0
    cpu_seconds: float = 0.0
    gc_seconds: float = 0.0
    input_rows: int = 0
    input_bytes: int = 0
    output_rows: int = 0
    output_bytes: int = 0
    shuffle_read_rows: int = 0
    shuffle_read_bytes: int = 0
    shuffle_write_rows: int = 0
    shuffle_write_bytes: int = 0
    spilled_memory_bytes: int = 0
    spilled_disk_bytes: int = 0
    failed_tasks: int = 0
    attempts: int = 1
    time_skew: float | None = None
    rows_skew: float | None = None
    longest_task_seconds: float | None = None
    peak_task_bytes: int | None = None
    peak_heap_bytes: int | None = None

    @property
    def mean_task_seconds(self) -> float:
        return self.task_seconds / max(self.tasks, 1)


SUMMED = (
    "tasks", "task_seconds", "cpu_seconds", "gc_seconds", "input_rows", "input_bytes", "output_rows", "output_bytes",
    "shuffle_read_rows", "shuffle_read_bytes", "shuffle_write_rows", "shuffle_write_bytes", "spilled_memory_bytes", "spilled_disk_bytes", "failed_tasks",
)  # fmt: skip


@dataclass(frozen=True)
class SparkWork:
    """All that Spark did for a run.

    stages: heaviest first, by task_seconds. unknown_stages: those of which the driver has dropped what it knew
    (`spark.ui.retainedStages`), missing from everything else; None where not even their number is known. lost_executors: removed
    while the run was on its way, but those that Spark gave back as idle. peak_heap_bytes: the largest heap of any JVM since the application began.
    """

    stages: tuple[SparkStage, ...] = ()
    unknown_stages: int | None = 0
    lost_executors: int = 0
    peak_heap_bytes: int | None = None
    totals: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        # Seconds of no stages are 0.0: Spark takes no whole number for a double.
        zero = {name: 0.0 if name.endswith("_seconds") else 0 for name in SUMMED}
        totals = {name: sum((getattr(s, name) for s in self.stages), zero[name]) for name in SUMMED}
        object.__setattr__(self, "totals", totals)

    @property
    def row(self) -> dict[str, Any]:
        """The struct of `ops.runs.spark`."""
        peaks = [s.peak_task_bytes for s in self.stages if s.peak_task_bytes is not None]
        rounded = {k: round(v, 3) if isinstance(v, float) else v for k, v in self.totals.items()}
        return rounded | {
            "stages": len(self.stages),
            "retried_stages": sum(s.attempts > 1 for s in self.stages),
            "unknown_stages": self.unknown_stages,
            "lost_executors": self.lost_executors,
            "peak_task_bytes": max(peaks, default=None),
            "peak_heap_bytes": self.peak_heap_bytes,
        }

    @property
    def stage_rows(self) -> list[dict[str, Any]]:
        """The structs of `ops.runs.spark_stages`: the heaviest stages, one each."""
        names = [f.name for f in fields(SparkStage)]
        return [
            {n: round(v, 3) if isinstance(v := getattr(stage, n), float) else v for n in names}
            for stage in self.stages[:KEPT_STAGES]
        ]


def heaviest_first(stages: Sequence[Json]) -> list[Json]:
    """Stage attempts that ran, by run time of their tasks; the status store also knows skipped and pending ones."""
    ran = [s for s in stages if s["status"] in ("COMPLETE", "FAILED", "ACTIVE") and s.get("submissionTime")]
    return sorted(ran, key=lambda s: (-int(s["executorRunTime"]), int(s["stageId"]), int(s["attemptId"])))


def stages_of(attempts: Sequence[Json]) -> tuple[SparkStage, ...]:
    """The stages, heaviest first; attempts of the same stage are added up, its skew is that of its longest."""
    by_id: dict[int, list[Json]] = {}
    for attempt in heaviest_first(attempts):
        by_id.setdefault(int(attempt["stageId"]), []).append(attempt)
    stages = [_stage(some) for some in by_id.values()]
    return tuple(sorted(stages, key=lambda s: (-s.task_seconds, s.stage_id)))


def _stage(attempts: Sequence[Json]) -> SparkStage:
    longest = attempts[0]

    def total(name: str) -> int:
        return sum(int(a[name]) for a in attempts)

    begun = [a["firstTaskLaunchedTime"] or a["submissionTime"] for a in attempts]
    ended = [a["completionTime"] for a in attempts if a.get("completionTime")]
    tasks = longest.get("taskMetricsDistributions") or {}
    run_times = tasks.get("executorRunTime")
    heap = max((_heap(a.get("peakExecutorMetrics")) for a in attempts), default=0)
    return SparkStage(
        stage_id=int(longest["stageId"]),
        name=str(longest.get("description") or longest["name"]),
        seconds=(max(ended) - min(begun)) / 1000 if ended else None,
        tasks=total("numCompleteTasks"),
        task_seconds=total("executorRunTime") / 1000,
        cpu_seconds=total("executorCpuTime") / 1e9,
        gc_seconds=total("jvmGcTime") / 1000,
        input_rows=total("inputRecords"),
        input_bytes=total("inputBytes"),
        output_rows=total("outputRecords"),
        output_bytes=total("outputBytes"),
        shuffle_read_rows=total("shuffleReadRecords"),
        shuffle_read_bytes=total("shuffleReadBytes"),
        shuffle_write_rows=total("shuffleWriteRecords"),
        shuffle_write_bytes=total("shuffleWriteBytes"),
        spilled_memory_bytes=total("memoryBytesSpilled"),
        spilled_disk_bytes=total("diskBytesSpilled"),
        failed_tasks=total("numFailedTasks") + total("numKilledTasks"),
        attempts=len(attempts),
        time_skew=_skew(run_times),
        rows_skew=_skew((tasks.get("shuffleReadMetrics") or {}).get("readRecords")),
        longest_task_seconds=run_times[_LARGEST] / 1000 if run_times else None,
        peak_task_bytes=int(tasks["peakExecutionMemory"][_LARGEST]) if tasks.get("peakExecutionMemory") else None,
        peak_heap_bytes=heap or None,
    )


def _skew(quantiles: Sequence[float] | None) -> float | None:
    if not quantiles or quantiles[_MEDIAN] <= 0:
        return None
    return float(quantiles[_LARGEST] / quantiles[_MEDIAN])


def _heap(metrics: Json | None) -> int:
    return int((metrics or {}).get("JVMHeapMemory", 0))


def peak_heap(executors: Sequence[Json]) -> int | None:
    """The largest heap that any JVM of the application has reported, the driver's where it runs the tasks."""
    workers = [e for e in executors if e["id"] != _DRIVER or e["totalTasks"]]
    return max((_heap(e.get("peakMemoryMetrics")) for e in workers), default=0) or None


def lost(executors: Sequence[Json], *, since_ms: int) -> int:
    """Executors removed since an instant for a reason of their own: dynamic allocation gives idle ones back on purpose."""
    removed = [e for e in executors if not e["isActive"] and (e.get("removeTime") or 0) >= since_ms]
    return sum("idle" not in str(e.get("removeReason") or "").lower() for e in removed)
