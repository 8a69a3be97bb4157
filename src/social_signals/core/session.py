"""The only place a Spark session is made. Tests, jobs, notebooks and benchmarks come here."""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyspark import SparkConf
from pyspark.sql import SparkSession

from social_signals.core import gpu, jars
from social_signals.core.errors import ConfigError, ResourceError
from social_signals.core.lineage import LISTENERS, LineageParams, lineage_settings
from social_signals.core.slots import await_slots

log = logging.getLogger(__name__)

DEVICES = ("cpu", "cuda")
# XGBoost and Delta read times in the JVM's zone in a few places that the session's zone does not reach.
JAVA_IN_UTC = "-Duser.timezone=UTC"
# What is set on a session that was not made by us; a new one of its application does not know of it.
_TAKEN_ALONG = ("spark.sql.session.timeZone",)
# `pyspark.sql.functions` and lists of columns.
_CLASSES_AT_EVERY_CALL = ("functions", "PythonUtils")


@dataclass
class PlatformParams:
    """Where Spark runs and how much of it. `conf` adds or replaces any Spark setting, last word.

    python_archive: an archive of an environment with `bin/python` in it, which is shipped to the workers. Where it is null and
    `ship_python` is true, one is made of the Python here and the packages of the lock; false takes a Python that is at the same
    path on every worker. installed_at: the folder of an image that has all of the suite, with its `.venv`, so that nothing
    is shipped. staging: a folder that this machine and every worker see, for a driver on a standalone cluster; null means
    `catalog.root`/_staging.
    packages: Maven coordinates beside those of the suite, for a source's driver or TensorFlow. lineage: see `core.lineage`.
    existing_session: take the session that is there (Databricks) instead of making one. java_options: more options for the
    driver's JVM, beside those of the suite.

    device: where models are trained and applied, `cpu` or `cuda`. With `cuda` on a cluster each executor asks for
    `gpus_per_executor` and each task for `gpus_per_task`: a whole GPU, which training with several workers needs, or a share of
    at most a half, so that more tasks run beside each other. gpus_per_training_task: 1 gives a task that trains the GPU of
    its executor to itself, whatever the other stages share; null is as every task. gpu_discovery: the script by which executors find their GPUs; null
    ships ours where Spark can ship one. rapids: version of the RAPIDS Accelerator, which lets SQL run on the GPU as well; null
    leaves it out.
    """

    name: str = "local"
    master: str | None = "local[*]"
    deploy_mode: str = "client"
    driver_memory: str | None = "4g"
    executor_memory: str | None = None
    executor_cores: int | None = None
    num_executors: int | None = None
    shuffle_partitions: int | None = 8
    device: str = "cpu"
    gpus_per_executor: int = 1
    gpus_per_task: float = 1.0
    gpus_per_training_task: int | None = None
    gpu_discovery: str | None = None
    rapids: str | None = None
    existing_session: bool = False
    python_archive: str | None = None
    ship_python: bool = True
    installed_at: str | None = None
    staging: str | None = None
    java_options: str = ""
    packages: list[str] = field(default_factory=list)
    lineage: LineageParams = field(default_factory=LineageParams)
    conf: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise ConfigError(f"platform.device is {self.device!r}", hint=f"choose one of {', '.join(DEVICES)}")
        if self.deploy_mode not in ("client", "cluster"):
            raise ConfigError(f"platform.deploy_mode is {self.deploy_mode!r}", hint="choose client or cluster")
        if self.shuffle_partitions is not None and self.shuffle_partitions < 1:
            raise ConfigError(
                f"platform.shuffle_partitions is {self.shuffle_partitions}",
                hint="give 1 or more, or null for Spark's own",
            )
        if self.gpus_per_executor < 1:
            raise ConfigError(f"platform.gpus_per_executor is {self.gpus_per_executor}", hint="give 1 or more")
        is_whole = self.gpus_per_task >= 1 and self.gpus_per_task == int(self.gpus_per_task)
        if not is_whole and not 0 < self.gpus_per_task <= 0.5:
            raise ConfigError(
                f"platform.gpus_per_task is {self.gpus_per_task}",
                hint="give 1 or more whole ones, or at most a half of one",
            )
        if self.gpus_per_training_task is not None and (
            self.gpus_per_training_task != 1 or self.gpus_per_executor != 1 or self.executor_cores is None
        ):
            raise ConfigError(
                f"platform.gpus_per_training_task is {self.gpus_per_training_task}",
                hint="Spark 3.5 can give a whole card to one task an executor: set it to 1, with platform.gpus_per_executor=1 and "
                "platform.executor_cores",
            )
        if self.rapids is not None and self.device != "cuda":
            raise ConfigError(
                f"platform.rapids is {self.rapids} and platform.device is {self.device}",
                hint="the RAPIDS Accelerator needs a GPU: set platform.device=cuda, or leave platform.rapids out",
            )
        if self.device == "cuda" and str(self.master).startswith("k8s:") and self.gpu_discovery is None:
            raise ConfigError(
                "platform.gpu_discovery is not set, and on Kubernetes the script must be in the image",
                hint="name it, for example /opt/spark/examples/src/main/scripts/getGpusResources.sh in Spark's own image",
            )
        if wrong := [name for name in self.packages if name.count(":") != 2]:
            raise ConfigError(
                f"platform.packages has {wrong[0]!r}, which is no Maven coordinate",
                hint="write group:artifact:version, for example org.postgresql:postgresql:42.7.4",
            )

    @property
    def is_local(self) -> bool:
        """All of Spark is on this machine; with `local-cluster` the executors are processes of their own."""
        return bool(self.master) and str(self.master).startswith("local")

    @property
    def is_one_process(self) -> bool:
        """The driver is all of Spark: executors are threads of it."""
        return self.is_local and not self.is_local_cluster

    @property
    def is_local_cluster(self) -> bool:
        return str(self.master).startswith("local-cluster")

    @property
    def is_standalone(self) -> bool:
        return str(self.master).startswith("spark://")

    @property
    def all_packages(self) -> list[str]:
        """Maven coordinates beside those of the suite, those of the RAPIDS Accelerator and OpenLineage where they were asked for."""
        return [*self.packages, *gpu.rapids_settings(self.rapids)[0], *self.lineage.packages]


