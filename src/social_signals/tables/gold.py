"""Gold: made for a use. A key, an as_of or run, and a model_id where a model spoke."""

from __future__ import annotations

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from social_signals.tables.silver import CREATOR_ID, POST_ID, TEXT, USER_ID
from social_signals.tables.table import Table, column

AS_OF = "as_of"
MODEL_ID = "model_id"
LABEL = "label"
P_NEGATIVE = "p_negative"
P_NEUTRAL = "p_neutral"
P_POSITIVE = "p_positive"
TEXT_HASH = "text_hash"
BEGIN = "begin"
END = "end"
ENTITY_TYPE = "entity_type"
NORMALIZED = "normalized"
LANGUAGE = "language"
CONFIDENCE = "confidence"
IS_READ = "is_read"
READ_BY = "read_by"
SENTENCE_BEGIN = "sentence_begin"
SENTENCE_END = "sentence_end"
TOPIC = "topic"
TERMS = "terms"
COHERENCE = "coherence"
SHARE = "share"
WEIGHT = "weight"
WEIGHTS = "weights"
POSTS_COUNT = "posts_count"
EMBEDDING = "embedding"
P_CHURN = "p_churn"
P_CHURN_TEXT = "p_churn_text"
IS_OUT_OF_FOLD = "is_out_of_fold"
DECILE = "decile"
EXPECTED_DAYS = "expected_days"
MEDIAN_DAYS = "median_days"
SURVIVAL = "survival"
REASONS = "reasons"
REASONS_TEXT = "reasons_text"
REASONS_METHOD = "reasons_method"
INFLUENCE = "influence"
RANK = "rank"
MOMENTUM = "momentum"
IS_EMERGING = "is_emerging"
TIER = "tier"
ROW = "row"
PREDICTED = "predicted"

SENTIMENTS = ("negative", "neutral", "positive")
ENTITY_TYPES = ("person", "location", "organization", "product", "creative_work", "group")
TIERS = ("nano", "micro", "mid", "macro", "mega")

# Delta refuses NOT NULL inside arrays, so the parts of a reason are nullable by type; `value` alone is ever null.
REASON_TYPE = ArrayType(
    StructType(
        [
            StructField("feature", StringType()),
            StructField("value", DoubleType()),
            StructField("contribution", DoubleType()),
        ]
    )
)
SURVIVAL_TYPE = ArrayType(StructType([StructField("days", IntegerType()), StructField("p_active", DoubleType())]))


def _as_of() -> StructField:
    return column(AS_OF, TimestampType(), "cut-off, UTC: only what was known strictly before it", nullable=False)


def _person() -> StructField:
    return column(USER_ID, StringType(), "the person", nullable=False, subject=True)


def _model() -> StructField:
    return column(MODEL_ID, StringType(), "which model said so", nullable=False)


def _reasons_told() -> list[StructField]:
    """Null in rows that were written before they were said."""
    return [
        column(REASONS_TEXT, ArrayType(StringType()), "the reasons in words, in the same order"),
        column(
            REASONS_METHOD, StringType(), "how contributions were found: exact (TreeSHAP), approximate (Saabas) or none"
        ),
    ]


POST_SENTIMENT = Table(
    "gold.post_sentiment",
    StructType(
        [
            column(POST_ID, StringType(), "the post", nullable=False),
            column(LABEL, StringType(), "negative, neutral or positive", nullable=False),
            column(P_NEGATIVE, DoubleType(), "probability", nullable=False),
            column(P_NEUTRAL, DoubleType(), "probability", nullable=False),
            column(P_POSITIVE, DoubleType(), "probability", nullable=False),
            column(TEXT_HASH, StringType(), "SHA-256 of the text that was read: tells a changed post", personal=True),
            _model(),
        ]
    ),
    key=(POST_ID,),
    comment="One row per post: how it sounds.",
    change_feed=True,
)

POST_ENTITIES = Table(
    "gold.post_entities",
    StructType(
        [
            column(POST_ID, StringType(), "the post", nullable=False),
            column(BEGIN, IntegerType(), "first character (code points, 0-based)", nullable=False),
            column(END, IntegerType(), "one past the last character", nullable=False),
            column(TEXT, StringType(), "the characters begin to end of the post's text", nullable=False, personal=True),
            column(ENTITY_TYPE, StringType(), "one of " + ", ".join(ENTITY_TYPES), nullable=False),
            column(NORMALIZED, StringType(), "the form under which spellings meet", nullable=False, personal=True),
            column(TEXT_HASH, StringType(), "SHA-256 of the text that was read", personal=True),
            _model(),
        ]
    ),
    key=(POST_ID, BEGIN, END),
    comment="One row per entity named in a post.",
    change_feed=True,
)

