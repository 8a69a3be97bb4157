"""Which text models read the posts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from social_signals.core.errors import ConfigError
from social_signals.core.places import shipped
from social_signals.nlp.language import UNDETERMINED

PACKAGED = "packaged"


@dataclass
class TextModelParams:
    """model: `packaged`, or the folder of a model that models/recipes/package.py wrote."""

    model: str = PACKAGED

    def __post_init__(self) -> None:
        if not self.model:
            raise ConfigError("a text model is empty", hint=f"write {PACKAGED}, or the folder of a packaged model")


@dataclass
class TextParams:
    """Which models read the posts, and which posts.

    languages: those that the models know, ISO 639 codes; und is a text that does not tell, mostly a word or two. The packaged
    models know English. aspects: also the mood of each sentence that names something. reread: posts that other models have
    read are read again, once. partitions: how many tasks read texts, null for twice the slots.
    """

    sentiment: TextModelParams = field(default_factory=TextModelParams)
    entities: TextModelParams = field(default_factory=TextModelParams)
    languages: list[str] = field(default_factory=lambda: ["en", UNDETERMINED])
    gazetteer: bool = True
    aspects: bool = True
    reread: bool = False
    partitions: int | None = None

    def __post_init__(self) -> None:
        if not self.languages:
            raise ConfigError("text.languages is empty", hint="name at least one, for example text.languages=[en, und]")


def model_folder(params: TextModelParams, *, task: str) -> Path:
    """Where the model of a task (`sentiment`, `entities`) is."""
    return shipped("models", task) if params.model == PACKAGED else Path(params.model)
