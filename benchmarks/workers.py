"""Seconds of annotate and build_features with two workers of one core each, against one such worker.

    python benchmarks/workers.py [--posts 12000] [--events 8000000] [--executor-memory 3072] [--free-driver] [--data DIR]

Workers are executors, processes of their own (`local-cluster[2,1,...]` and `[1,1,...]`), which share nothing but the files. Each is held to one
core (`sched_setaffinity`, so on Linux alone), its Python and all that its Java does besides with it: else a lone one would borrow the other core
for these. The driver has no core of its own: it is held to the cores of the workers, as one that the cluster starts on a worker's host is
(`--deploy-mode cluster`). So twice the workers are twice the machine and no more. With `--free-driver` it may use all cores with one worker too,
as where the driver's host is another: then one worker has two cores of this machine, and two workers have no more than these.

Each number of workers has a process of its own that first warms up on an eighth of the work and is then timed. Posts are the tweets of
nlp_throughput.py, read for sentiment and entities; events the world of features.py, one slice of everybody built in full. The last line is
JSON: `ratio` is two times the seconds of two workers over the seconds of one, of the two jobs together, so that 1.0 is perfect and smaller is
better; `efficiency` is one over that, by job.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import features as world
import nlp_throughput
from pyspark.sql import functions as F

from social_signals.core.progress import Progress
from social_signals.core.session import JAVA_IN_UTC, PlatformParams, make_session
from social_signals.features import FeatureParams
from social_signals.governance import ConsentParams
from social_signals.jobs import annotate, build_features
from social_signals.jobs.job import Context
from social_signals.tables.catalog import Catalog
from social_signals.tables.silver import POSTS
from social_signals.tables.store import CatalogParams

WORK = ("annotate", "build_features")
STARTED_WITHIN_S = 60
# The warm-up's share of the rows.
WARM_UP = 8


def context_on(master: str, root: Path, *, conf: dict[str, str]) -> Context:
    platform = PlatformParams(
        master=master, driver_memory="3g", shuffle_partitions=8, conf={"spark.ui.enabled": "false", **conf}
    )
    spark = make_session(platform, app_name="benchmark workers")
    catalog = Catalog(spark, CatalogParams(root=str(root)), run_id="benchmark")
    return Context(spark, catalog, "benchmark", world.CUTOFF, Progress(enabled=False))


def prepare(root: Path, jobs: Sequence[str], *, posts: int, events: int, data: Path) -> None:
    """Under `root`, a lakehouse for each job."""
    if "build_features" in jobs:
        world.generate(context_on("local[2]", root / "build_features", conf={}), events)
    if "annotate" not in jobs:
        return
    context = context_on("local[2]", root / "annotate", conf={})
    texts = nlp_throughput.tweets(data, posts)
    rows = context.spark.createDataFrame([(f"p{n:07d}", f"u{n:07d}", text) for n, text in enumerate(texts)], "post_id string, author_id string, text string")  # fmt: skip
    when = F.lit(world.CUTOFF)
    filled = rows.withColumns({"event_ts": when, "ingested_ts": when, "source": F.lit("generated")})
    context.catalog.append(POSTS, world.typed(filled, POSTS))


def timed(job: str, root: Path, *, workers: int, memory: int, free_driver: bool) -> float:
    """Seconds, after a warm-up on less of the same work."""
    # A Java that sees one core collects garbage and compiles as on a machine of one.
    conf = {"spark.executor.extraJavaOptions": f"{JAVA_IN_UTC} -XX:ActiveProcessorCount=1"}
    cores = sorted(os.sched_getaffinity(0))[:workers]
    master = f"local-cluster[{workers},1,{memory}]"
    work = _annotate if job == "annotate" else _build_features
    seconds = 0.0
    for turn, place in (("warm-up", root / "warm"), ("timed", root)):
        context = context_on(master, place / job, conf=conf)
        if turn == "warm-up":
            java = context.spark.sparkContext._gateway.proc.pid
            if not free_driver:
                for process in (os.getpid(), java):
                    hold(process, cores)
            for process, core in zip(
                executors_of(context.spark.sparkContext.applicationId, count=workers), cores, strict=True
            ):
                hold(process, [core])
        # what another number of workers has left: posts that are read are not read again
        shutil.rmtree(place / job / "gold", ignore_errors=True)
        started = time.monotonic()
        work(context)
        seconds = time.monotonic() - started
        print(f"{job}, {workers} workers, {turn}: {seconds:.1f} s", file=sys.stderr)
    return seconds


def executors_of(application: str, *, count: int) -> list[int]:
    """The process ids of an application's executors on this machine, once there are so many."""
    deadline = time.monotonic() + STARTED_WITHIN_S
    while time.monotonic() < deadline:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_text().split("\0")
            except OSError:  # it has ended
                continue
            if application in words and "org.apache.spark.executor.CoarseGrainedExecutorBackend" in words:
                found.append(int(process.name))
        if len(found) == count:
            return sorted(found)
        time.sleep(0.2)
    raise SystemExit(f"{application} has not {count} executors after {STARTED_WITHIN_S} s")


def hold(process: int, cores: Sequence[int]) -> None:
    """A process to these cores; what it starts from now on stays there too."""
    for thread in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), set(cores))


def _annotate(context: Context) -> None:
    annotate.run(annotate.AnnotateJob(), context)


def _build_features(context: Context) -> None:
    features = FeatureParams(rebuild="full")
    build_features.build(context, as_of=[world.CUTOFF], features=features, consent=ConsentParams())


def main() -> None:
    """Generate, time each number of workers in a process of its own, and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=12_000)
    parser.add_argument("--events", type=int, default=8_000_000)
    parser.add_argument("--free-driver", action="store_true", help="with one worker the driver may use the other core")
    parser.add_argument("--executor-memory", type=int, default=3072, help="MiB a worker")
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--job", choices=WORK, action="append", help="only these jobs")
    parser.add_argument("--part", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    jobs = chosen.job or WORK
    if chosen.part:
        job, workers, root = chosen.part
        if job == "prepare":
            prepare(Path(root), jobs, posts=chosen.posts, events=chosen.events, data=chosen.data)
            less = {"posts": chosen.posts // WARM_UP, "events": chosen.events // WARM_UP}
            prepare(Path(root) / "warm", jobs, **less, data=chosen.data)
        else:
            how = {"workers": int(workers), "memory": chosen.executor_memory, "free_driver": chosen.free_driver}
            print(json.dumps(timed(job, Path(root), **how)))
        return
    with tempfile.TemporaryDirectory() as folder:

        def part(job: str, workers: int) -> str:
            line = [sys.executable, *sys.argv, "--part", job, str(workers), folder]
            return subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True).stdout

        part("prepare", 0)
        measured = {
            (job, workers): float(json.loads(part(job, workers).splitlines()[-1])) for job in jobs for workers in (1, 2)
        }
    one, two = (sum(measured[job, workers] for job in jobs) for workers in (1, 2))
    line = {
        "benchmark": "workers", "ratio": round(2 * two / one, 3), "ours_s": round(two, 1), "theirs_s": round(one / 2, 1),
        "competitor": "half the time of one worker", "rows": chosen.events, "posts": chosen.posts, "cores": 2,
        "driver": "free" if chosen.free_driver else "on the workers' cores",
        "efficiency": {job: round(measured[job, 1] / (2 * measured[job, 2]), 3) for job in jobs},
        "seconds": {job: {str(n): round(measured[job, n], 1) for n in (1, 2)} for job in jobs},
    }  # fmt: skip
    print(json.dumps(line))


if __name__ == "__main__":
    main()
