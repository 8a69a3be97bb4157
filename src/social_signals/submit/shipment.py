"""What travels with a job to a cluster: the package, its files, the jars, and a Python for workers that have none."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from social_signals.core import gpu, jars
from social_signals.core.places import PACKAGE, shipped
from social_signals.core.session import PlatformParams
from social_signals.submit import environment

# The script that unpacks the environment where Spark does not, and becomes its interpreter; a worker finds it under this name.
PYTHON, PACKED = "social_signals_python", ".packed"
KEPT_S = 7 * 24 * 3600


@dataclass(frozen=True)
class Shipment:
    """Paths of what is shipped, on this machine or in a folder that all share.

    python: archive of an environment, None where workers have one. starter: the script that unpacks it where Spark is not to.
    """

    code: str
    files: str
    python: str | None = None
    starter: str | None = None
    jars: tuple[str, ...] = ()


def pack(folder: Path) -> Path:
    """Zip the package and archive conf/ and the text models into `folder`, unless they are there, for workers that have neither."""
    folder.mkdir(parents=True, exist_ok=True)
    made(folder / "social_signals.zip", _zip_code)
    made(folder / "files.tar.gz", _archive_files)
    return folder


def made(place: Path, make: Callable[[Path], object]) -> Path:
    """A file that is there, or is made now; nobody sees it half done."""
    if not place.exists():
        unfinished = place.with_name(f"{place.name}.{os.getpid()}")
        make(unfinished)
        os.replace(unfinished, place)
    return place


def _zip_code(place: Path) -> None:
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, name in _code():
            archive.write(path, name)


def _archive_files(place: Path) -> None:
    with tarfile.open(place, "w:gz", compresslevel=1) as archive:
        for path, name in _more_files():
            archive.add(path, name)


def _code() -> Iterator[tuple[Path, str]]:
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and "packaged" not in path.parts:
            yield path, f"social_signals/{path.relative_to(PACKAGE)}"


def _more_files() -> Iterator[tuple[Path, str]]:
    for name in ("conf", "models/sentiment", "models/entities", "models/embeddings"):
        top = shipped(*name.split("/"))
        for path in sorted(top.rglob("*")):
            if path.is_file():
                yield path, f"{name}/{path.relative_to(top)}"


def shipment_of(platform: PlatformParams, folder: Path) -> Shipment:
    """Make in `folder` what a cluster has to be sent. Python and jars are found where they were made before."""
    pack(folder)
    found = tuple(map(str, jars.resolve(more=platform.all_packages)))
    code, files = str(folder / "social_signals.zip"), str(folder / "files.tar.gz")
    if platform.python_archive is not None or not platform.ship_python:
        return Shipment(code, files, jars=found, python=platform.python_archive)
    archive = environment.packed(with_gpus=platform.device == gpu.CUDA)
    if not platform.is_standalone:
        return Shipment(code, files, jars=found, python=str(archive))
    # Spark untars whatever is called .tar.gz among files, for the driver too.
    python = made(
        archive.with_name(archive.name.replace(".tar.gz", PACKED)), lambda place: _link_or_copy(archive, place)
    )
    starter = made(folder / PYTHON, lambda place: shutil.copy(Path(__file__).with_name("python.sh"), place))
    return Shipment(code, files, jars=found, python=str(python), starter=str(starter))


def folder_of_shipments(parent: Path | None = None) -> Path:
    """Where the shipment of the code and files as they are now lies or is to lie. Those not used for a week are removed."""
    parent = parent or default_folder()
    about = [f"{place} {path.stat().st_size} {path.stat().st_mtime_ns}" for path, place in (*_code(), *_more_files())]
    folder = parent / hashlib.sha256("\n".join(about).encode()).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    for other in parent.iterdir():
        if time.time() - other.stat().st_mtime > KEPT_S:
            shutil.rmtree(other, ignore_errors=True)
    return folder


def default_folder() -> Path:
    """Where shipments are kept: a folder of the user's cache."""
    return environment.default_folder().with_name("shipments")


def shared(path: Path, folder: Path) -> Path:
    """A file as it lies in a folder that workers read: linked where that is possible, else copied, once."""
    folder.mkdir(parents=True, exist_ok=True)
    return made(folder / path.name, lambda place: _link_or_copy(path, place))


def _link_or_copy(path: Path, place: Path) -> None:
    try:
        os.link(path, place)
    except OSError:
        shutil.copyfile(path, place)
