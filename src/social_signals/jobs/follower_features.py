"""What the jobs of follower churn share: ties at cut-offs with the people on both ends who agreed to be profiled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import DataFrame

from social_signals.features import FeatureParams
from social_signals.features.consented import consented_slices
from social_signals.features.followers import tie_acts, tie_features, with_enough_followers, with_people
from social_signals.governance import ConsentParams
from social_signals.jobs import training
from social_signals.jobs.job import Context
from social_signals.models.followers import FollowerChurnParams
from social_signals.models.params import EVENT
from social_signals.tables.silver import CONSENTS, CREATOR_ID, INTERACTIONS, POSTS, USER_ID


def slices(
    context: Context,
    *,
    as_of: Sequence[datetime],
    churn: FollowerChurnParams,
    features: FeatureParams,
    consent: ConsentParams,
) -> DataFrame:
    """One row per (as_of, user_id, creator_id) with FOLLOWER_FEATURES. Slices of gold.user_features are built where missing."""
    catalog = context.catalog
    people = training.slices(context, as_of=as_of, features=features, consent=consent)
    acts = tie_acts(catalog.read(POSTS), catalog.read(INTERACTIONS), kinds=churn.kinds)
    ties = tie_features(acts, as_of=as_of, lookback_days=churn.lookback_days, with_following=churn.definition == EVENT)
    consents = catalog.read_or_empty(CONSENTS)
    for person in (USER_ID, CREATOR_ID):
        ties = consented_slices(ties, consents, as_of=as_of, purpose="profiling", consent=consent, person=person)
    return ties.transform(with_enough_followers, least=churn.least_followers).transform(with_people, people)
