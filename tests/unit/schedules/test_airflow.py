"""The Airflow file: the same graph as the bundle, and commands that compose."""

from __future__ import annotations

import os
import re
import shlex
import types
from typing import Any

import pytest

from .conftest import REPOSITORY, Bundle, settled
from .test_bundle import graph_of

SCHEDULES = {"daily": "0 30 4 ? * MON-SAT", "weekly": "0 30 4 ? * SUN"}
CRONS = {"daily": "30 4 * * 1-6", "weekly": "30 4 * * 0"}


def graph(dag: Any) -> dict[str, set[str]]:
    return {name: set(task.upstream_task_ids) for name, task in dag.task_dict.items()}


def rendered(command: str) -> list[str]:
    """The words of a command line with Airflow's templates filled in."""
    filled = command.replace("{{ data_interval_end.in_timezone('UTC') | ds }}", "2020-03-01")
    params = {"job": "score_churn", "first": "2020-01-01", "last": "2020-02-01", "step_days": "10"}
    filled = re.sub(r"\{\{ params\.(\w+) \| string \| shellquote \}\}", lambda found: params[found[1]], filled)
    assert "{{" not in filled
    return shlex.split(filled)


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_graph_is_the_one_of_the_bundle(dags: types.ModuleType, bundle: Bundle, name: str) -> None:
    job = bundle.jobs[f"social_signals_{name}"]
    assert graph(getattr(dags, name)) == graph_of(job)
    # The same hours, in the two ways of writing them.
    assert job["schedule"]["quartz_cron_expression"] == SCHEDULES[name]
    assert f'schedule="{CRONS[name]}"' in (REPOSITORY / "schedules" / "airflow_dag.py").read_text()


def test_every_command_rings_a_doorbell_with_words_that_compose(dags: types.ModuleType) -> None:
    for dag in (dags.daily, dags.weekly, dags.backfill):
        for name, task in dag.task_dict.items():
            cd, home, then, submit, script, *overrides = rendered(task.bash_command)
            assert (cd, home, then, submit) == ("cd", "/opt/social-signals", "&&", "./spark-submit.sh")
            assert script == f"jobs/{name}.py"
            assert (REPOSITORY / script).is_file()
            words = settled(name, *overrides)
            assert words.log_format == "json"
            assert (words.as_of == "2020-03-01") == (name not in ("ingest", "annotate", "maintain", "backfill"))
    assert os.access(REPOSITORY / "spark-submit.sh", os.X_OK)


def test_a_schedule_that_fires_twice_runs_once_and_gives_up_in_time(dags: types.ModuleType) -> None:
    for name, dag in (("daily", dags.daily), ("weekly", dags.weekly)):
        said = getattr(dag, "settings", None)
        if said is None:  # Airflow itself
            said = {"max_active_runs": dag.max_active_runs, "catchup": dag.catchup, "dagrun_timeout": dag.dagrun_timeout,
                    "start_date": dag.start_date, "default_args": dag.default_args}  # fmt: skip
        assert (said["max_active_runs"], said["catchup"]) == (1, False), name
        assert said["dagrun_timeout"] >= said["default_args"]["execution_timeout"]
        assert said["default_args"]["retries"] >= 1
        assert said["start_date"].utcoffset().total_seconds() == 0


def test_what_a_person_types_into_the_form_of_the_backfill_is_one_word(dags: types.ModuleType) -> None:
    command = dags.backfill.task_dict["backfill"].bash_command
    assert command.count("| shellquote") == 4
    filters = getattr(dags.backfill, "settings", {}).get("user_defined_filters") or dags.backfill.user_defined_filters
    assert shlex.split(filters["shellquote"]("a; rm -rf b")) == ["a; rm -rf b"]
