"""What people do that is not a reaction to a post: browse, buy, follow, meet campaigns and experiments, answer surveys.

Acts have the columns of ACT: act_id, kind, actor, target, target_post_id, item, campaign, event_s, value, currency.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.ingest.sample.acts import campaign_post, comment_id, mentioned, post_id, with_answers
from social_signals.ingest.sample.draws import burst, choose, draw, each, index, normal, numbers, uniform
from social_signals.ingest.sample.people import (
    BASE_AUDIENCE,
    LIFE,
    activity_at,
    as_role,
    experience,
    is_alive,
    present_weeks,
)
from social_signals.ingest.sample.words import TOPICS
from social_signals.ingest.sample.world import DAY_S, HOUR_S, WEEK_S, World, computed
from social_signals.ingest.sample.writing import PRODUCTS_PER_TOPIC, item_number

ACT = (
    "act_id", "kind", "actor", "target", "target_post_id", "item", "campaign", "event_s", "value", "currency",
)  # fmt: skip
ITEMS = PRODUCTS_PER_TOPIC * len(TOPICS)
EXPERIMENT = "feed_ranking_v2"
CONTROL, TREATMENT = "control", "treatment"
CURRENCY_CODE = "USD"
# Of a post by somebody with 400 followers at the start, without a name.
VIEWS = 0.3
_RISING_SLOT = 5


def act(frame: DataFrame, **columns: Column) -> DataFrame:
    """The frame as acts; what is not named is null."""
    types = {"act_id": "string", "kind": "string", "target_post_id": "string", "value": "double", "currency": "string"}
    empty = F.lit(None)
    return frame.select(*[columns.get(name, empty).cast(types.get(name, "long")).alias(name) for name in ACT])


def prices() -> list[float]:
    return [float(price) for topic in TOPICS for _, price in topic.products]


def list_price(item: Column) -> Column:
    return numbers(prices(), item)


def _chosen_item(world: World, name: str, *keys: Column) -> Column:
    """Four in five times something of the community's interest; the first products of a topic sell best."""
    own = F.pmod(F.col("community"), F.lit(len(TOPICS)))
    other = index(len(TOPICS), world.seed, f"{name} topic", *keys)
    topic = F.when(uniform(world.seed, f"{name} own topic", *keys) < 0.8, own).otherwise(other)
    luck = uniform(world.seed, f"{name} product", *keys)
    return item_number(topic, F.floor(luck * F.sqrt(luck) * PRODUCTS_PER_TOPIC))


def reactions_and_answers(reacted: DataFrame, *, world: World) -> DataFrame:
    """The reactions to posts and the authors' answers to comments, as acts."""
    post, k, author, actor = F.col("post"), F.col("k"), F.col("author"), F.col("actor")
    reaction = F.struct(
        F.lit("a").alias("letter"), F.col("kind").alias("did"), actor.alias("who"), author.alias("whom"),
        post_id(post).alias("to_post_id"), F.col("reaction_s").alias("act_s"),
    )  # fmt: skip
    answer = F.struct(
        F.lit("w").alias("letter"), F.lit("comment").alias("did"), author.alias("who"), actor.alias("whom"),
        comment_id(post, k).alias("to_post_id"), F.col("answer_s").alias("act_s"),
    )  # fmt: skip
    told = with_answers(reacted, world=world).select("post", "k", "campaign", F.inline(F.array(reaction, answer)))
    return act(
        told.where(F.col("act_s").isNotNull()),
        act_id=F.concat_ws("-", F.col("letter"), post, k),
        kind=F.col("did"),
        actor=F.col("who"),
        target=F.col("whom"),
        target_post_id=F.col("to_post_id"),
        campaign=F.col("campaign"),
        event_s=F.col("act_s"),
    )


def browsing(everybody: DataFrame, *, world: World, at_best: float) -> DataFrame:
    """Views, clicks and saves of items: one on each visit, and more by diligence and mood, which also turns views into clicks.

    `at_best` is how many more on a visit of a fully diligent, fully active person.
    """
    person, week, n = F.col("person"), F.col("week"), F.col("n")
    rate = at_best * F.col("diligence") * F.col("mood")
    looks = uniform(world.seed, "looks", person, week) < min(1.0, world.intensity)
    more = F.floor(rate + uniform(world.seed, "browse", person, week))
    count = looks.cast("int") + more.cast("int")
    present = present_weeks(everybody, world=world)
    toned = computed(present, {"mood": activity_at(experience(F.col("middle_s")))})
    single = (
        computed(toned, {"act_count": count}).where(F.col("act_count") > 0).withColumn("n", each(1, F.col("act_count")))
    )
    # One key more than posts have: what is browsed is not browsed at the times of the posts.
    timed = computed(single, {"event_s": world.time_of_week(person, week, n, F.lit(1))})
    chance = uniform(world.seed, "browse kind", person, week, n)
    return act(
        timed.where(is_alive(F.col("event_s")) & (F.col("event_s") < world.end_s)),
        act_id=F.concat_ws("-", F.lit("b"), person, week, n),
        kind=F.when(chance >= 0.7 * F.col("mood"), "view")
        .when(chance < 0.15 * F.col("mood"), "save")
        .otherwise("click"),
        actor=person,
        item=_chosen_item(world, "browse", person, week, n),
        event_s=F.col("event_s"),
    )


