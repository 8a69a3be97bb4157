"""The bundle as Databricks would see it, and the DAGs of the Airflow file, with Airflow or with a stand-in for the few names it uses."""

from __future__ import annotations

import importlib.util
import re
import sys
import types
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from social_signals.jobs.job import Job
from social_signals.jobs.runner import composed

REPOSITORY = Path(__file__).parents[3]
REFERENCE = re.compile(r"\$\{([^}]+)\}")
# What Databricks fills in when it deploys.
FILLED_IN = {"workspace.current_user.userName": "someone@example.com"}


@cache
def settled(job: str, *overrides: str) -> Job:
    """The job that these words compose; daily and weekly say many of them alike."""
    return composed(job, overrides)[0]


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    both = dict(one)
    for key, value in other.items():
        both[key] = merged(both[key], value) if isinstance(value, dict) and isinstance(both.get(key), dict) else value
    return both


class Bundle:
    """`databricks.yml` with what it includes, for one target."""

    def __init__(self, target: str) -> None:
        root = yaml.safe_load((REPOSITORY / "databricks.yml").read_text())
        self.files = {"databricks.yml": root}
        for pattern in root["include"]:
            for path in sorted(REPOSITORY.glob(pattern)):
                self.files[path.name] = yaml.safe_load(path.read_text())
        self.config: dict[str, Any] = {}
        for file in self.files.values():
            self.config = merged(self.config, file)
        self.target = self.config["targets"][target]
        self.variables = {name: said.get("default") for name, said in self.config["variables"].items()}
        self.variables |= self.target.get("variables", {})
        self.bundle = {"bundle.name": self.config["bundle"]["name"], "bundle.target": target}

    @property
    def jobs(self) -> dict[str, Any]:
        return {name: self.resolved(job) for name, job in self.config["resources"]["jobs"].items()}

    def resolved(self, value: Any) -> Any:
        """A value with every `${...}` in it filled in. Raises KeyError for one that nobody declares."""
        if isinstance(value, dict):
            return {k: self.resolved(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.resolved(v) for v in value]
        if not isinstance(value, str):
            return value
        if whole := REFERENCE.fullmatch(value):
            return self.resolved(self._of(whole[1]))
        return REFERENCE.sub(lambda found: str(self.resolved(self._of(found[1]))), value)

    def _of(self, name: str) -> Any:
        if name.startswith("var."):
            found = self.variables[name.removeprefix("var.")]
            if found is None:
                raise KeyError(f"{name} has no value for this target")
            return found
        return (self.bundle | FILLED_IN)[name]


@pytest.fixture(params=["dev", "prod"])
def bundle(request: pytest.FixtureRequest) -> Bundle:
    return Bundle(request.param)


class StandIn:
    """As much of Airflow as the file uses: a DAG gathers its operators, `>>` says what comes after what."""

    class DAG:
        def __init__(self, dag_id: str, **settings: Any) -> None:
            self.dag_id, self.settings = dag_id, settings
            self.task_dict: dict[str, StandIn.BashOperator] = {}

    class BashOperator:
        def __init__(self, *, task_id: str, bash_command: str, dag: StandIn.DAG, **settings: Any) -> None:
            assert task_id not in dag.task_dict, f"two tasks are called {task_id}"
            self.task_id, self.bash_command, self.settings = task_id, bash_command, settings
            self.upstream_task_ids: set[str] = set()
            dag.task_dict[task_id] = self

        def __rshift__(self, later: StandIn.BashOperator) -> StandIn.BashOperator:
            later.upstream_task_ids.add(self.task_id)
            return later


@pytest.fixture
def dags(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """`schedules/airflow_dag.py`, imported. Airflow is 200 MB and 75 packages that the lock has not or has otherwise, so that it is
    no dependency of the tests: where it is not installed a stand-in takes its place, which shows the file's graph and commands and
    not that Airflow takes them."""
    if importlib.util.find_spec("airflow") is None:
        for name in ("airflow", "airflow.sdk", "airflow.providers", "airflow.providers.standard",
                     "airflow.providers.standard.operators", "airflow.providers.standard.operators.bash"):  # fmt: skip
            monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        monkeypatch.setattr(sys.modules["airflow.sdk"], "DAG", StandIn.DAG, raising=False)
        bash = sys.modules["airflow.providers.standard.operators.bash"]
        monkeypatch.setattr(bash, "BashOperator", StandIn.BashOperator, raising=False)
    spec = importlib.util.spec_from_file_location("airflow_dag", REPOSITORY / "schedules" / "airflow_dag.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
