"""Rows per second of each stage of the pipeline, and how its time grows when the rows double.

    python benchmarks/stages.py [--interactions 500000] [--driver-memory 6g] [--cores 2]

Runs the whole pipeline twice on the generated sample, once at half the rows and once at all of them, each in a process and a
lakehouse of its own. The last line is JSON: `ratio` is our time at all rows over twice our time at half of them, so 1.0 is
linear and smaller is better; `stages` has seconds and interactions per second of the larger run, `peak_mb` the largest
resident memory of the driver's process tree.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from turns import Memory


def run(interactions: int, *, memory: str, cores: int, root: Path) -> dict[str, object]:
    """The last line of a pipeline run on a sample of that size, with `peak_mb` and wall `seconds`."""
    arguments = [
        sys.executable, "-m", "social_signals.cli", "pipeline", "source=sample", f"source.users={max(interactions // 40, 200)}",
        f"source.interactions={interactions}", f"platform.driver_memory={memory}", f"platform.master=local[{cores}]",
        f"catalog.root={root}",
    ]  # fmt: skip
    started = time.monotonic()
    watched = Memory()
    done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=False)
    watched.stop()
    if done.returncode != 0:
        raise SystemExit(
            f"the pipeline ended with exit code {done.returncode}: {done.stdout.strip().splitlines()[-1:]}"
        )
    return {
        **json.loads(done.stdout.splitlines()[-1]),
        "peak_mb": round(watched.total),
        "wall_s": round(time.monotonic() - started, 1),
    }


def main() -> None:
    """Run both sizes and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interactions", type=int, default=200_000)
    parser.add_argument("--driver-memory", default="6g")
    parser.add_argument("--cores", type=int, default=2)
    chosen = parser.parse_args()
    results = []
    for rows in (chosen.interactions // 2, chosen.interactions):
        with tempfile.TemporaryDirectory() as folder:
            results.append(run(rows, memory=chosen.driver_memory, cores=chosen.cores, root=Path(folder) / "lakehouse"))
    half, whole = results
    rows = int(whole["tables"]["silver.interactions"]["rows"])  # type: ignore[index]
    half_rows = int(half["tables"]["silver.interactions"]["rows"])  # type: ignore[index]
    theirs_s = float(half["seconds"]) * rows / half_rows  # type: ignore[arg-type]
    stages = whole["metrics"]["stages"]  # type: ignore[index]
    line = {
        "benchmark": "stages",
        "ratio": round(float(whole["seconds"]) / theirs_s, 3),  # type: ignore[arg-type]
        "ours_s": whole["seconds"],
        "theirs_s": round(theirs_s, 1),
        "competitor": "ours at half the rows, scaled linearly",
        "rows": rows,
        "posts": whole["tables"]["silver.posts"]["rows"],  # type: ignore[index]
        "cores": chosen.cores,
        "driver_memory": chosen.driver_memory,
        "peak_mb": whole["peak_mb"],
        "stages": {name: {"seconds": s, "interactions_per_s": round(rows / s)} for name, s in stages.items() if s > 0},
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
