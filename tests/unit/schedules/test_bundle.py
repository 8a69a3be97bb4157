"""The Databricks bundle: valid by its schema, in step with the lane, and in an order in which every job finds what it reads."""

from __future__ import annotations

import ast
import gzip
import importlib.util
import json
import re
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
import yaml

from social_signals.core import jars
from social_signals.core.places import PACKAGE
from social_signals.core.session import PlatformParams, settings
from social_signals.jobs import JOBS
from social_signals.jobs.compose import conf_folder

from .conftest import REFERENCE, REPOSITORY, Bundle, settled

# Set by the runtime itself, or without use where nobody looks at a terminal.
BROUGHT_BY_DATABRICKS = {"spark.sql.extensions", "spark.sql.catalog.spark_catalog", "spark.ui.showConsoleProgress"}
DELTA = "io.delta:"


def graph_of(job: dict[str, Any]) -> dict[str, set[str]]:
    return {t["task_key"]: {d["task_key"] for d in t.get("depends_on", [])} for t in job["tasks"]}


def parameters_of(job: dict[str, Any], task: dict[str, Any]) -> list[str]:
    """The words of a task's command line as Databricks would hand them over."""
    given = {f"job.parameters.{p['name']}": p["default"] for p in job["parameters"]}
    given |= {"job.trigger.time.iso_date": "2020-03-01"}

    def filled(text: str) -> str:
        while found := re.search(r"\{\{([^}]+)\}\}", text):
            text = text.replace(found[0], given[found[1]])
        return text

    return [filled(word) for word in task["python_wheel_task"]["parameters"]]


def read_and_written(job: str) -> tuple[set[str], set[str]]:
    """The layers and tables that the first line of a job's module says it reads and writes: `reads ...; writes ...`."""
    said = (ast.get_docstring(ast.parse((PACKAGE / "jobs" / f"{job}.py").read_text())) or "").splitlines()
    words = " ".join(said[:3])
    reads, _, writes = words.partition(";")
    tables = re.compile(r"\b(?:silver|gold|ops|bronze)(?:\.\w+)?")
    return set(tables.findall(reads)), set(tables.findall(writes))


def test_the_bundle_is_valid_by_the_schema_of_its_tool(shared_data: Path, bundle: Bundle) -> None:
    file = shared_data / "databricks_bundle_schema" / "jsonschema.json.gz"
    if not file.is_file():
        pytest.skip("the schema of Databricks bundles is not among the public data beside this checkout")
    import jsonschema

    # Python's re knows no letter of every script; names of ours are ASCII.
    text = gzip.decompress(file.read_bytes()).decode()
    schema = json.loads(text.replace("\\\\p{L}\\\\p{N}", "a-zA-Z0-9").replace("\\\\p{L}", "[a-zA-Z]"))
    validator = jsonschema.Draft202012Validator(schema)
    for name, content in bundle.files.items():
        assert [e.json_path + ": " + e.message for e in validator.iter_errors(content)] == [], name
    # The schema is no formality: what does not belong is found.
    wrong = yaml.safe_load((REPOSITORY / "resources" / "daily.yml").read_text())
    wrong["resources"]["jobs"]["social_signals_daily"]["max_concurrent_run"] = 1
    assert not validator.is_valid(wrong)


def test_every_target_resolves_and_every_variable_is_declared_and_used(bundle: Bundle) -> None:
    bundle.resolved(bundle.config["resources"])
    bundle.resolved({k: v for k, v in bundle.target.items() if k != "variables"})
    assert not [word for word in json.dumps(bundle.jobs).split() if "${" in word]
    used = set(re.findall(r"\$\{var\.(\w+)\}", json.dumps(bundle.config)))
    # Which of the two is taken is a setting, so no file names them both.
    assert used == set(bundle.variables)
    assert set(bundle.target["variables"]) <= set(bundle.config["variables"])


def test_every_task_is_a_job_and_its_words_compose(bundle: Bundle) -> None:
    for name, job in bundle.jobs.items():
        clusters = {c["job_cluster_key"] for c in job["job_clusters"]}
        for task in job["tasks"]:
            command, *overrides = parameters_of(job, task)
            assert command == task["task_key"], name
            assert command in JOBS
            words = settled(command, *overrides)
            assert words.catalog.kind == "metastore"
            assert words.catalog.name == bundle.variables["catalog"]
            assert words.platform.existing_session
            assert task["job_cluster_key"] in clusters
            gpu = words.platform.device == "cuda"
            assert gpu == (task["job_cluster_key"] == "gpu"), "the device asked for is on the cluster"
            if command not in ("ingest", "annotate", "maintain", "backfill"):
                assert words.as_of == "2020-03-01", "every job of a run looks from the same day"


