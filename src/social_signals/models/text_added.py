"""Features of texts among those of a churn model, and what they added to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from social_signals.evaluation.metrics import paired_bootstrap, roc_auc
from social_signals.models.grower import VALID_LOSS, Chosen, Grower
from social_signals.models.judged import PERSON
from social_signals.models.labels import CHURNED
from social_signals.models.predict import MARGIN, margins_on


@dataclass(frozen=True)
class ReadText:
    """The features of texts: their names, the content of `text.json` that makes them of other texts, and words for the card."""

    columns: Sequence[str]
    content: bytes
    card: Mapping[str, Any]


def added_by_text(test: pd.DataFrame, with_text: Chosen, *, grower: Grower, seed: int) -> dict[str, float]:
    """What features of texts added: ROC AUC on the same test rows with them and without, and the difference with its interval;
    and the log loss of the two on rows before the test that grew none of their trees, which is what to choose by.

    test: features, label, person and the margin of the model that reads texts. with_text: how long to grow that one.
    grower: grows the model without them, the same way on the other features.
    """
    chosen = grower.chosen()
    fitted = grower.finished(chosen)
    ours, theirs, labels = test[MARGIN], margins_on(fitted.booster, test[list(grower.features)]), test[CHURNED]
    gained = paired_bootstrap(roc_auc, labels, ours, theirs, groups=test[PERSON], seed=seed)
    found = {
        "roc_auc": roc_auc(labels, ours), "roc_auc_without": roc_auc(labels, theirs),
        "difference": gained.value, "low": gained.low, "high": gained.high,
        "valid_log_loss": min(with_text.history[VALID_LOSS]), "valid_log_loss_without": min(chosen.history[VALID_LOSS]),
    }  # fmt: skip
    return {name: round(value, 10) for name, value in found.items()}
