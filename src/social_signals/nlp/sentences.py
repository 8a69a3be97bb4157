"""Where the sentences of a post are, so that each name gets the mood of its own sentence and not of the whole post."""

from __future__ import annotations

import re

# A sentence ends at its marks, at a line's end, and where a contrast begins: "the camera is great but the battery is awful".
_SEAM = re.compile(
    r"(?<=[.!?\u2026\u3002\uff01\uff1f])[\"'\u2019\u201d)\]]*\s+"
    r"|[\u3002\uff01\uff1f](?=\S)"
    r"|\s*[\r\n]+\s*"
    r"|[\s,;]+(?=(?:but|however|although|though|whereas)\b)",
    re.IGNORECASE,
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|vs|etc|no|inc|ltd|co|jr|sr|e\.g|i\.e|a\.m|p\.m)|\b[A-Z])\.$", re.IGNORECASE
)


def split_sentences(text: str) -> list[tuple[int, int]]:
    """The spans `[begin, end)` of a text's sentences in order, in code points, without the space between them.

    >>> text = "Loved Rome! But the food... Dr. Bianchi was kind, though the hotel was not"
    >>> [text[begin:end] for begin, end in split_sentences(text)]
    ['Loved Rome!', 'But the food...', 'Dr. Bianchi was kind', 'though the hotel was not']
    """
    spans, begin = [], 0
    for seam in _SEAM.finditer(text):
        if _ABBREVIATION.search(text, max(begin, seam.start() - 6), seam.start()):
            continue
        spans.append((begin, seam.start()))
        begin = seam.end()
    spans.append((begin, len(text)))
    return [span for span in (_trimmed(text, *s) for s in spans) if span[0] < span[1]]


def _trimmed(text: str, begin: int, end: int) -> tuple[int, int]:
    inner = text[begin:end]
    return begin + len(inner) - len(inner.lstrip()), begin + len(inner.rstrip())


def sentence_of(spans: list[tuple[int, int]], begin: int, end: int) -> tuple[int, int]:
    """The sentence in which a name begins, longer where the name is.

    >>> sentence_of([(0, 5), (6, 20)], 8, 12), sentence_of([(0, 5), (6, 20)], 3, 9)
    ((6, 20), (0, 9))
    """
    for first, last in spans:
        if first <= begin < last:
            return first, max(last, end)
    return begin, end
