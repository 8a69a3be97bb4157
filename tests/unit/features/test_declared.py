"""The declared list is the contract: nothing is measured that is not declared, nothing declared that is not measured."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql.types import DoubleType, LongType

from social_signals.features import FEATURE_NAMES, FEATURES, USER_FEATURES, FeatureParams
from social_signals.features.cutoffs import AS_OF_US
from social_signals.features.listing import SUBJECTS, markdown
from social_signals.features.user_features import measured
from social_signals.tables.gold_texts import POST_ENTITIES, POST_SENTIMENT
from social_signals.tables.silver import INTERACTIONS, POSTS, USER_ID, USER_SNAPSHOTS, USERS

UNITS = (
    "_count",
    "_ratio",
    "_days",
    "_hours",
    "_chars",
    "_value",
    "_mean",
    "_change",
    "_slope",
    "_entropy",
    "_burstiness",
)
RATES = ("is_", "days_since_", "activity_per_", "_per_post")


def test_what_is_measured_is_what_is_declared(rows: Callable[..., DataFrame], june_1) -> None:
    inputs = {
        "interactions": rows(INTERACTIONS),
        "posts": rows(POSTS),
        "users": rows(USERS),
        "user_snapshots": rows(USER_SNAPSHOTS),
        "sentiment": rows(POST_SENTIMENT),
        "entities": rows(POST_ENTITIES),
    }
    people = measured(as_of=[june_1], params=FeatureParams(), **inputs)
    assert Counter(people.columns) == Counter([AS_OF_US, USER_ID, *FEATURE_NAMES])


def test_every_feature_has_a_meaning_a_type_and_a_name_with_its_window_and_unit() -> None:
    for feature in FEATURES:
        assert feature.meaning
        assert feature.kind in (LongType(), DoubleType())
        assert re.fullmatch(r"[a-z0-9_]+", feature.name)
        assert feature.name.endswith(UNITS) or any(part in feature.name for part in RATES), feature.name
        said = [int(days) for days in re.findall(r"_(\d+)d(?=_|$)", feature.name)]
        # A change of n days compares them with days before, so its window is longer than its name says.
        if said and not feature.name.endswith("_log_change") and feature.window_days is not None:
            assert feature.window_days in said, feature.name
    assert len(set(FEATURE_NAMES)) == len(FEATURES) == sum(len(features) for features in SUBJECTS.values())


def test_the_table_shows_each_feature_with_its_meaning_and_window() -> None:
    comments = {field.name: field.metadata["comment"] for field in USER_FEATURES.schema}
    assert comments["posts_30d_count"] == "posts, answers and comments they wrote; [as_of - 30 days, as_of)"
    assert USER_FEATURES.subject_columns == [USER_ID]
    assert USER_FEATURES.purpose == "profiling"


def test_without_any_data_the_frame_is_empty_and_keeps_its_schema(features: Callable[..., DataFrame]) -> None:
    nobody = features()
    assert [(f.name, f.dataType) for f in nobody.schema] == [(f.name, f.dataType) for f in USER_FEATURES.schema]
    assert nobody.isEmpty()


def test_the_page_of_features_is_the_declared_list() -> None:
    page = Path(__file__).parents[3] / "docs" / "features.md"
    assert page.read_text(encoding="utf-8") == markdown(), (
        "run: python -m social_signals.features.listing > docs/features.md"
    )
