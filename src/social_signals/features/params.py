"""The knobs of the features room."""

from __future__ import annotations

from dataclasses import dataclass, field

from social_signals.core.errors import ConfigError, did_you_mean
from social_signals.tables.silver import KINDS

AUTO = "auto"
FULL = "full"


@dataclass
class FeatureParams:
    """Who gets a row and what counts as being there.

    population_days: a person has a row at `as_of` when they acted, wrote or received something in
    `[as_of - population_days, as_of)`. activity_kinds: the kinds of interaction by which a person is active (posts
    always count); empty means every kind. rebuild: `auto` measures again only people of whom something changed since a
    slice was built, where that pays; `full` everybody. The result is the same.
    """

    population_days: int = 90
    activity_kinds: list[str] = field(default_factory=list)
    rebuild: str = AUTO

    def __post_init__(self) -> None:
        if self.rebuild not in (AUTO, FULL):
            raise ConfigError(f"features.rebuild is {self.rebuild!r}", hint=f"choose {AUTO} or {FULL}")
        if self.population_days < 1:
            raise ConfigError(
                f"features.population_days is {self.population_days}", hint="give a number of days, 1 or more"
            )
        for kind in self.activity_kinds:
            if kind not in KINDS:
                raise ConfigError(
                    f"features.activity_kinds names {kind!r}, which is no kind of interaction",
                    hint=did_you_mean(kind, list(KINDS)),
                )
