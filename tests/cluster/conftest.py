"""Clusters for the tests: one on hosts of their own, started for the first test that asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.hosts import Cluster
from tests.cluster.network import reason_against_namespaces


@pytest.fixture(scope="session")
def _namespaces() -> None:
    if reason := reason_against_namespaces():
        pytest.skip(reason)


@pytest.fixture(scope="session")
def hosts(_namespaces: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A master and two workers of one core each, on hosts of their own."""
    with Cluster.on_hosts(tmp_path_factory.mktemp("hosts")) as cluster:
        yield cluster
