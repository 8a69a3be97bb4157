"""A real community, the dump of a small Stack Exchange site, through the whole pipeline with nothing but its path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.conftest import spark_as_it_comes
from tests.pipeline.conftest import Ran


@pytest.fixture(scope="module")
def french_run(
    job_runner: Callable[..., Ran],
    shared_data: Path,
    tmp_path_factory: pytest.TempPathFactory,
    spark_session: SparkSession,
) -> Ran:
    """One run, shared by all tests that only read it."""
    dump = shared_data / "stackexchange_french_meta"
    root = tmp_path_factory.mktemp("french") / "lakehouse"
    # one number of topics instead of several saves half a minute; all else is as it comes
    settings = ["source=stackexchange", f"source.path={dump}", "topics.counts=[5]"]
    with spark_as_it_comes(spark_session):
        ran = job_runner("pipeline", root, *settings)
    assert ran.code == 0, ran.summary.error
    return ran


@pytest.mark.shared_data
def test_a_dump_arrives_whole(french_run: Ran, spark_session: SparkSession) -> None:
    # Counted in the raw files: 274 questions, 487 answers, 1305 comments; votes 1: 87, 2: 3772, 3: 291, 5: 127; one program.
    counts = {name: table["accepted"] for name, table in french_run.summary.metrics["ingest"].items()}
    assert counts == {"users": 1703 - 1, "posts": 274 + 487 + 1305, "interactions": 1305 + 487 + 87 + 3772 + 291 + 127}
    assert all(table["in"] == table["accepted"] for table in french_run.summary.metrics["ingest"].values())
    delta = spark_session.read.format("delta")
    posts = delta.load(str(french_run.root / "silver/posts")).alias("post")
    acts = delta.load(str(french_run.root / "silver/interactions"))
    kinds = {row.kind: row["count"] for row in acts.groupBy("kind").count().collect()}
    assert kinds == {"comment": 1305 + 487, "answer_accepted": 87, "like": 3772, "dislike": 291, "save": 127}
    # No act is older than what it is done to, and no text has markup left in it.
    early = (
        acts.where("kind != 'comment'")
        .join(posts, acts.target_post_id == posts.post_id)
        .where(acts.event_ts < posts.event_ts)
    )
    assert early.count() == 0
    assert posts.where("text RLIKE '</?(p|a|em|strong|li|pre|code)[ >]' AND media_type != 'comment'").count() == 0


@pytest.mark.shared_data
def test_tables_that_are_there_already_come_in_with_a_path(
    french_run: Ran, job_runner: Callable[..., Ran], tmp_path: Path
) -> None:
    silver = french_run.root / "silver"
    named = [f"source.interactions={silver}/interactions", f"source.users={silver}/users"]
    ran = job_runner("ingest", tmp_path / "lakehouse", "source=tables", *named)
    assert ran.code == 0, ran.summary.error
    expected = french_run.summary.metrics["ingest"]
    assert ran.summary.metrics["ingest"] == {name: expected[name] for name in ("users", "interactions")}


@pytest.mark.shared_data
def test_a_real_community_goes_through_with_nothing_but_its_path(french_run: Ran) -> None:
    churn = french_run.summary.metrics["churn"]
    assert churn["test"]["roc_auc"] > churn["baselines"]["recency"]["roc_auc"]
    assert french_run.summary.as_of == "2021-08-20", "the first midnight after the newest act"
    assert (french_run.root / "report.html").stat().st_size > 100_000
