"""Model cards as evidence: tolerant readers of the metrics and curves that training stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from social_signals.reports.drivers import groups_note, groups_of, importance_of, number, tenths_of
from social_signals.reports.report import Evidence, Measure

Card = Mapping[str, Any]

# The fairest split first: later times, then people nobody has seen, then rows.
SPLITS = {
    "test": "later cut-offs that training never saw",
    "cv_unseen": "people that training never saw",
    "cv_row": "pairs that training never saw",
    "validation": "the slice on which training stopped",
}
LOGISTIC, TREE = "A logistic regression", "A decision tree"
BASELINES = {
    "recency": "Recency alone",
    "followers": "Audience size alone",
    "follower_count": "Audience size alone",
    "activity": "Past activity alone",
    "engagement": "Past engagement alone",
    "logistic": LOGISTIC,
    "decision_tree": TREE,
}
NUMBERS = {
    "average_precision": "Average precision",
    "pr_auc": "Average precision",
    "calibration_error": "Calibration error",
    "brier": "Brier score",
    "log_loss": "Log loss",
    "lift_top_decile": "Lift in the top tenth",
    "accuracy": "Accuracy",
}
COUNTS = {"n": "People tested", "rows": "Rows tested", "people": "People tested", "pairs": "Pairs tested"}
FACTS = {
    "model_id": "Model",
    "trained_as_of": "Trained until",
    "as_of": "Cut-off",
    "horizon_days": "Days ahead",
    "lookback_days": "Days looked back",
    "seed": "Seed",
    "device": "Device",
    "xgboost_version": "XGBoost",
    "created_by": "Made by",
}
MOST_CURVE_POINTS = 200


def churn_evidence(card: Card | None) -> Evidence:
    """How well the churn model did, from its card.

    Read, each where present: `card["metrics"]["churn"]["test"]` with `roc_auc`, `roc_auc_low` and `roc_auc_high`,
    `calibration_error` and more numbers; `card["metrics"]["churn"]["baselines"][name]` with the same three;
    `card["curves"]["churn"]` as `{"roc": [[fpr, tpr], ...], "calibration": [[mean_predicted, observed, n], ...]}`;
    `card["importance"]`, `card["segments"]` and `card["metrics"]["churn"]["groups"]` as `models.churn` writes them;
    and `model_id`, `as_of`, `seed`, ... Metrics and curves may also lie at the top, without the model's name.
    """
    return _evidence(card, "churn", ours="Churn model")


def influence_evidence(card: Card | None) -> Evidence:
    """How well the influence model did on pairs of people; read from `card["metrics"]["influence"]` as for churn."""
    found = _evidence(card, "influence", ours="Influence model")
    return replace(found, hits=_hits(_part(_part(card, "metrics"), "influence")))


# How a list was drawn, in words; the model first.
_LISTS = {
    "model": "the model", "followers": "followers", "received": "engagement received", "activity": "activity",
    "growth": "growth of engagement", "follower_growth": "growth of followers", "degree": "people who engaged",
    "pagerank": "PageRank",
}  # fmt: skip
_SHOWN_LENGTH = 20


def _hits(metrics: Card) -> list[dict[str, Any]]:
    """Of the first 20 of each list the share who were in the top tenth afterwards, of everybody and of small audiences."""
    told = []
    for part, who in (("top", "everybody"), ("emerging", "small audiences")):
        lists = _part(metrics, part)
        for name, words in _LISTS.items():
            found = _part(lists, name)
            share = number(found.get(f"precision_at_{_SHOWN_LENGTH}"))
            low, high = (number(found.get(f"precision_at_{_SHOWN_LENGTH}_{end}")) for end in ("low", "high"))
            if share is not None and low is not None and high is not None:
                told.append(
                    {"list": f"{_SHOWN_LENGTH} of {who}", "by": words, "share": share, "low": low, "high": high}
                )
    return told


def text_evidence(cards: Mapping[str, Card | None]) -> list[Measure]:
    """What the packaged text models, as they are served, reached on texts kept apart.

    Read: `cards["sentiment"]["metrics"]["macro_recall"]` and `cards["entities"]["metrics"][test]["strict_f1"]`, each a
    number or numbers by engine, of which `spark_nlp_int8` is the one that reads our posts.
    """
    found = []
    sentiment = _part(cards.get("sentiment"), "metrics")
    recall = _served(sentiment.get("macro_recall"))
    if recall is not None:
        found.append(Measure("Sentiment, macro recall", recall))
    for test, numbers in sorted(_part(cards.get("entities"), "metrics").items()):
        f1 = _served(numbers.get("strict_f1")) if isinstance(numbers, Mapping) else None
        if f1 is not None:
            found.append(Measure(f"Names, strict F1 on {test}", f1))
    return found


def _part(card: Card | None, part: str) -> Mapping[str, Any]:
    found = (card or {}).get(part)
    return found if isinstance(found, Mapping) else {}


def _served(value: Any) -> float | None:
    return number(value.get("spark_nlp_int8")) if isinstance(value, Mapping) else number(value)


def _evidence(card: Card | None, model: str, *, ours: str) -> Evidence:
    metrics = _nested(card, "metrics", model) or {}
    curves = _nested(card, "curves", model) or {}
    split, numbers = _best_split(metrics)
    named = metrics.get("baselines")
    baselines: Mapping[str, Any] = named if isinstance(named, Mapping) else {}
    return Evidence(
        model_id=str(card["model_id"]) if card and card.get("model_id") else None,
        measure=_measure(numbers, "roc_auc", ours),
        baselines=[m for name, values in _simplest_first(baselines) if (m := _baseline(name, values, split))],
        numbers=_numbers(numbers),
        split=SPLITS.get(split or ""),
        roc=[(p[0], p[1]) for p in _points(curves.get("roc"), width=2)],
        calibration=[(p[0], p[1], int(p[2])) for p in _points(curves.get("calibration"), width=3)],
        facts=[*_facts(card), *_added_by_text(metrics)],
        importance=importance_of(card or {}),
        tenths=tenths_of(card or {}),
        groups=groups_of(card or {}, metrics),
        groups_note=groups_note(metrics),
    )


def _nested(card: Card | None, part: str, model: str) -> Mapping[str, Any] | None:
    """`card[part][model]`, or `card[part]` where the model's name was left out."""
    found = (card or {}).get(part)
    if not isinstance(found, Mapping):
        return None
    inner = found.get(model)
    return inner if isinstance(inner, Mapping) else found


