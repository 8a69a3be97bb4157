"""`pipeline`: the main job. Every stage is a job of its own, run in one session, each with its row in the ledger."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from omegaconf import MISSING

from social_signals.core.errors import ConfigError
from social_signals.core.times import iso
from social_signals.features import FeatureParams
from social_signals.governance import ConsentParams
from social_signals.ingest import IngestParams
from social_signals.jobs import (
    annotate,
    build_features,
    build_report,
    find_topics,
    ingest,
    ledger,
    score_churn,
    score_influence,
    train_churn,
    train_influence,
    training,
)
from social_signals.jobs.embed_posts import EmbeddingParams
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.models.distributed import require_barrier, require_device
from social_signals.models.params import SILENCE, ChurnParams, InfluenceParams, XGBoostParams
from social_signals.models.search_params import SearchParams
from social_signals.nlp.params import TextParams, TopicParams
from social_signals.reports.params import ReportParams
from social_signals.scoring.params import ScoringParams
from social_signals.tables.catalog import Catalog
from social_signals.tracking import TrackingParams

log = logging.getLogger(__name__)

J = TypeVar("J", bound=Job)


@dataclass
class PipelineJob(Job):
    """The settings of every stage; each stage takes those that it knows.

    as_of null means the first midnight after the newest act that the source holds.
    """

    # One of the kinds of jobs.schemas; which one is the config group's to say.
    source: Any = MISSING
    ingest: IngestParams = field(default_factory=IngestParams)
    consent: ConsentParams = field(default_factory=ConsentParams)
    text: TextParams = field(default_factory=TextParams)
    topics: TopicParams = field(default_factory=TopicParams)
    embeddings: EmbeddingParams = field(default_factory=EmbeddingParams)
    features: FeatureParams = field(default_factory=FeatureParams)
    churn: ChurnParams = field(default_factory=ChurnParams)
    influence: InfluenceParams = field(default_factory=InfluenceParams)
    xgboost: XGBoostParams = field(default_factory=XGBoostParams)
    search: SearchParams = field(default_factory=SearchParams)
    scoring: ScoringParams = field(default_factory=ScoringParams)
    tracking: TrackingParams = field(default_factory=TrackingParams)
    report: ReportParams = field(default_factory=ReportParams)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.churn.definition != SILENCE:
            raise ConfigError(
                f"churn.definition is {self.churn.definition}, and the pipeline scores who will fall silent",
                hint="train it with the job train_churn; the pipeline's own is churn.definition=silence",
            )
        if self.scoring.backfill:
            raise ConfigError(
                "scoring.backfill_from is set, and the pipeline scores one as_of",
                hint="run the jobs score_churn and score_influence for the past",
            )
        if self.influence.pairs is not None:
            raise ConfigError(
                "influence.pairs is set, and a model of labelled pairs cannot score the people of gold.user_features",
                hint="train it with the job train_influence; the pipeline learns influence from outcomes",
            )


SCHEMA = PipelineJob


def run(job: PipelineJob, context: Context) -> Outcome:
    """Ingest, annotate, find topics, build features, train, score, report. A rerun on the same source changes no content."""
    # What a later stage would refuse is refused before the first one has worked.
    require_barrier(context.spark, workers=job.xgboost.num_workers, device=job.platform.device)
    require_device(context.spark, job.platform.device)
    stages = Stages(job, context)
    if job.dry_run:
        return _plan(job, stages)
    stages.run("ingest", lambda c: ingest.run(part(ingest.IngestJob, job), c))
    stages.run("annotate", lambda c: annotate.run(part(annotate.AnnotateJob, job), c))
    as_of = job.as_of_instant or build_features.default_as_of(context, features=job.features)
    log.info("as_of is %s", iso(as_of))
    if job.topics.enabled:
        stages.run("find_topics", lambda c: find_topics.run(part(find_topics.FindTopicsJob, job, as_of=as_of), c))
    cutoffs = _cutoffs(job, context, as_of=as_of)
    stages.run("build_features", lambda c: _build_features(job, c, cutoffs=cutoffs, as_of=as_of))
    stages.run("train_churn", lambda c: train_churn.run(part(train_churn.TrainChurnJob, job, as_of=as_of), c))
    stages.run(
        "train_influence", lambda c: train_influence.run(part(train_influence.TrainInfluenceJob, job, as_of=as_of), c)
    )
    stages.run("score_churn", lambda c: score_churn.run(part(score_churn.ScoreChurnJob, job, as_of=as_of), c))
    stages.run(
        "score_influence", lambda c: score_influence.run(part(score_influence.ScoreInfluenceJob, job, as_of=as_of), c)
    )
    stages.run("build_report", lambda c: build_report.run(part(build_report.BuildReportJob, job, as_of=as_of), c))
    return Outcome(metrics=stages.metrics, as_of=as_of, device=job.platform.device)


class Stages:
    """Runs stages one after another: progress, a ledger row each, and their metrics and tables gathered for the last line."""

    def __init__(self, job: PipelineJob, context: Context) -> None:
        self.job = job
        self.context = context
        self.metrics: dict[str, Any] = {"stages": {}}

    def context_of(self, name: str) -> Context:
        """A context with an identity and a catalog of the stage's own, so that its ledger row says what it alone did."""
        run_id = f"{self.context.run_id}.{name}"
        catalog = Catalog(self.context.spark, self.job.catalog, run_id=run_id)
        return dataclasses.replace(self.context, run_id=run_id, catalog=catalog)

    def run(self, name: str, stage: Callable[[Context], Outcome]) -> None:
        """Run one stage. One that fails leaves its row in the ledger and ends the pipeline with its error."""
        own = self.context_of(name)
        self.context.spark.sparkContext.setJobDescription(name)
        started = time.monotonic()

        def entry(outcome: Outcome, error: str | None = None) -> ledger.Entry:
            seconds = round(time.monotonic() - started, 3)
            return ledger.Entry(own.run_id, name, ledger.config_hash_of(self.job), own.now, seconds, outcome, error)

        with self.context.progress.stage(name):
            try:
                outcome = stage(own)
            except Exception as error:
                ledger.record_failure(own, entry(Outcome(status="failed"), ledger.words_of(error)))
                raise
        ledger.record(own, entry(outcome))
        seconds = time.monotonic() - started
        log.info("%s done in %.1f s", name, seconds)
        self.metrics["stages"][name] = round(seconds, 3)
        _merge(self.metrics, outcome.metrics)
        self.context.catalog.absorb(own.catalog)


