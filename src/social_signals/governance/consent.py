"""Who agreed to be looked at, for which purpose, as far as was known at a cut-off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.core.errors import ConfigError, did_you_mean
from social_signals.tables.silver import EVENT_TS, GRANTED, INGESTED_TS, PURPOSE, PURPOSES, USER_ID

ALLOW = "allow"
DENY = "deny"


@dataclass
class ConsentParams:
    """What holds for a person who has said nothing: `allow` or `deny`."""

    default: str = ALLOW

    def __post_init__(self) -> None:
        if self.default not in (ALLOW, DENY):
            raise ConfigError(f"consent.default is {self.default!r}", hint="choose allow or deny")


def only_consented(
    people: DataFrame,
    consents: DataFrame,
    *,
    purpose: str,
    as_of: datetime,
    default: str = ALLOW,
    user_column: str = USER_ID,
) -> DataFrame:
    """The rows of `people` whose person agreed to `purpose`, as known before `as_of` (left out).

    A person's newest statement counts among those made (`event_ts`) and seen (`ingested_ts`) before `as_of`; a yes and a
    no of the same instant are a no. Who has made none follows `default`. A row without a person is kept under `allow` only.
    """
    if purpose not in PURPOSES:
        raise ConfigError(f"there is no purpose {purpose!r}", hint=did_you_mean(purpose, list(PURPOSES)))
    ConsentParams(default)
    was_known = (F.col(EVENT_TS) < as_of) & (F.col(INGESTED_TS) < as_of)
    statements = consents.where((F.col(PURPOSE) == purpose) & was_known)
    # At the same instant the struct with granted = true for "not granted" is the greater one: a no wins.
    newest = F.max(F.struct(EVENT_TS, (~F.col(GRANTED)).alias("is_refusal")))
    answers = statements.groupBy(F.col(USER_ID).alias(user_column)).agg(newest.alias("newest"))
    verdict = answers.select(user_column, F.col("newest.is_refusal").alias("is_refusal"))
    if default == ALLOW:
        return people.join(verdict.where("is_refusal"), on=user_column, how="left_anti")
    return people.join(verdict.where("NOT is_refusal"), on=user_column, how="left_semi")
