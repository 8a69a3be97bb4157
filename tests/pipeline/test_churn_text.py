"""What people write as features of churn, through the jobs: fitted, joined, told apart, and made again when people are scored."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from social_signals.core.progress import Progress
from social_signals.features import USER_FEATURES
from social_signals.jobs.churn_text import with_kept_texts
from social_signals.jobs.embed_posts import EmbeddingParams
from social_signals.jobs.job import Context
from social_signals.models.artefact import MANIFEST_FILE, TEXT_FILE, load
from social_signals.models.text_reader import TextReader
from social_signals.tables.catalog import Catalog
from social_signals.tables.gold_texts import POST_EMBEDDINGS
from social_signals.tables.silver import POSTS
from social_signals.tables.store import CatalogParams
from tests.pipeline.conftest import SMALL_SAMPLE, Ran

CHURN = [
    *(setting for setting in SMALL_SAMPLE if setting.startswith("churn.")),
    "churn.text.features=embeddings", "churn.text.model=frozen", "churn.text.components=4", "churn.text.folds=2",
    "churn.calibration_folds=2",
]  # fmt: skip
QUIET = ["model=quick", "tracking.enabled=false", "tracking.gate=off"]


@pytest.fixture(scope="module")
def trained(job_runner: Callable[..., Ran], sample_lakehouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The sample's lakehouse once more, with a churn model that reads texts in charge of it."""
    root = tmp_path_factory.mktemp("texts") / "lakehouse"
    shutil.copytree(sample_lakehouse, root)
    ran = job_runner("train_churn", root, *CHURN, *QUIET)
    assert ran.code == 0, ran.summary.error
    return ran


def folder_of(ran: Ran) -> Path:
    return ran.root / "models" / "churn" / ran.summary.metrics["gate"]["churn"]["model_id"]


def test_the_card_says_what_text_added_and_the_folder_holds_what_reads_it(trained: Ran) -> None:
    added = trained.summary.metrics["churn"]["text"]
    assert added["difference"] == pytest.approx(added["roc_auc"] - added["roc_auc_without"], abs=1e-6)
    assert added["low"] <= added["difference"] <= added["high"]
    assert added["roc_auc"] == pytest.approx(trained.summary.metrics["churn"]["test"]["roc_auc"], abs=1e-3)
    model = load(folder_of(trained))
    assert model.features[-5:] == ["text_vector_1", "text_vector_2", "text_vector_3", "text_vector_4", "p_churn_text"]
    assert model.card["text"]["reader"]["kind"] == "embeddings"
    assert model.card["text"]["model"]["model_id"].startswith("churn_text-frozen-")
    assert model.text is not None
    assert TextReader.from_json(json.loads(model.text)["reader"]).columns == model.features[-5:-1]
    assert TEXT_FILE in json.loads((folder_of(trained) / MANIFEST_FILE).read_text())


def test_nobody_before_the_test_is_told_by_a_model_that_saw_them(trained: Ran, spark_session: SparkSession) -> None:
    said = spark_session.read.format("delta").load(str(trained.root / "gold/churn_text"))
    splits = load(folder_of(trained)).card["splits"]
    day = F.date_format("as_of", "yyyy-MM-dd")
    by_day = {
        row.day: row.apart
        for row in said.groupBy(day.alias("day")).agg(F.collect_set("is_out_of_fold").alias("apart")).collect()
    }
    assert {d: apart for d, apart in by_day.items() if d in splits["test"]} == {
        d: [False] for d in by_day if d in splits["test"]
    }
    assert all(by_day[d] == [True] for d in by_day if d in {*splits["train"], *splits["valid"], *splits["between"]})
    assert set(splits["train"]) & set(by_day)


def test_scoring_reads_texts_as_the_model_learnt_to(
    trained: Ran, job_runner: Callable[..., Ran], spark_session: SparkSession
) -> None:
    scored = job_runner("score_churn", trained.root)
    assert scored.code == 0, scored.summary.error
    model = load(folder_of(trained))
    assert model.text is not None
    as_of = datetime.fromisoformat(str(scored.summary.as_of)).replace(tzinfo=timezone.utc)
    catalog = Catalog(spark_session, CatalogParams(root=str(trained.root)), run_id="test")
    context = Context(spark_session, catalog, "test", as_of, Progress())
    people = catalog.read(USER_FEATURES).where(F.col("as_of") == F.lit(as_of))
    joined = with_kept_texts(context, people, artefact=model, as_of=[as_of], embeddings=EmbeddingParams())
    read = {row.user_id: row for row in joined.select("user_id", "text_vector_1", "p_churn_text").collect()}

    # the same by hand, from the reader in the model's folder
    reader = TextReader.from_json(json.loads(model.text)["reader"])
    written = catalog.read(POSTS).where(
        F.col("event_ts").between(as_of - timedelta(days=90), as_of - timedelta(seconds=1))
    )
    rows = written.where(F.col("ingested_ts") < F.lit(as_of)).join(catalog.read(POST_EMBEDDINGS), on="post_id")
    found: dict[str, list[float]] = {}
    for row in rows.select("author_id", "embedding").collect():
        found.setdefault(row.author_id, []).append(reader.read_vectors(np.array([row.embedding]))[0, 0])
    assert len(found) > 20
    means = {user: float(np.mean(values)) for user, values in found.items() if user in read}
    assert {user: read[user].text_vector_1 for user in means} == pytest.approx(means, abs=2e-6)
    assert all(row.text_vector_1 is None and row.p_churn_text is None for u, row in read.items() if u not in means)
    assert all(0 < read[user].p_churn_text < 1 for user in means)

    text = folder_of(trained) / TEXT_FILE
    text.write_bytes(model.text.replace(b'"days": 90', b'"days": 91'))
    refused = job_runner("score_churn", trained.root)
    text.write_bytes(model.text)
    assert refused.code == 3
    assert refused.summary.error is not None
    assert "text.json is not the file that was saved" in refused.summary.error["problem"]


def test_the_text_model_alone_is_the_one_that_the_churn_model_reads(
    trained: Ran, job_runner: Callable[..., Ran]
) -> None:
    ran = job_runner("train_text_churn", trained.root, *CHURN, "tracking.enabled=false")
    assert ran.code == 0, ran.summary.error
    said = ran.summary.metrics["churn_text"]
    assert said["model_id"] == load(folder_of(trained)).card["text"]["model"]["model_id"]
    assert 0 <= said["test"]["roc_auc_low"] <= said["test"]["roc_auc"] <= said["test"]["roc_auc_high"] <= 1
    assert 0.3 < said["out_of_fold"]["roc_auc"] <= 1


def test_a_fine_tuned_model_must_be_there_before_it_is_read(trained: Ran, job_runner: Callable[..., Ran]) -> None:
    ran = job_runner("train_churn", trained.root, *CHURN, *QUIET, "churn.text.model=finetune")
    assert ran.code == 2
    assert ran.summary.error is not None
    assert "no text model has been fine-tuned on these examples" in ran.summary.error["problem"]
    ran = job_runner("train_text_churn", trained.root, *CHURN, "churn.text.model=finetune")
    assert ran.code == 2
    assert ran.summary.error is not None
    assert ran.summary.error["problem"] == "train.encoder is empty"
