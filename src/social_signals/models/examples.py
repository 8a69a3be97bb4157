"""Rows to learn from: features at past cut-offs joined with what happened, each with its part, checked and fingerprinted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.core.errors import DataQualityError
from social_signals.core.steps import doing
from social_signals.core.times import iso
from social_signals.evaluation.splits import BETWEEN, TEST, TRAIN, VALID, Fold, Splits
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import USER_ID

ROLE = "role"
SHARES = 10_000
# What a driver may hold for calibration, metrics and their intervals; above it, whole people are sampled.
MOST_EVALUATED_ROWS = 50_000
PARTS = (TRAIN, VALID, TEST, BETWEEN)


def with_role(rows: DataFrame, splits: Splits, *, seed: int) -> DataFrame:
    """Adds `role` (train, valid, test, between) by cut-off and, where the split is by person, by a hash of seed and person.

    Rows of cut-offs that no part may learn from are left out.
    """
    share = F.pmod(F.xxhash64(F.lit(seed), F.col(USER_ID)), F.lit(SHARES)) / F.lit(float(SHARES))
    role = F.lit(None).cast("string")
    # Last rule first: test takes precedence over valid, valid over train, as in Splits.role.
    role = F.when(F.col(AS_OF).isin(splits.between), F.lit(BETWEEN)).otherwise(role) if splits.between else role
    role = F.when(F.col(AS_OF).isin(splits.train), F.lit(TRAIN)).otherwise(role) if splits.train else role
    role = _in_part(
        splits.valid, share, splits.test_share if splits.valid_share else 0.0, splits.valid_share, VALID, role
    )
    role = _in_part(splits.test, share, 0.0, splits.test_share, TEST, role)
    return rows.withColumn(ROLE, role).where(F.col(ROLE).isNotNull())


def _in_part(
    cutoffs: Sequence[datetime], share: Column, start: float, width: float, name: str, otherwise: Column
) -> Column:
    if not cutoffs:
        return otherwise
    belongs = F.col(AS_OF).isin(list(cutoffs))
    if width:
        belongs = belongs & (share >= F.lit(start)) & (share < F.lit(start + width))
    return F.when(belongs, F.lit(name)).otherwise(otherwise)


@dataclass(frozen=True)
class Examined:
    """What the examples are: rows and 1s per part, rows of the newest test cut-off, and a fingerprint of their content."""

    rows: dict[str, int]
    positives: dict[str, int]
    largest_cutoff: int
    newest_test: int
    fingerprint: str

    @property
    def before_test(self) -> int:
        """How many rows a model may learn from before it meets the test."""
        return self.rows[TRAIN] + self.rows[VALID] + self.rows[BETWEEN]

    def as_json(self) -> dict[str, Any]:
        told = {part: {"rows": self.rows[part], "positives": self.positives[part]} for part in self.rows}
        return told | {TEST: told[TEST] | {"newest_rows": self.newest_test}}


@doing("look over the examples")
def examine(
    examples: DataFrame,
    *,
    label: str,
    features: Sequence[str],
    is_binary: bool,
    what: str,
    key: Sequence[str] = (AS_OF, USER_ID),
) -> Examined:
    """Count, check and fingerprint the examples in one Spark job, before the training is paid for.

    key: columns that are unique together. The fingerprint is a sum of row hashes: the same rows in any order give the same.
    A label that is null, not 0 or 1 (or, with is_binary=False, negative), a part without rows, or one class only in
    training raises DataQualityError.
    """
    value = F.col(label).cast("double")
    legal = value.isin(0.0, 1.0) if is_binary else value >= 0
    row_hash = F.xxhash64(*key, label, *features).cast("decimal(20,0)")
    found = (
        examples.groupBy(AS_OF, ROLE)
        .agg(
            F.count(F.lit(1)).alias("rows"),
            F.count(F.when(value.isNull() | F.isnan(value), 1)).alias("nulls"),
            F.count(F.when(value.isNotNull() & ~F.isnan(value) & ~legal, 1)).alias("illegal"),
            F.count(F.when(value > 0, 1)).alias("positives"),
            F.sum(row_hash).alias("hash"),
        )
        .collect()
    )
    nulls, illegal = sum(r["nulls"] for r in found), sum(r["illegal"] for r in found)
    if nulls or illegal:
        expected = "0 or 1" if is_binary else "0 or more"
        raise DataQualityError(
            f"{nulls} labels of {what} are null and {illegal} are not {expected}",
            hint="leave out rows whose outcome is not known, and map the others",
        )
    rows = {part: sum(r["rows"] for r in found if r[ROLE] == part) for part in PARTS}
    positives = {part: sum(r["positives"] for r in found if r[ROLE] == part) for part in PARTS}
    _require_rows(rows, positives, found, what=what)
    digest = sum(int(r["hash"]) for r in found) % 2**128
    tested = {r[AS_OF]: int(r["rows"]) for r in found if r[ROLE] == TEST}
    return Examined(
        rows, positives, max(r["rows"] for r in found), tested[max(tested)], f"{sum(rows.values())}-{digest:032x}"
    )


def _require_rows(rows: dict[str, int], positives: dict[str, int], found: list[Any], *, what: str) -> None:
    empty = [part for part, count in rows.items() if count == 0 and part != BETWEEN]
    if empty:
        seen = (
            ", ".join(f"{iso(r[AS_OF])}: {r['rows']}" for r in sorted(found, key=lambda r: r[AS_OF])[:5])
            or "none at all"
        )
        raise DataQualityError(
            f"there is nobody to {' or '.join(empty)} {what} on (people per cut-off: {seen})",
            hint="bring more people or more history; a model needs some dozens of people at several cut-offs, and only those "
            "who consented to profiling count (consent.default holds for who has said nothing)",
        )
    if positives[TRAIN] in (0, rows[TRAIN]):
        kind = "nobody" if positives[TRAIN] == 0 else "everybody"
        raise DataQualityError(
            f"one class only: of {rows[TRAIN]} training examples of {what}, {kind} has the outcome",
            hint="change the horizon or the kinds of interaction that count, or bring more history",
        )


def rows_of_fold(examples: DataFrame, fold: Fold, *, seed: int) -> tuple[DataFrame, Column]:
    """The examples that a fold of a search is about, none of them test, and which of them validate."""
    before = examples.where(F.col(ROLE) != TEST)
    if fold.is_by_person:
        return before, place_of_person("search", parts=fold.parts, seed=seed) == fold.part
    return before.where(F.col(AS_OF).isin([*fold.train, *fold.valid])), F.col(AS_OF).isin(fold.valid)


def place_of_person(purpose: str, *, parts: int, seed: int) -> Column:
    """The part, 0 to parts - 1, that a person falls into for a purpose: the same in every row, whatever else there is."""
    return F.pmod(F.xxhash64(F.lit(seed), F.lit(purpose), F.col(USER_ID)), F.lit(parts))


def sample_of_people(rows: DataFrame, *, total: int, most: int, seed: int) -> DataFrame:
    """At most about `most` of `total` rows, whole people by a hash of seed and person: what a driver may hold."""
    if total <= most:
        return rows
    parts = 1_000_000
    place = F.pmod(F.xxhash64(F.lit(seed), F.lit("sample"), F.col(USER_ID)), F.lit(parts))
    return rows.where(place < F.lit(int(parts * most / total)))
