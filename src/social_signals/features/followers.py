"""What is known at a cut-off of the tie of a person to a creator: somebody else they act towards, or follow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from social_signals.features.cutoffs import (
    AGE_US,
    AS_OF_US,
    DAY_US,
    EVENT_US,
    KNOWN_US,
    by_person,
    count_if,
    log_ratio,
    ratio,
    seen_from,
)
from social_signals.features.declared_followers import CREATOR_COLUMNS, FOLLOWER_FEATURES, PERSON_COLUMNS, TIE
from social_signals.features.facts import (
    KIND_CODE,
    PARENT_AUTHOR_ID,
    TARGET_KNOWN_US,
    kind_code,
    replies,
    resolved_interactions,
)
from social_signals.features.kept import kept
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import (
    ACTOR_ID,
    AUTHOR_ID,
    CREATOR_ID,
    EVENT_TS,
    INGESTED_TS,
    KIND,
    KINDS,
    TARGET_USER_ID,
    USER_ID,
)

JOINING, LEAVING = ("follow", "subscribe"), ("unfollow", "unsubscribe")
# Kinds that say the same of a tie. What is in none of them counts as an act and no more.
GROUPS = {
    "watch": ("view", "click"),
    "support": ("like", "share", "save", "answer_accepted"),
    "talk": ("comment", "mention"),
    "oppose": ("dislike",),
    "join": JOINING,
}
_OTHER = len(GROUPS)
_TALK = list(GROUPS).index("talk")
# Whose act it was: the person's towards the creator, the creator's towards the person, or the person's leaving, which
# ends a tie and is no act within it.
OUT, BACK, LEFT = 0, 1, 2
SIDE, GROUP, IS_COUNTED = "side", "group", "is_counted"
_DAY, _GAP, _NTH, _STATE = "age_day", "gap", "nth", "state"
WINDOWS = (7, 30, 90)
_TIE_KEY = (AS_OF_US, USER_ID, CREATOR_ID)


def tie_acts(posts: DataFrame, interactions: DataFrame, *, kinds: Sequence[str] = ()) -> DataFrame:
    """One row per tie, side, group of kinds and instant: (user_id, creator_id, side, group, is_counted, event_us, known_us).

    A person acts towards a creator by an interaction with them or with a post of theirs, and by answering such a post; a
    comment that comes as an interaction and as a post of one instant is one act. is_counted: the kind is one of `kinds`
    (any where none are named; answers always are). known_us: when the act and whom it was done to were known.
    """
    resolved = resolved_interactions(interactions, posts).where(F.col(ACTOR_ID) != F.col(TARGET_USER_ID))
    done = resolved.select(
        F.col(ACTOR_ID).alias("src"),
        F.col(TARGET_USER_ID).alias("dst"),
        F.col(KIND_CODE).isin(kind_code(*LEAVING)).alias("leaves"),
        _group().alias(GROUP),
        (F.col(KIND_CODE).isin(kind_code(*kinds)) if kinds else F.lit(True)).alias(IS_COUNTED),
        EVENT_US,
        F.col(TARGET_KNOWN_US).alias(KNOWN_US),
    )
    answered = (
        replies(posts)
        .where(F.col(AUTHOR_ID).isNotNull())
        .select(
            F.col(AUTHOR_ID).alias("src"),
            F.col(PARENT_AUTHOR_ID).alias("dst"),
            F.lit(False).alias("leaves"),
            F.lit(_TALK).alias(GROUP),
            F.lit(True).alias(IS_COUNTED),
            EVENT_US,
            KNOWN_US,
        )
    )
    own = F.struct(
        F.col("src").alias(USER_ID),
        F.col("dst").alias(CREATOR_ID),
        F.when(F.col("leaves"), LEFT).otherwise(OUT).alias(SIDE),
    )
    back = F.struct(F.col("dst").alias(USER_ID), F.col("src").alias(CREATOR_ID), F.lit(BACK).alias(SIDE))
    # That somebody left is no answer to the other one.
    sides = F.when(F.col("leaves"), F.array(own)).otherwise(F.array(own, back))
    both = done.unionByName(answered).select(F.explode(sides).alias("of"), GROUP, IS_COUNTED, EVENT_US, KNOWN_US)
    return (
        by_person(both.select("of.*", GROUP, IS_COUNTED, EVENT_US, KNOWN_US))
        .groupBy(USER_ID, CREATOR_ID, SIDE, GROUP, EVENT_US)
        .agg(F.min(KNOWN_US).alias(KNOWN_US), F.max(IS_COUNTED).alias(IS_COUNTED))
    )


def tie_activity(acts: DataFrame) -> DataFrame:
    """The acts of a tie that count, as labels read them: (user_id, creator_id, event_ts, ingested_ts), UTC.

    acts: `tie_acts`. ingested_ts is when act and receiver were known. Leaving is no act.
    """
    counted = acts.where((F.col(SIDE) == OUT) & F.col(IS_COUNTED))
    return counted.select(
        USER_ID,
        CREATOR_ID,
        F.timestamp_micros(EVENT_US).alias(EVENT_TS),
        F.timestamp_micros(KNOWN_US).alias(INGESTED_TS),
    )


def tie_statements(posts: DataFrame, interactions: DataFrame, *, kinds: Sequence[str]) -> DataFrame:
    """One row per interaction of `kinds` with another person: (user_id, creator_id, kind, event_ts, ingested_ts), UTC."""
    resolved = resolved_interactions(interactions, posts).where(F.col(ACTOR_ID) != F.col(TARGET_USER_ID))
    names = F.array(*[F.lit(kind) for kind in KINDS])
    return resolved.where(F.col(KIND_CODE).isin(kind_code(*kinds))).select(
        F.col(ACTOR_ID).alias(USER_ID),
        F.col(TARGET_USER_ID).alias(CREATOR_ID),
        names[F.col(KIND_CODE)].alias(KIND),
        F.timestamp_micros(EVENT_US).alias(EVENT_TS),
        F.timestamp_micros(TARGET_KNOWN_US).alias(INGESTED_TS),
    )


def tie_features(acts: DataFrame, *, as_of: Sequence[datetime], lookback_days: int, with_following: bool) -> DataFrame:
    """One row per (as_of, user_id, creator_id) of the population: the features of TIE, for all cut-offs in one pass.

    acts: `tie_acts`. The population: ties with an act that counts in [as_of - lookback_days, as_of). with_following: those
    who follow or subscribe too, and nobody who has left and not come back. Only what was known by both clocks is seen.
    """
    days = (
        seen_from(acts, as_of)
        .groupBy(*_TIE_KEY, SIDE, F.expr(f"cast(({AGE_US} - 1) div {DAY_US} as int)").alias(_DAY))
        .agg(*_of_a_day())
    )
    newest_first = Window.partitionBy(USER_ID, AS_OF_US, CREATOR_ID, SIDE).orderBy(_DAY)
    spaced = days.select(
        "*",
        (F.lead(_DAY).over(newest_first) - F.col(_DAY)).cast("long").alias(_GAP),
        F.row_number().over(newest_first).alias(_NTH),
    )
    known = spaced.groupBy(*_TIE_KEY).agg(*_counts(), *_times(), *_gaps())
    everybody = Window.partitionBy(USER_ID, AS_OF_US)
    totals = [F.sum(f"n_{name}").over(everybody).alias(f"all_{name}") for name in (30, 90, "ever")]
    follows = F.coalesce(F.pmod(F.col(_STATE), F.lit(2)) == 0, F.lit(False))
    has_left = F.coalesce(F.pmod(F.col(_STATE), F.lit(2)) == 1, F.lit(False))
    is_active = F.coalesce(F.col("counted") <= F.lit(lookback_days * DAY_US), F.lit(False))
    belongs = (is_active | follows) & ~has_left if with_following else is_active
    measured = known.select("*", *totals, follows.cast("long").alias("is_following")).where(belongs)
    return measured.select(
        F.timestamp_micros(F.col(AS_OF_US)).alias(AS_OF),
        USER_ID,
        CREATOR_ID,
        *_finished(),
    )


def with_enough_followers(ties: DataFrame, *, least: int) -> DataFrame:
    """The ties to creators who have `least` or more of them at the same cut-off."""
    if least <= 1:
        return ties
    audience = ties.groupBy(AS_OF, CREATOR_ID).agg(F.count(F.lit(1)).alias("_audience"))
    enough = audience.where(F.col("_audience") >= least).drop("_audience")
    return ties.join(enough, on=[AS_OF, CREATOR_ID], how="left_semi").select(*ties.columns)


def with_people(ties: DataFrame, user_features: DataFrame) -> DataFrame:
    """Every column of FOLLOWER_FEATURES: the tie's own, then a few of the person's and of the creator's, null where unknown.

    user_features: slices of gold.user_features at the cut-offs of `ties`.
    """
    person = user_features.select(AS_OF, USER_ID, *[F.col(c).alias(f"person_{c}") for c in PERSON_COLUMNS])
    creator = user_features.select(
        AS_OF, F.col(USER_ID).alias(CREATOR_ID), *[F.col(c).alias(f"creator_{c}") for c in CREATOR_COLUMNS]
    )
    known = ties.join(person, on=[AS_OF, USER_ID], how="left").join(creator, on=[AS_OF, CREATOR_ID], how="left")
    return known.select(AS_OF, USER_ID, CREATOR_ID, *[f.name for f in FOLLOWER_FEATURES])


def _group() -> Column:
    found = F.lit(_OTHER)
    for number, kinds in enumerate(GROUPS.values()):
        found = F.when(F.col(KIND_CODE).isin(kind_code(*kinds)), F.lit(number)).otherwise(found)
    return found


def _is(group: str) -> Column:
    return F.col(GROUP) == list(GROUPS).index(group)


@kept
def _of_a_day() -> list[Column]:
    # The greater number of one instant is the leaving; a number, since a struct would make this a sorted aggregation.
    state = F.when(F.col(SIDE) == LEFT, F.col(EVENT_US) * 2 + 1).when(
        (F.col(SIDE) == OUT) & _is("join"), F.col(EVENT_US) * 2
    )
    counted = F.when((F.col(SIDE) == OUT) & F.col(IS_COUNTED), F.col(AGE_US))
    return [
        F.count(F.lit(1)).alias("acts"),
        *[count_if(_is(group)).alias(group) for group in GROUPS],
        F.min(AGE_US).alias("newest"),
        F.max(AGE_US).alias("oldest"),
        *[F.min(F.when(_is(group), F.col(AGE_US))).alias(f"newest_{group}") for group in ("support", "talk")],
        F.min(counted).alias("newest_counted"),
        F.max(state).alias(_STATE),
    ]


def _sum(what: str, side: int, *, first: int = 0, last: int | None = None) -> Column:
    wanted = (F.col(SIDE) == side) & (F.col(_DAY) >= first)
    wanted = wanted if last is None else wanted & (F.col(_DAY) < last)
    return F.sum(F.when(wanted, F.col(what)).otherwise(0))


@kept
def _counts() -> list[Column]:
    own = [_sum("acts", OUT, last=days).alias(f"n_{days}") for days in (*WINDOWS, 14, 60)]
    groups = [
        _sum(group, OUT, last=days).alias(f"{group}_{days}")
        for group in ("watch", "support", "talk")
        for days in (30, 90)
    ]
    active = [count_if((F.col(SIDE) == OUT) & (F.col(_DAY) < days)).alias(f"d_{days}") for days in (30, 90)]
    back = [_sum("acts", BACK, last=days).alias(f"back_{days}") for days in (30, 90)]
    return [
        *own,
        _sum("acts", OUT).alias("n_ever"),
        *groups,
        *active,
        count_if(F.col(SIDE) == OUT).alias("d_ever"),
        *back,
        _sum("acts", BACK).alias("back_ever"),
        _sum("talk", BACK, last=90).alias("back_talk_90"),
        _sum("oppose", OUT, last=90).alias("oppose_90"),
        _sum("acts", LEFT).alias("left_ever"),
    ]


@kept
def _times() -> list[Column]:
    def youngest(what: str, side: int, *more: Column) -> Column:
        wanted = F.col(SIDE) == side
        for condition in more:
            wanted = wanted & condition
        return F.min(F.when(wanted, F.col(what)))

    return [
        youngest("newest", OUT).alias("last"),
        F.max(F.when(F.col(SIDE) == OUT, F.col("oldest"))).alias("first"),
        youngest("newest", OUT, F.col(_NTH) == 2).alias("nth_2"),
        youngest("newest", OUT, F.col(_NTH) == 3).alias("nth_3"),
        youngest("newest_support", OUT).alias("last_support"),
        youngest("newest_talk", OUT).alias("last_talk"),
        youngest("newest", BACK).alias("last_back"),
        F.min("newest_counted").alias("counted"),
        F.max(_STATE).alias(_STATE),
    ]


@kept
def _gaps() -> list[Column]:
    own = F.when(F.col(SIDE) == OUT, F.col(_GAP))
    return [
        F.count(own).alias("gaps"),
        F.sum(own).alias("gap_sum"),
        F.max(own).alias("gap_max"),
        F.min(F.when((F.col(SIDE) == OUT) & (F.col(_NTH) == 1), F.col(_GAP))).alias("gap_last"),
    ]


def _days(name: str) -> Column:
    return F.col(name) / F.lit(float(DAY_US))


def _features() -> dict[str, Column]:
    mean_gap = ratio(F.col("gap_sum"), F.col("gaps"))
    return {
        **{f"tie_{days}d_count": F.col(f"n_{days}") for days in WINDOWS},
        "tie_count": F.col("n_ever"),
        **{
            f"tie_{group}_{days}d_count": F.col(f"{group}_{days}")
            for group in ("watch", "support", "talk")
            for days in (30, 90)
        },
        "tie_oppose_90d_count": F.col("oppose_90"),
        "tie_left_count": F.col("left_ever"),
        "is_following": F.col("is_following"),
        **{f"tie_active_days_{days}d_count": F.col(f"d_{days}") for days in (30, 90)},
        "tie_active_days_count": F.col("d_ever"),
        "days_since_tie": _days("last"),
        "days_since_tie_active_day_2": _days("nth_2"),
        "days_since_tie_active_day_3": _days("nth_3"),
        "days_since_tie_support": _days("last_support"),
        "days_since_tie_talk": _days("last_talk"),
        "days_since_first_tie": _days("first"),
        "tie_recency_to_tenure_ratio": ratio(F.col("last"), F.col("first")),
        "tie_7d_log_change": log_ratio(F.col("n_7"), F.col("n_14") - F.col("n_7")),
        "tie_30d_log_change": log_ratio(F.col("n_30"), F.col("n_60") - F.col("n_30")),
        "tie_gap_mean_days": mean_gap,
        "tie_gap_max_days": F.col("gap_max").cast("double"),
        "tie_gap_last_days": F.col("gap_last").cast("double"),
        "tie_silence_to_mean_gap_ratio": _days("last") / mean_gap,
        "tie_silence_to_max_gap_ratio": _days("last") / F.col("gap_max"),
        **{f"tie_{days}d_share_ratio": ratio(F.col(f"n_{days}"), F.col(f"all_{days}")) for days in (30, 90)},
        "tie_share_ratio": ratio(F.col("n_ever"), F.col("all_ever")),
        **{f"tie_back_{days}d_count": F.col(f"back_{days}") for days in (30, 90)},
        "tie_back_count": F.col("back_ever"),
        "tie_back_talk_90d_count": F.col("back_talk_90"),
        "days_since_tie_back": _days("last_back"),
        "tie_back_to_given_log_ratio": log_ratio(F.col("back_ever"), F.col("n_ever")),
    }


@kept
def _finished() -> list[Column]:
    return [TIE[name].finished(value) for name, value in _features().items()]
