"""Pseudonyms: the same person is the same text everywhere, and only who holds the key can say who it is."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterator

import pandas as pd
from pyspark.sql import Column
from pyspark.sql.functions import pandas_udf  # type: ignore[attr-defined]
from pyspark.sql.types import StringType

from social_signals.core.errors import ConfigError
from social_signals.core.workers import settle

SHORTEST_KEY = 16


def pseudonym(user_id: Column, *, key: str) -> Column:
    """HMAC-SHA-256 of an id as 64 hex digits; null stays null.

    A Python function although Spark has `sha2`: there the key would be a literal of the plan, and with it in the event log
    and on the web page of every run.
    """
    secret = key.encode()

    @pandas_udf(StringType())  # type: ignore[call-overload, untyped-decorator]
    def of(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        settle()
        for ids in batches:
            yield ids.map(lambda text: hmac.new(secret, text.encode(), hashlib.sha256).hexdigest(), na_action="ignore")

    hidden: Column = of(user_id)
    return hidden


def read_key(variable: str) -> str:
    """The key from an environment variable. Raises ConfigError where it is absent or short."""
    key = os.environ.get(variable, "")
    if len(key) < SHORTEST_KEY:
        found = "is not set" if not key else f"has {len(key)} characters"
        raise ConfigError(
            f"pseudonyms need a key, and the environment variable {variable} {found}",
            hint=f"put a secret of {SHORTEST_KEY} characters or more in it; keep it, or the next load makes other people of them",
        )
    return key
