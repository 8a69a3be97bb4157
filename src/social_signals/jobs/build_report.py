"""`build_report`: reads silver, gold and the ledger; writes one self-contained HTML file."""

from __future__ import annotations

import hashlib
import logging
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from social_signals import __version__
from social_signals.core.errors import ResourceError, SocialSignalsError
from social_signals.core.files import write_whole
from social_signals.governance.consent import ConsentParams, only_consented
from social_signals.jobs import JOBS, training
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.models.artefact import CHURN, CHURN_CONTRACT, CHURN_EVENT, INFLUENCE, ModelStore
from social_signals.nlp import model_card
from social_signals.nlp.params import TextParams
from social_signals.reports import (
    ReportParams,
    RunReport,
    churn_evidence,
    gather_briefs,
    gather_churn,
    gather_entities,
    gather_headline,
    gather_influence,
    gather_quality,
    gather_sentiment,
    gather_stages,
    gather_topics,
    influence_evidence,
    render_creators,
    render_report,
    text_evidence,
    topic_labels,
)
from social_signals.reports.report import RunPart
from social_signals.tables.catalog import Catalog
from social_signals.tables.gold import CHURN_SCORES, INFLUENCE_SCORES, MODEL_ID
from social_signals.tables.gold_campaigns import SHORTLISTS
from social_signals.tables.gold_creators import CREATOR_QUALITY
from social_signals.tables.gold_texts import POST_ENTITIES, POST_SENTIMENT, POST_TOPICS, TOPICS
from social_signals.tables.ops import BATCHES, RUNS
from social_signals.tables.silver import CONSENTS, INTERACTIONS, POSTS, SILVER, USERS, quarantine_of

log = logging.getLogger(__name__)

SOFTWARE = {
    "Spark": "pyspark",
    "Delta": "delta-spark",
    "Spark NLP": "spark-nlp",
    "XGBoost": "xgboost",
    "Plotly": "plotly",
}
# Which jobs a section waits for; the first of them that failed says why the section is empty.
NEEDED_FOR = {
    "churn": ("ingest", "build_features", "train_churn", "score_churn"),
    "influence": ("ingest", "build_features", "train_influence", "score_influence"),
    "sentiment": ("ingest", "annotate"),
    "entities": ("ingest", "annotate"),
    "quality": ("ingest",),
}


@dataclass
class BuildReportJob(Job):
    """as_of: report the newest scores not after it, and posts before it; null takes the newest scores there are."""

    report: ReportParams = field(default_factory=ReportParams)
    text: TextParams = field(default_factory=TextParams)
    consent: ConsentParams = field(default_factory=ConsentParams)


SCHEMA = BuildReportJob


def run(job: BuildReportJob, context: Context) -> Outcome:
    """Everything the tables say, on one page. Tables that are not there yet give a sentence instead of a section."""
    path = report_path(job, context.catalog)
    if job.dry_run:
        return Outcome(
            status="dry_run",
            plan=[
                f"build_report: read silver, gold and ops, write {path} and, of creators alone, {creators_path(path)}"
            ],
        )
    report = gather(job, context)
    pages = {path: render_report(report)}
    if report.influence.people or report.briefs:
        pages[creators_path(path)] = render_creators(report)
    for place, html in pages.items():
        write_text(context.spark, place, html)
        log.info("report written to %s, %.1f MB", place, len(html) / 1e6)
    metrics = {"report": {"bytes": len(pages[path].encode("utf-8")), "people_scored": report.churn.people}}
    return Outcome(metrics=metrics, as_of=report.as_of)


