"""Consent for many cut-offs gives, slice by slice, the answer of `only_consented`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from pyspark.sql import DataFrame, SparkSession

from social_signals.features.consented import consented_slices
from social_signals.governance import ConsentParams, only_consented
from social_signals.tables.silver import CONSENTS


@pytest.mark.parametrize("default", ["allow", "deny"])
def test_many_slices_agree_with_one(
    spark_session: SparkSession, rows: Callable[..., DataFrame], june_1, default: str
) -> None:
    def said(user: str, age: float, granted: bool, *, purpose: str = "profiling", seen: float | None = None) -> dict:
        own = {"user_id": user, "purpose": purpose, "granted": granted, "event_ts": june_1 - timedelta(days=age)}
        return own | ({} if seen is None else {"ingested_ts": june_1 - timedelta(days=seen)})

    consents = rows(
        CONSENTS,
        said("no", 50, False),
        said("yes", 50, True),
        said("changed", 50, True),
        said("changed", 10, False),
        said("returned", 50, False),
        said("returned", 10, True),
        said("both_at_once", 50, True) | {"source": "a"},
        said("both_at_once", 50, False),
        said("seen_late", 50, False, seen=10),
        said("on_the_dot", 30, False),
        said("other_purpose", 50, False, purpose="messaging"),
    )
    names = ["no", "yes", "changed", "returned", "both_at_once", "seen_late", "on_the_dot", "other_purpose", "silent"]
    cutoffs = [june_1 - timedelta(days=60), june_1 - timedelta(days=30), june_1]
    slices = spark_session.createDataFrame([(c, n) for c in cutoffs for n in names], "as_of timestamp, user_id string")
    consent = ConsentParams(default=default)
    together = consented_slices(slices, consents, as_of=cutoffs, purpose="profiling", consent=consent)
    one_by_one = [
        only_consented(slices.where(slices.as_of == c), consents, purpose="profiling", as_of=c, default=default)
        for c in cutoffs
    ]
    expected = one_by_one[0].unionByName(one_by_one[1]).unionByName(one_by_one[2])
    found = sorted((r.as_of, r.user_id) for r in together.collect())
    assert found == sorted((r.as_of, r.user_id) for r in expected.collect())
    assert 0 < len(found) < slices.count()
