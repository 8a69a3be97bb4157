"""The stages of a pipeline: those that are up to date are left out, the others run, each with its row in the ledger."""

from __future__ import annotations

import dataclasses
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pyspark.sql import Row

from social_signals.core import steps
from social_signals.core.errors import ConfigError, did_you_mean
from social_signals.jobs import ledger, watched
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.tables.catalog import Catalog

log = logging.getLogger(__name__)

ALL = "all"
# Versions of tables only grow, so the newest run that matches is the last one; runs of a clock that was set back come after older ones.
_LOOKED_BACK = 10
Files = Callable[[Context], dict[str, str]]
# A run as the ledger tells it: `run_id`, `seen`, `files` and `metrics` at least.
Told = Row | Mapping[str, Any]


def _no_files(_: Context) -> dict[str, str]:
    return {}


@dataclass(frozen=True)
class Stage:
    """A job as a part of a pipeline.

    settings: what decides its result beside the tables and the code, as JSON can say it. files: what it goes by or leaves that
    is no table (a champion, a page) -> what that is now. asks: it finds out by itself whether there is anything to do, since what
    it reads is no table of ours; such a stage always runs, and is recorded where it has written. Its files are what it reads, as
    that was before it ran: what comes meanwhile is for the next run.
    """

    name: str
    run: Callable[[Context], Outcome]
    settings: Mapping[str, Any] = field(default_factory=dict)
    files: Files = _no_files
    asks: bool = False

    @property
    def config_hash(self) -> str:
        return ledger.hash_of({"stage": self.name, **self.settings})


def settings_of(job: Job, *, as_of: datetime | None = None) -> dict[str, Any]:
    """The settings of a job that decide its result; where it runs and how it logs do not. as_of: the cut-off that was chosen."""
    return {"config": ledger.config_hash_of(job), "as_of": as_of.isoformat() if as_of else None}


def require_stages(forced: Sequence[str], known: Sequence[str]) -> None:
    """Raise ConfigError where `force` names no stage."""
    for name in forced:
        if name != ALL and name not in known:
            raise ConfigError(f"force names {name!r}, which is no stage", hint=did_you_mean(name, [*known, ALL]))


