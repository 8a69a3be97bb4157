"""The main job from a source to scored people: what it leaves behind, and that twice is once."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from social_signals.cli import main
from social_signals.core.errors import ModelMismatchError
from social_signals.core.progress import Progress
from social_signals.core.times import iso
from social_signals.jobs import ledger
from social_signals.jobs.done import last_done
from social_signals.jobs.job import Context
from social_signals.jobs.pipeline import STAGES, PipelineJob, ingest_stage
from social_signals.jobs.runner import composed
from social_signals.jobs.stages import Stages
from social_signals.models.artefact import ModelStore, save
from social_signals.observability import spark_work
from social_signals.tables.catalog import Catalog
from social_signals.tables.gold import CHURN_SCORES, INFLUENCE_SCORES
from social_signals.tables.silver import POSTS
from social_signals.tables.store import CatalogParams
from tests.cluster.content import content_of, rows_of
from tests.pipeline.conftest import SMALL_SAMPLE, Ran

GOLD = ("churn_scores", "influence_scores", "post_entities", "post_sentiment", "user_features")


def contents(root: Path) -> dict[str, str]:
    """Each table's rows, every column and bit of them, outside the ledger."""
    return content_of(root, without=frozenset())


def test_raw_interactions_become_scored_people(sample_run: Ran, spark_session: SparkSession) -> None:
    assert all(rows_of(sample_run.root / "gold" / name).num_rows > 0 for name in GOLD)
    assert rows_of(sample_run.root / "silver" / "interactions").num_rows > 2_000
    people = spark_session.read.format("delta").load(str(sample_run.root / "gold/churn_scores"))
    one = people.agg(F.min("p_churn"), F.max("p_churn"), F.countDistinct("decile"), F.countDistinct("as_of")).first()
    assert one is not None
    assert 0 <= one[0] < one[1] <= 1
    assert one[2] == 10
    assert one[3] == 1
    # Everybody has reasons, exact ones in a slice this small, and in words.
    told = people.where("size(reasons) > 0 AND size(reasons_text) = size(reasons) AND reasons_method = 'exact'")
    assert told.count() == people.count()
    assert not people.where("exists(reasons_text, words -> words = '' OR words LIKE '%\\_%')").count()


def test_the_last_line_tells_tables_and_metrics(sample_run: Ran) -> None:
    last = json.loads(sample_run.summary.line())
    assert last["status"] == "done"
    assert last["job"] == "pipeline"
    assert last["as_of"] == "2024-06-24"
    assert last["tables"][CHURN_SCORES.name]["rows"] > 0
    assert last["tables"][INFLUENCE_SCORES.name]["version"] >= 1
    metrics = last["metrics"]
    assert 0.5 < metrics["churn"]["test"]["roc_auc"] <= 1
    assert 0 <= metrics["churn"]["test"]["calibration_error"] <= 1
    assert 0 < metrics["churn"]["baselines"]["recency"]["roc_auc"] <= 1
    assert 0 < metrics["influence"]["test"]["roc_auc"] <= 1
    counts = metrics["ingest"]
    assert {"posts", "interactions", "users", "consents"} <= set(counts)
    assert all(c["in"] == c["accepted"] + c["duplicates"] + c["quarantined"] for c in counts.values())


def test_every_stage_has_its_row_in_the_ledger(sample_run: Ran, spark_session: SparkSession) -> None:
    runs = spark_session.read.format("delta").load(str(sample_run.root / "ops/runs"))
    rows = {r["job"]: r for r in runs.where(F.col("run_id").startswith(str(sample_run.summary.run_id))).collect()}
    assert set(rows) == {
        "pipeline", "ingest", "annotate", "find_topics", "build_features", "train_churn", "train_influence", "score_churn",
        "score_influence", "build_report",
    }  # fmt: skip
    assert {r["status"] for r in rows.values()} == {"done"}
    assert rows["score_churn"]["input_versions"]["gold.user_features"] >= 0
    assert rows["score_churn"]["rows_written"][CHURN_SCORES.name] > 0
    assert "gold.churn_scores" not in rows["annotate"]["output_versions"]


