"""Which code this is: what another version of it made is not taken for its own."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from social_signals import __version__
from social_signals.core.places import PACKAGE


def code_version() -> str:
    """The package's version and a hash of its files, so that an edited checkout is another version too: `0.1.0+1a2b3c4d5e6f`."""
    return f"{__version__}+{_hash_of(PACKAGE)[:12]}"


@cache
def _hash_of(package: Path) -> str:
    digest = hashlib.sha256()
    for path in _files_of(package):
        digest.update(path.relative_to(package.parent).as_posix().encode() if path.is_relative_to(package) else b"")
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _files_of(package: Path) -> list[Path]:
    """The package's own files; the zip that it lies in where it was shipped as one (`spark-submit --py-files`)."""
    if not package.is_dir():
        return [parent for parent in package.parents if parent.is_file()][:1]
    # What the wheel ships beside the code has identities of its own: configs are hashed as composed, text models by content.
    left_out = {"__pycache__", "packaged", "conf"}
    parts = ((path, path.relative_to(package).parts) for path in package.rglob("*") if path.is_file())
    return sorted(path for path, names in parts if not left_out.intersection(names))