def _best_split(metrics: Mapping[str, Any]) -> tuple[str | None, Mapping[str, Any]]:
    for split in SPLITS:
        if isinstance(metrics.get(split), Mapping):
            return split, metrics[split]
    return None, metrics


def _measure(numbers: Mapping[str, Any], metric: str, name: str) -> Measure | None:
    value = number(numbers.get(metric))
    if value is None:
        return None
    low, high = number(numbers.get(f"{metric}_low")), number(numbers.get(f"{metric}_high"))
    return Measure(name, value, low, high) if low is not None and high is not None else Measure(name, value)


def _baseline(name: str, values: Any, split: str | None) -> Measure | None:
    if not isinstance(values, Mapping):
        values = {"roc_auc": values}
    inner = values.get(split) if isinstance(values.get(split), Mapping) else values
    return _measure(inner, "roc_auc", BASELINES.get(name, f"{name.replace('_', ' ').capitalize()} alone"))


def _simplest_first(baselines: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Rules of one column before what was learnt from all of them."""
    return sorted(baselines.items(), key=lambda item: (BASELINES.get(item[0]) in (LOGISTIC, TREE), item[0]))


def _numbers(numbers: Mapping[str, Any]) -> list[tuple[str, float]]:
    named = {**NUMBERS, **COUNTS}
    return [(named[key], value) for key in named if (value := number(numbers.get(key))) is not None]


def _facts(card: Card | None) -> list[tuple[str, str]]:
    facts = [(words, str(card[key])) for key, words in FACTS.items() if card and card.get(key) not in (None, "")]
    features = (card or {}).get("features")
    if isinstance(features, Sequence) and not isinstance(features, str):
        facts.append(("Features", str(len(features))))
    return facts


def _added_by_text(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What features of texts added to the ROC AUC on the same rows, with its interval."""
    found = metrics.get("text")
    numbers = [number(found.get(key)) for key in ("difference", "low", "high")] if isinstance(found, Mapping) else []
    if not numbers or None in numbers:
        return []
    difference, low, high = numbers
    return [("Texts added to ROC AUC", f"{difference:+.4f} ({low:+.4f} to {high:+.4f})")]


def _points(points: Any, *, width: int) -> list[tuple[float, ...]]:
    """Points of finite numbers, thinned evenly to what a chart can show, ends kept."""
    if not isinstance(points, Iterable) or isinstance(points, str):
        return []
    good = []
    for point in points:
        if not isinstance(point, Sequence) or isinstance(point, str) or len(point) < width:
            continue
        numbers = [n for x in point[:width] if (n := number(x)) is not None]
        if len(numbers) == width:
            good.append(tuple(numbers))
    if len(good) <= MOST_CURVE_POINTS:
        return good
    step = (len(good) - 1) / (MOST_CURVE_POINTS - 1)
    return [good[round(i * step)] for i in range(MOST_CURVE_POINTS)]