class Stages:
    """Runs stages one after another: progress, a ledger row each, and their metrics and tables gathered for the last line.

    A stage is up to date where the ledger has a finished run with the same settings and code, every table that run went by or
    left holds the same rows (whether they were laid out anew since or not), tables that were not there still are not, and the
    same holds of its models and pages. It is left out, its metrics are told again, and nothing is written. force: stages that
    run in any case, or `all`. known: config hash -> a finished run with these settings, where that is known without the ledger.
    finished: as `known`, of the stages of this run.
    """

    def __init__(
        self, context: Context, *, job: Job, force: Sequence[str] = (), known: Mapping[str, Told] | None = None
    ) -> None:
        self.context = context
        self.job = job
        self.force = force
        self.metrics: dict[str, Any] = {"stages": {}}
        self.up_to_date: list[str] = []
        self.is_changed = False
        self.finished: dict[str, Told] = {}
        self._known: dict[str, Sequence[Told]] = {config_hash: [run] for config_hash, run in (known or {}).items()}

    def look_up(self, stages: Sequence[Stage]) -> None:
        """Ask the ledger what it knows of these stages, all in one query; there is none where all are known to be up to date."""
        hashes = {stage.config_hash: stage.name for stage in stages if not self.holds(stage)}
        if hashes:
            self._known |= ledger.finished(self.context, jobs=list(hashes.values()), config_hashes=list(hashes))

    def holds(self, stage: Stage) -> bool:
        """Whether all that a finished run of the stage went by and left is known to be as it was, so far as anybody was asked."""
        return self._known_run(stage)[0] is not None

    def why_to_run(self, stage: Stage) -> str | None:
        """Why a stage that was looked up is to run, in words; None where it is up to date."""
        run, why = self._last_run(stage)
        return None if run else why

    def _last_run(self, stage: Stage) -> tuple[Told | None, str]:
        """The run that the stage is up to date since, or None and why it is not."""
        return (None, "its source is asked") if stage.asks else self._known_run(stage)

    def _known_run(self, stage: Stage) -> tuple[Told | None, str]:
        if stage.name in self.force or ALL in self.force:
            return None, "forced"
        whys = []
        for run in self._known.get(stage.config_hash, [])[:_LOOKED_BACK]:
            why = self._changed_since(run, stage)
            if why is None:
                return run, ""
            whys.append(why)
        return None, whys[0] if whys else "not done yet with these settings by this version of the code"

    def _changed_since(self, run: Told, stage: Stage) -> str | None:
        if run["seen"] is None or run["files"] is None:
            return "an older version of the ledger does not tell what it went by"
        files = stage.files(self.context)
        changed = [*self.context.catalog.changed_since(run["seen"])]
        changed += [name for name in sorted({*files, *run["files"]}) if files.get(name) != run["files"].get(name)]
        return f"changed since: {', '.join(changed)}" if changed else None

    def run(self, stage: Stage) -> None:
        """Run one stage, unless it is up to date. One that fails leaves its row in the ledger and ends the pipeline with its error."""
        last, why = self._last_run(stage)
        if last is not None:
            log.info("%s is up to date since run %s", stage.name, last["run_id"])
            self.up_to_date.append(stage.name)
            self.finished[stage.config_hash] = last
            _merge(self.metrics, json.loads(last["metrics"] or "{}"))
            return
        log.info("%s runs: %s", stage.name, why)
        own = self.context_of(stage.name)
        started = time.monotonic()

        def entry(outcome: Outcome, *, files: dict[str, str] | None = None, error: str | None = None) -> ledger.Entry:
            seconds = round(time.monotonic() - started, 3)
            return ledger.Entry(own.run_id, stage.name, stage.config_hash, own.now, seconds, outcome, error, files)

        with steps.stage(own.spark, stage.name, run_id=own.run_id), self.context.progress.stage(stage.name):
            try:
                files = stage.files(own) if stage.asks else {}
                outcome = stage.run(own)
            except Exception as error:
                ledger.record_failure(own, entry(Outcome(status="failed"), error=ledger.words_of(error)))
                raise
            if own.catalog.written or not stage.asks:
                self.is_changed = True
                files = files if stage.asks else stage.files(own)
                told = _told(own, ledger.record(own, entry(outcome, files=files)), files, outcome)
            else:
                # One that trusted what is known has not looked at all of it again.
                told = self._known_run(stage)[0] or _told(own, ledger.seen_by(own), files, outcome)
            self.finished[stage.config_hash] = told
            seconds = time.monotonic() - started
            log.info("%s done in %.1f s", stage.name, seconds, extra=watched.said_of(own.catalog, seconds))
        self.metrics["stages"][stage.name] = round(seconds, 3)
        _merge(self.metrics, outcome.metrics)
        self.context.catalog.absorb(own.catalog)

    def context_of(self, name: str) -> Context:
        """A context with an identity and a catalog of the stage's own, so that its ledger row says what it alone did."""
        run_id = f"{self.context.run_id}.{name}"
        catalog = Catalog(self.context.spark, self.job.catalog, run_id=run_id)
        return dataclasses.replace(self.context, run_id=run_id, catalog=catalog)


def _told(own: Context, seen: Mapping[str, str], files: Mapping[str, str], outcome: Outcome) -> Told:
    """What the ledger tells of a run, or would where it is not recorded."""
    metrics = json.dumps(outcome.metrics, default=str)
    return {"run_id": own.run_id, "seen": dict(seen), "files": dict(files), "metrics": metrics}


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    """Nested metrics of a stage into those of the pipeline; what training said is kept when scoring adds to it."""
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
