"""Text that carries a known sentiment and known names."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.ingest.sample import templates
from social_signals.ingest.sample.draws import choose, choose_one, draw, index, uniform
from social_signals.ingest.sample.words import (
    ENGLISH_NATIONS,
    ORGANIZATIONS,
    PEOPLE,
    PLACES,
    TOPICS,
    canonical,
    products,
    spellings,
)
from social_signals.ingest.sample.world import World, computed

PRODUCTS_PER_TOPIC = len(products()[0])
BRANDS_PER_TOPIC = len(TOPICS[0].brands)
_SPELLINGS = len(spellings("x"))
_SLOTS = ("product", "place", "person", "org")
_TYPES = {"product": "product", "place": "location", "person": "person", "org": "organization"}


def item_number(topic: Column, product: Column) -> Column:
    """The shop sells each topic's products: item = topic * products per topic + product."""
    return (topic * PRODUCTS_PER_TOPIC + product).cast("long")


def item_id(item: Column) -> Column:
    return F.concat(F.lit("item"), F.lpad(item.cast("string"), 4, "0"))


def written(drafts: DataFrame, *, world: World) -> DataFrame:
    """The drafts with text, media type, language, item and the truth about them, one row per draft.

    drafts have: post and reply (longs, unique together; reply 0 = a post of its own), author, about (the person whose
    post is answered), mentioned (person or null), topic, tone (experience of whom the tone follows).
    """
    return (
        drafts.transform(_with_sentiment, world=world)
        .transform(_with_names, world=world)
        .transform(_with_text, world=world)
    )


def _with_sentiment(drafts: DataFrame, *, world: World) -> DataFrame:
    """Softmax of (0.1 - 1.5 tone, 0.6, -0.6 + 1.5 tone), in the order negative, neutral, positive."""
    slope = 1.5 * F.col("tone")
    negative, neutral, positive = F.exp(0.1 - slope), F.lit(math.exp(0.6)), F.exp(-0.6 + slope)
    total = negative + neutral + positive
    chances = computed(
        drafts,
        {"p_negative": negative / total, "p_neutral": neutral / total, "p_positive": positive / total},
    )
    chance = uniform(world.seed, "sentiment", F.col("post"), F.col("reply"))
    sentiment = (
        F.when(chance < F.col("p_negative"), 0).when(chance < F.col("p_negative") + F.col("p_neutral"), 1).otherwise(2)
    )
    return computed(chances, {"sentiment": sentiment.cast("long")})


def _with_names(drafts: DataFrame, *, world: World) -> DataFrame:
    """What could be named in the text and how it is spelled; whether it is named depends on the sentence."""
    keys = (F.col("post"), F.col("reply"))
    drafts = computed(drafts, {"nation": world.nation(F.col("author"))})
    nation = F.col("nation")
    speaks_other = nation >= ENGLISH_NATIONS
    is_foreign = speaks_other & (uniform(world.seed, "writes foreign", *keys) < 0.7)
    language = F.when(is_foreign, F.pmod(nation - ENGLISH_NATIONS, F.lit(len(templates.FOREIGN_LANGUAGES))))
    named = computed(
        drafts,
        {
            "foreign": language,
            "product": index(PRODUCTS_PER_TOPIC, world.seed, "product named", *keys),
            "place": index(len(PLACES), world.seed, "place named", *keys),
            "person": index(len(PEOPLE), world.seed, "person named", *keys),
            # Half of the organisations named are brands of the topic.
            "org": index(len(ORGANIZATIONS) + 4 * BRANDS_PER_TOPIC, world.seed, "org named", *keys),
        },
    )
    spelling = {slot: index(_SPELLINGS, world.seed, f"{slot} spelling", *keys) for slot in _SLOTS}
    row, no_row = F.col("topic"), F.lit(0)
    surfaces = {
        "product": choose(_spelled(products()), row, F.col("product") * _SPELLINGS + spelling["product"]),
        "place": choose(_spelled([PLACES]), no_row, F.col("place") * _SPELLINGS + spelling["place"]),
        "person": choose(_spelled([PEOPLE]), no_row, F.col("person") * _SPELLINGS + spelling["person"]),
        "org": choose(_spelled(_orgs()), row, F.col("org") * _SPELLINGS + spelling["org"]),
    }
    names = {
        "product": choose(_canonical(products()), row, F.col("product")),
        "place": choose(_canonical([PLACES]), no_row, F.col("place")),
        "person": choose(_canonical([PEOPLE]), no_row, F.col("person")),
        "org": choose(_canonical(_orgs()), row, F.col("org")),
    }
    spelled = computed(named, {f"{slot}_surface": surfaces[slot] for slot in _SLOTS})
    return spelled.withColumns({f"{slot}_name": names[slot] for slot in _SLOTS})


