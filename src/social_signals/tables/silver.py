"""Silver: clean and typed, one row a key, merged. Every table also says when we saw the row and where it came from."""

from __future__ import annotations

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DoubleType,
    IntegerType,
    LongType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from social_signals.core.errors import ConfigError, did_you_mean
from social_signals.tables.table import Table, column

USER_ID = "user_id"
POST_ID = "post_id"
ITEM_ID = "item_id"
CAMPAIGN_ID = "campaign_id"
INTERACTION_ID = "interaction_id"
EXPERIMENT_ID = "experiment_id"
RESPONSE_ID = "response_id"
CREATOR_ID = "creator_id"
AUTHOR_ID = "author_id"
ACTOR_ID = "actor_id"
TARGET_USER_ID = "target_user_id"
TARGET_POST_ID = "target_post_id"
PARENT_POST_ID = "parent_post_id"

EVENT_TS = "event_ts"
SNAPSHOT_TS = "snapshot_ts"
CREATED_TS = "created_ts"
START_TS = "start_ts"
END_TS = "end_ts"
INGESTED_TS = "ingested_ts"
SOURCE = "source"

HANDLE = "handle"
DISPLAY_NAME = "display_name"
BIO = "bio"
COUNTRY = "country"
LANGUAGE = "language"
IS_CREATOR = "is_creator"
ATTRIBUTES = "attributes"
FOLLOWER_COUNT = "follower_count"
FOLLOWING_COUNT = "following_count"
POST_COUNT = "post_count"
LISTED_COUNT = "listed_count"
TEXT = "text"
TITLE = "title"
MEDIA_TYPE = "media_type"
KIND = "kind"
VALUE = "value"
CURRENCY = "currency"
DESCRIPTION = "description"
CATEGORY = "category"
PRICE = "price"
COST = "cost"
BRAND = "brand"
OBJECTIVE = "objective"
VARIANT = "variant"
SCORE = "score"
PURPOSE = "purpose"
GRANTED = "granted"

KINDS = (
    "view", "click", "like", "dislike", "comment", "share", "mention", "follow", "unfollow", "save",
    "answer_accepted", "purchase", "refund", "subscribe", "unsubscribe",
)  # fmt: skip
PURPOSES = ("analytics", "profiling", "personalization", "messaging")


def _provenance() -> list[StructField]:
    return [
        column(INGESTED_TS, TimestampType(), "when we saw the row, UTC; the event's time on a first load of history", nullable=False),
        column(SOURCE, StringType(), "which source it came from", nullable=False),
    ]  # fmt: skip


def _table(
    name: str,
    *columns: StructField,
    key: tuple[str, ...],
    comment: str,
    purpose: str | None = None,
    cluster_by: tuple[str, ...] = (),
) -> Table:
    schema = StructType([*columns, *_provenance()])
    return Table(f"silver.{name}", schema, key=key, comment=comment, purpose=purpose, cluster_by=cluster_by)


USERS = _table(
    "users",
    column(USER_ID, StringType(), "the person", nullable=False, subject=True),
    column(HANDLE, StringType(), "public account name", personal=True),
    column(DISPLAY_NAME, StringType(), "name shown", personal=True),
    column(BIO, StringType(), "what they say of themselves", personal=True),
    column(COUNTRY, StringType(), "ISO 3166 code where known, else as given", personal=True),
    column(LANGUAGE, StringType(), "BCP 47 tag"),
    column(CREATED_TS, TimestampType(), "when the account was made, UTC"),
    column(IS_CREATOR, BooleanType(), "publishes for an audience; null = not known"),
    column(ATTRIBUTES, MapType(StringType(), StringType()), "what else the source says; never a feature by itself", personal=True),
    key=(USER_ID,),
    comment="One row per person.",
)  # fmt: skip

