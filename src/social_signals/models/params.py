"""The knobs of the models room, and their names in XGBoost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from social_signals.core.errors import ConfigError, did_you_mean
from social_signals.core.times import parse_instant
from social_signals.models.text_params import ChurnTextParams
from social_signals.tables.silver import KINDS


@dataclass
class CutoffParams:
    """Which past cut-offs a model learns from and is judged on.

    Each looks back `lookback_days` and forward `horizon_days`; they stand `step_days` apart, the newest
    `max_cutoffs` of them are taken, and split by time (`evaluation.splits`). test_from: the date (ISO, UTC) from which on cut-offs
    test; null leaves that to `test_fraction`.
    """

    lookback_days: int = 90
    horizon_days: int = 90
    step_days: int = 30
    max_cutoffs: int = 96
    test_fraction: float = 0.3
    valid_fraction: float = 0.15
    test_from: str | None = None

    def __post_init__(self) -> None:
        if self.test_from is not None:
            parse_instant(self.test_from, name="test_from")
        for name in ("lookback_days", "horizon_days", "step_days", "max_cutoffs"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}", hint=f"give {name} of 1 or more")
        parts = (self.test_fraction, self.valid_fraction)
        if min(parts) <= 0 or sum(parts) >= 1:
            raise ConfigError(
                f"test_fraction {self.test_fraction} and valid_fraction {self.valid_fraction} leave nothing to train on",
                hint="give two fractions above 0 that sum to less than 1, for example 0.3 and 0.15",
            )


FEWEST_OF_A_GROUP = 20
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
    refit: learn from everything whose outcome was known before the first test cut-off; `calibration_folds` models, each
    without a part of the people, first say by those how many rounds to grow and how margins become probabilities (ADR
    0020). Without it the model knows the train cut-offs alone, stops on valid and is calibrated there. n_seeds: how many seeds
    the model is grown with, to tell the spread of its metrics; the first one's is kept. groups: of whom the metrics are told
    apart: columns of silver.users (`country`, `language`, `is_creator`, `attributes.KEY`), or features, of which numbers are cut
    at their quartiles (`follower_count` gives bands of size); groups of fewer than min_group_rows judged rows are left out.
    text: what people write.
    """

    definition: str = SILENCE
    events: list[str] = field(default_factory=lambda: ["unsubscribe"])
    contract: ContractParams = field(default_factory=ContractParams)
    kinds: list[str] = field(default_factory=list)
    refit: bool = True
    calibration_folds: int = 5
    n_seeds: int = 1
    groups: list[str] = field(default_factory=list)
    min_group_rows: int = 100
    text: ChurnTextParams = field(default_factory=ChurnTextParams)

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
        if self.definition == CONTRACT and self.text.is_used:
            raise ConfigError(
                "churn.text is set, and a table of contracts has no posts",
                hint="set churn.text.features=none and churn.text.model=none",
            )
        if self.calibration_folds < 2:
            raise ConfigError(f"churn.calibration_folds is {self.calibration_folds}", hint="give 2 or more")
        if self.n_seeds < 1:
            raise ConfigError(f"churn.n_seeds is {self.n_seeds}", hint="give 1 or more")
        if self.min_group_rows < FEWEST_OF_A_GROUP:
            raise ConfigError(
                f"churn.min_group_rows is {self.min_group_rows}",
                hint=f"give {FEWEST_OF_A_GROUP} or more: fewer rows give no metric, and come close to single people",
            )


def _default_weights() -> dict[str, int]:
    return {
        "like": 1, "dislike": 0, "comment": 2, "share": 3, "mention": 2, "follow": 2, "save": 2, "answer_accepted": 3,
        "subscribe": 3,
    }  # fmt: skip


PERSON, POST = "person", "post"
UNITS = (PERSON, POST)
TOTAL, FOLLOWER, VIEW = "total", "follower", "view"
MEASURED_PER = (TOTAL, FOLLOWER, VIEW)


