"""`pipeline`: the main job. Every stage is a job of its own, run in one session, each with its row in the ledger."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from omegaconf import MISSING

from social_signals.core.errors import ConfigError
from social_signals.core.lanes import Once
from social_signals.core.times import iso
from social_signals.features import FeatureParams
from social_signals.governance import ConsentParams
from social_signals.ingest import IngestParams, open_source
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
from social_signals.jobs.done import Done, last_done
from social_signals.jobs.embed_posts import EmbeddingParams
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.jobs.stages import Files, Stage, Stages, require_stages, settings_of
from social_signals.models.artefact import CHURN, INFLUENCE
from social_signals.models.distributed import require_barrier, require_device
from social_signals.models.params import SILENCE, ChurnParams, CutoffParams, InfluenceParams, XGBoostParams
from social_signals.models.search_params import SearchParams
from social_signals.nlp import model_card
from social_signals.nlp.params import TextParams, TopicParams
from social_signals.reports.params import ReportParams
from social_signals.scoring.params import ScoringParams
from social_signals.tables.commits import ABSENT
from social_signals.tracking import TrackingParams

log = logging.getLogger(__name__)

J = TypeVar("J", bound=Job)

STAGES = (
    "ingest", "annotate", "find_topics", "build_features", "train_churn", "train_influence", "score_churn", "score_influence",
    "build_report",
)  # fmt: skip


@dataclass
class PipelineJob(Job):
    """The settings of every stage; each stage takes those that it knows.

    as_of null means the first midnight after the newest act that the source holds. Stages that are up to date are left out;
    force: those that run in any case, `[train_churn]`, or `[all]`. resume: see train_churn.
    """

    resume: bool = False
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
    force: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_stages(self.force, STAGES)
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
    """Ingest, annotate, find topics, build features, train, score, report: each stage that is not up to date. Where nothing is new,
    nothing is written, not even a row of the ledger."""
    # What a later stage would refuse is refused before the first one has worked.
    require_barrier(context.spark, workers=job.xgboost.num_workers, device=job.platform.device)
    require_device(context.spark, job.platform.device)
    config_hash = ledger.config_hash_of(job)
    last = last_done(context, config_hash=config_hash) or Done(config_hash)
    stages = Stages(context, job=job, force=job.force, known=last.stages)
    if job.dry_run:
        return _plan(job, stages)
    ingesting = ingest_stage(job, stages)
    stages.run(ingesting)
    # Where all that ingest saw is as it was, the tables of acts are.
    newest = last.newest_act_at(context.now) if stages.holds(ingesting) else None
    as_of = job.as_of_instant
    if as_of is None:
        newest = newest or build_features.newest_known_act(context, features=job.features)
        as_of = newest.as_of
    log.info("as_of is %s", iso(as_of))
    rest = _after_ingest(job, as_of=as_of)
    stages.look_up(rest)
    for stage in rest:
        stages.run(stage)
    if stages.up_to_date:
        stages.metrics["up_to_date"] = stages.up_to_date
    if not stages.is_changed:
        log.info("nothing is new: nothing was written")
    done = Done.now(config_hash, stages.finished, newest_act=newest)
    return Outcome(
        metrics=stages.metrics,
        as_of=as_of,
        device=job.platform.device,
        is_recorded=stages.is_changed,
        note=done.note(),
    )


def ingest_stage(job: PipelineJob, stages: Stages) -> Stage:
    """Ingest, as a stage that asks its source; where that and all it saw are as they were known to be, of nothing else."""
    ingesting = part(ingest.IngestJob, job)
    source = Once(lambda: open_source(stages.context.spark, ingesting.source))

    def run(context: Context) -> Outcome:
        return ingest.run(ingesting, context, source=source(), nothing_is_new=stages.holds(stage))

    stage = Stage("ingest", run, settings_of(ingesting), lambda _: {"source": source().fingerprint}, asks=True)
    return stage


def _after_ingest(job: PipelineJob, *, as_of: datetime) -> list[Stage]:
    """The stages that follow from the tables, in order."""
    churn_model, influence_model = _champion(CHURN), _champion(INFLUENCE)
    annotating, reporting = part(annotate.AnnotateJob, job), part(build_report.BuildReportJob, job, as_of=as_of)
    # Which slices are built follows from how both models choose their cut-offs.
    cutoffs = {"churn": _cutoff_settings(job.churn), "influence": _cutoff_settings(job.influence)}

    def stage(name: str, schema: type[Job], run: Callable[[Any, Context], Outcome], files: Files) -> Stage:
        settings = part(schema, job, as_of=as_of)
        return Stage(name, lambda c: run(settings, c), settings_of(settings, as_of=as_of), files)

    building = part(build_features.BuildFeaturesJob, job, as_of=as_of)
    built = Stage(
        "build_features",
        lambda c: _build_features(job, c, as_of=as_of),
        settings_of(building, as_of=as_of) | cutoffs,
    )
    topics = stage("find_topics", find_topics.FindTopicsJob, find_topics.run, _topic_model)
    return [
        Stage("annotate", lambda c: annotate.run(annotating, c), settings_of(annotating), _annotators(annotating)),
        *([topics] if job.topics.enabled else []),
        built,
        stage("train_churn", train_churn.TrainChurnJob, train_churn.run, churn_model),
        stage("train_influence", train_influence.TrainInfluenceJob, train_influence.run, influence_model),
        stage("score_churn", score_churn.ScoreChurnJob, score_churn.run, churn_model),
        stage("score_influence", score_influence.ScoreInfluenceJob, score_influence.run, influence_model),
        stage("build_report", build_report.BuildReportJob, build_report.run, _report(reporting)),
    ]  # fmt: skip


def _champion(kind: str) -> Files:
    return lambda context: {f"models/{kind}": training.champion_id(context.catalog, kind) or ABSENT}


def _annotators(job: annotate.AnnotateJob) -> Files:
    return lambda _: {task: model_card(getattr(job.text, task), task=task).model_id for task in annotate.READERS}


def _topic_model(context: Context) -> dict[str, str]:
    folder = context.catalog.file("models", "topics")
    return {"models/topics": ",".join(sorted(path.name for path in folder.glob("*") if path.is_dir()))}


def _report(job: build_report.BuildReportJob) -> Files:
    def files(context: Context) -> dict[str, str]:
        path = build_report.report_path(job, context.catalog)
        pages = {"report": path, "creators": build_report.creators_path(path)}
        written = {name: build_report.fingerprint_of(context.spark, place) or ABSENT for name, place in pages.items()}
        return written | _champion(CHURN)(context) | _champion(INFLUENCE)(context)

    return files


def _cutoff_settings(params: CutoffParams) -> dict[str, Any]:
    return {field.name: getattr(params, field.name) for field in dataclasses.fields(CutoffParams)}


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


def _build_features(job: PipelineJob, context: Context, *, as_of: datetime) -> Outcome:
    cutoffs = _cutoffs(job, context, as_of=as_of)
    build_features.build(context, as_of=cutoffs, features=job.features, consent=job.consent)
    return Outcome(as_of=as_of)


def _plan(job: PipelineJob, stages: Stages) -> Outcome:
    """What the stages would do, as far as it can be known before the source has been read."""
    device, context = job.platform.device, stages.context
    head = f"{context.spark.sparkContext.defaultParallelism} task slots on {context.spark.sparkContext.master}, device {device}"
    ingesting = ingest.run(part(ingest.IngestJob, job), stages.context_of("ingest"))
    when = f"as_of={job.as_of}" if job.as_of else "as_of the first midnight after the newest act"
    as_of = job.as_of_instant
    if ingesting.metrics["ingest"]["pending_batches"]:
        rest = [
            "annotate: language, sentiment, entities and the mood towards them for new and changed posts",
            *(["find_topics: what posts and creators are about"] if job.topics.enabled else []),
            f"build_features: gold.user_features at {when} and at past cut-offs every {job.churn.step_days} days",
            f"train_churn, train_influence: {job.churn.lookback_days} days back, {job.churn.horizon_days} days of outcome",
            f"score_churn, score_influence, build_report: {when}",
        ]
    else:
        as_of = as_of or build_features.default_as_of(context, features=job.features)
        later = _after_ingest(job, as_of=as_of)
        stages.look_up(later)
        whys = [(stage.name, stages.why_to_run(stage)) for stage in later]
        rest = [f"{name}: runs, {why}" if why else f"{name}: up to date" for name, why in whys]
    return Outcome(status="dry_run", device=device, as_of=as_of, plan=[head, *ingesting.plan, *rest])
