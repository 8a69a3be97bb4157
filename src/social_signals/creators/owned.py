"""What a creator is known for: topics on which they draw much of all engagement, and what those who answer them name."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from social_signals.creators.counts import ABOUT, COUNT, ENTITY, KIND, NAME, NUMBER
from social_signals.creators.params import CreatorParams
from social_signals.features.cutoffs import AS_OF_US
from social_signals.tables.gold_creators import (
    AUTHORS,
    REPLY_ENTITIES,
    REPLY_ENTITIES_TYPE,
    TOPICS_OWNED,
    TOPICS_OWNED_TYPE,
)
from social_signals.tables.gold_texts import ENTITY_TYPES
from social_signals.tables.silver import USER_ID


def topics_owned(counts: DataFrame, *, params: CreatorParams) -> DataFrame:
    """One row per cut-off and person who owns any topic: (as_of_us, user_id, topics_owned), largest share first."""
    drawn = counts.where(F.col(KIND) == ABOUT).select(AS_OF_US, USER_ID, F.col(NUMBER).alias("topic"), COUNT)
    of_all = drawn.groupBy(AS_OF_US, "topic").agg(F.sum(COUNT).alias("of_all"))
    shares = (
        drawn.where(F.col(COUNT) >= params.topic_engagements)
        .join(F.broadcast(of_all), on=[AS_OF_US, "topic"], how="inner")
        .withColumn("share", F.col(COUNT) / F.col("of_all"))
        # At most 1 / topic_share people a topic are left for the window.
        .where(F.col("share") >= params.topic_share)
    )
    best = Window.partitionBy(AS_OF_US, "topic").orderBy(F.col("share").desc(), F.col(USER_ID))
    owners = shares.withColumn("place", F.row_number().over(best)).where(F.col("place") <= params.topic_rank)
    by_share = F.sort_array(F.collect_list(F.struct(F.round("share", 9).alias("share"), F.col("topic"))), asc=False)
    listed = F.transform(by_share, lambda one: F.struct(one["topic"].alias("topic"), one["share"].alias("share")))
    return owners.groupBy(AS_OF_US, USER_ID).agg(listed.cast(TOPICS_OWNED_TYPE).alias(TOPICS_OWNED))


def reply_entities(counts: DataFrame, *, params: CreatorParams) -> DataFrame:
    """One row per cut-off and person in replies to whom enough people name something: (as_of_us, user_id, reply_entities)."""
    # A mark each author, so the people are its rows.
    named = (
        counts.where(F.col(KIND) == ENTITY)
        .groupBy(AS_OF_US, USER_ID, NUMBER, NAME)
        .agg(F.count(F.lit(1)).alias(AUTHORS))
        .where(F.col(AUTHORS) >= params.entity_authors)
    )
    most = Window.partitionBy(AS_OF_US, USER_ID).orderBy(F.col(AUTHORS).desc(), NAME, NUMBER)
    kept = named.withColumn("place", F.row_number().over(most)).where(F.col("place") <= params.entities)
    types = F.array(*[F.lit(kind) for kind in ENTITY_TYPES])
    in_order = F.sort_array(F.collect_list(F.struct("place", NUMBER, NAME, AUTHORS)))
    listed = F.transform(
        in_order,
        lambda one: F.struct(F.element_at(types, one[NUMBER].cast("int")), one[NAME], one[AUTHORS]),
    )
    return kept.groupBy(AS_OF_US, USER_ID).agg(listed.cast(REPLY_ENTITIES_TYPE).alias(REPLY_ENTITIES))
