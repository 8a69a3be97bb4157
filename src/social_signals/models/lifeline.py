"""What the workers of one training and the driver tell each other while they train: signs of life, rounds, checkpoints.

Spark brings nothing back from a task before it has ended. So the driver listens on a port of its own and each worker connects to it,
as executors do to Spark's driver; a secret that travels with the task says who may. Lines of JSON, and the bytes of checkpoints:
nothing of it is executed or unpickled.
"""

from __future__ import annotations

import hmac
import json
import logging
import secrets
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from social_signals.models.checkpoints import CheckpointFolder

log = logging.getLogger(__name__)

# Seconds between two signs of life, and until a worker that gave none is called silent: several were lost then.
BEAT_S, SILENT_S = 2.0, 15.0
_CONNECT_S, _SEND_S = 10.0, 120.0
_LONGEST_LINE = 1 << 16


@dataclass(frozen=True)
class Address:
    """Where the driver listens, and the secret by which it knows its own workers."""

    host: str
    port: int
    secret: str


@dataclass(frozen=True)
class Heard:
    """The last that was heard of a worker. attempt: how often one of its rank had begun before. round: 0 before the first has ended. Times are of a
    monotonic clock. is_open: its connection is there; one that closed without a word means a process that died."""

    rank: int
    host: str
    attempt: int
    round: int
    at: float
    round_at: float
    is_open: bool = True


class Lifeline:
    """The driver's end, open within `with`. Raises OSError where no port can be opened."""

    def __init__(self, *, bind: str, host: str, checkpoints: CheckpointFolder | None = None) -> None:
        self._checkpoints = checkpoints
        self._workers: dict[int, Heard] = {}
        self._lock = threading.Lock()
        self._secret = secrets.token_hex(16)
        lifeline = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with suppress(OSError, ValueError):
                    lifeline._listen(self.rfile, self.wfile)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server((bind, 0), Handler)
        self.address = Address(host, int(self._server.server_address[1]), self._secret)

    def __enter__(self) -> Lifeline:
        threading.Thread(target=self._server.serve_forever, name="lifeline", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def heard(self) -> list[Heard]:
        """Of each rank what was heard last, of the newest worker that has it."""
        with self._lock:
            return sorted(self._workers.values(), key=lambda heard: heard.rank)

    def _listen(self, lines: Any, answers: Any) -> None:
        hello = json.loads(lines.readline(_LONGEST_LINE))
        if not hmac.compare_digest(str(hello.get("secret", "")), self._secret):
            return
        heard = self._begun(int(hello["rank"]), str(hello["host"]))
        try:
            while line := lines.readline(_LONGEST_LINE):
                said, now = json.loads(line), time.monotonic()
                done = int(said.get("round", heard.round))
                heard = replace(heard, round=done, at=now, round_at=now if done > heard.round else heard.round_at)
                self._note(heard)
                if "find" in said:
                    found = self._checkpoints.find(str(said["find"])) if self._checkpoints else None
                    answers.write(json.dumps({"size": len(found or b"")}).encode() + b"\n" + (found or b""))
                    answers.flush()
                elif "keep" in said and self._checkpoints:
                    content = lines.read(int(said["size"]))
                    if len(content) == int(said["size"]):
                        self._keep(str(said["keep"]), content, done)
        finally:
            self._note(replace(heard, is_open=False))

    def _keep(self, key: str, content: bytes, done: int) -> None:
        assert self._checkpoints is not None
        try:
            self._checkpoints.keep(key, content)
            log.info("checkpoint %s after round %d", key[:12], done)
        except OSError as error:
            # The one before stays; the training is worth more than where it could go on from.
            log.warning("the checkpoint after round %d could not be written: %s", done, error)

    def _begun(self, rank: int, host: str) -> Heard:
        with self._lock:
            before, now = self._workers.get(rank), time.monotonic()
            self._workers[rank] = Heard(rank, host, before.attempt + 1 if before else 0, 0, now, now)
            return self._workers[rank]

    def _note(self, heard: Heard) -> None:
        with self._lock:
            # What is left of one that was given up says nothing about the one that came after it.
            if self._workers[heard.rank].attempt == heard.attempt:
                self._workers[heard.rank] = heard


class Beats:
    """A worker's end. round: the last one that has ended; whoever trains sets it."""

    def __init__(self, line: socket.socket | None) -> None:
        self.round = 0
        self._line = line
        self._answers = line.makefile("rb") if line else None
        self._lock = threading.Lock()
        self._ended = threading.Event()

    @property
    def is_heard(self) -> bool:
        return self._line is not None

    def find(self, key: str) -> bytes | None:
        """The checkpoint of that name that the driver has, or None."""
        self._say({"find": key})
        assert self._answers is not None
        size = int(json.loads(self._answers.readline(_LONGEST_LINE))["size"])
        return self._answers.read(size) if size else None

    def keep(self, key: str, content: bytes) -> None:
        """Send the driver a checkpoint."""
        self._say({"keep": key, "size": len(content), "round": self.round}, content)

    def run(self) -> None:
        while self._line is not None and not self._ended.is_set():
            try:
                self._say({"round": self.round})
            except OSError:
                # The driver knows by the silence; the training itself does not need it.
                return
            self._ended.wait(BEAT_S)

    def end(self) -> None:
        self._ended.set()

    def _say(self, words: dict[str, Any], content: bytes = b"") -> None:
        assert self._line is not None
        with self._lock:
            self._line.sendall(json.dumps(words).encode() + b"\n" + content)


@contextmanager
def beats(address: Address | None, *, rank: int, host: str) -> Iterator[Beats]:
    """Signs of life of this task to the driver while the block runs. A driver that cannot be reached is no reason not to train."""
    line = _connected(address, {"rank": rank, "host": host}) if address else None
    beating = Beats(line)
    thread = threading.Thread(target=beating.run, name="beats", daemon=True)
    thread.start()
    try:
        yield beating
    finally:
        beating.end()
        thread.join(BEAT_S)
        if line is not None:
            # Closing alone leaves the connection open for as long as its file is.
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()


def _connected(address: Address, who: dict[str, Any]) -> socket.socket | None:
    try:
        line = socket.create_connection((address.host, address.port), timeout=_CONNECT_S)
        # A checkpoint of many megabytes may take its time; a driver that takes none of it is gone.
        line.settimeout(_SEND_S)
        line.sendall(json.dumps({"secret": address.secret, **who}).encode() + b"\n")
    except OSError as error:
        log.warning("the driver cannot be told how training goes: %s", error)
        return None
    return line
