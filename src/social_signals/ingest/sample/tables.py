"""The generated world in the shape of the silver contracts, and the truth about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from social_signals.ingest.sample import acts, commerce, templates
from social_signals.ingest.sample.draws import choose, choose_one, draw, each, index, normal, uniform
from social_signals.ingest.sample.params import SampleParams
from social_signals.ingest.sample.people import (
    BASE_AUDIENCE,
    GROUPS,
    activity_at,
    experience,
    growth,
    hazard,
    people,
    person_weeks,
    present_weeks,
)
from social_signals.ingest.sample.words import PLACES, TOPICS, canonical
from social_signals.ingest.sample.world import DAY_S, WEEK_S, World, computed
from social_signals.ingest.sample.writing import item_id, written
from social_signals.tables.silver import INGESTED_TS, PURPOSES, SOURCE, silver_table

_MONTH_S = 30 * DAY_S
# How many first-hand grants of a hundred, and how many of the granted are withdrawn later.
_GRANTED = {"analytics": 0.97, "profiling": 0.91, "personalization": 0.85, "messaging": 0.6}
_WITHDRAWN = 0.04
_SAYS_NOTHING = 0.03
_LOOKED_AT = 4000
# Of the six friends of an author; and reactions with their answers of a candidate who would be there by chance.
_FRIENDS_WHO_SEE = 3.6
_REACTIONS_A_CANDIDATE = 1.0

SAMPLE_TABLES = (
    "users", "user_snapshots", "posts", "interactions", "items", "campaigns", "exposures", "surveys", "consents",
)  # fmt: skip


def columns_of(name: str) -> list[str]:
    """The columns of a sample table: those of its contract but for what ingest adds."""
    return [column for column in silver_table(name).columns if column not in (INGESTED_TS, SOURCE)]


def sample_tables(
    spark: SparkSession, params: SampleParams, *, names: Sequence[str] = SAMPLE_TABLES
) -> dict[str, DataFrame]:
    """Short silver name -> rows of its contract without ingested_ts and source.

    The people are worked out at once and kept until the frames are garbage; everything else is made when it is read.
    """
    world = World(params)
    everybody = _people(spark, world=world)
    posts = acts.root_posts(everybody, world=world)
    reacted = acts.reactions(posts, everybody, world=world)
    frames: dict[str, Callable[[], DataFrame]] = {
        "users": lambda: _users(everybody, world=world),
        "user_snapshots": lambda: _user_snapshots(everybody, world=world),
        "posts": lambda: _posts(posts, reacted, world=world),
        "interactions": lambda: _interactions(everybody, posts, reacted, world=world),
        "items": lambda: _items(spark),
        "campaigns": lambda: _campaigns(spark, world=world),
        "exposures": lambda: _exposures(everybody, world=world),
        "surveys": lambda: _surveys(everybody, world=world),
        "consents": lambda: _consents(everybody, world=world),
    }
    return {name: _as_contract(name, frames[name]()) for name in names}


def sample_truth(spark: SparkSession, params: SampleParams) -> dict[str, DataFrame]:
    """What no table says, for tests and for judging models. Same ids as `sample_tables` of the same params.

    users: community, topic, group, quality, base_audience, is_anchor, is_rising, rise_start_ts, silent_ts (null = never within
    the world), return_ts, gone_ts. user_weeks: one row per person and week they live, with experience, activity and the
    probability of going silent in it. posts: sentiment, p_negative, p_neutral, p_positive, entities (text as it is
    spelled there, entity_type, normalized). campaigns: lift on purchases of the exposed. experiments: lift, effect_days.
    """
    world = World(params)
    everybody = _people(spark, world=world)
    person = F.col("person")
    week_s = F.col("week") * WEEK_S

    def unless_never(column: str) -> Column:
        return F.when(F.col(column) < world.end_s, world.instant(F.col(column)))

    users = everybody.select(
        world.user_id(person).alias("user_id"),
        "community",
        _topic_name(F.col("community")).alias("topic"),
        _group().alias("group"),
        "quality",
        "base_audience",
        "diligence",
        "is_anchor",
        "is_rising",
        F.when(F.col("is_rising"), world.instant(F.col("rise_start_s"))).alias("rise_start_ts"),
        *[unless_never(f"{name}_s").alias(f"{name}_ts") for name in ("join", "silent", "return", "gone")],
    )
    user_weeks = person_weeks(everybody, world=world).select(
        world.user_id(person).alias("user_id"),
        world.instant(week_s).alias("week_start_ts"),
        experience(week_s).alias("experience"),
        activity_at(experience(week_s)).alias("activity"),
        hazard(week_s, world=world).alias("hazard"),
    )
    sentiments = F.array(*[F.lit(label) for label in ("negative", "neutral", "positive")])
    roots = acts.root_posts(everybody, world=world)
    posts = _written(roots, acts.reactions(roots, everybody, world=world), world=world).select(
        "post_id", F.element_at(sentiments, (F.col("sentiment") + 1).cast("int")).alias("sentiment"),
        "p_negative", "p_neutral", "p_positive", "entities",
    )  # fmt: skip
    campaigns = _numbered_campaigns(spark, world=world).select(
        _campaign_id(F.col("campaign")).alias("campaign_id"),
        world.community(F.col("campaign")).alias("community"),
        world.campaign_lift(F.col("campaign")).alias("lift"),
    )
    experiments = spark.range(1).select(
        F.lit(commerce.EXPERIMENT).alias("experiment_id"),
        F.lit(params.experiment_lift).alias("lift"),
        F.lit(world.experiment_effect_s // DAY_S).alias("effect_days"),
    )
    return {
        "users": users,
        "user_weeks": user_weeks,
        "posts": posts,
        "campaigns": campaigns,
        "experiments": experiments,
    }


def _people(spark: SparkSession, *, world: World) -> DataFrame:
    # Every table starts from them: without a cut, each would carry, plan and compute all of their past again.
    return people(spark, world=world).localCheckpoint()


def _as_contract(name: str, frame: DataFrame) -> DataFrame:
    """The contract's columns in its order and types; where it allows no null, Spark is told so too."""
    wanted = silver_table(name).schema
    return frame.select(*[F.col(column).cast(wanted[column].dataType).alias(column) for column in columns_of(name)])


