"""What a pipeline says of itself in the commit of its ledger row, and who believes it."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from social_signals.core.progress import Progress
from social_signals.features import NewestAct
from social_signals.jobs import ledger
from social_signals.jobs.done import Done, last_done
from social_signals.jobs.job import Context, Outcome
from social_signals.tables.catalog import Catalog
from social_signals.tables.ops import RUNS
from social_signals.tables.store import CatalogParams

NOW = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)
NEWEST = NewestAct(NOW - timedelta(hours=2), is_last=True)
RUN = {"run_id": "run-1.ingest", "seen": {"silver.posts": "3f@7"}, "files": {"source": "a1"}, "metrics": "{}"}


@pytest.fixture
def context(spark_session: SparkSession, tmp_path: Path) -> Context:
    catalog = Catalog(spark_session, CatalogParams(root=str(tmp_path)), run_id="run-1")
    return Context(spark_session, catalog, "run-1", NOW, Progress(enabled=False))


def said(context: Context, note: str) -> None:
    ledger.record(context, ledger.Entry("run-1", "pipeline", "h", NOW, 1.0, Outcome()), note=note)


def test_the_newest_pipeline_with_the_same_settings_is_found_again(context: Context) -> None:
    assert last_done(context, config_hash="h") is None, "no ledger yet"
    older = Done.now("h", {"stage": RUN}, newest_act=None)
    done = Done.now("h", {"stage": RUN | {"run_id": "run-2.ingest", "input_versions": {}}}, newest_act=NEWEST)
    for note in (older.note(), done.note(), Done.now("other", {}, newest_act=None).note(), ""):
        said(context, note)
    assert last_done(context, config_hash="h") == done
    assert done.stages == {"stage": RUN | {"run_id": "run-2.ingest"}}
    assert last_done(context, config_hash="nobody's") is None
    # Every commit is our own, whatever it says beside.
    assert context.catalog.written[RUNS.name].rows == 4


def test_other_code_and_notes_of_others_are_not_believed(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Done.now("h", {"stage": RUN}, newest_act=None)
    said(context, ours.note())
    others = [
        {"hash": "h"},
        *(dataclasses.asdict(ours) | wrong for wrong in (
            {"stages": {"stage": {}}}, {"stages": {"stage": RUN | {"seen": "silver.posts"}}}, {"stages": {"stage": "done"}},
            {"stages": ["stage"]}, {"newest_act": "yesterday"}, {"newest_act": 7},
        )),
    ]  # fmt: skip
    for note in (
        "words",
        "[]",
        "{}",
        json.dumps({"pipeline_done": 7}),
        *(json.dumps({"pipeline_done": o}) for o in others),
    ):
        said(context, note)
    assert last_done(context, config_hash="h") == ours
    monkeypatch.setattr("social_signals.jobs.done.code_version", lambda: "0.1.0+another")
    assert last_done(context, config_hash="h") is None


def test_the_newest_act_is_told_to_clocks_that_find_the_same_one() -> None:
    done = Done.now("h", {}, newest_act=NEWEST)
    assert done.newest_act_at(NOW + timedelta(days=400)) == NEWEST
    assert done.newest_act_at(NOW - timedelta(hours=3)) is None, "a clock set back to before the act"
    later_acts = NewestAct(NEWEST.instant, is_last=False)
    assert Done.now("h", {}, newest_act=later_acts).newest_act_at(NOW) is None, "another one comes with time"
    assert Done.now("h", {}, newest_act=None).newest_act_at(NOW) is None
