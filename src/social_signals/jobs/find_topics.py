"""`find_topics`: reads `silver.posts` and `gold.post_language`; writes `gold.topics`, `gold.post_topics`, `gold.creator_topics`."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.core.errors import DataQualityError, ModelMismatchError
from social_signals.core.times import iso
from social_signals.features import FeatureParams
from social_signals.governance import ConsentParams
from social_signals.governance.consent import only_consented
from social_signals.jobs import build_features
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.nlp.params import TopicParams
from social_signals.nlp.reading import text_hash
from social_signals.nlp.topics import (
    Topic,
    TopicModel,
    assign_topics,
    creator_topics,
    fit_topics,
    load_topics,
    save_topics,
    topic_words,
)
from social_signals.tables.gold import MODEL_ID
from social_signals.tables.gold_texts import (
    COHERENCE,
    CREATOR_TOPICS,
    LABEL,
    LANGUAGE,
    POST_LANGUAGE,
    POST_TOPICS,
    SHARE,
    TERMS,
    TEXT_HASH,
    TOPIC,
    TOPICS,
)
from social_signals.tables.silver import CONSENTS, POST_ID, POSTS, TEXT

log = logging.getLogger(__name__)


@dataclass
class FindTopicsJob(Job):
    """as_of: of the shares per creator; null means the first midnight after the newest act."""

    topics: TopicParams = field(default_factory=TopicParams)
    features: FeatureParams = field(default_factory=FeatureParams)
    consent: ConsentParams = field(default_factory=ConsentParams)


SCHEMA = FindTopicsJob


def run(job: FindTopicsJob, context: Context) -> Outcome:
    """Learn topics where there are none (or topics.refit), say what new posts are about, and how much of what each wrote is."""
    catalog, params = context.catalog, job.topics
    as_of = job.as_of_instant or build_features.default_as_of(context, features=job.features)
    posts = readable(catalog.read(POSTS), catalog.read(POST_LANGUAGE), languages=params.languages)
    before, model_id = known_topics(catalog.read_or_empty(TOPICS))
    is_new = params.refit or model_id is None
    if job.dry_run:
        what = f"learn one of {list(params.counts)} topics" if is_new else f"say what new posts are about by {model_id}"
        sentence = f"find_topics: {what}; shares per creator at {iso(as_of)}"
        return Outcome(status="dry_run", as_of=as_of, plan=[sentence])
    folder = catalog.file("models", "topics")
    if is_new:
        context.progress.step("learning topics")
        model = _learnt(job, context, posts, before)
        if model is None:
            for table in (TOPICS, POST_TOPICS, CREATOR_TOPICS):
                catalog.create(table)
            return Outcome(as_of=as_of)
    elif (folder / str(model_id)).is_dir():
        model = load_topics(context.spark, folder / str(model_id))
    else:
        raise ModelMismatchError(
            f"{TOPICS.name} was learnt by {model_id}, but there is no such model under {folder}",
            hint="restore the folder, or learn anew with topics.refit=true",
        )
    context.progress.step("what posts are about")
    pending = unanswered(posts, catalog.read_or_empty(POST_TOPICS), model_id=model.model_id)
    if pending.isEmpty():
        catalog.create(POST_TOPICS)
        log.info("no new post to find the topic of")
    else:
        catalog.merge(POST_TOPICS, assign_topics(topic_words(pending), model))
    # Last, since it says which model answers: a run that dies before it learns again, and finds the same topics.
    if is_new:
        catalog.replace(TOPICS, _rows(context, model))
    shares = creator_topics(catalog.read(POST_TOPICS), catalog.read(POSTS), as_of=as_of, model_id=model.model_id)
    agreed = only_consented(
        shares, catalog.read_or_empty(CONSENTS), purpose="profiling", as_of=as_of, default=job.consent.default
    )
    catalog.replace_slice(CREATOR_TOPICS, agreed, as_of=as_of)
    found = {
        "model_id": model.model_id,
        "topics": {topic.label: topic.share for topic in sorted(model.topics)},
        "coherence": {str(k): round(v, 4) for k, v in model.coherence.items()},
    }
    return Outcome(metrics={"topics": found}, as_of=as_of, device="cpu")


def readable(posts: DataFrame, languages_of_posts: DataFrame, *, languages: list[str]) -> DataFrame:
    """The posts in these languages: post_id, text."""
    known = languages_of_posts.where(F.col(LANGUAGE).isin(*languages)).select(POST_ID)
    return posts.select(POST_ID, TEXT).join(known, on=POST_ID, how="left_semi")


def unanswered(posts: DataFrame, done: DataFrame, *, model_id: str) -> DataFrame:
    """The posts whose text, as it is now, this model has not spoken of."""
    answers = done.where(F.col(MODEL_ID) == model_id).select(POST_ID, TEXT_HASH)
    hashed = posts.withColumn(TEXT_HASH, text_hash(F.col(TEXT)))
    return hashed.join(answers, on=[POST_ID, TEXT_HASH], how="left_anti").select(POST_ID, TEXT)


def known_topics(rows: DataFrame) -> tuple[list[Topic], str | None]:
    """The topics in use and the model that found them; a handful of rows."""
    found = rows.collect()
    topics = [
        Topic(
            row[TOPIC],
            row[LABEL],
            tuple((term["term"], term["weight"]) for term in row[TERMS]),
            row[COHERENCE],
            row[SHARE],
        )
        for row in found
    ]
    return sorted(topics), found[0][MODEL_ID] if found else None


def _learnt(job: FindTopicsJob, context: Context, posts: DataFrame, before: list[Topic]) -> TopicModel | None:
    """The model, saved; null where there are too few words, unless that was asked for by itself."""
    texts = topic_words(posts).persist()  # read once for each number of topics
    try:
        model = fit_topics(texts, params=job.topics, seed=job.seed, before=before)
    except DataQualityError as error:
        if job.topics.refit:
            raise
        log.warning("no topics: %s", error.problem)
        return None
    finally:
        texts.unpersist()
    params = {k: v for k, v in asdict(job.topics).items() if k not in ("enabled", "refit")}
    return save_topics(model, context.catalog.file("models", "topics"), params=params, seed=job.seed)


def _rows(context: Context, model: TopicModel) -> DataFrame:
    rows = [(t.number, t.label, list(t.terms), t.coherence, t.share, model.model_id) for t in model.topics]
    return context.spark.createDataFrame(rows, TOPICS.schema)
