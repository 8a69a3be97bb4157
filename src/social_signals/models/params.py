"""The knobs of the models room, and their names in XGBoost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

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


SILENCE, EVENT, CONTRACT = "silence", "event", "contract"
DEFINITIONS = (SILENCE, EVENT, CONTRACT)


@dataclass
class ContractParams:
    """A table with a column that says who left: CSV, Parquet or Delta, one row a contract.

    label: the column, whose value is `positive` where the contract was ended. key: the column that names the contract. exclude:
    columns that the model must not see, because they follow from the outcome or say who it is.
    """

    table: str | None = None
    label: str = "churn"
    positive: str = "Yes"
    key: str = "customer_id"
    exclude: list[str] = field(default_factory=list)


@dataclass
class ChurnParams(CutoffParams):
    """What churn is, and how its model is made.

    definition: `silence`, a person active in the lookback does nothing over the whole horizon; `event`, such a person does one
    of `events` in the horizon (who has unsubscribed before is not asked about); `contract`, a column of `contract.table` says
    so. kinds: the kinds of interaction by which a person is active (posts always count); empty means every kind.
    refit: once train and valid have said how many rounds to grow, learn from everything whose outcome was known before the
    first test cut-off; `calibration_folds` models, each without a part of the people, then say how margins become
    probabilities. Without it the model knows the train cut-offs alone and is calibrated on valid. n_seeds: how many seeds
    the model is grown with, to tell the spread of its metrics; the first one's is kept.
    """

    definition: str = SILENCE
    events: list[str] = field(default_factory=lambda: ["unsubscribe"])
    contract: ContractParams = field(default_factory=ContractParams)
    kinds: list[str] = field(default_factory=list)
    refit: bool = True
    calibration_folds: int = 5
    n_seeds: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_kinds("churn.kinds", self.kinds)
        _require_kinds("churn.events", self.events)
        if self.definition not in DEFINITIONS:
            raise ConfigError(
                f"churn.definition is {self.definition!r}", hint=did_you_mean(self.definition, list(DEFINITIONS))
            )
        if self.definition == EVENT and not self.events:
            raise ConfigError("churn.events is empty", hint="name the kinds of interaction by which people leave")
        if self.definition == CONTRACT and not self.contract.table:
            raise ConfigError(
                "churn.contract.table is not set", hint="name the table: churn.contract.table=FILE_OR_TABLE"
            )
        if self.calibration_folds < 2:
            raise ConfigError(f"churn.calibration_folds is {self.calibration_folds}", hint="give 2 or more")
        if self.n_seeds < 1:
            raise ConfigError(f"churn.n_seeds is {self.n_seeds}", hint="give 1 or more")


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

    monotone: feature -> 1 or -1, where more of it may only raise or only lower the outcome.
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
    monotone: dict[str, int] = field(default_factory=dict)
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
        for name, sign in self.monotone.items():
            if sign not in (-1, 0, 1):
                raise ConfigError(f"xgboost.monotone.{name} is {sign}", hint="give 1, -1 or 0")
        if self.max_bin < 2:
            raise ConfigError(f"xgboost.max_bin is {self.max_bin}", hint="give 2 or more; 256 is usual")


# Decided elsewhere: a number of workers or rounds is no property of a tree.
IGNORED = None

XGBOOST_NAMES: dict[str, str | None] = {
    "max_depth": "max_depth",
    "learning_rate": "learning_rate",
    "n_estimators": IGNORED,
    "early_stopping_rounds": IGNORED,
    "subsample": "subsample",
    "colsample_bytree": "colsample_bytree",
    "min_child_weight": "min_child_weight",
    "reg_lambda": "reg_lambda",
    "max_bin": "max_bin",
    "monotone": IGNORED,
    "num_workers": IGNORED,
    "rows_per_worker": IGNORED,
}


def xgboost_settings(params: XGBoostParams, *, features: Sequence[str]) -> dict[str, Any]:
    """The parameters under XGBoost's own names. Raises ConfigError where `monotone` names a feature that is not there.

    >>> xgboost_settings(XGBoostParams(monotone={"b": -1}), features=["a", "b"])["monotone_constraints"]
    '(0,-1)'
    """
    named = {XGBOOST_NAMES[name]: value for name, value in vars(params).items()}
    settings = {name: value for name, value in named.items() if name is not IGNORED}
    for name in params.monotone:
        if name not in features:
            raise ConfigError(
                f"xgboost.monotone names {name!r}, which is no feature of the model",
                hint=did_you_mean(name, list(features)),
            )
    if params.monotone:
        signs = ",".join(str(params.monotone.get(name, 0)) for name in features)
        settings["monotone_constraints"] = f"({signs})"
    return settings


def _require_kinds(setting: str, kinds: list[str]) -> None:
    for kind in kinds:
        if kind not in KINDS:
            raise ConfigError(
                f"{setting} names {kind!r}, which is no kind of interaction", hint=did_you_mean(kind, list(KINDS))
            )
