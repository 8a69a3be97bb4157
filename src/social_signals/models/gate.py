"""Which of two models should be in charge, told from their cards."""

from __future__ import annotations

from dataclasses import dataclass

from social_signals.core.errors import GateError
from social_signals.models.artefact import Artefact, ModelStore

TRACKED = "roc_auc"


@dataclass(frozen=True)
class Verdict:
    """Whether the candidate takes charge, and why, in a sentence."""

    promoted: bool
    reason: str


def judge(candidate: Artefact, champion: Artefact | None) -> Verdict:
    """The candidate takes charge unless a champion judged on the same cut-offs did at least as well there.

    A champion that was judged on other cut-offs than the candidate has not shown what it does on the newest ones.
    """
    if champion is None:
        return Verdict(True, "there was no champion")
    if champion.model_id == candidate.model_id:
        return Verdict(True, "it is the champion")
    ours, theirs = _judged_on(candidate), _judged_on(champion)
    if ours != theirs:
        return Verdict(True, f"{champion.model_id} was judged on other data")
    new, old = _value(candidate), _value(champion)
    if new is not None and (old is None or new > old):
        return Verdict(True, f"test {TRACKED} {new:.4f} beats {_shown(old)} of {champion.model_id}")
    return Verdict(False, f"test {TRACKED} {_shown(new)} does not beat {_shown(old)} of {champion.model_id}")


def settle(candidate: Artefact, store: ModelStore, *, gate: str) -> Verdict:
    """Promote the candidate, or not, as `gate` says: `off` always, `report` if better, `strict` raises GateError if not."""
    verdict = Verdict(True, "the gate is off") if gate == "off" else judge(candidate, store.champion(candidate.kind))
    if not verdict.promoted and gate == "strict":
        raise GateError(
            f"{candidate.model_id} stays a candidate: {verdict.reason}",
            hint="keep the champion, train on more, or set tracking.gate=off to promote it anyway",
        )
    if verdict.promoted:
        store.promote(candidate)
    return verdict


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