def gather(job: BuildReportJob, context: Context) -> RunReport:
    """The report's parts, each aggregated in Spark; only small frames reach the driver."""
    catalog, chosen = context.catalog, job.report
    users, posts = catalog.read_or_empty(USERS), catalog.read_or_empty(POSTS)
    influence_scores = catalog.read_or_empty(INFLUENCE_SCORES)
    shown: dict[str, Any] = {"top": chosen.top, "show_handles": chosen.show_handles}

    context.progress.step("people")
    # Who leaves by an event or ends a contract has rows in the same table; the page is about who falls silent.
    is_silence = ~F.col(MODEL_ID).rlike(f"^({CHURN_EVENT}|{CHURN_CONTRACT})-")
    churn_scores = catalog.read_or_empty(CHURN_SCORES).where(is_silence)
    # The report describes; scoring is what must refuse a model that is missing or was touched.
    champions = {kind: training.champion_id(catalog, kind) for kind in (CHURN, INFLUENCE)}
    churn = gather_churn(
        churn_scores, influence_scores, users, as_of=job.as_of_instant, champion=champions[CHURN], **shown
    )
    influence = gather_influence(
        influence_scores, users, as_of=job.as_of_instant, champion=champions[INFLUENCE],
        quality=catalog.read_or_empty(CREATOR_QUALITY), **shown,
    )  # fmt: skip
    briefs = gather_briefs(catalog.read_or_empty(SHORTLISTS), users, as_of=job.as_of_instant, **shown)
    cutoffs = [c for c in (job.as_of_instant, churn.as_of, influence.as_of) if c is not None]
    as_of = job.as_of_instant or max(cutoffs, default=None)

    context.progress.step("posts")
    sentiment = catalog.read_or_empty(POST_SENTIMENT)
    entities = catalog.read_or_empty(POST_ENTITIES)
    sounds = gather_sentiment(posts, sentiment, as_of=as_of)
    names = gather_entities(posts, entities, sentiment, as_of=as_of, top=chosen.top, min_authors=chosen.min_authors)
    topics = catalog.read_or_empty(TOPICS)
    about = gather_topics(posts, topics, catalog.read_or_empty(POST_TOPICS), sentiment, as_of=as_of)

    context.progress.step("data quality and runs")
    quarantined = {t.name: catalog.read(quarantine_of(t)) for t in SILVER if catalog.exists(quarantine_of(t))}
    stages = gather_stages(catalog.read_or_empty(RUNS), run_id=context.run_id, order=list(JOBS))
    headline = gather_headline(users, posts, catalog.read_or_empty(INTERACTIONS))
    quality = gather_quality(catalog.read_or_empty(BATCHES), quarantined)

    why = why_empty(stages, min_authors=chosen.min_authors, has_entities=not entities.isEmpty())
    if not churn.people and headline.people and not _anybody_agreed(job, catalog, as_of=as_of or context.now):
        why |= {"churn": NO_CONSENT, "influence": NO_CONSENT}
    return RunReport(
        title=chosen.title,
        as_of=as_of,
        run=RunPart(context.run_id, context.now, stages, sorted(catalog.read_versions.items())),
        headline=headline,
        churn=churn,
        influence=influence,
        sentiment=sounds,
        entities=names,
        topics=about,
        quality=quality,
        churn_evidence=churn_evidence(_card(catalog, CHURN, churn.model_id)),
        influence_evidence=influence_evidence(_card(catalog, INFLUENCE, influence.model_id)),
        text_evidence=text_evidence({task: _text_card(job, task) for task in ("sentiment", "entities")}),
        why=why,
        versions=_versions(),
        show_handles=chosen.show_handles,
        briefs=briefs,
        topic_labels=topic_labels(topics),
    )


NO_CONSENT = (
    "Nobody agreed to profiling, so nobody was scored. People who have said nothing follow consent.default; "
    "a statement in silver.consents goes before it."
)


def why_empty(stages: pd.DataFrame, *, min_authors: int, has_entities: bool) -> dict[str, str]:
    """A sentence for each section whose job failed; sections without one fall back on which job to run."""
    failed = stages[stages["status"] == "failed"]
    errors = {str(job): str(error or "") for job, error in zip(failed["job"], failed["error"], strict=True)}
    why = {}
    for section, jobs in NEEDED_FOR.items():
        first = next((job for job in jobs if job in errors), None)
        if first is not None:
            why[section] = f"{first} failed, so there is nothing to show: {errors[first]}".rstrip(": ")
    if "entities" not in why and has_entities:
        why["entities"] = f"Posts name something, but no name was written by at least {min_authors} different people."
    return why


