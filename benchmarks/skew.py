"""Jobs on a community with a creator, an author and a day far heavier than the rest, against the same jobs on an even one.

    python benchmarks/skew.py [--events 150000] [--driver-memory 4g] [--cores 2]

A small even community first, to warm up; then both of the full size. The last line is JSON: `ratio` is the time of all jobs on
skewed rows over that on even ones, `cpu_ratio` the same of core-seconds, `jobs` has each of them. A machine of few cores hardly feels one long task, so `at_16_slots`
says what the ratio would be where every stage had sixteen: a stage takes at least as long as its longest task (an estimate, from
the tasks that `ops.runs` kept).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from turns import Memory
from worlds import LEAST_EVENTS, World, ran, settings

from social_signals.core.session import PlatformParams, make_session

SLOTS = 16


def estimated(spark: SparkSession, world: World, *, slots: int) -> dict[str, float]:
    """Job -> seconds of its heaviest Spark stages, had each of them had so many slots."""
    runs = spark.read.format("delta").load(f"{world.folder}/lakehouse/ops/runs").select("job", "spark_stages").collect()

    def seconds(stage: Any) -> float:
        longest = stage["longest_task_seconds"] or stage["task_seconds"] / max(stage["tasks"], 1)
        return max(longest, stage["task_seconds"] / slots)

    return {row["job"]: sum(map(seconds, row["spark_stages"])) for row in runs}


def main() -> None:
    """Run both and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=150_000)
    parser.add_argument("--driver-memory", default="4g")
    parser.add_argument("--cores", type=int, default=2)
    chosen = parser.parse_args()
    platform = [f"platform.master=local[{chosen.cores}]", f"platform.driver_memory={chosen.driver_memory}"]
    params = PlatformParams(master=f"local[{chosen.cores}]", driver_memory=chosen.driver_memory)
    watched = Memory()
    with tempfile.TemporaryDirectory() as name:
        spark, folder = make_session(params, app_name="benchmark skew"), Path(name)
        ran(World(folder / "warm", max(chosen.events // 20, LEAST_EVENTS)).write(spark), platform)
        worlds = {
            "even": World(folder / "even", chosen.events),
            "skewed": World(folder / "skewed", chosen.events, True),
        }
        took = {name: ran(world.write(spark), platform) for name, world in worlds.items()}
        wide = {name: estimated(spark, world, slots=SLOTS) for name, world in worlds.items()}
        jobs = {
            job: {
                "ratio": round(took["skewed"][job].seconds / took["even"][job].seconds, 3),
                "cpu_ratio": round(took["skewed"][job].cpu_seconds / took["even"][job].cpu_seconds, 3),
                "skewed_s": round(took["skewed"][job].seconds, 1),
                "even_s": round(took["even"][job].seconds, 1),
                f"at_{SLOTS}_slots": round(wide["skewed"][job] / wide["even"][job], 3),
            }
            for job in settings(worlds["even"])
        }
        spark.stop()
    watched.stop()
    ours, theirs = (sum(t.seconds for t in took[name].values()) for name in ("skewed", "even"))
    ours_cpu, theirs_cpu = (sum(t.cpu_seconds for t in took[name].values()) for name in ("skewed", "even"))
    worst = max(jobs, key=lambda job: jobs[job]["ratio"])
    line = {
        "benchmark": "skew",
        "ratio": round(ours / theirs, 3),
        "ours_s": round(ours, 1),
        "theirs_s": round(theirs, 1),
        "competitor": "the same jobs on as many even rows",
        "cpu_ratio": round(ours_cpu / theirs_cpu, 3),
        "rows": chosen.events,
        "cores": chosen.cores,
        "driver_memory": chosen.driver_memory,
        "worst": {"job": worst, "ratio": jobs[worst]["ratio"]},
        "peak_mb": round(watched.total),
        "jobs": jobs,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
