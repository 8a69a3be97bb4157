"""The driver on a worker of a standalone cluster, which Spark itself offers to programs for the JVM only.

So the program is one: Spark's own `SparkSubmit`, started on a worker in client mode, with everything that it needs in a folder that
this machine and the workers see. What the job says, and its exit code, come back through that folder.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from social_signals.core.errors import ConfigError, ResourceError
from social_signals.core.session import PlatformParams, launch_settings
from social_signals.submit.command import command
from social_signals.submit.shipment import PYTHON, Shipment, shared

# Of this machine; Spark would have them replace those of the worker.
_OURS = re.compile(r"^(PYSPARK_|PYTHON|SPARK_|VIRTUAL_ENV|SOCIAL_SIGNALS_(JARS|PACKAGE)$|JDK_JAVA_OPTIONS)")
# What Spark opens of Java 17 for every JVM that it starts, but for the driver of a program on a standalone worker.
OPENED = (
    "java.base/java.lang",
    "java.base/java.lang.invoke",
    "java.base/java.lang.reflect",
    "java.base/java.io",
    "java.base/java.net",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/jdk.internal.ref",
    "java.base/sun.nio.ch",
    "java.base/sun.nio.cs",
    "java.base/sun.security.action",
    "java.base/sun.util.calendar",
    "java.security.jgss/sun.security.krb5",
)
# Seconds: between two looks, and for the last words to be seen by this machine when the driver has ended.
_EVERY_S, _AFTER_S = 0.5, 20.0


@dataclass(frozen=True)
class Staged:
    """The folder of one submission: the job file, links to what is shipped; later `stdout`, `stderr` and `exit`."""

    folder: Path

    @property
    def job(self) -> Path:
        return self.folder / "job.py"

    @property
    def starter(self) -> Path:
        return self.folder / "driver.sh"


def staging_folder(platform: PlatformParams, root: str) -> Path:
    """The folder that this machine and the workers see. Raises ConfigError where neither setting names one."""
    named = platform.staging or root.removeprefix("file:")
    if "://" in named:
        raise ConfigError(
            "platform.staging is not set, and a driver on a worker of a standalone cluster starts from files",
            hint="name a folder that this machine and all workers see, for example platform.staging=/mnt/shared/staging, or leave "
            "platform.deploy_mode=client",
        )
    return Path(named).absolute() / ("" if platform.staging else "_staging")


def stage(script: str, shipment: Shipment, staging: Path) -> tuple[Staged, Shipment]:
    """Put a job and its shipment where workers read them; what does not change is put there once."""
    staged = Staged(staging / "submissions" / uuid.uuid4().hex[:12])
    staged.folder.mkdir(parents=True)
    jars = tuple(str(shared(Path(jar), staging / "jars")) for jar in shipment.jars)
    shutil.copyfile(script, staged.job)
    starter = staged.folder / PYTHON
    for source, place in (("driver.sh", staged.starter), ("python.sh", starter)):
        shutil.copy(Path(__file__).with_name(source), place)
    code, files = (shared(Path(path), staged.folder) for path in (shipment.code, shipment.files))
    python = None
    if shipment.python is not None:
        # Half a gigabyte: one for all submissions of the same environment.
        python = str(shared(Path(shipment.python), staging))
        (staged.folder / "environment.packed").symlink_to(os.path.relpath(python, staged.folder))
    # Spark insists on a jar of the program; the program is Spark's, so there is nothing in it.
    with zipfile.ZipFile(staged.folder / "nothing.jar", "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
    # An archive of somebody's own is unpacked by Spark, and needs no starter.
    needed = None if shipment.starter is None else str(starter)
    return staged, replace(shipment, code=str(code), files=str(files), python=python, starter=needed, jars=jars)


def command_on_worker(
    overrides: Sequence[str], *, platform: PlatformParams, spark_home: Path, shipment: Shipment, staged: Staged
) -> list[str]:
    """`spark-submit` in cluster mode of a `spark-submit` in client mode."""
    python = {"spark.pyspark.driver.python": str(staged.starter)}
    if shipment.python is None:
        python["spark.pyspark.python"] = sys.executable
    in_client_mode = replace(platform, deploy_mode="client", conf=platform.conf | python)
    inside = command(str(staged.job), overrides, platform=in_client_mode, spark_home=spark_home, shipment=shipment)
    # The driver's JVM is started by the outer one.
    conf = launch_settings(platform) | {k: v for k, v in platform.conf.items() if k.startswith("spark.driver.")}
    conf = {k: v for k, v in conf.items() if k.startswith("spark.driver.")}
    opened = " ".join(f"--add-opens={package}=ALL-UNNAMED" for package in OPENED)
    conf["spark.driver.extraJavaOptions"] = f"{conf.get('spark.driver.extraJavaOptions', '')} {opened}".strip()
    conf["spark.standalone.submit.waitAppCompletion"] = "true"
    line = [inside[0], "--master", str(platform.master), "--deploy-mode", "cluster"]
    line += ["--class", "org.apache.spark.deploy.SparkSubmit"]
    for key, value in sorted(conf.items()):
        line += ["--conf", f"{key}={value}"]
    # Said out loud: the inner one sees the settings of the outer one as its own.
    return [*line, (staged.folder / "nothing.jar").as_uri(), "--deploy-mode", "client", *inside[1:]]


def bare(environment: dict[str, str]) -> dict[str, str]:
    """An environment without what is about this machine's Python and Spark: Spark gives the driver what it is submitted with."""
    return {name: value for name, value in environment.items() if not _OURS.match(name)}


