"""Two people of one cut-off, and who of them gathered more: drawn, and what a model says of them judged."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from social_signals.evaluation.metrics import (
    brier,
    calibration_error,
    log_loss,
    pair_bootstrap,
    pairwise_accuracy,
    roc_auc,
)
from social_signals.models.labels import ENGAGEMENT
from social_signals.models.predict import MARGIN
from social_signals.tables.gold import AS_OF

Floats = NDArray[np.float64]

MOST_PAIRS = 40_000


def sample_pairs(people: pd.DataFrame, *, most: int, seed: int) -> pd.DataFrame:
    """At most `most` random pairs of two people of one cut-off with unequal engagement, columns `a_*` and `b_*`, `a_won`.

    Every cut-off gives pairs in proportion to its people; who is A is drawn too. people is sorted by the caller.
    """
    rng = np.random.default_rng(seed)
    drawn = []
    for _, slice_ in people.groupby(AS_OF, sort=True):
        wanted = min(-(-most * len(slice_) // len(people)), len(slice_) * (len(slice_) - 1) // 2)
        if wanted:
            first, second = rng.integers(0, len(slice_), (2, 2 * wanted))
            drawn.append((slice_.index.to_numpy()[first], slice_.index.to_numpy()[second]))
    if not drawn:
        return people.iloc[:0].add_prefix("a_").join(people.iloc[:0].add_prefix("b_")).assign(a_won=0)
    a, b = (np.concatenate(side) for side in zip(*drawn, strict=True))
    pairs = (
        people.loc[a]
        .add_prefix("a_")
        .reset_index(drop=True)
        .join(people.loc[b].add_prefix("b_").reset_index(drop=True))
    )
    unequal = pairs[pairs[f"a_{ENGAGEMENT}"] != pairs[f"b_{ENGAGEMENT}"]]
    unequal = unequal.iloc[:most].reset_index(drop=True)
    return unequal.assign(a_won=(unequal[f"a_{ENGAGEMENT}"] > unequal[f"b_{ENGAGEMENT}"]).astype(int))


def margins_and_winner(pairs: pd.DataFrame) -> tuple[Floats, Floats]:
    """Of each pair how much further A's margin is than B's, and 1 where A won."""
    return (pairs[f"a_{MARGIN}"] - pairs[f"b_{MARGIN}"]).to_numpy(), pairs["a_won"].to_numpy().astype(np.float64)


def pair_report(
    probabilities: ArrayLike, a_won: ArrayLike, *, persons_a: ArrayLike, persons_b: ArrayLike, seed: int
) -> dict[str, float]:
    """The metrics of P(A beats B) over pairs; the interval of the AUC draws people, not pairs."""
    p, won = np.asarray(probabilities, dtype=np.float64), np.asarray(a_won, dtype=np.float64)
    auc = pair_bootstrap(roc_auc, won, p, persons_a=persons_a, persons_b=persons_b, seed=seed)
    return {
        "pairs": len(won),
        "roc_auc": round(auc.value, 10), "roc_auc_low": round(auc.low, 10), "roc_auc_high": round(auc.high, 10),
        "accuracy": round(pairwise_accuracy(p, 1 - p, won), 10), "brier": round(brier(won, p), 10),
        "log_loss": round(log_loss(won, p), 10), "calibration_error": round(calibration_error(won, p), 10),
    }  # fmt: skip
