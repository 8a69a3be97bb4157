"""A Python environment in one archive, for workers that have Java and Spark and nothing else: the interpreter goes along."""

from __future__ import annotations

import hashlib
import importlib.metadata as metadata
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from social_signals.core.errors import ConfigError, ResourceError
from social_signals.core.places import PACKAGE

# What the cluster's own Spark brings, and what only GPUs that train together need (470 MB).
OF_SPARK = ("pyspark", "py4j")
OF_GPUS = ("nvidia-nccl-cu12",)
# Changes with the layout of the archive, so that an older one is not taken for it.
LAYOUT = "1"
# Seconds since its last use after which an archive goes when another one is made.
KEPT_S = 30 * 24 * 3600
# Parts of the standard library and of packages that no job reads: tests, windows on a screen, headers, Pip.
_LEFT_OUT = re.compile(
    r"(^|/)(tests?|idlelib|turtledemo|tkinter|lib2to3|ensurepip|include|site-packages|dist-packages|config-[^/]*)/"
    r"|(^|/)(_tkinter|_gdbm|_dbm|nis|_test\w*|xxlimited\w*)\.[^/]*\.so$|\.(a|pyx|pxd|h|hpp)$|/pyarrow/\w+\.so\.\d+\.\d+$"
)
# Every Linux has these, in the version of its own C library; another's would break it.
_OF_THE_SYSTEM = re.compile(r"^(ld-linux.*|linux-vdso|lib(c|m|dl|rt|util|pthread|resolv|gcc_s|stdc\+\+))\.so")

_START = """\
#!/bin/sh
# The interpreter of this folder, wherever it has been unpacked, with the libraries that came along.
here=$(cd "$(dirname "$0")" && pwd)
unset PYTHONHOME
LD_LIBRARY_PATH="$here/../lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export LD_LIBRARY_PATH
exec "$here/%s" "$@"
"""


def default_folder() -> Path:
    """Where archives are kept: a folder of the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "social-signals" / "environments"


def packed(folder: Path | None = None, *, with_gpus: bool = False) -> Path:
    """The archive of this interpreter and the packages of the lock, made on the first call and found on the next ones.

    Unpacked anywhere on a Linux of the same kind of processor, and of a C library no older than this one's, `bin/python` runs. Pyspark is
    the cluster's own and not in it. Raises ConfigError where no lock says what a job needs or the machine is no Linux.
    """
    if sys.platform != "linux":
        raise ConfigError(
            f"the Python of {platform.system()} runs on no worker of a cluster",
            hint="submit from Linux, name an archive in platform.python_archive, or set platform.ship_python=false",
        )
    chosen = _distributions(with_gpus=with_gpus)
    folder = folder or default_folder()
    archive = folder / f"environment-{_fingerprint(chosen)}.tar.gz"
    if archive.is_file():
        os.utime(archive)
        return archive
    started = time.monotonic()
    sys.stderr.write(f"social-signals: packing Python and {len(chosen)} packages for the workers, once ...\n")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("environment-*"):
        if time.time() - old.stat().st_mtime > KEPT_S:
            old.unlink()
    unfinished = archive.with_name(f"{archive.name}.{os.getpid()}")
    try:
        with tarfile.open(unfinished, "w:gz", compresslevel=1) as tar:
            _write(tar, chosen)
        os.replace(unfinished, archive)
    except OSError as error:
        raise ResourceError(
            f"the environment could not be packed into {folder}: {error.strerror or error}",
            hint="free some space (600 MB), or set XDG_CACHE_HOME to a folder on another disk",
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
    size, seconds = archive.stat().st_size / 2**20, time.monotonic() - started
    sys.stderr.write(f"social-signals: packed {size:.0f} MB in {seconds:.0f} s: {archive}\n")
    return archive


def _lock() -> Path:
    lock = PACKAGE.parents[1] / "requirements" / "runtime.lock"
    if not lock.is_file():
        raise ConfigError(
            "requirements/runtime.lock is not here, so nothing says what the workers need",
            hint="submit from a checkout, name an archive in platform.python_archive, or set platform.ship_python=false",
        )
    return lock


def _distributions(*, with_gpus: bool) -> list[metadata.Distribution]:
    """The packages of the lock that are installed here: those of a development environment stay out of it."""
    named = re.findall(r"^([A-Za-z0-9._-]+)==", _lock().read_text(), flags=re.MULTILINE)
    left_out = {*OF_SPARK, *(() if with_gpus else OF_GPUS)}
    found = {}
    for name in sorted(set(named) - left_out):
        # Some are for another Python or another system, by the markers of the lock.
        for distribution in metadata.distributions(name=name):
            found[name] = distribution
            break
    return list(found.values())


def _fingerprint(chosen: Iterable[metadata.Distribution]) -> str:
    about = [LAYOUT, sys.version, platform.machine(), *(f"{d.name}=={d.version}" for d in chosen)]
    return hashlib.sha256("\n".join(about).encode()).hexdigest()[:12]


def _write(tar: tarfile.TarFile, chosen: Iterable[metadata.Distribution]) -> None:
    interpreter = Path(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    library = Path(os.__file__).parent
    inside = Path(sys.platlibdir) / library.name
    modules = [path for path in _files(library) if path.suffix == ".so"]
    tar.add(interpreter.resolve(), f"bin/{interpreter.name}")
    _add_script(tar, "bin/python", _START % interpreter.name)
    for path in _files(library):
        tar.add(path, str(inside / path.relative_to(library)))
    for path in sorted(_libraries_of([interpreter, *modules])):
        tar.add(path.resolve(), f"lib/{path.name}")
    site = Path(sysconfig.get_path("purelib"))
    for distribution in chosen:
        for file in distribution.files or ():
            place = Path(os.path.normpath(str(distribution.locate_file(file))))
            # What a package puts beside site-packages are scripts with another machine's path in them.
            if place.is_relative_to(site) and place.is_file() and not _LEFT_OUT.search(f"{place.relative_to(site)}"):
                tar.add(place, str(inside / "site-packages" / place.relative_to(site)))


def _files(library: Path) -> Iterator[Path]:
    """The standard library's files, in order."""
    for path in sorted(library.rglob("*")):
        if path.is_file() and not _LEFT_OUT.search(str(path.relative_to(library))):
            yield path


def _libraries_of(binaries: Iterable[Path]) -> set[Path]:
    """Shared libraries that the interpreter and its modules load from this machine, but for the system's own."""
    if shutil.which("ldd") is None:
        return set()
    said = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False).stdout
    found = {Path(place) for place in re.findall(r"=> (/\S+)", said)}
    return {path for path in found if not _OF_THE_SYSTEM.match(path.name)}


def _add_script(tar: tarfile.TarFile, name: str, text: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(text.encode()), 0o755
    tar.addfile(entry, io.BytesIO(text.encode()))
