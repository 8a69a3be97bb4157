"""What a row must be to enter silver. A check is a Column: the reason in words where it fails, null where it holds.

To add a check: write a function here and name it in `CHECKS`. All that fail are reported, not only the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, DataType, DoubleType, IntegerType, LongType, MapType, TimestampType

from social_signals.tables.silver import (
    CAMPAIGNS,
    CONSENTS,
    COST,
    END_TS,
    FOLLOWER_COUNT,
    FOLLOWING_COUNT,
    INTERACTIONS,
    ITEMS,
    KIND,
    KINDS,
    LISTED_COUNT,
    POST_COUNT,
    PRICE,
    PURPOSE,
    PURPOSES,
    SCORE,
    START_TS,
    SURVEYS,
    USER_SNAPSHOTS,
    VALUE,
)
from social_signals.tables.table import Table

EARLIEST = datetime(1990, 1, 1, tzinfo=timezone.utc)
# A clock may run ahead and a zone be unknown: a day is forgiven. Plans may lie ahead.
CLOCK_SKEW = timedelta(days=1)
PLANNED_AHEAD = timedelta(days=3660)
PLANNED = (START_TS, END_TS)
WORDS = {TimestampType: "time", LongType: "whole number", IntegerType: "whole number", DoubleType: "number",
         BooleanType: "yes or no", MapType: "JSON object"}  # fmt: skip

BETWEEN_REASONS = "\n"

Check = Callable[[], Column]


def present(name: str) -> Column:
    return F.when(F.col(name).isNull(), F.lit(f"{name} is missing"))


def readable(name: str, text: str, kind: DataType) -> Column:
    """The text was there and is no value of the type."""
    is_lost = F.col(text).isNotNull() & F.col(name).isNull()
    return F.when(is_lost, F.lit(f"{name} is not a {WORDS[type(kind)]} that can be read"))


def plausible_time(name: str, *, now: datetime) -> Column:
    """In [1990-01-01, now + 1 day]; what is planned may lie ten years ahead."""
    latest = now + (PLANNED_AHEAD if name in PLANNED else CLOCK_SKEW)
    is_off = (F.col(name) < EARLIEST) | (F.col(name) > latest)
    return F.when(is_off, F.lit(f"{name} is before 1990 or in the future"))


def not_negative(name: str) -> Column:
    return F.when(F.col(name) < 0, F.lit(f"{name} is negative"))


def finite(name: str) -> Column:
    return F.when(F.isnan(name) | (F.abs(F.col(name)) == float("inf")), F.lit(f"{name} is not finite"))


def one_of(name: str, known: Sequence[str]) -> Column:
    return F.when(~F.col(name).isin(*known), F.lit(f"{name} is none of {', '.join(known)}"))


def within(name: str, low: int, high: int) -> Column:
    return F.when(~F.col(name).between(low, high), F.lit(f"{name} is not {low} to {high}"))


def money_not_negative() -> Column:
    is_money = F.col(KIND).isin("purchase", "refund")
    return F.when(is_money & (F.col(VALUE) < 0), F.lit("value of a purchase or refund is negative"))


def ends_after_it_starts() -> Column:
    return F.when(F.col(END_TS) < F.col(START_TS), F.lit("end_ts is before start_ts"))


CHECKS: dict[str, list[Check]] = {
    INTERACTIONS.name: [lambda: one_of(KIND, KINDS), money_not_negative],
    CONSENTS.name: [lambda: one_of(PURPOSE, PURPOSES)],
    SURVEYS.name: [lambda: within(SCORE, 0, 10)],
    ITEMS.name: [lambda: not_negative(PRICE), lambda: not_negative(COST)],
    CAMPAIGNS.name: [lambda: not_negative(COST), ends_after_it_starts],
    USER_SNAPSHOTS.name: [
        lambda: not_negative(FOLLOWER_COUNT), lambda: not_negative(FOLLOWING_COUNT),
        lambda: not_negative(POST_COUNT), lambda: not_negative(LISTED_COUNT),
    ],
}  # fmt: skip


@dataclass(frozen=True)
class Raw:
    """Where the text of a typed column waits while it is checked."""

    name: str
    text: str
    kind: DataType


def reasons(table: Table, *, required: Sequence[str], raws: Sequence[Raw], now: datetime) -> Column:
    """Every reason why a typed row may not enter the table, as an array; empty where none is found."""
    unreadable = {raw.name: readable(raw.name, raw.text, raw.kind) for raw in raws}
    # One that cannot be read is not also missing.
    findings = [F.coalesce(unreadable[n], present(n)) if n in unreadable else present(n) for n in required]
    findings += [check for name, check in unreadable.items() if name not in required]
    findings += [plausible_time(raw.name, now=now) for raw in raws if isinstance(raw.kind, TimestampType)]
    findings += [finite(raw.name) for raw in raws if isinstance(raw.kind, DoubleType)]
    findings += [check() for check in CHECKS.get(table.name, [])]
    # Joined and split again: a filter over an array is not compiled, and took a third of the time of a load.
    joined = F.concat_ws(BETWEEN_REASONS, *findings)
    return F.when(joined == "", F.array().cast("array<string>")).otherwise(F.split(joined, BETWEEN_REASONS))
