"""Who the people are, how they are treated over time, and when they fall silent."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from social_signals.ingest.sample.draws import each, index, normal, uniform
from social_signals.ingest.sample.world import ANCHORS, DAY_S, HOUR_S, WEEK_S, World, computed

GROUPS = ("a", "b")
LIFE = ("join_s", "silent_s", "return_s", "gone_s")
BASE_AUDIENCE = 200.0
_PARETO_SHAPE = 1.1
# A parabola in place of a sine has variance 8/15; three of them with this height have variance 1.
_WAVE_HEIGHT = (15 / 8 / 3) ** 0.5
_WAVES = {"fast": (14.0, 12.0), "middle": (24.0, 20.0), "slow": (40.0, 30.0)}
WAVES = tuple(f"{name}_{part}" for name in _WAVES for part in ("period", "phase"))
# What `experience` and `activity` at a time need to know of a person.
VISITS = ("visit_every", "visit_phase")
MOODS = ("diligence", "fortune", "reception", *VISITS, *WAVES)


def people(spark: SparkSession, *, world: World) -> DataFrame:
    """One row per person with what stays the same about them, about 250 bytes each.

    They act in [join_s, silent_s) and in [return_s, gone_s); what never happens is `end_s` or later.
    """
    slices = max(spark.sparkContext.defaultParallelism, world.interactions // 250_000, world.params.users // 20_000)
    numbered = spark.range(0, world.params.users, 1, slices).select(F.col("id").alias("person"))
    return (
        numbered.transform(_with_place, world=world)
        .transform(_with_character, world=world)
        .transform(_with_life, world=world)
    )


def _with_place(numbered: DataFrame, *, world: World) -> DataFrame:
    person, community = F.col("person"), F.col("community")
    placed = computed(numbered, {"community": world.community(person), "member": world.member(person)})
    sized = computed(placed, {"size": world.size(community), "stride": world.stride(community)})
    ranked = computed(sized, {"rank": F.pmod(F.col("member") * F.col("stride"), F.col("size"))})
    first_rising = world.first_rising_rank(community)
    few = F.ceil(F.col("size") * 0.012)
    is_rising = (F.col("rank") >= first_rising) & (F.col("rank") < first_rising + few)
    return computed(
        ranked,
        {
            "is_anchor": F.col("rank") < ANCHORS,
            "is_rising": is_rising & F.lit(world.params.rising_growth > 1),
            "share": (F.col("rank") + 0.5) / F.col("size"),
        },
    )


def _with_character(placed: DataFrame, *, world: World) -> DataFrame:
    person = F.col("person")
    luck = uniform(world.seed, "diligence", person)
    habit = uniform(world.seed, "habit", person)
    usual = 0.25 + 0.75 * luck * luck
    stays = F.col("is_anchor") | F.col("is_rising")
    popularity = -F.log(F.col("share")) - 1.0
    quality = 0.7 * (0.25 * popularity + 0.97 * normal(world.seed, "quality", person))
    in_the_head = F.col("share") < 0.14
    which = index(ANCHORS, world.seed, "which anchor", person)
    waves = {}
    for name, (shortest, spread) in _WAVES.items():
        waves[f"{name}_period"] = (shortest + spread * uniform(world.seed, f"{name} period", person)) * WEEK_S
        waves[f"{name}_phase"] = uniform(world.seed, f"{name} phase", person)
    follows = (uniform(world.seed, "follows anchor", person) < 0.8) & (which != F.col("rank"))
    known = computed(
        placed,
        waves
        | {
            "stays": stays,
            "is_creator": in_the_head | F.col("is_rising") | (uniform(world.seed, "creator", person) < 0.03),
            "is_group_b": uniform(world.seed, "group", person) < 0.5,
            "quality": quality + F.when(F.col("is_rising"), 0.6).otherwise(0.0),
            "base_audience": BASE_AUDIENCE * F.pow(F.col("share"), F.lit(-1 / _PARETO_SHAPE)),
            "rise_start_s": F.floor((0.15 + 0.4 * uniform(world.seed, "rise", person)) * world.end_s),
            "diligence": F.when(stays, 0.6 + 0.4 * luck).otherwise(usual),
            "fortune": normal(world.seed, "fortune", person),
            "reception": F.when(stays, 0.0).when(uniform(world.seed, "reception", person) < 0.35, -2.7).otherwise(0.3),
            # From every week to every twelfth; half of the people come less often than every fifth.
            "visit_every": F.when(stays, 1.0).otherwise(F.pow(F.lit(12.0), F.sqrt(habit))),
            "visit_phase": uniform(world.seed, "habit phase", person),
            "frailty": 0.4 * world.params.noise * normal(world.seed, "frailty", person),
            "followed_rank": F.when(follows, which),
        },
    )
    at_best = F.when(F.col("is_creator"), 0.85).otherwise(0.28)
    return computed(known, {"posts_a_week": at_best * (0.4 + 1.5 * F.col("diligence")) * world.intensity**0.5})


def _with_life(known: DataFrame, *, world: World) -> DataFrame:
    person = F.col("person")
    luck = uniform(world.seed, "join", person)
    is_early = uniform(world.seed, "early", person) < 0.4
    join = (
        F.when(F.col("stays"), luck * 0.04 * world.end_s)
        .when(is_early, luck * min(4.0 * WEEK_S, 0.2 * world.end_s))
        .otherwise(luck * 0.85 * world.end_s)
    )
    joined = computed(known, {"join_s": F.floor(join).cast("long")})

    def falls_silent(week: Column) -> Column:
        return (week * WEEK_S >= F.col("join_s")) & (
            uniform(world.seed, "silence", person, week) < hazard(week * WEEK_S, world=world)
        )

    weeks = F.sequence(F.lit(0), F.lit(world.weeks - 1))
    last_week = F.element_at(F.filter(weeks, falls_silent), 1)
    silent = F.coalesce(last_week * WEEK_S + index(WEEK_S, world.seed, "silence time", person), F.lit(world.end_s))
    silenced = computed(joined, {"silent_s": F.least(silent, F.lit(world.end_s)).cast("long")})

    returns = (uniform(world.seed, "returns", person) < 0.08) & (F.col("silent_s") < world.end_s)
    away = 8 * WEEK_S + index(14 * WEEK_S, world.seed, "away", person)
    back = 4 * WEEK_S + index(10 * WEEK_S, world.seed, "back", person)
    return_s = F.when(returns, F.col("silent_s") + away).otherwise(world.end_s).cast("long")
    follow_s = F.col("join_s") + HOUR_S + index(9 * DAY_S, world.seed, "follow anchor", person)
    back_again = computed(silenced, {"return_s": return_s, "follow_anchor_s": follow_s.cast("long")})
    return back_again.withColumn("gone_s", (F.col("return_s") + back).cast("long"))


def is_alive(at_s: Column, *, prefix: str = "") -> Column:
    """Whether the person whose life is in the columns `prefix + join_s` ... acts at that second."""
    join, silent, back, gone = (F.col(prefix + name) for name in LIFE)
    return ((at_s >= join) & (at_s < silent)) | ((at_s >= back) & (at_s < gone))


def is_present(person: Column, at_s: Column, *, world: World, prefix: str = "") -> Column:
    """Whether the person visits in the week of that second.

    By habit every 1 to 12 weeks, one visit in eight left out, and in the week of joining.
    Forty quiet days say little about somebody who comes every sixth week, and all about somebody who came every week.
    """
    week = F.floor(at_s / WEEK_S)
    every, phase = F.col(f"{prefix}visit_every"), F.col(f"{prefix}visit_phase")
    is_due = F.floor(week / every + phase) > F.floor((week - 1) / every + phase)
    comes = is_due & (uniform(world.seed, "left out", person, week) >= 0.125)
    return comes | (week == F.floor(F.col(f"{prefix}join_s") / WEEK_S))


def present_weeks(everybody: DataFrame, *, world: World) -> DataFrame:
    """One row per person and week that they live and visit in, with week and middle_s."""
    return person_weeks(everybody, world=world).where(is_present(F.col("person"), F.col("middle_s"), world=world))


def person_weeks(everybody: DataFrame, *, world: World) -> DataFrame:
    """One row per person and week that they live in, with week and middle_s."""
    comes_back = F.col("return_s") < world.end_s
    until = F.when(comes_back, F.least(F.col("gone_s"), F.lit(world.end_s))).otherwise(F.col("silent_s"))
    weeks = each(F.floor(F.col("join_s") / WEEK_S), F.floor((until - 1) / WEEK_S))
    lived = everybody.where(until > F.col("join_s")).withColumn("week", weeks)
    return lived.withColumn("middle_s", F.col("week") * WEEK_S + WEEK_S // 2)


def as_role(everybody: DataFrame, role: str, *traits: str) -> DataFrame:
    """Traits under another name, sent whole to every task: 8 bytes a trait and person."""
    renamed = everybody.select(F.col("person").alias(role), *[F.col(name).alias(f"{role}_{name}") for name in traits])
    return F.broadcast(renamed)


def experience(at_s: Column, *, prefix: str = "") -> Column:
    """How well the person is being treated around a time: about mean 0, deviation 1 over people and time.

    0.7 fortune, which stays, and 0.714 of a slow change: three waves of 14 to 26, 24 to 44 and 40 to 70 weeks with a phase
    of their own. Newcomers' first weeks add their reception, -2.7 for 35 in 100 and 0.3 for the rest, which fades as
    1 / (1 + (weeks since joining / 6)^2). Replies received and their tone, what the person does, and the hazard of silence
    all follow it.
    """
    change = F.lit(0.0)
    for name in _WAVES:
        change = change + _wave(at_s / F.col(f"{prefix}{name}_period") + F.col(f"{prefix}{name}_phase"))
    since = F.greatest(at_s - F.col(f"{prefix}join_s"), F.lit(0)) / (6.0 * WEEK_S)
    newcomer = F.col(f"{prefix}reception") / (1.0 + since * since)
    return 0.7 * F.col(f"{prefix}fortune") + 0.714 * _WAVE_HEIGHT * change + newcomer


def activity_at(treatment: Column) -> Column:
    """Share of their best that a person does at an experience: logistic(1.2 + 2.4 experience)."""
    return 1.0 / (1.0 + F.exp(-1.2 - 2.4 * treatment))


def hazard(at_s: Column, *, world: World) -> Column:
    """Probability of going silent in the week that starts then.

    weekly_hazard * exp(-churn_sensitivity * experience two weeks before + frailty), at most 0.35; frailty has
    deviation 0.4 * noise and cannot be seen. Anchors and rising creators stay.
    """
    recent = experience(F.greatest(at_s - 2 * WEEK_S, F.col("join_s")))
    raw = world.params.weekly_hazard * F.exp(-world.params.churn_sensitivity * recent + F.col("frailty"))
    return F.when(F.col("stays"), 0.0).otherwise(F.least(raw, F.lit(0.35)))


def growth(at_s: Column, *, world: World, prefix: str = "") -> Column:
    """The audience at a time over the audience at the start. Rising creators multiply over half a year."""
    drift = F.exp(0.004 * (1.0 + F.col(f"{prefix}quality")) * at_s / WEEK_S)
    raw = (at_s - F.col(f"{prefix}rise_start_s")) / (180.0 * DAY_S)
    progress = F.greatest(F.lit(0.0), F.least(F.lit(1.0), raw))
    # Slow, fast, slow: 3p^2 - 2p^3.
    eased = progress * progress * (3.0 - 2.0 * progress)
    return F.when(F.col(f"{prefix}is_rising"), F.pow(F.lit(world.params.rising_growth), eased)).otherwise(drift)


def appeal(at_s: Column, *, world: World) -> Column:
    """How much engagement a post draws, relative to one of an average person.

    (audience at the start / 400)^0.35 * exp(quality), less the bias against group b. A rising creator's engagement is
    eight weeks ahead of the followers and grows with the root of the audience: what can be seen before they come.
    """
    followers = F.pow(F.col("base_audience") / (2 * BASE_AUDIENCE), F.lit(0.35))
    boost = F.when(F.col("is_rising"), F.sqrt(growth(at_s + 8 * WEEK_S, world=world))).otherwise(1.0)
    bias = F.when(F.col("is_group_b"), 1.0 - world.params.group_bias).otherwise(1.0)
    return followers * boost * F.exp(F.col("quality")) * bias


def _wave(turns: Column) -> Column:
    """A sine made of two parabolas: plain arithmetic gives the same bits everywhere, a library's sine need not."""
    part = turns - F.floor(turns)
    low = F.when(part < 0.5, part).otherwise(part - 0.5)
    height = 16.0 * low * (0.5 - low)
    return F.when(part < 0.5, height).otherwise(-height)
