"""Sizes of audience, from nano to mega: where each begins."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column
from pyspark.sql import functions as F

TIERS = ("nano", "micro", "mid", "macro", "mega")
# Followers at which a tier begins, as the trade draws the lines.
TIERS_BY_FOLLOWERS = (("mega", 1_000_000), ("macro", 500_000), ("mid", 100_000), ("micro", 10_000))
# Where no follower is known: the share of people, by engagement received or by audience, above which a tier begins.
TIERS_BY_SHARE = (("mega", 0.99), ("macro", 0.95), ("mid", 0.80), ("micro", 0.50))


def tier_by_followers(followers: Column) -> Column:
    """The tier of a number of followers; nano where it is not known."""
    tier = F.lit(TIERS[0])
    for name, least in reversed(TIERS_BY_FOLLOWERS):
        tier = F.when(followers >= F.lit(least), F.lit(name)).otherwise(tier)
    return tier


def tier_above(value: Column, limits: Mapping[str, Column]) -> Column:
    """The highest tier whose limit, by name, lies below the value; nano under all of them."""
    tier = F.lit(TIERS[0])
    for name, _ in reversed(TIERS_BY_SHARE):
        tier = F.when(value > limits[name], F.lit(name)).otherwise(tier)
    return tier
