"""The one list of jars: local runs, tests, clusters and the docs read it here. Resolved once by Spark's own Ivy."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from social_signals.core.errors import ResourceError

PACKAGES = (
    "io.delta:delta-spark_2.12:3.3.3",
    "com.johnsnowlabs.nlp:spark-nlp_2.12:5.5.3",
    # Classes only, without native libraries: Spark NLP refers to them even where ONNX Runtime does the work.
    "org.tensorflow:tensorflow-core-api:0.4.2",
)

# What Spark NLP would bring and no job here uses: 493 MB and cloud SDKs down to 227 MB. The AWS S3 SDK has to stay,
# even the tokenizer refers to its classes.
EXCLUDES = (
    "com.johnsnowlabs.nlp:tensorflow-cpu_2.12",
    "com.johnsnowlabs.nlp:jsl-llamacpp-cpu_2.12",
    "com.johnsnowlabs.nlp:jsl-openvino-cpu_2.12",
    "com.google.cloud:google-cloud-storage",
    "com.azure:azure-identity",
    "com.azure:azure-storage-blob",
    "org.apache.poi:poi-ooxml",
    "org.apache.poi:poi-scratchpad",
    "jakarta.mail:jakarta.mail-api",
    "org.eclipse.angus:angus-mail",
    "org.jsoup:jsoup",
    "org.projectlombok:lombok",
)

# Optional, see platform.rapids: which version depends on the Spark that it has to know.
RAPIDS = "com.nvidia:rapids-4-spark_2.12"

NEEDED_DISK_MB = 600


def fingerprint(packages: Sequence[str] = PACKAGES) -> str:
    """Changes when the list does, so that a folder of resolved jars is never a stale one."""
    excludes = EXCLUDES if tuple(packages) == PACKAGES else ()
    return hashlib.sha256("\n".join((*packages, *excludes)).encode()).hexdigest()[:12]


def default_folder() -> Path:
    """`SOCIAL_SIGNALS_JARS`, else a folder of the user's cache."""
    named = os.environ.get("SOCIAL_SIGNALS_JARS")
    if named:
        return Path(named)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "social-signals" / "jars"


def resolved(folder: Path | None = None, packages: Sequence[str] = PACKAGES) -> list[Path]:
    """The jars of a list if they have been resolved under `folder`, else an empty list."""
    ready = (folder or default_folder()) / fingerprint(packages)
    return sorted(ready.glob("*.jar")) if (ready / "complete").exists() else []


def resolve(folder: Path | None = None, *, more: Sequence[str] = ()) -> list[Path]:
    """The jars of the list and of the coordinates in `more`, fetched on the first call and found on the next ones.

    `more` lie in a folder of their own: they may bring what the list leaves out.
    """
    found = _resolve(folder, PACKAGES, EXCLUDES, "227 MB")
    return found + _resolve(folder, tuple(more), (), "beside those of the suite") if more else found


def _resolve(folder: Path | None, packages: Sequence[str], excludes: Sequence[str], size: str) -> list[Path]:
    folder = folder or default_folder()
    found = resolved(folder, packages)
    if found:
        return found
    _require_disk(folder)
    ivy = folder / "ivy"
    sys.stderr.write(f"social-signals: resolving Spark's jars, once ({size}) ...\n")
    finished = subprocess.run(
        [
            str(_spark_submit()),
            "--master", "local[1]",
            "--conf", f"spark.jars.ivy={ivy}",
            "--conf", "spark.ui.enabled=false",
            "--packages", ",".join(packages),
            *(("--exclude-packages", ",".join(excludes)) if excludes else ()),
            # Any main class will do: the jars are fetched before it starts.
            "--class", "org.apache.spark.deploy.SparkSubmit",
            "spark-internal", "--version",
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    jars = sorted((ivy / "jars").glob("*.jar"))
    found_all = all(any(_artefact(package) in jar.name for jar in jars) for package in packages)
    if finished.returncode != 0 or not found_all:
        reason = _reason(finished.stderr)
        raise ResourceError(
            f"the jars could not be resolved from Maven: {reason}",
            hint="check the network and disk and run it again; behind a mirror put an ivysettings.xml in "
            "spark.jars.ivySettings; without a network copy a resolved folder and set SOCIAL_SIGNALS_JARS to it",
        )
    ready = folder / fingerprint(packages)
    ready.mkdir(parents=True, exist_ok=True)
    for jar in jars:
        shutil.move(str(jar), ready / jar.name)
    (ready / "complete").write_text("\n".join((*packages, "")))
    shutil.rmtree(ivy, ignore_errors=True)
    return sorted(ready.glob("*.jar"))


def classpath(folder: Path | None = None, *, more: Sequence[str] = ()) -> str:
    """Class path entries for a JVM on this machine: read in place, nothing is copied at start."""
    lists = [PACKAGES, tuple(more)] if more else [PACKAGES]
    return os.pathsep.join(str((folder or default_folder()) / fingerprint(packages) / "*") for packages in lists)


def _artefact(package: str) -> str:
    _, artefact, version = package.split(":")
    return f"{artefact}-{version}"


def _reason(log: str) -> str:
    wanted = ("UnknownHost", "not found", "No space left", "Connection refused", "timed out", "Permission denied")
    lines = [line.strip() for line in log.splitlines() if any(word in line for word in wanted)]
    return lines[0][:300] if lines else (log.strip().splitlines() or ["spark-submit said nothing"])[-1][:300]


def _require_disk(folder: Path) -> None:
    existing = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    free_mb = shutil.disk_usage(existing).free // 2**20
    if free_mb < NEEDED_DISK_MB:
        raise ResourceError(
            f"{free_mb} MB are free at {existing}, resolving the jars takes {NEEDED_DISK_MB} MB",
            hint="free some space or set SOCIAL_SIGNALS_JARS to a folder on another disk",
        )


def _spark_submit() -> Path:
    import pyspark

    return Path(pyspark.__file__).parent / "bin" / "spark-submit"
