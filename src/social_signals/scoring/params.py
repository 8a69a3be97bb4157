"""The knobs of scoring."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from social_signals.core.errors import ConfigError, did_you_mean
from social_signals.core.times import parse_instant, stepped
from social_signals.models.contributions import APPROXIMATE, EXACT, METHODS, NONE, Explanation
from social_signals.scoring.reasons import Phrases
from social_signals.scoring.tenths import Tenths


@dataclass
class ScoringParams:
    """model: a model's folder; null takes the champion of its kind. top_reasons: how many reasons each person gets.

    reasons: `exact` TreeSHAP contributions, thousands of rows a second and core at best, `approximate` ones, or `none`. With
    `exact` they go to everybody in a slice of at most `exact_up_to_rows` people and on a GPU; in a larger slice to the deciles
    1 to `exact_deciles` by score and to whoever scores at least `exact_above`. `rest` says what the others get:
    `approximate` or `none`. Whoever scores as high as the last of a decile counts as in it.

    backfill_from, backfill_to: ISO dates, UTC; score every `step_days`-th cut-off from the first to the last, both included,
    instead of one as_of.
    """

    model: str | None = None
    top_reasons: int = 3
    reasons: str = EXACT
    exact_deciles: int = 3
    exact_above: float | None = None
    exact_up_to_rows: int = 20_000
    rest: str = APPROXIMATE
    backfill_from: str | None = None
    backfill_to: str | None = None
    step_days: int = 30

    def __post_init__(self) -> None:
        if not 0 <= self.top_reasons <= 20:
            raise ConfigError(f"scoring.top_reasons is {self.top_reasons}", hint="give a number from 0 to 20")
        for name, allowed in (("reasons", METHODS), ("rest", (APPROXIMATE, NONE))):
            if getattr(self, name) not in allowed:
                raise ConfigError(
                    f"scoring.{name} is {getattr(self, name)!r}", hint=did_you_mean(getattr(self, name), list(allowed))
                )
        if not 0 <= self.exact_deciles <= 10:
            raise ConfigError(f"scoring.exact_deciles is {self.exact_deciles}", hint="give a number from 0 to 10")
        if self.exact_above is not None and not 0 <= self.exact_above <= 1:
            raise ConfigError(f"scoring.exact_above is {self.exact_above}", hint="give a score from 0 to 1")
        if self.exact_up_to_rows < 0:
            raise ConfigError(f"scoring.exact_up_to_rows is {self.exact_up_to_rows}", hint="give 0 or more")
        if self.step_days < 1:
            raise ConfigError(f"scoring.step_days is {self.step_days}", hint="give 1 or more")
        if (self.backfill_from is None) != (self.backfill_to is None):
            raise ConfigError(
                "a backfill has only one end",
                hint="give both: scoring.backfill_from=2020-01-01 scoring.backfill_to=2020-06-01",
            )
        if self.backfill_from is not None and not self.backfill:
            raise ConfigError(
                f"scoring.backfill_from={self.backfill_from} lies after scoring.backfill_to={self.backfill_to}",
                hint="give the earlier date first",
            )

    @property
    def explains(self) -> bool:
        return self.reasons != NONE and self.top_reasons > 0

    def explanation(self, tenths: Tenths, *, by: str, device: str, phrase: Phrases | None = None) -> Explanation | None:
        """Who of a slice with these tenths gets which reasons; None where nobody gets any."""
        if not self.explains:
            return None
        for_all = tenths.total <= self.exact_up_to_rows or self.exact_deciles == 10
        if device != "cpu" or (self.reasons == EXACT and for_all):
            return Explanation(self.top_reasons, by, phrase=phrase)
        if self.reasons == APPROXIMATE:
            return Explanation(self.top_reasons, by, exact_from=math.inf, rest=APPROXIMATE, phrase=phrase)
        lowest = tenths.ends[self.exact_deciles - 1][0] if self.exact_deciles else math.inf
        above = math.inf if self.exact_above is None else self.exact_above
        return Explanation(self.top_reasons, by, exact_from=min(lowest, above), rest=self.rest, phrase=phrase)

    def explanation_of_all(self, *, by: str, device: str) -> Explanation | None:
        """The same method of reasons for every row of a slice; None where nobody gets any."""
        if not self.explains:
            return None
        if self.reasons == APPROXIMATE and device == "cpu":
            return Explanation(self.top_reasons, by, exact_from=math.inf, rest=APPROXIMATE)
        return Explanation(self.top_reasons, by)

    @property
    def backfill(self) -> list[datetime]:
        """The cut-offs of the backfill, oldest first; none where none was asked for.

        >>> [c.day for c in ScoringParams(backfill_from="2020-01-01", backfill_to="2020-01-21", step_days=10).backfill]
        [1, 11, 21]
        """
        if self.backfill_from is None or self.backfill_to is None:
            return []
        first = parse_instant(self.backfill_from, name="scoring.backfill_from")
        last = parse_instant(self.backfill_to, name="scoring.backfill_to")
        return stepped(first, last, days=self.step_days)
