"""The driver on a worker of a standalone cluster: what is submitted, and how its answer comes back."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from social_signals.core.errors import ConfigError, ResourceError
from social_signals.core.session import PlatformParams
from social_signals.submit import Shipment, on_worker
from social_signals.submit.on_worker import Staged

PLATFORM = PlatformParams(
    master="spark://m:7077",
    deploy_mode="cluster",
    driver_memory="2g",
    conf={"spark.driver.cores": "1", "spark.cores.max": "4"},
)


@pytest.fixture
def staged(tmp_path: Path) -> tuple[Staged, Shipment]:
    for name in ("job.py", "code.zip", "files.tar.gz", "environment-1.packed", "python", "delta.jar"):
        (tmp_path / name).write_text(name)
    made = Shipment(
        code=str(tmp_path / "code.zip"), files=str(tmp_path / "files.tar.gz"), python=str(tmp_path / "environment-1.packed"),
        starter=str(tmp_path / "python"), jars=(str(tmp_path / "delta.jar"),),
    )  # fmt: skip
    return on_worker.stage(str(tmp_path / "job.py"), made, tmp_path / "staging")


def test_spark_submit_is_submitted_as_a_program_of_the_jvm(staged: tuple[Staged, Shipment]) -> None:
    folder, shipment = staged
    line = on_worker.command_on_worker(
        ["as_of=2020-01-01"], platform=PLATFORM, spark_home=Path("/opt/spark"), shipment=shipment, staged=folder
    )
    jar = line.index((folder.folder / "nothing.jar").as_uri())
    outer, inner = line[:jar], line[jar + 1 :]
    assert outer[:7] == [
        "/opt/spark/bin/spark-submit", "--master", "spark://m:7077", "--deploy-mode", "cluster",
        "--class", "org.apache.spark.deploy.SparkSubmit",
    ]  # fmt: skip
    assert {"spark.driver.memory=2g", "spark.driver.cores=1", "spark.standalone.submit.waitAppCompletion=true"} <= set(
        outer
    )
    assert not [word for word in outer if "spark.cores.max" in word], "executors are the business of the inner one"
    assert inner[:4] == ["--deploy-mode", "client", "--master", "spark://m:7077"]
    assert f"spark.pyspark.driver.python={folder.starter}" in inner
    assert "spark.pyspark.python=./social_signals_python" in inner
    assert inner[-2:] == [str(folder.job), "as_of=2020-01-01"]


def test_all_that_the_driver_needs_lies_in_the_staging_folder(staged: tuple[Staged, Shipment], tmp_path: Path) -> None:
    folder, shipment = staged
    paths = [shipment.code, shipment.files, shipment.python, shipment.starter, *shipment.jars]
    assert all(Path(str(path)).is_relative_to(tmp_path / "staging") for path in paths)
    assert (folder.folder / "environment.packed").read_text() == "environment-1.packed"
    assert os.access(folder.starter, os.X_OK)
    assert folder.job.read_text() == "job.py"


def fake_spark(folder: Path, script: str) -> str:
    """A spark-submit that does what `script` says, and a spark-class that notes what it was called with."""
    for name, text in (("spark-submit", script), ("spark-class", f'echo "$@" >>{folder}/called\n')):
        (folder / name).write_text(f"#!/bin/sh\n{text}")
        (folder / name).chmod(0o755)
    return str(folder / "spark-submit")


def answer(staged: Staged) -> Callable[[str], int]:
    return lambda line: on_worker.wait([line], dict(os.environ), staged, master="spark://m:7077")


def test_the_jobs_own_words_and_exit_code_come_back(
    staged: tuple[Staged, Shipment], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = staged[0]
    place = folder.folder
    line = fake_spark(tmp_path, f"echo working >{place}/stderr; echo '{{}}' >{place}/stdout; echo 6 >{place}/exit")
    assert answer(folder)(line) == 6
    said = capsys.readouterr()
    assert (said.out, said.err) == ("{}\n", "working\n")
    assert not place.exists(), "a submission leaves nothing"


def test_a_driver_that_died_is_no_success(staged: tuple[Staged, Shipment], tmp_path: Path) -> None:
    line = fake_spark(tmp_path, "echo 'INFO State of driver driver-20260101000000-0001 is KILLED, exiting.'\n")
    with pytest.raises(ResourceError, match="ended without an exit code: its state is KILLED"):
        answer(staged[0])(line)


def test_whoever_ends_the_submission_ends_the_driver(staged: tuple[Staged, Shipment], tmp_path: Path) -> None:
    line = fake_spark(tmp_path, "echo 'INFO driver-20260101000000-0001 runs'; exec sleep 60\n")
    log = staged[0].folder / "submit.log"

    def end_when_it_runs() -> None:
        while not (log.exists() and "driver-" in log.read_text()):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    ending = threading.Thread(target=end_when_it_runs)
    ending.start()
    try:
        with pytest.raises(SystemExit) as ended:
            answer(staged[0])(line)
    finally:
        ending.join()
        signal.signal(signal.SIGTERM, before)
    assert ended.value.code == 128 + signal.SIGTERM
    called = (tmp_path / "called").read_text()
    assert called == "org.apache.spark.deploy.Client kill spark://m:7077 driver-20260101000000-0001\n"


def test_the_script_of_the_driver_finds_the_spark_of_its_host(staged: tuple[Staged, Shipment], tmp_path: Path) -> None:
    """The environment has the submitter's SPARK_HOME; the path of Python has the jar of the Spark that runs."""
    folder = staged[0].folder
    spark = tmp_path / "their spark"
    for place in (spark / "jars", spark / "python/lib", tmp_path / "work"):
        place.mkdir(parents=True)
    (spark / "python/lib/pyspark.zip").touch()
    (folder / "environment.packed").unlink()
    (folder / "files.tar.gz").unlink()
    subprocess.run(["tar", "-czf", folder / "files.tar.gz", "-C", tmp_path, "job.py"], check=True)
    folder.joinpath("job.py").write_text(
        "import os, sys\nprint(os.environ['SPARK_HOME'], os.path.exists('social_signals_files/job.py'), *sys.argv[1:])\n"
        "print('hm', file=sys.stderr)\nsys.exit(6)\n"
    )
    environment = {
        "PATH": os.environ["PATH"], "SPARK_HOME": "/nowhere", "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": f"{spark}/jars/spark-core_2.12-3.5.9.jar",
    }  # fmt: skip
    words = [str(folder / "driver.sh"), str(folder / "job.py"), "a=1"]
    done = subprocess.run(words, env=environment, cwd=tmp_path / "work", capture_output=True, text=True, check=False)
    assert done.returncode == 6, done.stderr
    assert (folder / "exit").read_text() == "6\n"
    assert (folder / "stdout").read_text() == done.stdout == f"{spark} True a=1\n"