def _users(everybody: DataFrame, *, world: World) -> DataFrame:
    person = F.col("person")
    topic = _topic_name(F.col("community"))
    city = choose_one([canonical(place) for place in PLACES], draw(world.seed, "home", person))
    bio = F.replace(choose_one(templates.BIOS, draw(world.seed, "bio", person)), F.lit("{topic}"), topic)
    return everybody.select(
        world.user_id(person).alias("user_id"),
        world.handle(person).alias("handle"),
        world.display_name(person).alias("display_name"),
        F.when(uniform(world.seed, "has bio", person) < 0.8, bio).alias("bio"),
        world.country(person).alias("country"),
        world.language(person).alias("language"),
        world.instant(F.col("join_s")).alias("created_ts"),
        "is_creator",
        F.create_map(F.lit("group"), _group(), F.lit("city"), city).alias("attributes"),
    )


def _user_snapshots(everybody: DataFrame, *, world: World) -> DataFrame:
    """Every 30 days from the day the person joined, two in a hundred off."""
    person, month = F.col("person"), F.col("month")
    months = each(0, F.floor((F.lit(world.end_s - 1) - F.col("join_s")) / _MONTH_S))
    at_s = F.col("join_s") + month * _MONTH_S
    monthly = everybody.withColumn("month", months)
    # Who is silent wins and loses nobody.
    lived = computed(monthly, {"at_s": at_s, "living_s": F.least(at_s, F.col("silent_s"))})
    wobble = 1.0 + 0.02 * normal(world.seed, "snapshot", person, month)
    followers = F.floor(F.col("base_audience") * growth(F.col("living_s"), world=world) * wobble)
    lived_weeks = (F.col("living_s") - F.col("join_s")) / WEEK_S
    counted = computed(lived, {"follower_count": followers, "lived_weeks": lived_weeks})
    usual_following = 60 + 400 * uniform(world.seed, "following", person)
    return counted.select(
        world.user_id(person).alias("user_id"),
        world.instant(F.col("at_s")).alias("snapshot_ts"),
        "follower_count",
        F.floor(usual_following + F.col("lived_weeks")).alias("following_count"),
        F.floor(F.col("lived_weeks") * F.col("posts_a_week") * 0.6).alias("post_count"),
        F.floor(F.col("follower_count") / 150).alias("listed_count"),
    )


