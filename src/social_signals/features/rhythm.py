"""When a person is active: recency, tenure, regularity, trend and hours."""

from __future__ import annotations

from pyspark.sql import Column, Window
from pyspark.sql import functions as F

from social_signals.features.cutoffs import AGE_US, AS_OF_US, DAY_US, HOUR_US, log_ratio, ratio
from social_signals.features.kept import kept
from social_signals.tables.silver import USER_ID

AGE_DAY = "age_day"
GAP = "gap"
NTH = "nth"
WINDOWS = (1, 3, 7, 14, 30, 60, 90, 180)
NTH_LAST = (2, 3, 5, 10)
HOURS_A_BIN = 4
BINS = 24 // HOURS_A_BIN
TREND_DAYS = 15
TREND_BINS = 6
NIGHT_HOURS = 6


def day_of() -> Column:
    """Which 24-hour step back from as_of an act fell into: day 0 is [as_of - 24 h, as_of), so a window of n days is days 0
    to n - 1 whatever the hour of as_of."""
    return F.expr(f"cast(({AGE_US} - 1) div {DAY_US} as int)")


@kept
def day_sums() -> list[Column]:
    """What is gathered of the acts of one day of a person; rows without a day have no act."""
    age = F.when(F.col(AGE_DAY).isNotNull(), F.col(AGE_US))
    return [
        F.count(AGE_DAY).alias("acts"),
        F.min(age).alias("newest"),
        F.max(age).alias("oldest"),
        *_hours(),
    ]


@kept
def spacing() -> list[Column]:
    """Of a person's days, newest first and the one that is none last: days to the next older one, and its number."""
    newest_first = Window.partitionBy(USER_ID, AS_OF_US).orderBy(F.col(AGE_DAY).asc_nulls_last())
    gap = (F.lead(AGE_DAY).over(newest_first) - F.col(AGE_DAY)).cast("long")
    return [gap.alias(GAP), F.row_number().over(newest_first).alias(NTH)]


@kept
def sums() -> list[Column]:
    """What is gathered of a person's days."""
    return [*_counts(), *_active_days(), *_recencies(), *_gap_sums(), *_hour_sums()]


def _hours() -> list[Column]:
    instant = F.when(F.col(AGE_DAY).isNotNull(), F.col(AS_OF_US) - F.col(AGE_US))
    hour = F.floor(F.pmod(instant, F.lit(DAY_US)) / F.lit(HOUR_US))
    is_weekend = F.weekday(F.timestamp_micros(instant)) >= 5
    in_bins = [F.count(F.when(F.floor(hour / HOURS_A_BIN) == i, 1)).alias(f"bin_{i}") for i in range(BINS)]
    return [
        F.count(F.when(hour < NIGHT_HOURS, 1)).alias("night"),
        F.count(F.when(is_weekend, 1)).alias("weekend"),
        *in_bins,
    ]


def _within(first: int, last: int) -> Column:
    """Days first to last - 1 back from as_of."""
    return (F.col(AGE_DAY) >= first) & (F.col(AGE_DAY) < last)


def _counts() -> list[Column]:
    windows = [F.sum(F.when(_within(0, n), F.col("acts")).otherwise(0)).alias(f"n_{n}") for n in WINDOWS]
    bins = [
        F.sum(F.when(_within(TREND_DAYS * i, TREND_DAYS * (i + 1)), F.col("acts")).otherwise(0)).alias(f"t_{i}")
        for i in range(TREND_BINS)
    ]
    return [F.sum("acts").alias("n"), *windows, *bins]


def _active_days() -> list[Column]:
    days = [F.count(F.when(_within(0, n), 1)).alias(f"d_{n}") for n in (7, 14, 30, 90)]
    # A bit a week: 90 days touch 13 weeks.
    weeks = F.bit_or(F.when(_within(0, 90), F.expr(f"shiftleft(1L, cast({AGE_DAY} div 7 as int))")))
    return [F.count(AGE_DAY).alias("d"), *days, F.coalesce(F.bit_count(weeks), F.lit(0)).alias("w_90")]


def _recencies() -> list[Column]:
    nth = [F.min(F.when(F.col(NTH) == n, F.col("newest"))).alias(f"nth_{n}") for n in NTH_LAST]
    return [F.min("newest").alias("last"), F.max("oldest").alias("first"), *nth]


def _gap_sums() -> list[Column]:
    return [
        F.count(GAP).alias("gaps"),
        F.sum(GAP).alias("gap_sum"),
        F.sum(F.col(GAP) * F.col(GAP)).alias("gap_squares"),
        F.max(GAP).alias("gap_max"),
        F.min(F.when(F.col(NTH) == 1, F.col(GAP))).alias("gap_last"),
    ]


