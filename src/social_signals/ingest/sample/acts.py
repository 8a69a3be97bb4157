"""Who posts what, who reacts to it, and what the author answers."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.ingest.sample.draws import burst, each, index, normal, uniform
from social_signals.ingest.sample.people import (
    LIFE,
    MOODS,
    VISITS,
    activity_at,
    appeal,
    as_role,
    experience,
    is_alive,
    is_present,
    present_weeks,
)
from social_signals.ingest.sample.words import TOPICS
from social_signals.ingest.sample.world import ANCHORS, DAY_S, HOUR_S, WEEK_S, World, computed

_POSTS_A_WEEK = 64
_WEEKS = 2048
_FRIENDS = 3
_MAX_DELAY_S = 6 * DAY_S
# Candidates for a reaction to a post of appeal 1; about one in eight is there and takes the trouble.
_REACH = 10.0
_AUTHOR = (*LIFE, *VISITS, "community", "member", "size", "stride")


def root_posts(everybody: DataFrame, *, world: World) -> DataFrame:
    """One row per post that answers nothing.

    Columns: post (its number), event_s, campaign, author with life and place in the graph, tone (the author's experience
    then), reach (how many could react), audience.
    """
    author, week, n = F.col("person"), F.col("week"), F.col("n")
    weekly = present_weeks(everybody, world=world)
    rate = F.col("posts_a_week") * activity_at(experience(F.col("middle_s")))
    count = F.least(burst(rate, world.seed, "posts", author, week), F.lit(_POSTS_A_WEEK - 1))
    single = computed(weekly, {"post_count": count}).where(F.col("post_count") > 0)
    single = single.withColumn("n", each(1, F.col("post_count")))
    numbered = {
        "post": (author * _WEEKS + week) * _POSTS_A_WEEK + n,
        "event_s": world.time_of_week(author, week, n),
        "campaign": F.lit(None).cast("long"),
    }
    ordered = _campaign_posts(everybody, world=world)
    together = computed(single, numbered).select(*ordered.columns).unionByName(ordered)
    event_s = F.col("event_s")
    timed = together.where(is_alive(event_s) & (event_s < world.end_s))
    toned = computed(timed, {"tone": experience(event_s)})
    luck = F.exp(0.4 * world.params.noise * normal(world.seed, "luck", F.col("post")))
    reach = usual_reach(event_s, F.col("tone"), world=world) * luck
    author_columns = [author.alias("author"), *[F.col(name).alias(f"author_{name}") for name in _AUTHOR]]
    return computed(toned, {"reach": reach}).select(
        "post", "event_s", "campaign", *author_columns, "tone", "base_audience", "reach"
    )


def usual_reach(at_s: Column, tone: Column, *, world: World) -> Column:
    """How many could react to a post of a person at a time, before the post's own luck."""
    return appeal(at_s, world=world) * F.exp(0.6 * tone) * (_REACH * float(world.intensity**0.5))


