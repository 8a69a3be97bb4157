"""`python -m social_signals.submit jobs/JOB.py [key=value ...]`: composes the config, then becomes `spark-submit`.

The JVM's memory and class path have to be known before it starts, so the config is read (and refused, if it is wrong) here
first. With `SPARK_HOME` that Spark is used, with `MASTER` that cluster; without either, pip's pyspark in local mode.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from social_signals.core import jars
from social_signals.core.errors import ConfigError, SocialSignalsError
from social_signals.core.places import INSTALLED, PACKAGE
from social_signals.core.session import PlatformParams
from social_signals.jobs.job import Job
from social_signals.submit import on_worker
from social_signals.submit.command import command
from social_signals.submit.shipment import Shipment, folder_of_shipments, shipment_of


@dataclass(frozen=True)
class Launch:
    """A command line with its environment. staged: the submission of a driver on a standalone worker; None for any other."""

    line: list[str]
    environment: dict[str, str]
    platform: PlatformParams
    staged: on_worker.Staged | None = None


def prepared(script: str, overrides: Sequence[str]) -> Launch:
    """What is to be run. Raises ConfigError or ResourceError before any JVM starts; makes what has to be shipped."""
    from social_signals.jobs.runner import composed

    name = Path(script).stem
    if not Path(script).is_file():
        raise ConfigError(f"there is no job file {script}", hint="name one of jobs/*.py, for example jobs/pipeline.py")
    overrides = [*overrides, *_chosen_by_environment()]
    job, _ = composed(name, overrides)
    platform = job.platform
    spark_home = _spark_home()
    environment = dict(os.environ)
    environment.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    environment[INSTALLED] = str(PACKAGE)
    if platform.is_local:
        jars.resolve(more=platform.all_packages)
        environment.setdefault("PYSPARK_PYTHON", sys.executable)
        if platform.is_local_cluster:
            spark_home = _beside(spark_home)
            environment |= {"SPARK_HOME": str(spark_home), "SPARK_LOCAL_IP": "127.0.0.1"}
        return Launch(command(script, overrides, platform=platform, spark_home=spark_home), environment, platform)
    if platform.installed_at is not None or platform.existing_session:
        return Launch(command(script, overrides, platform=platform, spark_home=spark_home), environment, platform)
    shipment = shipment_of(platform, folder_of_shipments())
    # Without it Spark starts whatever Python is first on the workers' path. A shipped one is named by the command line.
    if shipment.python is None:
        environment.setdefault("PYSPARK_PYTHON", sys.executable)
    if platform.is_standalone and platform.deploy_mode == "cluster":
        return _on_worker(script, overrides, job, spark_home, shipment)
    line = command(script, overrides, platform=platform, spark_home=spark_home, shipment=shipment)
    return Launch(line, environment, platform)


def _on_worker(script: str, overrides: Sequence[str], job: Job, spark_home: Path, shipment: Shipment) -> Launch:
    platform = job.platform
    staged, shipment = on_worker.stage(script, shipment, on_worker.staging_folder(platform, job.catalog.root))
    if "://" not in job.catalog.root:
        # A relative one is relative to where the job is submitted, not to the driver's working folder.
        overrides = [*overrides, f"catalog.root='{Path(job.catalog.root.removeprefix('file:')).absolute()}'"]
    line = on_worker.command_on_worker(
        overrides, platform=platform, spark_home=spark_home, shipment=shipment, staged=staged
    )
    return Launch(line, on_worker.bare(dict(os.environ)), platform, staged)


def _chosen_by_environment() -> list[str]:
    """MASTER and DEPLOY_MODE as settings: the job composes its config again, and has to come to the same platform."""
    named = {"platform.master": os.environ.get("MASTER"), "platform.deploy_mode": os.environ.get("DEPLOY_MODE")}
    return [f"{key}='{value}'" for key, value in named.items() if value]


def _spark_home() -> Path:
    import pyspark

    named = os.environ.get("SPARK_HOME")
    home = Path(named) if named else Path(pyspark.__file__).parent
    if not (home / "bin" / "spark-submit").is_file():
        raise ConfigError(f"SPARK_HOME={home} has no bin/spark-submit", hint="unset it to use the bundled Spark")
    return home


def _beside(spark_home: Path) -> Path:
    """The same Spark under another name: the workers of `local-cluster` write where Spark is, and that is not theirs."""
    place = Path(tempfile.gettempdir()) / f"social-signals-local-cluster-{os.getuid()}"
    place.mkdir(exist_ok=True)
    for part in spark_home.iterdir():
        link = place / part.name
        if part.name != "work" and os.path.realpath(link) != os.path.realpath(part):
            link.unlink(missing_ok=True)
            link.symlink_to(part)
    return place


def main(argv: Sequence[str] | None = None) -> int:
    """Become spark-submit; returns only if that cannot be."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stdout.write("usage: ./spark-submit.sh jobs/JOB.py [key=value ...]\n")
        return 0 if arguments else 2
    script, overrides = arguments[0], arguments[1:]
    if any(a in ("-h", "--help") for a in overrides):
        from social_signals.jobs.help import help_of

        sys.stdout.write(help_of(Path(script).stem) + "\n")
        return 0
    try:
        launch = prepared(script, overrides)
        if os.environ.get("SOCIAL_SIGNALS_SHOW_COMMAND"):
            sys.stdout.write(shlex.join(launch.line) + "\n")
            return 0
        sys.stdout.flush()
        if launch.staged is not None:
            master = str(launch.platform.master)
            return on_worker.wait(launch.line, launch.environment, launch.staged, master=master)
    except SocialSignalsError as error:
        from social_signals.jobs.runner import Summary

        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        failed = {"kind": type(error).__name__, "problem": error.problem, "hint": error.hint}
        sys.stdout.write(Summary(job=Path(script).stem, error=failed).line() + "\n")
        return error.exit_code
    return os.execve(launch.line[0], launch.line, launch.environment)
