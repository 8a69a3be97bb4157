"""What is counted of one creator, by eye."""

from __future__ import annotations

from math import log
from statistics import mean, median, pstdev
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from tests.unit.creators.conftest import People

from social_signals.core.errors import ConfigError
from social_signals.creators import CreatorParams
from social_signals.creators.facts import words_of
from social_signals.features import FEATURE_NAMES
from social_signals.tables.gold_creators import QUALITY_MEASURES
from social_signals.tables.gold_network import NETWORK_MEASURES


@pytest.fixture
def eye(found: People) -> dict[str, Any]:
    return found["eye"]


def test_followers_grow_from_reading_to_reading(eye: dict[str, Any]) -> None:
    assert eye["follower_count"] == 2_000
    assert eye["follower_growth_30d"] == pytest.approx(log(2_001 / 1_501))
    assert eye["follower_growth_90d"] == pytest.approx(log(2_001 / 1_001))
    assert eye["follower_acceleration_30d"] == pytest.approx(log(2_001 / 1_501) - log(1_501 / 1_201))


def test_one_reading_tells_no_growth(found: People) -> None:
    assert found["clean0"]["follower_count"] == 2_000
    assert found["clean0"]["follower_growth_30d"] is None


def test_views_are_impressions_and_all_else_but_leaving_is_engagement_once(eye: dict[str, Any]) -> None:
    assert (eye["impressions_30d_count"], eye["impressions_90d_count"]) == (3, 4)
    # 30 days: like, share, four replies; before them a save and four likes
    assert (eye["engagements_30d_count"], eye["engagements_90d_count"]) == (6, 11)
    assert eye["engagement_growth_30d"] == pytest.approx(log(7 / 4))
    assert eye["engagement_acceleration_30d"] == pytest.approx(log(7 / 4) - log(4 / 3))
    assert eye["impression_growth_30d"] == pytest.approx(log(4 / 2))
    # fan0 to fan6; the save was anonymous
    assert eye["audience_90d_count"] == 7


def test_rates_are_per_post_and_follower_and_per_view(eye: dict[str, Any]) -> None:
    assert eye["posts_90d_count"] == 2
    assert eye["engagement_rate_by_followers_90d"] == pytest.approx(11 / 2 / 2_000)
    assert eye["engagement_rate_by_impressions_90d"] == pytest.approx(11 / 4)


def test_consistency_is_of_13_steps(eye: dict[str, Any]) -> None:
    # days 6.4, 7.3, 8.2, 9.1, 10.4 (two), 40.4, 50, 57, 64, 71; day 57 lies in the step of (56, 63]
    steps = [1, 5, 0, 0, 0, 1, 0, 1, 1, 1, 1, 0, 0]
    assert eye["consistency_90d"] == pytest.approx(1 / (1 + pstdev(steps) / mean(steps)))


def test_replies_say_how_they_sound_and_how_much(eye: dict[str, Any]) -> None:
    assert eye["replies_received_90d_count"] == 4
    assert eye["reply_sentiment_90d_mean"] == pytest.approx((0.8 - 0.6) / 2)
    assert eye["reply_negative_90d_ratio"] == 1 / 2
    # of three with a text
    assert eye["substantive_reply_90d_ratio"] == pytest.approx(1 / 3)
    assert eye["one_word_reply_90d_ratio"] == pytest.approx(2 / 3)


def test_a_name_is_told_where_enough_people_say_it(eye: dict[str, Any]) -> None:
    assert eye["reply_entities"] == [{"entity_type": "location", "normalized": "ghent", "authors": 3}]


def test_a_topic_is_owned_by_its_share_of_engagement(found: People, eye: dict[str, Any]) -> None:
    # fan2's like of another's post is the twelfth
    assert eye["topics_owned"] == [{"topic": 7, "share": pytest.approx(11 / 12)}]
    assert found["clean0"]["topics_owned"] == []


def test_the_tier_goes_by_followers_and_the_rate_against_its_median(found: People, eye: dict[str, Any]) -> None:
    assert {row["tier"] for row in found.values()} == {"nano"}
    rates = [row["engagement_rate_by_followers_90d"] for row in found.values()]
    usual = median(rate for rate in rates if rate is not None)
    assert eye["engagement_rate_to_tier_ratio"] == pytest.approx(11 / 2 / 2_000 / usual, rel=0.002)


def test_words_are_counted_in_any_script(spark_session: SparkSession) -> None:
    texts = ["Don't go!", "@bob  👍", "", "わかる ね", "naïve café"]
    row = spark_session.range(1).select(*[words_of(F.lit(text)).alias(str(n)) for n, text in enumerate(texts)]).first()
    assert row is not None
    assert list(row) == [["dont", "go"], [], [], ["わ", "か", "る", "ね"], ["naïve", "café"]]


def test_a_model_gets_no_column_twice() -> None:
    assert set(QUALITY_MEASURES).isdisjoint({*FEATURE_NAMES, *NETWORK_MEASURES})
    assert {"authenticity", "consistency_90d", "engagement_mismatch"} <= set(QUALITY_MEASURES)


@pytest.mark.parametrize(
    ("name", "value"), [("least_engagements", 0), ("ring_from", 1.0), ("burst_most", 1.5), ("mismatch_z", 0.0)]
)
def test_settings_that_make_no_sense_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"creators.{name} is {value}"):
        CreatorParams(**{name: value})  # type: ignore[arg-type]
