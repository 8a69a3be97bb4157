"""Facts seen from cut-offs: which of them were known by then, and how old each was.

Instants are microseconds since 1970 here: integers compare, subtract and sum exactly, whatever the order of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.core.times import EPOCH
from social_signals.tables.silver import USER_ID

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US

EVENT_US = "event_us"
KNOWN_US = "known_us"
AS_OF_US = "as_of_us"
AGE_US = "age_us"


def micros(instant: datetime) -> int:
    """Microseconds since 1970-01-01 UTC of an aware instant, exact."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def instant_of(us: int) -> datetime:
    """The aware UTC instant of a number of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=us)


def known_us(*instants: str) -> Column:
    """From when on a row can be used: the latest of its clocks, in microseconds."""
    clocks = [F.unix_micros(F.col(name)) for name in instants]
    return F.greatest(*clocks) if len(clocks) > 1 else clocks[0]


def by_person(facts: DataFrame) -> DataFrame:
    """The same rows, each person's in one partition.

    Facts are shuffled here once, narrow, before cut-offs multiply them: groups and windows of (as_of, person) and the
    joins between the families then need no shuffle. A number of partitions of its own keeps the sides of those joins
    alike, and keeps adaptive execution from merging partitions that are small only until the cut-offs multiply them.
    """
    said = str(facts.sparkSession.conf.get("spark.sql.shuffle.partitions"))
    # Databricks also takes "auto" there.
    partitions = int(said) if said.isdigit() else 200
    return facts.repartition(partitions, F.col(USER_ID))


def seen_from(facts: DataFrame, as_of: Sequence[datetime], *, within_days: int | None = None) -> DataFrame:
    """One row per fact and cut-off by which it was known: adds `as_of_us` and `age_us` (more than 0).

    facts has `event_us` and `known_us` (event_us <= known_us). A fact belongs to `as_of` when known_us < as_of, and,
    with `within_days`, when event_us >= as_of - within_days.
    """
    # An explode of a literal array runs inside the generated code of its stage; a join against a frame of cut-offs
    # would add a broadcast and a nested loop for the same rows.
    cutoffs = F.array(*[F.lit(cutoff) for cutoff in sorted({micros(instant) for instant in as_of})])
    seen = facts.withColumn(AS_OF_US, F.explode(cutoffs)).where(F.col(KNOWN_US) < F.col(AS_OF_US))
    seen = seen.withColumn(AGE_US, F.col(AS_OF_US) - F.col(EVENT_US))
    return seen if within_days is None else seen.where(in_last(within_days))


def in_last(days: int, *, age: str = AGE_US) -> Column:
    """The fact, `age` microseconds old, lies in [as_of - days, as_of)."""
    return F.col(age) <= F.lit(days * DAY_US)


def in_window(days: int | None) -> Column:
    """`in_last(days)`, or true for all time."""
    return F.lit(True) if days is None else in_last(days)


def count_if(condition: Column) -> Column:
    return F.count(F.when(condition, F.lit(1)))


def youngest(condition: Column) -> Column:
    """Days from the newest fact that meets the condition to the cut-off; null where there is none."""
    return F.min(F.when(condition, F.col(AGE_US))) / F.lit(float(DAY_US))


def ratio(part: Column, whole: Column) -> Column:
    """part / whole as a double; null where whole is 0 or null."""
    return part.cast("double") / F.when(whole != 0, whole.cast("double"))


def log_ratio(recent: Column, earlier: Column) -> Column:
    """ln((recent + 1) / (earlier + 1)): 0 for no change, symmetric for growth and decline."""
    return F.log((recent + F.lit(1)).cast("double") / (earlier + F.lit(1)).cast("double"))
