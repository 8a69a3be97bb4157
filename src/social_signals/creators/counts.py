"""What happened often, counted once: marks of a day, an hour, a person, a wording, a topic, a name.

Every fact leaves some marks; those of one person with the same kind and name are one row with a count. They share a shuffle, whose
keys spread what a person with millions of engagements got over all tasks, and everything else is made of these counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.creators.facts import (
    LONGEST_DAYS,
    MOVED_US,
    NAMED,
    REPLIED,
    ROLE,
    THREAD_US,
    TONE,
    UNTIL_US,
    VIEWED,
    WORDING,
    WORDS,
    WROTE,
)
from social_signals.creators.params import CreatorParams
from social_signals.features.cutoffs import AGE_US, AS_OF_US, DAY_US, EVENT_US, HOUR_US, count_if, in_last, seen_from
from social_signals.features.words import NEGATIVE_PPM
from social_signals.tables.gold_texts import ENTITY_TYPES, TOPIC
from social_signals.tables.silver import ACTOR_ID, USER_ID

WINDOW_DAYS = 90
KIND, NUMBER, NAME, BY = "kind", "number", "name", "by"
# What a mark's number and name are: of DAY, HOUR and STEP the place in time, of REPLY its class, of ABOUT a topic, of ENTITY the type
# and the name, with the author as `by`; of PERSON the name is who engaged.
POST, VIEW, DAY, HOUR, STEP, PERSON, REPLY, SAYING, ABOUT, ENTITY = range(10)
COUNT, COUNT_30, COUNT_60, TOTAL = "count_90d", "count_30d", "count_60d", "total"

# Classes of replies: how much they say, and how they sound.
NO_TEXT, ONE_WORD, FEW_WORDS, SUBSTANTIVE = range(4)
NOT_READ, NEGATIVE, NOT_NEGATIVE = range(3)
TONES = 3


def counts_of(facts: DataFrame, *, as_of: Sequence[datetime], params: CreatorParams) -> DataFrame:
    """One row per cut-off, person and mark: (as_of_us, user_id, kind, number, name, by, count_90d, count_60d, count_30d, total).

    facts: `facts_of`. count_90d is of the last 90 days, of STEP of the last 91. total: of REPLY the sum of tones in millionths, of PERSON
    the engagements that answer no answer.
    """
    stands = F.col(UNTIL_US).isNull() | (F.col(UNTIL_US) >= F.col(AS_OF_US))
    is_outside = F.col(THREAD_US).isNull() | (F.col(THREAD_US) >= F.col(AS_OF_US))
    own = [*map(F.col, (AS_OF_US, USER_ID, AGE_US, TONE)), is_outside.alias("is_outside")]
    marks = (
        seen_from(facts, as_of, within_days=LONGEST_DAYS)
        .where(stands)
        .select(*own, F.explode(_marks(params)).alias("mark"))
        .where(F.col("mark.kind").isNotNull() & (in_last(WINDOW_DAYS) | (F.col("mark.kind") == STEP)))
        .select(AS_OF_US, USER_ID, AGE_US, TONE, "is_outside", "mark.*")
    )
    added = F.when(F.col(KIND) == REPLY, F.col(TONE)).when(F.col(KIND) == PERSON, F.col("is_outside").cast("long"))
    return marks.groupBy(AS_OF_US, USER_ID, KIND, NUMBER, NAME, BY).agg(
        F.count(F.lit(1)).alias(COUNT),
        count_if(in_last(60)).alias(COUNT_60),
        count_if(in_last(30)).alias(COUNT_30),
        F.sum(added).alias(TOTAL),
    )


def _mark(
    kind: int,
    number: Column | None = None,
    name: Column | None = None,
    by: Column | None = None,
    *,
    where: Column | None = None,
) -> Column:
    """A mark; of no kind, which leaves it out, where the condition does not hold."""
    return F.struct(
        (F.lit(kind) if where is None else F.when(where, kind)).alias(KIND),
        (F.lit(None) if number is None else number).cast("long").alias(NUMBER),
        (F.lit(None) if name is None else name).cast("string").alias(NAME),
        (F.lit(None) if by is None else by).cast("string").alias(BY),
    )


def _marks(params: CreatorParams) -> Column:
    event, actor = F.col(EVENT_US), F.col(ACTOR_ID)
    # At midnight sharp: a source that knows the day alone.
    has_hour = (event % DAY_US != 0) & (F.col(MOVED_US).isNull() | (F.col(MOVED_US) >= F.col(AS_OF_US)))
    engaged = [
        _mark(DAY, F.floor(event / DAY_US)),
        _mark(HOUR, F.floor(event / HOUR_US), where=has_hour),
        # the step [as_of - 7 days, as_of) is 0; age is more than 0
        _mark(STEP, F.floor((F.col(AGE_US) - 1) / (7 * DAY_US))),
        _mark(PERSON, name=actor, where=actor.isNotNull()),
        _mark(ABOUT, F.col(TOPIC), where=F.col(TOPIC).isNotNull()),
    ]
    answered = [
        *engaged,
        _mark(REPLY, _class_of_reply(params)),
        _mark(SAYING, F.col(WORDING), where=F.col(WORDING).isNotNull()),
    ]
    places = F.create_map(*[F.lit(part) for place, kind in enumerate(ENTITY_TYPES, start=1) for part in (kind, place)])
    names = F.transform(
        F.when(actor.isNotNull(), F.col(NAMED)),
        lambda one: _mark(ENTITY, places[one["type"]], one["name"], actor),
    )
    role = F.col(ROLE)
    return (
        F.when(role == WROTE, F.array(_mark(POST)))
        .when(role == VIEWED, F.array(_mark(VIEW)))
        .when((role == REPLIED) & names.isNotNull(), F.concat(F.array(*answered), names))
        .when(role == REPLIED, F.array(*answered))
        .otherwise(F.array(*engaged))
    )


def _class_of_reply(params: CreatorParams) -> Column:
    words, tone = F.col(WORDS), F.col(TONE)
    says = (
        F.when(words.isNull(), NO_TEXT)
        .when(words <= 1, ONE_WORD)
        .when(words < params.substantive_words, FEW_WORDS)
        .otherwise(SUBSTANTIVE)
    )
    sounds = F.when(tone.isNull(), NOT_READ).when(tone < NEGATIVE_PPM, NEGATIVE).otherwise(NOT_NEGATIVE)
    return says * TONES + sounds
