"""Sentences cover every word of a text, in order, and a name is whole in its own."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from social_signals.nlp.sentences import sentence_of, split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Loved Rome! But the food... meh", ["Loved Rome!", "But the food...", "meh"]),
        ("The screen is great but the battery is awful", ["The screen is great", "but the battery is awful"]),
        ("Dr. Smith flew to St. Pancras at 5 p.m. today", ["Dr. Smith flew to St. Pancras at 5 p.m. today"]),
        ("version 2.5 is out", ["version 2.5 is out"]),
        ("one\n\n two\r\nthree", ["one", "two", "three"]),
        ("nothing but net", ["nothing", "but net"]),
        ("butter, butterfly", ["butter, butterfly"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_known_texts(text: str, sentences: list[str]) -> None:
    assert [text[begin:end] for begin, end in split_sentences(text)] == sentences


@given(st.text(alphabet="ab .!?\n,but'\")\u3002\U0001f600", max_size=60))
def test_no_letter_is_outside_of_a_sentence_and_none_is_in_two(text: str) -> None:
    spans = split_sentences(text)
    assert all(begin < end for begin, end in spans)
    assert all(one[1] <= two[0] for one, two in pairwise(spans))
    within = {i for begin, end in spans for i in range(begin, end)}
    assert all(i in within for i, char in enumerate(text) if char.isalnum())


def test_a_name_over_a_seam_takes_its_sentence_along() -> None:
    text = "I met Yahoo! Answers today"
    begin, end = sentence_of(split_sentences(text), 6, 20)
    assert text[begin:end] == "I met Yahoo! Answers"
