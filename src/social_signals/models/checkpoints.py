"""How far a training has come, kept so that it can go on from there: a booster and its curves, one file per fit.

The name of a file is a hash of everything that decides the booster, the rows themselves among it, so what another training left is
never picked up. Only the driver writes, beside the models; workers send it the bytes (`lifeline`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from social_signals.core.files import write_whole

_KEY = re.compile(r"[0-9a-f]{64}")


@dataclass
class Progress:
    """A training after some rounds. history: {"valid": {"logloss": [...]}}, a value a round. is_finished: no round will follow.

    device: on which it grew.
    """

    rounds: int = 0
    booster: bytes = b""
    history: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    is_finished: bool = False
    device: str = ""

    def as_bytes(self) -> bytes:
        head = {**asdict(self), "booster": hashlib.sha256(self.booster).hexdigest()}
        return json.dumps(head, sort_keys=True).encode() + b"\n" + self.booster


def progress_from(content: bytes) -> Progress | None:
    """What `as_bytes` gave; None where it is not whole."""
    head, _, booster = content.partition(b"\n")
    try:
        told = json.loads(head)
    except ValueError:
        return None
    if told.pop("booster", None) != hashlib.sha256(booster).hexdigest():
        return None
    return Progress(**told, booster=booster)


def key_of(settings: Mapping[str, Any], rows: list[str]) -> str:
    """SHA-256 of what decides a booster: the settings, and the hash of each worker's rows in the order of the workers."""
    return hashlib.sha256(json.dumps([settings, rows], sort_keys=True).encode()).hexdigest()


class CheckpointFolder:
    """The files of one model's fits."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, key: str) -> bytes | None:
        path = self._path(key)
        return path.read_bytes() if path.exists() else None

    def keep(self, key: str, content: bytes) -> None:
        """All of it or nothing: a driver that dies while it writes leaves what was there before."""
        write_whole(self._path(key), content)

    def _path(self, key: str) -> Path:
        # The key comes over the network.
        if not _KEY.fullmatch(key):
            raise ValueError("a checkpoint is named by a SHA-256")
        return self.folder / f"{key}.checkpoint"