def purchases(everybody: DataFrame, *, world: World) -> DataFrame:
    """Purchases, at most one a person and week, and refunds: six in a hundred go back within two weeks, in full.

    P(purchase in a week) = min(0.3, 0.09 (0.4 + activity) exp(0.4 z)) before lifts, z the person's own. It is multiplied by
    1 + lift for a time at or after exposure to a campaign that still runs, and by 1 + experiment_lift for the treated
    in the weeks of effect.
    """
    person, week = F.col("person"), F.col("week")
    likes_buying = F.exp(0.4 * normal(world.seed, "buyer", person))
    usual = 0.09 * (0.4 + activity_at(experience(F.col("middle_s")))) * likes_buying
    timed = computed(
        present_weeks(everybody, world=world),
        {
            "usual": F.least(usual, F.lit(0.3)),
            "chance": uniform(world.seed, "purchase", person, week),
            "event_s": world.time_of_week(person, week, F.lit(2)),
        },
    )
    # The largest lifts together stay below 6: what cannot be a purchase leaves before campaigns are looked up.
    largest = (1 + 2.5 * world.params.campaign_lift) * (1 + world.params.experiment_lift)
    possible = timed.where(F.col("chance") < F.col("usual") * largest)
    event_s = F.col("event_s")
    here = possible.where(is_alive(event_s) & (event_s < world.end_s)).transform(_with_campaign, world=world)
    campaign_effect = F.when(F.col("campaign").isNotNull(), 1 + world.campaign_lift(F.col("campaign"))).otherwise(1.0)
    since = event_s - world.experiment_exposure_s(person)
    is_under_effect = (
        _joins_experiment(world) & world.is_treated(person) & (since >= 0) & (since < world.experiment_effect_s)
    )
    experiment_effect = F.when(is_under_effect, 1 + world.params.experiment_lift).otherwise(1.0)
    bought = here.where(F.col("chance") < F.col("usual") * campaign_effect * experiment_effect)
    priced = computed(bought, {"item": _chosen_item(world, "purchase", person, week)})
    pieces = F.when(uniform(world.seed, "pieces", person, week) < 0.12, 2.0).otherwise(1.0)
    is_tracked = uniform(world.seed, "tracked", person, week) < 0.7
    goes_back = uniform(world.seed, "goes back", person, week) < 0.06
    wait = DAY_S + index(13 * DAY_S, world.seed, "refund time", person, week)
    both = F.array(
        F.struct(F.lit("purchase").alias("kind"), event_s.alias("act_s")),
        F.struct(F.lit("refund").alias("kind"), F.when(goes_back, event_s + wait).alias("act_s")),
    )
    acts = priced.select(*priced.columns, F.inline(both))
    act_s = F.col("act_s")
    return act(
        acts.where(is_alive(act_s) & (act_s < world.end_s)),
        act_id=F.concat_ws("-", F.lit("o"), F.col("kind"), person, week),
        kind=F.col("kind"),
        actor=person,
        item=F.col("item"),
        campaign=F.when(is_tracked, F.col("campaign")),
        event_s=act_s,
        value=list_price(F.col("item")) * pieces,
        currency=F.lit(CURRENCY_CODE),
    )


def _with_campaign(timed: DataFrame, *, world: World) -> DataFrame:
    """campaign: the one that runs and that the person has been exposed to by event_s, else null."""
    running, event_s = F.col("running"), F.col("event_s")
    meanwhile = computed(timed, {"running": world.campaign_at(F.col("community"), event_s)})
    sees = world.is_exposed(running) & (event_s >= world.exposure_s(F.col("person"), running))
    return computed(meanwhile, {"campaign": F.when(sees, running)})


