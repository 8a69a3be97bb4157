"""What drives a model: exact SHAP contributions of some rows, summed over all of them and over segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from social_signals.models.contributions import EXACT
from social_signals.models.contributions import contributions as explained
from social_signals.models.predict import load_booster

FACTORS = 5
TENTHS = 10
RISK_TENTH = "risk tenth"


def contributions_of(booster: bytes, rows: pd.DataFrame) -> NDArray[np.float64]:
    """The SHAP contribution of each feature (columns) to the margin of each row, without the bias. rows: features in order."""
    exactly = np.full(len(rows), EXACT)
    return explained(load_booster(booster), rows.to_numpy(np.float32), exactly).astype(np.float64)


def importance(contributions: NDArray[np.float64], features: Sequence[str]) -> list[dict[str, str | float]]:
    """Each feature with its mean absolute contribution over the rows, largest first."""
    if not len(contributions):
        return []
    means = np.abs(contributions).mean(axis=0)
    found = [(str(name), round(float(mean), 6)) for name, mean in zip(features, means, strict=True)]
    return [
        {"feature": name, "mean_contribution": mean} for name, mean in sorted(found, key=lambda one: (-one[1], one[0]))
    ]


def risk_tenths(probabilities: ArrayLike) -> pd.Series:
    """The tenth of each row by descending probability, `1` to `10`; rows of equal probability go by their place."""
    p = np.asarray(probabilities, dtype=np.float64)
    place = np.empty(len(p), dtype=int)
    place[np.argsort(-p, kind="stable")] = np.arange(len(p))
    return pd.Series(place * TENTHS // max(len(p), 1) + 1).astype(str)


def segments(
    groups: Mapping[str, tuple[pd.Series, Sequence[str]]],
    contributions: NDArray[np.float64],
    rows: pd.DataFrame,
    labels: ArrayLike,
    probabilities: ArrayLike,
    *,
    categories: Mapping[str, Sequence[str]] | None = None,
    most: int = FACTORS,
) -> list[dict[str, Any]]:
    """One entry per segment: what it is (`by`, `segment`), its rows, rate and mean probability, and its key `factors`.

    groups: the segment of each row, by name of the grouping, and which segments are told. A factor is a feature with its mean
    absolute contribution in the segment, its mean contribution (`direction`: above 0 it raises the risk there, below 0 it lowers
    it) and the `median` of its values, or the `commonest` where it is one of categories; null where most are missing. Largest first.
    """
    y, p = np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    found = []
    for by, (of_rows, told) in groups.items():
        for segment in told:
            chosen = (of_rows == segment).to_numpy()
            if not chosen.any():
                continue
            found.append(
                {
                    "by": by, "segment": segment, "rows": int(chosen.sum()), "rate": round(float(y[chosen].mean()), 10),
                    "mean_probability": round(float(p[chosen].mean()), 10),
                    "factors": _factors(contributions[chosen], rows[chosen], categories or {}, most=most),
                }
            )  # fmt: skip
    return found


def _factors(
    contributions: NDArray[np.float64], rows: pd.DataFrame, categories: Mapping[str, Sequence[str]], *, most: int
) -> list[dict[str, Any]]:
    strength, direction = np.abs(contributions).mean(axis=0), contributions.mean(axis=0)
    order = sorted(range(len(strength)), key=lambda place: (-round(float(strength[place]), 6), rows.columns[place]))
    return [
        {
            "feature": str(rows.columns[place]), "mean_contribution": round(float(strength[place]), 6),
            "direction": round(float(direction[place]), 6), **_typical(rows.iloc[:, place], categories),
        }
        for place in order[:most]
    ]  # fmt: skip


def _typical(values: pd.Series, categories: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    words, is_known = categories.get(str(values.name)), values.notna().mean() > 0.5
    if words is not None:
        return {"commonest": words[int(values.mode().iloc[0])] if is_known else None}
    return {"median": round(float(values.median()), 6) if is_known else None}
