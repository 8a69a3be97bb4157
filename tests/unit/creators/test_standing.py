"""Tiers, and what is usual in one."""

from __future__ import annotations

from math import log

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from social_signals.creators.standing import with_tier, with_usual


def people(spark: SparkSession, *rows: tuple[str, int | None, int, float | None]) -> DataFrame:
    """(user_id, follower_count, audience, a sign's ratio) at one cut-off; two posts, ten engagements for each person of the audience."""
    named = "user_id string, follower_count long, audience_90d_count long, sign double"
    return spark.createDataFrame(list(rows), named).selectExpr(
        "*", "0L AS as_of_us", "2L AS posts_90d_count", "10 * audience_90d_count AS engagements_90d_count"
    )


def test_where_no_follower_is_known_the_tier_goes_by_place_among_audiences(spark_session: SparkSession) -> None:
    rows = [(f"u{n:03}", None, n, None) for n in range(100)]
    found = {row["user_id"]: row["tier"] for row in with_tier(people(spark_session, *rows)).collect()}
    assert [found[f"u{n:03}"] for n in (0, 49, 50, 79, 80, 94, 95, 98, 99)] == [
        "nano", "nano", "micro", "micro", "mid", "mid", "macro", "macro", "mega",
    ]  # fmt: skip


def test_what_is_usual_is_of_the_own_tier(spark_session: SparkSession) -> None:
    nano = [(f"n{n}", 100 * (n + 1), 2 * (n + 1), (n + 1) / 10) for n in range(5)]
    rows = [*nano, ("large", 50_000, 100, 0.9), ("unread", None, 3, None)]
    ranked = people(spark_session, *rows).transform(with_tier)
    found = {row["user_id"]: row for row in with_usual(ranked, signs={"sign": F.col("sign")}, least_people=5).collect()}
    assert found["large"]["tier"] == "micro"
    # of 0.1 to 0.5 the quartiles are 0.2 and 0.4
    assert found["n0"]["fence_sign"] == pytest.approx(0.4 + 3 * (0.4 - 0.2))
    assert (found["n0"]["usual_people"], found["large"]["usual_people"]) == (5, 1)
    # too few of its size: of 0.1 to 0.5 and 0.9 the quartiles are 0.225 and 0.475
    assert found["large"]["fence_sign"] == pytest.approx(0.475 + 3 * (0.475 - 0.225))
    # everybody here has one engagement for ten followers and two posts, and one more for the logarithm
    assert found["n3"]["engagement_rate_to_tier_ratio"] == pytest.approx(1.0, abs=1e-3)
    logs = sorted(round(log((20 * (n + 1) + 1) / (200 * (n + 1))), 3) for n in range(5))
    own = log(21 / 200)
    assert found["n0"]["engagement_mismatch"] == pytest.approx(
        (own - logs[2]) / ((logs[3] - logs[1]) / 1.349), rel=1e-6
    )
    # alone in a tier there is nothing to stand out from
    assert found["large"]["engagement_mismatch"] is None
    assert found["unread"]["engagement_rate_by_followers_90d"] is None
