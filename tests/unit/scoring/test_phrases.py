"""What the network and creators' tables measure, in words."""

from __future__ import annotations

import math

import pytest

from social_signals.core.words import MINUS
from social_signals.features import FEATURE_NAMES, Feature
from social_signals.features.posts import POST_FEATURES
from social_signals.scoring.reasons import in_words
from social_signals.tables.gold_creators import QUALITY_MEASURES
from social_signals.tables.gold_network import NETWORK_MEASURES


@pytest.mark.parametrize("value", [0.0, 0.4, 3.0, None])
@pytest.mark.parametrize("measure", [*NETWORK_MEASURES, *QUALITY_MEASURES])
def test_every_measure_has_a_phrase_of_its_own(measure: str, value: float | None) -> None:
    said = in_words(measure, value)
    assert not said.startswith(measure.replace("_", " ") + ":")
    assert "_" not in said


OF_POSTS = [one for one in POST_FEATURES if one.name not in FEATURE_NAMES]


@pytest.mark.parametrize(
    ("feature", "value"),
    [(one, value) for one in OF_POSTS for value in (0.0, 1.0, 30.4, None) if value is not None or one.default is None],
)
def test_every_feature_of_a_post_has_a_phrase_of_its_own(feature: Feature, value: float | None) -> None:
    said = in_words(feature.name, value)
    assert not said.startswith((feature.name.replace("_", " ") + ":", feature.meaning))
    assert "_" not in said


@pytest.mark.parametrize(
    ("measure", "value", "said"),
    [
        ("is_reply", 0.0, "starts a conversation"),
        ("parent_age_hours", 0.3, "less than an hour after what it answers"),
        ("parent_age_hours", 72.0, "3 days after what it answers"),
        ("earlier_received_count", 0.0, "no engagements with the author before"),
        ("parent_age_hours", None, "starts a conversation, or one not seen here"),
        ("like_out_degree", 1.0, "1 person whom they liked"),
        ("pagerank_to_mean_ratio", 12.0, "PageRank 12 times the mean"),
        ("clustering", 0.25, "25% of the pairs among those they deal with deal with each other"),
        ("follower_growth_30d", math.log(1.5), "followers grew by about 50% in 30 days"),
        ("follower_growth_90d", math.log(2.5), "followers grew to about 2.5 times in 90 days"),
        ("engagement_growth_30d", math.log(0.25), "engagement fell by about 75% in 30 days"),
        ("impression_acceleration_30d", -1.0, "views grew slower than in the 30 days before"),
        ("engagement_rate_by_followers_90d", 0.031, "3.1 engagements per post and 100 followers in 90 days"),
        ("burst_hour_90d_ratio", 0.41, "41% of engagement came within one hour"),
        (
            "engagement_mismatch", -4.2,
            f"less engagement for their followers than is usual for their size ({MINUS}4.2 deviations)",
        ),
        ("authenticity", 0.87, "87% of their engagement can be trusted"),
        ("follower_growth_30d", None, "earlier audience not known"),
        ("core_number", None, "dealt with nobody in the network's window"),
    ],
)  # fmt: skip
def test_a_phrase_says_the_value_and_what_it_is_of(measure: str, value: float | None, said: str) -> None:
    assert in_words(measure, value) == said
