"""What Spark's status API says becomes rows of `ops.runs`: examples as Spark writes them, no session."""

from __future__ import annotations

from typing import Any

from social_signals.observability.work import KEPT_STAGES, SparkWork, lost, peak_heap, stages_of


def attempt(stage_id: int, **told: Any) -> dict[str, Any]:
    """A stage attempt as Spark's status API tells it, zero where nothing is said."""
    numbers = (
        "numCompleteTasks", "numFailedTasks", "numKilledTasks", "executorRunTime", "executorCpuTime", "jvmGcTime", "inputRecords", "inputBytes",
        "outputRecords", "outputBytes", "shuffleReadRecords", "shuffleReadBytes", "shuffleWriteRecords", "shuffleWriteBytes",
        "memoryBytesSpilled", "diskBytesSpilled",
    )  # fmt: skip
    times = {"submissionTime": 1_000, "firstTaskLaunchedTime": 1_500, "completionTime": 4_000}
    known = {"stageId": stage_id, "attemptId": 0, "status": "COMPLETE", "name": "save at x:0", "description": None}
    return dict.fromkeys(numbers, 0) | times | known | told


def test_a_stage_says_how_long_how_much_and_how_unevenly():
    tasks = {
        "executorRunTime": [2_000.0, 9_000.0],
        "peakExecutionMemory": [50.0, 80.0],
        "shuffleReadMetrics": {"readRecords": [10.0, 40.0]},
    }
    told = attempt(
        3, description="ingest: merge silver.posts", numCompleteTasks=4, executorRunTime=15_000, executorCpuTime=12_000_000_000, jvmGcTime=1_500,
        shuffleReadRecords=70, diskBytesSpilled=5, taskMetricsDistributions=tasks, peakExecutorMetrics={"JVMHeapMemory": 600},
    )  # fmt: skip
    (stage,) = stages_of([told])
    assert (stage.name, stage.seconds, stage.tasks) == ("ingest: merge silver.posts", 2.5, 4)
    assert (stage.task_seconds, stage.cpu_seconds, stage.gc_seconds, stage.longest_task_seconds) == (
        15.0,
        12.0,
        1.5,
        9.0,
    )
    assert (stage.time_skew, stage.rows_skew) == (4.5, 4.0)
    assert (stage.shuffle_read_rows, stage.spilled_disk_bytes) == (70, 5)
    assert (stage.peak_task_bytes, stage.peak_heap_bytes) == (80, 600)


def test_attempts_of_a_stage_are_one_stage_and_what_was_skipped_none():
    retried = [
        attempt(1, status="FAILED", executorRunTime=100, numFailedTasks=2, completionTime=2_000),
        attempt(
            1, attemptId=1, executorRunTime=900, numCompleteTasks=2, submissionTime=2_500, firstTaskLaunchedTime=3_000
        ),
        attempt(2, status="SKIPPED", submissionTime=None),
    ]
    (stage,) = stages_of(retried)
    assert (stage.attempts, stage.failed_tasks, stage.tasks, stage.task_seconds) == (2, 2, 2, 1.0)
    assert stage.seconds == 2.5
    assert SparkWork(stages=(stage,)).row["retried_stages"] == 1


def test_a_median_of_nothing_is_no_skew():
    tasks = {
        "executorRunTime": [0.0, 5.0],
        "peakExecutionMemory": [0.0, 0.0],
        "shuffleReadMetrics": {"readRecords": [0.0, 9.0]},
    }
    (stage,) = stages_of([attempt(1, taskMetricsDistributions=tasks)])
    assert (stage.time_skew, stage.rows_skew) == (None, None)


def test_all_stages_count_and_the_heaviest_are_kept():
    work = SparkWork(stages_of([attempt(n, executorRunTime=n, inputRecords=1) for n in range(1, KEPT_STAGES + 6)]))
    assert (work.row["stages"], work.row["input_rows"]) == (KEPT_STAGES + 5, KEPT_STAGES + 5)
    assert [row["stage_id"] for row in work.stage_rows] == list(range(KEPT_STAGES + 5, 5, -1))


def test_executors_given_back_as_idle_are_not_lost():
    gone = {"isActive": False, "removeTime": 50, "totalTasks": 3, "peakMemoryMetrics": None}
    executors = [
        {
            "id": "driver",
            "isActive": True,
            "removeTime": None,
            "totalTasks": 0,
            "peakMemoryMetrics": {"JVMHeapMemory": 900},
        },
        {"id": "1", "removeReason": "Executor killed due to idle: removed", **gone},
        {"id": "2", "removeReason": "Remote RPC client disassociated", **gone},
        {"id": "3", "removeReason": "Remote RPC client disassociated", **gone, "removeTime": 5},
        {"id": "4", "isActive": True, "removeTime": None, "totalTasks": 1, "peakMemoryMetrics": {"JVMHeapMemory": 700}},
    ]
    assert lost(executors, since_ms=10) == 1
    # The driver's heap says nothing about tasks where it runs none.
    assert peak_heap(executors) == 700
