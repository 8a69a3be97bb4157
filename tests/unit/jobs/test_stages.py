"""Which stages of a pipeline run again, and why."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql.types import LongType, StringType, StructType

from social_signals.core.errors import ConfigError, DataQualityError
from social_signals.core.progress import Progress
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.jobs.stages import Stage, Stages, require_stages
from social_signals.tables.catalog import Catalog
from social_signals.tables.ops import RUNS
from social_signals.tables.store import CatalogParams
from social_signals.tables.table import Table, column

SCHEMA = StructType([column("k", StringType(), "key", nullable=False), column("n", LongType(), "number")])
SOURCE = Table("silver.numbers", SCHEMA, key=("k",), comment="Numbers.")
MAYBE = Table("silver.more_numbers", SCHEMA, key=("k",), comment="Numbers that some have.")
DOUBLED = Table("gold.doubled", SCHEMA, key=("k",), comment="Twice the numbers.")


class World:
    """A lakehouse with one stage that doubles numbers, and another run of its pipeline whenever asked."""

    def __init__(self, spark: SparkSession, root: Path) -> None:
        self.spark, self.root, self.runs = spark, root, 0
        self.page = root / "page.html"

    def catalog(self) -> Catalog:
        return Catalog(self.spark, CatalogParams(root=str(self.root)), run_id=f"run-{self.runs}")

    def write(self, table: Table, *rows: tuple[str, int]) -> None:
        self.catalog().replace(table, self.spark.createDataFrame(rows, table.schema))

    def double(self, context: Context) -> Outcome:
        numbers = context.catalog.read(SOURCE).unionByName(context.catalog.read_or_empty(MAYBE))
        context.catalog.replace(DOUBLED, numbers.selectExpr("k", "2 * n AS n"))
        self.page.write_text("written")
        return Outcome(metrics={"doubling": {"rate": 0.1 + 0.2}})

    def stage(self, **settings: object) -> Stage:
        files = {"page": "there"}
        return Stage("doubling", self.double, settings, lambda _: files if self.page.exists() else {})

    def stages(self, **more: Any) -> Stages:
        self.runs += 1
        context = Context(
            self.spark,
            self.catalog(),
            f"run-{self.runs}",
            datetime(2024, 1, 1, tzinfo=timezone.utc),
            Progress(enabled=False),
        )
        return Stages(context, job=Job(catalog=CatalogParams(root=str(self.root))), **more)

    def run(self, *, force: tuple[str, ...] = (), **settings: object) -> tuple[str | None, Stages]:
        """Why the stage ran, None where it did not; and the stages after it."""
        stages = self.stages(force=force)
        stage = self.stage(**settings)
        stages.look_up([stage])
        why = stages.why_to_run(stage)
        stages.run(stage)
        return why, stages


@pytest.fixture
def world(spark_session: SparkSession, tmp_path: Path) -> World:
    made = World(spark_session, tmp_path)
    made.write(SOURCE, ("a", 1), ("b", 2))
    made.run()
    return made


def test_a_stage_of_which_nothing_changed_is_left_out_and_its_metrics_are_told_again(world: World) -> None:
    versions = {table.name: world.catalog().version(table) for table in (SOURCE, DOUBLED, RUNS)}
    why, stages = world.run()
    assert why is None
    assert stages.up_to_date == ["doubling"]
    assert not stages.is_changed
    assert stages.metrics == {"stages": {}, "doubling": {"rate": 0.1 + 0.2}}
    assert {table.name: world.catalog().version(table) for table in (SOURCE, DOUBLED, RUNS)} == versions


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda w: w.write(SOURCE, ("a", 1), ("c", 3)), "silver.numbers"),
        (lambda w: w.write(MAYBE, ("d", 4)), "silver.more_numbers"),
        (lambda w: w.write(DOUBLED, ("z", 0)), "gold.doubled"),
        (lambda w: w.page.unlink(), "page"),
    ],
    ids=["an input", "an input that was not there", "the output", "a page"],
)
def test_a_stage_runs_again_when_what_it_went_by_or_left_changes(
    world: World, change: Callable[[World], None], says: str
) -> None:
    change(world)
    why, _ = world.run()
    assert why == f"changed since: {says}"
    assert world.run()[0] is None


def test_a_table_made_anew_is_another_one_whatever_its_version(world: World) -> None:
    version = world.catalog().version(SOURCE)
    shutil.rmtree(world.root / "silver" / "numbers")
    while (world.catalog().version(SOURCE) or 0) < (version or 0):
        world.write(SOURCE, ("a", 1), ("b", 2))
    assert world.catalog().version(SOURCE) == version
    assert world.run()[0] == "changed since: silver.numbers"


def test_upkeep_is_no_change_and_other_settings_are(world: World) -> None:
    world.write(SOURCE, ("a", 1), ("b", 2))
    world.catalog().append(SOURCE, world.spark.createDataFrame([("c", 3)], SCHEMA))
    world.run()
    assert world.catalog().optimize(SOURCE)
    assert world.run()[0] is None
    assert world.run(depth=3)[0] == "not done yet with these settings by this version of the code"
    # Back to what was done before: its output is another run's now.
    assert "gold.doubled" in str(world.run()[0])


def test_a_forced_stage_runs_and_an_unknown_name_is_refused(world: World) -> None:
    assert world.run(force=("doubling",))[0] == "forced"
    assert world.run(force=("all",))[0] == "forced"
    assert world.run(force=("another",))[0] is None
    require_stages(["all", "train_churn"], ["train_churn"])
    with pytest.raises(ConfigError, match=r"(?s)train_chrun.*did you mean train_churn"):
        require_stages(["train_chrun"], ["train_churn"])


def test_other_code_does_it_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("social_signals.jobs.ledger.code_version", lambda: "0.1.0+another")
    assert world.run()[0] == "not done yet with these settings by this version of the code"


def test_a_stage_that_failed_is_not_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Context) -> Outcome:
        raise DataQualityError("nobody is there", hint="look again")

    world.write(SOURCE, ("a", 5))
    monkeypatch.setattr(world, "double", fail)
    with pytest.raises(DataQualityError):
        world.run()
    monkeypatch.undo()
    why, _ = world.run()
    assert why == "changed since: silver.numbers"


def test_a_stage_that_asks_its_source_is_recorded_only_where_it_wrote(world: World) -> None:
    asking = dataclasses.replace(world.stage(), name="asking", run=lambda _: Outcome(metrics={"in": 0}), asks=True)
    _, stages = world.run()
    rows = world.catalog().row_count(RUNS)
    stages.run(asking)
    assert world.catalog().row_count(RUNS) == rows
    assert not stages.is_changed
    stages.run(dataclasses.replace(asking, run=world.double))
    assert world.catalog().row_count(RUNS) == rows + 1
    assert stages.is_changed


def test_what_is_known_already_is_not_looked_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = world.stage()
    known = world.run()[1].finished
    monkeypatch.setattr("social_signals.jobs.ledger.finished", lambda *_, **__: pytest.fail("the ledger was queried"))
    stages = world.stages(known=known)
    stages.look_up([stage])
    stages.run(stage)
    assert stages.up_to_date == ["doubling"]
    assert stages.metrics == {"stages": {}, "doubling": {"rate": 0.1 + 0.2}}
    monkeypatch.undo()
    # What is known is compared with the tables like what the ledger says.
    world.write(SOURCE, ("a", 7))
    changed = world.stages(known=known)
    changed.look_up([stage])
    assert changed.why_to_run(stage) == "changed since: silver.numbers"


def test_what_came_to_a_source_while_it_was_read_is_for_the_next_run(world: World) -> None:
    held = ["a.csv"]

    def reading(context: Context) -> Outcome:
        held.append("b.csv")
        return world.double(context)

    asking = Stage("asking", reading, {}, lambda _: {"source": ",".join(held)}, asks=True)
    first = world.stages()
    first.run(asking)
    assert first.finished[asking.config_hash]["files"] == {"source": "a.csv"}
    again = world.stages(known=first.finished)
    assert not again.holds(asking)
    held.pop()
    assert again.holds(asking)
    world.write(DOUBLED, ("z", 0))
    assert not again.holds(asking)


def test_one_that_trusts_what_is_known_keeps_what_that_has_seen(world: World) -> None:
    asking = Stage("asking", world.double, {}, lambda _: {"source": "a.csv"}, asks=True)
    first = world.stages()
    first.run(asking)
    trusting = dataclasses.replace(asking, run=lambda _: Outcome(metrics={"in": 0}))
    second = world.stages(known=first.finished)
    second.run(trusting)
    assert not second.is_changed
    assert second.metrics["in"] == 0
    assert second.finished == first.finished
    assert SOURCE.name in second.finished[asking.config_hash]["seen"]
    # Forced, it does not trust it.
    assert not world.stages(known=first.finished, force=("asking",)).holds(asking)
