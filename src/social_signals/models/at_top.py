"""Of the few whom a score puts first, how many were among those with the most engagement afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from social_signals.tables.gold import AS_OF

TOP_SHARE = 0.1
LIST_LENGTHS = (20, 100)


def precision_at_top(
    people: pd.DataFrame,
    *,
    outcome: str,
    scores: Mapping[str, str],
    pool: NDArray[np.bool_] | None = None,
    lengths: Sequence[int] = LIST_LENGTHS,
    seed: int,
) -> dict[str, dict[str, float]]:
    """By name of a score and length k: `precision_at_k`, of the k people with the highest score of a cut-off the share who were in
    the top tenth of its `outcome`, all cut-offs together, with a 95 % interval (Wilson, 1927), `_low` and `_high`.

    people: whole cut-offs, one row a person: as_of, `outcome`, and the columns that `scores` names. Whoever has an outcome of 0 is
    in no top; ties at its edge are in. Equal scores are in an order of chance, absent ones come last. pool: who may be listed;
    the top is that of everybody. A length is left out where no cut-off has so many to list; `rate` is the share of the pool
    who were in the top: what a list drawn by chance would reach.
    """
    from scipy.stats import binomtest

    chance = np.random.default_rng(seed).random(len(people))
    is_listed = np.ones(len(people), dtype=bool) if pool is None else pool
    gathered = people[outcome].to_numpy(np.float64)
    edge = people.groupby(AS_OF)[outcome].transform(lambda values: values.quantile(1 - TOP_SHARE)).to_numpy()
    in_top = (gathered >= edge) & (gathered > 0)
    cutoffs = people[AS_OF].to_numpy()
    found: dict[str, dict[str, float]] = {}
    for name, column in scores.items():
        values = people[column].to_numpy(np.float64)
        values = np.where(np.isnan(values), -np.inf, values)
        told: dict[str, float] = {}
        for length in lengths:
            hits = listed = 0
            for cutoff in np.unique(cutoffs):
                rows = np.flatnonzero((cutoffs == cutoff) & is_listed)
                if len(rows) < length:
                    continue
                first = rows[np.lexsort((chance[rows], -values[rows]))[:length]]
                hits, listed = hits + int(in_top[first].sum()), listed + length
            if listed:
                between = binomtest(hits, listed).proportion_ci(method="wilson")
                key = f"precision_at_{length}"
                told |= {key: hits / listed, f"{key}_low": float(between.low), f"{key}_high": float(between.high)}
        found[name] = {key: round(value, 6) for key, value in told.items()}
    rate = float(in_top[is_listed].mean()) if is_listed.any() else 0.0
    return {name: told for name, told in found.items() if told} | ({"rate": {"rate": round(rate, 6)}} if found else {})


def with_small_audience(people: pd.DataFrame, *, followers: str, received: str, most: int | None) -> NDArray[np.bool_]:
    """Who is small, as `scoring.with_standing` has it: at most `most` followers, or the median of those known; where a cut-off
    knows nobody's, at most the median of what was received."""

    def small(slice_: pd.DataFrame) -> Any:
        known = slice_[followers].notna()
        if known.any():
            limit = slice_[followers].median() if most is None else most
            return slice_[followers] <= limit
        # A comparison with an unknown median holds for nobody.
        limit = slice_[received].quantile(0.5) if slice_[received].notna().any() else np.nan
        return slice_[received] <= limit

    parts = [small(slice_) for _, slice_ in people.groupby(AS_OF, sort=True)]
    return pd.concat(parts).reindex(people.index).to_numpy(bool) if parts else np.zeros(0, dtype=bool)
