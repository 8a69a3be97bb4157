"""The parts of a report: numbers and frames of at most a few hundred rows, each small by construction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Measure:
    """A number with the interval it comes with, where one was computed (95 %)."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Segment:
    """Some of the people on whom a model was judged. rate: the share to whom it happened; said: the mean probability.
    factors: dicts feature, value (the segment's median), contribution (its mean; above 0 raises the score), strongest first."""

    by: str
    name: str
    rows: int
    rate: float
    said: float
    factors: Sequence[dict[str, Any]] = ()
    roc_auc: Measure | None = None
    calibration_error: Measure | None = None


@dataclass(frozen=True)
class Evidence:
    """How well a model did on people and times it had not seen, and what drives it.

    importance: (feature, mean absolute contribution), largest first. tenths: by descending risk. groups: of people, as they were
    asked for; groups_note: what was too small to tell. hits: lists against what happened (list, by, share, low, high), of influence alone.
    roc: points (false positive rate, true positive rate), each 0 to 1. calibration: (mean predicted, share observed,
    people) of each group. facts: (what, value) pairs for the table of run details.
    """

    model_id: str | None = None
    measure: Measure | None = None
    baselines: Sequence[Measure] = ()
    numbers: Sequence[tuple[str, float]] = ()
    split: str | None = None
    roc: Sequence[tuple[float, float]] = ()
    calibration: Sequence[tuple[float, float, int]] = ()
    facts: Sequence[tuple[str, str]] = ()
    importance: Sequence[tuple[str, float]] = ()
    tenths: Sequence[Segment] = ()
    groups: Sequence[Segment] = ()
    groups_note: str | None = None
    hits: Sequence[dict[str, Any]] = ()

    @property
    def rule_of_thumb(self) -> Measure | None:
        """The best of the baselines that look at one column and need no model."""
        return max((b for b in self.baselines if b.name.endswith("alone")), key=lambda b: b.value, default=None)


@dataclass(frozen=True)
class Headline:
    """What was read. Counts are of rows; times are UTC, the first and last event included."""

    people: int = 0
    posts: int = 0
    interactions: int = 0
    first_event: datetime | None = None
    last_event: datetime | None = None


@dataclass(frozen=True)
class ChurnPart:
    """histogram: one row per 5 points of probability (low, people). at_risk: the people most likely to leave.
    worth_keeping: the most influential tenth, most likely to leave first. Frames of people have the columns person,
    p_churn, decile, influence, rank, reasons (list of dicts feature, value, contribution)."""

    as_of: datetime | None = None
    model_id: str | None = None
    people: int = 0
    expected_to_leave: float = 0.0
    histogram: pd.DataFrame = field(default_factory=pd.DataFrame)
    at_risk: pd.DataFrame = field(default_factory=pd.DataFrame)
    worth_keeping: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def more_likely_than_not(self) -> int:
        return int(self.histogram.loc[self.histogram["low"] >= 0.5, "people"].sum()) if self.people else 0


@dataclass(frozen=True)
class InfluencePart:
    """tiers: one row per audience size (tier, people, emerging), smallest first. most and emerging: people with the
    columns person, influence, rank, momentum, tier, is_emerging, reasons and, where creators were assessed, what is known of their
    audience (`reports.creators.FACTS`). doubted: the most influential of those whose engagement shows signs of not being genuine.
    assessed_people, doubted_people: of all that were scored."""

    as_of: datetime | None = None
    model_id: str | None = None
    people: int = 0
    tiers: pd.DataFrame = field(default_factory=pd.DataFrame)
    most: pd.DataFrame = field(default_factory=pd.DataFrame)
    emerging: pd.DataFrame = field(default_factory=pd.DataFrame)
    doubted: pd.DataFrame = field(default_factory=pd.DataFrame)
    assessed_people: int = 0
    doubted_people: int = 0

    @property
    def emerging_people(self) -> int:
        return int(self.tiers["emerging"].sum()) if self.people else 0


