"""`backfill`: runs another job at every cut-off of a range; reads `ops.runs`, writes what that job writes."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from social_signals.core.errors import ConfigError, all_together, did_you_mean
from social_signals.core.lanes import at_once
from social_signals.core.session import beside
from social_signals.core.steps import stage
from social_signals.core.times import iso, parse_instant, stepped
from social_signals.jobs import assess_creators, build_features, ledger, training
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.jobs.runner import Run, composed
from social_signals.models.params import CONTRACT
from social_signals.tables.catalog import Catalog
from social_signals.tables.upkeep import unopened

log = logging.getLogger(__name__)

# These measure many cut-offs in one pass over silver.
IN_ONE_PASS: dict[str, Callable[..., None]] = {
    "build_features": lambda job, context, as_of: build_features.build(
        context, as_of=as_of, features=job.features, consent=job.consent
    ),
    "assess_creators": lambda job, context, as_of: assess_creators.build(
        context, as_of=as_of, creators=job.creators, consent=job.consent
    ),
}
# These write a slice that no other cut-off looks at, with a model that is there.
SIDE_BY_SIDE = ("score_churn", "score_follower_churn", "score_time_to_churn")
# These look at the slice before, take what memory or slots there are, or put a model in charge: the oldest cut-off first.
ONE_BY_ONE = (
    "find_topics", "build_network", "score_influence", "shortlist_creators",
    "train_churn", "train_text_churn", "train_influence", "train_follower_churn", "train_time_to_churn",
)  # fmt: skip
JOBS_OF_A_CUTOFF = (*IN_ONE_PASS, *SIDE_BY_SIDE, *ONE_BY_ONE)

# What the backfill itself says.
_OURS = (
    "as_of",
    "now",
    "seed",
    "dry_run",
    "log_format",
    "platform",
    "catalog",
    "scoring.backfill_from",
    "scoring.backfill_to",
)


@dataclass
class BackfillParams:
    """job: which one, of those that work at a cut-off. first, last: ISO dates, UTC; every `step_days`-th cut-off from the first
    to the last, both included. settings: of that job, as on its command line: '["model=quick", "churn.horizon_days=14"]'.

    What `ops.runs` knows as done with the same settings by the same version of the code is not run again, unless `again`.
    at_a_time: most cut-offs in one pass, for the jobs that measure many in one.
    """

    job: str = ""
    first: str = ""
    last: str = ""
    step_days: int = 30
    settings: list[str] = field(default_factory=list)
    again: bool = False
    at_a_time: int = 24

    def __post_init__(self) -> None:
        for name in ("step_days", "at_a_time"):
            if getattr(self, name) < 1:
                raise ConfigError(f"backfill.{name} is {getattr(self, name)}", hint="give 1 or more")
        for text in self.settings:
            key = text.partition("=")[0].lstrip("+~")
            if key in _OURS or key.startswith(("platform.", "catalog.")):
                raise ConfigError(
                    f"backfill.settings names {key}, which the backfill says for every cut-off",
                    hint=f"give {key} to the backfill itself" if "as_of" not in key and "backfill_" not in key
                    else "give the range as backfill.first and backfill.last",
                )  # fmt: skip

    @property
    def cutoffs(self) -> list[datetime]:
        """Oldest first."""
        first = parse_instant(self.first, name="backfill.first")
        return stepped(first, parse_instant(self.last, name="backfill.last"), days=self.step_days)


@dataclass
class BackfillJob(Job):
    """now, seed, platform and catalog are handed to the job; as_of is the range's to say."""

    backfill: BackfillParams = field(default_factory=BackfillParams)

    def __post_init__(self) -> None:
        super().__post_init__()
        asked = self.backfill
        if asked.job not in JOBS_OF_A_CUTOFF:
            raise ConfigError(
                f"backfill.job is {asked.job!r}, which is no job of a cut-off",
                hint=did_you_mean(asked.job, list(JOBS_OF_A_CUTOFF)),
            )
        if self.as_of is not None:
            raise ConfigError(
                f"as_of={self.as_of} names one cut-off, and a backfill has many",
                hint="give the range as backfill.first and backfill.last",
            )
        for name in ("first", "last"):
            if not getattr(asked, name):
                raise ConfigError(f"backfill.{name} is empty", hint=f"give a date: backfill.{name}=2020-03-01")
        if not asked.cutoffs:
            raise ConfigError(
                f"backfill.first={asked.first} lies after backfill.last={asked.last}",
                hint="give the earlier date first",
            )
        # What is off in the settings of the job is said now, not when Spark has started.
        all_jobs(self)


SCHEMA = BackfillJob


@dataclass(frozen=True)
class Work:
    """The job at each cut-off that is still to do, oldest first, and its `run`."""

    name: str
    run: Run
    jobs: dict[datetime, Job]


@dataclass(frozen=True)
class Result:
    """How one cut-off went; error: what ended it."""

    as_of: datetime
    catalog: Catalog
    error: Exception | None = None