def _hour_sums() -> list[Column]:
    return [F.sum(name).alias(name) for name in ("night", "weekend", *[f"bin_{i}" for i in range(BINS)])]


@kept
def features() -> list[Column]:
    """The rhythm of a person from their `sums`; null where they never acted."""
    n, d = F.col("n"), F.col("d")
    last, first = F.col("last") / F.lit(float(DAY_US)), F.col("first") / F.lit(float(DAY_US))
    gaps = F.col("gaps")
    mean = ratio(F.col("gap_sum"), gaps)
    # n * sum of squares - square of the sum, in integers: exact, so never below 0 and the same in every order.
    spread = gaps * F.col("gap_squares") - F.col("gap_sum") * F.col("gap_sum")
    std = F.when(gaps >= 2, F.sqrt(spread.cast("double")) / gaps)
    tenure_30d = F.greatest(F.least(first, F.lit(365.0)), F.lit(1.0)) / F.lit(30.0)
    return [
        n.alias("activity_count"),
        *[F.col(f"n_{w}").alias(f"activity_{w}d_count") for w in WINDOWS],
        d.alias("active_days_count"),
        *[F.col(f"d_{w}").alias(f"active_days_{w}d_count") for w in (7, 14, 30, 90)],
        F.col("w_90").cast("long").alias("active_weeks_90d_count"),
        last.alias("days_since_last_activity"),
        *[(F.col(f"nth_{i}") / F.lit(float(DAY_US))).alias(f"days_since_active_day_{i}") for i in NTH_LAST],
        first.alias("days_since_first_activity"),
        ratio(last, first).alias("recency_to_tenure_ratio"),
        log_ratio(F.col("n_3"), F.col("n_7") - F.col("n_3")).alias("activity_3d_log_change"),
        log_ratio(F.col("n_7"), F.col("n_14") - F.col("n_7")).alias("activity_7d_log_change"),
        log_ratio(F.col("n_30"), F.col("n_60") - F.col("n_30")).alias("activity_30d_log_change"),
        log_ratio(F.col("n_90"), F.col("n_180") - F.col("n_90")).alias("activity_90d_log_change"),
        _slope().alias("activity_90d_slope"),
        ratio(F.col("n_90"), n).alias("activity_90d_share_ratio"),
        (n / (first / F.lit(30.0) + F.lit(1.0))).alias("activity_per_30d"),
        F.when(n > 0, F.col("n_90") / F.least(tenure_30d, F.lit(3.0))).alias("activity_per_30d_in_90d"),
        ratio(F.col("n_90"), F.col("d_90")).alias("activity_per_active_day_90d"),
        mean.alias("active_gap_mean_days"),
        std.alias("active_gap_std_days"),
        F.col("gap_max").cast("double").alias("active_gap_max_days"),
        F.col("gap_last").cast("double").alias("active_gap_last_days"),
        ((std - mean) / (std + mean)).alias("active_gap_burstiness"),
        (last / mean).alias("silence_to_mean_gap_ratio"),
        (last / F.col("gap_max")).alias("silence_to_max_gap_ratio"),
        ratio(F.col("night"), n).alias("activity_night_ratio"),
        ratio(F.col("weekend"), n).alias("activity_weekend_ratio"),
        F.when(n > 0, _entropy(n)).alias("activity_hour_entropy"),
    ]


def _slope() -> Column:
    """Least squares slope of acts per 15 days over six such steps, oldest first, in shares of their mean."""
    middle = TREND_BINS - 1
    weighted, total = F.lit(0), F.lit(0)
    for i in range(TREND_BINS):
        # Twice the distance from the middle step keeps the weights whole: step 0 is the newest.
        weighted = weighted + F.col(f"t_{i}") * F.lit(middle - 2 * i)
        total = total + F.col(f"t_{i}")
    squares = sum((middle - 2 * i) ** 2 for i in range(TREND_BINS))
    return ratio(weighted * F.lit(2 * TREND_BINS), total * F.lit(squares))


def _entropy(n: Column) -> Column:
    """Entropy of the four-hour bins of the day (UTC) over its maximum: 0 always the same hours, 1 any hour alike."""
    total = F.lit(0.0)
    for i in range(BINS):
        share = F.col(f"bin_{i}") / n
        total = total - F.when(share > 0, share * F.log(share)).otherwise(F.lit(0.0))
    return total / F.log(F.lit(float(BINS)))
