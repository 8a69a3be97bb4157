"""The knobs of the network room."""

from __future__ import annotations

from dataclasses import dataclass, field

from social_signals.core.errors import ConfigError, did_you_mean
from social_signals.tables.silver import KINDS

# An answer to a post, which comes as a post of its own and not as an interaction.
REPLY = "reply"
_EDGE_KINDS = (*KINDS, REPLY)


@dataclass
class NetworkParams:
    """Which acts make an edge from one person to another, and how exact the answers are.

    window_days: acts of `[as_of - window_days, as_of)`. weights: what an act of a kind adds to the weight of its edge; kinds that
    are not named make none. `reply` is an answer to somebody's post. damping: the chance of following an edge on, of PageRank
    (Brin and Page, 1998). tolerance: PageRank has converged where a round changes all ranks together by less; max_rounds: after so
    many it is an error. label_rounds: rounds of label propagation at most. topics: personalised PageRank for each topic of
    gold.creator_topics, of which the best `people_per_topic` are kept. cascade_depth: longest chain of answers that is followed.
    """

    window_days: int = 90
    weights: dict[str, float] = field(
        default_factory=lambda: {
            "share": 1.0, "mention": 1.0, REPLY: 1.0, "comment": 1.0, "like": 1.0, "save": 1.0, "follow": 1.0,
            "subscribe": 1.0, "answer_accepted": 1.0,
        }
    )  # fmt: skip
    damping: float = 0.85
    tolerance: float = 1e-9
    max_rounds: int = 300
    label_rounds: int = 20
    topics: bool = True
    people_per_topic: int = 1_000
    cascade_depth: int = 64

    def __post_init__(self) -> None:
        for name in ("window_days", "max_rounds", "label_rounds", "people_per_topic", "cascade_depth"):
            if getattr(self, name) < 1:
                raise ConfigError(f"network.{name} is {getattr(self, name)}", hint="give a whole number, 1 or more")
        for kind, weight in self.weights.items():
            if kind not in _EDGE_KINDS:
                raise ConfigError(
                    f"network.weights names {kind!r}, which is no kind of act",
                    hint=did_you_mean(kind, list(_EDGE_KINDS)),
                )
            if weight <= 0:
                raise ConfigError(
                    f"network.weights.{kind} is {weight}", hint="give a number above 0, or leave the kind out"
                )
        if not self.weights:
            raise ConfigError(
                "network.weights is empty, so there is no edge", hint="name a kind: network.weights={share: 1}"
            )
        if not 0 < self.damping < 1:
            raise ConfigError(f"network.damping is {self.damping}", hint="give a number between 0 and 1, usually 0.85")
        if not 0 < self.tolerance < 1:
            raise ConfigError(
                f"network.tolerance is {self.tolerance}", hint="give a small number above 0, for example 1e-9"
            )
