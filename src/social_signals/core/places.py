"""Where the shipped files are: `conf/` and the packaged text models, in a checkout, in the wheel, or beside a driver."""

from __future__ import annotations

import os
from pathlib import Path

from social_signals.core.errors import ResourceError

PACKAGE = Path(__file__).parents[1]
# spark-submit in cluster mode unpacks the archive of shipped files under this name in the driver's working folder.
UNPACKED = "social_signals_files"
# spark-submit has the driver import the package from the zip that workers get; the files stay with the package that it was made of.
INSTALLED = "SOCIAL_SIGNALS_PACKAGE"


def shipped(*parts: str) -> Path:
    """The path of a shipped file or folder: `shipped("conf")`, `shipped("models", "sentiment")`."""
    in_wheel = {"models": "packaged"}.get(parts[0], parts[0])
    package = Path(os.environ.get(INSTALLED, PACKAGE))
    candidates = (
        package.joinpath(in_wheel, *parts[1:]),
        package.parents[1].joinpath(*parts),
        Path.cwd().joinpath(UNPACKED, *parts),
    )
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise ResourceError(
        f"{'/'.join(parts)} is not where the package was installed",
        hint="install the wheel, or run from a checkout; a zip on --py-files alone carries no files",
    )
