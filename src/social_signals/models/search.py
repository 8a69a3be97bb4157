"""Which settings of the trees do best on validation: a study of Optuna that goes on where it stopped.

The same inputs, seed and search give the same trials, however many run side by side and wherever the study was interrupted:
trials are proposed in batches of a fixed size from what the batches before have shown, and the sampler is seeded for each.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from social_signals.core.errors import ConfigError
from social_signals.models.artefact import model_id_of
from social_signals.models.params import XGBoostParams
from social_signals.models.search_params import GRID, OFF, TPE, WHOLE, SearchParams

log = logging.getLogger(__name__)

# Settings and the number of a fold -> the validation loss there.
Score = Callable[[XGBoostParams, int], float]
Together = Callable[[list[Callable[[], float]]], list[float]]
COMPLETE, PRUNED = "complete", "pruned"


@dataclass(frozen=True)
class Trial:
    """Settings that were tried. losses: of each fold that was grown; `pruned` where that was not all of them."""

    number: int
    settings: dict[str, Any]
    losses: list[float]
    state: str

    @property
    def loss(self) -> float:
        return round(sum(self.losses) / len(self.losses), 9)

    def as_json(self) -> dict[str, Any]:
        return {"settings": self.settings, "losses": self.losses, "loss": self.loss, "state": self.state}


def best_of(trials: Sequence[Trial]) -> Trial:
    """The finished trial of the least loss; of equal ones the first."""
    return min((trial for trial in trials if trial.state == COMPLETE), key=lambda trial: (trial.loss, trial.number))


def searched(tried: SearchParams) -> dict[str, Any]:
    """What a search adds to what a model is made of; nothing where there is none."""
    return {} if tried.method == OFF else {"search": tried.as_json()}


def study_of(kind: str, made_of: Mapping[str, Any], tried: SearchParams) -> str:
    """The name of the study of a model. However many trials there are to be, it is the same: a longer search goes on with it."""
    return model_id_of(f"{kind}-search", {**made_of, "search": tried.as_json() | {"n_trials": 0}})


def in_full(tried: SearchParams, trials: Sequence[Trial]) -> dict[str, Any]:
    """A search as the card keeps it: how, and every trial."""
    return tried.as_json() | {"trials": [trial.as_json() for trial in trials]}


def told(trials: Sequence[Trial]) -> dict[str, float]:
    """A search in numbers, for the metrics of the model."""
    best = best_of(trials)
    pruned = sum(trial.state != best.state for trial in trials)
    return {
        "trials": len(trials),
        "pruned": pruned,
        "first_loss": trials[0].loss,
        "best_loss": best.loss,
        "best": best.number,
    }


def storage_of(params: SearchParams, *, folder: Path, study: str) -> Any:
    """Where the study is kept: the storage that was asked for, else a journal of its own in `folder`.

    Raises ConfigError where the storage cannot be opened.
    """
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    if params.storage is None:
        folder.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(folder / f"{study}.log")))
    try:
        return optuna.storages.get_storage(params.storage)
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ConfigError(
            _without_password(f"search.storage={params.storage} cannot be opened: {reason}"),
            hint="give an Optuna storage such as sqlite:////shared/studies.db, or null for a journal under the catalog's root",
        ) from None


def search(
    score: Score,
    *,
    params: SearchParams,
    base: XGBoostParams,
    folds: int,
    seed: int,
    study: str,
    storage: Any,
    together: Together,
) -> list[Trial]:
    """Every finished trial of the study, in the order in which they were proposed; those that are there are not tried again.

    base: the settings around what is searched, and the first ones to be tried where they lie in the space. together: runs
    several calls side by side and gives their answers in order. n_trials is rounded up to whole batches, so that a study that
    is continued proposes what a longer one would have.
    """
    import optuna

    if params.method == OFF:
        raise ConfigError("search.method is off", hint="choose grid, random or tpe")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    ranges = {name: _distribution(name, values) for name, values in params.ranges().items()}
    grid = params.combinations() if params.method == GRID else []
    wanted = len(grid) if grid else -(-params.n_trials // params.at_once) * params.at_once
    pruner = optuna.pruners.MedianPruner(n_startup_trials=5) if params.prune else optuna.pruners.NopPruner()
    kept = optuna.create_study(
        storage=storage, study_name=study, direction="minimize", pruner=pruner, load_if_exists=True
    )
    # What was interrupted is proposed again.
    for stale in kept.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        kept.tell(stale.number, state=optuna.trial.TrialState.FAIL)
    found = _finished(kept)
    while len(found) < wanted:
        kept.sampler = _sampler(params, seed=seed + len(found))
        for settings in _fixed(grid, found, base, ranges, most=params.at_once):
            kept.enqueue_trial(settings)
        count = min(params.at_once, wanted - len(found))
        _tried(kept, [kept.ask(ranges) for _ in range(count)], score, base=base, folds=folds, together=together)
        found = _finished(kept)
        best = best_of(found)
        log.info("search: %d of %d trials, best validation log loss %.4f", len(found), wanted, best.loss)
    return found


def _without_password(text: str) -> str:
    """
    >>> _without_password("postgresql://anna:secret@host/db")
    'postgresql://anna:***@host/db'
    """
    return re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1:***@", text)


def _tried(study: Any, batch: list[Any], score: Score, *, base: XGBoostParams, folds: int, together: Together) -> None:
    """Grow the batch fold by fold, all of it before any of it is told, so that nothing depends on who was faster."""
    from optuna.trial import TrialState

    losses: dict[int, list[float]] = {trial.number: [] for trial in batch}
    alive = batch
    for fold in range(folds):
        calls: list[Callable[[], float]] = [partial(score, replace(base, **trial.params), fold) for trial in alive]
        for trial, loss in zip(alive, together(calls), strict=True):
            losses[trial.number].append(round(loss, 9))
            trial.report(sum(losses[trial.number]) / (fold + 1), step=fold)
        if fold + 1 < folds:
            alive = [trial for trial in alive if not trial.should_prune()]
    numbers = {trial.number for trial in alive}
    for trial in batch:
        trial.set_user_attr("losses", losses[trial.number])
        if trial.number in numbers:
            study.tell(trial, sum(losses[trial.number]) / folds)
        else:
            study.tell(trial, state=TrialState.PRUNED)


def _finished(study: Any) -> list[Trial]:
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    # Numbered anew: one that was interrupted has a number too, and must not show in the card.
    return [
        Trial(
            place,
            dict(sorted(trial.params.items())),
            list(trial.user_attrs["losses"]),
            COMPLETE if trial.state == TrialState.COMPLETE else PRUNED,
        )
        for place, trial in enumerate(sorted(trials, key=lambda trial: trial.number))
    ]


def _fixed(
    grid: list[dict[str, Any]], found: list[Trial], base: XGBoostParams, ranges: dict[str, Any], *, most: int
) -> list[dict[str, Any]]:
    """What is not left to the sampler: the next points of a grid, else the configured settings as the first trial."""
    if grid:
        done = [trial.settings for trial in found]
        return [point for point in grid if point not in done][:most]
    settings = {name: getattr(base, name) for name in ranges}
    is_inside = all(_holds(ranges[name], value) for name, value in settings.items())
    return [settings] if not found and is_inside else []


def _holds(distribution: Any, value: float) -> bool:
    if hasattr(distribution, "choices"):
        return value in distribution.choices
    steps = (value - distribution.low) / distribution.step if distribution.step else 0.0
    return bool(distribution.low <= value <= distribution.high and abs(steps - round(steps)) < 1e-9)


def _sampler(params: SearchParams, *, seed: int) -> Any:
    import optuna

    if params.method == TPE:
        return optuna.samplers.TPESampler(seed=seed)
    return optuna.samplers.RandomSampler(seed=seed)


def _distribution(name: str, values: Any) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(values, list):
        return CategoricalDistribution(values)
    if name in WHOLE:
        return IntDistribution(
            values["low"], values["high"], log=values.get("log", False), step=values.get("step") or 1
        )
    return FloatDistribution(
        float(values["low"]), float(values["high"]), log=values.get("log", False), step=values.get("step")
    )
