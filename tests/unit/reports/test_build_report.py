"""The job: tables in, one file out; again, and only the footer is another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from social_signals.core.errors import ConfigError, ResourceError
from social_signals.core.progress import Progress
from social_signals.governance.consent import ConsentParams
from social_signals.jobs.build_report import BuildReportJob, report_path, run, why_empty, write_text
from social_signals.jobs.job import Context
from social_signals.reports import ReportParams
from social_signals.tables.catalog import Catalog
from social_signals.tables.gold import CHURN_SCORES
from social_signals.tables.gold_texts import POST_SENTIMENT
from social_signals.tables.silver import POSTS, USERS
from social_signals.tables.store import CatalogParams

JUNE = datetime(2020, 6, 1, tzinfo=timezone.utc)


def _context(spark: SparkSession, root: Path, *, run_id: str = "r1", now: datetime = JUNE) -> Context:
    catalog = Catalog(spark, CatalogParams(root=str(root)), run_id=run_id)
    return Context(spark=spark, catalog=catalog, run_id=run_id, now=now, progress=Progress(enabled=False))


def test_a_report_is_written_and_written_again_alike(
    spark_session: SparkSession, rows: Callable[..., DataFrame], tmp_path: Path
) -> None:
    context = _context(spark_session, tmp_path)
    score = {"as_of": JUNE, "model_id": "m", "p_churn": 0.75, "decile": 1}
    sound = {"label": "positive", "p_negative": 0.1, "p_neutral": 0.1, "p_positive": 0.8, "model_id": "s"}
    posts = [{"post_id": f"p{n}", "author_id": "u1", "event_ts": JUNE - timedelta(days=n)} for n in (1, 9)]
    context.catalog.merge(USERS, rows(USERS, {"user_id": "u1", "handle": "secret-handle"}))
    context.catalog.merge(POSTS, rows(POSTS, *posts))
    context.catalog.merge(POST_SENTIMENT, rows(POST_SENTIMENT, *({"post_id": p["post_id"], **sound} for p in posts)))
    context.catalog.replace_slice(CHURN_SCORES, rows(CHURN_SCORES, {"user_id": "u1", **score}), as_of=JUNE)

    outcome = run(BuildReportJob(), context)
    first = (tmp_path / "report.html").read_text("utf-8")
    assert (outcome.status, outcome.as_of) == ("done", JUNE)
    assert outcome.metrics["report"] == {"bytes": len(first.encode()), "people_scored": 1}
    assert "secret-handle" not in first
    assert "What was known before <strong>1 June 2020</strong>" in first
    assert [p.name for p in tmp_path.glob("*.html")] == ["report.html"]

    elsewhere = ReportParams(path=str(tmp_path / "deep" / "other.html"))
    run(BuildReportJob(report=elsewhere), _context(spark_session, tmp_path, run_id="r2", now=JUNE + timedelta(days=1)))
    second = (tmp_path / "deep" / "other.html").read_text("utf-8")
    changed = [a for a, b in zip(first.split("\n"), second.split("\n"), strict=True) if a != b]
    assert len(changed) == 1
    assert changed[0].startswith("<footer>")


def test_before_any_table_there_is_a_page_that_says_so(spark_session: SparkSession, tmp_path: Path) -> None:
    outcome = run(BuildReportJob(), _context(spark_session, tmp_path))
    assert outcome.as_of is None
    assert "Nobody has been scored yet" in (tmp_path / "report.html").read_text("utf-8")


def test_without_consent_the_page_says_why_nobody_is_on_it(
    spark_session: SparkSession, rows: Callable[..., DataFrame], tmp_path: Path
) -> None:
    context = _context(spark_session, tmp_path)
    context.catalog.merge(USERS, rows(USERS, {"user_id": "u1"}))
    run(BuildReportJob(consent=ConsentParams(default="deny")), context)
    assert (tmp_path / "report.html").read_text("utf-8").count("Nobody agreed to profiling") == 2


def test_a_dry_run_says_where_and_writes_nothing(spark_session: SparkSession, tmp_path: Path) -> None:
    outcome = run(BuildReportJob(dry_run=True), _context(spark_session, tmp_path))
    assert outcome.status == "dry_run"
    assert f"{tmp_path}/report.html" in outcome.plan[0]
    assert list(tmp_path.iterdir()) == []


def test_a_failed_job_explains_the_sections_that_wait_for_it() -> None:
    stages = pd.DataFrame(
        [
            {"job": "annotate", "status": "done", "error": None},
            {"job": "train_churn", "status": "failed", "error": "DataQualityError: all labels are of one class"},
        ]
    )
    why = why_empty(stages, min_authors=3, has_entities=True)
    assert (
        why["churn"] == "train_churn failed, so there is nothing to show: DataQualityError: all labels are of one class"
    )
    assert set(why) == {"churn", "entities"}
    assert "at least 3 different people" in why["entities"]


def test_the_report_lies_under_the_root_also_on_a_remote_file_system(
    spark_session: SparkSession, tmp_path: Path
) -> None:
    catalog = Catalog(spark_session, CatalogParams(root="s3a://bucket/lake/"), run_id="r")
    assert report_path(BuildReportJob(), catalog) == "s3a://bucket/lake/report.html"
    write_text(spark_session, f"file://{tmp_path}/local.html", "\u00e4")
    assert (tmp_path / "local.html").read_bytes() == b"\xc3\xa4"
    # Any other scheme goes through Hadoop; this one is its view of a local folder.
    conf = spark_session.sparkContext._jsc.hadoopConfiguration()
    conf.set("fs.viewfs.mounttable.default.link./out", tmp_path.as_uri())
    write_text(spark_session, "viewfs:///out/remote.html", "\u00e4")
    assert (tmp_path / "remote.html").read_bytes() == b"\xc3\xa4"
    with pytest.raises(ResourceError, match="could not be written to nosuch:"):
        write_text(spark_session, "nosuch://x/report.html", "text")


def test_a_place_that_cannot_be_written_is_a_sentence(spark_session: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ResourceError, match="could not be written"):
        write_text(spark_session, str(tmp_path / "file" / "report.html"), "text")


@pytest.mark.parametrize("wrong", [{"top": 0}, {"top": 501}, {"min_authors": 0}, {"path": "report.pdf"}])
def test_a_report_that_cannot_be_is_refused_at_the_door(wrong: dict) -> None:
    with pytest.raises(ConfigError):
        ReportParams(**wrong)
