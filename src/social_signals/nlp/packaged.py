"""The packaged models: checked against their manifest, then loaded into Spark. Nothing is downloaded."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from pyspark.sql import SparkSession

from social_signals.core.errors import ModelMismatchError, ResourceError
from social_signals.core.jars import PACKAGES
from social_signals.nlp.words import CASE_MARKS
from social_signals.tables.gold_texts import ENTITY_TYPES, SENTIMENTS

MANIFEST, CARD = "manifest.json", "card.json"
# How a model was made where its card names no other way: an encoder fine-tuned as a whole, one graph.
FINETUNE = "finetune"
# Texts in one run of a model: more gain nothing on a processor (measured), and hold more memory.
BATCH = 16
# The families of Spark NLP's stages that cut words with BERT's WordPiece.
_WORDPIECE = ("Bert", "DistilBert")
# The columns of Spark NLP's annotations that a stage reads: words with their case marks, or words as they are written.
MARKED, WRITTEN = ("document", "token"), ("written_document", "written_token")


@dataclass(frozen=True)
class ModelCard:
    """What a packaged model is and how good it was; `model_id` names its weights and travels with every row it wrote."""

    model_id: str
    task: str
    what: str
    labels: tuple[str, ...]
    seed: int
    params: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    method: str = FINETUNE


@dataclass(frozen=True)
class SentimentModel:
    """A loaded sentiment model: its card and the Spark NLP stage that reads the columns `inputs`.

    names: what each of its labels is among ours. inputs: MARKED where it was trained on the words of `split_words` with their
    case marks, as our own are, WRITTEN where it reads words as they are written.
    """

    card: ModelCard
    stage: Any
    names: Mapping[str, str] = field(default_factory=lambda: dict(zip(SENTIMENTS, SENTIMENTS, strict=True)))
    inputs: tuple[str, str] = MARKED


@dataclass(frozen=True)
class EntityModel:
    """A loaded entity model, as `SentimentModel`; names: what each of its entity types is among ours."""

    card: ModelCard
    stage: Any
    names: Mapping[str, str] = field(default_factory=lambda: dict(zip(ENTITY_TYPES, ENTITY_TYPES, strict=True)))
    inputs: tuple[str, str] = MARKED


def verify_model(folder: Path) -> ModelCard:
    """The card of a packaged model whose files are exactly those it was packaged with.

    Raises ModelMismatchError for a file that is missing, changed or new, and where there is no packaged model at all.
    """
    for name in (MANIFEST, CARD):
        if not (folder / name).is_file():
            raise ModelMismatchError(
                f"there is no packaged model at {folder}: it has no {name}",
                hint="give the folder that train_sentiment or train_entities wrote, or leave the setting out for the packaged one",
            )
    expected: dict[str, str] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    # Hadoop writes .crc files beside what it copies; they are no part of a model, and it ignores hidden files itself
    present = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".") and path != folder / MANIFEST
    }
    changed = {name for name in present & set(expected) if sha256_of(folder / name) != expected[name]}
    faults = {
        "missing": sorted(set(expected) - present),
        "changed": sorted(changed),
        "not part of it": sorted(present - set(expected)),
    }
    found = "; ".join(f"{fault}: {', '.join(names)}" for fault, names in faults.items() if names)
    if found:
        raise ModelMismatchError(
            f"the model at {folder} is not the one that was packaged ({found})",
            hint="restore the folder from the repository or the wheel, or package the model again with models/recipes",
        )
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    return ModelCard(
        model_id=card["model_id"],
        task=card["task"],
        what=card["what"],
        labels=tuple(card["labels"]),
        seed=card["seed"],
        params=card["params"],
        metrics=card["metrics"],
        method=card.get("method", FINETUNE),
    )


def sign(folder: Path, card: Mapping[str, Any]) -> None:
    """Write a model's card, then the manifest with the SHA-256 of every file, which `verify_model` checks."""
    (folder / CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST and not p.name.startswith("."))
    manifest = {"algorithm": "sha256", "files": {p.relative_to(folder).as_posix(): sha256_of(p) for p in files}}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def put_in_place(made: Path, folder: Path) -> None:
    """Copy a signed model to its folder, whole: a reader finds the one that was there, the new one, or none."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unfinished-") as scratch:
        unfinished = Path(scratch) / "model"
        shutil.copytree(made, unfinished)
        unfinished.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.rename(folder)


def load_sentiment_model(spark: SparkSession, folder: Path, *, staging: str | None = None) -> SentimentModel:
    """The sentiment model of a folder on the driver, checked first.

    Spark NLP reads a model's words on the executors: where they do not see the driver's disk, `staging` names a folder on
    shared storage that they do see, and the model is copied there once.
    """
    return SentimentModel(
        *load_stage(spark, folder, staging, task="sentiment", annotator="BertForSequenceClassification")
    )


def load_entity_model(spark: SparkSession, folder: Path, *, staging: str | None = None) -> EntityModel:
    """The entity model of a folder on the driver, checked first. `staging` as for `load_sentiment_model`."""
    return EntityModel(*load_stage(spark, folder, staging, task="entities", annotator="BertForTokenClassification"))


def load_stage(
    spark: SparkSession, folder: Path, staging: str | None, *, task: str, annotator: str
) -> tuple[ModelCard, Any]:
    """The card of a packaged model of `task`, checked, and its Spark NLP stage, which reads MARKED."""
    card = card_of(folder, task=task)
    require_spark_nlp(spark)
    address = address_of(spark, folder, card, staging=staging)
    stage = _stage(spark.sparkContext.applicationId, address, card.model_id, annotator)
    return card, stage.setInputCols(list(MARKED)).setOutputCol(task).setBatchSize(BATCH)


@lru_cache(maxsize=4)
def _stage(application_id: str, address: str, model_id: str, annotator: str) -> Any:
    """A stage is loaded once a session, not once a job: its vocabulary and its graph take seconds."""
    del application_id, model_id  # another session, or other weights at the same place, are another stage
    from sparknlp import annotator as annotators

    return getattr(annotators, annotator).load(address)


def pieces_of(stage: Any) -> frozenset[str]:
    """The word pieces in lower case that a stage of a text model cuts words into; none for a kind that has no WordPiece."""
    reader = getattr(stage, "encoder", stage)  # a head sees words through the encoder below it
    return _vocabulary_of(reader) if type(reader).__name__.startswith(_WORDPIECE) else frozenset()


@lru_cache(maxsize=8)
def _vocabulary_of(annotator: Any) -> frozenset[str]:
    entries = annotator._java_obj.vocabulary().get().get().keys().mkString("\n").split("\n")
    return frozenset(piece for piece in entries if piece[:1] not in CASE_MARKS)


def card_of(folder: Path, *, task: str) -> ModelCard:
    """The card of a packaged model that is for `task`; raises ModelMismatchError where it is for another."""
    card = verify_model(folder)
    if card.task != task:
        raise ModelMismatchError(
            f"the model at {folder} is for {card.task}, but {task} was asked for",
            hint="give a model of that task, or leave the setting out for the packaged one",
        )
    return card


def address_of(spark: SparkSession, folder: Path, card: ModelCard, *, staging: str | None) -> str:
    """Where executors read a model's folder: where it lies, or its copy in the folder `staging` on shared storage."""
    address = folder.absolute().as_uri()
    return address if staging is None else staged(spark, address, f"{staging.rstrip('/')}/{card.model_id}")


