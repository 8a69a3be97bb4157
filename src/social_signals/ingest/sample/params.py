"""What a caller may choose about the generated world: its size, its clock and the strength of each planted truth."""

from __future__ import annotations

from dataclasses import dataclass

from social_signals.core.errors import ConfigError
from social_signals.core.times import parse_instant

PER_USER = 40


@dataclass
class SampleParams:
    """The generated world. Every number of the truth is here or in the docstring of `social_signals.ingest.sample`.

    interactions: wanted number of rows of silver.interactions, met within about a tenth; None = 40 a user. Far more than
    40 a user makes the same people browse more, so raise `users` with it for a larger world.
    start: first instant, ISO 8601, UTC, included. days: length; `start + days` is left out.
    churn_sensitivity: log hazard of going silent per unit of bad experience; 0 = silence is pure chance.
    weekly_hazard: hazard of going silent in a week at average experience.
    campaign_lift: mean of the campaigns' relative lift on the purchases of exposed followers; 1.0 = twice as many.
    experiment_lift: relative lift on purchases in the treatment arm.
    group_bias: share of engagement that people of group b do not receive.
    rising_growth: how many times the audience of a rising creator multiplies.
    noise: scale of everything no model can know: frailty, luck of a post, mood of a survey; 1 = as documented.
    """

    users: int = 1000
    interactions: int | None = None
    start: str = "2023-01-01"
    days: int = 540
    seed: int = 7
    communities: int = 8
    homophily: float = 0.8
    churn_sensitivity: float = 2.4
    weekly_hazard: float = 0.005
    campaign_lift: float = 1.0
    experiment_lift: float = 0.4
    group_bias: float = 0.15
    rising_growth: float = 25.0
    noise: float = 1.0

    def __post_init__(self) -> None:
        parse_instant(self.start, name="source.start")
        _require(self.communities >= 1, "communities", self.communities, "give 1 or more")
        smallest = max(20, 4 * self.communities)
        _require(self.users >= smallest, "users", self.users, f"give {smallest} or more: four a community")
        _require(
            self.interactions is None or self.interactions >= 1, "interactions", self.interactions, "give 1 or more"
        )
        _require(60 <= self.days <= 6000, "days", self.days, "give 60 to 6000: campaigns and churn need weeks to show")
        for name in ("homophily", "group_bias"):
            _require(0 <= getattr(self, name) <= 1, name, getattr(self, name), "give 0 to 1")
        for name in ("churn_sensitivity", "campaign_lift", "experiment_lift", "noise"):
            _require(0 <= getattr(self, name) <= 10, name, getattr(self, name), "give 0 to 10")
        _require(0 <= self.weekly_hazard <= 0.5, "weekly_hazard", self.weekly_hazard, "give 0 to 0.5")
        _require(self.rising_growth >= 1, "rising_growth", self.rising_growth, "give 1 or more; 1 = nobody rises")


def _require(is_valid: bool, name: str, value: object, hint: str) -> None:
    if not is_valid:
        raise ConfigError(f"source.{name} is {value}", hint=hint)
