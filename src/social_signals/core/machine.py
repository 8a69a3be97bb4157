"""What this machine and its libraries are, and for each mismatch what to do. Looks only; changes nothing."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pyspark
from pyspark.sql import SparkSession

from social_signals.core import jars

OK, WARN, BAD = "ok", "warning", "bad"

# The lane: versions that were proved to work together.
LANE = {
    "pyspark": "3.5.",
    "delta-spark": "3.3.",
    "spark-nlp": "5.5.3",
    "xgboost": "3.2.",
    "numpy": "1.26.",
    "pandas": "2.",
    "pyarrow": "19.",
    "hydra-core": "1.3.",
    "mlflow": "3.",
}

# Packages that tasks import.
IN_TASKS = ("numpy", "pandas", "pyarrow", "xgboost")


@dataclass(frozen=True)
class Finding:
    """One line of the doctor: what was looked at, what was found, whether it is well, what to do if not."""

    subject: str
    found: str
    state: str = OK
    advice: str = ""


def python_findings() -> list[Finding]:
    """This Python and the packages of the lane."""
    version = platform.python_version()
    fits = sys.version_info[:2] in ((3, 10), (3, 11))
    advice = "" if fits else "use Python 3.10 or 3.11; Spark 3.5 runs on no newer one"
    findings = [Finding("Python", f"{version} ({sys.executable})", OK if fits else BAD, advice)]
    for package, wanted in LANE.items():
        # Where Spark brought its own Python there is no distribution of that name.
        found = str(pyspark.__version__) if package == "pyspark" else _installed(package)
        if found is None:
            findings.append(Finding(package, "not installed", BAD, f"pip install '{package}=={wanted}*'"))
        elif not found.startswith(wanted):
            findings.append(Finding(package, found, BAD, f"the lane is {wanted}*: ./setup.sh installs it"))
        else:
            findings.append(Finding(package, found))
    workers = os.environ.get("PYSPARK_PYTHON", sys.executable)
    if Path(workers).exists() and not Path(workers).samefile(sys.executable):
        findings.append(
            Finding(
                "PYSPARK_PYTHON", workers, WARN, "workers run another Python than the driver; unset it or point it here"
            )
        )
    return findings


@dataclass(frozen=True)
class TaskPython:
    """The Python that a task runs in, as the task sees it. packages: name -> version of what was imported there."""

    host: str
    prefix: str
    version: str
    packages: tuple[tuple[str, str], ...]


def task_pythons(spark: SparkSession) -> list[TaskPython]:
    """Every Python that tasks of this session run in, by host and place. Starts a small Spark job, with four tasks a slot."""
    count = 4 * spark.sparkContext.defaultParallelism
    found = spark.sparkContext.parallelize(range(count), count).map(lambda _: _python_here()).distinct().collect()
    return sorted(found, key=lambda one: (one.host, one.prefix))


def _python_here() -> TaskPython:
    imported = [(name, str(importlib.import_module(name).__version__)) for name in IN_TASKS]
    return TaskPython(socket.gethostname(), sys.prefix, platform.python_version(), tuple(imported))


def worker_findings(found: Iterable[TaskPython]) -> list[Finding]:
    """The Pythons of the tasks beside this one: what is pickled here has to be read there."""
    here = _python_here()
    findings = []
    for there in found:
        packages = ", ".join(f"{name} {version}" for name, version in there.packages)
        same = there.version.split(".")[:2] == here.version.split(".")[:2] and there.packages == here.packages
        advice = (
            ""
            if same
            else "not the versions of the driver; leave platform.ship_python at true, or install the lock there"
        )
        said = f"{there.version} ({there.prefix}), {packages}"
        findings.append(Finding(f"Python of tasks on {there.host}", said, OK if same else BAD, advice))
    return findings


def java_findings() -> list[Finding]:
    """The Java that Spark will start."""
    home = os.environ.get("JAVA_HOME")
    binary = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if not binary or not Path(binary).exists():
        return [
            Finding(
                "Java", "not found", BAD, "install Java 17, or pip install 'social-signals[java]' and set JAVA_HOME"
            )
        ]
    answer = subprocess.run([binary, "-version"], capture_output=True, text=True, check=False)
    match = re.search(r'version "([^"]+)"', answer.stderr)
    version = match[1] if match else "unknown"
    major = version.split(".")[0]
    advice = "" if major == "17" else "Spark 3.5 with this lane is tested on Java 17; set JAVA_HOME to one"
    return [
        Finding(
            "Java", f"{version} ({binary})", OK if major == "17" else BAD if major in ("1", "unknown") else WARN, advice
        )
    ]


def jar_findings(spark: SparkSession) -> list[Finding]:
    """Every jar of the one list: resolved here, and its classes seen by the running JVM."""
    findings = []
    on_disk = jars.resolved()
    for package in jars.PACKAGES:
        group, artefact, version = package.split(":")
        seen = [p.name for p in on_disk if f"{artefact}-{version}" in p.name]
        state = OK if seen else WARN
        advice = "" if seen else "not in the local folder of jars; a cluster brings its own, a laptop runs ./setup.sh"
        findings.append(
            Finding(f"{group}:{artefact}", version if seen else f"{version} not resolved here", state, advice)
        )
    probes = {
        "Delta in the JVM": ("io.delta.tables.DeltaTable", "io.delta:delta-spark_2.12"),
        "Spark NLP in the JVM": ("com.johnsnowlabs.nlp.DocumentAssembler", "com.johnsnowlabs.nlp:spark-nlp_2.12"),
        "ONNX Runtime in the JVM": ("ai.onnxruntime.OrtEnvironment", "com.johnsnowlabs.nlp:spark-nlp_2.12"),
    }
    for subject, (name, package) in probes.items():
        findings.append(_class_finding(spark, subject, name, package))
    findings += [Finding("jar", path.name) for path in on_disk]
    return findings


def spark_findings(spark: SparkSession) -> list[Finding]:
    """Spark, Scala, the master and its free task slots."""
    context = spark.sparkContext
    scala = str(context._jvm.scala.util.Properties.versionNumberString())  # type: ignore[union-attr]
    zone = spark.conf.get("spark.sql.session.timeZone")
    slots = context.defaultParallelism
    scala_ok = scala.startswith("2.12")
    return [
        Finding("Spark", f"{spark.version} on {context.master}"),
        Finding("Scala", scala, OK if scala_ok else BAD, "" if scala_ok else "the jars are for Scala 2.12"),
        Finding("Session time zone", str(zone), OK if zone == "UTC" else BAD, "" if zone == "UTC" else "set it to UTC"),
        Finding(
            "Task slots", str(slots), OK if slots > 0 else BAD, "" if slots > 0 else "no executor has registered yet"
        ),
        Finding("Driver memory", str(spark.conf.get("spark.driver.memory", "Spark's default"))),
    ]


def device_findings(*, wanted: str) -> list[Finding]:
    """CPUs, GPUs and whether the XGBoost here was built for what is asked."""
    gpus = gpu_names()
    found = ", ".join(gpus) if gpus else "none"
    if wanted == "cuda" and not gpus:
        gpu = Finding("GPU", found, BAD, "platform.device=cuda needs one; use platform.device=cpu or another machine")
    else:
        gpu = Finding("GPU", found)
    return [Finding("CPU cores", str(os.cpu_count())), gpu, *_xgboost_build()]


def disk_findings(folders: Iterable[Path]) -> list[Finding]:
    """Free space where tables and scratch files go."""
    findings = []
    for folder in folders:
        existing = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
        free_gb = shutil.disk_usage(existing).free / 2**30
        enough = free_gb >= 5
        advice = (
            "" if enough else "shuffles and tables of a larger run will not fit; free some space or move catalog.root"
        )
        findings.append(Finding(f"Disk at {existing}", f"{free_gb:.0f} GB free", OK if enough else WARN, advice))
    return findings


def gpu_names() -> list[str]:
    """Names of the NVIDIA cards that the driver shows; an empty list without driver or card."""
    if shutil.which("nvidia-smi") is None:
        return []
    answer = subprocess.run(
        ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return [line.strip() for line in answer.stdout.splitlines() if line.strip()] if answer.returncode == 0 else []


def _class_finding(spark: SparkSession, subject: str, name: str, package: str) -> Finding:
    try:
        spark.sparkContext._jvm.java.lang.Class.forName(  # type: ignore[union-attr]
            name,
            False,
            spark.sparkContext._jvm.java.lang.Thread.currentThread().getContextClassLoader(),  # type: ignore[union-attr]
        )
    except Exception:
        coordinate = next(p for p in jars.PACKAGES if p.startswith(package))
        return Finding(
            subject,
            "classes missing",
            BAD,
            f"start Spark with --packages {coordinate} (the Python wheel alone gives \"'JavaPackage' object is not callable\")",
        )
    return Finding(subject, "classes found")


def _xgboost_build() -> list[Finding]:
    try:
        import xgboost

        return [Finding("XGBoost built with CUDA", "yes" if xgboost.build_info().get("USE_CUDA") else "no")]
    except Exception as error:
        return [Finding("XGBoost", f"does not load: {str(error).splitlines()[0]}", BAD, "reinstall xgboost 3.2")]


def _installed(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def examined(*checks: Callable[[], list[Finding]]) -> list[Finding]:
    """All findings of the checks; a check that itself fails becomes a finding, so that the others still speak."""
    findings: list[Finding] = []
    for check in checks:
        try:
            findings += check()
        except Exception as error:
            words = str(error).strip().splitlines() or [type(error).__name__]
            findings.append(
                Finding("examination", words[0][:300], BAD, "this check could not be made; see the line above")
            )
    return findings
