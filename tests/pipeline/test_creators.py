"""Creators as a job on the shared lakehouse."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql.functions import lit

from social_signals.core.progress import Progress
from social_signals.core.times import parse_instant
from social_signals.creators import CreatorParams
from social_signals.governance import ConsentParams
from social_signals.jobs.assess_creators import with_quality
from social_signals.jobs.job import Context
from social_signals.tables.catalog import Catalog
from social_signals.tables.gold_creators import QUALITY_MEASURES
from social_signals.tables.store import CatalogParams
from tests.pipeline.conftest import Ran


def test_everybody_seen_lately_is_assessed_and_the_second_run_writes_nothing(
    job_runner: Callable[..., Ran], sample_run: Ran, tmp_path: Path, spark_session: SparkSession
) -> None:
    root = Path(shutil.copytree(sample_run.root, tmp_path / "lakehouse"))
    ran = job_runner("assess_creators", root, f"as_of={sample_run.summary.as_of}")
    assert ran.code == 0, ran.summary.error
    people = spark_session.read.format("delta").load(str(root / "gold/creator_quality"))
    first = sorted(people.collect())
    again = job_runner("assess_creators", root, f"as_of={sample_run.summary.as_of}")
    assert again.code == 0, again.summary.error
    assert "gold.creator_quality" not in again.summary.tables
    assert sorted(people.collect()) == first

    # who wrote or received is among those who were seen lately; others only acted
    features = spark_session.read.format("delta").load(str(root / "gold/user_features"))
    as_of = parse_instant(str(sample_run.summary.as_of))
    here = features.where(features["as_of"] == lit(as_of))
    catalog = Catalog(spark_session, CatalogParams(root=str(root)), run_id="test")
    context = Context(spark_session, catalog, "test", as_of, Progress())
    joined = with_quality(context, here, as_of=[as_of], creators=CreatorParams(), consent=ConsentParams())
    assert joined.columns == [*features.columns, *QUALITY_MEASURES]
    assert joined.where("authenticity IS NOT NULL").count() == len(first) > 50
    assert joined.where("authenticity IS NULL AND posts_90d_count > 0").isEmpty()