def test_the_entry_point_is_in_the_wheel(bundle: Bundle) -> None:
    # tomllib is in Python from 3.11 on.
    text = (REPOSITORY / "pyproject.toml").read_text()
    scripts = dict(re.findall(r'^([\w-]+) = "([\w.]+:\w+)"$', text, flags=re.MULTILINE))
    (package,) = re.findall(r'^name = "(social-signals)"$', text, flags=re.MULTILINE)
    for job in bundle.jobs.values():
        for task in job["tasks"]:
            wheel = task["python_wheel_task"]
            assert wheel["package_name"] == package
            module, _, function = scripts[wheel["entry_point"]].partition(":")
            spec = importlib.util.find_spec(module)
            assert spec is not None
            assert callable(getattr(importlib.import_module(module), function))
            assert task["libraries"][0]["whl"] == "../dist/*.whl"
    assert bundle.config["artifacts"]["wheel"]["build"].endswith("--outdir dist .")


def test_every_job_has_what_a_schedule_needs(bundle: Bundle) -> None:
    for name, job in bundle.jobs.items():
        assert job["max_concurrent_runs"] == 1, "a schedule that fires twice does not run twice"
        assert job["queue"]["enabled"]
        assert job["email_notifications"]["on_failure"]
        longest = max(t["timeout_seconds"] for t in job["tasks"])
        assert 0 < longest <= job["timeout_seconds"]
        assert all(t["max_retries"] >= 1 and t["min_retry_interval_millis"] > 0 for t in job["tasks"])
        assert ("schedule" in job) == (name != "social_signals_backfill")
        if "schedule" in job:
            assert job["schedule"]["timezone_id"] == "UTC"
            assert re.fullmatch(r"0 \d+ \d+ \? \* [A-Z-]+", job["schedule"]["quartz_cron_expression"])


def test_every_task_finds_what_it_reads(bundle: Bundle) -> None:
    for name, job in bundle.jobs.items():
        graph = graph_of(job)
        order = list(TopologicalSorter(graph).static_order())  # raises where there is a circle
        assert set(order) == set(graph), "every task that another waits for is in the job"
        before: dict[str, set[str]] = {}
        for task in order:
            before[task] = graph[task].union(*(before[earlier] for earlier in graph[task]))
        written = {task: read_and_written(task)[1] for task in graph}
        for task in graph:
            reads, _ = read_and_written(task)
            for maker, tables in written.items():
                # `gold` alone is all of it.
                needs = {t for t in tables if t in reads or t.partition(".")[0] in reads}
                if needs and maker != task and task not in ("maintain", "backfill"):
                    assert maker in before[task], f"{name}: {task} reads {needs}, which {maker} writes"
        for task in graph:
            trainer = task.replace("score_", "train_", 1)
            if task.startswith("score_") and trainer in graph:
                assert trainer in before[task], f"{name}: {task} takes the model of {trainer}"


def test_the_first_lines_of_jobs_say_what_they_read_and_write() -> None:
    # What the test above goes by.
    assert read_and_written("build_features") == (
        {"silver", "gold.post_sentiment", "gold.post_entities"}, {"gold.user_features"},
    )  # fmt: skip
    assert "silver" in {t.partition(".")[0] for t in read_and_written("ingest")[1]}
    assert "gold" in read_and_written("build_report")[0]


def test_clusters_are_the_lane(bundle: Bundle) -> None:
    platform = settled("doctor", "platform=databricks").platform
    wanted = {k: v for k, v in settings(platform).items() if k not in BROUGHT_BY_DATABRICKS}
    for name, job in bundle.jobs.items():
        for cluster in (c["new_cluster"] for c in job["job_clusters"]):
            conf = cluster["spark_conf"]
            assert {k: v for k, v in conf.items() if k in wanted} == wanted, name
            assert conf["spark.driver.extraJavaOptions"] == "-Duser.timezone=UTC"
            assert re.fullmatch(r"15\.4\.x-(gpu-ml-)?scala2\.12", cluster["spark_version"])
            assert cluster["data_security_mode"] == "SINGLE_USER"
            # Barrier stages and dynamic allocation refuse each other.
            assert "autoscale" not in cluster
        for task in job["tasks"]:
            maven = [library["maven"] for library in task["libraries"] if "maven" in library]
            assert [m["coordinates"] for m in maven] == [p for p in jars.PACKAGES if not p.startswith(DELTA)]
            assert all(tuple(m["exclusions"]) == jars.EXCLUDES for m in maven)


def test_workers_of_a_model_are_no_more_than_the_cluster_has(bundle: Bundle) -> None:
    weekly = bundle.jobs["social_signals_weekly"]
    clusters = {c["job_cluster_key"]: c["new_cluster"] for c in weekly["job_clusters"]}
    for task in weekly["tasks"]:
        if task["task_key"].startswith("train_"):
            job: Any = settled(task["task_key"], *parameters_of(weekly, task)[1:])
            assert job.xgboost.num_workers <= clusters[task["job_cluster_key"]]["num_workers"]


def test_references_are_written_as_databricks_reads_them() -> None:
    for path in (REPOSITORY / "databricks.yml", *sorted((REPOSITORY / "resources").glob("*.yml"))):
        for name in REFERENCE.findall(path.read_text()):
            assert re.fullmatch(r"(var|bundle|workspace)(\.\w+)+", name), (path.name, name)
    assert PlatformParams(**yaml.safe_load((conf_folder() / "platform" / "databricks.yaml").read_text())).master is None
