"""The catalog keeps contracts at both borders, and what is written twice is written once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from delta import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType, StringType, StructType, TimestampType

from social_signals.core.errors import ConfigError, ContractError, ResourceError
from social_signals.core.times import from_spark
from social_signals.tables.catalog import Catalog
from social_signals.tables.silver import POSTS, USERS
from social_signals.tables.store import CatalogParams
from social_signals.tables.table import Table, column

MARCH, APRIL = (datetime(2020, month, 1, tzinfo=timezone.utc) for month in (3, 4))
SCORES = Table(
    "gold.test_scores",
    StructType(
        [
            column("as_of", TimestampType(), "cut-off", nullable=False),
            column("user_id", StringType(), "person", nullable=False, subject=True),
            column("score", IntegerType(), "score"),
        ]
    ),
    key=("as_of", "user_id"),
    comment="One row per person at a cut-off.",
    partition=("as_of",),
)
Rows = Callable[..., DataFrame]


@pytest.fixture
def catalog(spark_session: SparkSession, tmp_path: Path) -> Catalog:
    return Catalog(spark_session, CatalogParams(root=str(tmp_path / "house")), run_id="test-run")


def evolving(catalog: Catalog) -> Catalog:
    return Catalog(catalog.spark, CatalogParams(root=catalog.params.root, evolve=True), run_id="evolving")


def content(frame: DataFrame) -> list[tuple[object, ...]]:
    found = (tuple(from_spark(v) if isinstance(v, datetime) else v for v in row) for row in frame.collect())
    return sorted(found, key=repr)


def test_a_slice_is_replaced_and_its_neighbour_is_left_alone(catalog: Catalog, rows: Rows) -> None:
    for as_of, score in ((MARCH, 1), (APRIL, 2), (APRIL, 3), (APRIL, 3)):
        written = catalog.replace_slice(
            SCORES, rows(SCORES, {"as_of": as_of, "user_id": "u", "score": score}), as_of=as_of
        )
        assert written.rows == 1
    assert content(catalog.read(SCORES)) == [(MARCH, "u", 1), (APRIL, "u", 3)]


def test_a_row_outside_the_slice_it_replaces_is_refused_and_nothing_is_written(catalog: Catalog, rows: Rows) -> None:
    catalog.replace_slice(SCORES, rows(SCORES, {"as_of": MARCH, "user_id": "u", "score": 1}), as_of=MARCH)
    with pytest.raises(ContractError, match="outside the slice"):
        catalog.replace_slice(SCORES, rows(SCORES, {"as_of": APRIL, "user_id": "u", "score": 2}), as_of=MARCH)
    assert content(catalog.read(SCORES)) == [(MARCH, "u", 1)]


def test_a_naive_slice_is_refused(catalog: Catalog, rows: Rows) -> None:
    with pytest.raises(ConfigError, match="time zone"):
        catalog.replace_slice(SCORES, rows(SCORES), as_of=datetime(2020, 3, 1))  # noqa: DTZ001  the point of the test


def test_merging_again_changes_nothing_and_merging_news_updates_and_inserts(catalog: Catalog, rows: Rows) -> None:
    first = rows(POSTS, {"post_id": "p1", "event_ts": MARCH, "text": "old"}, {"post_id": "p2", "event_ts": MARCH})
    assert catalog.merge(POSTS, first).rows == 2
    assert catalog.merge(POSTS, first).rows == 0
    news = rows(POSTS, {"post_id": "p1", "event_ts": MARCH, "text": "new"}, {"post_id": "p3", "event_ts": APRIL})
    assert catalog.merge(POSTS, news).rows == 2
    seen = catalog.read(POSTS).select("post_id", "text")
    assert content(seen) == [("p1", "new"), ("p2", None), ("p3", None)]


def test_seeing_a_row_again_later_does_not_move_its_second_clock(catalog: Catalog, rows: Rows) -> None:
    post = {"post_id": "p1", "event_ts": MARCH, "text": "same"}
    catalog.merge(POSTS, rows(POSTS, {**post, "ingested_ts": MARCH}))
    catalog.merge(POSTS, rows(POSTS, {**post, "ingested_ts": APRIL, "source": "another"}))
    assert content(catalog.read(POSTS).select("ingested_ts", "source")) == [(MARCH, "test")]


def test_maps_are_compared_by_content(catalog: Catalog, rows: Rows) -> None:
    catalog.merge(USERS, rows(USERS, {"user_id": "u", "attributes": {"a": "1", "b": "2"}}))
    assert catalog.merge(USERS, rows(USERS, {"user_id": "u", "attributes": {"b": "2", "a": "1"}})).rows == 0
    assert catalog.merge(USERS, rows(USERS, {"user_id": "u", "attributes": {"a": "1"}})).rows == 1


def test_replacing_keys_takes_away_what_is_no_longer_said(catalog: Catalog, rows: Rows) -> None:
    both = rows(SCORES, *({"as_of": as_of, "user_id": "u", "score": 1} for as_of in (MARCH, APRIL)))
    catalog.replace_keys(SCORES, both, keys=both.select("user_id"))
    one = rows(SCORES, {"as_of": MARCH, "user_id": "u", "score": 2})
    for _ in range(2):
        catalog.replace_keys(SCORES, one, keys=one.select("user_id"))
    assert content(catalog.read(SCORES)) == [(MARCH, "u", 2)]


def test_personal_columns_stay_out_of_the_statistics_in_the_log(catalog: Catalog, rows: Rows, tmp_path: Path) -> None:
    secret = {"user_id": "SECRET-ID", "handle": "SECRET-HANDLE", "language": "VISIBLE"}
    catalog.merge(USERS, rows(USERS, secret))
    log = "".join(p.read_text() for p in (tmp_path / "house/silver/users/_delta_log").glob("*.json"))
    assert "VISIBLE" in log, "statistics of other columns are kept, or this test shows nothing"
    assert "SECRET" not in log


def test_silver_has_a_change_feed(catalog: Catalog, rows: Rows) -> None:
    catalog.merge(POSTS, rows(POSTS, {"post_id": "p1", "event_ts": MARCH}))
    changes = catalog.spark.read.format("delta").option("readChangeFeed", True).option("startingVersion", 0)
    assert changes.load(catalog.address(POSTS)).where("_change_type = 'insert'").count() == 1


def test_an_unknown_column_is_refused_with_both_schemas_and_taken_on_when_asked(catalog: Catalog, rows: Rows) -> None:
    scores = rows(SCORES, {"as_of": MARCH, "user_id": "u", "score": 1})
    catalog.replace_slice(SCORES, scores, as_of=MARCH)
    wider = scores.withColumn("reach", F.lit(7))
    with pytest.raises(ContractError) as refused:
        catalog.replace_slice(SCORES, wider, as_of=MARCH)
    assert "reach" in str(refused.value)
    assert "found:" in str(refused.value)
    assert "expected:" in str(refused.value)
    evolving(catalog).replace_slice(SCORES, wider, as_of=MARCH)
    assert catalog.spark.read.format("delta").load(catalog.address(SCORES)).first()["reach"] == 7
    # and the narrower contract goes on reading and writing
    catalog.replace_slice(SCORES, scores, as_of=MARCH)
    assert content(catalog.read(SCORES)) == [(MARCH, "u", 1)]


def test_a_contract_that_gained_a_nullable_column_is_taken_on_only_when_asked(catalog: Catalog, rows: Rows) -> None:
    catalog.replace_slice(SCORES, rows(SCORES, {"as_of": MARCH, "user_id": "u", "score": 1}), as_of=MARCH)
    wider = Table(
        SCORES.name, StructType([*SCORES.schema, column("reach", IntegerType(), "people")]),
        key=SCORES.key, comment="", partition=SCORES.partition,
    )  # fmt: skip
    with pytest.raises(ContractError, match="without reach"):
        catalog.read(wider)
    assert content(evolving(catalog).read(wider)) == [(MARCH, "u", 1, None)]
    more = rows(wider, {"as_of": APRIL, "user_id": "u", "score": 2, "reach": 5})
    evolving(catalog).replace_slice(wider, more, as_of=APRIL)
    assert content(catalog.read(wider)) == [(MARCH, "u", 1, None), (APRIL, "u", 2, 5)]


def test_another_type_is_refused_even_when_evolving(catalog: Catalog, rows: Rows) -> None:
    wrong = rows(SCORES, {"as_of": MARCH, "user_id": "u", "score": 1}).withColumn("score", F.lit("high"))
    with pytest.raises(ContractError, match="other types for score"):
        evolving(catalog).replace_slice(SCORES, wrong, as_of=MARCH)


def test_a_table_that_belongs_to_another_schema_is_refused(catalog: Catalog, rows: Rows) -> None:
    catalog.spark.range(3).write.format("delta").save(catalog.address(SCORES))
    with pytest.raises(ContractError, match=r"gold\.test_scores"):
        catalog.read(SCORES)
    with pytest.raises(ContractError, match=r"gold\.test_scores"):
        catalog.replace_slice(SCORES, rows(SCORES, {"as_of": MARCH, "user_id": "u"}), as_of=MARCH)


def test_files_that_are_no_delta_table_are_not_written_over(catalog: Catalog, rows: Rows) -> None:
    catalog.spark.range(3).write.parquet(catalog.address(SCORES))
    with pytest.raises(ContractError, match="no Delta table of ours"):
        catalog.append(SCORES, rows(SCORES))


def test_a_null_in_a_column_that_must_have_a_value_is_refused(catalog: Catalog, rows: Rows) -> None:
    hole = rows(SCORES, {"as_of": MARCH, "user_id": "u"}).withColumn("user_id", F.lit(None).cast("string"))
    with pytest.raises(ContractError, match="must have one"):
        catalog.replace_slice(SCORES, hole, as_of=MARCH)


def test_a_missing_table_says_which_and_where(catalog: Catalog) -> None:
    with pytest.raises(ContractError, match=r"no table gold\.test_scores"):
        catalog.read(SCORES)
    assert catalog.read_or_empty(SCORES).columns == SCORES.columns


def test_a_root_that_cannot_be_written_is_a_sentence(spark_session: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    catalog = Catalog(spark_session, CatalogParams(root=str(tmp_path / "file" / "house")), run_id="r")
    with pytest.raises(ResourceError, match="nothing can be written"):
        catalog.require_writable()


def test_a_relative_root_is_in_the_working_folder(
    spark_session: SparkSession, rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Java keeps the folder that it started in, so the expectation is taken from there and not from this process.
    started_in = spark_session._jvm.java.lang.System.getProperty("user.dir")  # type: ignore[union-attr]
    name = f"build/{tmp_path.name}"
    catalog = Catalog(spark_session, CatalogParams(root=name), run_id="r")
    assert catalog.address(SCORES) == f"{started_in}/{name}/gold/test_scores"
    assert (
        Catalog(spark_session, CatalogParams(root="s3a://bucket/lake"), run_id="r").params.root == "s3a://bucket/lake"
    )
    try:
        catalog.replace_slice(SCORES, rows(SCORES, {"as_of": MARCH, "user_id": "u"}), as_of=MARCH)
        assert catalog.row_count(SCORES) == 1
    finally:
        shutil.rmtree(f"{started_in}/{name}", ignore_errors=True)


def test_a_stream_is_merged_and_a_replay_changes_nothing(catalog: Catalog, rows: Rows, tmp_path: Path) -> None:
    catalog.append(SCORES, rows(SCORES, {"as_of": MARCH, "user_id": "u", "score": 1}))
    mirror = Table("gold.test_mirror", SCORES.schema, key=SCORES.key, comment="copy")
    for attempt in ("one", "two"):
        query = catalog.merge_stream(mirror, catalog.read_stream(SCORES), checkpoint=str(tmp_path / attempt))
        assert query.awaitTermination(60)
    assert content(catalog.read(mirror)) == [(MARCH, "u", 1)]


def test_the_run_remembers_what_it_read_and_wrote(catalog: Catalog, rows: Rows) -> None:
    catalog.replace_slice(SCORES, rows(SCORES, {"as_of": MARCH, "user_id": "u"}), as_of=MARCH)
    catalog.replace_slice(SCORES, rows(SCORES, {"as_of": APRIL, "user_id": "u"}), as_of=APRIL)
    later = Catalog(catalog.spark, catalog.params, run_id="later")
    later.read(SCORES, version=1)
    assert catalog.written[SCORES.name].rows == 2
    assert catalog.written[SCORES.name].version == 2
    assert later.read_versions == {SCORES.name: 1}
    assert later.written == {}
    assert (
        DeltaTable.forPath(catalog.spark, catalog.address(SCORES))
        .history(1)
        .first()["userMetadata"]
        .endswith("test-run")
    )


@pytest.fixture
def metastore(spark_session: SparkSession, tmp_path: Path) -> Iterator[Catalog]:
    """A catalog of named tables, in a schema whose files are in the test's own folder."""
    spark_session.sql(f"CREATE SCHEMA gold LOCATION '{tmp_path}/gold'")
    yield Catalog(spark_session, CatalogParams(kind="metastore", root=str(tmp_path / "house")), run_id="test-run")
    spark_session.sql("DROP SCHEMA gold CASCADE")


