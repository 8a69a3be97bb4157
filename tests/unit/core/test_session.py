"""The session speaks UTC and Delta, and has the jars of the one list."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from pyspark.sql import SparkSession

from social_signals.core.errors import ConfigError
from social_signals.core.session import PlatformParams, settings


def test_the_session_speaks_utc_and_delta(spark_session: SparkSession, tmp_path) -> None:
    instant = datetime(2020, 3, 1, 12, tzinfo=timezone.utc)
    frame = spark_session.createDataFrame([(instant,)], "event_ts timestamp")
    frame.write.format("delta").save(str(tmp_path / "t"))
    seen = spark_session.read.format("delta").load(str(tmp_path / "t")).selectExpr("cast(event_ts as string)").first()
    assert seen is not None
    assert seen[0] == "2020-03-01 12:00:00"


def test_the_platform_has_the_last_word_on_any_spark_setting() -> None:
    assert (
        settings(PlatformParams(conf={"spark.sql.session.timeZone": "UTC+0"}))["spark.sql.session.timeZone"] == "UTC+0"
    )


@pytest.mark.parametrize("wrong", [{"device": "gpu"}, {"deploy_mode": "both"}, {"shuffle_partitions": 0}])
def test_a_platform_that_cannot_be_is_refused_at_the_door(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        PlatformParams(**wrong)  # type: ignore[arg-type]
