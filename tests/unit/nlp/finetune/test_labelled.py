"""Labelled texts: what is read, what is kept apart, and what a label of another data set may mean."""

from __future__ import annotations

import pytest

from social_signals.core.errors import ConfigError, DataQualityError
from social_signals.nlp.finetune.labelled import (
    ENTITY_LABELS,
    LabelledPost,
    LabelledSentence,
    Tagset,
    held_out,
    parse_posts,
    parse_sentences,
    without,
    word_targets,
)
from social_signals.nlp.finetune.params import FineTuneParams, LabelledParams


def test_columns_are_read_where_they_were_said_to_be_and_an_id_is_read_once() -> None:
    lines = ["1\tpositive\tgreat\ttoday", "", "1\tnegative\tagain", "2\t0\tbad", "3\toff topic\tx", "4"]
    posts, wrong = parse_posts(lines, columns=["id", "label", "text"])
    assert posts == [LabelledPost("great\ttoday", "positive", "1"), LabelledPost("bad", "negative", "2")]
    assert wrong == 2


def test_a_text_first_and_its_label_last_is_read_too() -> None:
    assert parse_posts(["a\tb\t2\n"], columns=["text", "label"])[0] == [LabelledPost("a\tb", "positive")]


def test_a_token_without_a_tag_is_refused_with_its_sentence() -> None:
    with pytest.raises(DataQualityError, match="sentence 1 has a line"):
        parse_sentences(["Rome\tB-LOC", "", "is"])


def test_copies_of_a_text_never_part() -> None:
    posts = [LabelledPost(f"text number {i % 50}", "neutral") for i in range(500)]
    train, valid = held_out(posts, fraction=0.3)
    assert train
    assert valid
    assert not {p.text for p in train} & {p.text for p in valid}


def test_nothing_of_validation_is_trained_on_however_it_is_written() -> None:
    valid = [LabelledPost("Sooooo good http://t.co/1", "positive")]
    train = [
        LabelledPost("Soooooooo good http://t.co/2", "positive", "1"),
        LabelledPost("fine", "neutral", "2"),
        LabelledPost("listed", "neutral", "3"),
        LabelledPost(" \u200d", "neutral", "4"),
    ]
    assert without(train, valid=valid, ids={"3"}) == [train[1]]


def test_what_a_set_does_not_label_is_unknown_there_and_not_o() -> None:
    sentences = [LabelledSentence(("Anna", "of", "Acme", "in", "Rome"), ("B-PER", "O", "B-ORG", "O", "B-LOC"))]
    tagset = Tagset.of(sentences)
    assert tagset.allowed["O"] == {"O", "B-product", "I-product", "B-creative_work", "I-creative_work"}
    assert tagset.allowed["B-ORG"] == {"B-organization", "B-group"}
    everything = Tagset.of(
        [
            LabelledSentence(
                tuple("abcdef"), ("B-person", "B-location", "B-corporation", "B-product", "B-creative-work", "B-group")
            )
        ]
    )
    assert everything.allowed["O"] == {"O"}
    assert everything.allowed["I-corporation"] == {"I-organization"}


def test_a_type_we_do_not_have_is_no_entity_of_ours_for_certain() -> None:
    tagset = Tagset.of([LabelledSentence(("a", "b"), ("B-MISC", "B-person"))])
    assert "O" in tagset.allowed["B-MISC"]
    assert "B-person" not in tagset.allowed["B-MISC"]


def test_a_token_may_be_a_blank_of_its_own_kind() -> None:
    assert parse_sentences(["\u200a\tO", "\tO", "a b\tB-LOC"]) == [
        LabelledSentence(("\u200a", "", "a b"), ("O", "O", "B-LOC"))
    ]


def test_the_words_of_one_token_are_what_it_is() -> None:
    sentence = LabelledSentence(("#NewYork", "rocks"), ("B-LOC", "O"))
    targets = word_targets(sentence, Tagset.of([sentence]))
    assert targets.words == ("#", "Tnew", "Tyork", "rocks")
    assert [sorted(labels) for labels in targets.allowed[:3]] == [["B-location"], ["I-location"], ["I-location"]]
    assert "I-location" not in targets.allowed[3]
    assert all(labels <= set(ENTITY_LABELS) and labels for labels in targets.allowed)


def test_settings_that_cannot_work_are_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="names no label"):
        LabelledParams(train=["a"], columns=["text"])
    with pytest.raises(ConfigError, match="has no id"):
        LabelledParams(train=["a"], leave_out="ids.tsv")
    with pytest.raises(ConfigError, match=r"train\.epochs is 0"):
        FineTuneParams(epochs=0)
    with pytest.raises(ConfigError, match=r"train\.dropout is 1"):
        FineTuneParams(dropout=1.0)