def settings(platform: PlatformParams) -> dict[str, str]:
    """Every Spark setting of the suite with its reason; `platform.conf` wins over all of them."""
    values = {
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        # One clock for everybody: text to timestamp and date arithmetic do not depend on where a driver stands.
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        # A null timestamp beats a failed job: ingest turns what cannot be read into a quarantined row with a reason.
        "spark.sql.ansi.enabled": "false",
        "spark.sql.legacy.timeParserPolicy": "CORRECTED",
        "spark.serializer": "org.apache.spark.serializer.KryoSerializer",
        "spark.kryoserializer.buffer.max": "1g",
        # What is partitioned by person is so by (person, cut-off) too: their joins need no second shuffle. Skew that Spark's
        # default guards against would have hurt the first one already.
        "spark.sql.requireAllClusterKeysForCoPartition": "false",
        # ONNX Runtime takes all cores per task otherwise: 220 posts a second became 700 with one thread a task.
        "spark.jsl.settings.onnx.intraOpNumThreads": "1",
        # XGBoost's barrier stage with too few slots waits for minutes by default; fail in seconds with its own words.
        "spark.scheduler.barrier.maxConcurrentTasksCheck.interval": "2s",
        "spark.scheduler.barrier.maxConcurrentTasksCheck.maxFailures": "3",
        # Workers wait for each other before they train, and for a year by default: as long as xgboost.limits.connect_timeout_s.
        "spark.barrier.sync.timeout": "1800s",
        "spark.ui.showConsoleProgress": str(sys.stderr.isatty()).lower(),
    }
    if platform.shuffle_partitions is not None:
        values["spark.sql.shuffle.partitions"] = str(platform.shuffle_partitions)
    if platform.is_local:
        values |= {
            # Reading Delta's own log takes 50 tasks by default, most of a small job's time on two cores.
            "spark.databricks.delta.snapshotPartitions": "2",
            "spark.databricks.delta.vacuum.parallelDelete.enabled": "true",
            "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
            # Spark makes this folder wherever a job is started; tables of a path catalog are never in it.
            "spark.sql.warehouse.dir": f"{tempfile.gettempdir()}/social-signals-warehouse-{os.getuid()}",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
        }
    if platform.device == gpu.CUDA:
        values |= gpu.gpu_settings(
            master=platform.master,
            gpus_per_executor=platform.gpus_per_executor,
            gpus_per_task=platform.gpus_per_task,
            training_cores=None if platform.gpus_per_training_task is None else (platform.executor_cores or 1) // 2 + 1,
            discovery=platform.gpu_discovery,
        )
        values |= gpu.rapids_settings(platform.rapids)[1]
    lineage = lineage_settings(platform.lineage, listeners=platform.conf.get(LISTENERS, ""))
    # The platform has the last word on all but the list of listeners, to which ours was added.
    return values | lineage | platform.conf | {k: v for k, v in lineage.items() if k == LISTENERS}


