"""One Spark session for each process of the run: pytest-spark's fixtures, with the suite's own session builder behind them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
# A heap that begins at its size, and pages of 2 MB where the system gives them: one that grows from 370 MB was collected 309 times in 160
# seconds of tests, which took 15 of their seconds, and 5 where it began with 3 GB. Nor are the classes of Spark's own jars verified in each process
# (tests/pipeline/test_ingest.py took 121 core-seconds of Java for 132).
_MEMORY = os.environ.get("TEST_DRIVER_MEMORY", "4g")
_ROOM = (
    f"-Xms{_MEMORY} -XX:NewRatio=1 -XX:MetaspaceSize=300m -XX:+IgnoreUnrecognizedVMOptions -XX:+UseTransparentHugePages"
)
_TRUSTED = "-XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote"
# Fifty times a second Hadoop starts `chmod` or `readlink`; a helper of Java's in between was 3 % of all that both cores did.
_NO_HELPER = "-Djdk.lang.Process.launchMechanism=VFORK" if sys.platform == "linux" else ""

# Adaptive execution plans every stage of a query anew: on tables of twenty rows a third of all CPU (measured: 168 s against 116 s for
# tests/unit/network/test_features.py). Nor is Java written and compiled for each plan: for so few rows that takes longer than it saves
# (137 core-seconds against 107 for tests/pipeline/test_annotate.py and tests/unit/features/test_build.py). All of it is on in what runs
# as a process of its own, from the wheel or on a cluster, and where a test asks for it (`spark_as_it_comes`).
_OFF_FOR_FEW_ROWS = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
_AS_IT_COMES = {
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.codegen.wholeStage": "true",
    "spark.sql.codegen.factoryMode": "FALLBACK",
}

# Two cores and few partitions: a shuffle of six rows should not start 200 tasks.
TEST_PLATFORM = PlatformParams(
    master="local[2]",
    driver_memory=_MEMORY,
    shuffle_partitions=2,
    java_options=f"-XX:+UseSerialGC {_INLINE_LITTLE} {_ROOM} {_TRUSTED} {_NO_HELPER}",
    packages=os.environ.get("TEST_PACKAGES", "").split(),
    conf={
        "spark.ui.enabled": "false",
        # Nobody reads the plans that Spark writes out for its page; in full they were a twenty-fifth of Java's work.
        "spark.sql.ui.explainMode": "simple",
        # Each sort and each hashed join of twenty rows took a page of 64 MB, which filled the heap: five files of tests collected 7 s, 2.6 s
        # with small pages.
        "spark.buffer.pageSize": "1m",
        "spark.sql.warehouse.dir": "/nonexistent/use-a-catalog",
        **_OFF_FOR_FEW_ROWS,
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


@contextmanager
def spark_as_it_comes(spark: SparkSession) -> Iterator[None]:
    """With what tests of few rows switch off, for those of many: the pipeline of a real community with fifty slices took 234
    core-seconds for 319, one of 200 generated people 320 for 284."""
    try:
        for name, value in _AS_IT_COMES.items():
            spark.conf.set(name, value)
        yield
    finally:
        for name, value in _OFF_FOR_FEW_ROWS.items():
            spark.conf.set(name, value)


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
        frame = spark_session.createDataFrame(filled, table.schema)
        # As rows that the driver holds: Spark knows how few they are, and broadcasts them where it would shuffle a frame made from
        # Python (five files of tests took 90 s for 109 s).
        session: Any = spark_session._jsparkSession
        return DataFrame(session.createDataFrame(frame._jdf.collectAsList(), frame._jdf.schema()), spark_session)

    return build


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The public data beside the checkout; a test that asks for it is skipped, with this reason, where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the public data folder ../shared/data is not beside this checkout")
    return SHARED_DATA