@dataclass
class InfluenceParams(CutoffParams):
    """Of two people at a cut-off, who gathers more engagement over the horizon.

    unit: `person`, or `post`, of two posts of the same `step_days` which gathers more in the `horizon_days` after it was published.
    per: `total` engagement, or that per `follower` known at the cut-off or per `view` received over the same horizon: of who reaches
    many and of who moves those whom they reach; people without followers known, or without a view, are then left out.
    engagement_weights: what an interaction of a kind is worth, whole numbers; a kind not named is worth nothing, and
    what people do to themselves never counts. pairs: a CSV of labelled pairs (`Choice`, `A_*`, `B_*`) to learn from
    instead. network: learn from gold.network_features too, a graph a cut-off, which is built first where it is not there. quality:
    the same of gold.creator_quality, how audiences grow and what comes back.
    emerging_max_followers: who has a small audience; null means up to the median of the slice.
    """

    unit: str = PERSON
    per: str = TOTAL
    engagement_weights: dict[str, int] = field(default_factory=_default_weights)
    pairs: str | None = None
    network: bool = False
    quality: bool = False
    emerging_max_followers: int | None = None
    folds: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unit not in UNITS:
            raise ConfigError(f"influence.unit is {self.unit!r}", hint=did_you_mean(self.unit, list(UNITS)))
        if self.per not in MEASURED_PER:
            raise ConfigError(f"influence.per is {self.per!r}", hint=did_you_mean(self.per, list(MEASURED_PER)))
        if self.unit == POST and (self.network or self.quality or self.pairs or self.per != TOTAL):
            raise ConfigError(
                "influence.unit=post goes by all engagement with a post, and by what was known when it was published",
                hint="leave out influence.network, influence.quality, influence.pairs and influence.per, or set influence.unit=person",
            )
        _require_kinds("influence.engagement_weights", list(self.engagement_weights))
        if not any(weight > 0 for weight in self.engagement_weights.values()):
            raise ConfigError(
                "influence.engagement_weights gives every kind a weight of 0 or less",
                hint="give at least one kind of interaction a weight above 0",
            )
        if self.folds < 2:
            raise ConfigError(f"influence.folds is {self.folds}", hint="give 2 or more")


BALANCES = ("none", "weights")


@dataclass
class LimitParams:
    """How long workers that train together wait, in seconds, before the job ends with exit code 5 and says for whom.

    connect_timeout_s: for each other until all have read and sorted their rows. round_timeout_s: for one round.
    lost_worker_timeout_s: until a worker that was lost is replaced, or one that says nothing speaks again; Spark's own time-outs
    (spark.network.timeout, 120 s) lie within it. retries: how often training begins again when a worker was lost.
    None of them decides what is learnt.
    """

    connect_timeout_s: int = 1800
    round_timeout_s: int = 300
    lost_worker_timeout_s: int = 180
    retries: int = 2

    def __post_init__(self) -> None:
        for name in ("connect_timeout_s", "round_timeout_s", "lost_worker_timeout_s"):
            if getattr(self, name) < 1:
                raise ConfigError(f"xgboost.limits.{name} is {getattr(self, name)}", hint="give 1 second or more")
        if self.retries < 0:
            raise ConfigError(f"xgboost.limits.retries is {self.retries}", hint="give 0 or more")


# Of what each tree may use.
_SHARE_OF_FEATURES, _FEWEST_FEATURES = 0.2, 10


