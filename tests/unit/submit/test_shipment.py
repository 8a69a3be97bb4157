"""What travels to the workers: the code without caches, a Python that runs wherever it is unpacked, nothing made twice."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from social_signals.core.places import shipped
from social_signals.submit import environment, pack
from social_signals.submit.shipment import folder_of_shipments, shared


def test_the_shipment_holds_the_code_and_no_caches(tmp_path: Path) -> None:
    names = zipfile.ZipFile(pack(tmp_path) / "social_signals.zip").namelist()
    assert "social_signals/jobs/pipeline.py" in names
    assert "social_signals/core/log4j2.properties" in names
    assert not [n for n in names if "__pycache__" in n]


def test_the_same_code_is_packed_once_and_what_nobody_used_for_a_week_is_removed(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    os.utime(old, (0, 0))
    folder = folder_of_shipments(tmp_path)
    assert folder_of_shipments(tmp_path) == folder
    assert list(tmp_path.iterdir()) == [folder]
    first = (pack(folder) / "files.tar.gz").stat().st_mtime_ns
    assert (pack(folder) / "files.tar.gz").stat().st_mtime_ns == first


def test_files_stay_with_the_package_when_the_code_is_imported_from_the_zip(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    checkout = tmp_path / "src" / "social_signals"
    (tmp_path / "conf").mkdir()
    monkeypatch.setattr("social_signals.core.places.PACKAGE", Path("/elsewhere/social_signals.zip/social_signals"))
    monkeypatch.setenv("SOCIAL_SIGNALS_PACKAGE", str(checkout))
    assert shipped("conf") == tmp_path / "conf"


def test_a_file_is_put_into_a_shared_folder_once(tmp_path: Path) -> None:
    (tmp_path / "a.jar").write_text("a")
    place = shared(tmp_path / "a.jar", tmp_path / "shared" / "jars")
    assert place.read_text() == "a"
    assert shared(tmp_path / "a.jar", tmp_path / "shared" / "jars").stat().st_ino == place.stat().st_ino


def test_an_environment_has_the_lock_and_neither_spark_nor_tools_of_development() -> None:
    named = {d.name.lower() for d in environment._distributions(with_gpus=False)}
    assert {"pandas", "pyarrow", "xgboost", "scipy", "hydra-core"} <= named
    assert not named & {"pyspark", "py4j", "pytest", "mypy", "ruff", "nvidia-nccl-cu12"}


@pytest.mark.parametrize(
    ("path", "is_left_out"),
    [
        ("pandas/tests/test_x.py", True),
        ("pandas/core/frame.py", False),
        ("pyarrow/include/arrow/api.h", True),
        ("lib-dynload/_tkinter.cpython-311-x86_64-linux-gnu.so", True),
        ("lib-dynload/_ssl.cpython-311-x86_64-linux-gnu.so", False),
        ("unittest/case.py", False),
        ("scipy/stats/_stats_pythran.so", False),
    ],
)
def test_what_no_job_reads_is_left_out(path: str, is_left_out: bool) -> None:
    assert bool(environment._LEFT_OUT.search(path)) == is_left_out
