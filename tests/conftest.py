"""One Spark session for each process of the run: pytest-spark's fixtures, with the suite's own session builder behind them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from social_signals.core.session import PlatformParams, make_session
from social_signals.tables.table import Table

REPOSITORY = Path(__file__).parents[1]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"

# Two cores and few partitions: a shuffle of six rows should not start 200 tasks.
TEST_PLATFORM = PlatformParams(
    master="local[2]",
    driver_memory=os.environ.get("TEST_DRIVER_MEMORY", "4g"),
    shuffle_partitions=2,
    java_options="-XX:+UseSerialGC",
    packages=os.environ.get("TEST_PACKAGES", "").split(),
    conf={"spark.ui.enabled": "false", "spark.sql.warehouse.dir": "/nonexistent/use-a-catalog"},
)


# Where several processes run, whole files are dealt out in this order, then all others as they come: long ones first, and the
# one that makes the sample's lakehouse well before those that read it.
FIRST = (
    "test_pipeline", "test_community", "test_annotate", "test_ingest", "test_wheel", "test_build", "test_churn_text",
    "test_followers", "test_notebook", "test_time_to_churn", "test_topics",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(FIRST)))


@pytest.fixture(scope="session")
def _spark_session() -> SparkSession:
    """pytest-spark's `spark_session` and `spark_context` take their session from here."""
    return make_session(TEST_PLATFORM, app_name="tests")


@pytest.fixture(autouse=True)
def _no_catalog_state_is_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "spark_session" in request.fixturenames:
        spark: SparkSession = request.getfixturevalue("spark_session")
        spark.catalog.clearCache()
        for view in spark.catalog.listTables():
            if view.isTemporary:
                spark.catalog.dropTempView(view.name)


@pytest.fixture
def rows(spark_session: SparkSession) -> Callable[..., DataFrame]:
    """`rows(TABLE, {...}, {...})`: a frame through the table's own schema; what is not named is null, or a filler where
    the contract has no null: `source` is "test" and `ingested_ts` the row's own time."""

    def build(table: Table, *records: dict[str, object]) -> DataFrame:
        from social_signals.core.times import EPOCH
        from social_signals.tables.silver import INGESTED_TS, SOURCE, event_time_column

        own_time = event_time_column(table)
        filled = []
        for record in records:
            unknown = set(record) - set(table.columns)
            assert not unknown, f"{table.name} has no {unknown}"
            defaults = {SOURCE: "test", INGESTED_TS: record.get(own_time or "") or EPOCH}
            filled.append(tuple(record.get(name, defaults.get(name)) for name in table.columns))
        return spark_session.createDataFrame(filled, table.schema)

    return build


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The public data beside the checkout; a test that asks for it is skipped, with this reason, where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the public data folder ../shared/data is not beside this checkout")
    return SHARED_DATA
