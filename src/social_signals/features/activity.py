"""What it means to be active, in one place: features, labels and the choice of cut-offs all read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.core.steps import doing
from social_signals.core.times import next_midnight
from social_signals.features.cutoffs import by_person, instant_of, micros
from social_signals.tables.silver import ACTOR_ID, AUTHOR_ID, EVENT_TS, INGESTED_TS, KIND, USER_ID


def activity(posts: DataFrame, interactions: DataFrame, *, kinds: Sequence[str] | None = None) -> DataFrame:
    """One row per person and instant at which they acted: (user_id, event_ts, ingested_ts), UTC.

    A person acts by an interaction whose actor they are (of `kinds`, all kinds where none are named) or by writing a
    post. A comment that comes both as a post and as an interaction of the same instant is one act. ingested_ts is when
    the first of an instant's rows was seen. Anonymous and deleted authors (null ids) are no people.
    """
    acted = interactions.where(F.col(ACTOR_ID).isNotNull())
    if kinds:
        acted = acted.where(F.col(KIND).isin(list(kinds)))
    wrote = posts.where(F.col(AUTHOR_ID).isNotNull())
    acts = acted.select(F.col(ACTOR_ID).alias(USER_ID), EVENT_TS, INGESTED_TS).unionByName(
        wrote.select(F.col(AUTHOR_ID).alias(USER_ID), EVENT_TS, INGESTED_TS)
    )
    return by_person(acts).groupBy(USER_ID, EVENT_TS).agg(F.min(INGESTED_TS).alias(INGESTED_TS))


@dataclass(frozen=True)
class NewestAct:
    """When somebody acted last before now, UTC. is_last: nobody acts later either, so a later clock finds the same one."""

    instant: datetime
    is_last: bool

    @property
    def as_of(self) -> datetime:
        """The first midnight UTC after it."""
        return next_midnight(self.instant)


@doing("find the newest act")
def newest_act(acts: DataFrame, *, now: datetime | None = None) -> NewestAct | None:
    """The newest act; None where nobody has acted. Runs one Spark job.

    acts: any frame with event_ts. now: acts at or after it are left out, so that one date in the year 9999 does not
    move the cut-off.
    """
    us = F.unix_micros(EVENT_TS)
    happened = us if now is None else F.when(us < F.lit(micros(now)), us)
    found = acts.agg(F.max(happened).alias("us"), F.max(us).alias("last_us")).first()
    if found is None or found["us"] is None:
        return None
    return NewestAct(instant_of(int(found["us"])), is_last=found["us"] == found["last_us"])