def _written(posts: DataFrame, reacted: DataFrame, *, world: World) -> DataFrame:
    comments = reacted.where(F.col("kind") == "comment")
    return written(acts.drafts(posts, comments, world=world), world=world)


def _posts(posts: DataFrame, reacted: DataFrame, *, world: World) -> DataFrame:
    return _written(posts, reacted, world=world).select(
        "post_id",
        world.user_id(F.col("author")).alias("author_id"),
        world.instant(F.col("event_s")).alias("event_ts"),
        "text",
        "title",
        "language",
        "parent_post_id",
        item_id(F.col("item")).alias("item_id"),
        _campaign_id(F.col("campaign")).alias("campaign_id"),
        "media_type",
    )


def _interactions(everybody: DataFrame, posts: DataFrame, reacted: DataFrame, *, world: World) -> DataFrame:
    together = commerce.reactions_and_answers(reacted, world=world)
    for part in (
        commerce.mentions_and_views(posts, world=world),
        commerce.purchases(everybody, world=world),
        commerce.follows(everybody, world=world),
        commerce.campaign_contacts(everybody, world=world),
        commerce.browsing(everybody, world=world, at_best=_browsing_at_best(everybody, world=world)),
    ):
        together = together.unionByName(part)
    return together.select(
        F.concat(F.lit("i"), F.col("act_id")).alias("interaction_id"),
        "kind",
        world.user_id(F.col("actor")).alias("actor_id"),
        world.user_id(F.col("target")).alias("target_user_id"),
        "target_post_id",
        item_id(F.col("item")).alias("item_id"),
        _campaign_id(F.col("campaign")).alias("campaign_id"),
        world.instant(F.col("event_s")).alias("event_ts"),
        "value",
        "currency",
    )


def _browsing_at_best(everybody: DataFrame, *, world: World) -> float:
    """What people must browse for the interactions to come near the wanted number: all else follows from the truth.

    Looks at some 4,000 people. The constants are measured on this generator. Whole numbers are summed, so that the order
    of the sum cannot change the answer.
    """
    share = min(1.0, _LOOKED_AT / world.params.users)
    # By chance: who is most followed has a low number in every community, and may not be counted for many.
    some = everybody.where(uniform(world.seed, "looked at", F.col("person")) < share)
    weekly = computed(present_weeks(some, world=world), {"tone": experience(F.col("middle_s"))})
    reach = acts.usual_reach(F.col("middle_s"), F.col("tone"), world=world)
    toned = computed(weekly, {"mood": activity_at(F.col("tone")), "reach": reach})
    posts = F.col("posts_a_week") * F.col("mood")
    inside, outside = acts.readers(F.col("reach"), F.col("size"), world=world)
    followers = F.pow(F.col("base_audience") / (2 * BASE_AUDIENCE), F.lit(0.4))
    wanted = {
        "visits": F.lit(1.0),
        "more": F.col("diligence") * F.col("mood"),
        "posts": posts,
        "candidates": posts * (inside + outside + _FRIENDS_WHO_SEE),
        "views": posts * commerce.VIEWS * world.intensity**0.5 * followers,
    }
    row = toned.agg(*[F.sum(F.floor(value * 1e6)).alias(name) for name, value in wanted.items()]).first()
    if row is None or not row["visits"]:
        return 0.0
    total = {name: row[name] / share / 1e6 for name in wanted}
    is_there = total["more"] / (world.params.users * world.weeks)
    reactions = _REACTIONS_A_CANDIDATE * is_there * total["candidates"]
    others = reactions + total["views"] + 0.1 * total["posts"] + 2.7 * world.params.users + 0.07 * total["visits"]
    return float(max(0.0, (world.interactions - others - total["visits"] * min(1.0, world.intensity)) / total["more"]))


def _items(spark: SparkSession) -> DataFrame:
    item = F.col("id")
    entries = [entry for topic in TOPICS for entry, _ in topic.products]
    topic = F.floor(item / F.lit(len(TOPICS[0].products))).cast("long")
    title = choose_one([canonical(entry) for entry in entries], item)
    price = commerce.list_price(item)
    return spark.range(0, commerce.ITEMS, 1, 1).select(
        item_id(item).alias("item_id"),
        title.alias("title"),
        F.concat(title, F.lit(" for "), _topic_name(topic)).alias("description"),
        _topic_name(topic).alias("category"),
        price.alias("price"),
        # 45 to 69 % of the price, known by the item's number.
        F.round(price * (0.45 + 0.04 * F.pmod(item * 5, F.lit(7))), 2).alias("cost"),
    )


