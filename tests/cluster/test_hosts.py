"""The hosts of the tests are what they claim to be: apart, bare, cut off when asked, gone afterwards; and jobs run on them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.hosts import Cluster
from tests.cluster.network import Host, Network, until


def reaches(one: Host, other: Host, port: int) -> bool:
    """Whether a connection can be opened from one host to a port of the other."""
    words = [sys.executable, "-I", "-c", f"import socket; socket.create_connection(('{other.address}', {port}), 1)"]
    return subprocess.run(one.command(words), capture_output=True, check=False).returncode == 0


@pytest.mark.usefixtures("_namespaces")
def test_a_host_that_is_cut_off_hears_nothing_until_it_is_healed() -> None:
    network = Network(["one", "two"])
    try:
        network.start()
        one, two = network.hosts["one"], network.hosts["two"]
        listen = "import socket; s = socket.create_server(('0.0.0.0', 7000)); [s.accept() for _ in iter(int, 1)]"
        subprocess.Popen(two.command([sys.executable, "-I", "-c", listen]))
        until(lambda: reaches(one, two, 7000), within_s=10, what="two listens")
        network.cut(two)
        assert not reaches(one, two, 7000)
        network.heal(two)
        until(lambda: reaches(one, two, 7000), within_s=10, what="two is back")
    finally:
        network.stop()
    left = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert str(two.namespace) not in left
    assert not two.pids()


def test_workers_are_hosts_of_their_own_with_nothing_of_ours(hosts: Cluster) -> None:
    assert hosts.alive() == ["worker1", "worker2"]
    first, second = hosts.workers
    environment = Path(f"/proc/{first.process.pid}/environ").read_bytes().decode().split("\0")
    assert {word.split("=")[0] for word in environment if word} <= {
        "PATH", "HOME", "JAVA_HOME", "SPARK_HOME", "SPARK_LOCAL_IP", "SPARK_DAEMON_MEMORY", "LANG", "SPARK_SCALA_VERSION",
        "SPARK_ENV_LOADED", "SPARK_CONF_DIR", "SPARK_BEELINE_OPTS", "PWD", "SHLVL", "_", "_SPARK_CMD_USAGE", "OLDPWD",
    }  # fmt: skip
    seen = Path(f"/proc/{first.process.pid}/root")
    for hidden in (Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[2]):
        place = seen / hidden.resolve().relative_to("/")
        assert not place.is_dir() or not any(place.iterdir()), f"{hidden} is to be seen"
    assert first.host.address != second.host.address
    assert first.host.pids() != second.host.pids()


def test_tasks_run_in_the_python_that_was_sent(hosts: Cluster, tmp_path: Path) -> None:
    done = hosts.submit("doctor", f"catalog.root={tmp_path / 'lakehouse'}", timeout_s=240)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}\n{hosts.logs()}"
    last = json.loads(done.stdout.splitlines()[-1])
    prefixes = {Path(one["prefix"]) for one in last["metrics"]["doctor"]["task_pythons"]}
    folders = [worker.folder / "work" for worker in hosts.workers]
    # One for each executor, inside its own working folder: neither the checkout's environment nor one of the system.
    assert len(prefixes) == 2
    assert all(sum(prefix.is_relative_to(folder) for prefix in prefixes) == 1 for folder in folders), prefixes


def _a_test_that_fails(cluster: Cluster, started: list[subprocess.Popen[bytes] | None]) -> None:
    with cluster:
        started += [cluster._master]
        assert cluster.state()["status"] == "ALIVE"
        raise RuntimeError("a test fails")


def test_what_was_started_ends_when_a_test_fails(tmp_path: Path) -> None:
    started: list[subprocess.Popen[bytes] | None] = []
    with pytest.raises(RuntimeError, match="a test fails"):
        _a_test_that_fails(Cluster.on_this_machine(tmp_path, cores=()), started)
    assert [process and process.poll() for process in started] == [-9]
