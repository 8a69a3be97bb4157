"""The knobs of scoring."""

from __future__ import annotations

from dataclasses import dataclass

from social_signals.core.errors import ConfigError


@dataclass
class ScoringParams:
    """model: a model's folder; null takes the champion of its kind. top_reasons: how many reasons each person gets; 0
    gives none and is several times faster."""

    model: str | None = None
    top_reasons: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.top_reasons <= 20:
            raise ConfigError(f"scoring.top_reasons is {self.top_reasons}", hint="give a number from 0 to 20")