USER_SNAPSHOTS = _table(
    "user_snapshots",
    column(USER_ID, StringType(), "the person", nullable=False, subject=True),
    column(SNAPSHOT_TS, TimestampType(), "when the counts were read, UTC", nullable=False),
    column(FOLLOWER_COUNT, LongType(), "followers at that time"),
    column(FOLLOWING_COUNT, LongType(), "accounts followed at that time"),
    column(POST_COUNT, LongType(), "posts at that time"),
    column(LISTED_COUNT, LongType(), "lists that name the account at that time"),
    key=(USER_ID, SNAPSHOT_TS),
    comment="One row per person and reading of their public counts.",
)

POSTS = _table(
    "posts",
    column(POST_ID, StringType(), "the post", nullable=False),
    column(AUTHOR_ID, StringType(), "who wrote it; null = not known or deleted", subject=True),
    column(EVENT_TS, TimestampType(), "when it was published, UTC", nullable=False),
    column(TEXT, StringType(), "plain text", personal=True),
    column(TITLE, StringType(), "plain text", personal=True),
    column(LANGUAGE, StringType(), "BCP 47 tag where the source says"),
    column(PARENT_POST_ID, StringType(), "the post it answers or comments on"),
    column(ITEM_ID, StringType(), "the item it is about"),
    column(CAMPAIGN_ID, StringType(), "the campaign it was made for"),
    column(MEDIA_TYPE, StringType(), "question, answer, comment, status, image, video, link ..."),
    key=(POST_ID,),
    comment="One row per post, answer or comment.",
    cluster_by=(EVENT_TS,),
)

INTERACTIONS = _table(
    "interactions",
    column(INTERACTION_ID, StringType(), "the act", nullable=False),
    column(KIND, StringType(), "one of " + ", ".join(KINDS), nullable=False),
    column(ACTOR_ID, StringType(), "who acted; null = anonymous", subject=True),
    column(TARGET_USER_ID, StringType(), "who received it", subject=True),
    column(TARGET_POST_ID, StringType(), "the post it was done to"),
    column(ITEM_ID, StringType(), "the item it was done to"),
    column(CAMPAIGN_ID, StringType(), "the campaign it came from"),
    column(EVENT_TS, TimestampType(), "when it happened, UTC", nullable=False),
    column(VALUE, DoubleType(), "amount of a purchase or refund, rating, weight; 0 or more except for ratings"),
    column(CURRENCY, StringType(), "ISO 4217 code of value, where it is money"),
    key=(INTERACTION_ID,),
    comment="One row per act of one person towards another person, a post or an item.",
    cluster_by=(EVENT_TS,),
)

ITEMS = _table(
    "items",
    column(ITEM_ID, StringType(), "the item", nullable=False),
    column(TITLE, StringType(), "its name"),
    column(DESCRIPTION, StringType(), "plain text"),
    column(CATEGORY, StringType(), "one word or path"),
    column(PRICE, DoubleType(), "list price, 0 or more"),
    column(COST, DoubleType(), "what it costs us, 0 or more"),
    key=(ITEM_ID,),
    comment="One row per product, place or work that people act on.",
)

CAMPAIGNS = _table(
    "campaigns",
    column(CAMPAIGN_ID, StringType(), "the campaign", nullable=False),
    column(BRAND, StringType(), "who pays"),
    column(CREATOR_ID, StringType(), "the creator it runs with", subject=True),
    column(START_TS, TimestampType(), "first instant, UTC, included"),
    column(END_TS, TimestampType(), "last instant, UTC, left out"),
    column(COST, DoubleType(), "spend, 0 or more"),
    column(CURRENCY, StringType(), "ISO 4217 code of cost"),
    column(OBJECTIVE, StringType(), "reach, engagement, sales ..."),
    key=(CAMPAIGN_ID,),
    comment="One row per campaign and creator engagement.",
)

EXPOSURES = _table(
    "exposures",
    column(EXPERIMENT_ID, StringType(), "the experiment", nullable=False),
    column(USER_ID, StringType(), "the person", nullable=False, subject=True),
    column(VARIANT, StringType(), "control, treatment ...", nullable=False),
    column(EVENT_TS, TimestampType(), "when first exposed, UTC", nullable=False),
    key=(EXPERIMENT_ID, USER_ID),
    comment="One row per experiment and person: the arm they were in.",
)

