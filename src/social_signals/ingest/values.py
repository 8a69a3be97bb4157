"""Text to typed values, tolerantly: what cannot be read is null, and the caller says so."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import (
    BooleanType,
    DataType,
    DoubleType,
    IntegerType,
    LongType,
    MapType,
    StringType,
    TimestampType,
)

from social_signals.core.errors import ContractError

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
LARGEST_EXACT_DOUBLE = 2.0**53
INT_RANGE = (-(2**31), 2**31 - 1)

# The same act under the names that networks give it.
KIND_SYNONYMS = {
    "retweet": "share", "rt": "share", "repost": "share", "reblog": "share", "quote": "share", "boost": "share",
    "reply": "comment", "answer": "comment", "re": "comment", "mt": "mention",
    "favorite": "like", "favourite": "like", "fav": "like", "upvote": "like", "love": "like", "downvote": "dislike",
    "bookmark": "save", "buy": "purchase", "order": "purchase", "return": "refund", "impression": "view",
}  # fmt: skip


def visible(text: Column) -> Column:
    """The text without spaces and line ends around it, NULs as U+FFFD. All else stays, emoji and marks of direction too."""
    return F.btrim(F.translate(text, "\0", "\ufffd"), F.lit(" \t\r\n"))


def absent_if_empty(text: Column) -> Column:
    """Null for the empty text: absent is null everywhere."""
    return F.when(text != "", text)


def typed(text: Column, kind: DataType, *, timestamp_formats: Sequence[str] = ()) -> Column:
    """Clean text as a value of a contract's type; null where it is none."""
    if isinstance(kind, StringType):
        return text
    if isinstance(kind, TimestampType):
        return timestamp(text, formats=timestamp_formats)
    if isinstance(kind, LongType):
        return whole_number(text)
    if isinstance(kind, IntegerType):
        number = whole_number(text)
        return F.when(number.between(*INT_RANGE), number.cast("int"))
    if isinstance(kind, DoubleType):
        return F.when(text.rlike(NUMBER), text.cast("double"))
    if isinstance(kind, BooleanType):
        is_word = F.lower(text).isin("true", "t", "yes", "y", "1", "false", "f", "no", "n", "0")
        return F.when(is_word, text.cast("boolean"))
    if isinstance(kind, MapType):
        return F.from_json(text, "map<string,string>")
    raise ContractError(f"no text can become {kind.simpleString()}", hint="teach ingest.values.typed the new type")


def whole_number(text: Column) -> Column:
    """`12`, `12.0` and `1.2e1` are 12; `12.5` is no whole number."""
    double = F.when(text.rlike(NUMBER), text.cast("double"))
    is_whole = (double == F.floor(double)) & (F.abs(double) < LARGEST_EXACT_DOUBLE)
    return F.when(text.rlike(r"^[+-]?\d+$"), text.cast("long")).otherwise(F.when(is_whole, double.cast("long")))


def timestamp(text: Column, *, formats: Sequence[str] = ()) -> Column:
    """An instant from what sources write; a time without a zone is UTC.

    Tried in order: the given Spark patterns; ISO 8601 and its relatives (`2015-02-24`, `2015-02-24 11:35:52 -0800`,
    `2015/02/24 11:35`, `20150224`); Unix time of nine digits or more, as seconds, milli-, micro- or nanoseconds by its size;
    Twitter's `Wed Jan 07 11:11:33 +0000 2015`; mail's `Wed, 07 Jan 2015 11:11:33 GMT`.
    """
    undated = F.regexp_replace(text, r"^[A-Za-z]{3,9},? +", "")
    in_mail = F.regexp_replace(undated, r" (GMT|UTC|UT|Z)$", " +0000")
    forms = [
        (text.rlike(r"^\d{4}-\d"), text.cast("timestamp")),
        (text.rlike(r"^\d{8}$"), F.to_timestamp(text, "yyyyMMdd")),
        (text.rlike(r"^-?\d") & text.rlike(NUMBER), _unix_time(text)),
        (text.rlike(r"^\d{4}/\d"), F.translate(text, "/", "-").cast("timestamp")),
        (
            undated.rlike(r"^[A-Z][a-z]{2} +\d"),
            F.to_timestamp(F.regexp_replace(undated, " +", " "), "MMM d HH:mm:ss Z yyyy"),
        ),
        (undated.rlike(r"^\d{1,2} [A-Z][a-z]{2} \d"), F.to_timestamp(in_mail, "d MMM yyyy HH:mm:ss Z")),
    ]
    built_in = reduce(lambda chain, form: chain.when(*form), forms[1:], F.when(*forms[0]))
    return F.coalesce(*(F.to_timestamp(text, pattern) for pattern in formats), built_in)


def _unix_time(text: Column) -> Column:
    number = text.cast("decimal(38,9)")
    size = F.abs(number)
    micros = (
        F.when(size < 1e8, F.lit(None))
        .when(size < 1e11, number * 1_000_000)
        .when(size < 1e14, number * 1_000)
        .when(size < 1e17, number)
        .otherwise(number / 1_000)
    )
    return F.timestamp_micros(micros.cast("long"))