def launch_settings(platform: PlatformParams) -> dict[str, str]:
    """Settings that a JVM reads only when it starts: they go on the command line or into the gateway's launch."""
    log4j = Path(__file__).with_name("log4j2.properties")
    is_driver_here = platform.is_local or (platform.master is not None and platform.deploy_mode == "client")
    quiet = f" -Dlog4j2.configurationFile={log4j.as_uri()}" if is_driver_here else ""
    more = f" {platform.java_options}" if platform.java_options else ""
    values = {
        "spark.driver.extraJavaOptions": JAVA_IN_UTC + quiet + _collector(platform) + more,
        "spark.executor.extraJavaOptions": JAVA_IN_UTC,
    }
    executor_memory = platform.executor_memory
    if executor_memory is None and (workers := re.fullmatch(r"local-cluster\[.*,\s*(\d+)\s*\]", str(platform.master))):
        # An executor takes all that the master says a worker has, not Spark's default of it.
        executor_memory = f"{workers.group(1)}m"
    optional = {
        "spark.driver.memory": platform.driver_memory,
        "spark.executor.memory": executor_memory,
        "spark.executor.cores": platform.executor_cores,
        "spark.executor.instances": platform.num_executors,
    }
    values |= {key: str(value) for key, value in optional.items() if value is not None}
    if platform.device == gpu.CUDA:
        values |= gpu.shipped_with_gpus(platform.master)
    return {key: value for key, value in values.items() if key not in platform.conf}


def _collector(platform: PlatformParams) -> str:
    """Which garbage collector a driver that is all of Spark runs with, unless somebody has chosen one.

    Java's default, G1, marks on threads of its own, which on few cores take the time from tasks: annotating 4,000 posts with
    both models took 38.2 core-seconds with it, 34.8 with the parallel one (OpenJDK 17, two cores, heap of 2 GiB).
    """
    chosen = (platform.java_options, os.environ.get("JAVA_TOOL_OPTIONS", ""), os.environ.get("JDK_JAVA_OPTIONS", ""))
    is_chosen = any(re.search(r"-XX:\+Use\w*GC\b", options) for options in chosen)
    return " -XX:+UseParallelGC" if platform.is_one_process and not is_chosen else ""


def class_path(platform: PlatformParams) -> dict[str, str]:
    """The settings by which the JVMs of this machine read the jars in place."""
    here = jars.classpath(more=platform.all_packages)
    values = {"spark.driver.extraClassPath": here}
    return values | ({"spark.executor.extraClassPath": here} if platform.is_local_cluster else {})


def make_session(platform: PlatformParams, *, app_name: str) -> SparkSession:
    """The session of this process: made on first use, with the suite's settings and the jars of the one list.

    Under `spark-submit` the JVM is there already and keeps what it was launched with. With
    `platform.existing_session` (Databricks) the cluster's session is taken as it is and only the SQL settings are set.
    Raises ResourceError where no session is there to take, or Spark cannot start.
    """
    if platform.existing_session:
        session = SparkSession.getActiveSession() or SparkSession.builder.getOrCreate()
        for key in _TAKEN_ALONG:
            session.conf.set(key, settings(platform)[key])
        _hold_classes(session)
        return session
    conf = spark_conf(platform, app_name=app_name)
    try:
        session = SparkSession.builder.config(conf=conf).getOrCreate()
    except Exception as error:
        raise ResourceError(
            f"Spark did not start: {_reason(error)}",
            hint="run `social-signals doctor`; it names what does not fit together",
        ) from error
    session.sparkContext.setLogLevel("ERROR")
    _hold_classes(session)
    if not platform.is_one_process:
        await_slots(session, cores_asked_for(platform))
    return session


