"""What a word is: read as BERT would, found again in the original text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from social_signals.nlp.words import CASE_MARKS, MAX_WORD_LENGTH, MAX_WORDS, split_words

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


def words_of(text: str) -> list[str]:
    return [word.text for word in split_words(text)]


def test_links_and_mentions_lose_their_names():
    assert words_of("@anna see https://t.co/abc?x=1 or www.acme.com") == ["@", "user", "see", "http", "or", "http"]


def test_an_address_is_no_mention():
    assert words_of("a@b.com") == ["a", "@", "b", ".", "com"]


def test_hashtags_come_apart_where_camels_have_humps():
    assert words_of("#HappyBirthday #iPhone15 #eBay") == ["#", "Thappy", "Tbirthday", "#", "Aiphone15", "#", "Aebay"]


def test_left_over_escapes_are_read():
    assert words_of("can\\u2019t\\u002c &lt;3 &amp;") == ["can", "\u2019", "t", ",", "<", "3", "&"]


def test_long_runs_of_a_letter_are_shortened_but_not_numbers():
    assert words_of("Sooooo goood 1000000 III") == ["Tsoo", "good", "1000000", "Uiii"]


def test_emoji_speak_their_names():
    assert words_of("great\U0001f600") == ["great", "grinning", "face"]
    assert words_of(FAMILY) == ["man", "woman", "girl"]


def test_what_cannot_be_seen_is_skipped_and_places_still_hold():
    text = "a\u200db \x00 caf\u00e9 cafe\u0301 \ufe0f \U0001f600 x"
    found = [(word.text, text[word.begin : word.end]) for word in split_words(text)]
    assert ("ab", "a\u200db") in found
    assert ("cafe", "caf\u00e9") in found
    assert found[-1] == ("x", "x")


def test_ideographs_stand_alone():
    assert words_of("\u5317\u4eac ok") == ["\u5317", "\u4eac", "ok"]


@pytest.mark.parametrize("text", [None, "", "   ", "\n\t", "\u200d\u200b", "\x00\x01", "\ufe0f"])
def test_nothing_to_read_gives_no_words(text: str | None):
    assert split_words(text) == []


def test_a_megabyte_is_read_up_to_the_window():
    assert len(split_words("word " * 200_000)) == MAX_WORDS
    assert words_of("z1" * 500_000) == ["z1" * (MAX_WORD_LENGTH // 2)]


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_every_word_is_whole_and_has_its_place(text: str):
    last = 0
    for word in split_words(text):
        assert 0 <= word.begin < word.end <= len(text)
        assert word.begin >= last or (word.end == last)
        last = word.end
        assert word.text
        assert not any(char.isspace() for char in word.text)
        bare = word.text[1:] if word.text[0] in CASE_MARKS else word.text
        assert len(bare) == 1 or bare.isalnum() or not bare.isascii()
