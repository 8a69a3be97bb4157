"""The wheel on its own: built, installed in a clean environment, run from another directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from social_signals import __version__
from social_signals.core import jars
from tests.pipeline.conftest import BRIEF_JAVA

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(REPOSITORY)]
    subprocess.run(build, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_configs_and_text_models(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "social_signals/conf/pipeline.yaml" in names
    assert "social_signals/conf/platform/databricks.yaml" in names
    for task in ("sentiment", "entities"):
        assert f"social_signals/packaged/{task}/manifest.json" in names
    assert wheel.stat().st_size < 95 * 2**20, "registries refuse wheels of 100 MB"


@pytest.mark.slow
def test_the_wheel_works_from_another_directory(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "clean"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    where = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    # The dependencies are those that are installed already; a path entry does not carry the checkout's own .pth along.
    (Path(where) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", str(wheel)], check=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {
        k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON")
    }
    environment["SOCIAL_SIGNALS_JARS"] = str(jars.default_folder())

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(home / "bin" / "social-signals"), *arguments]
        return subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False)

    located = subprocess.run(
        [python, "-c", "import social_signals; print(social_signals.__file__)"], cwd=elsewhere, env=environment,
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert str(home) in located
    assert call("--version").stdout.strip() == __version__
    small = [
        "platform.master=local[2]", "platform.driver_memory=1g", "platform.shuffle_partitions=2",
        f"platform.java_options='{BRIEF_JAVA}'",
    ]  # fmt: skip
    posts = [{"post_id": f"p{n}", "event_ts": "2020-01-01", "text": "Paris is lovely"} for n in range(3)]
    (tmp_path / "posts.jsonl").write_text("".join(json.dumps(post) + "\n" for post in posts))
    ran = call("ingest", "source=files", f"source.posts={tmp_path}/posts.jsonl", *small)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.splitlines()[-1])["tables"]["silver.posts"]["rows"] == 3
    ran = call("annotate", *small)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.splitlines()[-1])["tables"]["gold.post_sentiment"]["rows"] == 3
    assert sorted(p.name for p in elsewhere.iterdir()) == ["lakehouse"]
