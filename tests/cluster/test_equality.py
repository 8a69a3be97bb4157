"""The pipeline says the same wherever it runs: tables equal in every bit, models equal in what they are worth. `make cluster`."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.cluster.content import content_of, differing
from tests.cluster.homes import (
    BEER,
    CLIENT,
    CLUSTER,
    LOCAL,
    LOCAL_CLUSTER,
    WORLDS,
    Finished,
    areas_of,
    cluster_for,
    in_home,
)
from tests.cluster.network import reason_against_namespaces

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(4000)]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Finished]:
    """The pipeline on a world in `local[2]`, once."""

    @cache
    def run(world: str) -> Finished:
        if world == "beer" and not BEER.is_dir():
            pytest.skip("the public data folder ../shared/data is not beside this checkout")
        started = time.monotonic()
        ran = in_home(LOCAL, tmp_path_factory.mktemp(world) / "lakehouse", *WORLDS[world])
        print(f"\n{world} in {LOCAL}: {time.monotonic() - started:.0f} s")
        return ran

    return run


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("home", [LOCAL_CLUSTER, CLIENT, CLUSTER])
def test_the_pipeline_says_the_same_in_every_home(
    home: str, world: str, reference: Callable[[str], Finished], tmp_path: Path
) -> None:
    if home in (CLIENT, CLUSTER) and (reason := reason_against_namespaces()):
        pytest.skip(reason)
    here, root = reference(world), tmp_path / "lakehouse"
    started = time.monotonic()
    if home == LOCAL_CLUSTER:
        there = in_home(home, root, *WORLDS[world])
    else:
        with cluster_for(home, tmp_path / "cluster") as cluster:
            there = in_home(home, root, *WORLDS[world], cluster=cluster)
    seconds = time.monotonic() - started
    ours, theirs = content_of(here.root), content_of(there.root)
    assert set(ours) == set(theirs)
    different = [table for table in ours if ours[table] != theirs[table]]
    said = {table: differing(here.root, there.root, table) for table in different}
    assert not different, "\n".join(
        f"{table}: {ours[table]} here, {theirs[table]} there\n{said[table]}" for table in said
    )
    areas, found = areas_of(here.last["metrics"]), areas_of(there.last["metrics"])
    assert set(areas) == set(found)
    assert areas, "no model was judged"
    most = max(abs(areas[place] - found[place]) for place in areas)
    print(f"\n{world} in {home}: {seconds:.0f} s, {len(ours)} tables equal, {len(areas)} ROC AUC within {most:g}")
    assert most <= 1e-3
