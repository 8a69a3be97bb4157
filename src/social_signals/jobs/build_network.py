"""`build_network`: reads silver and `gold.creator_topics`; replaces slices of `gold.network_features` and `gold.network_topics`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.core.times import iso
from social_signals.features import FeatureParams
from social_signals.governance import ConsentParams
from social_signals.governance.consent import only_consented
from social_signals.jobs import build_features
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.network import NetworkParams, network_of
from social_signals.tables.gold import AS_OF
from social_signals.tables.gold_network import NETWORK_FEATURES, NETWORK_TOPICS
from social_signals.tables.gold_texts import CREATOR_TOPICS
from social_signals.tables.silver import CONSENTS, INTERACTIONS, POSTS
from social_signals.tables.table import Table


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
    """Replace the slices `as_of`, one graph after the other: each takes what memory there is."""
    catalog = context.catalog
    interactions, posts = catalog.read(INTERACTIONS), catalog.read(POSTS)
    consents = catalog.read_or_empty(CONSENTS)
    for cutoff in sorted(set(as_of)):
        topics = catalog.read_or_empty(CREATOR_TOPICS).where(F.col(AS_OF) == F.lit(cutoff))
        with network_of(
            as_of=cutoff, interactions=interactions, posts=posts, topics=topics, params=network, seed=seed,
            say=partial(_say, context, cutoff),
        ) as (people, of_topics):  # fmt: skip
            for table, rows in ((NETWORK_FEATURES, people), (NETWORK_TOPICS, of_topics)):
                if rows is None:
                    catalog.create(table)
                    continue
                agreed = only_consented(rows, consents, purpose="profiling", as_of=cutoff, default=consent.default)
                catalog.replace_slice(table, _sliced(agreed, table, cutoff), as_of=cutoff)


def _say(context: Context, as_of: datetime, step: str) -> None:
    context.progress.step(f"network at {iso(as_of)}: {step}")


def _sliced(rows: DataFrame, table: Table, as_of: datetime) -> DataFrame:
    return rows.withColumn(AS_OF, F.lit(as_of)).select(*table.columns)
