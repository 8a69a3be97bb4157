"""A few people held against each other, on the shared lakehouse."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from social_signals.core.errors import ConfigError
from social_signals.jobs.compare_influence import CompareParams, pairs_of
from social_signals.models.ladder import Band, Ladder
from tests.pipeline.conftest import Ran


def test_each_two_of_a_few_people_are_told_apart_as_they_are_ranked(
    job_runner: Callable[..., Ran], sample_run: Ran, tmp_path: Path, spark_session: SparkSession
) -> None:
    root = Path(shutil.copytree(sample_run.root, tmp_path / "lakehouse"))
    scores = spark_session.read.format("delta").load(str(root / "gold/influence_scores")).orderBy("rank")
    ranked = [row["user_id"] for row in scores.limit(9).collect()]
    asked = [ranked[8], ranked[0], ranked[4]]
    as_of = f"as_of={sample_run.summary.as_of}"
    ran = job_runner("compare_influence", root, as_of, f"compare.people=[{','.join(asked)}]")
    assert ran.code == 0, ran.summary.error
    pairs = ran.summary.metrics["compare"]["pairs"]
    assert [(one["a"], one["b"]) for one in pairs] == [
        (ranked[0], ranked[4]), (ranked[0], ranked[8]), (ranked[4], ranked[8])
    ]  # fmt: skip
    assert all(0.5 <= one["p"] <= 1 and one["low"] <= one["p"] <= one["high"] for one in pairs)
    unknown = job_runner("compare_influence", root, as_of, f"compare.people=[{ranked[0]},nobody]")
    assert (unknown.code, unknown.summary.error["kind"]) == (3, "DataQualityError")
    assert "1 are not known" in unknown.summary.error["problem"]


def test_a_probability_comes_with_its_interval_where_there_is_one() -> None:
    rows = pd.DataFrame({"user_id": ["a", "b"], "margin": [1.0, 0.0]})
    (told,) = pairs_of(rows, Ladder(2.0, band=Band([0.0, 4.0], [0.4, 0.6], [0.6, 1.0])))
    assert told == {"a": "a", "b": "b", "p": 0.880797, "low": 0.5, "high": 0.880797}
    (told,) = pairs_of(rows, Ladder(2.0))
    assert (told["low"], told["high"]) == (None, None)


@pytest.mark.parametrize("people", [["a"], ["a", "a"], [str(n) for n in range(51)]])
def test_too_few_too_many_or_the_same_person_twice_is_a_sentence(people: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"compare\.people names"):
        CompareParams(people)
