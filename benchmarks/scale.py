"""How the time of each job and its memory grow when the rows become 4 and 16 times as many.

    python benchmarks/scale.py [--events 20000] [--driver-memory 4g] [--cores 2]

An even community of each size, one after the other in one session, after a small one to warm up. The last line is JSON: `ratio` is
the time of all jobs on 16 times the rows over 16 times that on one time: 1.0 is linear, smaller is better. What a job takes
however few the rows are makes that small, so `slope` compares what a row costs between 4 and 16 times with what it costs between 1
and 4; `cpu_ratio` and `cpu_slope` say the same of core-seconds. `peak_mb` is the largest resident memory of the JVM and its Python workers, shared pages counted once; `memory_ratio` is that over
what the platform gives them: driver_memory, and two fifths of it for what is outside of the heap, which is what Spark itself adds for PySpark on
Kubernetes (`spark.kubernetes.memoryOverheadFactor`). `gc_share` is garbage collection over the time of tasks on 16 times the rows.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from pathlib import Path

from turns import Memory
from worlds import LEAST_EVENTS, Took, World, ran

from social_signals.core.session import PlatformParams, make_session

FACTORS = (1, 4, 16)
# Python, metaspace, buffers.
OUTSIDE_OF_HEAP = 0.4
_MIB = {"m": 1, "g": 1024, "t": 1024 * 1024}


def mebibytes(text: str) -> int:
    """
    >>> mebibytes("4g"), mebibytes("512m")
    (4096, 512)
    """
    found = re.fullmatch(r"(\d+)([mgt])", text.lower())
    if found is None:
        raise SystemExit(f"--driver-memory {text} is no size such as 4g or 512m")
    return int(found[1]) * _MIB[found[2]]


def slope(one: float, four: float, sixteen: float) -> float | None:
    """What a row costs between 4 and 16 times over what it costs between 1 and 4; None where four times the rows cost hardly more.

    >>> slope(10.0, 13.0, 25.0), slope(10.0, 10.1, 25.0)
    (1.0, None)
    """
    gained = four - one
    return round((sixteen - four) / 12 / (gained / 3), 3) if gained > 0.1 * one else None


def line(
    took: dict[int, dict[str, Took]],
    gc: dict[str, float],
    memory: Memory,
    *,
    events: int,
    cores: int,
    driver_memory: str,
) -> dict[str, object]:
    """The last line: what the jobs took by factor and name, garbage collection by job, and the memory that was seen."""
    one, four, sixteen = ({job: t.seconds for job, t in took[factor].items()} for factor in FACTORS)
    cpu = {factor: sum(t.cpu_seconds for t in took[factor].values()) for factor in FACTORS}
    jobs = {
        job: {
            "ratio": round(sixteen[job] / (16 * one[job]), 3),
            "slope": slope(one[job], four[job], sixteen[job]),
            "gc_share": gc[job],
            "s": [round(took[factor][job].seconds, 1) for factor in FACTORS],
            "cpu_s": [round(took[factor][job].cpu_seconds, 1) for factor in FACTORS],
            "events_per_s": round(16 * events / sixteen[job]),
        }
        for job in took[1]
    }
    ours, theirs = sum(sixteen.values()), 16 * sum(one.values())
    worst = max(jobs, key=lambda job: jobs[job]["ratio"])
    return {
        "benchmark": "scale",
        "ratio": round(ours / theirs, 3),
        "ours_s": round(ours, 1),
        "theirs_s": round(theirs, 1),
        "competitor": "a sixteenth of the rows, scaled linearly",
        "rows": 16 * events,
        "cores": cores,
        "driver_memory": driver_memory,
        "cpu_ratio": round(cpu[16] / (16 * cpu[1]), 3),
        "cpu_slope": slope(*(cpu[factor] for factor in FACTORS)),
        "worst": {"job": worst, "ratio": jobs[worst]["ratio"]},
        "peak_mb": round(memory.total),
        "peak_jvm_mb": round(memory.jvm),
        "memory_ratio": round(memory.total / (mebibytes(driver_memory) * (1 + OUTSIDE_OF_HEAP)), 3),
        "jobs": jobs,
    }


def main() -> None:
    """Run the three sizes and print how they grow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--driver-memory", default="4g")
    parser.add_argument("--cores", type=int, default=2)
    chosen = parser.parse_args()
    platform = [f"platform.master=local[{chosen.cores}]", f"platform.driver_memory={chosen.driver_memory}"]
    params = PlatformParams(master=f"local[{chosen.cores}]", driver_memory=chosen.driver_memory)
    watched = Memory(is_shared_once=True)
    with tempfile.TemporaryDirectory() as name:
        spark, folder = make_session(params, app_name="benchmark scale"), Path(name)
        worlds = {factor: World(folder / str(factor), factor * chosen.events) for factor in FACTORS}
        ran(World(folder / "warm", max(chosen.events // 2, LEAST_EVENTS)).write(spark), platform)
        took = {factor: ran(world.write(spark), platform) for factor, world in worlds.items()}
        largest = f"{worlds[FACTORS[-1]].folder}/lakehouse/ops/runs"
        did = (
            spark.read.format("delta")
            .load(largest)
            .selectExpr("job", "spark.task_seconds", "spark.gc_seconds")
            .collect()
        )
        gc = {row["job"]: round(row["gc_seconds"] / max(row["task_seconds"], 1e-9), 3) for row in did}
        spark.stop()
    watched.stop()
    print(
        json.dumps(
            line(took, gc, watched, events=chosen.events, cores=chosen.cores, driver_memory=chosen.driver_memory)
        )
    )


if __name__ == "__main__":
    main()
