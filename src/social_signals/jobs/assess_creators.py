"""`assess_creators`: reads silver and what was read in posts; replaces slices of `gold.creator_quality`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from pyspark.sql import DataFrame

from social_signals import creators as creators_room
from social_signals import features as features_room
from social_signals.core.times import iso
from social_signals.creators import CreatorParams, creators_of
from social_signals.features import FeatureParams
from social_signals.features.consented import consented_slices
from social_signals.features.provenance import Provenance, provenance_of, recipe
from social_signals.governance import ConsentParams
from social_signals.jobs import build_features
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.tables.gold import AS_OF
from social_signals.tables.gold_creators import CREATOR_QUALITY, QUALITY_MEASURES
from social_signals.tables.gold_texts import POST_ENTITIES, POST_SENTIMENT, POST_TOPICS
from social_signals.tables.silver import CONSENTS, INTERACTIONS, POSTS, USER_ID, USER_SNAPSHOTS

log = logging.getLogger(__name__)

# Whose code decides what a slice says: acts are read by the room of features.
_ROOMS = (features_room.__name__, creators_room.__name__)
_OPTIONAL = (USER_SNAPSHOTS, CONSENTS, POST_SENTIMENT, POST_ENTITIES, POST_TOPICS)


@dataclass
class AssessCreatorsJob(Job):
    """as_of null means the first midnight after the newest act. Tone, names and topics are those of annotate and find_topics."""

    creators: CreatorParams = field(default_factory=CreatorParams)
    features: FeatureParams = field(default_factory=FeatureParams)
    consent: ConsentParams = field(default_factory=ConsentParams)


SCHEMA = AssessCreatorsJob


def run(job: AssessCreatorsJob, context: Context) -> Outcome:
    """One slice: everybody who wrote or received something in 90 days and consented to profiling, as known at as_of."""
    as_of = job.as_of_instant or build_features.default_as_of(context, features=job.features)
    if job.dry_run:
        sentence = f"assess_creators: replace the slice as_of={iso(as_of)} of {CREATOR_QUALITY.name}"
        return Outcome(status="dry_run", as_of=as_of, plan=[sentence])
    build(context, as_of=[as_of], creators=job.creators, consent=job.consent)
    return Outcome(as_of=as_of)


def build(context: Context, *, as_of: Sequence[datetime], creators: CreatorParams, consent: ConsentParams) -> None:
    """Bring the slices `as_of` up to date, all in one pass. A slice that was made from the same versions of the same tables, by the same
    settings and code, is left as it is."""
    catalog = context.catalog
    origins = {table.name: catalog.origin(table) for table in (INTERACTIONS, POSTS, *_OPTIONAL)}
    made = Provenance(origins, recipe(asdict(creators), asdict(consent), CREATOR_QUALITY.schema.json(), rooms=_ROOMS))
    commits = catalog.commits(CREATOR_QUALITY)
    stale = [cutoff for cutoff in sorted(set(as_of)) if provenance_of(cutoff, commits) != made]
    if len(stale) < len(set(as_of)):
        log.info("%d slices of %s are up to date", len(set(as_of)) - len(stale), CREATOR_QUALITY.name)
    if not stale:
        return
    read = {table: catalog.read_or_empty(table) for table in _OPTIONAL}
    with creators_of(
        as_of=stale, interactions=catalog.read(INTERACTIONS), posts=catalog.read(POSTS),
        user_snapshots=read[USER_SNAPSHOTS], sentiment=read[POST_SENTIMENT], entities=read[POST_ENTITIES],
        topics=read[POST_TOPICS], params=creators, say=context.progress.step,
    ) as people:  # fmt: skip
        agreed = consented_slices(people, read[CONSENTS], as_of=stale, purpose="profiling", consent=consent)
        # A slice is a folder: without this each shuffle partition would leave a small file in each of them.
        gathered = context.spark.sql(f"SELECT /*+ REBALANCE({AS_OF}) */ * FROM {{slices}}", slices=agreed)
        catalog.replace_slice(
            CREATOR_QUALITY, gathered.select(*CREATOR_QUALITY.columns), as_of=stale, note=made.note(stale)
        )


def with_quality(
    context: Context,
    features: DataFrame,
    *,
    as_of: Sequence[datetime],
    creators: CreatorParams,
    consent: ConsentParams,
) -> DataFrame:
    """The slices of features with QUALITY_MEASURES beside them, null for who has no row; the slices are brought up to date first."""
    build(context, as_of=as_of, creators=creators, consent=consent)
    catalog = context.catalog
    pinned = catalog.read(CREATOR_QUALITY, version=catalog.version(CREATOR_QUALITY))
    return features.join(pinned.select(AS_OF, USER_ID, *QUALITY_MEASURES), on=[AS_OF, USER_ID], how="left")
