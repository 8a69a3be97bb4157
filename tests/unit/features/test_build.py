"""The job: slices replaced, consent kept, nothing written by a dry run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from social_signals.core.errors import DataQualityError
from social_signals.core.progress import Progress
from social_signals.features import USER_FEATURES, FeatureParams
from social_signals.governance import ConsentParams
from social_signals.jobs import build_features
from social_signals.jobs.build_features import BuildFeaturesJob
from social_signals.jobs.job import Context
from social_signals.tables.catalog import Catalog
from social_signals.tables.silver import CONSENTS, INTERACTIONS, POSTS
from social_signals.tables.store import CatalogParams


@pytest.fixture
def context(spark_session: SparkSession, tmp_path: Path) -> Context:
    catalog = Catalog(spark_session, CatalogParams(root=str(tmp_path)), run_id="test")
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    return Context(spark=spark_session, catalog=catalog, run_id="test", now=now, progress=Progress(enabled=False))


def test_the_job_builds_the_newest_slice_of_those_who_consented_and_again_the_same(
    context: Context, rows: Callable[..., DataFrame], given, june_1: datetime
) -> None:
    catalog = context.catalog
    catalog.append(POSTS, rows(POSTS))
    catalog.append(INTERACTIONS, rows(INTERACTIONS, given.act("ann", 0.5, to="bob"), given.act("cat", 2)))
    refusal = {"user_id": "cat", "purpose": "profiling", "granted": False, "event_ts": june_1 - timedelta(days=1)}
    catalog.append(CONSENTS, rows(CONSENTS, refusal))

    plan = build_features.run(BuildFeaturesJob(dry_run=True), context)
    assert (plan.status, plan.as_of) == ("dry_run", june_1)
    assert not catalog.exists(USER_FEATURES)

    assert build_features.run(BuildFeaturesJob(), context).as_of == june_1
    first = sorted(map(repr, catalog.read(USER_FEATURES).collect()))
    assert [row.split("user_id='")[1][:3] for row in first] == ["ann", "bob"]

    # A day earlier cat had not refused yet; the newest slice stays as it is.
    day_before = june_1 - timedelta(days=1)
    build_features.build(
        context, as_of=[day_before, june_1], features=BuildFeaturesJob().features, consent=ConsentParams()
    )
    both = catalog.read(USER_FEATURES).collect()
    assert sorted(repr(row) for row in both if row.as_of == june_1.replace(tzinfo=None)) == first
    assert [row.user_id for row in both if row.as_of == day_before.replace(tzinfo=None)] == ["cat"]


def test_without_anybody_who_acted_there_is_no_default_cutoff(context: Context, rows: Callable[..., DataFrame]) -> None:
    context.catalog.append(POSTS, rows(POSTS))
    context.catalog.append(INTERACTIONS, rows(INTERACTIONS))
    with pytest.raises(DataQualityError, match="nobody has acted"):
        build_features.run(BuildFeaturesJob(), context)


def test_late_rows_renew_only_the_people_they_are_about_and_a_full_build_gives_the_same(
    context: Context, rows: Callable[..., DataFrame], given, june_1: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    catalog, cutoffs = context.catalog, [june_1 - timedelta(days=30), june_1]
    crowd = [given.act(f"u{n}", 40, to=f"u{n + 1}") for n in range(8)]
    catalog.merge(POSTS, rows(POSTS, given.post("ann", 50, "p")))
    catalog.merge(INTERACTIONS, rows(INTERACTIONS, *crowd, given.act("bob", 45, target_post_id="p")))
    refusal = {"user_id": "u7", "purpose": "profiling", "granted": False, "event_ts": june_1 - timedelta(days=1)}

    def build(rebuild: str) -> tuple[list[str], int]:
        caplog.clear()
        with caplog.at_level("INFO"):
            features = FeatureParams(rebuild=rebuild)
            build_features.build(context, as_of=cutoffs, features=features, consent=ConsentParams())
        return sorted(map(repr, catalog.read(USER_FEATURES).collect())), catalog.version(USER_FEATURES) or 0

    first, version = build("auto")
    assert build("auto") == (first, version)
    assert "2 slices of gold.user_features are up to date" in caplog.text

    # Seen between the two cut-offs: the older slice stays as it is. ann is renewed through her post alone.
    late = given.act("cat", 35, target_post_id="p", ingested_ts=june_1 - timedelta(days=2))
    catalog.merge(INTERACTIONS, rows(INTERACTIONS, late))
    catalog.merge(CONSENTS, rows(CONSENTS, refusal))
    renewed, newer = build("auto")
    assert "1 of 2 slices of gold.user_features have changed" in caplog.text
    assert "built in full" not in caplog.text
    assert newer == version + 1
    difference = {row.split("user_id='")[1].split("'")[0] for row in set(renewed) ^ set(first)}
    assert difference == {"ann", "cat", "u7"}
    assert build("full") == (renewed, newer + 1)
