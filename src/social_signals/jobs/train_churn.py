"""`train_churn`: reads silver and past slices of `gold.user_features`; saves, judges and registers the churn model."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.core.errors import ModelMismatchError
from social_signals.evaluation.splits import TRAIN, Splits, split_by_time
from social_signals.features import FEATURE_NAMES, FeatureParams, activity
from social_signals.governance import ConsentParams
from social_signals.jobs import training
from social_signals.jobs.churn_text import with_kept_texts, with_texts
from social_signals.jobs.churn_text_model import text_model
from social_signals.jobs.embed_posts import EmbeddingParams
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.jobs.places import table_at
from social_signals.jobs.training import search_sentences
from social_signals.models.artefact import Artefact
from social_signals.models.calibration import Calibration
from social_signals.models.churn import churn_examples, train_churn
from social_signals.models.contract import NO_TIME, contract_rows, encoded, learn_encoding
from social_signals.models.distributed import Fitted, require_barrier, require_device
from social_signals.models.examples import ROLE, with_role
from social_signals.models.gate import duel_on
from social_signals.models.groups import groups_of_users, of_users, require_groups
from social_signals.models.judged import PERSON, newest_rows
from social_signals.models.labels import CHURNED, churn_labels, event_labels
from social_signals.models.params import CONTRACT, EVENT, ChurnParams, XGBoostParams
from social_signals.models.search_params import SearchParams
from social_signals.models.subject import PEOPLE, Subject
from social_signals.models.text_added import ReadText
from social_signals.models.text_params import NONE
from social_signals.tables.gold import AS_OF
from social_signals.tables.silver import INTERACTIONS, POSTS, USER_ID, USERS
from social_signals.tracking import TrackingParams

log = logging.getLogger(__name__)


@dataclass
class TrainChurnJob(Job):
    """as_of null means the first midnight after the newest act; outcomes up to it are used, nothing after it.

    resume: keep what has been grown after every `xgboost.checkpoint_rounds`, and go on from what a run that was broken off has kept.
    """

    resume: bool = False
    churn: ChurnParams = field(default_factory=ChurnParams)
    xgboost: XGBoostParams = field(default_factory=XGBoostParams)
    search: SearchParams = field(default_factory=SearchParams)
    features: FeatureParams = field(default_factory=FeatureParams)
    consent: ConsentParams = field(default_factory=ConsentParams)
    embeddings: EmbeddingParams = field(default_factory=EmbeddingParams)
    tracking: TrackingParams = field(default_factory=TrackingParams)


SCHEMA = TrainChurnJob


def run(job: TrainChurnJob, context: Context) -> Outcome:
    """Cut-offs, slices, labels, model; or contracts, model. A slice that is missing is built first."""
    require_barrier(context.spark, workers=job.xgboost.num_workers, device=job.platform.device)
    require_device(context.spark, job.platform.device)
    has_users = job.churn.definition != CONTRACT
    if has_users:
        require_groups(job.churn.groups, features=FEATURE_NAMES, has_users=True)
    return _from_acts(job, context) if has_users else _from_contracts(job, context)


def _from_acts(job: TrainChurnJob, context: Context) -> Outcome:
    plan = training.plan(context, as_of=job.as_of_instant, cutoffs=job.churn, features=job.features)
    device, churn = job.platform.device, job.churn
    if job.dry_run:
        sentences = [plan.sentence("train_churn"), *search_sentences(job.search)]
        return Outcome(status="dry_run", as_of=plan.as_of, device=device, plan=sentences)
    examples = examples_of_acts(context, plan, churn=churn, features=job.features, consent=job.consent, seed=job.seed)
    context.progress.step("training on past cut-offs")
    apart = of_users(job.churn.groups, features=FEATURE_NAMES)
    groups = groups_of_users(context.catalog.read(USERS), apart) if apart else None
    if not churn.text.is_used:
        metrics = trained(job, context, examples, plan.splits, as_of=plan.as_of, features=FEATURE_NAMES, groups=groups)
        return Outcome(metrics=metrics, as_of=plan.as_of, device=device)
    # What people wrote is looked up for several fits, each of which would join features and labels again.
    kept = examples.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        model = None
        if churn.text.model != NONE:
            model, _ = text_model(
                context, kept, churn=churn, splits=plan.splits, embeddings=job.embeddings, seed=job.seed
            )
        joined, text = with_texts(
            context, kept, params=churn.text, embeddings=job.embeddings, splits=plan.splits, seed=job.seed, model=model
        )
        names = [*FEATURE_NAMES, *text.columns]
        metrics = trained(job, context, joined, plan.splits, as_of=plan.as_of, features=names, groups=groups, text=text)
    finally:
        kept.unpersist()
    return Outcome(metrics=metrics, as_of=plan.as_of, device=device)


def examples_of_acts(
    context: Context,
    plan: training.Plan,
    *,
    churn: ChurnParams,
    features: FeatureParams,
    consent: ConsentParams,
    seed: int,
) -> DataFrame:
    """`churn_examples` of who fell silent or left by an event, at every cut-off of the plan; missing slices are built first."""
    rows = training.slices(context, as_of=plan.splits.used, features=features, consent=consent)
    return churn_examples(rows, _labels(churn, context, plan), splits=plan.splits, seed=seed)


def _labels(churn: ChurnParams, context: Context, plan: training.Plan) -> DataFrame:
    catalog = context.catalog
    interactions = catalog.read(INTERACTIONS)
    acts = activity(catalog.read(POSTS), interactions, kinds=churn.kinds)
    lookback, horizon, cutoffs = churn.lookback_days, churn.horizon_days, plan.splits.used
    if churn.definition == EVENT:
        return event_labels(
            acts, interactions, cutoffs=cutoffs, events=churn.events, lookback_days=lookback, horizon_days=horizon
        )
    return churn_labels(acts, cutoffs=cutoffs, lookback_days=lookback, horizon_days=horizon)


def _from_contracts(job: TrainChurnJob, context: Context) -> Outcome:
    contract, device = job.churn.contract, job.platform.device
    rows = contract_rows(table_at(context, str(contract.table)), contract)
    # One slice: train, valid and test are different contracts, and the metrics say how the model does on others.
    splits = split_by_time(
        [NO_TIME], horizon_days=1, test_fraction=job.churn.test_fraction, valid_fraction=job.churn.valid_fraction
    )
    if job.dry_run:
        sentence = f"train_churn: {contract.label} of {contract.table}, split by {contract.key}"
        return Outcome(status="dry_run", device=device, plan=[sentence, *search_sentences(job.search)])
    with_roles = with_role(rows, splits, seed=job.seed)
    columns = [name for name in rows.columns if name not in (AS_OF, USER_ID, CHURNED)]
    encoding = learn_encoding(with_roles.where(F.col(ROLE) == TRAIN), columns=columns)
    examples = encoded(with_roles, encoding, keep=[AS_OF, USER_ID, CHURNED, ROLE])
    require_groups(job.churn.groups, features=encoding.features, has_users=False)
    context.progress.step("training on contracts")
    metrics = trained(
        job,
        context,
        examples,
        splits,
        as_of=None,
        features=encoding.features,
        categories=encoding.categories,
    )
    return Outcome(metrics=metrics, device=device)


def trained(
    job: TrainChurnJob,
    context: Context,
    examples: DataFrame,
    splits: Splits,
    *,
    as_of: datetime | None,
    features: Sequence[str],
    categories: Mapping[str, Sequence[str]] | None = None,
    groups: DataFrame | None = None,
    text: ReadText | None = None,
    subject: Subject = PEOPLE,
    more: Callable[[Fitted, Calibration], Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """The metrics of the model of these examples, once it is settled who is in charge."""
    # Counted, fingerprinted, trained on and judged: without this each would join features and labels again.
    kept = examples.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        artefact, is_new = train_churn(
            kept, features=features, as_of=as_of, splits=splits, params=job.churn, xgboost=job.xgboost,
            seed=job.seed, device=job.platform.device, inputs=context.catalog.read_versions,
            store=training.model_store(context.catalog, resume=job.resume), categories=categories, tuning=job.search,
            studies=context.catalog.file("studies"), groups=groups, text=text, subject=subject, more=more,
        )  # fmt: skip
        judged = {"total": artefact.card["examples"]["test"]["newest_rows"], "seed": job.seed, "subject": subject}
        newest = newest_rows(kept, splits=splits, **judged)

        def as_read_by(champion: Artefact) -> pd.DataFrame:
            """The newest rows with the champion's own features of texts; without any where it cannot make them any more."""
            if champion.text in (None, artefact.text):
                return newest
            plain = kept.drop(*(text.columns if text else ()))
            try:
                joined = with_kept_texts(
                    context, plain, artefact=champion, as_of=splits.test[-1:], embeddings=job.embeddings
                )
            except ModelMismatchError as error:
                log.warning("the champion's features of texts cannot be made: %s", error.problem)
                joined = plain
            return newest_rows(joined, splits=splits, **judged)

        duel = duel_on(newest, label=CHURNED, person=PERSON, seed=job.seed, rows_of=as_read_by)
        return training.conclude(context, artefact, is_new=is_new, tracking=job.tracking, duel=duel)
    finally:
        kept.unpersist()
