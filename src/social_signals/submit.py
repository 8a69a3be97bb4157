"""`python -m social_signals.submit jobs/JOB.py [key=value ...]`: composes the config, then becomes `spark-submit`.

The JVM's memory and class path have to be known before it starts, so the config is read (and refused, if it is wrong) here
first. With `SPARK_HOME` that Spark is used, with `MASTER` that cluster; without either, pip's pyspark in local mode.
"""

from __future__ import annotations

import os
import shlex
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from social_signals import __version__
from social_signals.core import jars
from social_signals.core.errors import ConfigError, SocialSignalsError
from social_signals.core.places import PACKAGE, UNPACKED, shipped
from social_signals.core.session import PlatformParams, launch_settings, settings


def command(
    script: str, overrides: Sequence[str], *, platform: PlatformParams, spark_home: Path, shipment: Path | None = None
) -> list[str]:
    """The exact `spark-submit` command line for a job on a platform.

    shipment: folder with the package's zip and the archive of its files, for a master other than local.
    """
    line = [str(spark_home / "bin" / "spark-submit")]
    if platform.master:
        line += ["--master", platform.master]
    if platform.deploy_mode != "client":
        line += ["--deploy-mode", platform.deploy_mode]
    conf = launch_settings(platform) | settings(platform)
    if platform.is_local:
        conf.setdefault("spark.driver.extraClassPath", jars.classpath(more=platform.all_packages))
    else:
        line += [
            "--packages",
            ",".join((*jars.PACKAGES, *platform.all_packages)),
            "--exclude-packages",
            ",".join(jars.EXCLUDES),
        ]
        if shipment is not None:
            line += ["--py-files", str(shipment / "social_signals.zip")]
        archives = [] if shipment is None else [f"{shipment / 'files.tar.gz'}#{UNPACKED}"]
        if platform.python_archive:
            archives.append(f"{platform.python_archive}#environment")
            conf.setdefault("spark.pyspark.python", "./environment/bin/python")
        if archives:
            line += ["--archives", ",".join(archives)]
    for key, value in sorted(conf.items()):
        line += ["--conf", f"{key}={value}"]
    return [*line, script, *overrides]


def pack(folder: Path) -> Path:
    """Zip the package and archive conf/ and the text models into `folder`, for workers that have neither."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / "social_signals.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(PACKAGE.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and "packaged" not in path.parts:
                archive.write(path, Path("social_signals") / path.relative_to(PACKAGE))
    with tarfile.open(folder / "files.tar.gz", "w:gz", compresslevel=1) as archive_of_files:
        for name in ("conf", "models/sentiment", "models/entities", "models/embeddings"):
            archive_of_files.add(shipped(*name.split("/")), arcname=name)
    return folder


def prepared(script: str, overrides: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The command line and the environment for it. Raises ConfigError or ResourceError before any JVM starts."""
    from social_signals.jobs.runner import composed

    name = Path(script).stem
    if not Path(script).is_file():
        raise ConfigError(f"there is no job file {script}", hint="name one of jobs/*.py, for example jobs/pipeline.py")
    job, _ = composed(name, overrides)
    platform = job.platform
    if master := os.environ.get("MASTER"):
        platform = replace(platform, master=master)
    if mode := os.environ.get("DEPLOY_MODE"):
        platform = replace(platform, deploy_mode=mode)
    named_home = os.environ.get("SPARK_HOME")
    spark_home = Path(named_home) if named_home else _pip_spark()
    if not (spark_home / "bin" / "spark-submit").is_file():
        raise ConfigError(f"SPARK_HOME={spark_home} has no bin/spark-submit", hint="unset it to use the bundled Spark")
    if platform.is_local:
        jars.resolve(more=platform.all_packages)
    shipment = (
        None if platform.is_local else pack(Path(tempfile.gettempdir()) / f"social-signals-{__version__}-{os.getuid()}")
    )
    environment = dict(os.environ)
    # Without it Spark starts another Python on the workers, which fails on pandas. A cluster brings its own.
    if platform.is_local or not platform.python_archive:
        environment.setdefault("PYSPARK_PYTHON", sys.executable)
    environment.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    return command(script, overrides, platform=platform, spark_home=spark_home, shipment=shipment), environment


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
        line, environment = prepared(script, overrides)
    except SocialSignalsError as error:
        from social_signals.jobs.runner import Summary

        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        failed = {"kind": type(error).__name__, "problem": error.problem, "hint": error.hint}
        sys.stdout.write(Summary(job=Path(script).stem, error=failed).line() + "\n")
        return error.exit_code
    if os.environ.get("SOCIAL_SIGNALS_SHOW_COMMAND"):
        sys.stdout.write(shlex.join(line) + "\n")
        return 0
    sys.stdout.flush()
    return os.execve(line[0], line, environment)


def _pip_spark() -> Path:
    import pyspark

    return Path(pyspark.__file__).parent


if __name__ == "__main__":
    raise SystemExit(main())
