"""Random draws that are functions of (seed, name of the draw, keys): the same at any parallelism and on any machine."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import cycle, islice

from pyspark.sql import Column
from pyspark.sql import functions as F

_SEPARATOR = "\x1f"


def draw(seed: int, name: str, *keys: Column) -> Column:
    """64 random bits."""
    salt = int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8], "big", signed=True)
    return F.xxhash64(F.lit(salt).cast("long"), *[key.cast("long") for key in keys])


def uniform(seed: int, name: str, *keys: Column) -> Column:
    """A double in [0, 1)."""
    return F.shiftrightunsigned(draw(seed, name, *keys), 11) * F.lit(2.0**-53)


def normal(seed: int, name: str, *keys: Column) -> Column:
    """A double of mean 0 and deviation 1 in (-3.5, 3.5): the sum of four uniforms, exact on every machine."""
    bits = draw(seed, name, *keys)
    parts = [F.shiftrightunsigned(bits, shift).bitwiseAND(F.lit(0xFFFF)) for shift in (0, 16, 32, 48)]
    total = parts[0] + parts[1] + parts[2] + parts[3]
    scaled: Column = (total.cast("double") / 65536.0 - 2.0) * 3.0**0.5
    return scaled


def index(count: Column | int, seed: int, name: str, *keys: Column) -> Column:
    """A long in [0, count)."""
    bound = count if isinstance(count, Column) else F.lit(count)
    return F.pmod(draw(seed, name, *keys), bound.cast("long"))


def burst(rate: Column, seed: int, name: str, *keys: Column) -> Column:
    """A count of mean `rate`, geometric: people act in bursts, so quiet weeks are more common than Poisson says."""
    odds = rate / (1.0 + rate)
    # 1 - u lies in (0, 1], and a rate of 0 makes both logarithms' ratio null.
    count = F.floor(F.log(1.0 - uniform(seed, name, *keys)) / F.log(odds))
    return F.when(rate > 0, F.coalesce(count, F.lit(0))).otherwise(0).cast("int")


def choose(rows: Sequence[Sequence[str]], row: Column, at: Column) -> Column:
    """The text at position `at` (any long) of row `row` (0-based) of a small table of texts."""
    width = max(len(texts) for texts in rows)
    flat = [text for texts in rows for text in islice(cycle(texts), width)]
    # Splitting one literal is folded to a constant array, where an array of literals is a plan of hundreds of nodes.
    table = F.split(F.lit(_SEPARATOR.join(flat)), _SEPARATOR)
    return F.element_at(table, (row * width + F.pmod(at, F.lit(width)) + 1).cast("int"))


def choose_one(texts: Sequence[str], at: Column) -> Column:
    """The text at position `at` (any long) of a small list."""
    return choose([texts], F.lit(0), at)


def numbers(values: Sequence[float], at: Column) -> Column:
    """The number at position `at` (0-based) of a small list."""
    table = F.split(F.lit(",".join(map(repr, map(float, values)))), ",").cast("array<double>")
    return F.element_at(table, (at + 1).cast("int"))


def each(first: Column | int, last: Column | int) -> Column:
    """One row per long from `first` to `last`, both included."""
    low, high = (bound if isinstance(bound, Column) else F.lit(bound) for bound in (first, last))
    return F.explode(F.sequence(low.cast("long"), high.cast("long")))
