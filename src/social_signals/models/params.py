"""The knobs of the models room, and their names in xgboost.spark."""

from __future__ import annotations

from dataclasses import dataclass, field

from social_signals.core.errors import ConfigError, did_you_mean
from social_signals.tables.silver import KINDS


@dataclass
class CutoffParams:
    """Which past cut-offs a model learns from and is judged on.

    Each looks back `lookback_days` and forward `horizon_days`; they stand `step_days` apart, the newest
    `max_cutoffs` of them are taken, and split by time (`evaluation.splits`).
    """

    lookback_days: int = 90
    horizon_days: int = 90
    step_days: int = 30
    max_cutoffs: int = 96
    test_fraction: float = 0.3
    valid_fraction: float = 0.15

    def __post_init__(self) -> None:
        for name in ("lookback_days", "horizon_days", "step_days", "max_cutoffs"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}", hint=f"give {name} of 1 or more")
        parts = (self.test_fraction, self.valid_fraction)
        if min(parts) <= 0 or sum(parts) >= 1:
            raise ConfigError(
                f"test_fraction {self.test_fraction} and valid_fraction {self.valid_fraction} leave nothing to train on",
                hint="give two fractions above 0 that sum to less than 1, for example 0.3 and 0.15",
            )


@dataclass
class ChurnParams(CutoffParams):
    """A person active in the lookback has churned when silent over the whole horizon.

    kinds: the kinds of interaction by which a person is active (posts always count); empty means every kind.
    """

    kinds: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_kinds("churn.kinds", self.kinds)


def _default_weights() -> dict[str, int]:
    return {
        "like": 1, "dislike": 0, "comment": 2, "share": 3, "mention": 2, "follow": 2, "save": 2, "answer_accepted": 3,
        "subscribe": 3,
    }  # fmt: skip


@dataclass
class InfluenceParams(CutoffParams):
    """Of two people at a cut-off, who gathers more engagement over the horizon.

    engagement_weights: what an interaction of a kind is worth, whole numbers; a kind not named is worth nothing, and
    what people do to themselves never counts. pairs: a CSV of labelled pairs (`Choice`, `A_*`, `B_*`) to learn from
    instead. emerging_max_followers: who has a small audience; null means up to the median of the slice.
    """

    engagement_weights: dict[str, int] = field(default_factory=_default_weights)
    pairs: str | None = None
    emerging_max_followers: int | None = None
    folds: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_kinds("influence.engagement_weights", list(self.engagement_weights))
        if not any(weight > 0 for weight in self.engagement_weights.values()):
            raise ConfigError(
                "influence.engagement_weights gives every kind a weight of 0 or less",
                hint="give at least one kind of interaction a weight above 0",
            )
        if self.folds < 2:
            raise ConfigError(f"influence.folds is {self.folds}", hint="give 2 or more")


@dataclass
class XGBoostParams:
    """How the trees are grown. The defaults suit some thousand rows to some million and some hundred features.

    num_workers: Spark tasks that train together; null takes one per `rows_per_worker` rows, at most as many as there
    are slots, so that small data gives the same model on a laptop and on a cluster.
    """

    max_depth: int = 4
    learning_rate: float = 0.05
    n_estimators: int = 600
    early_stopping_rounds: int = 40
    subsample: float = 0.8
    colsample_bytree: float = 0.5
    min_child_weight: float = 5.0
    reg_lambda: float = 5.0
    max_bin: int = 256
    num_workers: int | None = None
    rows_per_worker: int = 250_000

    def __post_init__(self) -> None:
        whole = ("max_depth", "n_estimators", "early_stopping_rounds", "rows_per_worker")
        for name in whole:
            if getattr(self, name) < 1:
                raise ConfigError(f"xgboost.{name} is {getattr(self, name)}", hint="give 1 or more")
        for name in ("learning_rate", "subsample", "colsample_bytree"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(f"xgboost.{name} is {getattr(self, name)}", hint="give more than 0 and at most 1")
        if self.num_workers is not None and self.num_workers < 1:
            raise ConfigError(
                f"xgboost.num_workers is {self.num_workers}", hint="give 1 or more, or null to let the rows decide"
            )
        if self.max_bin < 2:
            raise ConfigError(f"xgboost.max_bin is {self.max_bin}", hint="give 2 or more; 256 is usual")


# Decided elsewhere: a worker count is resolved against the slots before xgboost.spark hears of it.
IGNORED = None

XGBOOST_SPARK_NAMES: dict[str, str | None] = {
    "max_depth": "max_depth",
    "learning_rate": "learning_rate",
    "n_estimators": "n_estimators",
    "early_stopping_rounds": "early_stopping_rounds",
    "subsample": "subsample",
    "colsample_bytree": "colsample_bytree",
    "min_child_weight": "min_child_weight",
    "reg_lambda": "reg_lambda",
    "max_bin": "max_bin",
    "num_workers": IGNORED,
    "rows_per_worker": IGNORED,
}


def xgboost_spark_settings(params: XGBoostParams) -> dict[str, int | float]:
    """The parameters under the names of xgboost.spark's estimators."""
    named = {XGBOOST_SPARK_NAMES[name]: value for name, value in vars(params).items()}
    return {name: value for name, value in named.items() if name is not IGNORED}


def _require_kinds(setting: str, kinds: list[str]) -> None:
    for kind in kinds:
        if kind not in KINDS:
            raise ConfigError(
                f"{setting} names {kind!r}, which is no kind of interaction", hint=did_you_mean(kind, list(KINDS))
            )
