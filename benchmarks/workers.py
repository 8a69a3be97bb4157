"""Seconds of annotate and build_features with two workers of one core each, against one such worker.

    python benchmarks/workers.py [--posts 16000] [--events 8000000] [--rounds 2] [--executor-memory 3072] [--free-driver] [--apart]
        [--data DIR]

Workers are executors, processes of their own (`local-cluster[2,1,...]` and `[1,1,...]`), which share nothing but the files. Each is held to one
core (`sched_setaffinity`, so on Linux alone), its Python and all that its Java does besides with it: else a lone one would borrow the other core
for these. The driver has no core of its own: it is held to the cores of the workers, as one that the cluster starts on a worker's host is
(`--deploy-mode cluster`). So twice the workers are twice the machine and no more. With `--free-driver` it may use all cores with one worker too,
as where the driver's host is another: then one worker has two cores of this machine, and two workers have no more than these.

Two cores of one machine share its memory, its caches and its power, so that two may give less than twice what one gives even where nothing is
shared in the work. With `--apart` how much less is measured by the same job: two whole lakehouses at once, each with one worker and its driver on
a core of its own. What these two lose against one alone no way of working together could win back.

Each measurement has a process of its own that does the work twice, on two copies of a lakehouse, and is timed the second time: what an executor
does once in its life (its Java compiles the code of a plan and grows its heap, its Python starts) is work that a second executor adds
and takes no share of. In each round every arrangement has its turn, in the other direction in every second round, and the median of the rounds
counts, since a machine that others use too is not always equally fast.

Posts are the tweets of nlp_throughput.py, read for sentiment and entities; events the world of features.py, one slice of everybody built in
full. The last line is JSON: `ratio` is two times the seconds of two workers over the seconds of one, of the two jobs together, so that 1.0 is
perfect and smaller is better; `efficiency` is one over that, by job; `machine`, where it was asked for, is the seconds of one alone over those of
two apart, the efficiency of two cores of this machine where nobody waits for anybody.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
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
# One worker; two that share the work; two that have a whole one each.
ONE, TWO, APART = "one", "two", "apart"
STARTED_WITHIN_S = 60
WARMED_UP_WITHIN_S = 900


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


def timed(job: str, root: Path, cores: Sequence[int], *, memory: int, free_driver: bool, apart: int) -> float:
    """Seconds of a job with a worker on each of `cores`, the second time; `apart` such measurements begin together."""
    # A Java that sees one core collects garbage and compiles as on a machine of one.
    conf = {"spark.executor.extraJavaOptions": f"{JAVA_IN_UTC} -XX:ActiveProcessorCount=1"}
    master = f"local-cluster[{len(cores)},1,{memory}]"
    spark_context = context_on(master, root, conf=conf).spark.sparkContext
    if not free_driver:
        for process in (os.getpid(), spark_context._gateway.proc.pid):
            hold(process, cores)
    for process, core in zip(executors_of(spark_context.applicationId, count=len(cores)), cores, strict=True):
        hold(process, [core])
    _seconds_of(job, context_on(master, root / "warm" / job, conf=conf))
    _wait_for_all(root.parent, apart)
    seconds = _seconds_of(job, context_on(master, root / job, conf=conf))
    # Workers that find their driver gone start executors again and again.
    spark_context.stop()
    return seconds


def _seconds_of(job: str, context: Context) -> float:
    started = time.monotonic()
    if job == "annotate":
        annotate.run(annotate.AnnotateJob(), context)
    else:
        features = FeatureParams(rebuild="full")
        build_features.build(context, as_of=[world.CUTOFF], features=features, consent=ConsentParams())
    return time.monotonic() - started


def _wait_for_all(place: Path, count: int) -> None:
    """Until `count` processes have come here."""
    (place / f"ready-{os.getpid()}").touch()
    deadline = time.monotonic() + WARMED_UP_WITHIN_S
    while len(list(place.glob("ready-*"))) < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"the other of {count} workers apart has not warmed up in {WARMED_UP_WITHIN_S} s")
        time.sleep(0.05)


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


def measured(arrangement: str, job: str, line: list[str]) -> float:
    """Seconds of a job in processes of their own, on copies of what `prepare` made; of two apart, the mean."""
    first, second = sorted(os.sched_getaffinity(0))[:2]
    held = {ONE: [[first]], TWO: [[first, second]], APART: [[first], [second]]}[arrangement]
    with tempfile.TemporaryDirectory(dir=line[-1]) as folder:
        started = []
        for n, cores in enumerate(held):
            root = Path(folder) / str(n)
            for place in (root, root / "warm"):
                shutil.copytree(Path(line[-1]) / job, place / job)
            words = [job, str(root), ",".join(map(str, cores)), str(len(held))]
            started.append(subprocess.Popen([*line[:-1], "--part", *words], stdout=subprocess.PIPE, text=True))
        said = [process.communicate()[0] for process in started]
    if failed := [process.returncode for process in started if process.returncode]:
        raise SystemExit(f"{job}, {arrangement}: a measurement ended with exit code {failed[0]}")
    seconds = [float(out.splitlines()[-1]) for out in said]
    print(f"{job}, {arrangement}: {', '.join(f'{s:.1f}' for s in seconds)} s", file=sys.stderr, flush=True)
    return statistics.mean(seconds)


def main() -> None:
    """Generate, time each arrangement of workers in processes of their own, and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=16_000)
    parser.add_argument("--events", type=int, default=8_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--free-driver", action="store_true", help="with one worker the driver may use the other core")
    parser.add_argument("--apart", action="store_true", help="also how fast two are that share nothing but the machine")
    parser.add_argument("--executor-memory", type=int, default=3072, help="MiB a worker")
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--job", choices=WORK, action="append", help="only these jobs")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    jobs = chosen.job or WORK
    if chosen.part and chosen.part[0] == "prepare":
        root = Path(chosen.part[1])
        prepare(root, jobs, posts=chosen.posts, events=chosen.events, data=chosen.data)
        return
    if chosen.part:
        job, root, cores, apart = chosen.part
        how = {"memory": chosen.executor_memory, "free_driver": chosen.free_driver, "apart": int(apart)}
        print(timed(job, Path(root), [int(core) for core in cores.split(",")], **how))
        return
    line = [sys.executable, *sys.argv]
    ways = [ONE, TWO, APART] if chosen.apart else [ONE, TWO]
    seconds: dict[str, dict[str, list[float]]] = {job: {way: [] for way in ways} for job in jobs}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*line, "--part", "prepare", folder], stdout=subprocess.DEVNULL, check=True)
        for turn in range(chosen.rounds):
            for job in jobs:
                for way in ways if turn % 2 == 0 else reversed(ways):
                    seconds[job][way].append(measured(way, job, [*line, folder]))
    middle = {job: {way: statistics.median(found) for way, found in of_job.items()} for job, of_job in seconds.items()}
    one, two = (sum(middle[job][way] for job in jobs) for way in (ONE, TWO))
    said = {
        "benchmark": "workers", "ratio": round(2 * two / one, 3), "ours_s": round(two, 1), "theirs_s": round(one / 2, 1),
        "competitor": "half the time of one worker", "rows": chosen.events, "posts": chosen.posts, "cores": 2, "rounds": chosen.rounds,
        "driver": "free" if chosen.free_driver else "on the workers' cores",
        "efficiency": {job: round(middle[job][ONE] / (2 * middle[job][TWO]), 3) for job in jobs},
        "seconds": {job: {way: [round(s, 1) for s in found] for way, found in of_job.items()} for job, of_job in seconds.items()},
    }  # fmt: skip
    if chosen.apart:
        said["machine"] = {job: round(middle[job][ONE] / middle[job][APART], 3) for job in jobs}
    print(json.dumps(said))


if __name__ == "__main__":
    main()
