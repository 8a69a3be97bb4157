"""`build_network`: reads silver and `gold.creator_topics`; replaces slices of `gold.network_features` and `gold.network_topics`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals import features as features_room
from social_signals import network as network_room
from social_signals.core.times import iso
from social_signals.features import FeatureParams
from social_signals.features.provenance import Provenance, provenance_of, recipe
from social_signals.governance import ConsentParams
from social_signals.governance.consent import only_consented
from social_signals.jobs import build_features
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.network import NetworkParams, network_of
from social_signals.tables.gold import AS_OF
from social_signals.tables.gold_network import NETWORK_FEATURES, NETWORK_MEASURES, NETWORK_TOPICS
from social_signals.tables.gold_texts import CREATOR_TOPICS
from social_signals.tables.silver import CONSENTS, INTERACTIONS, POSTS, USER_ID
from social_signals.tables.table import Table

log = logging.getLogger(__name__)

# Whose code decides what a slice says: acts are read by the room of features.
_ROOMS = (features_room.__name__, network_room.__name__)


@dataclass
class BuildNetworkJob(Job):
    """as_of null means the first midnight after the newest act. Topics are those that find_topics wrote at the same as_of."""

    network: NetworkParams = field(default_factory=NetworkParams)
    features: FeatureParams = field(default_factory=FeatureParams)
    consent: ConsentParams = field(default_factory=ConsentParams)


SCHEMA = BuildNetworkJob


def run(job: BuildNetworkJob, context: Context) -> Outcome:
    """One slice: everybody with an edge in the window who consented to profiling, as known at as_of."""
    as_of = job.as_of_instant or build_features.default_as_of(context, features=job.features)
    if job.dry_run:
        sentence = (
            f"build_network: the graph of the {job.network.window_days} days before {iso(as_of)}; replace that slice of "
            f"{NETWORK_FEATURES.name} and {NETWORK_TOPICS.name}"
        )
        return Outcome(status="dry_run", as_of=as_of, plan=[sentence])
    build(context, as_of=[as_of], network=job.network, consent=job.consent, seed=job.seed)
    return Outcome(as_of=as_of)


def build(
    context: Context, *, as_of: Sequence[datetime], network: NetworkParams, consent: ConsentParams, seed: int
) -> None:
    """Bring the slices `as_of` up to date, one graph after the other, as each takes what memory there is. A slice that was made from
    the same versions of the same tables, by the same settings and code, is left as it is."""
    catalog = context.catalog
    tables = (INTERACTIONS, POSTS, CONSENTS, CREATOR_TOPICS)
    origins = {table.name: catalog.origin(table) for table in tables}
    settings = [asdict(network), asdict(consent), seed, NETWORK_FEATURES.schema.json()]
    made = Provenance(origins, recipe(*settings, rooms=_ROOMS))
    commits = catalog.commits(NETWORK_FEATURES)
    consents = catalog.read_or_empty(CONSENTS)
    for cutoff in sorted(set(as_of)):
        if provenance_of(cutoff, commits) == made:
            log.info("%s at %s is up to date", NETWORK_FEATURES.name, iso(cutoff))
            continue
        topics = catalog.read_or_empty(CREATOR_TOPICS).where(F.col(AS_OF) == F.lit(cutoff))
        with network_of(
            as_of=cutoff, interactions=catalog.read(INTERACTIONS), posts=catalog.read(POSTS), topics=topics, params=network,
            seed=seed, say=partial(_say, context, cutoff),
        ) as (people, of_topics):  # fmt: skip
            # What says that a slice is done is written last.
            for table, rows in ((NETWORK_TOPICS, of_topics), (NETWORK_FEATURES, people)):
                if rows is None:
                    catalog.create(table)
                    continue
                agreed = only_consented(rows, consents, purpose="profiling", as_of=cutoff, default=consent.default)
                note = made.note([cutoff]) if table is NETWORK_FEATURES else ""
                catalog.replace_slice(table, _sliced(agreed, table, cutoff), as_of=cutoff, note=note)


def with_network(
    context: Context,
    features: DataFrame,
    *,
    as_of: Sequence[datetime],
    network: NetworkParams,
    consent: ConsentParams,
    seed: int,
) -> DataFrame:
    """The slices of features with NETWORK_MEASURES beside them, null for who has no edge; the network is brought up to date first."""
    build(context, as_of=as_of, network=network, consent=consent, seed=seed)
    catalog = context.catalog
    pinned = catalog.read(NETWORK_FEATURES, version=catalog.version(NETWORK_FEATURES))
    return features.join(pinned.select(AS_OF, USER_ID, *NETWORK_MEASURES), on=[AS_OF, USER_ID], how="left")


def _say(context: Context, as_of: datetime, step: str) -> None:
    context.progress.step(f"network at {iso(as_of)}: {step}")


def _sliced(rows: DataFrame, table: Table, as_of: datetime) -> DataFrame:
    return rows.withColumn(AS_OF, F.lit(as_of)).select(*table.columns)
