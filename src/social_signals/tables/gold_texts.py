"""Gold of texts: what a post says, in which language, whom it names, what it is about, and where it lies among texts."""

from __future__ import annotations

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
)

from social_signals.tables.gold import AS_OF, as_of_column, model_column, person_column
from social_signals.tables.silver import POST_ID, TEXT, USER_ID
from social_signals.tables.table import Table, column

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

SENTIMENTS = ("negative", "neutral", "positive")
ENTITY_TYPES = ("person", "location", "organization", "product", "creative_work", "group")


def _post() -> StructField:
    return column(POST_ID, StringType(), "the post", nullable=False)


def _text_hash() -> StructField:
    return column(TEXT_HASH, StringType(), "SHA-256 of the text that was read", personal=True)


def _probabilities() -> list[StructField]:
    return [column(name, DoubleType(), "probability", nullable=False) for name in (P_NEGATIVE, P_NEUTRAL, P_POSITIVE)]


def _named() -> list[StructField]:
    return [
        column(ENTITY_TYPE, StringType(), "one of " + ", ".join(ENTITY_TYPES), nullable=False),
        column(NORMALIZED, StringType(), "the form under which spellings meet", nullable=False, personal=True),
    ]


POST_SENTIMENT = Table(
    "gold.post_sentiment",
    StructType(
        [
            _post(),
            column(LABEL, StringType(), "negative, neutral or positive", nullable=False),
            *_probabilities(),
            column(TEXT_HASH, StringType(), "SHA-256 of the text that was read: tells a changed post", personal=True),
            model_column(),
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
            _post(),
            column(BEGIN, IntegerType(), "first character (code points, 0-based)", nullable=False),
            column(END, IntegerType(), "one past the last character", nullable=False),
            column(TEXT, StringType(), "the characters begin to end of the post's text", nullable=False, personal=True),
            *_named(),
            _text_hash(),
            model_column(),
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
            _post(),
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
            model_column(),
        ]
    ),
    key=(POST_ID,),
    comment="One row per post: its language, and that it has been dealt with.",
)

ENTITY_SENTIMENT = Table(
    "gold.entity_sentiment",
    StructType(
        [
            _post(),
            column(BEGIN, IntegerType(), "first character of the name (code points, 0-based)", nullable=False),
            column(END, IntegerType(), "one past its last character", nullable=False),
            *_named(),
            column(SENTENCE_BEGIN, IntegerType(), "first character of its sentence", nullable=False),
            column(SENTENCE_END, IntegerType(), "one past the last character of its sentence", nullable=False),
            column(LABEL, StringType(), "mood of that sentence: negative, neutral or positive", nullable=False),
            *_probabilities(),
            _text_hash(),
            model_column(),
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
            model_column(),
        ]
    ),
    key=(TOPIC,),
    comment="One row per topic of the model in use.",
)

POST_TOPICS = Table(
    "gold.post_topics",
    StructType(
        [
            _post(),
            column(TOPIC, IntegerType(), "its likeliest topic; null where no word of it is known to the topics"),
            column(
                WEIGHTS,
                ArrayType(StructType([StructField(TOPIC, IntegerType()), StructField(WEIGHT, DoubleType())])),
                "share of each topic in the post, largest first, below 0.01 left out; they sum to 1 but for those",
                nullable=False,
            ),
            _text_hash(),
            model_column(),
        ]
    ),
    key=(POST_ID,),
    comment="One row per post in a language of the topics: what it is about.",
)

CREATOR_TOPICS = Table(
    "gold.creator_topics",
    StructType(
        [
            as_of_column(),
            person_column(),
            column(TOPIC, IntegerType(), "number in gold.topics", nullable=False),
            column(SHARE, DoubleType(), "share of the topic in what the person wrote, 0 to 1", nullable=False),
            column(POSTS_COUNT, LongType(), "posts of the person that have a topic at all", nullable=False),
            model_column(),
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
            _post(),
            column(
                EMBEDDING,
                ArrayType(FloatType()),
                "vector of the text, of length 1: dot products are cosines",
                personal=True,
                nullable=False,
            ),
            _text_hash(),
            model_column(),
        ]
    ),
    key=(POST_ID,),
    comment="One row per post with words: where its text lies among texts.",
)
