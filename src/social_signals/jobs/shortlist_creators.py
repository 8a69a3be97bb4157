"""`shortlist_creators`: reads `gold.influence_scores`, what is known of texts, and silver; replaces a brief's rows in `gold.shortlists`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.campaigns import BriefParams, Known, ShortlistParams, Textual, Topical, judged
from social_signals.campaigns.booking import book
from social_signals.campaigns.overlap import SIGNATURE, overlaps, signatures
from social_signals.campaigns.relevance import TOPIC_SHARE, meant_topics
from social_signals.campaigns.rows import Shortlisted, promised, shortlist_rows
from social_signals.campaigns.selection import Limits
from social_signals.campaigns.shortlist import EXCLUDED
from social_signals.campaigns.words import Usual, nobody_left
from social_signals.core.errors import ContractError
from social_signals.core.times import iso
from social_signals.creators import CreatorParams
from social_signals.features import FeatureParams
from social_signals.features.cutoffs import instant_of
from social_signals.governance import ConsentParams
from social_signals.governance.consent import only_consented
from social_signals.jobs import assess_creators, build_features, training
from social_signals.jobs.embed_posts import EmbeddingParams, folder_of
from social_signals.jobs.find_topics import known_topics
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.models.artefact import INFLUENCE as INFLUENCE_MODEL
from social_signals.network import NetworkParams
from social_signals.network.edges import DST, SRC, WEIGHT, edges_between
from social_signals.network.graph import NODE, numbered
from social_signals.network.reach import Sets, flow_of, sampled_sets
from social_signals.nlp.embeddings import embed_texts, load_embedding_model
from social_signals.nlp.topics import Topic
from social_signals.tables.gold import AS_OF, INFLUENCE_SCORES, MODEL_ID
from social_signals.tables.gold_campaigns import BRIEF_ID, FIT, SHORTLISTS, TEXT_RELEVANCE
from social_signals.tables.gold_creators import CREATOR_QUALITY
from social_signals.tables.gold_texts import POST_EMBEDDINGS, POST_LANGUAGE, POST_SENTIMENT, POST_TOPICS, TOPICS
from social_signals.tables.silver import CAMPAIGNS, CONSENTS, INTERACTIONS, POSTS, PRICE, USER_ID

log = logging.getLogger(__name__)


@dataclass
class ShortlistCreatorsJob(Job):
    """as_of null means the first midnight after the newest act. Scores are those of the newest cut-off up to it, by the champion
    where it scored then. brief.window_days takes the place of network.window_days."""

    brief: BriefParams = field(default_factory=BriefParams)
    shortlist: ShortlistParams = field(default_factory=ShortlistParams)
    network: NetworkParams = field(default_factory=NetworkParams)
    creators: CreatorParams = field(default_factory=CreatorParams)
    embeddings: EmbeddingParams = field(default_factory=EmbeddingParams)
    features: FeatureParams = field(default_factory=FeatureParams)
    consent: ConsentParams = field(default_factory=ConsentParams)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.brief.require_content()


SCHEMA = ShortlistCreatorsJob


class Scored(NamedTuple):
    """The slice of gold.influence_scores that is gone by."""

    as_of: datetime
    model_id: str


class Asked(NamedTuple):
    """What the brief's topics mean: entry -> numbers, the topics themselves, and the model whose numbers they are."""

    meant: dict[str, list[int]]
    topics: list[Topic]
    model_id: str