def wait(line: Sequence[str], environment: dict[str, str], staged: Staged, *, master: str) -> int:
    """Submit, pass on what the driver says, and return the job's own exit code. Ends the driver when this process is told to end.

    Raises ResourceError where the driver ended without one: it was killed, or never started.
    """
    log = staged.folder / "submit.log"
    signal.signal(signal.SIGTERM, _end)
    with log.open("wb") as out:
        submitting = subprocess.Popen(line, env=environment, stdout=out, stderr=subprocess.STDOUT)
    told = 0
    try:
        while submitting.poll() is None:
            told = _pass_on(staged.folder / "stderr", told)
            time.sleep(_EVERY_S)
    except BaseException:
        _end_driver(line[0], environment, log, master=master)
        submitting.terminate()
        raise
    code = _exit_code(staged)
    _pass_on(staged.folder / "stderr", told)
    said = log.read_text(errors="replace")
    if code is None:
        states = re.findall(r"State of driver \S+ is (\w+)", said)
        why = f"its state is {states[-1]}" if states else " ".join(said.strip().splitlines()[-1:])[:300]
        raise ResourceError(
            f"the driver on a worker of {master} ended without an exit code: {why}",
            hint="the worker's page has its log; a worker needs a free core, platform.driver_memory, and must see "
            f"{staged.folder.parents[1]}",
        )
    sys.stdout.write((staged.folder / "stdout").read_text(encoding="utf-8", errors="replace"))
    sys.stdout.flush()
    shutil.rmtree(staged.folder, ignore_errors=True)
    return code


def _pass_on(said: Path, told: int) -> int:
    """Write what is new in a file to stderr; says how much of it has been written."""
    if not said.exists():
        return told
    with said.open("rb") as lines:
        lines.seek(told)
        new = lines.read()
    sys.stderr.write(new.decode("utf-8", errors="replace"))
    sys.stderr.flush()
    return told + len(new)


def _exit_code(staged: Staged) -> int | None:
    """The job's exit code. A folder on a network shows a file of another host a little later."""
    said = staged.folder / "exit"
    end = time.monotonic() + (_AFTER_S if (staged.folder / "stderr").exists() else 0)
    while not said.exists():
        if time.monotonic() >= end:
            return None
        time.sleep(_EVERY_S)
    return int(said.read_text())


def _end_driver(spark_submit: str, environment: dict[str, str], log: Path, *, master: str) -> None:
    """Have the master end the driver that the log names, if it has come so far."""
    if found := re.search(r"\bdriver-\d+-\d+\b", log.read_text(errors="replace")):
        words = [str(Path(spark_submit).with_name("spark-class")), "org.apache.spark.deploy.Client", "kill", master]
        subprocess.run([*words, found.group()], env=environment, capture_output=True, check=False, timeout=60)


def _end(number: int, _: Any) -> None:
    raise SystemExit(128 + number)