def report_path(job: BuildReportJob, catalog: Catalog) -> str:
    """Where the report goes: the setting, or `report.html` under the catalog's root."""
    return job.report.path or f"{catalog.params.root.rstrip('/')}/report.html"


def creators_path(report: str) -> str:
    """Where the page about creators goes: beside the report.

    >>> creators_path("lakehouse/report.html"), creators_path("/out/may.html")
    ('lakehouse/creators.html', '/out/may-creators.html')
    """
    folder, _, name = report.rpartition("/")
    stem = name.removesuffix(".html")
    return f"{folder}/" * bool(folder) + ("creators.html" if stem == "report" else f"{stem}-creators.html")


def write_text(spark: SparkSession, path: str, text: str) -> None:
    """Write a file whole or not at all, on this machine or on any file system that Spark can reach."""
    content = text.encode("utf-8")
    try:
        if _is_remote(path):
            _write_remote(spark, path, content)
        else:
            write_whole(_local(path), content)
    except Exception as error:
        reason = str(getattr(error, "java_exception", error)).splitlines()[0]
        raise ResourceError(
            f"the report could not be written to {path}: {reason}",
            hint="choose a place that this account may write, for example report.path=/tmp/report.html",
        ) from error


def fingerprint_of(spark: SparkSession, path: str) -> str | None:
    """What a page is now: SHA-256 of its content, or its length where that lies on another file system; None where there is none."""
    if not _is_remote(path):
        page = _local(path)
        return hashlib.sha256(page.read_bytes()).hexdigest() if page.is_file() else None
    jvm: Any = spark.sparkContext._jvm
    target = jvm.org.apache.hadoop.fs.Path(path)
    file_system = target.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())
    return f"{file_system.getFileStatus(target).getLen()} bytes" if file_system.exists(target) else None


def _is_remote(path: str) -> bool:
    return re.match(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]+:", path) is not None


def _local(path: str) -> Path:
    return Path(re.sub("^file:(//)?", "", path))


def _write_remote(spark: SparkSession, path: str, content: bytes) -> None:
    jvm: Any = spark.sparkContext._jvm
    target = jvm.org.apache.hadoop.fs.Path(path)
    file_system = target.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())
    stream = file_system.create(target, True)
    try:
        stream.write(bytearray(content))
    finally:
        stream.close()


def _anybody_agreed(job: BuildReportJob, catalog: Catalog, *, as_of: datetime) -> bool:
    agreed = only_consented(
        catalog.read_or_empty(USERS),
        catalog.read_or_empty(CONSENTS),
        purpose="profiling",
        as_of=as_of,
        default=job.consent.default,
    )
    return not agreed.isEmpty()


def _card(catalog: Catalog, kind: str, model_id: str | None) -> Mapping[str, Any] | None:
    """The card of the model that scored; where nobody was scored, that of the model in charge."""
    store = ModelStore(catalog.file("models"))
    found = store.find(kind, model_id) if model_id else store.champion(kind)
    return found.card if found else None


def _text_card(job: BuildReportJob, task: str) -> Mapping[str, Any] | None:
    chosen = job.text.sentiment if task == "sentiment" else job.text.entities
    try:
        return {"metrics": model_card(chosen, task=task).metrics}
    except SocialSignalsError:
        # The report describes; annotate is the one that must refuse a model that is missing or was touched.
        log.warning("no packaged model for %s, so the report makes no claim about it", task)
        return None


def _versions() -> list[tuple[str, str]]:
    found = [("social-signals", __version__), ("Python", platform.python_version())]
    for name, distribution in SOFTWARE.items():
        try:
            found.append((name, version(distribution)))
        except PackageNotFoundError:
            # A cluster may bring Spark itself, without pip's record of it.
            continue
    return found
