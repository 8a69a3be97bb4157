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


def test_what_texts_added_is_a_fact_with_its_interval() -> None:
    text = {"difference": 0.00312, "low": -0.001, "high": 0.0072}
    facts = churn_evidence({"metrics": {"churn": {"text": text}}}).facts
    assert ("Texts added to ROC AUC", "+0.0031 (-0.0010 to +0.0072)") in facts
    assert churn_evidence({"metrics": {"churn": {"text": {"difference": 0.1}}}}).facts == []


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    roc = [[n / 4999, n / 4999] for n in range(5000)]
    found = churn_evidence({"curves": {"churn": {"roc": roc}}}).roc
    assert (len(found), found[0], found[-1]) == (200, (0.0, 0.0), (1.0, 1.0))


DRIVEN = {
    "importance": [{"feature": "days_since_last_post", "mean_contribution": 0.9}, {"feature": "tone", "mean_contribution": 0.0}, 7],
    "segments": [
        {"by": "risk tenth", "segment": "1", "rows": 40, "rate": 0.9, "mean_probability": 0.85,
         "factors": [{"feature": "days_since_last_post", "median": 41.0, "direction": 0.8, "mean_contribution": 0.8}]},
        {"by": "risk tenth", "segment": "2", "rows": 40, "rate": None, "mean_probability": 0.6},
        {"by": "country", "segment": "DE", "rows": 9, "rate": 0.1, "mean_probability": 0.1,
         "factors": [{"feature": "tone", "median": None, "direction": -0.2, "mean_contribution": 0.3}]},
    ],
    "metrics": {"churn": {
        "groups": {"country": {
            "FR": {"rows": 120, "rate": 0.3, "mean_probability": 0.2, "roc_auc": None, "calibration_error": 0.1},
            "DE": {"rows": 300, "rate": 0.5, "mean_probability": 0.4, "roc_auc": 0.8, "roc_auc_low": 0.7, "roc_auc_high": 0.9},
        }, "plan": 3},
        "groups_left_out": {"country": {"groups": 1, "rows": 12}},
    }},
}  # fmt: skip


def test_what_drives_a_model_is_read_by_tenth_and_by_group() -> None:
    found = churn_evidence(DRIVEN)
    assert found.importance == [("days_since_last_post", 0.9)]
    assert [(t.name, t.rate, t.factors) for t in found.tenths] == [
        ("1", 0.9, [{"feature": "days_since_last_post", "value": 41.0, "contribution": 0.8}])
    ]
    de, fr = found.groups
    assert (de.by, de.name, de.rows, de.roc_auc) == ("country", "DE", 300, Measure("roc_auc", 0.8, 0.7, 0.9))
    assert de.factors == [{"feature": "tone", "value": None, "contribution": -0.2}]
    assert (fr.name, fr.roc_auc, fr.factors) == ("FR", None, [])
    assert found.groups_note == "Left out as too small: 1 group by country (12 rows)."


@pytest.mark.parametrize(
    "broken", [{"importance": "abc", "segments": {}}, {"segments": [{"by": "risk tenth", "factors": 3}]}]
)
def test_drivers_with_holes_claim_nothing(broken: dict) -> None:
    found = churn_evidence(broken)
    assert (list(found.importance), list(found.tenths), list(found.groups), found.groups_note) == ([], [], [], None)


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
