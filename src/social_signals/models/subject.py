"""What a row of the examples of a churn model is about: a person, a tie to a creator, a person in a period."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from social_signals.models.artefact import CHURN, CHURN_CONTRACT, CHURN_EVENT
from social_signals.models.params import CONTRACT, EVENT, SILENCE, ChurnParams
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import USER_ID

RECENCY_FEATURE = "days_since_last_activity"
KINDS = {SILENCE: CHURN, EVENT: CHURN_EVENT, CONTRACT: CHURN_CONTRACT}


@dataclass(frozen=True)
class Subject:
    """A kind of row.

    name: what its metrics are called. key: columns that are unique together; the person is among them, since parts, folds
    and intervals are made of whole people. recency: the feature that is the plainest baseline. kinds: kind of model by
    definition of churn. says: what a 1 means, in words; null where it is as for people.
    """

    name: str = CHURN
    key: tuple[str, ...] = (AS_OF, USER_ID)
    recency: str = RECENCY_FEATURE
    kinds: Mapping[str, str] = field(default_factory=lambda: KINDS)
    says: Callable[[ChurnParams], str] | None = None


PEOPLE = Subject()
