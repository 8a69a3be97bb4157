"""Which of two models should be in charge: told on rows that both are judged on, else from their cards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from social_signals.core.errors import GateError
from social_signals.evaluation.metrics import Interval, paired_bootstrap, roc_auc
from social_signals.models.artefact import Artefact, ModelStore
from social_signals.models.predict import margins_on

TRACKED = "roc_auc"
# Told by what: the candidate's ROC AUC less the champion's; null where the champion cannot read the rows.
Duel = Callable[[Artefact, Artefact], Interval | None]


@dataclass(frozen=True)
class Verdict:
    """Whether the candidate takes charge, and why, in a sentence. gained: what it gained over the champion, where told."""

    promoted: bool
    reason: str
    gained: Interval | None = None

    def as_json(self) -> dict[str, Any]:
        """For the metrics of a run: `promoted` as 1 or 0, and the difference with its interval."""
        told = {} if self.gained is None else {f"gained_{k}": round(v, 10) for k, v in self.gained._asdict().items()}
        return {"promoted": int(self.promoted), **told}


def duel_on(
    rows: pd.DataFrame,
    *,
    label: str,
    person: str,
    seed: int,
    rows_of: Callable[[Artefact], pd.DataFrame] | None = None,
) -> Duel:
    """A duel on `rows` (features, a label of 0 or 1, the person), in an order of their own: neither model has learnt from them.

    The difference of the two ROC AUCs comes with a paired bootstrap over people. rows_of: the same rows as the champion reads
    them, where a feature of the same name is made by each model in its own way.
    """

    def duel(candidate: Artefact, champion: Artefact) -> Interval | None:
        known = rows_of(champion) if rows_of else rows
        if not set(champion.features) <= set(known.columns):
            return None
        ours = margins_on(candidate.booster, rows[candidate.features])
        theirs = margins_on(champion.booster, known[champion.features])
        return paired_bootstrap(roc_auc, rows[label], ours, theirs, groups=rows[person], seed=seed)

    return duel


def judge(candidate: Artefact, champion: Artefact | None, *, duel: Duel | None = None) -> Verdict:
    """The candidate takes charge where there is no champion, or where it is better.

    With a duel it is better when the lower bound of what it gained lies above zero. Without, when its card says more than
    the champion's about the same cut-offs; a champion judged on others has not shown what it does on the newest ones.
    """
    if champion is None:
        return Verdict(True, "there was no champion")
    if champion.model_id == candidate.model_id:
        return Verdict(True, "it is the champion")
    if duel is not None:
        return _judged_by_duel(candidate, champion, duel)
    if _judged_on(candidate) != _judged_on(champion):
        return Verdict(True, f"{champion.model_id} was judged on other data")
    new, old = _value(candidate), _value(champion)
    if new is not None and (old is None or new > old):
        return Verdict(True, f"test {TRACKED} {new:.4f} beats {_shown(old)} of {champion.model_id}")
    return Verdict(False, f"test {TRACKED} {_shown(new)} does not beat {_shown(old)} of {champion.model_id}")


def settle(candidate: Artefact, store: ModelStore, *, gate: str, duel: Duel | None = None) -> Verdict:
    """Promote the candidate where the verdict, or `gate=off`, says so."""
    champion = store.champion(candidate.kind)
    verdict = Verdict(True, "the gate is off") if gate == "off" else judge(candidate, champion, duel=duel)
    if verdict.promoted:
        store.promote(candidate)
    return verdict


def require_promoted(verdict: Verdict, candidate: Artefact, *, gate: str) -> None:
    """Raise GateError where the gate is strict and the candidate stays a candidate."""
    if gate == "strict" and not verdict.promoted:
        raise GateError(
            f"{candidate.model_id} stays a candidate: {verdict.reason}",
            hint="keep the champion, train on more, or set tracking.gate=off to promote it anyway",
        )


def _judged_by_duel(candidate: Artefact, champion: Artefact, duel: Duel) -> Verdict:
    gained = duel(candidate, champion)
    if gained is None:
        return Verdict(True, f"{champion.model_id} needs features that are no longer there")
    told = f"on the newest slice its {TRACKED} differs by {gained.value:+.4f} ({gained.low:+.4f} to {gained.high:+.4f})"
    is_better = gained.low > 0
    return Verdict(is_better, f"{told} from that of {champion.model_id}", gained)


def _judged_on(artefact: Artefact) -> object:
    # By what was known: the same cut-offs of the same people. Features may differ.
    return artefact.card.get("splits", {}).get("test"), artefact.card.get("examples")


def _value(artefact: Artefact) -> float | None:
    for metrics in artefact.metrics.values():
        for part in ("test", "cv_unseen", "cv_row"):
            if part in metrics:
                value = metrics[part].get(TRACKED)
                return None if value is None else float(value)
    return None


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"
