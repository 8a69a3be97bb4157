"""Runs jobs one after another in one process, and copies the lakehouse after each.

python -m tests.chaos.in_order FOLDER [key=value ...]      FOLDER/lakehouse, FOLDER/after-JOB
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.chaos.runs import JOBS, LOCAL, known


def main() -> int:
    folder, overrides = Path(sys.argv[1]), sys.argv[2:]
    from social_signals.jobs.runner import run_job

    for job in JOBS:
        code, summary = run_job(job, [f"catalog.root={folder / 'lakehouse'}", *LOCAL, *known(job, overrides)])
        if code:
            sys.stderr.write(f"{job}: {summary.error}\n")
            return code
        shutil.copytree(folder / "lakehouse", folder / f"after-{job}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
