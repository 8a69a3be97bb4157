"""One Spark session for each process of the run: pytest-spark's fixtures, with the suite's own session builder behind them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from social_signals.core.session import PlatformParams, make_session
from social_signals.tables.table import Table

REPOSITORY = Path(__file__).parents[1]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"

# Half of what Java does on tables of twenty rows is to compile itself, and most of that is inlining for loops that never come. With little
# of it three files of tests took 161 core-seconds of Java where they took 210 (the driver's thread 67 for 59, the compiler 29 for 76);
# without the second compiler it was not less, since Spark plans at half the speed then.
_INLINE_LITTLE = "-XX:MaxInlineLevel=3 -XX:InlineSmallCode=500 -XX:FreqInlineSize=150"

# Two cores and few partitions: a shuffle of six rows should not start 200 tasks.
TEST_PLATFORM = PlatformParams(
    master="local[2]",
    driver_memory=os.environ.get("TEST_DRIVER_MEMORY", "4g"),
    shuffle_partitions=2,
    java_options=f"-XX:+UseSerialGC {_INLINE_LITTLE}",
    packages=os.environ.get("TEST_PACKAGES", "").split(),
    # Adaptive execution plans every stage of a query anew: on tables of twenty rows a third of all CPU (measured: 168 s against
    # 116 s for tests/unit/network/test_features.py). What runs as a process of its own, from the wheel or on a cluster, has it on.
    conf={
        "spark.ui.enabled": "false",
        "spark.sql.warehouse.dir": "/nonexistent/use-a-catalog",
        "spark.sql.adaptive.enabled": "false",
        # Nor is Java written and compiled for each plan: for so few rows that takes longer than it saves (measured: 137 core-seconds
        # against 107 for tests/pipeline/test_annotate.py and tests/unit/features/test_build.py). It is on in those processes, too.
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    },
)


# Whole pipelines that many tests only read. They run in one process: in a second one Java compiles all of that code anew, which
# takes more of two cores than it gives back (measured: a pipeline of 200 people 230 s alone, 545 s beside two other cold ones).
SHARED_RUNS = {"sample_run", "sample_lakehouse", "french_run"}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Deals out the tests file by file where several processes run; files that read the same pipelines stay together.

    Driver planning keeps a Spark session to little more than one core, so `make test` runs two of them side by side. A rehearsed
    failure starts processes of its own, and is dealt out by itself.
    """
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):  # type: ignore[misc,unused-ignore]
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::", 1)[0]
            if file.startswith("tests/chaos/"):
                return nodeid
            words = set(re.findall(r"\w+", (REPOSITORY / file).read_text(encoding="utf-8")))
            return "shared runs" if SHARED_RUNS & words else file

    return ByFile(config, log)


@pytest.fixture(scope="session")
def _spark_session() -> SparkSession:
    """pytest-spark's `spark_session` and `spark_context` take their session from here."""
    return make_session(TEST_PLATFORM, app_name="tests")


@pytest.fixture(autouse=True)
def _no_catalog_state_is_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "spark_session" in request.fixturenames:
        spark: Any = request.getfixturevalue("spark_session")
        spark.catalog.clearCache()
        # Asking Spark for the list of its views takes a query, a tenth of a second after each of a thousand tests.
        spark._jsparkSession.sessionState().catalog().clearTempTables()


@pytest.fixture(scope="session")
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
