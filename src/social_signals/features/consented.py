"""Consent for many cut-offs at once: the rule of `governance.only_consented`, the cut-off taken from each row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.features.cutoffs import AS_OF_US, EVENT_US, KNOWN_US, known_us, seen_from
from social_signals.governance import ConsentParams
from social_signals.governance.consent import ALLOW
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import EVENT_TS, GRANTED, INGESTED_TS, PURPOSE, USER_ID


def consented_slices(
    slices: DataFrame,
    consents: DataFrame,
    *,
    as_of: Sequence[datetime],
    purpose: str,
    consent: ConsentParams,
    person: str = USER_ID,
) -> DataFrame:
    """The rows of `slices` (as_of, user_id, ...) whose person agreed to `purpose` as known before the row's own as_of.

    as_of: every cut-off that occurs in `slices`. person: the column that names who must have agreed. Slice by slice the answer is that of `only_consented`, which would scan
    and shuffle the consents once a cut-off.
    """
    statements = consents.where(F.col(PURPOSE) == purpose).select(
        USER_ID,
        F.unix_micros(EVENT_TS).alias(EVENT_US),
        known_us(EVENT_TS, INGESTED_TS).alias(KNOWN_US),
        (~F.col(GRANTED)).alias("is_refusal"),
    )
    # The greater struct of one instant is the refusal: a no wins over a yes.
    newest = F.max(F.struct(EVENT_US, "is_refusal")).alias("newest")
    verdicts = (
        seen_from(statements, as_of)
        .groupBy(AS_OF_US, USER_ID)
        .agg(newest)
        .select(
            F.timestamp_micros(AS_OF_US).alias(AS_OF),
            F.col(USER_ID).alias(person),
            F.col("newest.is_refusal").alias("is_refusal"),
        )
    )
    if consent.default == ALLOW:
        return slices.join(verdicts.where("is_refusal"), on=[AS_OF, person], how="left_anti")
    return slices.join(verdicts.where("NOT is_refusal"), on=[AS_OF, person], how="left_semi")