def staged(spark: SparkSession, source: str, target: str) -> str:
    """Copies a model's folder to shared storage unless it is there; the name holds the hash of its weights."""
    jvm: Any = spark.sparkContext._jvm
    configuration = spark.sparkContext._jsc.hadoopConfiguration()
    there, on_its_way = (jvm.org.apache.hadoop.fs.Path(name) for name in (target, f"{target}-{uuid4().hex}"))
    storage = there.getFileSystem(configuration)
    if not storage.exists(there):
        # renamed when whole, so that no reader ever finds half a model
        storage.copyFromLocalFile(False, True, jvm.org.apache.hadoop.fs.Path(source), on_its_way)
        if not storage.rename(on_its_way, there):
            storage.delete(on_its_way, True)
    return target


def require_spark_nlp(spark: SparkSession) -> None:
    """Spark NLP is a wheel and a jar; without the jar its first call says only `'JavaPackage' object is not callable`."""
    coordinate = next(package for package in PACKAGES if ":spark-nlp_" in package)
    version = coordinate.rsplit(":", 1)[1]
    try:
        import sparknlp  # noqa: F401  (looked for, not used)
    except ImportError as error:
        raise ResourceError(
            "Spark NLP's Python package is not installed", hint=f"pip install spark-nlp=={version}"
        ) from error
    jvm: Any = spark.sparkContext._jvm
    # py4j answers with a package, not a class, for a name that no jar on the class path has
    if not isinstance(
        jvm.com.johnsnowlabs.nlp.annotators.classifier.dl.BertForTokenClassification, type(jvm.java.lang.String)
    ):
        raise ResourceError(
            f"this Spark session has no Spark NLP jar ({coordinate} is not on its class path)",
            hint=f"start Spark with `--packages {coordinate}` (spark.jars.packages), attach it as a Maven library on "
            "Databricks, or start the job with ./spark-submit.sh, which brings it",
        )


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