def test_each_row_says_what_spark_did_in_words_of_the_suite(sample_run: Ran, spark_session: SparkSession) -> None:
    runs = spark_session.read.format("delta").load(str(sample_run.root / "ops/runs"))
    rows = {r["job"]: r for r in runs.where(F.col("run_id").startswith(str(sample_run.summary.run_id))).collect()}
    names = {job: {stage["name"] for stage in row["spark_stages"]} for job, row in rows.items()}
    # The heaviest ones of each, Delta's own among them.
    assert "annotate: write gold.entity_sentiment" in names["annotate"]
    assert "build_features: write gold.user_features" in names["build_features"]
    assert any(name.startswith("train_churn: grow without fold 1 of ") for name in names["train_churn"])
    assert all(job in name for job, of_job in names.items() for name in of_job)
    written = {job: row["spark"]["output_rows"] for job, row in rows.items()}
    assert all(
        written[job] >= max(row["rows_written"].values(), default=0) for job, row in rows.items() if job != "pipeline"
    )
    assert {row["spark"]["failed_tasks"] for row in rows.values()} == {0}


def files_of(root: Path) -> dict[Path, tuple[int, int]]:
    return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in root.rglob("*") if p.is_file()}


def test_a_second_run_writes_nothing_and_tells_the_same(
    sample_run: Ran,
    job_runner: Callable[..., Ran],
    spark_session: SparkSession,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = tmp_path / "lakehouse"
    shutil.copytree(sample_run.root, root)
    before = files_of(root)
    again = job_runner("pipeline", root, *SMALL_SAMPLE)
    assert again.code == 0, again.summary.error
    assert files_of(root) == before
    told, first = again.summary.metrics, sample_run.summary.metrics
    assert set(told["up_to_date"]) == set(STAGES) - {"ingest"}
    assert {name: told[name] for name in ("churn", "influence", "report")} == {
        name: first[name] for name in ("churn", "influence", "report")
    }
    assert not again.summary.tables
    assert again.summary.as_of == sample_run.summary.as_of
    assert all(count == 0 for counts in told["ingest"].values() for count in counts.values())
    # Delta's log has told all of it: the first query of a process takes seconds.
    work = spark_work(spark_session, str(again.summary.run_id))
    assert work is not None
    assert work.row["stages"] == 0
    capsys.readouterr()
    # A page that is gone is made again, and nothing else is.
    (root / "report.html").unlink()
    planned = job_runner("pipeline", root, *SMALL_SAMPLE, "dry_run=true")
    said = capsys.readouterr().out
    assert planned.code == 0
    assert "build_report: runs, changed since: report" in said
    assert said.count("up to date") == len(STAGES) - 2


def test_what_a_pipeline_has_said_holds_while_the_tables_of_acts_do(
    sample_run: Ran, spark_session: SparkSession, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(sample_run.root, tmp_path / "lakehouse"))
    job, _ = composed("pipeline", [f"catalog.root={root}", *SMALL_SAMPLE])
    catalog = Catalog(spark_session, CatalogParams(root=str(root)), run_id="test")
    now = datetime.now(timezone.utc)
    context = Context(spark_session, catalog, "test", now, Progress(enabled=False))
    said = last_done(context, config_hash=ledger.config_hash_of(job))
    assert said is not None
    newest = said.newest_act_at(now)
    assert newest is not None
    assert iso(newest.as_of) == sample_run.summary.as_of
    assert isinstance(job, PipelineJob)
    stages = Stages(context, job=job, known=said.stages)
    ingesting = ingest_stage(job, stages)
    assert stages.holds(ingesting)
    # Somebody's right to be forgotten may move the newest act.
    catalog.delete(POSTS, F.col("author_id") == catalog.read(POSTS).select("author_id").first()["author_id"])  # type: ignore[index]
    assert not stages.holds(ingesting)


def test_every_stage_again_adds_no_row_and_changes_no_content(
    sample_run: Ran, job_runner: Callable[..., Ran], tmp_path: Path
) -> None:
    root = tmp_path / "lakehouse"
    shutil.copytree(sample_run.root, root)
    before = contents(root)
    models = {p.relative_to(root): p.read_bytes() for p in (root / "models").rglob("*") if p.is_file()}
    again = job_runner("pipeline", root, *SMALL_SAMPLE, "force=[all]")
    assert again.code == 0, again.summary.error
    assert "up_to_date" not in again.summary.metrics
    assert contents(root) == before
    assert {p.relative_to(root): p.read_bytes() for p in (root / "models").rglob("*") if p.is_file()} == models
    assert again.summary.metrics["churn"] == sample_run.summary.metrics["churn"]


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(
    job_runner: Callable[..., Ran], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = job_runner("pipeline", tmp_path / "lakehouse", *SMALL_SAMPLE, "dry_run=true")
    assert (ran.code, ran.summary.status) == (0, "dry_run")
    said = capsys.readouterr().out
    assert "task slots" in said
    assert "silver.interactions" in said
    assert not (tmp_path / "lakehouse").exists()


def test_no_personal_data_in_the_logs(
    job_runner: Callable[..., Ran], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = [
        {"user_id": "SECRET-1", "handle": "SECRET-HANDLE", "bio": "SECRET-BIO"},
        {"user_id": "SECRET-2", "is_creator": "SECRET-TYPO"},
    ]
    (tmp_path / "users.jsonl").write_text(
        "".join(json.dumps(p) + "\n" for p in people) + '{"user_id": "SECRET-BROKEN\n'
    )
    ran = job_runner("ingest", tmp_path / "lakehouse", "source=files", f"source.users={tmp_path}/users.jsonl")
    assert ran.summary.metrics["ingest"]["users"]["quarantined"] == 2
    said = capsys.readouterr()
    assert "silver.users: 3 in" in said.err, "the log speaks, or this test shows nothing"
    assert "SECRET" not in said.err + said.out + ran.summary.line()


@pytest.mark.parametrize(
    ("overrides", "code", "says"),
    [
        (["as_of=1999-01-01"], 3, "before as_of=1999-01-01"),
        (["consent.default=deny"], 3, "consent.default"),
        ([], 3, "nobody to"),
    ],
)
def test_a_pipeline_that_cannot_go_on_says_why_and_keeps_what_it_has(
    overrides: list[str], code: int, says: str, job_runner: Callable[..., Ran], lonely: Path
) -> None:
    source = ["source=files", f"source.posts={lonely}/posts.jsonl", f"source.interactions={lonely}/acts.jsonl"]
    ran = job_runner("pipeline", lonely / "lakehouse", *source, *overrides)
    assert ran.code == code
    assert ran.summary.error is not None
    assert says in json.dumps(ran.summary.error)
    assert ran.summary.error["hint"]
    assert (lonely / "lakehouse/silver/posts/_delta_log").is_dir(), "what was ingested stays"


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One person who writes every week for a year, and reacts to themselves: one class, a single user, no consent known.

    The lakehouse in it is the same for all: what one run has ingested the next one finds there.
    """
    folder = tmp_path_factory.mktemp("lonely")
    posts = [
        {
            "post_id": f"p{n}",
            "author_id": "u1",
            "event_ts": f"2020-{1 + n // 4:02d}-{1 + 7 * (n % 4):02d}",
            "text": "hi",
        }
        for n in range(48)
    ]
    acts = [
        {"interaction_id": f"i{n}", "kind": "like", "actor_id": "u1", "target_user_id": "u1", "event_ts": p["event_ts"]}
        for n, p in enumerate(posts)
    ]
    for name, rows in (("posts", posts), ("acts", acts)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_an_unknown_job_and_no_job_are_told_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trian_churn"]) == 2
    assert "train_churn" in capsys.readouterr().err
    assert main([]) == 2
    assert "jobs:" in capsys.readouterr().out


def test_a_candidate_that_is_no_better_stays_one_with_exit_code_6(
    job_runner: Callable[..., Ran], sample_run: Ran, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(sample_run.root, tmp_path / "lakehouse"))
    champion = (root / "models" / "churn" / "champion.json").read_text()
    poor = [
        *SMALL_SAMPLE[2:-1],
        "xgboost.n_estimators=1",
        "xgboost.max_depth=1",
        "xgboost.colsample_bytree=0.01",
        "churn.refit=false",
        f"as_of={sample_run.summary.as_of}",
    ]
    chosen = [setting for setting in poor if not setting.startswith("influence")]
    ran = job_runner("train_churn", root, *chosen)
    assert ran.code == 6, ran.summary.error
    assert ran.summary.error is not None
    assert "stays a candidate: on the newest slice its roc_auc differs by -" in ran.summary.error["problem"]
    assert (root / "models" / "churn" / "champion.json").read_text() == champion
    again = job_runner("train_churn", root, *chosen, "tracking.gate=off")
    assert again.code == 0
    assert again.summary.metrics["gate"]["churn"]["promoted"] == 1
    assert (root / "models" / "churn" / "champion.json").read_text() != champion


def test_leaving_by_an_event_is_a_model_of_its_own(
    job_runner: Callable[..., Ran], sample_run: Ran, spark_session: SparkSession, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(sample_run.root, tmp_path / "lakehouse"))
    settings = ["churn.definition=event", "churn.events=[unsubscribe, unfollow]", "model=quick", "churn.max_cutoffs=24"]
    groups = ["churn.groups=[is_creator, follower_count]", "churn.min_group_rows=20"]
    ran = job_runner("train_churn", root, *settings, *groups, f"as_of={sample_run.summary.as_of}")
    assert ran.code == 0, ran.summary.error
    told = ran.summary.metrics["churn"]
    assert {"true", "false"} <= set(told["groups"]["is_creator"])
    in_groups = sum(one["rows"] for one in told["groups"]["follower_count"].values())
    assert in_groups + told["groups_left_out"]["follower_count"]["rows"] == told["test"]["rows"]
    assert 0 < ran.summary.metrics["churn"]["test"]["rate"] < 0.5
    assert ran.summary.metrics["gate"]["churn_event"]["promoted"] == 1
    champions = {path.parent.name for path in root.glob("models/*/champion.json")}
    assert {"churn", "churn_event"} <= champions
    # scored beside those who fall silent, whose rows of the same slice stay
    scored = job_runner("score_churn", root, *settings[:2], f"as_of={sample_run.summary.as_of}")
    assert scored.code == 0, scored.summary.error
    model_id = scored.summary.metrics["scoring"]["churn_model_id"]
    assert model_id.startswith("churn_event-")
    rows = spark_session.read.format("delta").load(str(root / "gold/churn_scores"))
    people = {
        row["model_id"]: row["people"] for row in rows.groupBy("model_id").agg(F.count("*").alias("people")).collect()
    }
    silent = sample_run.summary.metrics["scoring"]["churn_model_id"]
    assert set(people) == {model_id, silent}
    assert people[model_id] == people[silent]
    assert scored.summary.tables["gold.churn_scores"]["written"] == people[model_id]
    assert scored.summary.tables["gold.churn_scores"]["rows"] == sum(people.values())


def test_a_backfill_scores_every_slice_of_the_range_and_again_changes_nothing(
    job_runner: Callable[..., Ran], sample_run: Ran, spark_session: SparkSession, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(sample_run.root, tmp_path / "lakehouse"))
    # cut-offs of the pipeline's own training, so that no slice has to be built
    newest = datetime.fromisoformat(str(sample_run.summary.as_of))
    first, last = (str((newest - timedelta(days=days)).date()) for days in (180, 120))
    range_ = [f"scoring.backfill_from={first}", f"scoring.backfill_to={last}", "scoring.top_reasons=1"]
    ran = job_runner("score_churn", root, *range_)
    assert ran.code == 0, ran.summary.error
    assert (ran.summary.as_of, ran.summary.metrics["scoring"]["cutoffs"]) == (last, 3)
    scores = spark_session.read.format("delta").load(str(root / "gold/churn_scores"))
    slices = {str(row[0]): row[1] for row in scores.groupBy("as_of").agg(F.countDistinct("decile")).collect()}
    assert len(slices) == 4, "three of the backfill, and the pipeline's own"
    assert set(slices.values()) == {10}
    before = contents(root)
    again = job_runner("score_churn", root, *range_)
    assert again.code == 0
    assert contents(root) == before
    both = job_runner("score_churn", root, *range_, "as_of=2024-01-01")
    assert both.code == 2


@pytest.mark.parametrize("kind", ["churn", "influence"])
def test_a_model_that_was_touched_or_knows_other_features_is_refused_before_any_spark_job(
    kind: str, sample_run: Ran, spark_session: SparkSession, tmp_path: Path
) -> None:
    champion = ModelStore(sample_run.root / "models").champion(kind)
    assert champion is not None
    touched, other = tmp_path / "touched", tmp_path / "other"
    (save(champion, touched) / "model.ubj").write_bytes(b"another model")
    save(dataclasses.replace(champion, features=[*champion.features[:-1], "moon_phase"]), other)
    tracker = spark_session.sparkContext.statusTracker()
    before = set(tracker.getJobIdsForGroup(None))
    for folder, says in ((touched, "is not the file that was saved"), (other, "the rows lack moon_phase")):
        overrides = [f"catalog.root={sample_run.root}", f"scoring.model={folder}", "as_of=2031-01-01"]
        job, run = composed(f"score_{kind}", overrides)
        catalog = Catalog(spark_session, job.catalog, run_id="refused")
        with pytest.raises(ModelMismatchError, match=says):
            run(job, Context(spark_session, catalog, "refused", datetime.now(timezone.utc), Progress()))
    assert set(tracker.getJobIdsForGroup(None)) == before


def test_a_table_of_contracts_needs_no_lakehouse(
    job_runner: Callable[..., Ran], spark_session: SparkSession, tmp_path: Path
) -> None:
    # those on short contracts who pay much leave, and a third column says nothing
    lines = ["id,plan,price,colour,left"]
    for i in range(600):
        plan, price, colour = ("monthly", "yearly")[i % 2], (i * 37) % 100, ("red", "green", "blue")[i % 3]
        left = plan == "monthly" and price > 50 + (i * 13) % 20
        lines.append(f"c{i},{plan},{price},{colour},{'Yes' if left else 'No'}")
    contracts = tmp_path / "contracts.csv"
    contracts.write_text("\n".join(lines))
    settings = [f"churn.contract.table={contracts}", "churn.contract.label=left", "model=quick"]
    lost = job_runner("train_churn", tmp_path / "lake", "churn.definition=contract", *settings)
    assert lost.code == 2
    assert "churn.contract.key is 'customer_id'" in str(lost.summary.error)
    chosen = ["churn.definition=contract", "churn.contract.key=id", *settings]
    strange = job_runner("train_churn", tmp_path / "lake", *chosen, "churn.groups=[country]")
    assert strange.code == 2
    assert "churn.groups names 'country', which is no feature" in str(strange.summary.error)
    search = ["search.method=grid", "search.space={max_depth: [1, 3]}", "search.folds=2"]
    groups = ["churn.groups=[plan]", "churn.min_group_rows=50"]
    ran = job_runner("train_churn", tmp_path / "lake", *chosen, *search, *groups)
    assert ran.code == 0, ran.summary.error
    churn = ran.summary.metrics["churn"]
    assert churn["test"]["roc_auc"] > 0.95
    assert churn["baselines"]["logistic"]["roc_auc"] > 0.9
    card = json.loads(next((tmp_path / "lake" / "models" / "churn_contract").glob("*/card.json")).read_text())
    assert card["categories"]["plan"] == ["monthly", "yearly"]
    assert card["importance"][-1]["feature"] == "colour"
    assert card["as_of"] is None
    assert set(churn["groups"]["plan"]) == {"monthly", "yearly"}
    tried = card["search"]["trials"]
    assert [trial["settings"] for trial in tried] == [{"max_depth": 1}, {"max_depth": 3}]
    assert card["xgboost"]["max_depth"] == min(tried, key=lambda trial: trial["loss"])["settings"]["max_depth"]
    assert len(list((tmp_path / "lake" / "studies").glob("churn_contract-search-*.log"))) == 1

    # contracts of now: without the label, in another order, with a plan that training has not seen
    running = tmp_path / "running.csv"
    running.write_text(
        "plan,colour,price,id\nmonthly,red,99,d1\nyearly,blue,99,d2\nmonthly,green,1,d3\nweekly,red,50,d4\n"
    )
    named = [f"churn.contract.table={running}", "churn.contract.key=id", "as_of=2020-05-01"]
    scored = job_runner("score_churn", tmp_path / "lake", "churn.definition=contract", *named)
    assert scored.code == 0, scored.summary.error
    rows = spark_session.read.format("delta").load(str(tmp_path / "lake/gold/churn_scores"))
    p = {row["user_id"]: row["p_churn"] for row in rows.collect()}
    assert p["d1"] > 0.8 > 0.2 > max(p["d2"], p["d3"])
    assert set(p) == {"d1", "d2", "d3", "d4"}
    lost = job_runner(
        "score_churn", tmp_path / "lake", "churn.definition=contract", *named[:1], "churn.contract.key=plan"
    )
    assert lost.code == 3
    assert "of 4 contracts 0 have no plan, and 1 have one that is there already" in str(lost.summary.error)
    silent = job_runner("score_churn", tmp_path / "lake")
    assert silent.code == 3
    assert "there is no churn model" in str(silent.summary.error)
