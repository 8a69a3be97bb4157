"""Topics and vectors of posts, on the tables of a pipeline run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from social_signals.core.places import shipped
from social_signals.nlp.embeddings import embed_texts, load_embedding_model
from tests.pipeline.conftest import Ran


@pytest.fixture(scope="module")
def own_lakehouse(sample_lakehouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what text jobs read and write, to write to."""
    root = tmp_path_factory.mktemp("topics") / "lakehouse"
    for part in (
        "silver/posts",
        "silver/consents",
        "gold/post_language",
        "gold/topics",
        "gold/post_topics",
        "models/topics",
    ):
        shutil.copytree(sample_lakehouse / part, root / part)
    return root


def rows(spark: SparkSession, root: Path, table: str) -> list[Any]:
    return spark.read.format("delta").load(str(root / table)).collect()


def test_the_pipeline_says_what_posts_and_creators_are_about(
    spark_session: SparkSession, sample_lakehouse: Path
) -> None:
    topics = {row.topic: row for row in rows(spark_session, sample_lakehouse, "gold/topics")}
    assert len(topics) > 1
    assert len({row.label for row in topics.values()}) == len(topics)
    about = rows(spark_session, sample_lakehouse, "gold/post_topics")
    assert {row.topic for row in about} <= {*topics, None}
    creators = rows(spark_session, sample_lakehouse, "gold/creator_topics")
    shares: dict[str, float] = {}
    for row in creators:
        shares[row.user_id] = shares.get(row.user_id, 0.0) + row.share
    assert shares
    assert all(0.8 < share <= 1.0 + 1e-5 for share in shares.values())


def test_topics_learnt_anew_keep_their_numbers(
    job_runner: Callable[..., Ran], spark_session: SparkSession, own_lakehouse: Path
) -> None:
    before = {row.topic: row.label for row in rows(spark_session, own_lakehouse, "gold/topics")}
    ran = job_runner(
        "find_topics",
        own_lakehouse,
        "topics.refit=true",
        f"topics.counts=[{len(before)}]",
        "as_of=2024-01-01",
    )
    assert ran.code == 0, ran.summary.error
    after = {row.topic: row.label for row in rows(spark_session, own_lakehouse, "gold/topics")}
    kept = {number for number, label in after.items() if before.get(number) == label}
    assert len(kept) > len(before) / 2
    models = {row.model_id for row in rows(spark_session, own_lakehouse, "gold/post_topics")}
    assert models == {ran.summary.metrics["topics"]["model_id"]}


def test_every_post_that_is_read_has_a_vector_once(
    job_runner: Callable[..., Ran], spark_session: SparkSession, own_lakehouse: Path
) -> None:
    ran = job_runner("embed_posts", own_lakehouse)
    assert ran.code == 0, ran.summary.error
    vectors = rows(spark_session, own_lakehouse, "gold/post_embeddings")
    assert len(vectors) == len({row.post_id for row in vectors}) > 100
    assert all(sum(x * x for x in row.embedding) == pytest.approx(1.0, abs=1e-4) for row in vectors[:100])
    # texts that are no posts lie where a post with their words would
    two = {row.post_id: row.embedding for row in vectors[:2]}
    texts = {row.post_id: row.text for row in rows(spark_session, own_lakehouse, "silver/posts") if row.post_id in two}
    model = load_embedding_model(spark_session, shipped("models", "embeddings"))
    found = embed_texts(spark_session, list(texts.values()), model=model)
    assert np.abs(found - np.array([two[name] for name in texts])).max() < 1e-5
    again = job_runner("embed_posts", own_lakehouse)
    assert again.summary.tables.get("gold.post_embeddings", {}).get("written", 0) == 0