def run(job: ShortlistCreatorsJob, context: Context) -> Outcome:
    """Judge everybody with a score by the brief, keep the best, choose whom of them to book, and say why."""
    brief = job.brief
    as_of = job.as_of_instant or build_features.default_as_of(context, features=job.features)
    scored, asked = _scored(context, as_of), _asked(context, brief)
    if brief.texts:
        _require_vectors(context)
    if job.dry_run:
        return Outcome(status="dry_run", as_of=as_of, plan=_plan(brief, as_of=as_of, scored=scored, asked=asked))
    network = replace(job.network, window_days=brief.window_days)
    interactions, posts = context.catalog.read(INTERACTIONS), context.catalog.read(POSTS)
    # Read for audiences, for signatures and for the graph.
    edges = edges_between(interactions, posts, as_of=as_of, params=network).select(SRC, DST, WEIGHT)
    edges = edges.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        known = _known(job, context, edges, scored=scored, asked=asked, as_of=as_of)
        context.progress.step("judging creators")
        # Counted by what left them out, then ordered by fit.
        people = judged(known, brief=brief, params=job.shortlist, as_of=as_of).persist(StorageLevel.MEMORY_AND_DISK)
        try:
            means = [F.avg(name).alias(name) for name in (TOPIC_SHARE, TEXT_RELEVANCE)]
            by_filter = people.groupBy(EXCLUDED).agg(F.count(F.lit(1)).alias("people"), *means).collect()
            candidates = people.where(F.col(EXCLUDED).isNull()).orderBy(F.desc(FIT), USER_ID)
            top_shortlist = [row.asDict() for row in candidates.limit(brief.shortlist).collect()]
        finally:
            people.unpersist()
        excluded = {str(row[EXCLUDED]): int(row["people"]) for row in by_filter if row[EXCLUDED]}
        if not top_shortlist:
            raise nobody_left(excluded, brief)
        found = _booked(job, context, edges, top_shortlist)
    finally:
        edges.unpersist()
    left = next(row for row in by_filter if row[EXCLUDED] is None)
    usual = Usual(left[TOPIC_SHARE], left[TEXT_RELEVANCE])
    rows = shortlist_rows(found, brief=brief, topics=asked.topics if asked else [], usual=usual, as_of=as_of)
    frame = context.spark.createDataFrame(rows, SHORTLISTS.schema)
    # Other briefs' rows of the same cut-off stay.
    context.catalog.replace_slice(SHORTLISTS, frame, as_of=as_of, where={BRIEF_ID: brief.brief_id})
    metrics = {
        "brief_id": brief.brief_id,
        "scores": {"as_of": iso(scored.as_of), "model_id": scored.model_id},
        "topics": asked.meant if asked else {},
        "candidates": int(left["people"]),
        "excluded": excluded,
        "shortlisted": len(rows),
        **promised(found, brief=brief, params=job.shortlist),
    }
    return Outcome(metrics={"shortlist": metrics}, as_of=as_of, device="cpu")


def _scored(context: Context, as_of: datetime) -> Scored:
    """The newest slice of scores up to as_of: the champion's, or that of the model which scored most people."""
    scores = context.catalog.read(INFLUENCE_SCORES).where(F.col(AS_OF) <= F.lit(as_of))
    slices = scores.groupBy(F.unix_micros(AS_OF).alias("us"), AS_OF, MODEL_ID).count().collect()
    if not slices:
        raise ContractError(
            f"{INFLUENCE_SCORES.name} says nothing of {iso(as_of)} or before", hint="run score_influence first"
        )
    newest = max(row["us"] for row in slices)
    by_model = {str(row[MODEL_ID]): int(row["count"]) for row in slices if row["us"] == newest}
    champion = training.model_store(context.catalog).champion(INFLUENCE_MODEL)
    if champion is not None and champion.model_id in by_model:
        return Scored(instant_of(newest), champion.model_id)
    return Scored(instant_of(newest), max(by_model, key=lambda model_id: (by_model[model_id], model_id)))


def _asked(context: Context, brief: BriefParams) -> Asked | None:
    """What the brief's topics mean; null where it names none."""
    if not brief.topics:
        return None
    topics, model_id = known_topics(context.catalog.read_or_empty(TOPICS))
    if model_id is None:
        raise ContractError(
            f"the brief names topics, but {TOPICS.name} has none",
            hint="run find_topics first, or say in brief.text what the campaign is about",
        )
    meant = meant_topics(brief.topics, topics)
    numbers = {number for one in meant.values() for number in one}
    return Asked(meant, [topic for topic in topics if topic.number in numbers], model_id)


def _require_vectors(context: Context) -> None:
    if not context.catalog.exists(POST_EMBEDDINGS):
        raise ContractError(
            f"the brief has texts, but there is no {POST_EMBEDDINGS.name} to compare them with",
            hint="run embed_posts first, or say by brief.topics alone what the campaign is about",
        )


def _plan(brief: BriefParams, *, as_of: datetime, scored: Scored, asked: Asked | None) -> list[str]:
    by = [f"topics {asked.meant}"] if asked else []
    by += [f"{len(brief.texts)} texts"] if brief.texts else []
    limits = f"at most {brief.max_creators or 'any number of'} creators"
    limits += f" for {brief.budget:,.2f} {brief.currency}" if brief.budget is not None else ""
    return [
        f"shortlist_creators: judge the scores of as_of={iso(scored.as_of)} by {scored.model_id} against {brief.brief_id} "
        f"({brief.name}) by {' and '.join(by)}, over the {brief.window_days} days before {iso(as_of)}; choose {limits}; "
        f"replace its rows as_of={iso(as_of)} in {SHORTLISTS.name}"
    ]


