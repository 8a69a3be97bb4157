"""The knobs of tracking."""

from __future__ import annotations

from dataclasses import dataclass

from social_signals.core.errors import ConfigError

GATES = ("report", "strict", "off")


@dataclass
class TrackingParams:
    """uri: an MLflow tracking URI; null is the file `mlflow.db` under the catalog's root. gate: what happens when a new
    model is not better than the champion: `strict` keeps the champion and fails the job (exit code 6), `report` keeps it
    and says so (as the pipeline does), `off` promotes whatever was trained last.
    """

    enabled: bool = True
    uri: str | None = None
    experiment: str = "social-signals"
    gate: str = "strict"

    def __post_init__(self) -> None:
        if self.gate not in GATES:
            raise ConfigError(f"tracking.gate is {self.gate!r}", hint=f"choose one of {', '.join(GATES)}")
        if not self.experiment:
            raise ConfigError("tracking.experiment is empty", hint="name an experiment, for example social-signals")
