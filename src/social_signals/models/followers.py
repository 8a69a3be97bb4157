"""Which followers a creator will lose: the churn of a tie instead of a person, trained by the same machinery."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from pyspark.sql import DataFrame

from social_signals.core.errors import ConfigError
from social_signals.features.followers import tie_activity, tie_acts, tie_statements
from social_signals.models.artefact import Artefact
from social_signals.models.churn import label_of
from social_signals.models.labels import JOINED, LEFT, churn_labels, tie_event_labels
from social_signals.models.params import CONTRACT, EVENT, SILENCE, ChurnParams
from social_signals.models.subject import Subject
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import CREATOR_ID, USER_ID

FOLLOWER_CHURN, FOLLOWER_CHURN_EVENT = "follower_churn", "follower_churn_event"
FOLLOWERS = Subject(
    name=FOLLOWER_CHURN,
    key=(AS_OF, USER_ID, CREATOR_ID),
    recency="days_since_tie",
    kinds={SILENCE: FOLLOWER_CHURN, EVENT: FOLLOWER_CHURN_EVENT},
    says=lambda params: f"{label_of(params)}, of a person towards a creator",
)


@dataclass
class FollowerChurnParams(ChurnParams):
    """When a person leaves a creator, who is anybody else they act towards or follow.

    definition: `silence`, a person who acted towards the creator in the lookback does not over the whole horizon; `event`, one
    of `events` towards the creator falls in the horizon, asked of those who acted in the lookback or follow and have not
    left. kinds: the kinds of interaction by which a tie is active (answers always count, leaving never does); empty means
    every kind. least_followers: creators with fewer such people at a cut-off are left out of it.
    """

    events: list[str] = field(default_factory=lambda: ["unfollow", "unsubscribe"])
    least_followers: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.definition == CONTRACT:
            raise ConfigError(
                "churn.definition is contract, and a contract is with nobody's creator",
                hint="train it with the job train_churn, or choose silence or event",
            )
        if self.least_followers < 1:
            raise ConfigError(f"churn.least_followers is {self.least_followers}", hint="give 1 or more")


def follower_labels(
    posts: DataFrame, interactions: DataFrame, *, params: FollowerChurnParams, cutoffs: list[datetime]
) -> DataFrame:
    """One row per cut-off and tie that is asked about: (as_of, user_id, creator_id, churned), churned 0 or 1."""
    acts = tie_activity(tie_acts(posts, interactions, kinds=params.kinds))
    if params.definition == EVENT:
        said = tie_statements(posts, interactions, kinds=sorted({*params.events, *JOINED, *LEFT}))
        return tie_event_labels(
            acts, said, cutoffs=cutoffs, events=params.events, lookback_days=params.lookback_days,
            horizon_days=params.horizon_days,
        )  # fmt: skip
    return churn_labels(
        acts, cutoffs=cutoffs, lookback_days=params.lookback_days, horizon_days=params.horizon_days,
        who=(USER_ID, CREATOR_ID),
    )  # fmt: skip


def params_of(model: Artefact) -> FollowerChurnParams:
    """What a model was trained to foretell: whom it may be asked about."""
    said = model.card["params"]
    asked = ("definition", "kinds", "events", "lookback_days", "horizon_days", "least_followers")
    return FollowerChurnParams(**{name: said[name] for name in asked})
