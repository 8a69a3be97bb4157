"""Log lines for people and for machines, taken at the handler that `configure` makes."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from social_signals.core import logs


@pytest.fixture
def package() -> Iterator[logging.Logger]:
    """The package's logger; what `configure` does to it is undone."""
    logger = logging.getLogger("social_signals")
    before = (list(logger.handlers), logger.level, logger.propagate)
    yield logger
    logger.handlers[:], logger.propagate = before[0], before[2]
    logger.setLevel(before[1])


def test_a_line_for_machines_names_run_stage_table_and_version(package, capsys):
    logs.configure(log_format="json", run_id="r1", as_of="2024-01-01", job="pipeline")
    package.info(
        "%s: read", "silver.posts", extra={logs.TABLE: "silver.posts", logs.VERSION: 3, logs.FOR_MACHINES: True}
    )
    line = json.loads(capsys.readouterr().err)
    wanted = {"run_id": "r1", "stage": "pipeline", "as_of": "2024-01-01", "table": "silver.posts", "version": 3}
    assert {name: line[name] for name in wanted} == wanted
    assert line["message"] == "silver.posts: read"
    assert "rows" not in line


def test_people_are_spared_what_only_machines_ask(package, capsys):
    logs.configure(log_format="text", run_id="r1", as_of=None)
    package.info("read", extra={logs.FOR_MACHINES: True})
    package.info("written")
    assert [line.split()[-1] for line in capsys.readouterr().err.splitlines()] == ["written"]
