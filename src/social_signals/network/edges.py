"""Acts turned into edges: who acted towards whom, how often, by which kind of act."""

from __future__ import annotations

from datetime import datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.features.cutoffs import EVENT_US, KNOWN_US, micros
from social_signals.features.facts import (
    KIND_CODE,
    PARENT_AUTHOR_ID,
    TARGET_KNOWN_US,
    kind_code,
    replies,
    resolved_interactions,
)
from social_signals.network.params import REPLY, NetworkParams
from social_signals.tables.silver import ACTOR_ID, AUTHOR_ID, KINDS, TARGET_USER_ID

SRC, DST, WEIGHT = "src", "dst", "weight"
# Whose degree is counted by itself; every other kind counts in the degree of all.
KINDS_BY_THEMSELVES = ("share", "mention", REPLY, "like", "follow")


def count_of(kind: str) -> str:
    return f"{kind}_count"


def edges_between(interactions: DataFrame, posts: DataFrame, *, as_of: datetime, params: NetworkParams) -> DataFrame:
    """One row per ordered pair of people with an act in `[as_of - window_days, as_of)` that was known by as_of.

    src acted towards dst: (src, dst, weight, and how many acts of each of KINDS_BY_THEMSELVES). Nobody has an edge to themselves. An
    interaction with a post counts towards its author.
    """
    start = micros(as_of - timedelta(days=params.window_days))
    acted = resolved_interactions(interactions, posts).select(
        F.col(ACTOR_ID).alias(SRC),
        F.col(TARGET_USER_ID).alias(DST),
        KIND_CODE,
        EVENT_US,
        F.col(TARGET_KNOWN_US).alias(KNOWN_US),
    )
    answered = replies(posts).select(
        F.col(AUTHOR_ID).alias(SRC),
        F.col(PARENT_AUTHOR_ID).alias(DST),
        F.lit(_CODES[REPLY]).alias(KIND_CODE),
        EVENT_US,
        KNOWN_US,
    )
    weights = F.create_map(
        *[F.lit(part) for kind, weight in params.weights.items() for part in (_CODES[kind], float(weight))]
    )
    counted = (
        acted.unionByName(answered)
        .where((F.col(EVENT_US) >= F.lit(start)) & (F.col(EVENT_US) < F.lit(micros(as_of))))
        .where(F.col(KNOWN_US) < F.lit(micros(as_of)))
        .where(F.col(KIND_CODE).isin([_CODES[kind] for kind in params.weights]))
        .where(F.col(SRC) != F.col(DST))
    )
    # Counted by kind first: a sum of whole numbers is the same in any order of the rows, one of weights is not.
    by_kind = counted.groupBy(SRC, DST, KIND_CODE).agg(F.count(F.lit(1)).alias("acts"))
    # the same order within a pair, whatever order its kinds arrived in
    weighed = F.array_sort(F.collect_list(F.struct(KIND_CODE, (F.col("acts") * weights[F.col(KIND_CODE)]).alias("w"))))
    return by_kind.groupBy(SRC, DST).agg(
        F.aggregate(weighed, F.lit(0.0), lambda total, one: total + one["w"]).alias(WEIGHT),
        *[
            F.sum(F.when(F.col(KIND_CODE) == _CODES[kind], F.col("acts")).otherwise(0)).alias(count_of(kind))
            for kind in KINDS_BY_THEMSELVES
        ],
    )


_CODES = {**{kind: kind_code(kind)[0] for kind in KINDS}, REPLY: len(KINDS)}