def run(job: BackfillJob, context: Context) -> Outcome:
    """What is not done yet. A cut-off that fails does not keep the others from being done, and ends the job with its error."""
    asked = job.backfill
    every = all_jobs(job)
    done = set() if asked.again else _done(context, asked.job, every)
    work = Work(asked.job, composed(asked.job, asked.settings)[1], {c: j for c, j in every.items() if c not in done})
    log.info("%s at %d cut-offs, %d of them done before", work.name, len(every), len(done))
    if job.dry_run:
        return _plan(work, context, every, done)
    results = worked(work, context, at_a_time=asked.at_a_time)
    # Side by side, the last cut-off is not always the last to write.
    for result in sorted(results, key=_last_version):
        context.catalog.absorb(result.catalog)
    failed = {r.as_of: r.error for r in results if r.error is not None}
    if failed:
        raise all_together(
            f"{len(failed)} of {len(every)} cut-offs of {work.name} failed ({', '.join(map(iso, failed))})",
            list(failed.values()),
            hint="start the backfill again, which runs only what is not done",
        )
    metrics = {"job": work.name, "cutoffs": len(every), "done_before": len(done), "run": len(results)}
    return Outcome(metrics={"backfill": metrics}, as_of=max(every), device=job.platform.device)


def _last_version(result: Result) -> int:
    return max((written.version for written in result.catalog.written.values()), default=-1)


def all_jobs(job: BackfillJob) -> dict[datetime, Job]:
    """The job at every cut-off of the range, as its own command line would compose it. Raises ConfigError before anything is run."""
    asked = job.backfill
    first, *others = asked.cutoffs
    composed_once, _ = composed(asked.job, [*asked.settings, f"as_of={iso(first)}"])
    shared: dict[str, Any] = {
        "now": job.now,
        "seed": job.seed,
        "log_format": job.log_format,
        "platform": job.platform,
        "catalog": job.catalog,
    }
    return {c: dataclasses.replace(composed_once, as_of=iso(c), **shared) for c in (first, *others)}


def _done(context: Context, name: str, jobs: dict[datetime, Job]) -> set[datetime]:
    """The cut-offs that the ledger knows as done and whose tables are still there; a word where those they were made from moved on."""
    hashes = {as_of: ledger.config_hash_of(job) for as_of, job in jobs.items()}
    known = ledger.finished(context, jobs=[name], config_hashes=list(hashes.values()))
    finished = {as_of: known[h][0] for as_of, h in hashes.items() if h in known}
    named = {t for row in finished.values() for t in (*(row["input_versions"] or {}), *(row["output_versions"] or {}))}
    origins = {table: context.catalog.origin(unopened(table)) for table in sorted(named)}

    def is_there(table: str, version: int) -> bool:
        origin = origins[table]
        return origin is not None and (origin.newest or 0) >= version

    def has_moved(table: str, version: int) -> bool:
        origin = origins[table]
        # The job's own tables move with every cut-off.
        return origin is None or (origin.version > version and table.partition(".")[0] == "silver")

    done = {c for c, row in finished.items() if all(is_there(t, v) for t, v in (row["output_versions"] or {}).items())}
    moved = [c for c in sorted(done) if any(has_moved(t, v) for t, v in (finished[c]["input_versions"] or {}).items())]
    if moved:
        log.warning(
            "%d of %d cut-offs that are done were made before silver changed (%s to %s): backfill.again=true makes them anew",
            len(moved), len(done), iso(moved[0]), iso(moved[-1]),
        )  # fmt: skip
    return done


def worked(work: Work, context: Context, *, at_a_time: int) -> list[Result]:
    """How each cut-off went, whatever became of the others."""
    cutoffs = sorted(work.jobs)
    if work.name in IN_ONE_PASS:
        passes = [cutoffs[start : start + at_a_time] for start in range(0, len(cutoffs), at_a_time)]
        return [result for some in passes for result in _in_one_pass(work, context, some)]
    if work.name not in SIDE_BY_SIDE:
        return [_one(work, context, as_of) for as_of in cutoffs]
    _build_features_first(work, context, at_a_time=at_a_time)
    # The first alone: it makes the tables that the others then only write to.
    alone = [_one(work, context, as_of) for as_of in cutoffs[:1]]
    return [*alone, *at_once(context.spark, [partial(_aside, work, context, as_of) for as_of in cutoffs[1:]])]


def _aside(work: Work, context: Context, as_of: datetime) -> Result:
    return _one(work, dataclasses.replace(context, spark=beside(context.spark)), as_of)


