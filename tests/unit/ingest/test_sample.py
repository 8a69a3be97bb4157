"""The generated world keeps its contracts, is the same at any parallelism, and refers only to what is there."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from social_signals.core.errors import ConfigError
from social_signals.ingest.sample import SampleParams, sample_tables, sample_truth
from social_signals.tables.silver import INGESTED_TS, KINDS, PURPOSES, SOURCE, silver_table

PARAMS = SampleParams(users=120, interactions=3000, days=200, seed=11)
START = datetime(2023, 1, 1, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def tables(spark_session: SparkSession) -> dict[str, DataFrame]:
    return {name: frame.localCheckpoint() for name, frame in sample_tables(spark_session, PARAMS).items()}


def fingerprint(frame: DataFrame) -> tuple[int, int]:
    """Rows, and a sum of hashes that does not depend on their order."""
    text = F.to_json(F.struct(*frame.columns))
    row = frame.agg(F.count(F.lit(1)), F.sum(F.xxhash64(text).cast("decimal(38,0)"))).first()
    assert row is not None
    return int(row[0]), int(row[1] or 0)


def test_the_same_params_give_the_same_rows_at_any_parallelism(
    spark_session: SparkSession, tables: dict[str, DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The people in another order, in another number of partitions, and so everything made from them.
    from social_signals.ingest.sample import people as made

    original = made.people
    monkeypatch.setattr(
        "social_signals.ingest.sample.tables.people", lambda spark, world: original(spark, world=world).repartition(7)
    )
    again = sample_tables(spark_session, PARAMS, names=["users", "posts", "interactions", "surveys", "consents"])
    for name, frame in again.items():
        assert fingerprint(frame) == fingerprint(tables[name]), name


def test_another_seed_gives_another_world(spark_session: SparkSession, tables: dict[str, DataFrame]) -> None:
    params = SampleParams(users=120, interactions=3000, days=200, seed=12)
    other = sample_tables(spark_session, params, names=["users"])
    assert fingerprint(other["users"]) != fingerprint(tables["users"])


def test_the_tables_have_the_columns_and_types_of_their_contracts(tables: dict[str, DataFrame]) -> None:
    for name, frame in tables.items():
        wanted = [field for field in silver_table(name).schema if field.name not in (INGESTED_TS, SOURCE)]
        assert frame.columns == [field.name for field in wanted], name
        assert [f.dataType for f in frame.schema] == [field.dataType for field in wanted], name


def test_what_may_not_be_null_is_not_and_keys_are_unique(tables: dict[str, DataFrame]) -> None:
    for name, frame in tables.items():
        contract = silver_table(name)
        never_null = [f.name for f in contract.schema if not f.nullable and f.name not in (INGESTED_TS, SOURCE)]
        nulls = [F.sum(F.col(column).isNull().cast("int")) for column in never_null]
        row = frame.agg(F.count(F.lit(1)), F.countDistinct(F.struct(*contract.key)), *nulls).first()
        assert row is not None
        assert row[0] > 0, name
        assert row[0] == row[1], f"{name} has a key twice"
        assert not any(row[2:]), f"{name}: a null in {never_null}"


def test_every_id_exists(tables: dict[str, DataFrame]) -> None:
    users, posts = tables["users"].select("user_id"), tables["posts"].select("post_id")
    items, campaigns = tables["items"].select("item_id"), tables["campaigns"].select("campaign_id")
    acts, written = tables["interactions"], tables["posts"]
    references = {
        "user_id": (users, [acts.select("actor_id"), acts.select("target_user_id"), written.select("author_id"),
                            tables["campaigns"].select("creator_id"), *(tables[name].select("user_id") for name in
                            ("user_snapshots", "exposures", "surveys", "consents"))]),
        "post_id": (posts, [acts.select("target_post_id"), written.select("parent_post_id")]),
        "item_id": (items, [acts.select("item_id"), written.select("item_id")]),
        "campaign_id": (campaigns, [acts.select("campaign_id"), written.select("campaign_id"),
                                    tables["surveys"].select("campaign_id")]),
    }  # fmt: skip
    for key, (known, uses) in references.items():
        named = uses[0].toDF(key)
        for use in uses[1:]:
            named = named.unionByName(use.toDF(key))
        assert named.where(F.col(key).isNotNull()).join(known, on=key, how="left_anti").count() == 0, key


def test_everything_happens_within_the_world_and_after_those_concerned_joined(tables: dict[str, DataFrame]) -> None:
    end = START + timedelta(days=PARAMS.days)
    for name, column in {"users": "created_ts", "user_snapshots": "snapshot_ts"}.items():
        times = tables[name].agg(F.min(column), F.max(column)).first()
        assert times is not None
        assert START <= times[0].astimezone(timezone.utc) <= times[1].astimezone(timezone.utc) < end
    joined = tables["users"].select("user_id", "created_ts")
    acts = tables["interactions"].join(joined.withColumnRenamed("user_id", "actor_id"), on="actor_id", how="left")
    late, outside = F.col("event_ts") < F.col("created_ts"), (F.col("event_ts") < START) | (F.col("event_ts") >= end)
    assert acts.where(late | outside).count() == 0


def test_a_comment_is_a_post_with_a_parent_and_an_interaction_at_the_same_instant(tables: dict[str, DataFrame]) -> None:
    acts = tables["interactions"].where(F.col("kind") == "comment").select("actor_id", "target_post_id", "event_ts")
    replies = (
        tables["posts"].where(F.col("parent_post_id").isNotNull()).select("author_id", "parent_post_id", "event_ts")
    )
    assert acts.count() == replies.count()
    assert acts.exceptAll(replies.toDF(*acts.columns)).count() == 0


def test_the_kinds_are_known_and_the_number_is_near_the_wanted(tables: dict[str, DataFrame]) -> None:
    counts = {row["kind"]: row["count"] for row in tables["interactions"].groupBy("kind").count().collect()}
    assert set(counts) == set(KINDS) - {"dislike", "answer_accepted"}
    assert sum(counts.values()) == pytest.approx(3000, rel=0.3)
    assert {row[0] for row in tables["consents"].select("purpose").distinct().collect()} == set(PURPOSES)


def test_the_truth_about_a_text_is_in_the_text(spark_session: SparkSession, tables: dict[str, DataFrame]) -> None:
    truth = sample_truth(spark_session, PARAMS)["posts"].localCheckpoint()
    known = tables["posts"].join(truth, on="post_id", how="inner")
    assert known.count() == tables["posts"].count() == truth.count()
    unnamed = F.exists("entities", lambda entity: ~F.col("text").contains(entity["text"]))
    total = F.abs(F.col("p_negative") + F.col("p_neutral") + F.col("p_positive") - 1)
    left_over = F.col("text").rlike("[{}]") | (F.length("text") < 5)
    assert known.where(unnamed | left_over | (total > 1e-9)).count() == 0
    assert known.where(F.size("entities") > 0).count() > 100


@pytest.mark.parametrize(
    ("setting", "value"),
    [("users", 5), ("days", 10), ("interactions", 0), ("homophily", 1.5), ("noise", -1.0), ("communities", 0)],
)
def test_a_world_that_cannot_be_is_refused(setting: str, value: float) -> None:
    with pytest.raises(ConfigError, match=setting):
        SampleParams(**{setting: value})  # type: ignore[arg-type]


def test_communities_need_not_divide_the_users_evenly(spark_session: SparkSession) -> None:
    for params in (SampleParams(users=23, communities=1, days=60), SampleParams(users=43, communities=5, days=60)):
        people = sample_tables(spark_session, params, names=["users"])["users"]
        assert people.select("user_id").distinct().count() == params.users
