"""Task slots of a session: how many there are, and the wait for a cluster to bring them."""

from __future__ import annotations

import logging
import time
from typing import Any

from pyspark.resource import ResourceProfile
from pyspark.sql import SparkSession

from social_signals.core.errors import ResourceError

log = logging.getLogger(__name__)

# Seconds: for the first executor, without which nothing runs; and, as Spark's own schedulers wait, for all of them.
FIRST_S, ALL_S = 120.0, 30.0


def task_slots(spark: SparkSession, profile: ResourceProfile | None = None) -> int:
    """How many tasks can run at the same moment, GPUs counted, as Spark's barrier scheduler sees it; of a stage with `profile`."""
    context = spark.sparkContext._jsc.sc()
    known = context.resourceProfileManager()
    if profile is None:
        return int(context.maxNumConcurrentTasks(known.resourceProfileFromId(0)))
    asked: Any = profile._java_resource_profile
    # As withResources does with the profile of a stage.
    known.addResourceProfile(asked)
    return int(context.maxNumConcurrentTasks(asked))


def await_slots(spark: SparkSession, wanted: int, *, first_s: float = FIRST_S, all_s: float = ALL_S) -> int:
    """Wait until executors with `wanted` slots have registered, and say how many there are; fewer after `all_s` seconds is said too.

    A standalone master hands out executors one by one and Spark starts the first job with whoever is there, while the number of
    workers that train together depends on the slots. Raises ResourceError where none has registered within `first_s` seconds: the
    job would wait for ever. With dynamic allocation executors come when tasks do, so there is nothing to wait for.
    """
    if str(spark.conf.get("spark.dynamicAllocation.enabled", "false")).lower() == "true":
        return 0
    started = time.monotonic()
    while (slots := task_slots(spark)) < wanted:
        waited = time.monotonic() - started
        if slots == 0 and waited > first_s:
            raise ResourceError(
                f"no executor has registered with {spark.sparkContext.master} in {first_s:g} seconds",
                hint="look at the master's page: workers need free cores and the memory of platform.executor_memory, and must be "
                "able to reach this driver (platform.conf spark.driver.host)",
            )
        if slots and waited > all_s:
            log.warning("%d of %d task slots have registered in %.0f s; going on with them", slots, wanted, waited)
            break
        time.sleep(0.2)
    return slots
