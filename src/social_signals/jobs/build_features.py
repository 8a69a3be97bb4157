"""`build_features`: reads silver, `gold.post_sentiment` and `gold.post_entities`; replaces slices of `gold.user_features`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from social_signals.core.errors import DataQualityError
from social_signals.core.times import iso
from social_signals.features import USER_FEATURES, FeatureParams, activity, newest_as_of, user_features
from social_signals.features.consented import consented_slices
from social_signals.governance import ConsentParams
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.tables.gold import AS_OF, POST_ENTITIES, POST_SENTIMENT
from social_signals.tables.silver import CONSENTS, INTERACTIONS, POSTS, USER_SNAPSHOTS, USERS


@dataclass
class BuildFeaturesJob(Job):
    """as_of null means the first midnight after the newest act."""

    features: FeatureParams = field(default_factory=FeatureParams)
    consent: ConsentParams = field(default_factory=ConsentParams)


SCHEMA = BuildFeaturesJob


def run(job: BuildFeaturesJob, context: Context) -> Outcome:
    """One slice: everybody seen lately who consented to profiling, as known at as_of."""
    as_of = job.as_of_instant or default_as_of(context, features=job.features)
    if job.dry_run:
        sentence = f"build_features: replace the slice as_of={iso(as_of)} of {USER_FEATURES.name}"
        return Outcome(status="dry_run", as_of=as_of, plan=[sentence])
    build(context, as_of=[as_of], features=job.features, consent=job.consent)
    return Outcome(as_of=as_of)


def build(context: Context, *, as_of: Sequence[datetime], features: FeatureParams, consent: ConsentParams) -> None:
    """Replace the slices `as_of` of gold.user_features, all in one pass over silver."""
    catalog = context.catalog
    people = user_features(
        as_of=as_of,
        interactions=catalog.read(INTERACTIONS),
        posts=catalog.read(POSTS),
        users=catalog.read_or_empty(USERS),
        user_snapshots=catalog.read_or_empty(USER_SNAPSHOTS),
        sentiment=catalog.read_or_empty(POST_SENTIMENT),
        entities=catalog.read_or_empty(POST_ENTITIES),
        params=features,
    )
    consented = consented_slices(
        people, catalog.read_or_empty(CONSENTS), as_of=as_of, purpose="profiling", consent=consent
    )
    # A slice is a folder: without this each shuffle partition would leave a small file in each of them.
    # In SQL, since pyspark's `hint` hands over names as texts, which this one refuses; a large slice is still cut in parts.
    slices = context.spark.sql(f"SELECT /*+ REBALANCE({AS_OF}) */ * FROM {{consented}}", consented=consented)
    context.progress.step(f"features at {len(set(as_of))} cut-offs")
    catalog.replace_slice(USER_FEATURES, slices, as_of=sorted(set(as_of)))


def default_as_of(context: Context, *, features: FeatureParams) -> datetime:
    """The first midnight after the newest act before now. Raises DataQualityError where nobody has acted."""
    catalog = context.catalog
    acts = activity(catalog.read(POSTS), catalog.read(INTERACTIONS), kinds=features.activity_kinds)
    newest = newest_as_of(acts, now=context.now)
    if newest is None:
        raise DataQualityError(
            f"nobody has acted or written before {iso(context.now)}: {INTERACTIONS.name} and {POSTS.name} say nothing",
            hint="run the ingest job and read its counts of quarantined rows, or give as_of=2020-03-01",
        )
    return newest
