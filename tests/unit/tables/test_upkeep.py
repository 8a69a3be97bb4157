"""Files are packed and cleared away; rows, versions of content and change feeds stay what they were."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, Row, SparkSession

from social_signals.core.errors import ConfigError
from social_signals.tables.catalog import Catalog
from social_signals.tables.commits import content_version, note_of
from social_signals.tables.silver import POSTS, USERS
from social_signals.tables.store import CatalogParams
from social_signals.tables.table import Table

MARCH = datetime(2020, 3, 1, tzinfo=timezone.utc)
Rows = Callable[..., DataFrame]


@pytest.fixture
def catalog(spark_session: SparkSession, tmp_path: Path) -> Catalog:
    return Catalog(spark_session, CatalogParams(root=str(tmp_path / "house")), run_id="test-run")


def post(number: int) -> dict[str, object]:
    return {"post_id": f"p{number}", "event_ts": MARCH + timedelta(days=number), "text": f"text {number}"}


@pytest.fixture
def posts(catalog: Catalog, rows: Rows) -> Catalog:
    """Two writes, which leave a file each and a change feed."""
    for number in range(2):
        catalog.append(POSTS, rows(POSTS, post(number)))
    return catalog


def ids(frame: DataFrame) -> list[str]:
    return sorted(row["post_id"] for row in frame.collect())


def test_small_files_become_one_and_nobody_takes_that_for_news(posts: Catalog, rows: Rows) -> None:
    before = posts.origin(POSTS)
    assert before is not None
    assert posts.files(POSTS).count == 2
    # What the session said for its last write is not said of upkeep.
    posts.spark.conf.set("spark.databricks.delta.commitInfo.userMetadata", "somebody\na note")
    assert posts.optimize(POSTS)
    assert posts.files(POSTS).count == 1
    assert ids(posts.read(POSTS)) == ["p0", "p1"]
    # Rows are near each other by what the contract says.
    assert posts._history(POSTS, 1)[0]["operationParameters"]["zOrderBy"] == '["event_ts"]'
    newest, *_ = posts.commits(POSTS)
    assert (newest["operation"], note_of(newest["userMetadata"])) == ("OPTIMIZE", "")
    after = posts.origin(POSTS)
    assert after == before
    assert after is not None
    assert after.newest == before.version + 1
    # Once is enough, until a row changes.
    assert not posts.optimize(POSTS)
    posts.append(POSTS, rows(POSTS, post(3)))
    changed = posts.origin(POSTS)
    assert changed is not None
    assert changed.version == before.version + 2
    feed = posts.changed_keys(POSTS, since=before.version, until=changed.version)
    assert feed is not None
    assert ids(feed) == ["p3"]
    assert not posts._is_laid_out(POSTS)


def test_a_layout_by_columns_that_readers_cannot_skip_by_is_refused() -> None:
    with pytest.raises(ConfigError, match="no statistics"):
        Table(POSTS.name, POSTS.schema, key=POSTS.key, comment="", cluster_by=("author_id",))


def test_files_within_the_retention_stay_and_older_ones_go(posts: Catalog) -> None:
    before = posts.origin(POSTS)
    assert before is not None
    posts.optimize(POSTS)
    with posts.clearing(7):
        assert posts.to_clear(POSTS, retention_days=7).files == 0
        version = posts.version(POSTS)
        assert posts.clear(POSTS, retention_days=7).files == 0
    assert posts.version(POSTS) == version, "no commit says that nothing was done"
    assert posts.changed_keys(POSTS, since=before.version - 1, until=before.version) is not None
    retention_check = "spark.databricks.delta.retentionDurationCheck.enabled"
    with posts.clearing(0):
        assert posts.spark.conf.get(retention_check) == "false"
        cleared = posts.clear(POSTS, retention_days=0)
    assert posts.spark.conf.get(retention_check, None) in (None, "true")
    # An append of one row leaves an empty file beside it that no version refers to.
    assert cleared.files >= 2
    assert cleared.bytes > 0
    assert ids(posts.read(POSTS)) == ["p0", "p1"]
    assert posts.origin(POSTS) == before
    # The feed of what was cleared is gone, and says so instead of saying too little.
    assert posts.changed_keys(POSTS, since=-1, until=before.version) is None


def test_clearing_takes_few_tasks_on_one_machine(posts: Catalog) -> None:
    context = posts.spark.sparkContext
    wide = "spark.sql.sources.parallelPartitionDiscovery.parallelism"
    before = posts.spark.conf.get(wide)
    posts.spark.conf.set(wide, "10000")
    context.setJobGroup("clearing", "clearing")
    try:
        with posts.clearing(7):
            posts.to_clear(POSTS, retention_days=7)
        assert posts.spark.conf.get(wide) == "10000"
    finally:
        posts.spark.conf.set(wide, before)
        context.setLocalProperty("spark.jobGroup.id", None)  # type: ignore[arg-type]
    tracker = context.statusTracker()
    jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup("clearing")]
    stages = [tracker.getStageInfo(stage) for job in jobs if job for stage in job.stageIds]
    # Reading the log takes some tasks, more after other tests than alone; listing by 10,000 would take thousands.
    assert 0 < sum(stage.numTasks for stage in stages if stage) < 1000


def test_every_table_of_the_layers_is_found_ours_or_not(catalog: Catalog, rows: Rows) -> None:
    catalog.create(POSTS)
    rows(USERS, {"user_id": "u"}).write.format("delta").save(f"{catalog.params.root}/gold/somebody_elses")
    (catalog.file("gold") / "no_table").mkdir()
    assert catalog.stored() == ["gold.somebody_elses", "silver.posts"]


def test_a_log_that_begins_late_never_tells_an_older_version() -> None:
    operations = ["VACUUM END", "VACUUM START", "OPTIMIZE", "MERGE", "SET TBLPROPERTIES", "WRITE", "CREATE TABLE"]
    commits = [Row(version=6 - place, operation=operation) for place, operation in enumerate(operations)]
    told = [content_version(commits[:kept]) for kept in range(len(commits) + 1)]
    assert told == [None, None, None, None, 3, 3, 3, 3]


def test_named_tables_are_looked_after_alike(spark_session: SparkSession, rows: Rows, tmp_path: Path) -> None:
    spark_session.sql(f"CREATE SCHEMA silver LOCATION '{tmp_path}/silver'")
    try:
        named = Catalog(spark_session, CatalogParams(kind="metastore", root=str(tmp_path)), run_id="test-run")
        for number in range(2):
            named.append(POSTS, rows(POSTS, post(number)))
        rows(USERS, {"user_id": "u"}).write.format("parquet").saveAsTable("silver.no_delta")
        assert named.stored() == ["silver.posts"]
        assert named.optimize(POSTS)
        assert named.files(POSTS).count == 1
        with named.clearing(0):
            assert named.to_clear(POSTS, retention_days=0).files >= 2
        assert ids(named.read(POSTS)) == ["p0", "p1"]
    finally:
        spark_session.sql("DROP SCHEMA silver CASCADE")