def _known(
    job: ShortlistCreatorsJob,
    context: Context,
    edges: DataFrame,
    *,
    scored: Scored,
    asked: Asked | None,
    as_of: datetime,
) -> Known:
    catalog, brief = context.catalog, job.brief
    # Whoever is to be paid is looked at twice, as of the same day.
    assess_creators.build(context, as_of=[as_of], creators=job.creators, consent=job.consent)
    quality = catalog.read(CREATOR_QUALITY).where(F.col(AS_OF) == F.lit(as_of))
    is_it = (F.col(AS_OF) == F.lit(scored.as_of)) & (F.col(MODEL_ID) == scored.model_id)
    consents = catalog.read_or_empty(CONSENTS)
    return Known(
        scores=only_consented(
            catalog.read(INFLUENCE_SCORES).where(is_it), consents,
            purpose="profiling", as_of=as_of, default=job.consent.default,
        ),
        posts=catalog.read(POSTS),
        interactions=catalog.read(INTERACTIONS),
        campaigns=catalog.read_or_empty(CAMPAIGNS),
        edges=edges,
        sentiment=catalog.read(POST_SENTIMENT) if brief.max_negative_ratio < 1 else catalog.read_or_empty(POST_SENTIMENT),
        post_language=catalog.read(POST_LANGUAGE) if brief.languages else None,
        topical=None if asked is None else Topical(
            catalog.read(POST_TOPICS), [topic.number for topic in asked.topics], asked.model_id
        ),
        textual=_textual(job, context) if brief.texts else None,
        quality=quality,
    )  # fmt: skip


def _textual(job: ShortlistCreatorsJob, context: Context) -> Textual:
    context.progress.step("reading the brief")
    model = load_embedding_model(context.spark, folder_of(job.embeddings), staging=context.staging)
    vectors = context.catalog.read(POST_EMBEDDINGS)
    model_id = model.card.model_id
    if vectors.where(F.col(MODEL_ID) == model_id).isEmpty():
        raise ContractError(f"{POST_EMBEDDINGS.name} has no vector by {model_id}", hint="run embed_posts with it first")
    texts = embed_texts(context.spark, job.brief.texts, model=model)
    if not len(texts):
        raise ContractError(
            "the brief's texts have no word that the encoder knows", hint="write a sentence in brief.text"
        )
    return Textual(vectors, texts, model_id)


def _booked(
    job: ShortlistCreatorsJob, context: Context, edges: DataFrame, top_shortlist: Sequence[dict[str, Any]]
) -> Shortlisted:
    """Whom of the shortlist to book: overlaps of their audiences, then reach on the graph of the window."""
    brief, params, spark = job.brief, job.shortlist, context.spark
    ids = [str(row[USER_ID]) for row in top_shortlist]
    few = F.broadcast(spark.createDataFrame([(one,) for one in ids], f"{DST} string"))
    signed = signatures(edges.join(few, on=DST, how="left_semi"), minima=params.signature).collect()
    of_whom = {row[USER_ID]: row[SIGNATURE] for row in signed}
    near = overlaps(np.array([of_whom[one] for one in ids], dtype=np.int64))
    prices = np.array([row[PRICE] if row[PRICE] is not None else 0.0 for row in top_shortlist])
    limits = Limits(brief.budget, brief.max_creators, near > brief.max_overlap)
    context.progress.step("whom they reach")
    graph = numbered(edges)
    try:
        arrows = pd.DataFrame(graph.edges.select(SRC, DST, WEIGHT).toPandas())
        places = graph.people.join(few.withColumnRenamed(DST, USER_ID), on=USER_ID, how="inner")
        node_of = {row[USER_ID]: int(row[NODE]) for row in places.select(USER_ID, NODE).collect()}
    finally:
        graph.release()
    flow = flow_of(arrows[SRC].to_numpy(), arrows[DST].to_numpy(), arrows[WEIGHT].to_numpy(), nodes=graph.nodes)
    wanted = np.array([node_of[one] for one in ids])

    def draw(first: int, count: int) -> Sets:
        return sampled_sets(spark, flow, wanted=wanted, first=first, count=count, seed=job.seed)

    booking = book(
        draw, prices, limits, nodes=graph.nodes, sets=params.sets, most_sets=params.most_sets, error=params.error
    )
    return Shortlisted(list(top_shortlist), booking, near, limits, graph.nodes)