POST_LANGUAGE = Table(
    "gold.post_language",
    StructType(
        [
            column(POST_ID, StringType(), "the post", nullable=False),
            column(LANGUAGE, StringType(), "ISO 639 code; und where the text does not tell", nullable=False),
            column(CONFIDENCE, DoubleType(), "probability of the likeliest language, 0 to 1", nullable=False),
            column(
                IS_READ, BooleanType(), "whether the text models know the language and read the post", nullable=False
            ),
            column(TEXT_HASH, StringType(), "SHA-256 of the text: tells a changed post", personal=True),
            column(
                READ_BY,
                StringType(),
                "model_ids of all that reads, and the languages given to it, with blanks between",
                nullable=False,
            ),
            _model(),
        ]
    ),
    key=(POST_ID,),
    comment="One row per post: its language, and that it has been dealt with.",
)

ENTITY_SENTIMENT = Table(
    "gold.entity_sentiment",
    StructType(
        [
            column(POST_ID, StringType(), "the post", nullable=False),
            column(BEGIN, IntegerType(), "first character of the name (code points, 0-based)", nullable=False),
            column(END, IntegerType(), "one past its last character", nullable=False),
            column(ENTITY_TYPE, StringType(), "one of " + ", ".join(ENTITY_TYPES), nullable=False),
            column(NORMALIZED, StringType(), "the form under which spellings meet", nullable=False, personal=True),
            column(SENTENCE_BEGIN, IntegerType(), "first character of its sentence", nullable=False),
            column(SENTENCE_END, IntegerType(), "one past the last character of its sentence", nullable=False),
            column(LABEL, StringType(), "mood of that sentence: negative, neutral or positive", nullable=False),
            column(P_NEGATIVE, DoubleType(), "probability", nullable=False),
            column(P_NEUTRAL, DoubleType(), "probability", nullable=False),
            column(P_POSITIVE, DoubleType(), "probability", nullable=False),
            column(TEXT_HASH, StringType(), "SHA-256 of the text that was read", personal=True),
            _model(),
        ]
    ),
    key=(POST_ID, BEGIN, END),
    comment="One row per entity named in a post: how the sentence that names it sounds.",
)

TOPICS = Table(
    "gold.topics",
    StructType(
        [
            column(TOPIC, IntegerType(), "number of the topic; kept when topics are learnt anew", nullable=False),
            column(LABEL, StringType(), "its top words, kept with the number", nullable=False),
            column(
                TERMS,
                ArrayType(StructType([StructField("term", StringType()), StructField(WEIGHT, DoubleType())])),
                "its top words, most telling first, with their probability in it",
                nullable=False,
            ),
            column(COHERENCE, DoubleType(), "mean NPMI of pairs of its top words, -1 to 1", nullable=False),
            column(SHARE, DoubleType(), "its share in the posts it was learnt from, 0 to 1", nullable=False),
            _model(),
        ]
    ),
    key=(TOPIC,),
    comment="One row per topic of the model in use.",
)

POST_TOPICS = Table(
    "gold.post_topics",
    StructType(
        [
            column(POST_ID, StringType(), "the post", nullable=False),
            column(TOPIC, IntegerType(), "its likeliest topic; null where no word of it is known to the topics"),
            column(
                WEIGHTS,
                ArrayType(StructType([StructField(TOPIC, IntegerType()), StructField(WEIGHT, DoubleType())])),
                "share of each topic in the post, largest first, below 0.01 left out; they sum to 1 but for those",
                nullable=False,
            ),
            column(TEXT_HASH, StringType(), "SHA-256 of the text that was read", personal=True),
            _model(),
        ]
    ),
    key=(POST_ID,),
    comment="One row per post in a language of the topics: what it is about.",
)

CREATOR_TOPICS = Table(
    "gold.creator_topics",
    StructType(
        [
            _as_of(),
            _person(),
            column(TOPIC, IntegerType(), "number in gold.topics", nullable=False),
            column(SHARE, DoubleType(), "share of the topic in what the person wrote, 0 to 1", nullable=False),
            column(POSTS_COUNT, LongType(), "posts of the person that have a topic at all", nullable=False),
            _model(),
        ]
    ),
    key=(AS_OF, USER_ID, TOPIC),
    comment="One row per person and topic at a cut-off: how much of what they wrote is about it.",
    partition=(AS_OF,),
    purpose="profiling",
)

POST_EMBEDDINGS = Table(
    "gold.post_embeddings",
    StructType(
        [
            column(POST_ID, StringType(), "the post", nullable=False),
            column(
                EMBEDDING,
                ArrayType(FloatType()),
                "vector of the text, of length 1: dot products are cosines",
                personal=True,
                nullable=False,
            ),
            column(TEXT_HASH, StringType(), "SHA-256 of the text that was read", personal=True),
            _model(),
        ]
    ),
    key=(POST_ID,),
    comment="One row per post with words: where its text lies among texts.",
)

# Scores are replaced by cut-off and model: with a folder for each that is a matter of the log, and no file is read for it.
# Scores lie in no order within, so their least and largest would let no file be skipped.
_OF_A_MODEL = (AS_OF, MODEL_ID)

