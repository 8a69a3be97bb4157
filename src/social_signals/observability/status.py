"""Asks the driver what Spark did for a run: one look at the status store that stands behind Spark's UI, no Spark job."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

from pyspark.sql import SparkSession

from social_signals.core.steps import tag_of
from social_signals.observability.work import (
    KEPT_STAGES,
    QUANTILES,
    Json,
    SparkWork,
    heaviest_first,
    lost,
    peak_heap,
    stages_of,
)

log = logging.getLogger(__name__)

# How tasks of a stage differ costs a few milliseconds a stage; below this many seconds of tasks nobody wants to know.
LEAST_TASK_SECONDS = 1.0
# The store hears of a stage's end a moment after its job has ended.
_WAIT_MS = 2000
_PREFIX_OF_STAGES = "."


def spark_work(spark: SparkSession, run_id: str) -> SparkWork | None:
    """What Spark did for a run that `core.steps.stage` has tagged, but for what it did for stages of that run with an identity of
    their own. None where the driver has no status store that we may ask (Databricks Connect, a shared cluster)."""
    try:
        return _Store(spark).work(run_id)
    except Exception as error:
        log.debug("the status store of Spark is not as in Spark 3.5: %s", type(error).__name__)
        return None


class _Store:
    """`AppStatusStore` of Spark 3.5. It is there without Spark's UI, and holds what Spark's UI would show."""

    def __init__(self, spark: SparkSession) -> None:
        self.context: Any = spark.sparkContext
        jvm: Any = self.context._jvm
        self.scala = self.context._jsc.sc()
        self.store = self.scala.statusStore()
        self.mapper = jvm.com.fasterxml.jackson.databind.ObjectMapper()
        scala_module = getattr(jvm.com.fasterxml.jackson.module.scala, "DefaultScalaModule$")
        self.mapper.registerModule(getattr(scala_module, "MODULE$"))

    def work(self, run_id: str) -> SparkWork:
        self.scala.listenerBus().waitUntilEmpty(_WAIT_MS)
        jobs = self._json(self.store.jobsList(None))
        ours = [job for job in jobs if _is_of(job, run_id)]
        executors = self._json(self.store.executorList(False))
        heap = peak_heap(executors)
        if not ours:
            return SparkWork(peak_heap_bytes=heap)
        wanted = {int(stage_id) for job in ours for stage_id in job["stageIds"]}
        attempts = [s for s in self._stages(min(wanted)) if int(s["stageId"]) in wanted]
        known = {int(s["stageId"]) for s in attempts}
        began = min(int(job["submissionTime"]) for job in ours if job["submissionTime"])
        return SparkWork(
            stages=stages_of(self._with_quantiles(attempts)),
            unknown_stages=None if self._may_have_dropped(jobs, ours) else len(wanted - known),
            lost_executors=lost(executors, since_ms=began),
            peak_heap_bytes=heap,
        )

    def _json(self, value: Any) -> Any:
        return json.loads(self.mapper.writeValueAsString(value))

    def _quantiles(self, *values: float) -> Any:
        array = self.context._gateway.new_array(self.context._jvm.double, len(values))
        for at, value in enumerate(values):
            array[at] = value
        return array

    def _stages(self, oldest: int) -> Sequence[Json]:
        """All attempts of the stages since one of them. The store has the newest first."""
        everything = self.store.stageList(None, False, False, self._quantiles(), None)
        # As much of the list as there are stages since then, with room for some attempts that failed: JSON of a long-lived
        # application's thousand stages would take longer than looking at ours.
        newest = int(everything.head().stageId()) if everything.nonEmpty() else oldest
        return list(self._json(everything.take(2 * (newest - oldest + 1))))

    def _with_quantiles(self, attempts: Sequence[Json]) -> list[Json]:
        ordered = heaviest_first(attempts)
        asked = [a for a in ordered[:KEPT_STAGES] if a["executorRunTime"] >= 1000 * LEAST_TASK_SECONDS]
        quantiles = self._quantiles(*QUANTILES)
        told = []
        for attempt in asked:
            found = self.store.taskSummary(attempt["stageId"], attempt["attemptId"], quantiles)
            summary = self._json(found.get()) if found.isDefined() else None
            told.append({**attempt, "taskMetricsDistributions": summary})
        return [*told, *ordered[len(asked) :]]

    def _may_have_dropped(self, jobs: Sequence[Json], ours: Sequence[Json]) -> bool:
        """Whether jobs of ours may be among those that the store has forgotten: some are, and the oldest it knows is ours."""
        has_dropped = int(self.scala.dagScheduler().numTotalJobs()) > len(jobs)
        return has_dropped and min(j["jobId"] for j in jobs) == min(j["jobId"] for j in ours)


def _is_of(job: Json, run_id: str) -> bool:
    tag = tag_of(run_id)
    tags = job["jobTags"]
    return tag in tags and not any(t.startswith(tag + _PREFIX_OF_STAGES) for t in tags)
