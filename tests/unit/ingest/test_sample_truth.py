"""What is planted in the generated world is visible in its tables by simple statistics."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from social_signals.ingest.sample import SampleParams, sample_tables, sample_truth

# Strong effects and little noise, so that a few thousand people are enough to see them.
PARAMS = SampleParams(users=2000, days=360, interactions=40_000, seed=5, campaign_lift=2.0, experiment_lift=1.5)


@pytest.fixture(scope="module")
def tables(spark_session: SparkSession) -> dict[str, DataFrame]:
    return {name: frame.localCheckpoint() for name, frame in sample_tables(spark_session, PARAMS).items()}


@pytest.fixture(scope="module")
def truth(spark_session: SparkSession) -> dict[str, DataFrame]:
    return {name: frame.localCheckpoint() for name, frame in sample_truth(spark_session, PARAMS).items()}


def number(frame: DataFrame, value: str) -> float:
    row = frame.selectExpr(f"{value} AS value").first()
    assert row is not None
    return float(row["value"])


def test_nobody_acts_after_falling_silent(tables: dict[str, DataFrame], truth: dict[str, DataFrame]) -> None:
    lives = truth["users"].select(F.col("user_id").alias("actor_id"), "silent_ts", "return_ts", "gone_ts")
    acts = tables["interactions"].join(lives, on="actor_id", how="inner")
    is_after = F.col("event_ts") >= F.col("silent_ts")
    is_back = (F.col("event_ts") >= F.col("return_ts")) & (
        F.col("gone_ts").isNull() | (F.col("event_ts") < F.col("gone_ts"))
    )
    assert acts.where(is_after & ~F.coalesce(is_back, F.lit(False))).count() == 0
    assert truth["users"].where(F.col("return_ts").isNotNull()).count() > 10


def test_people_fall_silent_as_often_as_their_hazard_says(truth: dict[str, DataFrame]) -> None:
    weeks = truth["user_weeks"].join(truth["users"], on="user_id", how="inner").where("week_start_ts >= join_ts")
    lived = weeks.where("silent_ts IS NULL OR week_start_ts <= silent_ts")
    expected = number(lived, "sum(hazard)")
    assert number(truth["users"], "count(silent_ts)") == pytest.approx(expected, rel=0.1)
    assert number(weeks, "corr(hazard, experience)") < -0.4


def test_churners_are_treated_worse_in_their_last_weeks(
    tables: dict[str, DataFrame], truth: dict[str, DataFrame]
) -> None:
    replies = tables["posts"].where("parent_post_id IS NOT NULL").join(truth["posts"], on="post_id", how="inner")
    parents = tables["posts"].select(F.col("post_id").alias("parent_post_id"), F.col("author_id").alias("user_id"))
    received = replies.join(parents, on="parent_post_id", how="inner").join(truth["users"], on="user_id", how="inner")
    near = received.where("silent_ts IS NOT NULL AND event_ts >= silent_ts - INTERVAL 30 DAYS")
    stayed = received.where("silent_ts IS NULL")
    positive = "avg(CAST(sentiment = 'positive' AS INT))"
    assert number(near, positive) < number(stayed, positive) - 0.15
    leavers = truth["users"].where("silent_ts IS NOT NULL AND silent_ts >= join_ts + INTERVAL 30 DAYS").count()
    stayers = truth["users"].where("silent_ts IS NULL AND NOT is_anchor AND NOT is_rising").count()
    last_month = stayed.where("NOT is_anchor AND NOT is_rising AND event_ts >= '2023-11-27'").count()
    assert near.count() / leavers < 0.7 * last_month / stayers


def test_rising_creators_grow_and_are_engaged_with_before_they_do(
    tables: dict[str, DataFrame], truth: dict[str, DataFrame]
) -> None:
    counts = (
        tables["user_snapshots"]
        .groupBy("user_id")
        .agg(
            F.min_by("follower_count", "snapshot_ts").alias("first"),
            F.max_by("follower_count", "snapshot_ts").alias("last"),
        )
    )
    grown = counts.join(truth["users"], on="user_id", how="inner")
    assert number(grown.where("is_rising"), "percentile(last / first, 0.5)") > 5
    assert number(grown.where("NOT is_rising"), "percentile(last / first, 0.5)") < 1.5
    assert number(grown.where("is_rising"), "percentile(first, 0.5)") < number(grown, "percentile(first, 0.6)")


def test_quality_drives_engagement_more_than_followers_do(
    tables: dict[str, DataFrame], truth: dict[str, DataFrame]
) -> None:
    received = tables["interactions"].where("target_post_id IS NOT NULL AND actor_id IS NOT NULL AND kind <> 'mention'")
    posts = tables["posts"].where("parent_post_id IS NULL").groupBy(F.col("author_id").alias("user_id")).count()
    engaged = received.groupBy(F.col("target_user_id").alias("user_id")).agg(F.count("*").alias("received"))
    people = (
        posts.where("count >= 5")
        .join(engaged, on="user_id", how="inner")
        .join(truth["users"], on="user_id", how="inner")
    )
    rates = people.where("NOT is_rising").withColumn("rate", F.log(F.col("received") / F.col("count")))
    by_quality = number(rates, "corr(rate, quality)")
    by_followers = number(rates, "corr(rate, log(base_audience))")
    assert by_quality > 0.4
    assert by_quality > by_followers > 0


def test_group_b_receives_less(spark_session: SparkSession) -> None:
    # A bias of half is seen in a small world; the default of 15 % takes a large one.
    params = SampleParams(users=2000, days=120, interactions=30_000, seed=5, group_bias=0.5)
    world = sample_tables(spark_session, params, names=["posts", "interactions"])
    known = sample_truth(spark_session, params)["users"]
    readers = world["interactions"].where("interaction_id LIKE 'ia-%'").select(F.col("target_user_id").alias("user_id"))
    posts = world["posts"].where("parent_post_id IS NULL").select(F.col("author_id").alias("user_id"))
    known = known.where("NOT is_anchor AND NOT is_rising")
    received = {r["group"]: r["count"] for r in readers.join(known, on="user_id").groupBy("group").count().collect()}
    written = {r["group"]: r["count"] for r in posts.join(known, on="user_id").groupBy("group").count().collect()}
    ratio = (received["b"] / written["b"]) / (received["a"] / written["a"])
    # Friends are not swayed: a half of the readers is lost, none of the friends.
    assert 0.45 < ratio < 0.9


def test_the_experiment_lifts_purchases_by_what_the_truth_says(
    tables: dict[str, DataFrame], truth: dict[str, DataFrame]
) -> None:
    arms = tables["exposures"].select("user_id", "variant", F.col("event_ts").alias("met_ts"))
    bought = tables["interactions"].where("kind = 'purchase'").select(F.col("actor_id").alias("user_id"), "event_ts")
    within = "event_ts >= met_ts AND event_ts < met_ts + INTERVAL 56 DAYS"
    per_arm = (
        arms.join(bought, on="user_id", how="left")
        .groupBy("variant")
        .agg(F.sum(F.expr(f"CAST({within} AS INT)")).alias("bought"), F.countDistinct("user_id").alias("people"))
    )
    rates = {row["variant"]: row["bought"] / row["people"] for row in per_arm.collect()}
    lift = number(truth["experiments"], "lift")
    assert rates["treatment"] / rates["control"] == pytest.approx(1 + lift, rel=0.35)


def test_a_campaign_lifts_purchases_of_the_exposed_only(
    tables: dict[str, DataFrame], truth: dict[str, DataFrame]
) -> None:
    campaigns = tables["campaigns"].join(truth["campaigns"].where("lift >= 2"), on="campaign_id", how="inner")
    seen = tables["interactions"].where("kind = 'view' AND campaign_id IS NOT NULL AND interaction_id LIKE 'ic-%'")
    exposed = seen.select(F.col("actor_id").alias("user_id"), "campaign_id", F.col("event_ts").alias("met_ts"))
    followers = (
        tables["interactions"]
        .where("kind = 'follow'")
        .select(
            F.col("actor_id").alias("user_id"),
            F.col("target_user_id").alias("creator_id"),
            F.col("event_ts").alias("follow_ts"),
        )
    )
    bought = tables["interactions"].where("kind = 'purchase'").select(F.col("actor_id").alias("user_id"), "event_ts")
    reached = campaigns.join(followers, on="creator_id", how="inner").where("follow_ts < start_ts")
    alive = truth["users"].select("user_id", "silent_ts", "community")
    known = reached.drop("community").join(alive, on="user_id").where("silent_ts IS NULL OR silent_ts >= end_ts")
    marked = known.join(exposed, on=["user_id", "campaign_id"], how="left").drop("event_ts")
    after_first_week = "event_ts >= start_ts + INTERVAL 7 DAYS AND event_ts < end_ts"
    counted = marked.join(bought, on="user_id", how="left").join(
        truth["campaigns"].select("campaign_id", F.col("community").alias("home")), on="campaign_id", how="inner"
    )
    own = (
        counted.where("community = home")
        .groupBy(F.col("met_ts").isNotNull().alias("exposed"))
        .agg(
            F.sum(F.expr(f"CAST(coalesce({after_first_week}, false) AS INT)")).alias("bought"),
            F.countDistinct("user_id", "campaign_id").alias("people"),
        )
    )
    rates = {row["exposed"]: row["bought"] / row["people"] for row in own.collect()}
    assert rates[True] > 1.3 * rates[False]


def test_most_interactions_stay_in_the_community(tables: dict[str, DataFrame], truth: dict[str, DataFrame]) -> None:
    where = truth["users"].select("user_id", "community")
    acts = tables["interactions"].where("interaction_id LIKE 'ia-%'").select("actor_id", "target_user_id")
    both = acts.join(where.toDF("actor_id", "actor_community"), on="actor_id").join(
        where.toDF("target_user_id", "target_community"), on="target_user_id"
    )
    share = number(both, "avg(CAST(actor_community = target_community AS INT))")
    assert 0.75 < share < 0.92


def test_surveys_follow_the_experience_and_consents_the_stated_shares(
    tables: dict[str, DataFrame], truth: dict[str, DataFrame]
) -> None:
    weekly = truth["user_weeks"].select("user_id", F.date_trunc("week", "week_start_ts").alias("week"), "experience")
    answers = tables["surveys"].withColumn("week", F.date_trunc("week", "event_ts"))
    assert number(answers.join(weekly, on=["user_id", "week"]), "corr(score, experience)") > 0.5
    first = tables["consents"].groupBy("user_id", "purpose").agg(F.min_by("granted", "event_ts").alias("granted"))
    shares = {
        row["purpose"]: row["share"]
        for row in first.groupBy("purpose").agg(F.avg(F.col("granted").cast("int")).alias("share")).collect()
    }
    assert shares["profiling"] == pytest.approx(0.91, abs=0.03)
    assert shares["messaging"] == pytest.approx(0.60, abs=0.04)
    assert first.select("user_id").distinct().count() == pytest.approx(0.97 * PARAMS.users, rel=0.02)
