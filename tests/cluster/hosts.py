"""A Spark standalone cluster for tests: a master and workers as processes of their own, on hosts of their own where that is allowed.

    with Cluster.on_hosts(folder) as cluster:            # network namespaces; Cluster.on_this_machine(folder) on loopback
        done = cluster.submit("pipeline", f"catalog.root={root}", "source=sample")      # ./spark-submit.sh, to its end
        running = cluster.start("pipeline", ...)         # the same as a Popen, to do harm while it runs
        cluster.kill_executor(cluster.workers[0]); cluster.cut(cluster.workers[1]); cluster.heal(cluster.workers[1])

Workers have a bare environment: Java, Spark and the tools of the system. On hosts of their own the checkout, its virtual environment
and its Python are empty folders to them. All that was started ends with the `with` block, whatever happened in it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tests.cluster.network import Host, Network, ended, until

REPOSITORY = Path(__file__).parents[2]
# What processes of a host find of the system; nothing of ours is there.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
START_S = 240.0


@dataclass
class Worker:
    """A worker of the cluster. process: its JVM, whose children the executors are."""

    host: Host
    cores: int
    memory_mb: int
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def name(self) -> str:
        return self.host.name

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


@dataclass(frozen=True)
class Executor:
    """A running executor: the pid of its JVM, and its working folder on its worker."""

    pid: int
    app: str
    number: int
    worker: str
    folder: Path


@dataclass
class Cluster:
    """See the module. cores: of each worker; memory_mb: for each of them; worker_options: of the workers' JVMs."""

    folder: Path
    network: Network | None
    cores: Sequence[int] = (1, 1)
    memory_mb: int = 2048
    worker_options: str = ""
    workers: list[Worker] = field(default_factory=list)
    master_url: str = ""
    _master: subprocess.Popen[bytes] | None = None
    _page: str = ""
    _started: list[subprocess.Popen[Any]] = field(default_factory=list)

    @classmethod
    def on_hosts(cls, folder: Path, *, cores: Sequence[int] = (1, 1), memory_mb: int = 2048) -> Cluster:
        """Master, driver and each worker on a host of its own. Needs network namespaces (`reason_against_namespaces`)."""
        names = ["master", "driver", *(f"worker{i}" for i, _ in enumerate(cores, start=1))]
        return cls(folder, Network(names), cores, memory_mb)

    @classmethod
    def on_this_machine(
        cls, folder: Path, *, cores: Sequence[int] = (1, 1), memory_mb: int = 2048, worker_options: str = ""
    ) -> Cluster:
        """All on the loopback of this machine, in processes of their own. Nothing can be cut off here."""
        return cls(folder, None, cores, memory_mb, worker_options)

    def __enter__(self) -> Cluster:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- jobs ---------------------------------------------------------------------------------------------------------

    def start(
        self, job: str, *overrides: str, deploy_mode: str = "client", environment: dict[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """`./spark-submit.sh jobs/JOB.py platform=standalone ...` on the driver's host, running. stdout and stderr are pipes."""
        mine = {
            "PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "JAVA_HOME": os.environ["JAVA_HOME"],
            "MASTER": self.master_url,
            "DEPLOY_MODE": deploy_mode, "SPARK_LOCAL_IP": self.driver.address, "PYTHONPATH": str(REPOSITORY / "src"),
            "SOCIAL_SIGNALS_JARS": os.environ.get("SOCIAL_SIGNALS_JARS", str(REPOSITORY / ".jars")),
        }  # fmt: skip
        words = [
            sys.executable,
            "-m",
            "social_signals.submit",
            str(REPOSITORY / f"jobs/{job}.py"),
            "platform=standalone",
        ]
        memory = f"platform.executor_memory={self.memory_mb - 300}m"
        # A driver on a worker takes a core of it; so that all that are left are waited for, they are counted.
        slots = sum(worker.cores for worker in self.workers) - (deploy_mode == "cluster")
        conf = f"platform.conf={{spark.cores.max: '{slots}', spark.databricks.delta.snapshotPartitions: '2'}}"
        settings = [memory, conf, "platform.driver_memory=2g", "platform.shuffle_partitions=4"]
        settings.append(f"platform.staging={self.folder / 'staging'}")
        process = subprocess.Popen(
            self.driver.command([*words, *settings, *overrides]),
            env=mine | (environment or {}), cwd=self.folder, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._started.append(process)
        return process

    def submit(
        self,
        job: str,
        *overrides: str,
        deploy_mode: str = "client",
        timeout_s: float = 600,
        environment: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a job to its end. The result's stdout ends with the job's JSON line."""
        running = self.start(job, *overrides, deploy_mode=deploy_mode, environment=environment)
        try:
            out, err = running.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            _end_group(running)
            out, err = running.communicate()
            raise AssertionError(f"{job} ran longer than {timeout_s:g} s:\n{err[-4000:]}") from None
        return subprocess.CompletedProcess(running.args, running.returncode, out, err)

    @property
    def driver(self) -> Host:
        """The host that jobs are submitted from."""
        return self.network.hosts["driver"] if self.network else Host("driver", "127.0.0.1")

    # -- what is going on ---------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """The master's own page as JSON: workers, running applications and drivers."""
        read = f"import urllib.request as u; print(u.urlopen('{self._page}/json/', timeout=5).read().decode())"
        asked = subprocess.run(
            self.driver.command([sys.executable, "-I", "-c", read]), capture_output=True, text=True, check=False
        )
        found = json.loads(asked.stdout) if asked.returncode == 0 else {}
        return dict(found)

    def alive(self) -> list[str]:
        """Names of the workers that the master counts on."""
        addresses = {w.host.address for w in self.workers} if self.network else set()
        workers = [w for w in self.state().get("workers", []) if w["state"] == "ALIVE"]
        if not addresses:
            return [str(w["id"]) for w in workers]
        return [w.name for w in self.workers if w.host.address in {found["host"] for found in workers}]

    def executors(self, worker: Worker | None = None) -> list[Executor]:
        """Executors that run now, of one worker or of all."""
        found = []
        for one in self.workers if worker is None else [worker]:
            for pid in _children(one.process.pid):
                words = _words(pid)
                if "org.apache.spark.executor.CoarseGrainedExecutorBackend" in words:
                    app, number = words[words.index("--app-id") + 1], words[words.index("--executor-id") + 1]
                    found.append(Executor(pid, app, int(number), one.name, one.folder / "work" / app / number))
        return found

    def drivers(self) -> list[int]:
        """Process ids of the JVMs of drivers in cluster mode."""
        return [
            pid
            for one in self.workers
            for pid in _children(one.process.pid)
            if "org.apache.spark.deploy.worker.DriverWrapper" in _words(pid)
        ]

    def logs(self) -> str:
        """The ends of the logs of master, workers, and of what they ran last: for the message of a failed assertion."""
        files = [self.folder / "master.log", *(w.folder / "log" for w in self.workers)]
        files += sorted(self.folder.glob("worker*/work/*/std*")) + sorted(self.folder.glob("worker*/work/*/*/std*"))
        return "\n".join(f"--- {f.relative_to(self.folder)}\n{f.read_text(errors='replace')[-3000:]}" for f in files)

    # -- harm ---------------------------------------------------------------------------------------------------------

    def kill_executor(self, worker: Worker | None = None, *, within_s: float = 60) -> Executor:
        """SIGKILL an executor, its Python workers with it, as soon as there is one; says which it was."""
        found = until(lambda: self.executors(worker), within_s=within_s, what="an executor runs")
        victim: Executor = found[0]  # type: ignore[index]
        below = _descendants(victim.pid)
        for pid in (victim.pid, *below):
            ended(pid)
        return victim

    def cut(self, worker: Worker) -> None:
        """Take a worker's host off the network. Its processes run on and hear nothing."""
        assert self.network is not None, "only hosts of their own can be cut off"
        self.network.cut(worker.host)

    def heal(self, worker: Worker) -> None:
        """Put a worker's host back on the network."""
        assert self.network is not None, "only hosts of their own can be cut off"
        self.network.heal(worker.host)

    def kill_worker(self, worker: Worker) -> None:
        """SIGKILL a worker with all that runs below it: the host goes down."""
        for pid in (worker.process.pid, *_descendants(worker.process.pid)):
            ended(pid)
        worker.process.wait()
        self.workers.remove(worker)

    def add_worker(self, name: str, *, cores: int = 1) -> Worker:
        """Start a worker (again) on the host of that name, and wait until the master counts on it."""
        before = len(self.alive())
        worker = self._worker(name, cores=cores)
        until(lambda: len(self.alive()) > before, within_s=START_S, what=f"{name} registers")
        return worker

    # -- life and end -------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End everything: submitted jobs, workers with executors and drivers, the master, the hosts."""
        for process in self._started:
            _end_group(process)
        for worker in list(self.workers):
            self.kill_worker(worker)
        if self._master is not None:
            ended(self._master.pid)
            self._master.wait()
        if self.network:
            self.network.stop()
        # Each executor has unpacked a Python of a gigabyte.
        for place in (*self.folder.glob("worker*/work"), self.folder / "staging"):
            shutil.rmtree(place, ignore_errors=True)

    @property
    def _theirs(self) -> dict[Path, Path]:
        """Where workers have Spark and Java, and what is there: places outside all that is hidden from them."""
        return {self.folder / "spark": _spark_home(), self.folder / "java": Path(os.environ["JAVA_HOME"])}

    @property
    def _hidden(self) -> list[Path]:
        """Folders that workers on hosts of their own must do without."""
        ours = {Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve(), REPOSITORY.resolve()}
        jars = os.environ.get("SOCIAL_SIGNALS_JARS")
        ours |= {Path(jars).resolve()} if jars else set()
        # What lies within another one goes with it, and could not be covered once that is.
        outermost = (f for f in ours if not ours.intersection(f.parents))
        return sorted(f for f in outermost if f.is_dir() and f not in (Path("/usr"), Path("/usr/local")))

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for place, real in self._theirs.items():
            if self.network:
                place.mkdir(exist_ok=True)
            elif not place.exists():
                place.symlink_to(real.resolve())
        if self.network:
            self.network.start()
        host = self.network.hosts["master"] if self.network else Host("master", "127.0.0.1")
        self._master = self._daemon(
            host, "org.apache.spark.deploy.master.Master", "--host", host.address, "--port", "0",
            log=self.folder / "master.log", page_port="0", folder=self.folder,
        )  # fmt: skip
        log = self.folder / "master.log"
        self.master_url = _said(log, r"Starting Spark master at (spark://\S+)", self._master)
        self._page = _said(log, r"MasterWebUI.*started at (http://\S+)", self._master)
        for number, cores in enumerate(self.cores, start=1):
            self._worker(f"worker{number}", cores=cores)
        until(
            lambda: len(self.alive()) == len(self.cores), within_s=START_S, what=f"{len(self.cores)} workers register"
        )

    def _worker(self, name: str, *, cores: int) -> Worker:
        host = self.network.hosts[name] if self.network else Host(name, "127.0.0.1")
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        process = self._daemon(
            host, "org.apache.spark.deploy.worker.Worker", "--host", host.address, "--port", "0",
            "--cores", str(cores), "--memory", f"{self.memory_mb * cores}m", "--work-dir", str(folder / "work"), self.master_url,
            log=folder / "log", page_port="0", folder=folder,
        )  # fmt: skip
        worker = Worker(host, cores, self.memory_mb, folder, process)
        self.workers.append(worker)
        return worker

    def _daemon(self, host: Host, *words: str, log: Path, page_port: str, folder: Path) -> subprocess.Popen[bytes]:
        bare = {
            "PATH": SYSTEM_PATH, "HOME": str(folder), "JAVA_HOME": f"{self.folder}/java", "SPARK_HOME": f"{self.folder}/spark",
            "SPARK_LOCAL_IP": host.address, "SPARK_DAEMON_MEMORY": "256m", "LANG": "C.UTF-8",
            **({"SPARK_WORKER_OPTS": self.worker_options} if self.worker_options else {}),
        }  # fmt: skip
        said = ["env", "-i", *(f"{key}={value}" for key, value in bare.items())]
        line = [*said, f"{self.folder}/spark/bin/spark-class", *words[:1], "--webui-port", page_port, *words[1:]]
        with log.open("ab") as out:
            return _popen(host.command(line, hidden=self._hidden, seen_as=self._theirs), out, folder)


def _popen(line: list[str], out: IO[bytes], folder: Path) -> subprocess.Popen[bytes]:
    # Where the system has it: a daemon ends with the tests, even when these are killed.
    bound = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    return subprocess.Popen(
        [*bound, *line],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.STDOUT,
        cwd=folder,
        start_new_session=True,
    )


def _said(log: Path, pattern: str, process: subprocess.Popen[bytes]) -> str:
    """What a daemon says in its log once it has come so far."""

    def look() -> str | None:
        assert process.poll() is None, f"it ended at once:\n{log.read_text()[-3000:]}"
        found = re.search(pattern, log.read_text(errors="replace"))
        return found.group(1) if found else None

    return str(until(look, within_s=START_S, what=f"{pattern} in {log}"))


def _spark_home() -> Path:
    import pyspark

    return Path(pyspark.__file__).parent


def _end_group(process: subprocess.Popen[Any]) -> None:
    """End a submitted job with all that it started; it leads a session of its own."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _words(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def _children(pid: int) -> list[int]:
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.NoSuchProcess:
        return []


def _descendants(pid: int) -> list[int]:
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