def _one(work: Work, context: Context, as_of: datetime) -> Result:
    """One cut-off, with an identity, a catalog and a ledger row of its own, as if its own command line had run it."""
    own = _context_of(work, context, iso(as_of))
    started = time.monotonic()
    try:
        with stage(own.spark, f"{work.name} at {iso(as_of)}", run_id=own.run_id):
            outcome = work.run(work.jobs[as_of], own)
            ledger.record(own, _entry(work, own, as_of, outcome, started=started))
    except Exception as error:
        return _failed(work, own, as_of, error, started=started)
    log.info("%s at %s done in %.1f s", work.name, iso(as_of), time.monotonic() - started)
    return Result(as_of, own.catalog)


def _in_one_pass(work: Work, context: Context, cutoffs: Sequence[datetime]) -> list[Result]:
    """All cut-offs at once; where that fails each by itself, so that one of them does not keep the others from being done."""
    own = _context_of(
        work, context, f"{iso(cutoffs[0])}-and-{len(cutoffs) - 1}-more" if cutoffs[1:] else iso(cutoffs[0])
    )
    started = time.monotonic()
    name = f"{work.name} at {len(cutoffs)} cut-offs from {iso(cutoffs[0])}"
    try:
        with stage(own.spark, name, run_id=own.run_id):
            IN_ONE_PASS[work.name](work.jobs[cutoffs[0]], own, cutoffs)
    except Exception as error:
        if len(cutoffs) == 1:
            return [_failed(work, own, cutoffs[0], error, started=started)]
        log.warning("%d cut-offs in one pass failed (%s), each by itself now", len(cutoffs), ledger.words_of(error))
        return [result for as_of in cutoffs for result in _in_one_pass(work, context, [as_of])]
    # The ledger tells cut-offs apart; what the pass took is shared out evenly.
    entries = [_entry(work, own, c, Outcome(as_of=c), started=started, share=len(cutoffs)) for c in cutoffs]
    named = [
        dataclasses.replace(entry, run_id=f"{context.run_id}.{work.name}-{iso(c)}")
        for c, entry in zip(cutoffs, entries, strict=True)
    ]
    ledger.record(own, *named)
    # What was written is told once, not once a cut-off.
    empty = Catalog(own.spark, work.jobs[cutoffs[0]].catalog, run_id=own.run_id)
    return [Result(as_of, own.catalog if as_of == cutoffs[0] else empty) for as_of in cutoffs]


def _build_features_first(work: Work, context: Context, *, at_a_time: int) -> None:
    """The slices of features that are missing, many in one pass; every scoring would build its own otherwise."""
    needed = [as_of for as_of, job in work.jobs.items() if _reads_features(job)]
    for start in range(0, len(needed), at_a_time):
        some = sorted(needed)[start : start + at_a_time]
        job: Any = work.jobs[some[0]]
        own = _context_of(work, context, "features")
        try:
            training.slices(own, as_of=some, features=job.features, consent=job.consent)
        except Exception as error:
            log.warning(
                "features could not be built in one pass (%s): each cut-off builds its own", ledger.words_of(error)
            )


def _reads_features(job: Any) -> bool:
    churn = getattr(job, "churn", None)
    return getattr(churn, "definition", None) != CONTRACT


def _context_of(work: Work, context: Context, what: str) -> Context:
    run_id = f"{context.run_id}.{work.name}-{what}"
    catalog = Catalog(context.spark, context.catalog.params, run_id=run_id)
    return dataclasses.replace(context, run_id=run_id, catalog=catalog)


def _entry(
    work: Work,
    own: Context,
    as_of: datetime,
    outcome: Outcome,
    *,
    started: float,
    share: int = 1,
    error: str | None = None,
) -> ledger.Entry:
    seconds = round((time.monotonic() - started) / share, 3)
    config_hash = ledger.config_hash_of(work.jobs[as_of])
    return ledger.Entry(own.run_id, work.name, config_hash, own.now, seconds, outcome, error)


def _failed(work: Work, own: Context, as_of: datetime, error: Exception, *, started: float) -> Result:
    log.error("%s at %s failed: %s", work.name, iso(as_of), ledger.words_of(error))
    outcome = Outcome(status="failed", as_of=as_of)
    ledger.record_failure(own, _entry(work, own, as_of, outcome, started=started, error=ledger.words_of(error)))
    return Result(as_of, own.catalog, error)


def _plan(work: Work, context: Context, every: dict[datetime, Job], done: set[datetime]) -> Outcome:
    how = "in one pass" if work.name in IN_ONE_PASS else "side by side" if work.name in SIDE_BY_SIDE else "one by one"
    head = f"backfill: {work.name} at {len(work.jobs)} of {len(every)} cut-offs, {how}; {len(done)} are done"
    lines = [f"backfill: {iso(c)} {'is done' if c in done else 'would run'}" for c in every]
    checked: list[str] = []
    if work.jobs:
        # The job's own check of what it needs; the other cut-offs ask for the same.
        as_of = min(work.jobs)
        checked = work.run(
            dataclasses.replace(work.jobs[as_of], dry_run=True), _context_of(work, context, iso(as_of))
        ).plan
    return Outcome(status="dry_run", as_of=max(every), plan=[head, *lines, *checked])
