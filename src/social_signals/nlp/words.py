"""From a post to the words the packaged encoders read, each with the place it came from.

Training and serving both call `split_words`, so their tokens are equal by construction: every word it returns is one that
BERT's own tokenizer (lower case, no accents, split at punctuation) would leave whole. On top of that come the things that
posts need: links become `http`, mentions `@ user`, emoji their Unicode names, `soooo` becomes `soo`, camel-cased hashtags
come apart, left-over escapes (`\\u2019`, `&amp;`) are read, invisible characters are skipped. Because the encoders are
uncased, a word carries its case as a leading capital: `Tparis` (Paris), `Unasa` (NASA), `Aiphone` (iPhone).
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

MAX_WORDS = 126
"""Words read of a post: the encoder's window of 128 pieces less its two ends."""
MAX_CHARS = 10_000
"""Characters looked at to find them."""
MAX_WORD_LENGTH = 60
TITLE, UPPER, MIXED = "T", "U", "A"
CASE_MARKS = (TITLE, UPPER, MIXED)
URL_WORD, USER_WORD = "http", "user"

_LEFT_OVER = re.compile(r"\\u[0-9a-fA-F]{4}|&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_PIECE = re.compile(
    r"(?P<url>https?://\S*|www\.\S+)"
    r"|(?P<mention>(?<![^\W_])@\w+)"
    r"|(?P<hashtag>#[^\W_]+)"
    r"|(?P<word>[^\W_]+)"
    r"|(?P<sign>\S)",
    re.IGNORECASE,
)
_HASHTAG_SEAM = re.compile(r"(?<=[a-z]{2})(?=[A-Z])")
_LONG_RUN = re.compile(r"([^\W\d_])\1{2,}")


class Word(NamedTuple):
    """A word as the encoder reads it, and the slice `[begin, end)` of the original text (code points) it stands for."""

    text: str
    begin: int
    end: int


def split_words(text: str | None, *, max_words: int = MAX_WORDS) -> list[Word]:
    """The first `max_words` words of a post, in order; none for null, blank or invisible text.

    Words of one emoji share its slice; otherwise slices do not overlap. At most the first `MAX_CHARS` characters are read.

    >>> [w.text for w in split_words("LOVING my new iPhone in Paris!! @anna https://t.co/x")]
    ['Uloving', 'my', 'new', 'Aiphone', 'in', 'Tparis', '!', '!', '@', 'user', 'http']
    >>> text = "caf\\u00e9 &amp; #NewYork \\U0001F600"
    >>> [(w.text, text[w.begin:w.end]) for w in split_words(text)][:5]
    [('cafe', 'café'), ('&', '&amp;'), ('#', '#'), ('Tnew', 'New'), ('Tyork', 'York')]
    >>> split_words("\\u200d \\x00")
    []
    """
    if not text:
        return []
    words: list[Word] = []
    readable, places = _readable(text[:MAX_CHARS])
    for word in _words(readable):
        if len(words) == max_words:
            break
        if places is not None:
            word = Word(word.text, places[word.begin][0], places[word.end - 1][1])
        words.append(word)
    return words


def written(text: str, words: Sequence[Word]) -> list[str]:
    """Each word as the text writes it, for models that read case themselves; links, accounts and emoji stay what they became.

    >>> text = "LOVING my iPhone @anna &amp;"
    >>> written(text, split_words(text))
    ['LOVING', 'my', 'iPhone', '@', 'user', '&']
    """
    surfaces = ((word, text[word.begin : word.end]) for word in words)
    return [
        surface if surface and encoded(surface) == word.text else word.text.lstrip("".join(CASE_MARKS))
        for word, surface in surfaces
    ]


def is_invisible(char: str) -> bool:
    """Whether BERT's clean-up drops a character: controls, joiners, variation selectors, combining accents."""
    return char not in "\t\n\r" and (
        unicodedata.category(char) in ("Cc", "Cf", "Cn", "Co", "Cs", "Mn") or char == "\ufffd"
    )


