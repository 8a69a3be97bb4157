"""The declared list as a page: `python -m social_signals.features.listing > docs/features.md`."""

from __future__ import annotations

import sys

from social_signals.features.declared import AUDIENCE, ENGAGEMENT, FEATURES, RHYTHM, TIES, WORDS, Feature
from social_signals.features.declared_followers import CREATOR_COLUMNS, PERSON_COLUMNS, TIE
from social_signals.features.posts import POST_FEATURES

SUBJECTS = {
    "Rhythm: when they are active": RHYTHM,
    "Engagement: what they give and get": ENGAGEMENT,
    "Ties: whom they deal with": TIES,
    "Words: what they write and what comes back": WORDS,
    "Audience: what the account shows": AUDIENCE,
}


def markdown() -> str:
    """Every declared feature by subject: name, type, window, meaning, value where there is nothing to measure."""
    parts = [
        "# Features",
        f"The {len(FEATURES)} columns of `gold.user_features` beside `as_of` and `user_id`. This page is generated from "
        "`social_signals/features/declared.py`; a test says when it is out of date.",
        "A window of n days is `[as_of - n days, as_of)`: its start is in, the cut-off is not. Only rows are seen that "
        "had happened and had been ingested before `as_of`. `null` means that there is nothing to measure, which is not "
        "the same as 0. Times are UTC.",
    ]
    for subject, features in SUBJECTS.items():
        parts += [f"## {subject}", _table(features)]
    parts += [
        "## A post: what was known when it was published",
        "Worked out when `influence.unit=post` trains or scores, from what had happened and was known before the post's own "
        "instant, and not kept.",
        _table(POST_FEATURES),
        "## A person and a creator: what the model of follower churn sees",
        "Worked out when it trains or scores and not kept. Beside these it sees, as `person_...`, "
        f"{_names(PERSON_COLUMNS)} of the person, and, as `creator_...`, {_names(CREATOR_COLUMNS)} of the creator.",
        _table(tuple(TIE.values())),
    ]
    return "\n\n".join(parts) + "\n"


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in columns)


def _table(features: tuple[Feature, ...]) -> str:
    rows = ["| feature | type | window | meaning | if absent |", "| --- | --- | --- | --- | --- |"]
    for feature in features:
        window = "all" if feature.window_days is None else f"{feature.window_days} d"
        absent = "null" if feature.default is None else f"{feature.default:g}"
        kind = feature.kind.simpleString()
        rows.append(f"| `{feature.name}` | {kind} | {window} | {feature.meaning} | {absent} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.stdout.write(markdown())
