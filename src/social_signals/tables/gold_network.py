"""Gold of the network: a person's place among those who act towards each other."""

from __future__ import annotations

from pyspark.sql.types import DoubleType, IntegerType, LongType, StructField, StructType

from social_signals.tables.gold import AS_OF, as_of_column, person_column
from social_signals.tables.gold_texts import TOPIC
from social_signals.tables.silver import USER_ID
from social_signals.tables.table import Table, column

PAGERANK = "pagerank"
COMMUNITY = "community"


def _count(name: str, comment: str) -> StructField:
    return column(name, LongType(), comment, nullable=False)


def _number(name: str, comment: str, *, nullable: bool = False) -> StructField:
    return column(name, DoubleType(), comment, nullable=nullable)


_KINDS = ("share", "mention", "reply", "like", "follow")

NETWORK_COLUMNS: tuple[StructField, ...] = (
    _count("degree", "people with an edge to or from them"),
    _count("in_degree", "people who acted towards them"),
    _count("out_degree", "people they acted towards"),
    *(_count(f"{kind}_in_degree", f"people who acted towards them by a {kind}") for kind in _KINDS),
    *(_count(f"{kind}_out_degree", f"people they acted towards by a {kind}") for kind in _KINDS),
    _number("in_weight", "weight of the acts towards them"),
    _number("out_weight", "weight of their acts towards others"),
    _number(
        "reciprocity", "share of all that weight that is returned: twice the lesser way of each pair over both ways"
    ),
    _number(PAGERANK, "PageRank; sums to 1 over the network"),
    _number("hub", "HITS hub; sums to 1"),
    _number("authority", "HITS authority; sums to 1"),
    _number("pagerank_to_mean_ratio", "PageRank over the mean: comparable between networks"),
    _number("authority_to_mean_ratio", "authority over the mean"),
    _number("hub_to_mean_ratio", "hub over the mean"),
    _count("core_number", "largest k of a part where everybody has k neighbours within it, and they are in"),
    _count("triangles", "pairs of their neighbours who deal with each other"),
    _number("clustering", "the same as a share of all pairs of neighbours; 0 with fewer than two"),
    _count(COMMUNITY, "community by label propagation, the number of one member; no meaning of its own"),
    _count("community_size", "people in their community"),
    _number("participation", "how evenly their weight lies on communities: 0 in one alone, towards 1 between many"),
    _count("communities_reached", "communities of their neighbours"),
    _number("cascade_size_mean", "answers and re-shares, direct or not, per post that answers none", nullable=True),
    column("cascade_size_max", LongType(), "the same of the widest carried one"),
    column("cascade_depth_max", LongType(), "steps from such a post to the furthest answer or re-share"),
)

NETWORK_FEATURES = Table(
    "gold.network_features",
    StructType([as_of_column(), person_column(), *NETWORK_COLUMNS]),
    key=(AS_OF, USER_ID),
    comment="One row per person at a cut-off with an edge to anybody: their place in the network of the last window_days.",
    partition=(AS_OF,),
    purpose="profiling",
)

NETWORK_TOPICS = Table(
    "gold.network_topics",
    StructType(
        [
            as_of_column(),
            person_column(),
            column(TOPIC, IntegerType(), "number in gold.topics", nullable=False),
            _number(PAGERANK, "PageRank from those who write about the topic; sums to 1 over the network"),
        ]
    ),
    key=(AS_OF, USER_ID, TOPIC),
    comment="One row per topic and person near those who write about it, at a cut-off; the best of each topic.",
    partition=(AS_OF,),
    purpose="profiling",
)

# What a model may learn from: what is comparable between networks, and is not the name of a group of people.
NETWORK_MEASURES = tuple(
    one.name for one in NETWORK_COLUMNS if one.name not in (PAGERANK, "hub", "authority", COMMUNITY)
)
