"""`social-signals JOB [key=value ...]`: the wheel's entry point, and what the doorbells in `jobs/` ring."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from social_signals import __version__

USAGE = """\
social-signals {version}

usage: social-signals JOB [key=value ...]
       social-signals JOB --help      settings of a job with their defaults

jobs:
{jobs}

Every job takes as_of=2020-03-01, dry_run=true, log_format=json, catalog.root=FOLDER, platform=local|standalone|yarn|...
The last line of stdout is one JSON object. Exit codes: 0 done, 1 unexpected, 2 config, 3 data contract,
4 write conflict, 5 resources, 6 model gate."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    code = _called(argv)
    if "pyspark" in sys.modules:
        from social_signals.core.session import let_the_driver_end

        let_the_driver_end()
    return code


def task() -> None:
    """As `main`, for a scheduler inside whose process the job runs: Databricks looks at no exit code of a wheel's entry point
    and takes any SystemExit, even of 0, for a failure. So done is a return, and everything else is raised. The session is not ours
    to stop."""
    code = _called(None)
    if code:
        raise SystemExit(code)


def _called(argv: Sequence[str] | None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        _say(_usage())
        return 0 if arguments else 2
    if arguments[0] == "--version":
        _say(__version__)
        return 0
    name, overrides = arguments[0], arguments[1:]
    if any(a in ("-h", "--help") for a in overrides):
        from social_signals.jobs.help import help_of

        _say(help_of(name))
        return 0
    from social_signals.core.logs import part_stderr_from_stdout
    from social_signals.jobs.runner import run_job

    part_stderr_from_stdout()
    code, summary = run_job(name, overrides)
    _say(summary.line())
    return code


def _usage() -> str:
    from social_signals.jobs import JOBS

    width = max(map(len, JOBS))
    return USAGE.format(version=__version__, jobs="\n".join(f"  {n:<{width}}  {what}" for n, what in JOBS.items()))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
