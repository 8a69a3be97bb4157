"""From the tags of a post's words to entities that can be cut out of the post and counted together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from social_signals.evaluation.text import entity_spans
from social_signals.nlp.words import CASE_MARKS, split_words

_POSSESSIVES = (("'", "s"), ("\u2019", "s"))


class Entity(NamedTuple):
    """`text` is exactly the slice `[begin, end)` of the post, in code points."""

    begin: int
    end: int
    text: str
    entity_type: str
    normalized: str


def find_entities(text: str, tags: Sequence[str]) -> list[Entity]:
    """The entities of a post, in order and without overlap, from one BIO tag per word of `split_words`.

    Tags may stop before the words do (the encoder's window); what has no letter or digit is no entity.

    >>> find_entities("new #iPhone15 in Rio", ["O", "B-product", "I-product", "O", "B-location"])
    ... # doctest: +NORMALIZE_WHITESPACE
    [Entity(begin=4, end=13, text='#iPhone15', entity_type='product', normalized='iphone15'),
     Entity(begin=17, end=20, text='Rio', entity_type='location', normalized='rio')]
    """
    found: list[Entity] = []
    words = split_words(text)[: len(tags)]
    for kind, first, stop in entity_spans(tags[: len(words)]):
        begin, end = words[first].begin, words[stop - 1].end
        surface = text[begin:end]
        is_apart = not found or begin >= found[-1].end
        if is_apart and any(char.isalnum() for char in surface):
            found.append(Entity(begin, end, surface, kind, normalize(surface)))
    return found


def tags_of_tokens(tokens: Sequence[str], tags: Sequence[str]) -> list[str]:
    """The tag of each token, from one BIO tag per word of the text that the tokens make with a blank between them.

    A token has the tag of its first word, and `O` where it has no word or the tags stop before it.

    >>> tags_of_tokens(["@", "acme", "#NewYork", "!"], ["B-group", "I-group", "B-location", "I-location", "I-location"])
    ['B-group', 'I-group', 'B-location', 'O']
    """
    owners = [i for i, token in enumerate(tokens) for _ in range(len(token) + 1)]
    found = ["O"] * len(tokens)
    for word, tag in reversed(list(zip(split_words(" ".join(tokens)), tags, strict=False))):
        found[owners[word.begin]] = tag
    return found


def normalize(surface: str) -> str:
    """The form under which spellings of a name meet: letters and digits in lower case without accents, nothing between.

    >>> [normalize(s) for s in ("#iPhone15", "iphone 15", "iPhone 15", "Beyonc\u00e9's", "AT&T", "#NewYork", "@acme")]
    ['iphone15', 'iphone15', 'iphone15', 'beyonce', 'att', 'newyork', 'acme']
    """
    words = [word.text.lstrip("".join(CASE_MARKS)) for word in split_words(surface.replace("@", " "))]
    if len(words) > 2 and tuple(words[-2:]) in _POSSESSIVES:
        words = words[:-2]
    return "".join(char for word in words for char in word if char.isalnum()) or surface.lower()
