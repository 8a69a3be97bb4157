"""Files that nobody sees half written."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """`path` holds all of `content`, or what it held before, whoever looks meanwhile or dies; folders that lack are made.

    A process that was killed leaves a hidden file beside it, of the same name and its process id.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