def test_a_lakehouse_in_a_bucket_needs_a_folder_for_the_driver_to_start_from(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"platform\.staging is not set"):
        on_worker.staging_folder(PlatformParams(), "s3a://bucket/lakehouse")
    assert on_worker.staging_folder(PlatformParams(staging="/mnt/s"), "s3a://bucket/lakehouse") == Path("/mnt/s")
    assert on_worker.staging_folder(PlatformParams(), str(tmp_path)) == tmp_path / "_staging"


def test_the_driver_gets_nothing_of_this_machines_python_and_spark() -> None:
    ours = {
        "PYTHONPATH": "1",
        "PYSPARK_PYTHON": "1",
        "SPARK_LOCAL_IP": "1",
        "VIRTUAL_ENV": "1",
        "SOCIAL_SIGNALS_JARS": "1",
    }
    theirs = {
        "PATH": "1",
        "SOCIAL_SIGNALS_PSEUDONYM_KEY": "1",
        "AWS_REGION": "1",
        "MLFLOW_TRACKING_URI": "1",
        "JAVA_HOME": "1",
    }
    assert on_worker.bare(ours | theirs) == theirs


def test_java_17_is_as_open_to_the_driver_as_spark_has_it_anywhere_else(staged: tuple[Staged, Shipment]) -> None:
    import pyspark

    (launcher,) = (Path(pyspark.__file__).parent / "jars").glob("spark-launcher_*.jar")
    options = zipfile.ZipFile(launcher).read("org/apache/spark/launcher/JavaModuleOptions.class")
    theirs = {found.decode() for found in re.findall(rb"--add-opens=([\w./]+)=ALL-UNNAMED", options)}
    assert theirs == set(on_worker.OPENED)
    line = on_worker.command_on_worker(
        [], platform=PLATFORM, spark_home=Path("/opt/spark"), shipment=staged[1], staged=staged[0]
    )
    (said,) = [word for word in line if word.startswith("spark.driver.extraJavaOptions") and "add-opens" in word]
    assert all(f"--add-opens={package}=ALL-UNNAMED" in said for package in theirs)
    assert said.startswith("spark.driver.extraJavaOptions=-Duser.timezone=UTC ")
