"""Which code this is: what another version of it made is not taken for its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from social_signals import __version__

if TYPE_CHECKING:
    from importlib.abc import Traversable

# What the wheel ships beside the code has identities of its own: configs are hashed as composed, text models by content.
_NO_CODE = {"__pycache__", "packaged", "conf"}


def code_version() -> str:
    """The package's version and a hash of its files, so that an edited checkout is another version too: `0.1.0+1a2b3c4d5e6f`.
    The same in a checkout, in a wheel, and in the zip that goes to a cluster."""
    return f"{__version__}+{_hash_of_package()[:12]}"


@cache
def _hash_of_package() -> str:
    digest = hashlib.sha256()
    for name, file in sorted(_files(resources.files("social_signals"), ""), key=lambda found: found[0]):
        digest.update(name.encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _files(folder: Traversable, at: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.name in _NO_CODE:
            continue
        name = f"{at}/{entry.name}"
        if entry.is_dir():
            yield from _files(entry, name)
        else:
            yield name, entry
