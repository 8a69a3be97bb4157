"""Names are cut out of the original text, and their spellings meet."""

from __future__ import annotations

import pytest

from social_signals.nlp import find_entities, normalize, tags_of_tokens


@pytest.mark.parametrize(
    "spellings",
    [
        ("#iPhone15", "iphone 15", "iPhone 15", "IPHONE 15", "iPhone-15"),
        ("New York", "#NewYork", "new york", "NEW YORK"),
        ("Beyonc\u00e9", "Beyonce's", "BEYONC\u00c9", "beyonce\u2019s"),
        ("AT&T", "at&amp;t", "@ATT"),
    ],
)
def test_spellings_of_a_name_meet(spellings: tuple[str, ...]):
    assert len({normalize(spelling) for spelling in spellings}) == 1


def test_a_name_without_letters_keeps_itself():
    assert normalize("!!!") == "!!!"


def test_entities_slice_the_text_even_behind_emoji():
    text = "\U0001f468\u200d\U0001f469\u200d\U0001f467 met Ana Mar\u00eda in #R\u00edo"
    # man woman girl met Ana Maria in # Rio
    tags = ["O", "O", "O", "O", "B-person", "I-person", "O", "B-location", "I-location"]
    person, place = find_entities(text, tags)
    assert (person.text, person.entity_type) == ("Ana Mar\u00eda", "person")
    assert (place.text, place.normalized) == ("#R\u00edo", "rio")
    assert all(text[e.begin : e.end] == e.text for e in (person, place))


def test_tags_may_end_before_the_words_do():
    assert [e.text for e in find_entities("Ana saw Rio", ["B-person"])] == ["Ana"]
    assert find_entities("Ana saw Rio", []) == []


def test_punctuation_alone_is_no_entity():
    assert find_entities("... ok", ["B-product", "I-product", "I-product", "O"]) == []


def test_tokens_get_the_tags_of_their_first_words():
    assert tags_of_tokens(["@", "acme", "\u200d", "U.S."], ["B-group", "I-group", "B-location"]) == [
        "B-group",
        "I-group",
        "O",
        "B-location",
    ]
    assert tags_of_tokens([], []) == []