def _hold_classes(session: SparkSession) -> None:
    """Look up once what PySpark asks Java for at every use of a function of columns.

    Java searches all jars for a class of that name before it tries the package: `F.col` took 1.1 ms, and takes 0.18 ms when the class
    is an attribute of the gateway (280 jars). A pipeline calls such functions 50,000 times.
    """
    jvm = getattr(session, "_jvm", None)
    # Spark Connect has no gateway.
    for name in () if jvm is None else _CLASSES_AT_EVERY_CALL:
        setattr(jvm, name, getattr(jvm, name))


def _reason(error: Exception) -> str:
    """The words of the JVM's exception; py4j's own first line says only which call it was."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return next((line[2:] for line in lines if line.startswith(": ")), lines[0])[:300]


def cores_asked_for(platform: PlatformParams) -> int:
    """How many cores are certain to come, when all executors have; 1 where only the cluster knows."""
    if sizes := re.fullmatch(r"local-cluster\[\s*(\d+)\s*,\s*(\d+)\s*,.*\]", str(platform.master)):
        return int(sizes.group(1)) * int(sizes.group(2))
    if most := platform.conf.get("spark.cores.max"):
        return int(most)
    return (platform.num_executors or 1) * (platform.executor_cores or 1)


def beside(session: SparkSession) -> SparkSession:
    """A session of the same application for one more thread: its SQL settings and temporary views are its own, so what one job
    sets for its writes does not reach another that runs at the same time. To be called in that thread."""
    own = session.newSession()
    for key in _TAKEN_ALONG:
        own.conf.set(key, str(session.conf.get(key)))
    # Delta asks for the session of the thread in places that are not handed one.
    own._jvm.SparkSession.setActiveSession(own._jsparkSession)  # type: ignore[union-attr]
    return own


def spark_conf(platform: PlatformParams, *, app_name: str) -> SparkConf:
    """Everything `make_session` would set, as a SparkConf; the test fixture starts from it too."""
    # Spark would start another Python on the workers and fail there on pandas.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    conf = SparkConf().setAppName(f"social-signals {app_name}")
    launched_by_spark_submit = "PYSPARK_GATEWAY_PORT" in os.environ
    values = settings(platform)
    if not launched_by_spark_submit:
        values = launch_settings(platform) | values
        if platform.master:
            values["spark.master"] = platform.master
        if platform.is_local:
            jars.resolve(more=platform.all_packages)
            values = class_path(platform) | values
        else:
            # Sent as files: on a cluster nobody but this machine needs a way to Maven, and this one only once.
            values.setdefault("spark.jars", ",".join(map(str, jars.resolve(more=platform.all_packages))))
    for key, value in values.items():
        conf.set(key, value)
    return conf


def let_the_driver_end() -> None:
    """Let the JVM of `spark-submit` end when the application has; call it last, no barrier stage can run afterwards.

    Spark 3.5 times the barriers of distributed training with a thread that Java 17 waits for, so a driver that has trained
    anything would never exit. Where another process owns the JVM (a notebook, Databricks) nothing is touched.
    """
    session = SparkSession.getActiveSession()
    if session is None or "PYSPARK_GATEWAY_PORT" not in os.environ:
        return
    jvm: Any = session.sparkContext._jvm
    session.stop()
    try:
        companion = jvm.java.lang.Class.forName("org.apache.spark.BarrierTaskContext$").getField("MODULE$").get(None)
        getattr(companion, "org$apache$spark$BarrierTaskContext$$timer")().cancel()
    except Exception as error:
        # Spark 4 has no such thread, and there it would be no loss.
        log.debug("the barrier timer is not as in Spark 3.5: %s", type(error).__name__)
