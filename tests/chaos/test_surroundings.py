"""What a run finds around it: a full disk, a broken file, the same source again, a clock that was set back."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos import world
from tests.chaos.conftest import Clean
from tests.chaos.content import content, lines
from tests.chaos.runs import ended, in_process, run, start

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1200)]

# What stands in the rows themselves, whoever read them when.
SILVER = ("silver.posts", "silver.interactions")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "none", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode or not sys.platform.startswith("linux"):
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_ends_the_run_with_5_and_the_tables_stay_as_they_were(
    small_disk: Path, clean: Clean, source: list[str],
    same_after: Callable[[str, Path], None], recovery: Callable[[float], None],
) -> None:  # fmt: skip
    root = small_disk / "lakehouse"
    shutil.copytree(clean.after["annotate"], root)
    ballast, left = small_disk / "ballast", shutil.disk_usage(small_disk).free - 48 * 1024
    with ballast.open("wb") as file:
        for size in (*[1 << 20] * (left >> 20), left & ((1 << 20) - 1)):
            file.write(bytes(size))
    done = ended(start("build_features", root, *source))
    assert done.code == 5, f"{done.summary.get('error')}\n{done.stderr[-3000:]}"
    assert "No space left" in done.summary["error"]["problem"]
    since = time.time()
    same_after("annotate", root) if not (root / "gold/user_features").exists() else None
    ballast.unlink()
    run("build_features", root, *source)
    recovery(since)
    same_after("build_features", root)


def rows_of(root: Path, *, without: tuple[str, ...] = ("ingested_ts",)) -> dict[str, Counter[str]]:
    """Silver rows, but for these columns."""
    return {table: lines(root, table, without=without) for table in SILVER}


def test_a_broken_file_that_appears_half_way_costs_its_own_rows_until_it_is_whole(
    clean: Clean, source: list[str], tmp_path: Path
) -> None:
    first, root = tmp_path / "first", tmp_path / "lakehouse"
    world.write(first)
    (first / "posts/b.jsonl").unlink()
    settings = [*world.source(first), *world.SETTINGS]
    run("ingest", root, *settings)
    half = rows_of(root)
    whole = gzip.compress((Path(str(source[1]).partition("=")[2]) / "b.jsonl").read_bytes(), mtime=0)
    (first / "posts/b.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    broken = ended(start("ingest", root, *settings))
    assert broken.code in (0, 3), broken.stderr[-3000:]
    now = rows_of(root)
    assert half["silver.posts"] <= now["silver.posts"], "what was there stays"
    (first / "posts/b.jsonl.gz").unlink()
    (first / "posts/c.jsonl.gz").write_bytes(whole)
    run("ingest", root, *settings)
    assert rows_of(root) == rows_of(clean.after["ingest"])


def test_a_source_that_is_played_again_changes_nothing(
    clean: Clean, source: list[str], tmp_path: Path,
    same_after: Callable[[str, Path], None],
) -> None:  # fmt: skip
    root, again = tmp_path / "lakehouse", tmp_path / "again"
    run("ingest", root, *source)
    run("ingest", root, *source)
    same_after("ingest", root)
    # the same records in files of another name: new to bronze, known to silver
    world.write(again)
    for file in list(again.rglob("*.jsonl")):
        file.rename(file.with_name(f"replayed-{file.name}"))
    run("ingest", root, *world.source(again), *world.SETTINGS)
    assert rows_of(root, without=()) == rows_of(clean.after["ingest"], without=())


def in_order(folder: Path, jobs: list[str], settings: list[str]) -> list[set[str]]:
    """Which tables of silver and gold each of the jobs wrote under `folder`/lakehouse, one after another in one process."""
    told = in_process("tests.chaos.in_order", str(folder), ",".join(jobs), *settings, cwd=folder).splitlines()
    wrote = [json.loads(line)["wrote"] for line in told if line.startswith('{"job"')]
    return [{table for table in tables if table.startswith(("silver.", "gold."))} for tables in wrote]


def test_a_clock_that_was_set_back_loses_no_row_and_repeats_no_work(tmp_path: Path) -> None:
    roots = {}
    # Set back behind the first run, not behind the newest act: one from tomorrow is quarantined, as by any clock.
    for name, second in (("forth", "2020-11-03T00:00:00+00:00"), ("back", "2020-10-29T00:00:00+00:00")):
        folder = tmp_path / name
        world.write(folder / "in")
        held_back = {file: file.read_bytes() for file in (folder / "in").rglob("b.jsonl")}
        for file in held_back:
            file.unlink()
        settings = [
            *world.source(folder / "in"),
            *(s for s in world.SETTINGS if not s.startswith(("now=", "as_of="))),
            "as_of=2020-11-05",
        ]
        in_order(folder, ["ingest", "annotate"], [*settings, f"now={world.NOW}"])
        for file, text in held_back.items():
            file.write_bytes(text)
        jobs = ("ingest", "annotate", "build_features")
        wrote = in_order(folder, [job for job in jobs for _ in range(2)], [*settings, f"now={second}"])
        assert all(wrote[0::2]), "every job had something to do"
        assert wrote[1::2] == [set()] * len(jobs), "and nothing when it was run again"
        roots[name] = folder / "lakehouse"
    back, forth = (content(roots[name]) for name in ("back", "forth"))
    assert rows_of(roots["back"]) == rows_of(roots["forth"])
    assert back["gold.user_features"] == forth["gold.user_features"], "after both clocks everything is known"
    assert back["gold.post_sentiment"] == forth["gold.post_sentiment"]
    assert sum(back["ops.batches"].values()) == 4
