"""Runs one job from its command line to its last line: config, session, ledger, exit code."""

from __future__ import annotations

import importlib
import json
import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, cast

from pyspark.sql import SparkSession

from social_signals.core import logs
from social_signals.core.errors import (
    ConfigError,
    ResourceError,
    SocialSignalsError,
    did_you_mean,
    known_error,
    out_of_room,
)
from social_signals.core.progress import Progress
from social_signals.core.session import make_session
from social_signals.core.steps import stage
from social_signals.core.times import iso, parse_instant
from social_signals.jobs import JOBS, ledger, watched
from social_signals.jobs.compose import compose_job, register
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.jobs.schemas import GROUP_SCHEMAS
from social_signals.tables.catalog import Catalog

log = logging.getLogger(__name__)

Run = Callable[[Any, Context], Outcome]


@dataclass
class Summary:
    """The last line of stdout."""

    job: str
    run_id: str | None = None
    status: str = "failed"
    as_of: str | None = None
    tables: dict[str, dict[str, int]] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    device: str | None = None
    error: dict[str, str] | None = None
    advice: list[str] | None = None

    def line(self) -> str:
        shown = {k: v for k, v in vars(self).items() if k not in ("device", "error", "advice") or v is not None}
        return json.dumps(shown, ensure_ascii=False, default=str)


def load(name: str) -> tuple[type[Job], Run]:
    """The dataclass and the `run` of a job."""
    if name not in JOBS:
        raise ConfigError(f"there is no job {name!r}", hint=did_you_mean(name, list(JOBS)))
    module = importlib.import_module(f"social_signals.jobs.{name}")
    return module.SCHEMA, module.run


def composed(name: str, overrides: Sequence[str]) -> tuple[Job, Run]:
    """The job's settings as its dataclass, and its `run`."""
    schema, run = load(name)
    register({name: schema}, group_schemas=GROUP_SCHEMAS)
    return compose_job(name, overrides, schema=schema), run


def run_job(name: str, overrides: Sequence[str]) -> tuple[int, Summary]:
    """Run a job to its end. Never raises: the exit code and the summary say how it went; errors are on stderr."""
    started = time.monotonic()
    summary = Summary(job=name)
    try:
        job, run = composed(name, overrides)
        now = parse_instant(job.now, name="now") if job.now else datetime.now(timezone.utc)
        summary.run_id = ledger.new_run_id(name, now=now)
        logs.configure(log_format=job.log_format, run_id=summary.run_id, as_of=job.as_of, job=name)
        code = _run_in_session(name, job, run, summary, now=now)
    except SocialSignalsError as error:
        code = _fail(summary, error)
    summary.seconds = round(time.monotonic() - started, 3)
    return code, summary


def _run_in_session(name: str, job: Job, run: Run, summary: Summary, *, now: datetime) -> int:
    log.info("%s starts", name)
    started = time.monotonic()
    run_id = cast(str, summary.run_id)
    spark = make_session(job.platform, app_name=name)
    with stage(spark, name, run_id=run_id):
        return _run_in_stage(name, job, run, summary, spark=spark, now=now, started=started)


def _run_in_stage(
    name: str, job: Job, run: Run, summary: Summary, *, spark: SparkSession, now: datetime, started: float
) -> int:
    run_id = cast(str, summary.run_id)
    catalog = Catalog(spark, job.catalog, run_id=run_id)
    context = Context(spark=spark, catalog=catalog, run_id=run_id, now=now, progress=Progress(spark))

    def entry(outcome: Outcome, error: str | None = None) -> ledger.Entry:
        seconds = round(time.monotonic() - started, 3)
        return ledger.Entry(run_id, name, ledger.config_hash_of(job), now, seconds, outcome, error)

    try:
        if not job.dry_run and name != "doctor":
            catalog.require_writable()
        outcome = run(job, context)
        if outcome.status == "done" and outcome.is_recorded and name != "doctor":
            ledger.record(context, entry(outcome), note=outcome.note)
    except KeyboardInterrupt:
        return _fail(
            summary, ResourceError("the run was interrupted", hint="start it again; what is missing is made then")
        )
    except Exception as error:
        if name != "doctor":
            ledger.record_failure(context, entry(Outcome(status="failed"), ledger.words_of(error)))
        summary.tables = tables_of(catalog)
        summary.advice = context.advice or None
        return _fail(summary, known_error(error) or out_of_room(error) or error)
    summary.status = outcome.status
    summary.as_of = iso(outcome.as_of) if outcome.as_of else job.as_of
    summary.metrics = outcome.metrics
    summary.device = outcome.device
    summary.tables = tables_of(catalog)
    summary.advice = context.advice or None
    for sentence in outcome.plan:
        print(sentence, file=sys.stdout)  # noqa: T201  the plan of a dry run is what was asked for
    seconds = time.monotonic() - started
    log.info("%s %s in %.1f s", name, outcome.status, seconds, extra=watched.said_of(catalog, seconds))
    return 0


def tables_of(catalog: Catalog) -> dict[str, dict[str, int]]:
    """Per table written: rows it now holds, rows this run wrote, version."""
    written = dict(sorted(catalog.written.items()))
    rows = catalog.rows_after()
    return {name: {"rows": rows[name], "written": w.rows, "version": w.version} for name, w in written.items()}


def _fail(summary: Summary, error: BaseException) -> int:
    if isinstance(error, SocialSignalsError):
        print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201  for a person, before logging may be set up
        summary.error = {"kind": type(error).__name__, "problem": error.problem, "hint": error.hint}
        return error.exit_code
    log.error("unexpected error", exc_info=error)
    summary.error = {
        "kind": type(error).__name__,
        "problem": str(error).strip().splitlines()[0][:300] if str(error) else "",
    }
    return 1
