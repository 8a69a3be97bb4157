"""`build_features`: reads silver, `gold.post_sentiment` and `gold.post_entities`; replaces slices of `gold.user_features`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pyspark.sql import DataFrame

from social_signals.core.errors import DataQualityError
from social_signals.core.times import iso
from social_signals.features import USER_FEATURES, FeatureParams, NewestAct, activity, newest_act, user_features
from social_signals.features.consented import consented_slices
from social_signals.features.params import AUTO
from social_signals.features.provenance import Provenance, recipe_of
from social_signals.governance import ConsentParams
from social_signals.jobs import feature_changes
from social_signals.jobs.feature_changes import Change, Sources
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.tables.gold import AS_OF
from social_signals.tables.gold_texts import POST_ENTITIES, POST_SENTIMENT
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
    """Bring the slices `as_of` of gold.user_features up to date: all in one pass over silver, or, where they are stored and
    little has changed since, only the people of whom something did. Slices that nothing changed are left as they are."""
    sources = Sources.of(context.catalog)
    made = Provenance(sources.origins, recipe_of(features, consent))
    whole: list[datetime] = sorted(set(as_of))
    changed: list[Change] = []
    if features.rebuild == AUTO:
        whole, changed = feature_changes.since_built(context.catalog, sources, as_of=whole, made=made)
    for change in changed:
        context.progress.step(f"features of those who changed at {len(change.as_of)} cut-offs")
        fresh = _slices(sources, as_of=change.as_of, people=change.people, features=features, consent=consent)
        _replace(context, change.kept.unionByName(fresh), as_of=change.as_of, made=made)
    if whole:
        context.progress.step(f"features at {len(whole)} cut-offs")
        _replace(context, _slices(sources, as_of=whole, features=features, consent=consent), as_of=whole, made=made)


def _slices(
    sources: Sources,
    *,
    as_of: Sequence[datetime],
    features: FeatureParams,
    consent: ConsentParams,
    people: DataFrame | None = None,
) -> DataFrame:
    measured = user_features(
        as_of=as_of,
        interactions=sources[INTERACTIONS],
        posts=sources[POSTS],
        users=sources[USERS],
        user_snapshots=sources[USER_SNAPSHOTS],
        sentiment=sources[POST_SENTIMENT],
        entities=sources[POST_ENTITIES],
        params=features,
        people=people,
    )
    return consented_slices(measured, sources[CONSENTS], as_of=as_of, purpose="profiling", consent=consent)


def _replace(context: Context, slices: DataFrame, *, as_of: Sequence[datetime], made: Provenance) -> None:
    # A slice is a folder: without this each shuffle partition would leave a small file in each of them.
    # In SQL, since pyspark's `hint` hands over names as texts, which this one refuses; a large slice is still cut in parts.
    gathered = context.spark.sql(f"SELECT /*+ REBALANCE({AS_OF}) */ * FROM {{slices}}", slices=slices)
    context.catalog.replace_slice(USER_FEATURES, gathered, as_of=as_of, note=made.note(as_of))


def default_as_of(context: Context, *, features: FeatureParams) -> datetime:
    """The first midnight after the newest act before now. Raises DataQualityError where nobody has acted."""
    return newest_known_act(context, features=features).as_of


def newest_known_act(context: Context, *, features: FeatureParams) -> NewestAct:
    """The newest act before now. Raises DataQualityError where nobody has acted."""
    catalog = context.catalog
    acts = activity(catalog.read(POSTS), catalog.read(INTERACTIONS), kinds=features.activity_kinds)
    newest = newest_act(acts, now=context.now)
    if newest is None:
        raise DataQualityError(
            f"nobody has acted or written before {iso(context.now)}: {INTERACTIONS.name} and {POSTS.name} say nothing",
            hint="run the ingest job and read its counts of quarantined rows, or give as_of=2020-03-01",
        )
    return newest