def follows(everybody: DataFrame, *, world: World) -> DataFrame:
    """Follow acts, then what becomes of some: unfollow, subscribe, unsubscribe.

    Slot 0 is the anchor of the own community, slot 5 a rising creator of it while the rise lasts, 1 to 4 anybody, the well
    known more often.
    """
    person, slot, followed, community = F.col("person"), F.col("slot"), F.col("followed"), F.col("community")
    luck = uniform(world.seed, "follows whom", person, slot)
    stays_home = uniform(world.seed, "follows at home", person, slot) < world.params.homophily
    anywhere = index(world.community_count, world.seed, "follows where", person, slot)
    slots = computed(
        everybody.withColumn("slot", each(0, _RISING_SLOT)),
        {
            "where": F.when(stays_home | (slot == 0) | (slot == _RISING_SLOT), community).otherwise(anywhere),
            "wants": uniform(world.seed, "follows", person, slot) < 0.5,
            "wait": uniform(world.seed, "follow wait", person, slot),
            "luck": luck * luck * F.sqrt(luck),
        },
    )
    usual_rank = F.floor(F.col("luck") * world.size(F.col("where"))).cast("long")
    rising = world.first_rising_rank(community)
    rank = F.when(slot == 0, F.col("followed_rank")).when(slot == _RISING_SLOT, rising).otherwise(usual_rank)
    ranked = computed(slots.where((slot == 0) | F.col("wants")), {"followed_rank": rank})
    aimed = computed(ranked, {"followed": world.at_rank(F.col("where"), F.col("followed_rank"))})
    met = aimed.where(followed != person).join(
        as_role(everybody, "followed", "join_s", "rise_start_s", "is_rising"), on="followed", how="inner"
    )
    both_there = F.greatest(F.col("join_s"), F.col("followed_join_s"))
    wait = F.col("wait")
    in_the_rise = F.greatest(both_there, F.col("followed_rise_start_s")) + F.floor(wait * 200 * DAY_S)
    follow_s = (
        F.when(slot == 0, F.greatest(F.col("follow_anchor_s"), F.col("followed_join_s") + HOUR_S))
        .when(slot == _RISING_SLOT, F.when(F.col("followed_is_rising"), in_the_rise))
        .otherwise(both_there + HOUR_S + F.floor(wait * wait * 120 * DAY_S))
    )
    timed = computed(met, {"follow_s": follow_s.cast("long")})
    timed = timed.where(is_alive(F.col("follow_s")) & (F.col("follow_s") < world.end_s))
    return timed.transform(_follow_story, world=world)


def _follow_story(followed: DataFrame, *, world: World) -> DataFrame:
    person, slot, follow_s = F.col("person"), F.col("slot"), F.col("follow_s")

    def later(name: str, share: float, longest_days: int, start: Column) -> Column:
        happens = uniform(world.seed, name, person, slot) < share
        wait = HOUR_S + index(longest_days * DAY_S, world.seed, f"{name} time", person, slot)
        return F.when(happens, start + wait)

    followed = computed(followed, {"subscribe_s": later("subscribe", 0.1, 60, follow_s)})
    subscribe_s = F.col("subscribe_s")
    steps = {
        "follow": follow_s,
        # Slot 0 stays: who follows the anchor is who a campaign can reach.
        "unfollow": F.when(slot > 0, later("unfollow", 0.08, 120, follow_s + 61 * DAY_S)),
        "subscribe": subscribe_s,
        "unsubscribe": later("unsubscribe", 0.4, 150, subscribe_s),
    }
    step = F.array(
        *[F.struct(F.lit(kind).alias("kind"), at.cast("long").alias("event_s")) for kind, at in steps.items()]
    )
    told = followed.select("person", "slot", "followed", *LIFE, F.inline(step))
    event_s, kind = F.col("event_s"), F.col("kind")
    is_paid = kind == "subscribe"
    return act(
        told.where(is_alive(event_s) & (event_s < world.end_s)),
        act_id=F.concat_ws("-", F.lit("f"), kind, person, slot),
        kind=kind,
        actor=person,
        target=F.col("followed"),
        event_s=event_s,
        value=F.when(is_paid, 4.99),
        currency=F.when(is_paid, CURRENCY_CODE),
    )


def mentions_and_views(posts: DataFrame, *, world: World) -> DataFrame:
    """The mention that a post makes, if it does, and views without a name.

    `VIEWS` for a post of a person with 400 followers at the start, growing with followers^0.4.
    """
    post, author, n = F.col("post"), F.col("author"), F.col("n")
    followers = F.pow(F.col("base_audience") / (2 * BASE_AUDIENCE), F.lit(0.4))
    rate = VIEWS * world.intensity**0.5 * followers
    counted = computed(posts, {"view_count": burst(rate, world.seed, "anonymous", post), "mentioned": mentioned(world)})
    single = counted.withColumn("n", each(0, F.col("view_count")))
    wait = F.least(-30.0 * HOUR_S * F.log(1.0 - uniform(world.seed, "anonymous time", post, n)), F.lit(20.0 * DAY_S))
    # Number 0 is the mention, at the time of the post.
    is_mention = n == 0
    act_s = F.col("event_s") + F.when(is_mention, 0).otherwise(1 + F.floor(wait))
    timed = computed(single.where(~is_mention | F.col("mentioned").isNotNull()), {"act_s": act_s.cast("long")})
    return act(
        timed.where(F.col("act_s") < world.end_s),
        act_id=F.concat_ws("-", F.lit("v"), post, n),
        kind=F.when(is_mention, "mention").otherwise("view"),
        actor=F.when(is_mention, author),
        target=F.when(is_mention, F.col("mentioned")).otherwise(author),
        target_post_id=post_id(post),
        campaign=F.col("campaign"),
        event_s=F.col("act_s"),
    )


