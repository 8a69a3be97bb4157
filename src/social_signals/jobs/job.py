"""What every job has: the common settings, the context it runs in, and the outcome that becomes the last line."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pyspark.sql import SparkSession

from social_signals.core.errors import ConfigError
from social_signals.core.logs import FORMATS
from social_signals.core.progress import Progress
from social_signals.core.session import PlatformParams
from social_signals.core.times import parse_instant
from social_signals.tables.catalog import Catalog
from social_signals.tables.store import CatalogParams


@dataclass
class Job:
    """Settings that every job takes.

    as_of: the cut-off, ISO date, UTC; null lets the job choose from the data. now: the clock of this run, for replays;
    null is the wall clock. dry_run: check everything, print the plan, write nothing.
    """

    as_of: str | None = None
    now: str | None = None
    seed: int = 20140121
    dry_run: bool = False
    log_format: str = "text"
    platform: PlatformParams = field(default_factory=PlatformParams)
    catalog: CatalogParams = field(default_factory=CatalogParams)

    def __post_init__(self) -> None:
        if self.log_format not in FORMATS:
            raise ConfigError(f"log_format is {self.log_format!r}", hint=f"choose one of {', '.join(FORMATS)}")
        for name, text in (("as_of", self.as_of), ("now", self.now)):
            if text is not None:
                parse_instant(text, name=name)

    @property
    def as_of_instant(self) -> datetime | None:
        return None if self.as_of is None else parse_instant(self.as_of)


@dataclass(frozen=True)
class Context:
    """What a job may use: the session, the catalog, its identity and its clock.

    advice: what is worth changing about how it ran, gathered over the stages of a run.
    """

    spark: SparkSession
    catalog: Catalog
    run_id: str
    now: datetime
    progress: Progress
    advice: list[str] = field(default_factory=list)

    @property
    def staging(self) -> str | None:
        """Where executors on other machines read text models, which lie on the driver's disk: under the root, as the tables do.

        None where all of Spark is on this machine.
        """
        if str(self.spark.sparkContext.master).startswith("local"):
            return None
        return f"{self.catalog.params.root.rstrip('/')}/models/text"


@dataclass
class Outcome:
    """What a job reports: nested metrics, the cut-off it worked at, the device a model ran on, and what else is to say.

    `plan` is what a dry run would do, one sentence a line. is_recorded: False where everything was up to date, so that not even
    the ledger is written. note: what the commit of the ledger's row says beside it.
    """

    metrics: dict[str, Any] = field(default_factory=dict)
    as_of: datetime | None = None
    device: str | None = None
    plan: list[str] = field(default_factory=list)
    status: str = "done"
    is_recorded: bool = True
    note: str = ""
