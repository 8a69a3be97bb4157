"""What has changed since slices of `gold.user_features` were built, and whether building only that again pays."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.features import USER_FEATURES
from social_signals.features.cutoffs import instant_of, micros
from social_signals.features.provenance import Inputs, Provenance, provenance_of
from social_signals.features.touched import FROM_US, WATCHED, touched_people
from social_signals.tables.catalog import Catalog
from social_signals.tables.commits import Origin
from social_signals.tables.gold import AS_OF
from social_signals.tables.gold_texts import POST_ENTITIES, POST_SENTIMENT
from social_signals.tables.silver import CONSENTS, INTERACTIONS, POSTS, USER_ID, USER_SNAPSHOTS, USERS
from social_signals.tables.table import Table

log = logging.getLogger(__name__)

REQUIRED = (INTERACTIONS, POSTS)
OPTIONAL = (USERS, USER_SNAPSHOTS, CONSENTS, POST_SENTIMENT, POST_ENTITIES)
# Above this share of a slice's people everybody is measured; at 0.21 of them a renewal took 0.55 of a full build (ADR 0014).
MOST_TOUCHED_RATIO = 0.35
# As many ids are sent to every task; more are joined by a shuffle.
MOST_SENT = 2_000_000


@dataclass(frozen=True)
class Sources:
    """The tables that features are made from, all read at one known version."""

    frames: dict[str, DataFrame]
    origins: Inputs

    def __getitem__(self, table: Table) -> DataFrame:
        return self.frames[table.name]

    @classmethod
    def of(cls, catalog: Catalog) -> Sources:
        frames, origins = {}, {}
        for table in (*REQUIRED, *OPTIONAL):
            origin = catalog.origin(table)
            origins[table.name] = origin
            if origin is None and table in OPTIONAL:
                frames[table.name] = catalog.read_or_empty(table)
            else:
                frames[table.name] = catalog.read(table, version=origin.newest if origin else None)
        return cls(frames, origins)


@dataclass(frozen=True)
class Change:
    """Slices made from the same tables of which some people changed: who, and the rows of all others as they are stored."""

    as_of: list[datetime]
    people: DataFrame
    kept: DataFrame


def since_built(
    catalog: Catalog, sources: Sources, *, as_of: Sequence[datetime], made: Provenance
) -> tuple[list[datetime], list[Change]]:
    """The slices to be built in full, and those of which only some people changed; slices that nothing changed are in neither.

    made: what they would be made from now. Every way that is not certain to give the same rows ends in a full build.
    """
    commits = catalog.commits(USER_FEATURES)
    whole: list[datetime] = []
    by_base: dict[tuple[tuple[str, Origin | None], ...], list[datetime]] = {}
    for cutoff in as_of:
        base = provenance_of(cutoff, commits)
        if base is None or base.recipe != made.recipe or set(base.inputs) != set(made.inputs):
            whole.append(cutoff)
        else:
            by_base.setdefault(tuple(sorted(base.inputs.items())), []).append(cutoff)
    changes = []
    for inputs, slices in by_base.items():
        stored = catalog.read(USER_FEATURES, version=int(commits[0]["version"]))
        more, change = _changed(catalog, sources, dict(inputs), stored=stored, slices=slices)
        whole += more
        changes += [change] if change else []
    if stale := [cutoff for cutoff in whole if commits]:
        log.info("%d slices of %s are built in full", len(stale), USER_FEATURES.name)
    return sorted(whole), changes


def _changed(
    catalog: Catalog, sources: Sources, base: Inputs, *, stored: DataFrame, slices: list[datetime]
) -> tuple[list[datetime], Change | None]:
    rows = _changed_rows(catalog, base, sources.origins)
    if rows is None:
        return slices, None
    if not rows:
        log.info("%d slices of %s are up to date", len(slices), USER_FEATURES.name)
        return [], None
    # Looked at three times: to count, to measure, to leave out.
    touched = touched_people(rows, interactions=sources[INTERACTIONS], posts=sources[POSTS]).localCheckpoint()
    touched_counts = _touched_counts(touched, slices)
    moved = [cutoff for cutoff in slices if touched_counts[cutoff]]
    in_slices = stored.where(F.col(AS_OF).isin(moved))
    people_count = in_slices.count() if moved else 0
    share = sum(touched_counts[cutoff] for cutoff in moved) / max(people_count, 1)
    log.info(
        "%d of %d slices of %s have changed, by %.1f %% of their people",
        len(moved), len(slices), USER_FEATURES.name, 100 * share,
    )  # fmt: skip
    if not moved:
        return [], None
    if share > MOST_TOUCHED_RATIO:
        log.info("above %.0f %% measuring everybody is as fast", 100 * MOST_TOUCHED_RATIO)
        return moved, None
    people = touched.where(F.col(FROM_US) < micros(max(moved))).select(USER_ID)
    if max(touched_counts.values()) <= MOST_SENT:
        people = F.broadcast(people)
    return [], Change(moved, people, in_slices.join(people, on=USER_ID, how="left_anti").select(*USER_FEATURES.columns))


def _changed_rows(catalog: Catalog, base: Inputs, now: Inputs) -> dict[str, DataFrame] | None:
    """By table, what changed in it; None where that cannot be told."""
    changed = {}
    for table in (*REQUIRED, *OPTIONAL):
        was, is_now = base[table.name], now[table.name]
        if was == is_now:
            continue
        if is_now is None or (was is not None and (was.table_id != is_now.table_id or was.version > is_now.version)):
            log.info("%s is another table than the one that features were built from", table.name)
            return None
        rows = catalog.changed_rows(table, WATCHED[table.name], since=was.version if was else -1, until=is_now.version)
        if rows is None:
            return None
        changed[table.name] = rows
    return changed


def _touched_counts(touched: DataFrame, slices: Sequence[datetime]) -> dict[datetime, int]:
    instants = [micros(cutoff) for cutoff in slices]
    counts = [F.count(F.when(F.col(FROM_US) < us, F.lit(1))).alias(str(us)) for us in instants]
    row = touched.agg(*counts).first()
    return {instant_of(us): int(row[str(us)]) if row else 0 for us in instants}
