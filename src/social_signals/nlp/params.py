"""Which text models read the posts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from social_signals.core.errors import ConfigError
from social_signals.core.places import shipped

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
    """partitions: how many tasks read texts, null for twice the slots."""

    sentiment: TextModelParams = field(default_factory=TextModelParams)
    entities: TextModelParams = field(default_factory=TextModelParams)
    partitions: int | None = None


def model_folder(params: TextModelParams, *, task: str) -> Path:
    """Where the model of a task (`sentiment`, `entities`) is."""
    return shipped("models", task) if params.model == PACKAGED else Path(params.model)
