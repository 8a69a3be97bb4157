"""`annotate`: reads new or changed `silver.posts`; writes `gold.entity_sentiment`, `gold.post_entities`, `gold.post_sentiment`
and `gold.post_language`."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.jobs import ledger
from social_signals.jobs.job import Context, Job, Outcome
from social_signals.nlp import (
    annotate,
    entities_of,
    entity_model,
    entity_sentiment,
    languages_of,
    model_card,
    sentiment_model,
    sentiment_of,
    text_hash,
)
from social_signals.nlp.gazetteer import Gazetteer
from social_signals.nlp.params import TextParams
from social_signals.tables.gold_texts import (
    ENTITY_SENTIMENT,
    IS_READ,
    LANGUAGE,
    POST_ENTITIES,
    POST_LANGUAGE,
    POST_SENTIMENT,
    READ_BY,
    TEXT_HASH,
)
from social_signals.tables.silver import (
    BRAND,
    CAMPAIGNS,
    DISPLAY_NAME,
    HANDLE,
    ITEMS,
    POST_ID,
    POSTS,
    TEXT,
    TITLE,
    USERS,
)
from social_signals.tables.table import Table

log = logging.getLogger(__name__)

# In the order they are written: the last one says which posts are done, so a run that dies before it does them again.
WRITTEN = (ENTITY_SENTIMENT, POST_ENTITIES, POST_SENTIMENT, POST_LANGUAGE)
# Settings that name a model.
READERS = ("sentiment", "entities")
# Languages shown in the metrics; the others are counted together.
MOST_LANGUAGES = 20
# They travel to every task that reads texts.
MOST_NAMES = 100_000


@dataclass
class AnnotateJob(Job):
    """Which posts are read follows from the tables: those whose text has no answer yet."""

    text: TextParams = field(default_factory=TextParams)


SCHEMA = AnnotateJob


def run(job: AnnotateJob, context: Context) -> Outcome:
    """Language, sentiment and entities of every post that is new or whose text changed; a post is never read twice."""
    catalog, text = context.catalog, job.text

    @cache
    def gazetteer() -> Gazetteer:
        return known_names(context) if text.gazetteer else Gazetteer()

    @cache
    def readers() -> str:
        """The ids of all that reads, in order, with blanks between, and the languages that they were given."""
        ids = {model_card(getattr(text, task), task=task).model_id for task in READERS}
        ids |= {gazetteer().model_id} if gazetteer() else set()
        return " ".join([*sorted(ids), f"languages:{','.join(sorted(text.languages))}"])

    pending = unread(
        changed_posts(context, everything=text.reread).select(POST_ID, TEXT),
        catalog.read_or_empty(POST_LANGUAGE),
        read_by=readers() if text.reread else None,
    )
    if job.dry_run:
        version = catalog.read_versions[POSTS.name]
        tables = ", ".join(table.name for table in WRITTEN)
        return Outcome(status="dry_run", plan=[f"annotate: read new posts of {POSTS.name}@{version}, write {tables}"])
    context.progress.step("looking for posts that nobody has read")
    if pending.isEmpty():
        # A later stage may count on the tables being there; the models need not be loaded for that.
        for table in WRITTEN:
            catalog.create(table)
        log.info("no new post to annotate")
        return Outcome()
    context.progress.step("reading posts")
    sentiment = sentiment_model(context.spark, text.sentiment, staging=context.staging)
    entities = entity_model(context.spark, text.entities, staging=context.staging)
    # All tables are cut from one pass over the texts; without this each write would run the models again.
    annotated = annotate(
        pending,
        sentiment=sentiment,
        entities=entities,
        gazetteer=gazetteer(),
        languages=text.languages,
        partitions=text.partitions,
    ).persist()
    keys = pending.select(POST_ID)
    try:
        # First, and by itself: the moods of sentences scan the frame twice at a time, and two executors would both read what is not
        # kept yet, the last texts twice.
        counts = counted(annotated)
        if text.aspects:
            context.progress.step("reading the sentences that name something")
            moods = entity_sentiment(annotated, pending, model=sentiment, partitions=text.partitions)
            catalog.replace_keys(ENTITY_SENTIMENT, moods, keys=keys)
        else:
            catalog.create(ENTITY_SENTIMENT)
        catalog.replace_keys(POST_ENTITIES, entities_of(annotated), keys=keys)
        catalog.replace_keys(POST_SENTIMENT, sentiment_of(annotated), keys=keys)
        catalog.merge(POST_LANGUAGE, languages_of(annotated, read_by=readers()))
    finally:
        annotated.unpersist()
    log.info("%d of %d posts are in %s and were read", counts["read"], counts["posts"], ", ".join(text.languages))
    return Outcome(metrics={"annotate": counts}, device="cpu")


def known_names(context: Context) -> Gazetteer:
    """Titles of items, brands of campaigns, names and accounts of creators, as far as there are such tables."""
    catalog = context.catalog

    def names(table: Table, column: str, where: str = "true") -> list[str]:
        rows = catalog.read_or_empty(table).where(where).where(F.col(column).isNotNull()).select(column).distinct()
        found = [row[0] for row in rows.limit(MOST_NAMES + 1).collect()]
        if len(found) > MOST_NAMES:
            log.warning(
                "%s has more than %d values of %s: none of them is a known name", table.name, MOST_NAMES, column
            )
            return []
        # The order of a frame is nobody's to rely on, and where two names meet in one form the first one stays.
        return sorted(found)

    # A creator called Will or Hope would be everywhere; of people only full names are known.
    people = [name for name in names(USERS, DISPLAY_NAME, "is_creator") if len(name.split()) > 1]
    return Gazetteer.of(
        [
            *((name, "product") for name in names(ITEMS, TITLE)),
            *((name, "organization") for name in names(CAMPAIGNS, BRAND)),
            *((name, "person") for name in people),
        ],
        handles=[(name, "person") for name in names(USERS, HANDLE, "is_creator")],
    )


def changed_posts(context: Context, *, everything: bool) -> DataFrame:
    """The posts that may have to be read: those of the change feed since the last run, or all where that is not known.

    The feed only spares looking at all posts; what is done is told by `gold.post_language` itself.
    """
    catalog = context.catalog
    posts = catalog.read(POSTS)
    version = catalog.read_versions[POSTS.name]
    since = ledger.last_input_version(context, job="annotate", table=POSTS)
    if everything or since is None or since > version or not catalog.exists(POST_LANGUAGE):
        return posts
    if since == version:
        return posts.limit(0)
    changed = catalog.changed_keys(POSTS, since=since, until=version)
    return posts if changed is None else posts.join(changed, on=list(POSTS.key), how="left_semi")


def unread(posts: DataFrame, done: DataFrame, *, read_by: str | None = None) -> DataFrame:
    """The posts whose text, as it is now, `gold.post_language` does not know; or, with `read_by`, not from these models."""
    if read_by is not None:
        done = done.where(F.col(READ_BY) == read_by)
    hashed = posts.withColumn(TEXT_HASH, text_hash(F.col(TEXT)))
    return hashed.join(done.select(POST_ID, TEXT_HASH), on=[POST_ID, TEXT_HASH], how="left_anti").select(POST_ID, TEXT)


def counted(annotated: DataFrame) -> dict[str, Any]:
    """Posts, those that were read, and posts by language, most frequent first."""
    one: Column = F.count(F.lit(1))
    rows = annotated.groupBy(LANGUAGE, IS_READ).agg(one.alias("posts")).collect()
    ranked = sorted(rows, key=lambda row: (-row["posts"], row[LANGUAGE]))
    languages = {row[LANGUAGE]: row["posts"] for row in ranked[:MOST_LANGUAGES]}
    rest = sum(row["posts"] for row in ranked[MOST_LANGUAGES:])
    total = sum(row["posts"] for row in rows)
    read = sum(row["posts"] for row in rows if row[IS_READ])
    return {"posts": total, "read": read, "languages": languages | ({"other": rest} if rest else {})}
