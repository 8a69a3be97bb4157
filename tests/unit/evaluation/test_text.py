"""Scores of the text models, on cases small enough to count by hand."""

from __future__ import annotations

import math
import random

import pytest
from sklearn.metrics import recall_score

from social_signals.evaluation.text import (
    entity_f1,
    entity_spans,
    macro_recall,
    tags_in_tagset,
    tagset_of,
)


def test_macro_recall_is_what_scikit_learn_says():
    rng = random.Random(1)
    truth = rng.choices(["negative", "neutral", "positive"], weights=[1, 5, 3], k=300)
    predicted = rng.choices(["negative", "neutral", "positive"], k=300)
    assert macro_recall(truth, predicted) == pytest.approx(recall_score(truth, predicted, average="macro"))


def test_a_label_that_never_occurs_has_no_recall_and_no_rows_give_nan():
    assert macro_recall(["neutral"], ["positive"]) == 0.0
    assert macro_recall(["neutral", "neutral"], ["neutral", "positive"]) == 0.5
    assert math.isnan(macro_recall([], []))


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="2 true labels but 1"):
        macro_recall(["neutral", "neutral"], ["neutral"])
    with pytest.raises(ValueError, match="differ"):
        entity_f1([["O"]], [["O", "O"]])


def test_an_inside_tag_that_continues_nothing_starts_an_entity():
    assert entity_spans(["I-person", "I-location", "B-location", "I-location"]) == [
        ("person", 0, 1),
        ("location", 1, 2),
        ("location", 2, 4),
    ]


def test_an_entity_counts_only_with_its_type_and_both_ends():
    truth = [["B-person", "I-person", "O", "B-group"]]
    assert entity_f1(truth, [["B-person", "O", "O", "B-group"]]).f1 == 0.5
    assert entity_f1(truth, [["B-group", "I-group", "O", "B-group"]]).f1 == 0.5
    assert entity_f1(truth, truth).f1 == 1.0


def test_nothing_found_and_nothing_there_give_zero():
    assert entity_f1([["O"]], [["O"]]) == (0.0, 0.0, 0.0, 0)
    assert entity_f1([], []).f1 == 0.0


def test_our_types_are_called_as_the_data_set_calls_them():
    wnut = tagset_of(["B-corporation", "B-creative-work", "B-group", "B-person", "I-location", "B-product", "O"])
    assert wnut["organization"] == "corporation"
    assert wnut["creative_work"] == "creative-work"
    assert wnut["group"] == "group"
    ours = tagset_of(
        f"B-{kind}" for kind in ("person", "location", "organization", "product", "creative_work", "group")
    )
    assert all(name == kind for kind, name in ours.items())
    assert tags_in_tagset(["B-group", "B-product", "O"], tagset_of(["B-ORG", "B-PER", "B-LOC"])) == ["B-ORG", "O", "O"]
