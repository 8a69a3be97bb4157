"""`annotate`: reads new or changed `silver.posts`; writes `gold.post_entities`, then `gold.post_sentiment`."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.jobs.job import Context, Job, Outcome
from social_signals.nlp import annotate, entities_of, load_entity_model, load_sentiment_model, sentiment_of, text_hash
from social_signals.nlp.params import TextParams, model_folder
from social_signals.tables.gold import POST_ENTITIES, POST_SENTIMENT, TEXT_HASH
from social_signals.tables.silver import POST_ID, POSTS, TEXT

log = logging.getLogger(__name__)


@dataclass
class AnnotateJob(Job):
    """Which posts are read follows from the tables: those whose text has no answer yet."""

    text: TextParams = field(default_factory=TextParams)


SCHEMA = AnnotateJob


def run(job: AnnotateJob, context: Context) -> Outcome:
    """Sentiment and entities of every post that is new or whose text changed; a post is never read twice."""
    catalog = context.catalog
    posts = catalog.read(POSTS).select(POST_ID, TEXT)
    pending = unread(posts, catalog.read_or_empty(POST_SENTIMENT))
    if job.dry_run:
        version = catalog.read_versions[POSTS.name]
        sentence = (
            f"annotate: read new posts of {POSTS.name}@{version}, write gold.post_sentiment and gold.post_entities"
        )
        return Outcome(status="dry_run", plan=[sentence])
    if pending.isEmpty():
        # A later stage may count on the tables being there; the models need not be loaded for that.
        catalog.create(POST_ENTITIES)
        catalog.create(POST_SENTIMENT)
        log.info("no new post to annotate")
        return Outcome()
    sentiment = load_sentiment_model(context.spark, model_folder(job.text.sentiment, task="sentiment"))
    entities = load_entity_model(context.spark, model_folder(job.text.entities, task="entities"))
    # Both tables are cut from one pass over the texts; without this each write would run the models again.
    annotated = annotate(pending, sentiment=sentiment, entities=entities, partitions=job.text.partitions).persist()
    try:
        # Sentiment last: its rows say which posts are done, so a run that dies in between does them again.
        catalog.replace_keys(POST_ENTITIES, entities_of(annotated), keys=pending.select(POST_ID))
        catalog.merge(POST_SENTIMENT, sentiment_of(annotated))
    finally:
        annotated.unpersist()
    return Outcome(device="cpu")


def unread(posts: DataFrame, done: DataFrame) -> DataFrame:
    """The posts whose text, as it is now, has no answer in `gold.post_sentiment`."""
    hashed = posts.withColumn(TEXT_HASH, text_hash(F.col(TEXT)))
    return hashed.join(done.select(POST_ID, TEXT_HASH), on=[POST_ID, TEXT_HASH], how="left_anti").select(POST_ID, TEXT)
