"""From the setting `text.<task>.model` to a loaded model: the packaged one, a folder, or a name of Spark NLP's hub."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from social_signals.core.errors import ConfigError, ModelMismatchError, ResourceError, did_you_mean
from social_signals.core.places import shipped
from social_signals.evaluation.text import tagset_of
from social_signals.nlp.head_models import load_entity_head, load_sentiment_head
from social_signals.nlp.packaged import (
    CARD,
    FINETUNE,
    WRITTEN,
    EntityModel,
    ModelCard,
    SentimentModel,
    load_entity_model,
    load_sentiment_model,
    require_spark_nlp,
    staged,
    verify_model,
)
from social_signals.nlp.params import PACKAGED, TextModelParams
from social_signals.tables.gold_texts import ENTITY_TYPES, SENTIMENTS

log = logging.getLogger(__name__)

# What a class must be called to read document and token and to answer for each text, or for each token.
_FAMILIES = {"sentiment": "ForSequenceClassification", "entities": "ForTokenClassification"}
_SENTIMENT_WORDS = {
    "negative": ("negative", "neg", "label_0", "0", "1 star", "2 stars", "very negative"),
    "neutral": ("neutral", "neu", "label_1", "1", "3 stars", "mixed"),
    "positive": ("positive", "pos", "label_2", "2", "4 stars", "5 stars", "very positive"),
}


def model_card(params: TextModelParams, *, task: str) -> ModelCard:
    """What is known of the model of a setting before it is loaded. `task` is sentiment or entities.

    A model that is not ours has a card without metrics; its model_id holds the hash of its files, or the name it has in the
    hub. Raises ModelMismatchError where a folder holds no model of that task, ConfigError where it is nowhere.
    """
    folder = _folder(params, task)
    if folder is None:
        return _foreign_card(f"{task}-{params.model}", task, what=f"{params.model} of Spark NLP's model hub")
    if (folder / CARD).is_file():
        return verify_model(folder)
    _annotator_of(folder, task)
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return _foreign_card(f"{task}-{folder.name}-{digest.hexdigest()[:12]}", task, what=f"Spark NLP model {folder.name}")


def sentiment_model(spark: SparkSession, params: TextModelParams, *, staging: str | None = None) -> SentimentModel:
    """The sentiment model of a setting, loaded. `staging` as for `load_sentiment_model`.

    Raises ConfigError where its labels mean nothing to us, ResourceError where it cannot be downloaded.
    """
    folder = _folder(params, "sentiment")
    if folder is not None and (folder / CARD).is_file():
        ours = verify_model(folder)
        load = load_sentiment_model if ours.method == FINETUNE else load_sentiment_head
        return load(spark, folder, staging=staging)
    card, stage = _loaded(spark, params, folder, staging, task="sentiment")
    classes = [str(name) for name in stage.getClasses()]
    names = sentiment_names(classes, params.labels)
    return SentimentModel(card, stage, names=names, inputs=WRITTEN)


def entity_model(spark: SparkSession, params: TextModelParams, *, staging: str | None = None) -> EntityModel:
    """The entity model of a setting, loaded; as `sentiment_model`. Types that we do not have (MISC, DATE) are left out."""
    folder = _folder(params, "entities")
    if folder is not None and (folder / CARD).is_file():
        ours = verify_model(folder)
        load = load_entity_model if ours.method == FINETUNE else load_entity_head
        return load(spark, folder, staging=staging)
    card, stage = _loaded(spark, params, folder, staging, task="entities")
    classes = [str(name) for name in stage.getClasses()]
    return EntityModel(card, stage, names=entity_names(classes, params.labels), inputs=WRITTEN)


def sentiment_names(classes: Iterable[str], told: Mapping[str, str]) -> dict[str, str]:
    """What each label of a model is among ours, by its name or as told. Raises ConfigError for one that says nothing.

    >>> sentiment_names(["LABEL_0", "LABEL_1", "LABEL_2"], {})
    {'LABEL_0': 'negative', 'LABEL_1': 'neutral', 'LABEL_2': 'positive'}
    >>> sentiment_names(["0", "1"], {})
    {'0': 'negative', '1': 'positive'}
    """
    classes = list(classes)
    _require_known(told, SENTIMENTS)
    names = {label: ours for ours, labels in _SENTIMENT_WORDS.items() for label in labels}
    if len(classes) == 2:
        # of two labels the second is no neutral one
        names |= {"1": "positive", "label_1": "positive"}
    found = {label: told.get(label, names.get(label.strip().lower(), "")) for label in classes}
    if unknown := [label for label, ours in found.items() if not ours]:
        raise ConfigError(
            f"the sentiment model has labels that say nothing: {', '.join(unknown)}",
            hint=f"say what each is: text.sentiment.labels={{{unknown[0]}: negative, ...}}",
        )
    return found


def entity_names(classes: Iterable[str], told: Mapping[str, str]) -> dict[str, str]:
    """What each entity type of a model is among ours, by its name or as told; types that are none of ours are missing.

    >>> entity_names(["O", "B-PER", "I-PER", "B-MISC", "I-ORG"], {})
    {'PER': 'person', 'ORG': 'organization'}
    """
    tags = list(classes)
    _require_known(told, ENTITY_TYPES)
    kinds = {tag.partition("-")[2]: None for tag in tags if "-" in tag}
    ours: dict[str, str] = {}
    for mine, theirs in tagset_of(tags).items():
        # a set without groups has one name for organisations and groups, and means the former more often
        ours.setdefault(theirs, mine)
    found = {kind: told.get(kind, ours.get(kind)) for kind in kinds}
    known = {kind: name for kind, name in found.items() if name}
    if not known:
        raise ConfigError(
            f"the entity model has no type that we know: {', '.join(kinds) or 'none at all'}",
            hint="say what each is: text.entities.labels={TYPE: person, ...}",
        )
    return known


def _require_known(told: Mapping[str, str], known: Iterable[str]) -> None:
    for label, name in told.items():
        if name not in known:
            raise ConfigError(f"label {label} cannot mean {name!r}", hint=did_you_mean(name, list(known)))


def _folder(params: TextModelParams, task: str) -> Path | None:
    """Where the model is; null for a name, which is no path."""
    if params.model == PACKAGED:
        return shipped("models", task)
    folder = Path(params.model)
    if (folder / CARD).is_file() or (folder / "metadata").is_dir():
        return folder
    if folder.exists() or not re.fullmatch(r"[A-Za-z0-9_.]+", params.model):
        raise ModelMismatchError(
            f"there is no packaged model at {folder}: it has no {CARD} and no metadata of Spark NLP",
            hint="give the folder that train_sentiment or train_entities wrote, one that Spark NLP saved, or leave the "
            "setting out for the packaged model",
        )
    return None


def _annotator_of(folder: Path, task: str) -> str:
    """The Spark NLP class that a folder was saved from."""
    parts = sorted((folder / "metadata").glob("part-*"))
    name = json.loads(parts[0].read_text(encoding="utf-8"))["class"].rpartition(".")[2] if parts else "nothing"
    return _require_family(name, task, where=str(folder))


def _require_family(name: str, task: str, *, where: str) -> str:
    if not name.endswith(_FAMILIES[task]):
        raise ModelMismatchError(
            f"{where} is a {name}, but {task} needs a class that ends in {_FAMILIES[task]}",
            hint=f"choose such a model, for example BertFor{_FAMILIES[task][3:]}",
        )
    return name


def _foreign_card(model_id: str, task: str, *, what: str) -> ModelCard:
    return ModelCard(model_id=model_id, task=task, what=what, labels=(), seed=0)


def _loaded(
    spark: SparkSession, params: TextModelParams, folder: Path | None, staging: str | None, *, task: str
) -> tuple[ModelCard, Any]:
    require_spark_nlp(spark)
    from sparknlp import annotator as annotators

    card = model_card(params, task=task)
    if folder is not None:
        address = folder.absolute().as_uri()
        if staging is not None:
            address = staged(spark, address, f"{staging.rstrip('/')}/{card.model_id}")
        stage = getattr(annotators, _annotator_of(folder, task)).load(address)
    else:
        name = params.annotator or f"Bert{_FAMILIES[task]}"
        kind = getattr(annotators, _require_family(name, task, where=f"text.{task}.annotator"), None)
        if kind is None:
            valid = [n for n in dir(annotators) if n.endswith(_FAMILIES[task])]
            raise ConfigError(f"Spark NLP has no {name}", hint=did_you_mean(name, valid))
        stage = _downloaded(kind, params, task=task)
    return card, stage.setInputCols(list(WRITTEN)).setOutputCol(task)


def _downloaded(kind: Any, params: TextModelParams, *, task: str) -> Any:
    log.warning(
        "text.%s.model=%s is no folder: Spark NLP downloads the pretrained model of that name", task, params.model
    )
    try:
        # Spark NLP tells of its downloads on stdout, whose last line is the job's
        with redirect_stdout(sys.stderr):
            stage = kind.pretrained(params.model, params.language)
        reason = "the hub has no such model, or does not answer"
    except Exception as error:
        stage = None
        lines = [
            line.strip() for line in str(error).splitlines() if line.strip() and not line.strip().startswith("at ")
        ]
        reason = (lines[1] if len(lines) > 1 else lines[0] if lines else type(error).__name__)[:200]
    if stage is None:
        raise ResourceError(
            f"text.{task}.model={params.model} needs a download from Spark NLP's model hub, and that failed: {reason}",
            hint="check the name and the network; or download the model elsewhere, and give its unpacked folder; "
            f"text.{task}.model={PACKAGED} needs no network",
        )
    return stage