SURVEYS = _table(
    "surveys",
    column(RESPONSE_ID, StringType(), "the response", nullable=False),
    column(USER_ID, StringType(), "who answered", subject=True),
    column(CAMPAIGN_ID, StringType(), "the campaign asked about"),
    column(SCORE, IntegerType(), "0 to 10"),
    column(EVENT_TS, TimestampType(), "when answered, UTC", nullable=False),
    column(TEXT, StringType(), "plain text", personal=True),
    key=(RESPONSE_ID,),
    comment="One row per survey response.",
)

CONSENTS = _table(
    "consents",
    column(USER_ID, StringType(), "the person", nullable=False, subject=True),
    column(PURPOSE, StringType(), "one of " + ", ".join(PURPOSES), nullable=False),
    column(EVENT_TS, TimestampType(), "when said, UTC", nullable=False),
    column(GRANTED, BooleanType(), "yes or no", nullable=False),
    key=(USER_ID, PURPOSE, EVENT_TS),
    comment="One row per person, purpose and statement; the newest before as_of counts.",
)

SILVER = (USERS, USER_SNAPSHOTS, POSTS, INTERACTIONS, ITEMS, CAMPAIGNS, EXPOSURES, SURVEYS, CONSENTS)
_BY_SHORT_NAME = {table.name.removeprefix("silver."): table for table in SILVER}


def silver_table(short_name: str) -> Table:
    """The contract of `posts`, `interactions` ..."""
    if short_name not in _BY_SHORT_NAME:
        raise ConfigError(
            f"there is no silver table {short_name!r}", hint=did_you_mean(short_name, list(_BY_SHORT_NAME))
        )
    return _BY_SHORT_NAME[short_name]


def event_time_column(table: Table) -> str | None:
    """The column that says when a row's event happened: the first clock. None where a row has no time of its own."""
    by_preference = (EVENT_TS, SNAPSHOT_TS, CREATED_TS, START_TS)
    return next((name for name in by_preference if name in table.columns), None)


RECORD = "record"
RECORD_HASH = "record_hash"
REASONS = "reasons"
BATCH_ID = "batch_id"
FILE = "file"
IS_FIRST_LOAD = "is_first_load"


def quarantine_of(table: Table) -> Table:
    """Where rows of `table` go that fail its contract, with every reason, so that no row is lost."""
    return Table(
        f"{table.name}_quarantine",
        StructType(
            [
                column(RECORD_HASH, StringType(), "SHA-256 of batch, record and its occurrence", nullable=False),
                column(BATCH_ID, StringType(), "the batch it arrived with", nullable=False),
                column(SOURCE, StringType(), "which source it came from", nullable=False),
                column(FILE, StringType(), "base name of the file, where there is one"),
                column(RECORD, StringType(), "the record as received", personal=True),
                column(REASONS, ArrayType(StringType()), "every check that failed, in words", nullable=False),
                column(INGESTED_TS, TimestampType(), "when we saw it, UTC", nullable=False),
            ]
        ),
        key=(RECORD_HASH,),
        comment=f"One row per record that {table.name} refused.",
    )


def bronze_of(source: str, dataset: str) -> Table:
    """Raw records of one dataset of one source, append-only, as received: a line, an XML element, or a row as JSON."""
    return Table(
        f"bronze.{source}_{dataset}",
        StructType(
            [
                column(RECORD, StringType(), "the record as received", personal=True),
                column(FILE, StringType(), "base name of the file, where there is one"),
                column(BATCH_ID, StringType(), "fingerprint of what was landed together", nullable=False),
                column(IS_FIRST_LOAD, BooleanType(), "landed into an empty table: history, not news", nullable=False),
                column(INGESTED_TS, TimestampType(), "when it was landed, UTC", nullable=False),
            ]
        ),
        key=(),
        comment=f"One row per record of {dataset} as {source} delivered it.",
    )
