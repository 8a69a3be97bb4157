"""What drives a model and on whom it does how well, read from its card: what is missing or broken is left out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from social_signals.core.words import plural
from social_signals.reports.report import Measure, Segment

RISK_TENTH = "risk tenth"
MOST_FEATURES = 12
MOST_FACTORS = 3


def importance_of(card: Mapping[str, Any]) -> list[tuple[str, float]]:
    """(feature, mean absolute contribution) of the features that matter most, largest first."""
    found = [
        (str(one.get("feature")), number(one.get("mean_contribution"))) for one in _entries(card.get("importance"))
    ]
    return [(name, value) for name, value in found if value is not None and value > 0][:MOST_FEATURES]


def tenths_of(card: Mapping[str, Any]) -> list[Segment]:
    """The tenths by risk, those most at risk first, with what drives each."""
    told = [one for one in _entries(card.get("segments")) if one.get("by") == RISK_TENTH]
    return [segment for one in told if (segment := _segment(RISK_TENTH, str(one.get("segment")), one, one)) is not None]


def groups_of(card: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[Segment]:
    """The groups of people that the metrics tell apart, in the order of the card, the larger first, with what drives each."""
    driven = {(one.get("by"), str(one.get("segment"))): one for one in _entries(card.get("segments"))}
    found = []
    for by, groups in _mapping(metrics.get("groups")).items():
        told = [
            segment
            for name, numbers in _mapping(groups).items()
            if (segment := _segment(str(by), str(name), _mapping(numbers), driven.get((by, str(name)), {})))
        ]
        found += sorted(told, key=lambda segment: (-segment.rows, segment.name))
    return found


def groups_note(metrics: Mapping[str, Any]) -> str | None:
    """How many groups were too small to tell.

    >>> groups_note({"groups_left_out": {"country": {"groups": 3, "rows": 41}, "language": {"groups": 0, "rows": 0}}})
    'Left out as too small: 3 groups by country (41 rows).'
    """
    parts = [
        f"{plural(int(one['groups']), 'group', 'groups')} by {_words(by)} ({plural(int(one['rows']), 'row', 'rows')})"
        for by, one in _mapping(metrics.get("groups_left_out")).items()
        if number(_mapping(one).get("groups")) and number(_mapping(one).get("rows"))
    ]
    return f"Left out as too small: {', '.join(parts)}." if parts else None


def number(value: Any) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def _segment(by: str, name: str, numbers: Mapping[str, Any], driven: Mapping[str, Any]) -> Segment | None:
    rows, rate, said = (number(numbers.get(key)) for key in ("rows", "rate", "mean_probability"))
    if rows is None or rate is None or said is None:
        return None
    return Segment(
        _words(by), name, int(rows), rate, said, _factors(driven),
        _measure(numbers, "roc_auc"), _measure(numbers, "calibration_error"),
    )  # fmt: skip


def _factors(driven: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"feature": str(one.get("feature")), "value": number(one.get("median")), "contribution": direction}
        for one in _entries(driven.get("factors"))
        if (direction := number(one.get("direction"))) is not None
    ][:MOST_FACTORS]


def _measure(numbers: Mapping[str, Any], name: str) -> Measure | None:
    value = number(numbers.get(name))
    return (
        None
        if value is None
        else Measure(name, value, number(numbers.get(f"{name}_low")), number(numbers.get(f"{name}_high")))
    )


def _words(by: str) -> str:
    return by.removeprefix("attributes.").replace("_", " ")


def _entries(value: Any) -> list[Mapping[str, Any]]:
    listed = value if isinstance(value, Sequence) and not isinstance(value, str) else []
    return [one for one in listed if isinstance(one, Mapping)]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
