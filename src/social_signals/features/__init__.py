"""What is known of a person at a cut-off: `user_features`, from one declared list.

May be added by one column and one line of `declared.FEATURES`: a feature. A module a subject (`rhythm`, `engagement`, `ties`,
`words`, `audience`): its `sums` go into an aggregation that all subjects share, its `features` follow from them.
Needs care: names, meanings and defaults are a published contract that models were trained on; every fact goes through
`cutoffs.seen_from`, which keeps both clocks; sums are of whole numbers. A new way in which a row of one person is about another
needs its line in `touched`, which says whose features a changed row can alter.
Does not belong here: labels (`models`), reading and writing (`jobs`), who consented (`governance`).
"""

from social_signals.features.activity import NewestAct, activity, newest_act
from social_signals.features.declared import FEATURE_NAMES, FEATURES, USER_FEATURES, Feature
from social_signals.features.params import FeatureParams
from social_signals.features.user_features import user_features

__all__ = [
    "FEATURES",
    "FEATURE_NAMES",
    "USER_FEATURES",
    "Feature",
    "FeatureParams",
    "NewestAct",
    "activity",
    "newest_act",
    "user_features",
]