def _readable(text: str) -> tuple[str, list[tuple[int, int]] | None]:
    """The text without invisible characters and left-over escapes, and where each character was (None: unchanged)."""
    is_plain = text.isascii() and text.isprintable()
    if is_plain and "\\u" not in text and "&" not in text:
        return text, None
    chars: list[str] = []
    places: list[tuple[int, int]] = []
    position = 0
    for found in _LEFT_OVER.finditer(text):
        for i in range(position, found.start()):
            if not is_invisible(text[i]):
                chars.append(text[i])
                places.append((i, i + 1))
        for char in _unescape(found.group()):
            if not is_invisible(char):
                chars.append(char)
                places.append(found.span())
        position = found.end()
    for i in range(position, len(text)):
        if not is_invisible(text[i]):
            chars.append(text[i])
            places.append((i, i + 1))
    return "".join(chars), places


def _unescape(left_over: str) -> str:
    return chr(int(left_over[2:], 16)) if left_over.startswith("\\u") else html.unescape(left_over)


def _words(text: str) -> Iterator[Word]:
    for piece in _PIECE.finditer(text):
        begin, end = piece.span()
        match piece.lastgroup:
            case "url":
                yield Word(URL_WORD, begin, end)
            case "mention":
                yield Word("@", begin, begin + 1)
                yield Word(USER_WORD, begin + 1, end)
            case "hashtag":
                yield Word("#", begin, begin + 1)
                seams = [begin + 1, *(begin + m.start() for m in _HASHTAG_SEAM.finditer(piece.group())), end]
                for left, right in pairwise(seams):
                    yield from _letters(text[left:right], left)
            case "word":
                yield from _letters(piece.group(), begin)
            case _:
                yield from (Word(name, begin, end) for name in _sign(piece.group()))


def _letters(surface: str, begin: int) -> Iterator[Word]:
    """A run of letters and digits is one word, but for ideographs, which BERT reads one by one."""
    start = 0
    for i, char in enumerate(surface):
        if _is_ideograph(char):
            if start < i:
                yield Word(encoded(surface[start:i]), begin + start, begin + i)
            yield Word(char, begin + i, begin + i + 1)
            start = i + 1
    if start < len(surface):
        yield Word(encoded(surface[start:]), begin + start, begin + len(surface))


@lru_cache(maxsize=65_536)
def encoded(surface: str) -> str:
    """A word in lower case without accents, long runs of a letter shortened, with its case mark in front.

    >>> [encoded(s) for s in ("Paris", "NASA", "iPhone15", "yes", "III", "Sooooo", "\u00c9t\u00e9", "I", "4G")]
    ['Tparis', 'Unasa', 'Aiphone15', 'yes', 'Uiii', 'Tsoo', 'Tete', 'Ti', '4g']
    """
    lower = surface.lower()
    mark = ""
    if lower != surface and not surface[0].isdigit():
        mark = TITLE if surface[1:] == lower[1:] else UPPER if surface == surface.upper() else MIXED
    bare = lower if lower.isascii() else _without_accents(lower)
    if len(set(bare)) > 1:
        bare = _LONG_RUN.sub(r"\1\1", bare)
    return mark + bare[:MAX_WORD_LENGTH]


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn") or "?"


@lru_cache(maxsize=8_192)
def _sign(char: str) -> tuple[str, ...]:
    """Punctuation stands for itself; an emoji for the letters-only words of its Unicode name."""
    if unicodedata.category(char) == "So":
        name = unicodedata.name(char, "").lower().replace("-", " ")
        return tuple(part for part in name.split() if part.isalpha() and part != "sign")[:6] or ("?",)
    if unicodedata.category(char)[0] in "PS" and unicodedata.category(char) != "Sk":
        return (char,)
    return (char,) if char.isascii() else ("?",)


def _is_ideograph(char: str) -> bool:
    code = ord(char)
    return code >= 0x3400 and (
        code <= 0x4DBF or 0x4E00 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x2CEAF
    )
