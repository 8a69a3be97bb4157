"""The language of a text: right where there is one, undetermined where there is none, and nothing is fetched."""

from __future__ import annotations

import socket

import pytest

from social_signals.nlp.language import LEAST_CONFIDENCE, UNDETERMINED, detect_language


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("What a lovely evening by the river", "en"),
        ("WHAT A LOVELY EVENING BY THE RIVER", "en"),
        ("@paul_le_petit @marie j'aime beaucoup ta nouvelle robe #london https://example.org/en/page", "fr"),
        ("Das Essen war leider kalt und viel zu teuer", "de"),
        ("El nuevo tel\u00e9fono me encanta, lo uso todos los d\u00edas", "es"),
        ("\u041e\u0447\u0435\u043d\u044c \u0432\u043a\u0443\u0441\u043d\u044b\u0439 \u0443\u0436\u0438\u043d", "ru"),
        ("\u3068\u3066\u3082\u7f8e\u5473\u3057\u304b\u3063\u305f\u3067\u3059", "ja"),
    ],
)
def test_a_sentence_is_told(text: str, code: str) -> None:
    language = detect_language(text)
    assert language.code == code
    assert LEAST_CONFIDENCE <= language.confidence <= 1.0001


@pytest.mark.parametrize(
    "text",
    [None, "", "  \n", "\U0001f602\U0001f602", "https://t.co/abc", "@anna #tbt", "12:30!", "\x00", "\u200d", "lol"],
)
def test_where_there_is_nothing_to_tell_nothing_is_claimed(text: str | None) -> None:
    language = detect_language(text)
    assert language.code == UNDETERMINED


@pytest.mark.parametrize("text", ["Great phone", "true!..dude", "Can't wait", "wait it", "nice pic bro"])
def test_a_few_english_words_are_not_taken_for_another_language(text: str) -> None:
    assert detect_language(text).code in ("en", UNDETERMINED)


def test_a_megabyte_is_told_by_its_beginning() -> None:
    assert detect_language("word and another word " * 50_000).code == "en"


def test_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    from social_signals.nlp import language

    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    language._detector.cache_clear()
    monkeypatch.setattr(socket.socket, "connect", no_network)
    assert detect_language("Quel beau temps aujourd'hui").code == "fr"