CHURN_SCORES = Table(
    "gold.churn_scores",
    StructType(
        [
            _as_of(),
            _person(),
            _model(),
            column(P_CHURN, DoubleType(), "calibrated probability of silence over the horizon", nullable=False),
            column(
                DECILE, IntegerType(), "1 = the tenth of people most likely to leave, 10 = the least", nullable=False
            ),
            column(REASONS, REASON_TYPE, "largest contributions of features, in log-odds, largest first"),
            *_reasons_told(),
        ]
    ),
    key=(AS_OF, USER_ID, MODEL_ID),
    added=(REASONS_TEXT, REASONS_METHOD),
    comment="One row per person at a cut-off: how likely they are to go silent, and why.",
    partition=_OF_A_MODEL,
    statistics=False,
    purpose="profiling",
)

CHURN_TEXT = Table(
    "gold.churn_text",
    StructType(
        [
            _as_of(),
            _person(),
            _model(),
            column(P_CHURN_TEXT, DoubleType(), "probability of churn by what the person wrote", nullable=False),
            column(
                IS_OUT_OF_FOLD, BooleanType(), "whether it is by a model that has not seen the person", nullable=False
            ),
        ]
    ),
    key=(AS_OF, USER_ID, MODEL_ID),
    comment="One row per person who wrote before a cut-off: how likely they are to leave by their words alone.",
    partition=(AS_OF,),
    purpose="profiling",
)

FOLLOWER_CHURN_SCORES = Table(
    "gold.follower_churn_scores",
    StructType(
        [
            _as_of(),
            _person(),
            column(CREATOR_ID, StringType(), "whom they may leave", nullable=False, subject=True),
            _model(),
            column(P_CHURN, DoubleType(), "calibrated probability that the tie ends in the horizon", nullable=False),
            column(
                DECILE, IntegerType(), "1 = the tenth of all ties most likely to end, 10 = the least", nullable=False
            ),
            column(RANK, LongType(), "1 = of this creator's followers the most likely to leave", nullable=False),
            column(REASONS, REASON_TYPE, "largest SHAP contributions, in log-odds, largest first"),
        ]
    ),
    key=(AS_OF, USER_ID, CREATOR_ID, MODEL_ID),
    comment="One row per person and creator at a cut-off: how likely the person is to leave the creator, and why.",
    partition=_OF_A_MODEL,
    statistics=False,
    purpose="profiling",
)

TIMES_TO_CHURN = Table(
    "gold.time_to_churn",
    StructType(
        [
            _as_of(),
            _person(),
            _model(),
            column(
                EXPECTED_DAYS,
                DoubleType(),
                "mean days until silence begins, at most the curve's length",
                nullable=False,
            ),
            column(MEDIAN_DAYS, DoubleType(), "days by which it has begun with even odds; null = beyond the curve"),
            column(
                SURVIVAL, SURVIVAL_TYPE, "chance of still being active after so many days; day 0: not silent already"
            ),
        ]
    ),
    key=(AS_OF, USER_ID, MODEL_ID),
    comment="One row per person active before a cut-off: how long until they fall silent.",
    partition=_OF_A_MODEL,
    statistics=False,
    purpose="profiling",
)

INFLUENCE_SCORES = Table(
    "gold.influence_scores",
    StructType(
        [
            _as_of(),
            _person(),
            _model(),
            column(
                INFLUENCE, DoubleType(), "0 to 1: probability of out-engaging a person drawn at random", nullable=False
            ),
            column(RANK, LongType(), "1 = most influential; ties broken by user_id", nullable=False),
            column(MOMENTUM, DoubleType(), "change of influence since the cut-off before; null for newcomers"),
            column(IS_EMERGING, BooleanType(), "small audience now, predicted to reach the top decile", nullable=False),
            column(TIER, StringType(), "audience size: one of " + ", ".join(TIERS), nullable=False),
            column(REASONS, REASON_TYPE, "largest contributions of features to the margin, largest first"),
            *_reasons_told(),
        ]
    ),
    key=(AS_OF, USER_ID, MODEL_ID),
    added=(REASONS_TEXT, REASONS_METHOD),
    comment="One row per person at a cut-off: how much engagement they gather against others, and why.",
    partition=_OF_A_MODEL,
    statistics=False,
    purpose="profiling",
)


def evaluation_of(task: str) -> Table:
    """What a model predicted for each row of a labelled file: a tag list for entities, a probability for pairs, else a label."""
    kinds: dict[str, DataType] = {"entities": ArrayType(StringType()), "influence_pairs": DoubleType()}
    return Table(
        f"gold.evaluation_{task}",
        StructType(
            [
                column(ROW, LongType(), "0-based: line, sentence or pair of the file", nullable=False),
                column(
                    PREDICTED,
                    kinds.get(task, StringType()),
                    "label, BIO tags, or probability that A wins",
                    nullable=False,
                ),
                _model(),
            ]
        ),
        key=(ROW,),
        comment=f"One row per row of the file that {task} was last measured on.",
    )