@dataclass(frozen=True)
class BriefPart:
    """creators: the rows of a shortlist, selected ones first in their order (person, rank, fit, influence, tier, authenticity,
    audience_count, price, currency, is_price_known, expected_reach, is_selected, selected_order, marginal_reach,
    overlap_with_selected, reasons: list of sentences)."""

    brief_id: str
    name: str
    as_of: datetime
    creators: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def selected(self) -> pd.DataFrame:
        return self.creators[self.creators["is_selected"]] if len(self.creators) else self.creators

    @property
    def others(self) -> pd.DataFrame:
        return self.creators[~self.creators["is_selected"].astype(bool)] if len(self.creators) else self.creators

    @property
    def cost(self) -> float:
        return float(self.selected["price"].sum()) if len(self.selected) else 0.0

    @property
    def currency(self) -> str:
        return str(self.creators["currency"].iloc[0]) if len(self.creators) else ""

    @property
    def reach(self) -> float:
        """People whom the selected creators together are expected to reach."""
        return float(self.selected["marginal_reach"].sum()) if len(self.selected) else 0.0


@dataclass(frozen=True)
class SentimentPart:
    """over_time: one row per period without gaps (period, negative, neutral, positive: posts); period is its first
    day. period: week, month or quarter."""

    period: str = "month"
    over_time: pd.DataFrame = field(default_factory=pd.DataFrame)
    model_id: str | None = None

    @property
    def posts(self) -> int:
        return 0 if self.over_time.empty else int(self.over_time[["negative", "neutral", "positive"]].to_numpy().sum())


@dataclass(frozen=True)
class EntityPart:
    """named: one row per name (name, entity_type, posts, authors, negative, neutral, positive), most named first."""

    named: pd.DataFrame = field(default_factory=pd.DataFrame)
    min_authors: int = 1


@dataclass(frozen=True)
class TopicPart:
    """topics: one row per topic (label, words, posts, negative, neutral, positive), of most posts first."""

    topics: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True)
class QualityPart:
    """tables: one row per silver table (table, in_rows, accepted_rows, duplicate_rows, quarantined_rows). reasons: why
    rows were set aside, commonest first (table, reason, rows)."""

    tables: pd.DataFrame = field(default_factory=pd.DataFrame)
    reasons: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def quarantined(self) -> int:
        return 0 if self.tables.empty else int(self.tables["quarantined_rows"].sum())


@dataclass(frozen=True)
class RunPart:
    """What changes from run to run though nothing was learnt: it goes to the last line of the page.

    stages: one row per job (job, status, seconds, rows_written, error), in the order they ran.
    """

    run_id: str
    now: datetime
    stages: pd.DataFrame = field(default_factory=pd.DataFrame)
    input_versions: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True)
class RunReport:
    """Everything the page shows. why: a sentence for a section that stays empty (churn, influence, sentiment,
    entities, quality), where more is known than that its table has no rows. versions: (software, version) pairs.
    show_handles: the frames of people name handles, not ids."""

    title: str
    as_of: datetime | None
    run: RunPart
    headline: Headline = Headline()
    churn: ChurnPart = field(default_factory=ChurnPart)
    influence: InfluencePart = field(default_factory=InfluencePart)
    sentiment: SentimentPart = field(default_factory=SentimentPart)
    entities: EntityPart = field(default_factory=EntityPart)
    topics: TopicPart = field(default_factory=TopicPart)
    quality: QualityPart = field(default_factory=QualityPart)
    churn_evidence: Evidence = Evidence()
    influence_evidence: Evidence = Evidence()
    text_evidence: Sequence[Measure] = ()
    why: dict[str, str] = field(default_factory=dict)
    versions: Sequence[tuple[str, str]] = ()
    show_handles: bool = False
    briefs: Sequence[BriefPart] = ()
    topic_labels: dict[int, str] = field(default_factory=dict)