@dataclass
class XGBoostParams:
    """How the trees are grown. The defaults suit some hundred rows to some million, of some hundred features or ten.

    colsample_bytree: the share of the features that a tree may use; null is a fifth of them, and no fewer than ten.
    monotone: feature -> 1 or -1, where more of it may only raise or only lower the outcome. balance: what classes of unequal
    size mean to a classifier: `none`, each row counts once; `weights`, a 1 counts as often as there are more 0s than 1s to train
    on, so that both weigh the same. scale_pos_weight: how many 0s a 1 counts as, where balance is none. Probabilities are
    calibrated with the same weights in every fold, so either way they say how often the outcome comes.
    num_workers: Spark tasks that train together; null takes one per `rows_per_worker` rows, at most as many as there
    are slots, so that small data gives the same model on a laptop and on a cluster.
    checkpoint_rounds: after so many rounds sampling starts from the seed anew, so that training can go on from there (`resume`)
    and gives the booster that it would have given without a break. limits: how long anybody waits.
    """

    max_depth: int = 3
    learning_rate: float = 0.03
    n_estimators: int = 1500
    early_stopping_rounds: int = 60
    subsample: float = 0.8
    colsample_bytree: float | None = None
    min_child_weight: float = 10.0
    reg_lambda: float = 1.0
    max_bin: int = 256
    monotone: dict[str, int] = field(default_factory=dict)
    balance: str = "none"
    scale_pos_weight: float = 1.0
    num_workers: int | None = None
    rows_per_worker: int = 250_000
    checkpoint_rounds: int = 200
    limits: LimitParams = field(default_factory=LimitParams)

    def __post_init__(self) -> None:
        whole = ("max_depth", "n_estimators", "early_stopping_rounds", "rows_per_worker", "checkpoint_rounds")
        for name in whole:
            if getattr(self, name) < 1:
                raise ConfigError(f"xgboost.{name} is {getattr(self, name)}", hint="give 1 or more")
        shares = {name: getattr(self, name) for name in ("learning_rate", "subsample", "colsample_bytree")}
        for name, share in shares.items():
            if share is not None and not 0 < share <= 1:
                raise ConfigError(f"xgboost.{name} is {share}", hint="give more than 0 and at most 1")
        if self.num_workers is not None and self.num_workers < 1:
            raise ConfigError(
                f"xgboost.num_workers is {self.num_workers}", hint="give 1 or more, or null to let the rows decide"
            )
        for name, sign in self.monotone.items():
            if sign not in (-1, 0, 1):
                raise ConfigError(f"xgboost.monotone.{name} is {sign}", hint="give 1, -1 or 0")
        if self.balance not in BALANCES:
            raise ConfigError(f"xgboost.balance is {self.balance!r}", hint=did_you_mean(self.balance, list(BALANCES)))
        if self.scale_pos_weight <= 0 or (self.balance != BALANCES[0] and self.scale_pos_weight != 1.0):
            raise ConfigError(
                f"xgboost.scale_pos_weight is {self.scale_pos_weight} and xgboost.balance is {self.balance}",
                hint="give a weight above 0 with balance=none, or balance=weights alone",
            )
        if self.max_bin < 2:
            raise ConfigError(f"xgboost.max_bin is {self.max_bin}", hint="give 2 or more; 256 is usual")

    @property
    def deciding(self) -> dict[str, Any]:
        """The settings on which the trees depend, as plain values: all but `limits`."""
        return {name: value for name, value in asdict(self).items() if name != "limits"}

    def for_features(self, count: int) -> XGBoostParams:
        """The same with what hangs on the number of features worked out.

        >>> XGBoostParams().for_features(200).colsample_bytree, XGBoostParams().for_features(20).colsample_bytree
        (0.2, 0.5)
        """
        if self.colsample_bytree is not None:
            return self
        share = max(_SHARE_OF_FEATURES, min(1.0, _FEWEST_FEATURES / max(count, 1)))
        return replace(self, colsample_bytree=round(share, 4))

    def weight_of_a_positive(self, *, rows: int, positives: int) -> float:
        """How many 0s a 1 counts as, where so many of the rows to train on are 1.

        >>> XGBoostParams(balance="weights").weight_of_a_positive(rows=100, positives=20)
        4.0
        """
        if self.balance == BALANCES[0] or positives == 0:
            return self.scale_pos_weight
        return (rows - positives) / positives


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
    # Weights of rows, so that the loss that stops the growth weighs them too; a ranker has none.
    "balance": IGNORED,
    "scale_pos_weight": IGNORED,
    "num_workers": IGNORED,
    "rows_per_worker": IGNORED,
    "checkpoint_rounds": IGNORED,
    "limits": IGNORED,
}


def xgboost_settings(params: XGBoostParams, *, features: Sequence[str]) -> dict[str, Any]:
    """The parameters under XGBoost's own names. Raises ConfigError where `monotone` names a feature that is not there.

    >>> xgboost_settings(XGBoostParams(monotone={"b": -1}), features=["a", "b"])["monotone_constraints"]
    '(0,-1)'
    """
    complete = params.for_features(len(features))
    named = {XGBOOST_NAMES[name]: value for name, value in vars(complete).items()}
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
