"""What a pipeline found done when it ended: said in the commit that adds its row to the ledger, and read back from Delta's log alone.

A query of `ops.runs`, one of `ops.batches` and one for the newest act are the first three that a process plans, compiles and runs:
most of a run that has nothing to do. This says the same of the newest run with the same settings, in milliseconds (ADR 0031).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from social_signals.core.code import code_version
from social_signals.core.errors import ConfigError
from social_signals.core.times import parse_instant
from social_signals.features import NewestAct
from social_signals.jobs.job import Context
from social_signals.jobs.stages import Told
from social_signals.tables.ops import RUNS

# Commits of the ledger that are looked at: a pipeline makes one for each stage, and other jobs come between.
_LOOKED_BACK = 30
_KEY = "pipeline_done"
_TOLD = ("run_id", "seen", "files", "metrics")


@dataclass(frozen=True)
class Done:
    """What held when a pipeline ended well.

    stages: config hash of a stage -> columns `run_id`, `seen`, `files`, `metrics` of the ledger's row of its last run.
    newest_act: ISO instant of the newest act, None where a later clock might find another one, or nobody asked.
    """

    config_hash: str
    stages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    newest_act: str | None = None
    code_version: str = field(default_factory=code_version)

    @classmethod
    def now(cls, config_hash: str, finished: Mapping[str, Told], *, newest_act: NewestAct | None) -> Done:
        """What holds at the end of a pipeline whose stages are `finished`: up to date, or run."""
        stages = {of_stage: {name: run[name] for name in _TOLD} for of_stage, run in finished.items()}
        settled = newest_act if newest_act is not None and newest_act.is_last else None
        return cls(config_hash, stages, settled.instant.isoformat() if settled else None)

    def note(self) -> str:
        """As the commit says it."""
        return json.dumps({_KEY: asdict(self)}, sort_keys=True)

    def newest_act_at(self, now: datetime) -> NewestAct | None:
        """The newest act before now, if it is known to be; who asks has seen that the tables of acts are as they were."""
        instant = None if self.newest_act is None else parse_instant(self.newest_act)
        return None if instant is None or instant >= now else NewestAct(instant, is_last=True)


def last_done(context: Context, *, config_hash: str) -> Done | None:
    """What the newest finished pipeline with these settings and this code has said; None where the newest commits tell of none."""
    for note in context.catalog.notes(RUNS, newest=_LOOKED_BACK):
        done = _read(note)
        if done is not None and (done.config_hash, done.code_version) == (config_hash, code_version()):
            return done
    return None


def _read(note: str) -> Done | None:
    # Whoever may write the ledger may say anything there; what is no note of ours tells nothing.
    try:
        done = Done(**json.loads(note)[_KEY])
        is_ours = all(_is_a_run(run) for run in done.stages.values())
        if done.newest_act is not None:
            parse_instant(done.newest_act)
    except (ValueError, KeyError, TypeError, AttributeError, ConfigError):
        return None
    return done if is_ours else None


def _is_a_run(told: Mapping[str, Any]) -> bool:
    """Whether this has the columns of the ledger that a comparison goes by, each of its kind."""
    run_id, seen, files, metrics = (told[name] for name in _TOLD)
    has_text = isinstance(run_id, str) and isinstance(metrics, str | None)
    return has_text and isinstance(seen, dict) and isinstance(files, dict)
