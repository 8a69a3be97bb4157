"""Model cards as evidence: what is there is shown, what is missing or broken is left out."""

from __future__ import annotations

import pytest

from social_signals.reports.evidence import churn_evidence, influence_evidence, text_evidence
from social_signals.reports.findings import calibration_sentence, ranking_sentence
from social_signals.reports.report import Measure

CARD = {
    "model_id": "churn-1",
    "seed": 7,
    "features": ["a", "b"],
    "metrics": {
        "churn": {
            "test": {"roc_auc": 0.871, "roc_auc_low": 0.85, "roc_auc_high": 0.9, "rows": 300, "brier": None},
            "baselines": {
                "recency": {"roc_auc": 0.724, "roc_auc_low": 0.7, "roc_auc_high": 0.75},
                "logistic": {"roc_auc": 0.86},
            },
        }
    },
    "curves": {"churn": {"roc": [[0, 0], [0.1, 0.6], [1, 1]], "calibration": [[0.1, 0.2, 50], [0.8, 0.8, 150]]}},
}


def test_a_whole_card_is_read() -> None:
    found = churn_evidence(CARD)
    assert found.measure == Measure("Churn model", 0.871, 0.85, 0.9)
    assert [b.name for b in found.baselines] == ["Recency alone", "A logistic regression"]
    assert found.rule_of_thumb == Measure("Recency alone", 0.724, 0.7, 0.75)
    assert found.numbers == [("Rows tested", 300.0)]
    assert found.roc == [(0, 0), (0.1, 0.6), (1, 1)]
    assert ("Features", "2") in found.facts
    expected = "picks the right one 87 times out of 100; recency alone does so 72 times out of 100."
    assert ranking_sentence(found) == expected
    # (50 * 0.1 + 150 * 0) / 200 people = 2.5 points.
    assert calibration_sentence(found) == "Predicted and observed shares lie 2.5 points apart on average."


@pytest.mark.parametrize(
    "card",
    [
        None, {}, {"metrics": None, "curves": 3}, {"metrics": {"churn": {"test": {"roc_auc": None}}}},
        {"metrics": {"churn": {"test": {"roc_auc": float("nan")}, "baselines": [1]}}},
        {"curves": {"churn": {"roc": [[0.1], "ab", [None, 1]], "calibration": None}}},
    ],
)  # fmt: skip
def test_a_card_with_holes_claims_nothing(card: dict | None) -> None:
    found = churn_evidence(card)
    assert (found.measure, list(found.baselines), found.roc, found.calibration) == (None, [], [], [])
    assert ranking_sentence(found) is None


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    roc = [[n / 4999, n / 4999] for n in range(5000)]
    found = churn_evidence({"curves": {"churn": {"roc": roc}}}).roc
    assert (len(found), found[0], found[-1]) == (200, (0.0, 0.0), (1.0, 1.0))


def test_influence_prefers_later_times_to_unseen_people() -> None:
    metrics = {"cv_unseen": {"roc_auc": 0.8}, "test": {"roc_auc": 0.7}}
    assert influence_evidence({"metrics": {"influence": metrics}}).measure == Measure("Influence model", 0.7)
    pairs = {"cv_row": {"roc_auc": 0.9}, "cv_unseen": {"roc_auc": 0.8}}
    assert influence_evidence({"metrics": {"influence": pairs}}).measure == Measure("Influence model", 0.8)


def test_text_models_are_quoted_as_they_are_served() -> None:
    cards = {
        "sentiment": {"metrics": {"macro_recall": {"pytorch": 0.75, "spark_nlp_int8": 0.7}}},
        "entities": {"metrics": {"wnut17": {"strict_f1": {"spark_nlp_int8": 0.5}}, "spark_nlp_agrees": {"posts": 3}}},
    }
    assert text_evidence(cards) == [Measure("Sentiment, macro recall", 0.7), Measure("Names, strict F1 on wnut17", 0.5)]
    assert text_evidence({"sentiment": None}) == []