@pytest.mark.parametrize("kind", ["path", "metastore"])
def test_the_rows_a_table_holds_are_told_after_every_kind_of_write(
    kind: str, rows: Rows, request: pytest.FixtureRequest
) -> None:
    catalog: Catalog = request.getfixturevalue({"path": "catalog", "metastore": "metastore"}[kind])

    def march(*users: str) -> DataFrame:
        return rows(SCORES, *({"as_of": MARCH, "user_id": user, "score": 1} for user in users))

    april = rows(SCORES, {"as_of": APRIL, "user_id": "u", "score": 1})
    writes: list[Callable[[], object]] = [
        lambda: catalog.merge(SCORES, march("u", "v")),
        lambda: catalog.merge(SCORES, march("v", "w")),
        lambda: catalog.append(SCORES, april),
        lambda: catalog.replace_slice(SCORES, march("u"), as_of=MARCH),
        lambda: catalog.delete(SCORES, F.col("as_of") == APRIL),
        lambda: catalog.replace(SCORES, march("x", "y", "z")),
        lambda: catalog.replace_keys(SCORES, march("x"), keys=march("x", "y").select("user_id")),
    ]
    told = []
    for write in writes:
        write()
        told.append(catalog.rows_after()[SCORES.name])
        assert told[-1] == catalog.row_count(SCORES), told
    assert told == [2, 3, 4, 2, 1, 3, 2]
    assert content(catalog.read(SCORES)) == [(MARCH, "x", 1), (MARCH, "z", 1)]
    detail = catalog._delta(SCORES).detail().first()
    assert detail is not None
    assert (detail["partitionColumns"], detail["description"]) == (["as_of"], SCORES.comment)
    with pytest.raises(ContractError, match="must have one"):
        catalog.append(SCORES, march("v").withColumn("user_id", F.lit(None).cast("string")))


def test_a_column_that_the_contract_gained_is_null_in_old_rows_and_taken_on_by_the_next_write(
    catalog: Catalog, rows: Rows
) -> None:
    catalog.replace_slice(SCORES, rows(SCORES, {"as_of": MARCH, "user_id": "u", "score": 1}), as_of=MARCH)
    schema = StructType([*SCORES.schema, column("method", StringType(), "how")])
    required = replace(SCORES, schema=schema)
    with pytest.raises(ContractError, match="without method"):
        catalog.read(required)
    gained = replace(required, added=("method",))
    assert content(catalog.read(gained)) == [(MARCH, "u", 1, None)]
    news = rows(gained, {"as_of": APRIL, "user_id": "u", "score": 2, "method": "exact"})
    catalog.replace_slice(gained, news, as_of=APRIL)
    assert content(catalog.read(gained)) == [(MARCH, "u", 1, None), (APRIL, "u", 2, "exact")]
