from __future__ import annotations

import hashlib
import hmac

import pytest
from pyspark.sql import functions as F

from social_signals.core.errors import ConfigError
from social_signals.governance import pseudonym, read_key

KEY = "correct horse battery staple"


def test_a_pseudonym_is_hmac_sha_256_and_the_key_is_not_in_the_plan(spark_session):
    ids = spark_session.createDataFrame([("u1",), (None,), ("é",), ("u1",)], "id string")
    hidden = ids.select(pseudonym(F.col("id"), key=KEY).alias("hidden"))
    expected = [
        None if i is None else hmac.new(KEY.encode(), i.encode(), hashlib.sha256).hexdigest()
        for i in ("u1", None, "é", "u1")
    ]
    assert [r.hidden for r in hidden.collect()] == expected
    assert KEY not in hidden._jdf.queryExecution().toString()


def test_a_key_must_be_there_and_long(monkeypatch):
    monkeypatch.setenv("A_KEY", KEY)
    assert read_key("A_KEY") == KEY
    monkeypatch.setenv("A_KEY", "short")
    with pytest.raises(ConfigError, match="A_KEY has 5 characters"):
        read_key("A_KEY")
    monkeypatch.delenv("A_KEY")
    with pytest.raises(ConfigError, match="A_KEY is not set"):
        read_key("A_KEY")
