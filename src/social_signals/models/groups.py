"""Groups of people whom a model may treat differently: who belongs to which, and how the model does on each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from social_signals.core.errors import ConfigError, did_you_mean
from social_signals.evaluation.metrics import bootstrap, calibration_error, calibration_noise, roc_auc
from social_signals.tables.silver import ATTRIBUTES, COUNTRY, IS_CREATOR, LANGUAGE, USER_ID

# Columns of silver.users that say what kind of person somebody is; the others name single people.
USER_COLUMNS = (COUNTRY, LANGUAGE, IS_CREATOR)
ATTRIBUTE = f"{ATTRIBUTES}."
UNKNOWN = "not known"
# More would be a table nobody reads, and smaller ones come close to single people.
MOST_GROUPS = 24
BANDS = 4


def require_groups(names: Sequence[str], *, features: Sequence[str], has_users: bool) -> None:
    """Raise ConfigError where a name is neither a feature nor, with has_users, something that silver.users says."""
    known = [*(USER_COLUMNS if has_users else ()), *features]
    for name in names:
        if name not in known and not (has_users and name.startswith(ATTRIBUTE)):
            raise ConfigError(
                f"churn.groups names {name!r}, which is {'no column of silver.users and ' if has_users else ''}no feature",
                hint=did_you_mean(name, known) + (f", or {ATTRIBUTE}KEY" if has_users else ""),
            )


def of_users(names: Sequence[str], *, features: Sequence[str]) -> list[str]:
    """Those of the names that silver.users answers, not a feature."""
    return [name for name in names if name not in features]


def groups_of_users(users: DataFrame, names: Sequence[str]) -> DataFrame:
    """One row per person: user_id and, as text, `group_0` ... for each of `names` (`country`, `attributes.KEY` ...); null is
    not known."""

    def value(name: str) -> Column:
        column = F.col(ATTRIBUTES)[name.removeprefix(ATTRIBUTE)] if name.startswith(ATTRIBUTE) else F.col(name)
        text = F.trim(column.cast("string"))
        return F.when(text != "", text)

    return users.select(USER_ID, *(value(name).alias(_column(place)) for place, name in enumerate(names)))


def memberships(
    rows: pd.DataFrame,
    names: Sequence[str],
    *,
    features: Sequence[str],
    categories: Mapping[str, Sequence[str]],
) -> dict[str, pd.Series]:
    """The group of each row, by name of the grouping: what silver.users says, a category, else a band of a number.

    rows: the features, and the columns of `groups_of_users`. A number is cut at its quartiles over the rows.
    """
    found = {}
    from_users = of_users(names, features=features)
    for name in names:
        if name in from_users:
            column = rows[_column(from_users.index(name))]
        elif name in categories:
            column = rows[name].map(dict(enumerate(categories[name])))
        else:
            column = bands(rows[name])
        found[name] = column.astype(object).where(column.notna(), UNKNOWN).astype(str)
    return found


def _column(place: int) -> str:
    return f"group_{place}"


def bands(values: pd.Series) -> pd.Series:
    """Quartiles in words; equal quartiles are one band, what is missing stays missing.

    >>> bands(pd.Series([1.0, 2.0, 3.0, 4.0, None])).tolist()
    ['up to 1.75', 'above 1.75 to 2.5', 'above 2.5 to 3.25', 'above 3.25', nan]
    """
    known = values.dropna()
    edges = sorted({float(f"{edge:.4g}") for edge in known.quantile([part / BANDS for part in range(1, BANDS)])})
    edges = [edge for edge in edges if edge < known.max()]
    if not edges:
        return values.map(lambda value: f"{value:g}", na_action="ignore")
    shown = [f"{edge:g}" for edge in edges]
    words = [
        f"up to {shown[0]}",
        *(f"above {a} to {b}" for a, b in pairwise(shown)),
        f"above {shown[-1]}",
    ]
    place = np.searchsorted(edges, values.to_numpy(dtype=np.float64), side="left")
    return pd.Series([words[min(p, len(edges))] for p in place], index=values.index).where(values.notna())


def large_enough(groups: pd.Series, *, min_rows: int) -> list[str]:
    """The groups of at least so many rows, the largest first, equal ones by name; at most `MOST_GROUPS`."""
    sizes = groups.value_counts()
    kept = sorted(((-int(n), str(name)) for name, n in sizes.items() if n >= min_rows))
    return [name for _, name in kept[:MOST_GROUPS]]


def group_report(
    groups: Mapping[str, pd.Series],
    labels: ArrayLike,
    probabilities: ArrayLike,
    *,
    people: ArrayLike,
    min_rows: int,
    seed: int,
) -> dict[str, Any]:
    """For each grouping and group: rows, people, rate, mean probability, ROC AUC and calibration error with their intervals, and
    the calibration error that chance alone would show. `left_out`: how many groups, and rows of them, were too small.
    """
    y, p, who = np.asarray(labels), np.asarray(probabilities, dtype=np.float64), np.asarray(people)
    found: dict[str, Any] = {}
    left_out: dict[str, Any] = {}
    for name, of_rows in groups.items():
        kept = large_enough(of_rows, min_rows=min_rows)
        found[name] = {}
        for group in kept:
            chosen = (of_rows == group).to_numpy()
            found[name][group] = _measured(y[chosen], p[chosen], who[chosen], seed=seed)
        rest = ~of_rows.isin(kept)
        left_out[name] = {"groups": int(of_rows[rest].nunique()), "rows": int(rest.sum())}
    return {"groups": found, "groups_left_out": left_out}


def _measured(y: Any, p: Any, people: Any, *, seed: int) -> dict[str, float]:
    told: dict[str, float] = {
        "rows": len(y), "people": len(np.unique(people)), "rate": round(float(y.mean()), 10),
        "mean_probability": round(float(p.mean()), 10),
    }  # fmt: skip
    for name, metric in (("roc_auc", roc_auc), ("calibration_error", calibration_error)):
        interval = bootstrap(metric, y, p, groups=people, seed=seed)
        told |= {
            name: round(interval.value, 10), f"{name}_low": round(interval.low, 10), f"{name}_high": round(interval.high, 10),
        }  # fmt: skip
    return told | {"calibration_noise": round(calibration_noise(p, seed=seed), 10)}
