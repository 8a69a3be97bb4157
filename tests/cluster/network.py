"""Hosts of a test: each a Linux network namespace with an address of its own, or this machine's loopback."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# Set aside for tests of networks (RFC 2544). Each network of ours is an island, so all of them can use the same addresses.
NETWORK = "198.18.0"


def until(holds: Callable[[], object], *, within_s: float, what: str, every_s: float = 0.2) -> object:
    """The first answer that is true. Raises TimeoutError, saying `what` was waited for. This is the only wait of the cluster tests."""
    end = time.monotonic() + within_s
    while True:
        if answer := holds():
            return answer
        if time.monotonic() > end:
            raise TimeoutError(f"not within {within_s:g} s: {what}")
        time.sleep(every_s)


def reason_against_namespaces() -> str | None:
    """Why this machine can make no network namespaces; None where it can."""
    if sys.platform != "linux":
        return "network namespaces are a thing of Linux"
    if shutil.which("ip") is None:
        return "there is no `ip` (iproute2) on this machine"
    name = f"ss{os.getpid()}try"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"network namespaces are not allowed here: {tried.stderr.strip()}"
    bridged = subprocess.run(
        ["ip", "-n", name, "link", "add", "name", "switch", "type", "bridge"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    subprocess.run(["ip", "netns", "del", name], check=True)
    return f"no bridge between namespaces here: {bridged.stderr.strip()}" if bridged.returncode else None


@dataclass(frozen=True)
class Host:
    """Where processes run. namespace: None for this machine itself, whose processes share its loopback."""

    name: str
    address: str
    namespace: str | None = None

    def command(
        self, words: Sequence[str], *, hidden: Sequence[Path] = (), seen_as: Mapping[Path, Path] | None = None
    ) -> list[str]:
        """What runs `words` on this host. hidden: folders that are empty for it; seen_as: places, and the folders that it
        finds there. Only a host with a namespace can have any."""
        if self.namespace is None:
            return list(words)
        shown = [f"mount --bind '{real.resolve()}' '{place}'" for place, real in (seen_as or {}).items()]
        covers = [f"mount -t tmpfs -o ro none '{folder}'" for folder in hidden]
        # `ip netns exec` gives the process mounts of its own too: nobody else sees these, and they end with it.
        prepared = " && ".join([*shown, *covers, 'exec "$@"'])
        return ["ip", "netns", "exec", self.namespace, "sh", "-c", prepared, "sh", *words]

    def pids(self) -> list[int]:
        """Every process of the host, children of children too; none for this machine itself."""
        return [] if self.namespace is None else _pids(self.namespace)


class Network:
    """Hosts on a bridge that lies in a namespace of its own: nothing of it is on this machine's network, or reachable from it."""

    def __init__(self, names: Sequence[str]) -> None:
        prefix = f"ss{os.getpid()}"
        self._switch = f"{prefix}switch"
        self.hosts = {
            name: Host(name, f"{NETWORK}.{place}", f"{prefix}{name}") for place, name in enumerate(names, start=2)
        }

    def start(self) -> None:
        """Make the namespaces, the bridge and a cable to each host."""
        sweep()
        _ip("netns", "add", self._switch)
        _ip("-n", self._switch, "link", "add", "name", "switch", "type", "bridge")
        _ip("-n", self._switch, "link", "set", "dev", "switch", "up")
        for host in self.hosts.values():
            inside = str(host.namespace)
            _ip("netns", "add", inside)
            _ip("-n", inside, "link", "set", "dev", "lo", "up")
            _ip(
                "-n", inside, "link", "add", "name", "eth0", "type", "veth",
                "peer", "name", host.name, "netns", self._switch,
            )  # fmt: skip
            _ip("-n", self._switch, "link", "set", "dev", host.name, "master", "switch", "up")
            _ip("-n", inside, "address", "add", f"{host.address}/24", "dev", "eth0")
            _ip("-n", inside, "link", "set", "dev", "eth0", "up")

    def cut(self, host: Host) -> None:
        """Pull the host's cable: what is sent to it or by it is lost without a word, and its processes run on."""
        _ip("-n", self._switch, "link", "set", "dev", host.name, "down")

    def heal(self, host: Host) -> None:
        """Put the cable back."""
        _ip("-n", self._switch, "link", "set", "dev", host.name, "up")

    def stop(self) -> None:
        """End every process of every host, then the hosts. Leaves nothing behind, however far `start` has come."""
        for name in (*(str(host.namespace) for host in self.hosts.values()), self._switch):
            _remove(name)


def sweep() -> None:
    """Remove the hosts of test runs that were killed before they could."""
    said = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False).stdout
    for name, pid in re.findall(r"^(ss(\d+)\w+)", said, flags=re.MULTILINE):
        if not Path(f"/proc/{pid}").exists():
            _remove(name)


def ended(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to a process that may have ended already."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _remove(namespace: str) -> None:
    for pid in _pids(namespace):
        ended(pid)
    until(lambda: not _pids(namespace), within_s=20, what=f"processes of {namespace} end")
    subprocess.run(["ip", "netns", "del", namespace], capture_output=True, check=False)


def _pids(namespace: str) -> list[int]:
    said = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False)
    return [int(word) for word in said.stdout.split()]


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
