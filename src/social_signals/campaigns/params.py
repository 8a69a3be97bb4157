"""What a brief says, and how a shortlist is made of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field

from social_signals.core.errors import ConfigError, did_you_mean
from social_signals.tables.tiers import TIERS

# What a post costs as the trade puts it, roughly, in US dollars: to be replaced by whoever has offers.
DEFAULT_PRICES = {"nano": 100.0, "micro": 500.0, "mid": 2_500.0, "macro": 7_500.0, "mega": 15_000.0}
DEFAULT_CURRENCY = "USD"
PARTS = ("relevance", "influence", "post_quality", "campaign_results")


@dataclass
class BriefParams:
    """What a campaign looks for. The same brief, however it is given, has the same brief_id.

    topics: numbers of gold.topics, or words that are among a topic's terms. text, examples: what the campaign is about, and posts as it would
    like them; read by the packaged encoder. At least one of the three is needed. tiers, languages (ISO 639 codes): empty means any.
    budget: for all who are booked, null for no limit; currency: of budget and prices. prices: of booking somebody without
    a past campaign, by tier; the defaults are rough US dollars. blocked_terms: who wrote one of them in the window is left
    out; whole words, any case. max_negative_ratio: largest share of negative replies. max_overlap: largest Jaccard index of the
    audiences of two who are booked. max_creators: how many are booked at most. shortlist: rows; who is booked is one of them. window_days: posts and engagement
    of `[as_of - window_days, as_of)` count.
    """

    name: str = "brief"
    topics: list[str] = field(default_factory=list)
    text: str | None = None
    examples: list[str] = field(default_factory=list)
    tiers: list[str] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    budget: float | None = None
    currency: str = DEFAULT_CURRENCY
    prices: dict[str, float] = field(default_factory=lambda: dict(DEFAULT_PRICES))
    blocked_terms: list[str] = field(default_factory=list)
    max_negative_ratio: float = 1.0
    max_overlap: float = 1.0
    max_creators: int | None = 10
    shortlist: int = 25
    window_days: int = 90

    def __post_init__(self) -> None:
        for tier in (*self.tiers, *self.prices):
            if tier not in TIERS:
                raise ConfigError(f"the brief names a tier {tier!r}", hint=did_you_mean(tier, list(TIERS)))
        for name in ("shortlist", "window_days", "max_creators"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise ConfigError(f"brief.{name} is {number}", hint="give a whole number, 1 or more")
        for name in ("max_negative_ratio", "max_overlap"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"brief.{name} is {getattr(self, name)}", hint="give a share of 0 to 1")
        if self.budget is not None and self.budget <= 0:
            raise ConfigError(f"brief.budget is {self.budget}", hint="give a sum above 0, or null for no limit")
        for tier, price in self.prices.items():
            if price <= 0:
                raise ConfigError(f"brief.prices.{tier} is {price}", hint="give a sum above 0")
        if self.currency != DEFAULT_CURRENCY and self.prices == DEFAULT_PRICES:
            raise ConfigError(
                f"brief.currency is {self.currency}, but brief.prices are the defaults, in {DEFAULT_CURRENCY}",
                hint=f"give prices in {self.currency}: brief.prices={{nano: 90, micro: 450, ...}}",
            )
        for name in ("topics", "examples", "blocked_terms"):
            if any(not one.strip() for one in getattr(self, name)):
                raise ConfigError(f"brief.{name} has an empty entry", hint="leave it out")

    @property
    def texts(self) -> list[str]:
        """What the encoder reads: the text and the examples."""
        return [one for one in (self.text, *self.examples) if one and one.strip()]

    @property
    def brief_id(self) -> str:
        """`brief-1a2b3c4d5e6f`: a hash of all that the brief says."""
        said = json.dumps(asdict(self), sort_keys=True)
        return f"brief-{hashlib.sha256(said.encode()).hexdigest()[:12]}"

    def require_content(self) -> None:
        """Raise ConfigError where the brief does not say what it is about."""
        if not self.topics and not self.texts:
            raise ConfigError(
                "the brief does not say what it is about",
                hint="give brief.topics=[...], brief.text='...' or brief.examples=[...]; brief=example shows one",
            )


@dataclass
class ShortlistParams:
    """How a shortlist is made.

    weights: of the parts of fit, a weighted geometric mean. best_posts: of so many of a creator's posts the likeness with the texts of the brief counts.
    prior_posts, prior_replies, prior_campaigns: with how many of average posts, replies and campaigns each creator begins, so
    that little evidence moves nobody far. signature: minima of a MinHash signature: the standard error of an overlap J
    is sqrt(J (1 - J) / signature), so it lies within 1 / sqrt(signature) of the truth 95 times in 100. sets: reverse-reachable sets
    drawn at first, doubled until the standard error of the reach is at most `error` of it, or there are `most_sets`.
    """

    weights: dict[str, float] = field(
        default_factory=lambda: {"relevance": 0.5, "influence": 0.2, "post_quality": 0.2, "campaign_results": 0.1}
    )
    best_posts: int = 5
    prior_posts: float = 3.0
    prior_replies: float = 10.0
    prior_campaigns: float = 2.0
    signature: int = 256
    sets: int = 20_000
    most_sets: int = 1_280_000
    error: float = 0.02

    def __post_init__(self) -> None:
        for part, weight in self.weights.items():
            if part not in PARTS:
                raise ConfigError(f"shortlist.weights names {part!r}", hint=did_you_mean(part, list(PARTS)))
            if weight < 0:
                raise ConfigError(f"shortlist.weights.{part} is {weight}", hint="give 0 or more")
        if not sum(self.weights.values()) > 0:
            raise ConfigError(
                "shortlist.weights are all 0", hint="give relevance a weight: shortlist.weights={relevance: 1}"
            )
        for name in ("best_posts", "signature", "sets", "most_sets"):
            if getattr(self, name) < 1:
                raise ConfigError(f"shortlist.{name} is {getattr(self, name)}", hint="give a whole number, 1 or more")
        for name in ("prior_posts", "prior_replies", "prior_campaigns"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"shortlist.{name} is {getattr(self, name)}", hint="give a number above 0")
        if not 0 < self.error < 1:
            raise ConfigError(f"shortlist.error is {self.error}", hint="give a share between 0 and 1, for example 0.02")
