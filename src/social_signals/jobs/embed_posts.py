"""`embed_posts`: reads new or changed `silver.posts` that the text models read; writes `gold.post_embeddings`."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from pyspark.sql import functions as F

from social_signals.core.places import shipped
from social_signals.jobs.find_topics import unanswered
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.nlp.embeddings import embed_posts, load_embedding_model
from social_signals.nlp.packaged import verify_model
from social_signals.nlp.params import PACKAGED
from social_signals.tables.gold_texts import IS_READ, POST_EMBEDDINGS, POST_LANGUAGE
from social_signals.tables.silver import POST_ID, POSTS, TEXT

log = logging.getLogger(__name__)


@dataclass
class EmbeddingParams:
    """model: `packaged`, or the folder of a sentence encoder that models/recipes/embeddings.py wrote; a new model reads all
    posts again. partitions: how many tasks read texts, null for four times the slots."""

    model: str = PACKAGED
    partitions: int | None = None


@dataclass
class EmbedPostsJob(Job):
    """Posts in languages that the text models do not know have no vector."""

    embeddings: EmbeddingParams = field(default_factory=EmbeddingParams)


SCHEMA = EmbedPostsJob


def run(job: EmbedPostsJob, context: Context) -> Outcome:
    """A vector for every post that is new, changed, or was read by another model."""
    if job.dry_run:
        model_id = verify_model(folder_of(job.embeddings)).model_id
        version = context.catalog.version(POSTS)
        plan = f"embed_posts: read new posts of {POSTS.name}@{version} by {model_id}, write {POST_EMBEDDINGS.name}"
        return Outcome(status="dry_run", plan=[plan])
    model_id = embed_missing(context, job.embeddings)
    return Outcome(metrics={"embeddings": {"model_id": model_id}}, device="cpu")


def embed_missing(context: Context, params: EmbeddingParams) -> str:
    """Bring `gold.post_embeddings` up to date; the model_id of its encoder."""
    catalog, folder = context.catalog, folder_of(params)
    model_id = verify_model(folder).model_id
    read = catalog.read(POST_LANGUAGE).where(IS_READ).select(POST_ID)
    posts = (
        catalog.read(POSTS)
        .select(POST_ID, TEXT)
        .where(F.length(F.trim(TEXT)) > 0)
        .join(read, on=POST_ID, how="left_semi")
    )
    pending = unanswered(posts, catalog.read_or_empty(POST_EMBEDDINGS), model_id=model_id)
    if pending.isEmpty():
        catalog.create(POST_EMBEDDINGS)
        log.info("no new post to embed")
        return model_id
    model = load_embedding_model(context.spark, folder, staging=context.staging)
    context.progress.step("reading posts")
    catalog.merge(POST_EMBEDDINGS, embed_posts(pending, model=model, partitions=params.partitions))
    return model_id


def folder_of(params: EmbeddingParams) -> Path:
    """Where the encoder lies."""
    return shipped("models", "embeddings") if params.model == PACKAGED else Path(params.model)
