"""Fine-tuning as a job, on a tiny encoder made here: labelled lines in, a model that Spark NLP serves out."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from social_signals.core.places import shipped
from social_signals.nlp.finetune.launch import NEEDED
from social_signals.nlp.packaged import verify_model
from tests.pipeline.conftest import Ran

GOOD, BAD, PLAIN = ["love", "great", "happy", "best"], ["awful", "hate", "sad", "worst"], ["train", "table", "monday"]
NAMES, PLACES = ["anna", "bob", "carla"], ["paris", "rome", "oslo"]
FILLER = ["the", "a", "in", "with", "today", "really", "was", "met"]


def test_without_pytorch_the_job_says_what_to_install(job_runner: Callable[..., Ran], tmp_path: Path) -> None:
    try:
        import torch  # noqa: F401
    except ImportError:
        ran = job_runner(
            "train_sentiment", tmp_path / "lakehouse", "labelled.train=[x.tsv]", f"train.encoder={tmp_path}"
        )
        assert ran.code == 5
        assert ran.summary.error is not None
        assert "fine-tuning needs torch" in ran.summary.error["problem"]
        assert "pip install 'social-signals[finetune]'" in ran.summary.error["hint"]
    else:
        pytest.skip("PyTorch is installed here")


def test_a_job_without_an_encoder_says_so(job_runner: Callable[..., Ran], tmp_path: Path) -> None:
    ran = job_runner("train_entities", tmp_path / "lakehouse", "labelled.train=[x.conll]")
    assert (ran.code, ran.summary.error and ran.summary.error["problem"]) == (2, "train.encoder is empty")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of one layer with random weights, 32 wide, that knows the words of these tests."""
    for name in NEEDED:
        pytest.importorskip(name, reason="the extra `finetune` (PyTorch, 6 GB) is not installed")
    import torch
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("encoder")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *GOOD, *BAD, *PLAIN, *NAMES, *PLACES, *FILLER]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    BertModel(config).save_pretrained(str(folder), safe_serialization=True)
    return folder


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 posts whose mood is that of one word."""
    rng = random.Random(7)
    lines = []
    for number in range(300):
        label, words = rng.choice([("positive", GOOD), ("negative", BAD), ("neutral", PLAIN)])
        text = [rng.choice(words), *rng.choices(FILLER, k=rng.randint(2, 8))]
        rng.shuffle(text)
        lines.append(f"{number}\t{label}\t{' '.join(text)}")
    path = tmp_path_factory.mktemp("posts") / "posts.tsv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = random.Random(7)
    lines = []
    for _ in range(300):
        words = [(rng.choice(FILLER), "O") for _ in range(rng.randint(2, 6))]
        words.insert(
            rng.randint(0, len(words)), rng.choice([(rng.choice(NAMES), "B-PER"), (rng.choice(PLACES), "B-LOC")])
        )
        lines.append("\n".join(f"{word}\t{tag}" for word, tag in words) + "\n")
    path = tmp_path_factory.mktemp("sentences") / "sentences.conll"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


QUICK = ["train.epochs=8", "train.lr=0.005", "train.head_lr=0.01", "train.patience=20", "train.checks_per_epoch=1"]


def test_labelled_posts_become_a_model_that_serves(
    job_runner: Callable[..., Ran], encoder: Path, posts: Path, tmp_path: Path
) -> None:
    settings = [f"train.encoder={encoder}", f"labelled.train=[{posts}]", "labelled.columns=[id, label, text]", *QUICK]
    ran = job_runner("train_sentiment", tmp_path / "lakehouse", *settings, "baselines.epochs=20")
    assert ran.code == 0, ran.summary.error
    said = ran.summary.metrics["sentiment"]
    assert said["macro_recall"]["spark_nlp_int8"] > 0.9
    assert said["spark_nlp_agrees_with_onnxruntime"] == 1.0
    assert set(said["baselines"]) == {"tfidf_logistic_regression", "tfidf_decision_tree", "convolutional_network"}
    assert min(b["macro_recall"] for b in said["baselines"].values()) > 0.6
    assert verify_model(Path(said["folder"])).model_id == said["model_id"]

    again = job_runner("train_sentiment", tmp_path / "lakehouse", *settings, "baselines.epochs=20")
    assert again.summary.metrics == ran.summary.metrics
    assert again.summary.seconds < ran.summary.seconds / 2

    labelled = tmp_path / "file.tsv"
    labelled.write_text("i love the train\tpositive\nworst monday\tnegative\n", encoding="utf-8")
    model = f"text.sentiment.model={said['folder']}"
    measured = job_runner("evaluate", tmp_path / "lakehouse", "task=sentiment", f"evaluate.path={labelled}", model)
    assert measured.summary.metrics["sentiment"]["macro_recall"] == 1.0


def test_labelled_sentences_become_a_model_that_serves_trained_by_two(
    job_runner: Callable[..., Ran], encoder: Path, sentences: Path, tmp_path: Path
) -> None:
    ran = job_runner(
        "train_entities", tmp_path / "lakehouse", f"train.encoder={encoder}", f"labelled.train=[{sentences}]", *QUICK,
        "train.workers=2", "train.threads=1", "train.ema_decay=0.5", f"out={tmp_path / 'model'}",
    )  # fmt: skip
    assert ran.code == 0, ran.summary.error
    said = ran.summary.metrics["entities"]
    assert said["valid_0"]["strict_f1"]["spark_nlp_int8"] > 0.9
    card = json.loads((tmp_path / "model" / "card.json").read_text())
    assert card["labels"][:3] == ["O", "B-person", "I-person"]
    assert [look[0] for look in card["training"]["looks"]] == sorted(look[0] for look in card["training"]["looks"])


def test_what_people_write_becomes_a_feature_of_churn(
    job_runner: Callable[..., Ran], encoder: Path, sample_lakehouse: Path, spark_session: SparkSession, tmp_path: Path
) -> None:
    root = tmp_path / "lakehouse"
    shutil.copytree(sample_lakehouse, root)
    churn = [
        "churn.max_cutoffs=24", "churn.text.model=finetune", "churn.text.folds=2", "churn.calibration_folds=2",
        "tracking.enabled=false",
    ]  # fmt: skip
    ran = job_runner("train_text_churn", root, *churn, f"train.encoder={encoder}", "train.batch_size=16")
    assert ran.code == 0, ran.summary.error
    said = ran.summary.metrics["churn_text"]
    assert said["log_loss"]["spark_nlp_int8"] == pytest.approx(said["log_loss"]["onnx_float32"], abs=0.05)
    assert 0 < said["out_of_fold"]["roc_auc"] <= 1
    kept = spark_session.read.format("delta").load(str(root / "gold/churn_text"))
    assert {row.is_out_of_fold for row in kept.select("is_out_of_fold").distinct().collect()} == {True, False}

    trained = job_runner("train_churn", root, *churn, "model=quick", "tracking.gate=off")
    assert trained.code == 0, trained.summary.error
    assert {"difference", "low", "high"} <= set(trained.summary.metrics["churn"]["text"])
    scored = job_runner("score_churn", root)
    assert scored.code == 0, scored.summary.error
    again = kept.where(F.col("model_id") == said["model_id"]).agg(F.max("as_of")).first()
    assert again is not None
    assert again[0].date().isoformat() == scored.summary.as_of[:10]


def test_a_process_that_dies_is_a_sentence(
    job_runner: Callable[..., Ran], encoder: Path, posts: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in encoder.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    (broken / "vocab.txt").write_text("only\nwords\n", encoding="utf-8")
    ran = job_runner(
        "train_sentiment", tmp_path / "lakehouse", f"train.encoder={broken}", f"labelled.train=[{posts}]",
        "labelled.columns=[id, label, text]",
    )  # fmt: skip
    assert ran.code == 5
    assert ran.summary.error is not None
    assert "the vocabulary has no [PAD]" in ran.summary.error["problem"]


def test_the_packaged_models_are_small_enough_and_whole() -> None:
    for task in ("sentiment", "entities"):
        folder = shipped("models", task)
        verify_model(folder)
        assert sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) < 30 * 2**20
