"""Two writers of one table at the same moment. The second one commits while the first one's transaction is open: no luck needed."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from delta.exceptions import ProtocolChangedException
from delta.tables import DeltaTableBuilder
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import IntegerType, StringType, StructType, TimestampType

from social_signals.core.errors import ContractError, WriteConflictError
from social_signals.core.session import beside
from social_signals.tables.catalog import Catalog
from social_signals.tables.store import CatalogParams
from social_signals.tables.table import Table, column

MARCH, APRIL = (datetime(2020, month, 1, tzinfo=timezone.utc) for month in (3, 4))
SCORES = Table(
    "gold.test_scores",
    StructType(
        [
            column("as_of", TimestampType(), "cut-off", nullable=False),
            column("user_id", StringType(), "person", nullable=False),
            column("score", IntegerType(), "score"),
        ]
    ),
    key=("as_of", "user_id"),
    comment="One row per person at a cut-off.",
    partition=("as_of",),
)
Row = tuple[datetime, str, int]


class Writer:
    """A run with a catalog and a session of its own. Its waits are noted and not waited for."""

    def __init__(self, spark: SparkSession, root: Path, name: str, gate: Path) -> None:
        self.session = beside(spark)
        self.catalog = Catalog(self.session, CatalogParams(root=str(root)), run_id=name)
        self.waits: list[int] = []
        self.catalog._wait = self.waits.append  # type: ignore[method-assign,assignment]
        self.gate = gate

    def rows(self, *rows: Row) -> DataFrame:
        return self.session.createDataFrame(rows, SCORES.schema)

    def held(self, *rows: Row) -> DataFrame:
        """The same, but whoever works them out says so by a file and waits until another file is there."""
        gate = self.gate

        def wait(frames: Iterator[Any]) -> Iterator[Any]:
            import time

            (gate / "begun").touch()
            until = time.monotonic() + 120
            while not (gate / "go on").exists():
                if time.monotonic() > until:
                    raise TimeoutError("nobody opened the gate")
                time.sleep(0.01)
            yield from frames

        return self.rows(*rows).coalesce(1).mapInPandas(wait, SCORES.schema)


@pytest.fixture
def first(spark_session: SparkSession, tmp_path: Path) -> Writer:
    return Writer(spark_session, tmp_path / "house", "first", tmp_path)


@pytest.fixture
def second(spark_session: SparkSession, tmp_path: Path) -> Writer:
    return Writer(spark_session, tmp_path / "house", "second", tmp_path)


@pytest.fixture
def meanwhile(tmp_path: Path) -> Callable[[Callable[[], object], Callable[[], object]], None]:
    """`meanwhile(write, other)`: `other` is done from beginning to end while the transaction of `write` is open."""

    def run(write: Callable[[], object], other: Callable[[], object]) -> None:
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(write)
            opened = threading.Event()
            while not (tmp_path / "begun").exists() and not running.done():
                opened.wait(0.01)
            assert not running.done(), running.exception()
            try:
                other()
            finally:
                (tmp_path / "go on").touch()
            running.result(timeout=120)

    return run


def stored(writer: Writer) -> list[Row]:
    found = writer.catalog.read(SCORES).collect()
    return sorted((r["as_of"].astimezone(timezone.utc), r["user_id"], r["score"]) for r in found)


Meanwhile = Callable[[Callable[[], object], Callable[[], object]], None]


def test_writers_of_different_slices_both_succeed_at_once(first: Writer, second: Writer, meanwhile: Meanwhile) -> None:
    first.catalog.create(SCORES)
    meanwhile(
        lambda: first.catalog.replace_slice(SCORES, first.held((MARCH, "u", 1)), as_of=MARCH),
        lambda: second.catalog.replace_slice(SCORES, second.rows((APRIL, "u", 2)), as_of=APRIL),
    )
    assert stored(first) == [(MARCH, "u", 1), (APRIL, "u", 2)]
    assert first.waits == second.waits == []


@pytest.mark.parametrize("is_there", [False, True], ids=["new slice", "slice that is there"])
def test_of_two_writers_of_one_slice_the_first_to_commit_wins_and_the_other_waits_looks_and_ends_with_4(
    first: Writer, second: Writer, meanwhile: Meanwhile, is_there: bool
) -> None:
    first.catalog.create(SCORES)
    if is_there:
        first.catalog.replace_slice(SCORES, first.rows((MARCH, "u", 0), (MARCH, "v", 0)), as_of=MARCH)
    with pytest.raises(WriteConflictError, match=r"second wrote the same slice of gold\.test_scores") as lost:
        meanwhile(
            lambda: first.catalog.replace_slice(SCORES, first.held((MARCH, "u", 1)), as_of=MARCH),
            lambda: second.catalog.replace_slice(SCORES, second.rows((MARCH, "u", 2)), as_of=[MARCH, APRIL]),
        )
    assert lost.value.exit_code == 4
    assert stored(first) == [(MARCH, "u", 2)]
    assert (first.waits, second.waits) == ([1], [])


def test_slices_by_a_column_that_lays_out_no_files_cost_a_wait_and_both_stay(
    first: Writer, second: Writer, meanwhile: Meanwhile
) -> None:
    table = replace(SCORES, partition=())
    first.catalog.create(table)
    meanwhile(
        lambda: first.catalog.replace_slice(table, first.held((MARCH, "u", 1)), as_of=MARCH),
        lambda: second.catalog.replace_slice(table, second.rows((APRIL, "u", 2)), as_of=APRIL),
    )
    assert stored(first) == [(MARCH, "u", 1), (APRIL, "u", 2)]
    assert first.waits == [1]


def test_upkeep_of_the_same_slice_costs_a_wait_and_no_row(first: Writer, second: Writer, meanwhile: Meanwhile) -> None:
    for user in ("u", "v"):
        first.catalog.append(SCORES, first.rows((MARCH, user, 0)))
    meanwhile(
        lambda: first.catalog.replace_slice(SCORES, first.held((MARCH, "u", 1)), as_of=MARCH),
        lambda: second.catalog.optimize(SCORES),
    )
    assert stored(first) == [(MARCH, "u", 1)]
    assert first.waits == [1]


def test_of_two_first_loads_at_once_no_row_is_lost(first: Writer, second: Writer, meanwhile: Meanwhile) -> None:
    meanwhile(
        lambda: first.catalog.merge(SCORES, first.held((MARCH, "u", 1))),
        lambda: second.catalog.merge(SCORES, second.rows((MARCH, "v", 2))),
    )
    assert stored(first) == [(MARCH, "u", 1), (MARCH, "v", 2)]


def test_a_first_load_that_comes_between_the_look_and_the_write_is_not_overwritten(
    first: Writer, second: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = first.catalog._is_empty

    def look_then_lose(table: Table) -> bool:
        answer = looked(table)
        if answer:
            second.catalog.merge(SCORES, second.rows((MARCH, "v", 2)))
        return answer

    monkeypatch.setattr(first.catalog, "_is_empty", look_then_lose)
    written = first.catalog.merge(SCORES, first.rows((MARCH, "u", 1)))
    assert written.rows == 1
    assert stored(first) == [(MARCH, "u", 1), (MARCH, "v", 2)]


def test_merges_into_known_partitions_do_not_wait_for_each_other_and_others_do(
    first: Writer, second: Writer, meanwhile: Meanwhile, tmp_path: Path
) -> None:
    first.catalog.merge(SCORES, first.rows((MARCH, "u", 0), (APRIL, "u", 0)))
    meanwhile(
        lambda: first.catalog.merge(SCORES, first.held((MARCH, "u", 1)), where={"as_of": MARCH}),
        lambda: second.catalog.merge(SCORES, second.rows((APRIL, "u", 2)), where={"as_of": APRIL}),
    )
    assert first.waits == []
    assert stored(first) == [(MARCH, "u", 1), (APRIL, "u", 2)]
    for file in ("begun", "go on"):
        (tmp_path / file).unlink()
    meanwhile(
        lambda: first.catalog.merge(SCORES, first.held((MARCH, "u", 3))),
        lambda: second.catalog.merge(SCORES, second.rows((APRIL, "u", 4))),
    )
    assert first.waits == [1], "without literals every merge reads the whole table, or this test shows nothing"
    assert stored(first) == [(MARCH, "u", 3), (APRIL, "u", 4)]


def test_a_row_outside_the_partitions_of_its_merge_is_refused(first: Writer) -> None:
    first.catalog.merge(SCORES, first.rows((MARCH, "u", 0)))
    with pytest.raises(ContractError, match="outside"):
        first.catalog.merge(SCORES, first.rows((APRIL, "u", 1)), where={"as_of": MARCH})
    assert stored(first) == [(MARCH, "u", 0)]


def test_of_two_that_replace_the_same_keys_neither_adds_to_the_other(
    first: Writer, second: Writer, meanwhile: Meanwhile
) -> None:
    first.catalog.merge(SCORES, first.rows((MARCH, "u", 0), (APRIL, "u", 0), (APRIL, "w", 0)))
    mine, theirs = (MARCH, "u", 1), (MARCH, "u", 2)
    meanwhile(
        lambda: first.catalog.replace_keys(SCORES, first.held(mine), keys=first.rows(mine).select("user_id")),
        lambda: second.catalog.replace_keys(SCORES, second.rows(theirs), keys=second.rows(theirs).select("user_id")),
    )
    assert stored(first) == [mine, (APRIL, "w", 0)]
    assert first.waits == [1]


def test_a_table_that_another_process_makes_at_the_same_moment_is_taken_as_it_is(
    first: Writer, spark_session: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Catalog(spark_session, CatalogParams(root=str(tmp_path / "elsewhere")), run_id="elsewhere").create(SCORES)
    place = first.catalog.address(SCORES).removeprefix("file:")
    attempts = []
    execute = DeltaTableBuilder.execute

    def beaten(builder: DeltaTableBuilder) -> object:
        attempts.append(builder)
        if len(attempts) > 1:
            return execute(builder)
        jvm: Any = first.session._jvm
        # what Delta remembers of the place: nothing there
        jvm.org.apache.spark.sql.delta.DeltaLog.forTable(first.session._jsparkSession, place)
        shutil.copytree(tmp_path / "elsewhere" / "gold" / "test_scores", place)
        assert not first.catalog.exists(SCORES)
        raise ProtocolChangedException("the table was made by another process", stackTrace="")

    monkeypatch.setattr(DeltaTableBuilder, "execute", beaten)
    first.catalog.create(SCORES)
    assert len(attempts) == 2
    assert first.catalog.version(SCORES) == 0, "made once"
    assert first.catalog.replace_slice(SCORES, first.rows((MARCH, "a", 1)), as_of=MARCH).rows == 1