def campaign_contacts(everybody: DataFrame, *, world: World) -> DataFrame:
    """The exposed half of a campaign creator's followers view its first post, and some click on its item."""
    person, campaign = F.col("person"), F.col("campaign")
    slots = everybody.withColumn("slot", each(0, world.campaign_slots - 1))
    offered = computed(slots, {"campaign": F.col("slot") * world.community_count + F.col("community")})
    met = offered.where((campaign < world.campaigns) & world.is_exposed(campaign))
    timed = computed(met, {"exposure_s": world.exposure_s(person, campaign)})
    seen = timed.where(is_alive(F.col("exposure_s")) & (F.col("exposure_s") < world.end_s))
    clicks = uniform(world.seed, "campaign click", person, campaign) < 0.3
    acts = F.array_compact(F.array(F.lit("view"), F.when(clicks, F.lit("click"))))
    kinds = seen.withColumn("kind", F.explode(acts))
    is_click = F.col("kind") == "click"
    at_s = F.col("exposure_s") + F.when(is_click, 40).otherwise(0)
    return act(
        kinds.where(at_s < world.end_s),
        act_id=F.concat_ws("-", F.lit("c"), F.col("kind"), campaign, person),
        kind=F.col("kind"),
        actor=person,
        target=world.campaign_creator(campaign),
        target_post_id=post_id(campaign_post(world, campaign, F.lit(0))),
        item=F.when(is_click, campaign_item(world, campaign)),
        campaign=campaign,
        event_s=at_s,
    )


def campaign_item(world: World, campaign: Column) -> Column:
    return item_number(
        F.pmod(world.community(campaign), F.lit(len(TOPICS))),
        F.pmod(world.campaign_slot(campaign), F.lit(PRODUCTS_PER_TOPIC)),
    )


def brand(world: World, campaign: Column) -> Column:
    brands = [[entry.partition("|")[0] for entry in topic.brands] for topic in TOPICS]
    return choose(brands, F.pmod(world.community(campaign), F.lit(len(TOPICS))), world.campaign_slot(campaign))


def _joins_experiment(world: World) -> Column:
    return is_alive(world.experiment_exposure_s(F.col("person")))


def experiment_arms(everybody: DataFrame, *, world: World) -> DataFrame:
    """One row per person who was there when the experiment met them: person, variant, event_s."""
    timed = computed(everybody, {"event_s": world.experiment_exposure_s(F.col("person"))})
    variant = F.when(world.is_treated(F.col("person")), TREATMENT).otherwise(CONTROL)
    met = timed.where(is_alive(F.col("event_s")) & (F.col("event_s") < world.end_s))
    return met.select("person", variant.alias("variant"), "event_s")


def survey_answers(everybody: DataFrame, *, world: World) -> DataFrame:
    """One row per answer: response_id, person, campaign, score, event_s, mood (0 to 2).

    Once a quarter one in five is asked and answers; score = 6.6 + 1.7 experience + 1.2 noise z, rounded, 0 to 10. A person
    exposed to the campaign that runs then is asked about it.
    """
    person, quarter = F.col("person"), F.col("quarter")
    asked = everybody.withColumn("quarter", each(0, world.weeks // 13))
    answers = asked.where(uniform(world.seed, "survey", person, quarter) < 0.2)
    wait = index(13 * WEEK_S, world.seed, "survey time", person, quarter)
    timed = computed(answers, {"event_s": (quarter * (13 * WEEK_S) + wait).cast("long")})
    event_s = F.col("event_s")
    there = timed.where(is_alive(event_s) & (event_s < world.end_s)).transform(_with_campaign, world=world)
    luck = normal(world.seed, "survey mood", person, quarter)
    raw = 6.6 + 1.7 * experience(event_s) + 1.2 * world.params.noise * luck
    scored = computed(there, {"score": F.greatest(F.lit(0), F.least(F.lit(10), F.floor(raw + 0.5))).cast("int")})
    score = F.col("score")
    return scored.select(
        F.concat_ws("-", F.lit("s"), person, quarter).alias("response_id"),
        "person",
        "campaign",
        "score",
        "event_s",
        F.when(score <= 4, 0).when(score <= 7, 1).otherwise(2).alias("mood"),
        draw(world.seed, "survey text", person, quarter).alias("words"),
    )