def _with_text(drafts: DataFrame, *, world: World) -> DataFrame:
    keys = (F.col("post"), F.col("reply"))
    is_reply = F.col("reply") != 0
    is_foreign = F.col("foreign").isNotNull()
    english = choose(
        (*templates.POSTS, *templates.COMMENTS),
        F.col("sentiment") + F.when(is_reply, len(templates.POSTS)).otherwise(0),
        draw(world.seed, "sentence", *keys),
    )
    foreign_row = F.col("sentiment") * len(templates.FOREIGN_LANGUAGES) + F.col("foreign")
    foreign = choose(templates.FOREIGN_ROWS, foreign_row, draw(world.seed, "sentence", *keys))
    opener = F.when(is_foreign, "").otherwise(
        choose(templates.OPENERS, F.col("sentiment"), draw(world.seed, "opener", *keys))
    )
    closer = choose(templates.CLOSERS, F.col("sentiment"), draw(world.seed, "closer", *keys))
    thing = choose([topic.things for topic in TOPICS], F.col("topic"), draw(world.seed, "thing", *keys))
    parts = {
        "sentence": F.when(is_foreign, foreign).otherwise(english),
        "opener": opener,
        "closer": closer,
        "thing": thing,
    }
    sentence = computed(drafts, parts)

    filled = F.col("sentence")
    for slot in _SLOTS:
        filled = F.replace(filled, F.lit(f"{{{slot}}}"), F.col(f"{slot}_surface"))
    filled = F.replace(F.replace(filled, F.lit("{thing}"), F.col("thing")), F.lit("{topic}"), _topic_name())
    is_tagged = (uniform(world.seed, "hashtag", *keys) < 0.2) & ~is_reply
    tag = F.when(is_tagged, F.concat(F.lit(" #"), _topic_hashtag())).otherwise("")
    greets = is_reply & (uniform(world.seed, "greets", *keys) < 0.25)
    address = F.when(greets, F.concat(F.lit("@"), world.handle(F.col("about")), F.lit(" "))).otherwise("")
    mention = F.when(F.col("mentioned").isNotNull(), F.concat(F.lit(" cc @"), world.handle(F.col("mentioned"))))
    # A question keeps its mark: "in Berlin?" and not "in Berlin?.".
    is_closed = F.col("sentence").rlike("[?!]$") & F.col("closer").rlike("^[.,!(]|^ \\(")
    closing = F.when(is_closed, "").otherwise(F.col("closer"))
    text = F.concat(address, F.col("opener"), filled, closing, tag, F.coalesce(mention, F.lit("")))

    media = F.when(is_reply, "comment").otherwise(
        choose_one(("status", "status", "status", "image", "image", "video", "link"), draw(world.seed, "media", *keys))
    )
    language = F.when(is_foreign, choose_one(templates.FOREIGN_LANGUAGES, F.col("foreign"))).otherwise("en")
    names_product = F.col("sentence").contains("{product}")
    found = [
        F.when(
            F.col("sentence").contains(f"{{{slot}}}"),
            F.struct(
                F.col(f"{slot}_surface").alias("text"),
                F.lit(_TYPES[slot]).alias("entity_type"),
                F.col(f"{slot}_name").alias("normalized"),
            ),
        )
        for slot in _SLOTS
    ]
    return sentence.withColumns(
        {
            "text": text,
            "media_type": media,
            "title": F.when(media.isin("video", "link"), F.initcap(F.col("thing"))),
            "language": language,
            "item": F.when(names_product, item_number(F.col("topic"), F.col("product"))),
            "entities": F.array_compact(F.array(*found)),
        }
    )


def _topic_name() -> Column:
    return choose([[topic.name] for topic in TOPICS], F.col("topic"), F.lit(0))


def _topic_hashtag() -> Column:
    return choose([[topic.hashtag] for topic in TOPICS], F.col("topic"), F.lit(0))


def _orgs() -> list[list[str]]:
    return [[*ORGANIZATIONS, *(topic.brands * 4)] for topic in TOPICS]


def _spelled(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[spelling for entry in row for spelling in spellings(entry)] for row in rows]


def _canonical(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[canonical(entry) for entry in row] for row in rows]
