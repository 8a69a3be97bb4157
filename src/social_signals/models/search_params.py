"""The knobs of a search of settings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from social_signals.core.errors import ConfigError, did_you_mean
from social_signals.models.params import XGBoostParams

OFF, GRID, RANDOM, TPE = "off", "grid", "random", "tpe"
SEARCHES = (OFF, GRID, RANDOM, TPE)
# What may be searched: how trees are shaped. How many there are, validation says for each of them.
SEARCHABLE = (
    "max_depth",
    "learning_rate",
    "min_child_weight",
    "reg_lambda",
    "subsample",
    "colsample_bytree",
    "max_bin",
)
WHOLE = ("max_depth", "max_bin")
DEFAULT_SPACE: dict[str, Any] = {
    "max_depth": {"low": 2, "high": 8},
    "learning_rate": {"low": 0.02, "high": 0.2, "log": True},
    "min_child_weight": {"low": 1.0, "high": 100.0, "log": True},
    "reg_lambda": {"low": 0.5, "high": 50.0, "log": True},
    "subsample": {"low": 0.5, "high": 1.0},
    "colsample_bytree": {"low": 0.2, "high": 1.0},
}
DEFAULT_GRID: dict[str, Any] = {
    "max_depth": [3, 4, 6], "min_child_weight": [1.0, 5.0, 25.0], "colsample_bytree": [0.2, 0.5, 0.8],
}  # fmt: skip


@dataclass
class SearchParams:
    """Which settings of `xgboost` are tried before the model is grown, and how they are chosen: by the mean log loss of the
    validation slices of up to `folds` rolling cut-offs, never by the test.

    method: `off`; `grid`, every combination; `random`; `tpe` (Bayesian, Bergstra et al. 2011). n_trials: how many settings, the
    configured ones first; a rerun continues, and a larger number adds to what is there. space: setting -> a list of values, or
    {low, high} with `log: true` or a `step`; empty means the default one. at_once: trials that are proposed together, before any
    of them is known, and train side by side where slots allow; the same on every machine, so that the same search gives the
    same model. prune: stop a trial whose mean so far is worse than the median of the others at that fold. storage: where the
    study is kept, an Optuna storage (`postgresql://...`, `sqlite:///...`); null is a journal under the catalog's root.
    """

    method: str = OFF
    n_trials: int = 32
    folds: int = 3
    at_once: int = 4
    prune: bool = True
    space: dict[str, Any] = field(default_factory=dict)
    storage: str | None = None

    def __post_init__(self) -> None:
        if self.method not in SEARCHES:
            raise ConfigError(f"search.method is {self.method!r}", hint=did_you_mean(self.method, list(SEARCHES)))
        for name in ("n_trials", "folds", "at_once"):
            if getattr(self, name) < 1:
                raise ConfigError(f"search.{name} is {getattr(self, name)}", hint="give 1 or more")
        for name, values in self.space.items():
            _require_searchable(name, values)
        if self.method == GRID and len(self.combinations()) > self.n_trials:
            raise ConfigError(
                f"the grid has {len(self.combinations())} combinations and search.n_trials is {self.n_trials}",
                hint="give fewer values in search.space, raise search.n_trials, or use search.method=tpe",
            )

    def as_json(self) -> dict[str, Any]:
        """What decides which trials there are: everything but where they are kept, an address that may hold a password."""
        return {name: value for name, value in vars(self).items() if name != "storage"}

    def ranges(self) -> dict[str, Any]:
        """What is searched: a list of values or {low, high, ...} for each setting, by name."""
        chosen = self.space or (DEFAULT_GRID if self.method == GRID else DEFAULT_SPACE)
        return {name: chosen[name] for name in sorted(chosen)}

    def combinations(self) -> list[dict[str, Any]]:
        """Every point of the grid, in order; ranges need a step. Raises ConfigError where one has none.

        >>> SearchParams(method="grid", space={"max_depth": {"low": 3, "high": 4}, "subsample": [0.5]}).combinations()
        [{'max_depth': 3, 'subsample': 0.5}, {'max_depth': 4, 'subsample': 0.5}]
        """
        lists = {name: _values(name, values) for name, values in self.ranges().items()}
        return [dict(zip(lists, point, strict=True)) for point in product(*lists.values())]


def _values(name: str, values: Any) -> list[Any]:
    if isinstance(values, list):
        return values
    step = values.get("step", 1 if name in WHOLE else None)
    if step is None:
        raise ConfigError(
            f"search.space.{name} is a range without a step, and a grid needs points",
            hint=f"give a list, for example search.space.{name}=[{values['low']},{values['high']}], or a step",
        )
    count = int((values["high"] - values["low"]) / step + 1e-9) + 1
    return [round(values["low"] + step * place, 12) for place in range(count)]


def _require_searchable(name: str, values: Any) -> None:
    setting = f"search.space.{name}"
    if name not in SEARCHABLE:
        raise ConfigError(f"{setting} is nothing to search", hint=did_you_mean(name, list(SEARCHABLE)))
    kinds = (int,) if name in WHOLE else (int, float)
    is_range = isinstance(values, dict) and {"low", "high"} <= set(values) <= {"low", "high", "log", "step"}
    numbers = [values["low"], values["high"]] if is_range else values if isinstance(values, list) else []
    is_fine = bool(numbers) and all(isinstance(n, kinds) and not isinstance(n, bool) for n in numbers)
    if not is_fine or (is_range and not values["low"] < values["high"]):
        whole = "whole numbers" if name in WHOLE else "numbers"
        raise ConfigError(
            f"{setting} is {values}", hint=f"give a list of {whole}, or {{low: A, high: B}} with A below B"
        )
    if is_range and values.get("log") and (values.get("step") or values["low"] <= 0):
        raise ConfigError(f"{setting} is {values}", hint="a range with log=true begins above 0 and has no step")
    for number in numbers:
        replace(XGBoostParams(), **{name: number})
