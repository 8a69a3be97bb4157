"""Signs of inauthentic engagement: how strongly each speaks against a person, and in which words."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.creators.measures import DUPLICATES, PEAK_DAY, PEAK_HOUR, WITH_TEXT
from social_signals.creators.params import CreatorParams
from social_signals.creators.rings import RING_PEOPLE
from social_signals.creators.standing import with_usual
from social_signals.features.cutoffs import DAY_US, HOUR_US
from social_signals.tables.gold_creators import AUTHENTICITY, DISCOUNT, DISCOUNT_REASONS, ENGAGEMENTS_90D, POSTS_90D
from social_signals.tables.silver import FOLLOWER_COUNT

HOUR, DAY, RING, DUPLICATE = (
    "burst_hour_90d_ratio", "burst_day_90d_ratio", "ring_90d_ratio", "duplicate_reply_90d_ratio"
)  # fmt: skip
MISMATCH = "engagement_mismatch"
_PART, _FROM = "part_", "from_"


def judged(people: DataFrame, *, params: CreatorParams) -> DataFrame:
    """The people with engagement_rate_to_tier_ratio, engagement_mismatch, discount, authenticity and discount_reasons.

    people: measures and `standing.with_tier`; looked at twice. discount = 1 - the product over signs of (1 - the sign's part): signs that
    agree add up, and none takes away more than its own most. The hour and the day are one sign, the stronger of the two.
    """
    ratios = {name: F.when(_is_judged(name, params), F.col(name)) for name in _thresholds(params)}
    usual = with_usual(people, signs=ratios, least_people=params.least_people)
    begun = usual.withColumns({_FROM + name: start for name, start in _starts(params).items()})
    parts = begun.withColumns({_PART + name: part for name, part in _parts(params).items()})
    hour, day = F.col(_PART + HOUR), F.col(_PART + DAY)
    counted = [F.greatest(hour, day), *[F.col(_PART + name) for name in (RING, DUPLICATE, MISMATCH)]]
    left = reduce(lambda product, part: product * (1 - part), counted, F.lit(1.0))
    said = [
        F.when((hour > 0) & (hour >= day), _burst("one hour of", PEAK_HOUR, HOUR_US, HOUR)),
        F.when((day > 0) & (day > hour), _burst("one day,", PEAK_DAY, DAY_US, DAY)),
        F.when(F.col(_PART + RING) > 0, _ring()),
        F.when(F.col(_PART + DUPLICATE) > 0, _duplicates()),
        F.when(F.col(_PART + MISMATCH) > 0, _mismatch()),
    ]
    return (
        parts.withColumn(DISCOUNT, F.round(1 - left, 6))
        .withColumn(AUTHENTICITY, F.round(1 - F.col(DISCOUNT), 6))
        .withColumn(DISCOUNT_REASONS, F.filter(F.array(*said), lambda reason: reason.isNotNull()))
    )


def _thresholds(params: CreatorParams) -> dict[str, tuple[float, float]]:
    """By ratio: from where it counts, and what it takes away at 1."""
    return {
        HOUR: (params.burst_hour_from, params.burst_most),
        DAY: (params.burst_day_from, params.burst_most),
        RING: (params.ring_from, params.ring_most),
        DUPLICATE: (params.duplicates_from, params.duplicates_most),
    }


def _is_judged(name: str, params: CreatorParams) -> Column:
    if name == DUPLICATE:
        return F.col(WITH_TEXT) >= params.least_replies
    return F.col(ENGAGEMENTS_90D) >= params.least_engagements


def _starts(params: CreatorParams) -> dict[str, Column]:
    """From where each ratio counts against a person: what is usual among their like, or more; null where it cannot count."""
    starts = {}
    for name, (least, _) in _thresholds(params).items():
        fence = F.col(f"fence_{name}")
        bounds = [F.lit(least), F.coalesce(fence, F.lit(0.0))]
        if name in (HOUR, DAY):
            posts = F.when(F.col(POSTS_90D) > 0, F.col(POSTS_90D))
            bounds.append(F.coalesce(F.lit(params.burst_per_post) / posts, F.lit(0.0)))
        start = F.greatest(*bounds)
        # Friends deal back and forth too: without a comparison nobody can tell a circle of friends from a ring.
        starts[name] = F.when(fence.isNotNull(), start) if name == RING else start
    return starts


def _parts(params: CreatorParams) -> dict[str, Column]:
    parts = {}
    for name, (_, most) in _thresholds(params).items():
        start = F.col(_FROM + name)
        beyond = (F.col(name) - start) / (1 - start)
        counts = _is_judged(name, params) & (start < 1) & (F.col(name) > start)
        parts[name] = F.when(counts, beyond * most).otherwise(F.lit(0.0))
    z, at = F.col(MISMATCH), params.mismatch_z
    usual = _usual_engagements()
    is_known = (
        (F.col(FOLLOWER_COUNT) >= params.mismatch_followers)
        & (F.col(POSTS_90D) >= params.mismatch_posts)
        & (F.col("usual_people") >= params.least_people)
    )
    # Too few are too few where enough would have been usual; too many where there are enough.
    too_few = (z <= -at) & (usual >= params.least_engagements)
    too_many = (z >= at) & (F.col(ENGAGEMENTS_90D) >= params.least_engagements)
    beyond = F.least((F.abs(z) - at) / at, F.lit(1.0))
    parts[MISMATCH] = F.when(is_known & (too_few | too_many), beyond * params.mismatch_most).otherwise(F.lit(0.0))
    return parts


def _usual_engagements() -> Column:
    """Engagements that the tier's median rate would give for these posts and followers."""
    return F.exp(F.col("usual_log_rate")) * F.col(POSTS_90D) * F.col(FOLLOWER_COUNT) - 1


def _percent(share: Column) -> Column:
    return F.round(share * 100).cast("long")


def _burst(within: str, place: str, unit_us: int, name: str) -> Column:
    date = F.date_format(F.timestamp_micros(F.col(place) * F.lit(unit_us)), "yyyy-MM-dd")
    return F.format_string(
        f"%d%% of %,d engagements came within {within} %s, where up to %d%% is usual for %,d posts",
        _percent(F.col(name)), F.col(ENGAGEMENTS_90D), date, _percent(F.col(_FROM + name)), F.col(POSTS_90D),
    )  # fmt: skip


def _ring() -> Column:
    return F.format_string(
        "%d%% of %,d engagements came from %,d accounts that engage back and forth with them and with each other",
        _percent(F.col(RING)), F.col(ENGAGEMENTS_90D), F.col(RING_PEOPLE),
    )  # fmt: skip


def _duplicates() -> Column:
    return F.format_string(
        "%,d of %,d replies said the same in the same words as another", F.col(DUPLICATES), F.col(WITH_TEXT)
    )


def _mismatch() -> Column:
    noun = F.when(F.col(ENGAGEMENTS_90D) == 1, "engagement").otherwise("engagements")
    return F.format_string(
        "%,d %s on %,d posts for %,d followers, where %,d are usual for their size",
        F.col(ENGAGEMENTS_90D), noun, F.col(POSTS_90D), F.col(FOLLOWER_COUNT), F.greatest(F.round(_usual_engagements()).cast("long"), F.lit(0).cast("long")),
    )  # fmt: skip
