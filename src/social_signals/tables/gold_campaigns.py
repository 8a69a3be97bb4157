"""Gold of campaigns: who fits a brief, and whom to book together."""

from __future__ import annotations

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
)

from social_signals.tables.gold import AS_OF, INFLUENCE, RANK, REASONS, TIER, as_of_column, person_column
from social_signals.tables.gold_creators import AUTHENTICITY
from social_signals.tables.silver import CURRENCY, PRICE, USER_ID
from social_signals.tables.table import Table, column
from social_signals.tables.tiers import TIERS

BRIEF_ID = "brief_id"
BRIEF = "brief"
FIT = "fit"
RELEVANCE = "relevance"
RELEVANCE_BY = "relevance_by"
TOPIC_RELEVANCE = "topic_relevance"
TEXT_RELEVANCE = "text_relevance"
POST_QUALITY = "post_quality"
CAMPAIGN_RESULTS = "campaign_results"
CAMPAIGNS_COUNT = "campaigns_count"
AUDIENCE_COUNT = "audience_count"
IS_PRICE_KNOWN = "is_price_known"
EXPECTED_REACH = "expected_reach"
IS_SELECTED = "is_selected"
SELECTED_ORDER = "selected_order"
MARGINAL_REACH = "marginal_reach"
OVERLAP_WITH_SELECTED = "overlap_with_selected"


def _sure(name: str, kind: DataType, comment: str) -> StructField:
    return column(name, kind, comment, nullable=False)


SHORTLISTS = Table(
    "gold.shortlists",
    StructType(
        [
            as_of_column(),
            _sure(BRIEF_ID, StringType(), "hash of the brief: the same brief has the same"),
            person_column(),
            column(BRIEF, StringType(), "name of the brief"),
            _sure(RANK, LongType(), "1 = fits best; ties broken by user_id"),
            _sure(FIT, DoubleType(), "0 to 1: weighted geometric mean of the parts below, times authenticity"),
            _sure(RELEVANCE, DoubleType(), "0 to 1: mean of topic_relevance and text_relevance, as far as asked for"),
            _sure(RELEVANCE_BY, StringType(), "what relevance goes by: topics, text, or topics and text"),
            column(TOPIC_RELEVANCE, DoubleType(), "share of the brief's topics in what they wrote, shrunk where they wrote little"),
            column(TEXT_RELEVANCE, DoubleType(), "mean cosine of their closest posts with the brief's texts, 0 where negative"),
            _sure(INFLUENCE, DoubleType(), "as in gold.influence_scores"),
            _sure(TIER, StringType(), "audience size: one of " + ", ".join(TIERS)),
            column(AUTHENTICITY, DoubleType(), "1 less the discount for signs of inauthentic engagement; null = not looked at"),
            _sure(POST_QUALITY, DoubleType(), "0 to 1: engagement per post within the tier, and how many replies are not negative"),
            _sure(CAMPAIGN_RESULTS, DoubleType(), "results per cost against the median campaign, shrunk where campaigns are few"),
            _sure(CAMPAIGNS_COUNT, LongType(), "past campaigns that campaign_results goes by"),
            _sure(AUDIENCE_COUNT, LongType(), "people who engaged with them in the window"),
            column(PRICE, DoubleType(), "what booking them is taken to cost"),
            _sure(CURRENCY, StringType(), "ISO 4217 code of the price"),
            _sure(IS_PRICE_KNOWN, BooleanType(), "whether the price is the median of their own past campaigns"),
            _sure(EXPECTED_REACH, DoubleType(), "people whom a message passed on by them alone is expected to reach, them included"),
            _sure(IS_SELECTED, BooleanType(), "whether they are in the set to book together"),
            column(SELECTED_ORDER, IntegerType(), "1 = selected first; null where not selected"),
            column(MARGINAL_REACH, DoubleType(), "people whom they add to those selected before them; null where not selected"),
            column(OVERLAP_WITH_SELECTED, DoubleType(), "largest Jaccard index of their audience and another selected one's, by MinHash"),
            _sure(REASONS, ArrayType(StringType()), "why they fit, in words with figures"),
        ]
    ),
    key=(AS_OF, BRIEF_ID, USER_ID),
    comment="One row per brief and creator at a cut-off: how well they fit, what they cost, and whether to book them.",
    partition=(AS_OF,),
    purpose="profiling",
)  # fmt: skip