def readers(reach: Column, size: Column, *, world: World) -> tuple[Column, Column]:
    """That reach split into people of the community and of the others, at most as many as there are."""
    others = (world.community_count - 1) * (world.params.users // world.community_count)
    inside = F.least(reach * world.params.homophily, size.cast("double"))
    return inside, F.least(reach * (1 - world.params.homophily), F.lit(float(others)))


def _campaign_posts(everybody: DataFrame, *, world: World) -> DataFrame:
    """Four posts by the creator of a campaign, one a week."""
    campaign, n = F.col("campaign"), F.col("n")
    numbered = everybody.sparkSession.range(0, world.campaigns, 1, 1).select(
        F.col("id").alias("campaign"), each(0, 3).alias("n")
    )
    timed = {
        "person": world.campaign_creator(campaign),
        "post": campaign_post(world, campaign, n),
        "event_s": (world.campaign_start_s(campaign) + n * WEEK_S + 9 * HOUR_S).cast("long"),
    }
    # The few campaign posts travel to the people, not the other way round.
    return everybody.join(F.broadcast(computed(numbered, timed).drop("n")), on="person", how="inner")


def campaign_post(world: World, campaign: Column, n: Column) -> Column:
    """The number of a campaign's n-th post, beyond the numbers of all people's posts."""
    return ((campaign + world.params.users) * _WEEKS * _POSTS_A_WEEK + n).cast("long")


def reactions(posts: DataFrame, everybody: DataFrame, *, world: World) -> DataFrame:
    """One row per reaction to a post.

    Columns: those of the post, k (unique within the post), kind, reaction_s, actor, actor_tone (their experience then).
    """
    post, size = F.col("post"), F.col("author_size")
    inside, outside = readers(F.col("reach"), size, world=world)
    counted = computed(
        posts,
        {
            "inside": _at_random(inside, uniform(world.seed, "inside", post)).cast("long"),
            "outside": _at_random(outside, uniform(world.seed, "outside", post)).cast("long"),
            "first_reader": index(size, world.seed, "first reader", post),
        },
    )
    candidates = counted.withColumn("k", each(0, F.col("inside") + F.col("outside") + (2 * _FRIENDS - 1)))
    met = (
        candidates.transform(_with_actor, world=world)
        .transform(_with_kind, world=world)
        .join(as_role(everybody, "actor", *LIFE, *MOODS), on="actor", how="inner")
        .where(is_alive(F.col("reaction_s"), prefix="actor_"))
        .where(is_present(F.col("actor"), F.col("reaction_s"), world=world, prefix="actor_"))
    )
    toned = computed(met, {"actor_tone": experience(F.col("reaction_s"), prefix="actor_")})
    willing = F.col("actor_diligence") * activity_at(F.col("actor_tone"))
    return toned.where(uniform(world.seed, "takes the trouble", post, F.col("k")) < willing)


def _at_random(expected: Column, chance: Column) -> Column:
    """A whole number next to `expected`, which is its mean."""
    return F.floor(expected + chance)


def _with_actor(candidates: DataFrame, *, world: World) -> DataFrame:
    """Friends first, then the community from a random place in strides that meet nobody twice, then the others."""
    post, k, size, community = F.col("post"), F.col("k"), F.col("author_size"), F.col("author_community")
    member, start = F.col("author_member"), F.col("first_reader")
    n = k - 2 * _FRIENDS
    offset = F.when(k < _FRIENDS, k + 1).otherwise(_FRIENDS - 1 - k)
    friend = F.pmod(member + offset, size)
    inside = F.pmod(start + n * F.col("author_stride"), size)
    elsewhere, far = community, start
    if world.community_count > 1:
        others = F.lit(world.community_count - 1)
        m = n - F.col("inside")
        elsewhere = F.pmod(community + 1 + F.pmod(m, others), F.lit(world.community_count))
        far = F.pmod(start + F.floor(m / others) * world.stride(elsewhere), world.size(elsewhere))
    is_friend, is_inside = k < 2 * _FRIENDS, n < F.col("inside")
    delay = F.least(-16.0 * HOUR_S * F.log(1.0 - uniform(world.seed, "delay", post, k)), F.lit(float(_MAX_DELAY_S)))
    placed = computed(
        candidates,
        {
            "is_friend": is_friend,
            "is_inside": ~is_friend & is_inside,
            "actor_member": F.when(is_friend, friend).when(is_inside, inside).otherwise(far),
            "actor_community": F.when(is_friend | is_inside, community).otherwise(elsewhere),
            "reaction_s": (F.col("event_s") + 60 + F.floor(delay)).cast("long"),
        },
    )
    # A friend met again as a reader would react twice; the author does not react to the own post.
    gap = F.pmod(F.col("actor_member") - member, size)
    is_near = (gap <= _FRIENDS) | (gap >= size - _FRIENDS)
    is_self_or_again = (F.col("is_inside") & is_near) | (F.col("is_friend") & (gap == 0))
    sees = uniform(world.seed, "friend sees", post, k) < F.least(0.6 * F.exp(0.6 * F.col("tone")), F.lit(1.0))
    read = placed.where(~is_self_or_again & (~F.col("is_friend") | sees) & (F.col("reaction_s") < world.end_s))
    return computed(read, {"actor": world.person(F.col("actor_community"), F.col("actor_member"))})


def _with_kind(candidates: DataFrame, *, world: World) -> DataFrame:
    """Comments are what bad treatment takes away first; the rest are views, likes, shares and saves."""
    chance = uniform(world.seed, "reaction kind", F.col("post"), F.col("k"))
    usual = F.when(F.col("is_friend"), 0.27).otherwise(0.14)
    comments = F.least(usual * F.exp(0.6 * F.col("tone")), F.lit(0.6))
    drawn = computed(candidates, {"chance": chance, "comments": comments})
    rest = (F.col("chance") - F.col("comments")) / (1.0 - F.col("comments"))
    kind = (
        F.when(F.col("chance") < F.col("comments"), "comment").when(rest < 0.42, "view").when(rest < 0.86, "like")
        .when(rest < 0.94, "share").otherwise("save")
    )  # fmt: skip
    return computed(drawn, {"kind": kind})


def with_answers(reacted: DataFrame, *, world: World) -> DataFrame:
    """The reactions with answer_s: when the post's author answers the comment, null where there is no answer.

    Two in five commenters at average experience get one while the author is fully active; more when they are treated well.
    """
    post, k, answer_s = F.col("post"), F.col("k"), F.col("answer_s")
    wait = F.floor(-8.0 * HOUR_S * F.log(1.0 - uniform(world.seed, "answer delay", post, k)))
    at_s = (F.col("reaction_s") + 60 + F.least(wait, F.lit(_MAX_DELAY_S))).cast("long")
    chance = F.least(0.4 * F.exp(0.7 * F.col("actor_tone")), F.lit(0.9))
    willing = chance * activity_at(F.col("tone"))
    answers = (F.col("kind") == "comment") & (uniform(world.seed, "answers", post, k) < willing)
    planned = computed(reacted, {"answer_s": F.when(answers, at_s)})
    on_time = is_alive(answer_s, prefix="author_") & (answer_s < world.end_s)
    visits = is_present(F.col("author"), answer_s, world=world, prefix="author_")
    return computed(planned, {"answer_s": F.when(on_time & visits, answer_s)})


def drafts(posts: DataFrame, comments: DataFrame, *, world: World) -> DataFrame:
    """One row per text to write: posts, comments on them, and the authors' answers to comments.

    Columns: post and reply (unique together; reply 0 = a post of its own), author, about (whom it answers), mentioned,
    topic, tone (the experience it follows), event_s, campaign, post_id, parent_post_id.
    """
    post, k, author, actor = F.col("post"), F.col("k"), F.col("author"), F.col("actor")
    own_topic = F.pmod(F.col("author_community"), F.lit(len(TOPICS)))
    strays = uniform(world.seed, "strays", post) < 0.1
    topic = F.when(strays, index(len(TOPICS), world.seed, "other topic", post)).otherwise(own_topic)
    # A reply sounds as its writer feels and as its receiver is being treated.
    both_tones = (F.col("tone") + F.col("actor_tone")) * 0.7
    nothing = F.lit(None)
    roots = posts.select(
        "post", F.lit(0).cast("long").alias("reply"), "author", author.alias("about"), mentioned(world).alias("mentioned"),
        topic.cast("long").alias("topic"), "tone", "event_s", "campaign", post_id(post).alias("post_id"),
        nothing.cast("string").alias("parent_post_id"),
    )  # fmt: skip
    comment = F.struct(
        (k + 1).alias("reply"), actor.alias("author"), author.alias("about"), F.col("reaction_s").alias("event_s"),
        comment_id(post, k).alias("post_id"), post_id(post).alias("parent_post_id"),
    )  # fmt: skip
    answer = F.struct(
        (-k - 1).alias("reply"), author.alias("author"), actor.alias("about"), F.col("answer_s").alias("event_s"),
        answer_id(post, k).alias("post_id"), comment_id(post, k).alias("parent_post_id"),
    )  # fmt: skip
    pairs = with_answers(comments, world=world).select(
        "post", nothing.cast("long").alias("mentioned"), topic.cast("long").alias("topic"), both_tones.alias("tone"),
        "campaign", F.inline(F.array(comment, answer)),
    )  # fmt: skip
    return roots.unionByName(pairs.where(F.col("event_s").isNotNull()))


def mentioned(world: World) -> Column:
    """The well-known person of the author's community whom a post names with @, or null; everybody is there by then."""
    author, post, community = F.col("author"), F.col("post"), F.col("author_community")
    rank = index(ANCHORS, world.seed, "mentioned anchor", post)
    is_rising = uniform(world.seed, "mentions rising", post) < 0.3
    who = world.at_rank(community, F.when(is_rising, world.first_rising_rank(community)).otherwise(rank))
    mentions = uniform(world.seed, "mentions", post) < 0.12
    is_known = F.col("event_s") > F.lit(int(0.05 * world.end_s))
    return F.when(mentions & is_known & (who != author), who)


def post_id(post: Column) -> Column:
    return F.concat(F.lit("p"), post.cast("string"))


def comment_id(post: Column, k: Column) -> Column:
    return F.concat(F.lit("p"), post.cast("string"), F.lit("c"), k.cast("string"))


def answer_id(post: Column, k: Column) -> Column:
    return F.concat(F.lit("p"), post.cast("string"), F.lit("a"), k.cast("string"))