def _numbered_campaigns(spark: SparkSession, *, world: World) -> DataFrame:
    numbered = spark.range(0, world.campaigns, 1, 1).select(F.col("id").alias("campaign"))
    return numbered.where(world.campaign_start_s(F.col("campaign")) < world.end_s)


def _campaigns(spark: SparkSession, *, world: World) -> DataFrame:
    campaign = F.col("campaign")
    creator = world.campaign_creator(campaign)
    spend = 300 + 40 * index(20, world.seed, "campaign cost", campaign) / (1 + world.campaign_rank(campaign))
    return _numbered_campaigns(spark, world=world).select(
        _campaign_id(campaign).alias("campaign_id"),
        commerce.brand(world, campaign).alias("brand"),
        world.user_id(creator).alias("creator_id"),
        world.instant(world.campaign_start_s(campaign)).alias("start_ts"),
        world.instant(world.campaign_end_s(campaign)).alias("end_ts"),
        F.round(spend, 2).alias("cost"),
        F.lit(commerce.CURRENCY_CODE).alias("currency"),
        choose_one(("sales", "engagement", "reach"), campaign).alias("objective"),
    )


def _exposures(everybody: DataFrame, *, world: World) -> DataFrame:
    return commerce.experiment_arms(everybody, world=world).select(
        F.lit(commerce.EXPERIMENT).alias("experiment_id"),
        world.user_id(F.col("person")).alias("user_id"),
        "variant",
        world.instant(F.col("event_s")).alias("event_ts"),
    )


def _surveys(everybody: DataFrame, *, world: World) -> DataFrame:
    says = choose(templates.SURVEYS, F.col("mood"), F.col("words"))
    is_silent = F.pmod(F.col("words"), F.lit(7)) < 2
    return commerce.survey_answers(everybody, world=world).select(
        "response_id",
        world.user_id(F.col("person")).alias("user_id"),
        _campaign_id(F.col("campaign")).alias("campaign_id"),
        "score",
        world.instant(F.col("event_s")).alias("event_ts"),
        F.when(~is_silent, says).alias("text"),
    )


def _consents(everybody: DataFrame, *, world: World) -> DataFrame:
    """A statement a purpose on joining; four in a hundred grants are withdrawn within a year, if the world lasts that long."""
    person, n, purpose = F.col("person"), F.col("n"), F.col("purpose")
    purposes = F.array(*[F.struct(F.lit(n).alias("n"), F.lit(name).alias("purpose"), F.lit(_GRANTED[name]).alias("share"))
                         for n, name in enumerate(PURPOSES)])  # fmt: skip
    speaking = everybody.where(uniform(world.seed, "says nothing", person) >= _SAYS_NOTHING)
    asked = speaking.withColumn("asked", F.explode(purposes)).select("person", "join_s", "asked.*")
    first = asked.withColumn("granted", uniform(world.seed, "grants", person, n) < F.col("share"))
    withdraws = F.col("granted") & (uniform(world.seed, "withdraws", person, n) < _WITHDRAWN)
    wait = DAY_S + index(365 * DAY_S, world.seed, "withdraws when", person, n)
    said = F.array_compact(
        F.array(
            F.struct(F.col("join_s").alias("event_s"), F.col("granted").alias("granted")),
            F.when(withdraws, F.struct((F.col("join_s") + wait).alias("event_s"), F.lit(False).alias("granted"))),
        )
    )
    told = first.select("person", "purpose", F.explode(said).alias("said")).select("person", "purpose", "said.*")
    return told.where(F.col("event_s") < world.end_s).select(
        world.user_id(person).alias("user_id"), purpose, world.instant(F.col("event_s")).alias("event_ts"), "granted"
    )


def _group() -> Column:
    return F.when(F.col("is_group_b"), GROUPS[1]).otherwise(GROUPS[0])


def _campaign_id(campaign: Column) -> Column:
    return F.concat(F.lit("campaign"), F.lpad(campaign.cast("string"), 4, "0"))


def _topic_name(community: Column) -> Column:
    return choose([[topic.name] for topic in TOPICS], F.pmod(community, F.lit(len(TOPICS))), F.lit(0))
