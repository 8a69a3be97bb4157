"""The identity of the code is that of its files, wherever they lie."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from social_signals import __version__
from social_signals.core.code import code_version
from social_signals.core.places import PACKAGE
from social_signals.submit.shipment import _zip_code


def version_at(path: Path) -> str:
    said = "from social_signals.core.code import code_version; print(code_version())"
    line = [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(path)!r}); {said}"]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip()


def test_a_zip_and_a_checkout_are_the_same_version_and_an_edit_is_another(tmp_path: Path) -> None:
    assert code_version().startswith(f"{__version__}+")
    _zip_code(tmp_path / "code.zip")
    assert version_at(tmp_path / "code.zip") == code_version()
    shutil.copytree(PACKAGE, tmp_path / "src" / "social_signals", ignore=shutil.ignore_patterns("__pycache__"))
    assert version_at(tmp_path / "src") == code_version()
    with (tmp_path / "src" / "social_signals" / "core" / "times.py").open("a") as file:
        file.write("# edited\n")
    assert version_at(tmp_path / "src") != code_version()
