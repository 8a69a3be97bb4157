"""The exact `spark-submit` command line of a job on a platform. Nothing is made, read or started here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from social_signals.core.places import UNPACKED
from social_signals.core.session import PlatformParams, class_path, launch_settings, settings
from social_signals.submit.shipment import PYTHON, Shipment

# A shipped environment is unpacked under this name in the working folder of a driver or an executor.
ENVIRONMENT = "environment"


def command(
    script: str,
    overrides: Sequence[str],
    *,
    platform: PlatformParams,
    spark_home: Path,
    shipment: Shipment | None = None,
) -> list[str]:
    """The exact `spark-submit` command line for a job on a platform.

    shipment: what goes along; None where everything is on this machine, or in the image.
    """
    line = [str(spark_home / "bin" / "spark-submit"), *_where(platform)]
    conf = launch_settings(platform) | settings(platform)
    if platform.is_local:
        conf = class_path(platform) | conf
    elif platform.installed_at is not None:
        in_image = f"{platform.installed_at}/jars/*"
        conf = {"spark.driver.extraClassPath": in_image, "spark.executor.extraClassPath": in_image} | conf
        conf.setdefault("spark.pyspark.python", f"{platform.installed_at}/.venv/bin/python")
        if platform.all_packages:
            line += ["--packages", ",".join(platform.all_packages)]
        if platform.deploy_mode == "client":
            conf.setdefault("spark.pyspark.driver.python", sys.executable)
        else:
            script = f"local://{platform.installed_at}/jobs/{Path(script).name}"
    elif shipment is not None:
        words, python = _shipped(platform, shipment)
        line += words
        conf = python | conf
    for key, value in sorted(conf.items()):
        line += ["--conf", f"{key}={value}"]
    return [*line, script, *overrides]


def _where(platform: PlatformParams) -> list[str]:
    words = ["--master", platform.master] if platform.master else []
    return words if platform.deploy_mode == "client" else [*words, "--deploy-mode", platform.deploy_mode]


def _shipped(platform: PlatformParams, shipment: Shipment) -> tuple[list[str], dict[str, str]]:
    """The options that ship, and the settings that say which Python runs."""
    words = ["--jars", ",".join(shipment.jars)] if shipment.jars else []
    words += ["--py-files", shipment.code]
    archives = [f"{shipment.files}#{UNPACKED}"]
    if shipment.python is None:
        return [*words, "--archives", ",".join(archives)], {}
    if shipment.starter is not None:
        # Spark would unpack an archive for the driver as well, which has a Python of its own: ten seconds for nothing.
        words += ["--files", f"{shipment.starter},{shipment.python}"]
        python = {"spark.pyspark.python": f"./{PYTHON}"}
    else:
        archives.append(f"{shipment.python}#{ENVIRONMENT}")
        python = {"spark.pyspark.python": f"./{ENVIRONMENT}/bin/python"}
    if platform.deploy_mode == "client":
        python["spark.pyspark.driver.python"] = sys.executable
    return [*words, "--archives", ",".join(archives)], python