def part(schema: type[J], job: PipelineJob, *, as_of: datetime | None = None) -> J:
    """The job of a stage, with those of the pipeline's settings that it has."""
    known = {f.name: getattr(job, f.name) for f in dataclasses.fields(schema) if hasattr(job, f.name)}
    return schema(**known | ({"as_of": as_of.isoformat()} if as_of else {}))


def _cutoffs(job: PipelineJob, context: Context, *, as_of: datetime) -> list[datetime]:
    """Every slice that a later stage reads: past cut-offs of both models, as_of, and the one that momentum looks back to."""
    churn = training.plan(context, as_of=as_of, cutoffs=job.churn, features=job.features)
    influence = training.plan(context, as_of=as_of, cutoffs=job.influence, features=job.features)
    before = as_of - timedelta(days=job.influence.step_days)
    return sorted({as_of, before, *churn.splits.used, *influence.splits.used})


def _build_features(job: PipelineJob, context: Context, *, cutoffs: list[datetime], as_of: datetime) -> Outcome:
    build_features.build(context, as_of=cutoffs, features=job.features, consent=job.consent)
    return Outcome(as_of=as_of)


def _plan(job: PipelineJob, stages: Stages) -> Outcome:
    """What the stages would do, as far as it can be known before the source has been read."""
    device, context = job.platform.device, stages.context
    head = f"{context.spark.sparkContext.defaultParallelism} task slots on {context.spark.sparkContext.master}, device {device}"
    ingesting = ingest.run(part(ingest.IngestJob, job), stages.context_of("ingest"))
    when = f"as_of={job.as_of}" if job.as_of else "as_of the first midnight after the newest act"
    rest = [
        "annotate: language, sentiment, entities and the mood towards them for new and changed posts",
        *(["find_topics: what posts and creators are about"] if job.topics.enabled else []),
        f"build_features: gold.user_features at {when} and at past cut-offs every {job.churn.step_days} days",
        f"train_churn, train_influence: {job.churn.lookback_days} days back, {job.churn.horizon_days} days of outcome",
        f"score_churn, score_influence, build_report: {when}",
    ]
    return Outcome(status="dry_run", device=device, as_of=job.as_of_instant, plan=[head, *ingesting.plan, *rest])


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    """Nested metrics of a stage into those of the pipeline; what training said is kept when scoring adds to it."""
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
