"""Runs jobs one after another in one process, says of each which tables it wrote, and copies the lakehouse after its first run.

python -m tests.chaos.in_order FOLDER JOB,JOB [key=value ...]      FOLDER/lakehouse, FOLDER/after-JOB
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from tests.chaos.runs import LOCAL, known


def main() -> int:
    folder, jobs, overrides = Path(sys.argv[1]), sys.argv[2].split(","), sys.argv[3:]
    from social_signals.jobs.runner import run_job

    for job in jobs:
        code, summary = run_job(job, [f"catalog.root={folder / 'lakehouse'}", *LOCAL, *known(job, overrides)])
        if code:
            sys.stderr.write(f"{job}: {summary.error}\n")
            return code
        sys.stdout.write(json.dumps({"job": job, "wrote": sorted(summary.tables)}) + "\n")
        if not (kept := folder / f"after-{job}").exists():
            shutil.copytree(folder / "lakehouse", kept)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
