"""How long until a person falls silent: a chance of it for each period after a cut-off, of whoever has come that far.

Silence is a gap of `silence_days` without an act. A person is there at a cut-off when they acted in the lookback, which is
no longer than that gap. Their time is from the cut-off to the last act before the first such gap; 0 where that act lies
before the cut-off, so that silence has begun unseen. A gap counts once it is over by the end of what is known; whoever
shows none by then is censored `silence_days` before that end, which depends on the cut-off alone, never on the person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from social_signals.core.errors import ConfigError
from social_signals.core.times import EPOCH
from social_signals.evaluation.splits import BETWEEN, BY_PERSON, TRAIN, Splits
from social_signals.models.artefact import Artefact
from social_signals.models.examples import ROLE, with_role
from social_signals.models.labels import CHURNED, around
from social_signals.models.params import SILENCE, ChurnParams, CutoffParams
from social_signals.models.subject import Subject
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import EVENT_TS, INGESTED_TS, USER_ID

TIME_TO_CHURN = "time_to_churn"
PERIOD = "period"
SILENT_AFTER_DAYS, IS_SILENT, FOLLOW_DAYS = "silent_after_days", "is_silent", "follow_days"
HAS_BEGUN = "has_begun"
MOST_PERIODS = 60
_DAY_US = 86_400_000_000
_UNTIL_US, _END_US, _AS_OF_US = "until_us", "end_us", "as_of_us"


@dataclass
class TimeToChurnParams(ChurnParams):
    """When silence begins, and how far ahead it is foretold.

    silence_days: a gap of so many days without an act is silence. lookback_days: whoever acted in them is asked about.
    horizon_days: the last day of the curve. period_days: its step. The rest is as for churn.
    """

    horizon_days: int = 180
    silence_days: int = 90
    period_days: int = 30

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.definition != SILENCE:
            raise ConfigError(
                f"churn.definition is {self.definition}, and time to churn is the time until silence",
                hint="leave churn.definition at silence",
            )
        for name in ("silence_days", "period_days"):
            if getattr(self, name) < 1:
                raise ConfigError(f"churn.{name} is {getattr(self, name)}", hint="give a number of days, 1 or more")
        if self.lookback_days > self.silence_days:
            raise ConfigError(
                f"churn.lookback_days is {self.lookback_days}, and who has not acted for {self.silence_days} days is silent",
                hint=f"set churn.lookback_days to {self.silence_days} or less, or raise churn.silence_days",
            )
        if self.horizon_days % self.period_days or self.horizon_days > MOST_PERIODS * self.period_days:
            raise ConfigError(
                f"churn.horizon_days {self.horizon_days} is no 1 to {MOST_PERIODS} periods of {self.period_days} days",
                hint=f"give a multiple of churn.period_days, for example {6 * self.period_days}",
            )

    @property
    def periods(self) -> int:
        """How many periods follow period 0, in which silence has begun by the cut-off."""
        return self.horizon_days // self.period_days

    @property
    def cutoffs(self) -> CutoffParams:
        """The past cut-offs: each is followed for one gap and one period at least."""
        return CutoffParams(
            lookback_days=self.lookback_days, horizon_days=self.silence_days + self.period_days, step_days=self.step_days,
            max_cutoffs=self.max_cutoffs, test_fraction=self.test_fraction, valid_fraction=self.valid_fraction,
        )  # fmt: skip


def _says(params: ChurnParams) -> str:
    assert isinstance(params, TimeToChurnParams)
    return (
        f"of those active in the {params.lookback_days} days before as_of and not silent before the period, a gap of "
        f"{params.silence_days} days begins in it: period 0 is up to as_of, each further one {params.period_days} days"
    )


PERSON_PERIODS = Subject(name=TIME_TO_CHURN, key=(AS_OF, USER_ID, PERIOD), kinds={SILENCE: TIME_TO_CHURN}, says=_says)


def params_of(model: Artefact) -> TimeToChurnParams:
    """What a model was trained to foretell: whom it may be asked about, and the days of its curve."""
    said = model.card["params"]
    asked = ("kinds", "lookback_days", "horizon_days", "silence_days", "period_days")
    return TimeToChurnParams(**{name: said[name] for name in asked})


def known_until(splits: Splits, *, as_of: datetime) -> dict[datetime, datetime]:
    """For each cut-off of a split, up to when its outcome may be looked at: the first test cut-off, for the test as_of.

    So no outcome that a model learns from or is calibrated on lies in the test, however long a curve is.
    """
    if splits.method == BY_PERSON:
        return dict.fromkeys(splits.used, as_of)
    return {cutoff: as_of if cutoff in splits.test else splits.test[0] for cutoff in splits.used}


def silence_times(
    acts: DataFrame, *, until: Mapping[datetime, datetime], lookback_days: int, silence_days: int
) -> DataFrame:
    """One row per cut-off and person active in [cut-off - lookback, cut-off) as known then.

    Columns: as_of, user_id, silent_after_days (0 or more), is_silent (false: censored), has_begun (silence had begun by the
    cut-off), follow_days. acts: (user_id, event_ts, ingested_ts). until: for each cut-off, the instant before which acts
    must have happened and have been seen to count; follow_days is from the cut-off to `silence_days` before it.
    """
    gap_us = silence_days * _DAY_US
    happened, seen = F.unix_micros(EVENT_TS), F.unix_micros(INGESTED_TS)
    ends_of_view = sorted({_us(instant) for instant in until.values()})
    views = F.filter(_longs(ends_of_view), lambda end: (happened < end) & (seen < end))
    known = acts.select(USER_ID, happened.alias("at_us"), F.explode(views).alias(_UNTIL_US))
    in_order = Window.partitionBy(USER_ID, _UNTIL_US).orderBy("at_us")
    following = F.lead("at_us").over(in_order)
    is_gap = F.coalesce(following - F.col("at_us") >= gap_us, F.lit(True)) & (
        F.col("at_us") + gap_us <= F.col(_UNTIL_US)
    )
    ends = known.withColumn("is_gap", is_gap).where("is_gap").select(USER_ID, _UNTIL_US, F.col("at_us").alias(_END_US))
    people = _active(acts, until=until, lookback_days=lookback_days)
    first_gap = F.min(F.when(F.col(_END_US) >= F.col("last_us"), F.col(_END_US))).alias(_END_US)
    found = (
        people.join(ends, on=[USER_ID, _UNTIL_US], how="left")
        .groupBy(AS_OF, _AS_OF_US, USER_ID, _UNTIL_US)
        .agg(first_gap)
    )
    follow = (F.col(_UNTIL_US) - gap_us - F.col(_AS_OF_US)) / F.lit(float(_DAY_US))
    # greatest() looks past a null, and would call those who are censored silent at once
    after = F.when(F.col(_END_US).isNotNull(), F.greatest(F.col(_END_US) - F.col(_AS_OF_US), F.lit(0)))
    return found.where(follow >= 0).select(
        AS_OF,
        USER_ID,
        F.coalesce(after / F.lit(float(_DAY_US)), follow).alias(SILENT_AFTER_DAYS),
        F.col(_END_US).isNotNull().alias(IS_SILENT),
        F.coalesce(F.col(_END_US) < F.col(_AS_OF_US), F.lit(False)).alias(HAS_BEGUN),
        follow.alias(FOLLOW_DAYS),
    )


def active_people(acts: DataFrame, *, as_of: datetime, lookback_days: int) -> DataFrame:
    """One row per person whom the model may be asked about at `as_of`: (as_of, user_id)."""
    return _active(acts, until={as_of: as_of}, lookback_days=lookback_days).select(AS_OF, USER_ID)


def person_periods(
    features: DataFrame, times: DataFrame, *, splits: Splits, params: TimeToChurnParams, seed: int
) -> DataFrame:
    """One row per cut-off, person and period they are seen to enter: `features`, `times`, period, churned (0 or 1), role.

    churned: silence begins in the period. Period 0 is what has begun by the cut-off, period k is days [(k - 1) * period_days,
    k * period_days) after it. A period counts only where all of it was followed, or those who fell silent early in it would
    be seen and the others not. What was not known by the first valid cut-off is not for training before the refit.
    """
    people = with_role(features.join(times, on=[AS_OF, USER_ID], how="inner"), splits, seed=seed)
    begins = F.when(F.col(HAS_BEGUN), 0).otherwise(
        F.floor(F.col(SILENT_AFTER_DAYS) / params.period_days).cast("int") + 1
    )
    followed = F.floor(F.col(FOLLOW_DAYS) / params.period_days).cast("int")
    last = F.least(F.when(F.col(IS_SILENT), begins).otherwise(params.periods), followed, F.lit(params.periods))
    rows = people.withColumn(PERIOD, F.explode(F.sequence(F.lit(0), last)))
    churned = (F.col(IS_SILENT) & (F.col(PERIOD) == begins)).cast("int")
    return rows.withColumn(CHURNED, churned).withColumn(ROLE, _role(splits, params))


def _role(splits: Splits, params: TimeToChurnParams) -> Column:
    is_apart = splits.valid and splits.train and splits.train[-1] < splits.valid[0]
    if not is_apart:
        return F.col(ROLE)
    # When a period and the gap after it are over.
    days = F.col(PERIOD) * params.period_days + params.silence_days
    over_us = F.unix_micros(AS_OF) + days.cast("long") * F.lit(_DAY_US)
    is_late = (F.col(ROLE) == TRAIN) & (over_us > F.lit(_us(splits.valid[0])))
    return F.when(is_late, F.lit(BETWEEN)).otherwise(F.col(ROLE))


def _active(acts: DataFrame, *, until: Mapping[datetime, datetime], lookback_days: int) -> DataFrame:
    """(as_of, as_of_us, user_id, until_us, last_us): last_us is their last act before the cut-off, as known by `until`."""
    near = around(acts, cutoffs=list(until), before_days=lookback_days, after_days=0)
    end = F.create_map(*[F.lit(_us(instant)) for pair in until.items() for instant in pair])
    timed = near.select(
        AS_OF,
        F.unix_micros(AS_OF).alias(_AS_OF_US),
        USER_ID,
        F.unix_micros(EVENT_TS).alias("at_us"),
        F.unix_micros(INGESTED_TS).alias("seen_us"),
    ).withColumn(_UNTIL_US, end[F.col(_AS_OF_US)])
    was_known = F.max(F.col("seen_us") < F.col(_AS_OF_US)).alias("was_active")
    last = F.max(F.when(F.col("seen_us") < F.col(_UNTIL_US), F.col("at_us"))).alias("last_us")
    return (
        timed.groupBy(AS_OF, _AS_OF_US, USER_ID, _UNTIL_US).agg(was_known, last).where("was_active").drop("was_active")
    )


def _longs(values: list[int]) -> Column:
    return F.array(*[F.lit(value).cast("long") for value in values])


def _us(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(microseconds=1)
