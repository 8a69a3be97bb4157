"""The rehearsals' tally, which is said last; a clean run to compare with; jobs in processes of their own."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.chaos import world
from tests.chaos.content import Content, Difference, content, difference
from tests.chaos.runs import JOBS, LONG_TRAINING, in_process, run
from tests.chaos.tally import TALLY, Tally


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where tests run in several processes, each hands its tally to the one that prints."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tally"] = asdict(TALLY)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if told := getattr(node, "workeroutput", {}).get("tally"):
        TALLY.add(Tally(**{**told, "difference": Difference(**told["difference"])}))
        node.config._rehearsed = True


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """After everything else that pytest has to say: the last line is the result."""
    if not getattr(config, "_rehearsed", False) or hasattr(config, "workerinput"):
        return
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    stats = reporter.stats if reporter else {}
    failed = len(stats.get("failed", [])) + len(stats.get("error", []))
    for line in (*TALLY.lines(), f"{len(stats.get('passed', []))} passed, {failed} failed"):
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if any("chaos" in item.keywords and Path(__file__).parent in item.path.parents for item in items):
        config._rehearsed = True  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def tally() -> Tally:
    return TALLY


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The overrides of a job that name the files of `world` and the settings of all stages."""
    return [*world.write(tmp_path_factory.mktemp("source")), *world.SETTINGS]


@dataclass(frozen=True)
class Clean:
    """The lakehouse after each job of a sequence to which nothing happened, and what it holds in the end."""

    after: dict[str, Path]
    content: Content


@pytest.fixture(scope="session")
def clean(source: list[str], tmp_path_factory: pytest.TempPathFactory) -> Clean:
    """`after[job]` is a copy of the lakehouse when that job has ended."""
    folder = tmp_path_factory.mktemp("clean")
    in_process("tests.chaos.in_order", str(folder), ",".join(JOBS), *source, cwd=folder)
    return Clean({job: folder / f"after-{job}" for job in JOBS}, content(folder / "lakehouse"))


def before(job: str, clean: Clean, folder: Path) -> Path:
    """A copy of the clean lakehouse as it was when `job` began."""
    root = folder / "lakehouse"
    if (place := JOBS.index(job)) > 0:
        shutil.copytree(clean.after[JOBS[place - 1]], root)
    root.mkdir(exist_ok=True)
    return root


def before_two_workers(clean: Clean, folder: Path) -> Path:
    """A copy of the clean lakehouse whose past cut-offs are there: what is left to do is to train."""
    return Path(shutil.copytree(clean.after["train_churn"], folder / "lakehouse"))


@pytest.fixture(scope="session")
def of_two_workers(clean: Clean, source: list[str], tmp_path_factory: pytest.TempPathFactory) -> Content:
    """What the lakehouse holds after a training of two workers to which nothing happened."""
    root = before_two_workers(clean, tmp_path_factory.mktemp("two"))
    run("train_churn", root, *source, *LONG_TRAINING)
    return content(root)


@pytest.fixture
def same_as(tally: Tally) -> Callable[[Content, Path], None]:
    """`same_as(expected, root)` fails unless the lakehouse holds the same, and counts in the tally what differs."""

    def check(expected: Content, root: Path) -> None:
        found = difference(expected, content(root))
        tally.difference = sum(found.values(), tally.difference)
        assert found == {}

    return check


@pytest.fixture
def same_after(clean: Clean, same_as: Callable[[Content, Path], None]) -> Callable[[str, Path], None]:
    """`same_after(job, root)`: as `same_as`, with the clean run as it was after that job."""
    return lambda job, root: same_as(content(clean.after[job]), root)


@pytest.fixture
def recovery(request: pytest.FixtureRequest, tally: Tally) -> Callable[[float], None]:
    """`recovery(since)` notes the seconds from an instant (time.time) to now."""

    def note(since: float) -> None:
        tally.recoveries.append((time.time() - since, request.node.name))

    return note
