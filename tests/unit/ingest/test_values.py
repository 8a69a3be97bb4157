"""Text to typed values: what each source writes, in one frame, in one action."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, DoubleType, IntegerType, LongType, MapType, StringType

from social_signals.ingest.values import absent_if_empty, timestamp, typed, visible


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)


FORMS = {
    "2015-02-24": at(2015, 2, 24),
    "2015-02-24 11:35": at(2015, 2, 24, 11, 35),
    "2015-02-24T11:35:52Z": at(2015, 2, 24, 11, 35, 52),
    "2015-02-24T11:35:52.123456789+01:00": at(2015, 2, 24, 10, 35, 52, 123456),
    "2015-02-24 11:35:52 -0800": at(2015, 2, 24, 19, 35, 52),
    "2015/02/24 11:35:52": at(2015, 2, 24, 11, 35, 52),
    "20150224": at(2015, 2, 24),
    "1424777752": at(2015, 2, 24, 11, 35, 52),
    "1424777752.5": at(2015, 2, 24, 11, 35, 52, 500000),
    "1.424777752E9": at(2015, 2, 24, 11, 35, 52),
    "1424777752123": at(2015, 2, 24, 11, 35, 52, 123000),
    "1424777752123456": at(2015, 2, 24, 11, 35, 52, 123456),
    "1424777752123456000": at(2015, 2, 24, 11, 35, 52, 123456),
    "Wed Jan 07 11:11:33 +0000 2015": at(2015, 1, 7, 11, 11, 33),
    "Wed Jan  7 11:11:33 -0500 2015": at(2015, 1, 7, 16, 11, 33),
    "Wed, 07 Jan 2015 11:11:33 GMT": at(2015, 1, 7, 11, 11, 33),
    "7 Jan 2015 11:11:33 +0100": at(2015, 1, 7, 10, 11, 33),
    "0001-01-01": at(1, 1, 1),
    # Not guessed at: a bare year or count, an American date without its pattern, a day that is none, words.
    "2015": None,
    "142477": None,
    "0": None,
    "2/24/2015 11:35": None,
    "2015-02-30": None,
    "yesterday": None,
    "Wed Jan 99 11:11:33 +0000 2015": None,
}


def test_times_are_read_in_every_form_that_sources_write(spark_session):
    texts = spark_session.createDataFrame([(text,) for text in FORMS], "text string")
    # As text, because Python would shift an instant into the zone of whoever runs the test.
    read = texts.select("text", timestamp(F.col("text")).cast("string")).collect()
    expected = {
        t: None if v is None else v.strftime("%Y-%m-%d %H:%M:%S.%f").rstrip("0").rstrip(".") for t, v in FORMS.items()
    }
    expected["0001-01-01"] = "0001-01-01 00:00:00"
    assert dict(map(tuple, read)) == expected


def test_a_given_pattern_is_tried_first(spark_session):
    texts = spark_session.createDataFrame([("2/24/2015 11:35",), ("2015-02-24",)], "text string")
    read = texts.select(timestamp(F.col("text"), formats=["M/d/yyyy H:mm"]).cast("string").alias("t")).collect()
    assert [r.t for r in read] == ["2015-02-24 11:35:00", "2015-02-24 00:00:00"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (LongType(), {"12": 12, "12.0": 12, "1.2e1": 12, "-3": -3, "12.5": None, "3.3k": None, "99999999999999999999": None, "": None}),
        (IntegerType(), {"7": 7, "2147483648": None}),
        (DoubleType(), {"1.5": 1.5, "1e3": 1000.0, "NaN": None, "Infinity": None, "1,5": None, "1d": None}),
        (BooleanType(), {"True": True, "0": False, "yes": True, "n": False, "maybe": None}),
        (MapType(StringType(), StringType()), {'{"a": 1, "b": {"c": 2}}': {"a": "1", "b": '{"c":2}'}, "no": None}),
    ],
)  # fmt: skip
def test_values_are_read_or_null(spark_session, kind, expected):
    texts = spark_session.createDataFrame([(text,) for text in expected], "text string")
    read = texts.select("text", typed(F.col("text"), kind)).collect()
    assert dict(map(tuple, read)) == expected


def test_cleaning_takes_only_what_nobody_sees(spark_session):
    cases = {
        "  plain \t\n": "plain",
        "\r\n": None,
        "": None,
        " ": None,
        "in\nside": "in\nside",
        "nul\0byte": "nul\ufffdbyte",
        "👩‍👩‍👧 and \u200fשלום\u200f": "👩‍👩‍👧 and \u200fשלום\u200f",  # noqa: RUF001  another script is the point
        "\tقهوة جيدة": "قهوة جيدة",  # noqa: RUF001  another script is the point
    }
    texts = spark_session.createDataFrame([(i, text) for i, text in enumerate(cases)], "i int, text string")
    read = texts.orderBy("i").select(absent_if_empty(visible(F.col("text")))).collect()
    assert [r[0] for r in read] == list(cases.values())
