"""Known names: found however they are spelled, cut out exactly, and before what a model guesses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from social_signals.nlp.entities import Entity
from social_signals.nlp.gazetteer import Gazetteer, find_names, known_first

KNOWN = Gazetteer.of(
    [("iPhone 15", "product"), ("iPhone 15 Pro", "product"), ("Caf\u00e9 Noir", "organization"), ("Wave", "product"),
     ("X", "product"), (None, "product"), ("  ", "product"), ("Wave", "organization"), ("AT&T", "organization")],
    handles=[("@AnnaK", "person"), ("", "person"), (None, "person")],
)  # fmt: skip


def said(text: str) -> list[tuple[str, str, str]]:
    return [(e.text, e.entity_type, e.normalized) for e in find_names(text, KNOWN)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("my iphone 15 broke", [("iphone 15", "product", "iphone15")]),
        ("#iPhone15 day", [("#iPhone15", "product", "iphone15")]),
        ("IPHONE15!", [("IPHONE15", "product", "iphone15")]),
        ("the iPhone 15 Pro.", [("iPhone 15 Pro", "product", "iphone15pro")]),
        ("iPhone 150", []),
        ("at cafe noir today", [("cafe noir", "organization", "cafenoir")]),
        ("AT&amp;T and at&t", [("AT&amp;T", "organization", "att"), ("at&t", "organization", "att")]),
        ("a wave at the beach", []),
        ("Wave is out", [("Wave", "product", "wave")]),
        ("thanks @annak!", [("@annak", "person", "annak")]),
        ("annak or @annak_fan", []),
        ("X marks the spot", []),
        ("", []),
        ("\U0001f600 Wave", [("Wave", "product", "wave")]),
    ],
)
def test_known_texts(text: str, found: list[tuple[str, str, str]]) -> None:
    assert said(text) == found


@given(st.text(alphabet="iPhone15Wav @#&\u00e9\U0001f600.-", max_size=40))
def test_what_is_found_slices_the_text_in_order(text: str) -> None:
    end = 0
    for entity in find_names(text, KNOWN):
        assert end <= entity.begin < entity.end
        assert text[entity.begin : entity.end] == entity.text
        end = entity.end


def test_a_guess_gives_way_to_what_is_known() -> None:
    known = [Entity(4, 13, "iPhone 15", "product", "iphone15")]
    guesses = [
        Entity(0, 3, "Ana", "person", "ana"),
        Entity(4, 10, "iPhone", "organization", "iphone"),
        Entity(12, 20, "5 Berlin", "location", "x"),
    ]
    assert known_first(known, guesses) == [guesses[0], known[0]]


def test_its_name_follows_its_content() -> None:
    same = Gazetteer.of([("Wave", "product"), ("iPhone 15", "product")])
    assert same.model_id == Gazetteer.of([("iphone15", "product"), ("wave", "product")]).model_id
    assert same.model_id != KNOWN.model_id
    assert not Gazetteer.of([])
