"""`maintain`: lays out and clears the files of every stored table, forgets old runs of `ops.runs`, and deletes what killed runs left
among the models; no other row changes."""

from __future__ import annotations

import fnmatch
import logging
import shutil
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from pyspark.sql import functions as F

from social_signals.core.errors import ConfigError, all_together, did_you_mean
from social_signals.core.lanes import at_once
from social_signals.core.times import iso
from social_signals.jobs import ledger
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.models.artefact import ModelStore
from social_signals.tables.ops import BATCHES
from social_signals.tables.silver import SILVER
from social_signals.tables.table import Table
from social_signals.tables.upkeep import LEAST_RETENTION_DAYS, unopened

log = logging.getLogger(__name__)

# No run saves a model for a day: what is older is of one that was killed.
LEFT_BEHIND = timedelta(days=1)
# Contracts that say how their rows should lie; of all others the name is enough.
_CLUSTERED = {table.name: table for table in SILVER if table.cluster_by}


@dataclass
class MaintainParams:
    """tables: names or patterns (`gold.*`) of those to look after; none means all. optimize: pack small files, and lay rows near each
    other where the contract says by what. vacuum: delete files that no version of the last `vacuum_retention_days` refers to; less
    than 7 days only with `short_retention`, since whoever still reads an older version loses it.

    runs_days: runs older than so many days are deleted from `ops.runs`, but each job's newest finished one; null keeps all.
    batches_days: the same for `ops.batches`, by which ingest knows what it has merged; null, the default, keeps all. Safe only
    for a source that no longer holds what it held then: what it still holds would be merged again, over newer content.
    """

    tables: list[str] = field(default_factory=list)
    optimize: bool = True
    vacuum: bool = True
    vacuum_retention_days: float = LEAST_RETENTION_DAYS
    short_retention: bool = False
    runs_days: int | None = 365
    batches_days: int | None = None

    def __post_init__(self) -> None:
        if self.vacuum_retention_days < 0:
            raise ConfigError(
                f"maintain.vacuum_retention_days is {self.vacuum_retention_days}",
                hint="give a number of days, 7 or more",
            )
        if self.vacuum_retention_days < LEAST_RETENTION_DAYS and not self.short_retention:
            raise ConfigError(
                f"maintain.vacuum_retention_days is {self.vacuum_retention_days:g}, and files younger than 7 days may still be read: "
                f"by a job that runs now, by change feeds, by whoever looks back",
                hint="keep 7 days or more, or say maintain.short_retention=true when nothing else runs",
            )
        for name in ("runs_days", "batches_days"):
            days = getattr(self, name)
            if days is not None and days < 1:
                raise ConfigError(f"maintain.{name} is {days}", hint="give 1 or more, or null to keep all")


@dataclass
class MaintainJob(Job):
    """as_of is not looked at: tables are looked after as they are now."""

    maintain: MaintainParams = field(default_factory=MaintainParams)


SCHEMA = MaintainJob


def run(job: MaintainJob, context: Context) -> Outcome:
    """Every table by itself: one that fails does not keep the others from being done, and ends the job with its error."""
    asked = job.maintain
    tables = [_CLUSTERED.get(name, unopened(name)) for name in _chosen(context.catalog.stored(), asked.tables)]
    with context.catalog.clearing(asked.vacuum_retention_days):
        if job.dry_run:
            return Outcome(status="dry_run", plan=_plan(asked, context, tables))
        forgotten = _forget(asked, context) | {"swept": _sweep(context)}
        done = at_once(context.spark, [partial(_looked_after, table, asked, context) for table in tables])
    failed = {table.name: found for table, found in zip(tables, done, strict=True) if isinstance(found, Exception)}
    if failed:
        problem = f"{len(failed)} of {len(tables)} tables could not be looked after ({', '.join(failed)})"
        raise all_together(problem, list(failed.values()), hint="the others are done; start the job again for these")
    metrics = {table.name: found for table, found in zip(tables, done, strict=True)}
    return Outcome(metrics={"maintain": {"tables": metrics, **forgotten}})


def _chosen(stored: list[str], patterns: list[str]) -> list[str]:
    unknown = [pattern for pattern in patterns if not fnmatch.filter(stored, pattern)]
    if unknown:
        raise ConfigError(f"no stored table is called {unknown[0]}", hint=did_you_mean(unknown[0], stored))
    return [name for name in stored if not patterns or any(fnmatch.fnmatchcase(name, p) for p in patterns)]


def _looked_after(table: Table, asked: MaintainParams, context: Context) -> dict[str, Any] | Exception:
    """Files and bytes of the newest version before and after, and what was deleted; or why it could not be done."""
    catalog = context.catalog
    context.progress.step(f"looking after {table.name}")
    try:
        before = catalog.files(table)
        if asked.optimize:
            catalog.optimize(table)
        cleared = catalog.clear(table, retention_days=asked.vacuum_retention_days) if asked.vacuum else None
        after = catalog.files(table)
    except Exception as error:
        log.error("%s could not be looked after: %s", table.name, ledger.words_of(error))
        return error
    log.info(
        "%s: %d files of %d bytes, %d of %d before; %d deleted", table.name, after.count, after.bytes, before.count, before.bytes,
        cleared.files if cleared else 0,
    )  # fmt: skip
    return {
        "files_before": before.count, "files_after": after.count, "bytes_before": before.bytes, "bytes_after": after.bytes,
        "deleted_files": cleared.files if cleared else 0, "deleted_bytes": cleared.bytes if cleared else 0,
    }  # fmt: skip


def _forget(asked: MaintainParams, context: Context) -> dict[str, int]:
    """Old rows of the ledgers, before their files are laid out."""
    forgotten = {"forgotten_runs": 0, "forgotten_batches": 0}
    if asked.runs_days is not None:
        forgotten["forgotten_runs"] = ledger.forget(context, before=context.now - timedelta(days=asked.runs_days))
    catalog = context.catalog
    if asked.batches_days is not None and catalog.exists(BATCHES):
        old = F.col("merged_ts") < F.lit(context.now - timedelta(days=asked.batches_days))
        count = catalog.read(BATCHES).where(old).count()
        if count:
            catalog.delete(BATCHES, old)
        forgotten["forgotten_batches"] = count
    return forgotten


def _sweep(context: Context) -> int:
    """Deletes what killed runs left among the models; how many."""
    left = _left_behind(context)
    for path in left:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        log.info("%s was left by a run that was killed, and is deleted", path)
    return len(left)


def _left_behind(context: Context) -> list[Path]:
    return ModelStore(context.catalog.file("models")).leftovers(before=context.now - LEFT_BEHIND)


def _plan(asked: MaintainParams, context: Context, tables: list[Table]) -> list[str]:
    catalog = context.catalog

    def sentence(table: Table) -> str:
        files = catalog.files(table)
        found = catalog.to_clear(table, retention_days=asked.vacuum_retention_days).files if asked.vacuum else 0
        by = f", clustered by {', '.join(table.cluster_by)}" if table.cluster_by and asked.optimize else ""
        return f"maintain: {table.name}, {files.count} files of {files.bytes} bytes{by}; {found} older files to delete"

    days = {"ops.runs": asked.runs_days, "ops.batches": asked.batches_days}
    old = [
        f"maintain: forget rows of {name} from before {iso(context.now - timedelta(days=n))}"
        for name, n in days.items()
        if n is not None
    ]
    left = [f"maintain: delete {path}, left by a run that was killed" for path in _left_behind(context)]
    return [*at_once(context.spark, [partial(sentence, table) for table in tables]), *old, *left]
