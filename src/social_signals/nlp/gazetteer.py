"""The platform's own names: its items, brands and creators are known, so no model has to guess them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from social_signals.nlp.entities import Entity, normalize
from social_signals.nlp.words import CASE_MARKS, USER_WORD, Word, split_words

_MARKS = "".join(CASE_MARKS)
# A shorter name says nothing by itself ("go", "x"), and a longer one is a description.
_SHORTEST, _MOST_WORDS = 3, 8


@dataclass(frozen=True)
class Gazetteer:
    """Names by their normalised form, and account names, each with its entity type.

    Use `Gazetteer.of`. `names` is in every task that reads texts: tens of thousands are a few megabytes.
    """

    names: dict[str, str] = field(default_factory=dict)
    handles: dict[str, str] = field(default_factory=dict)
    beginnings: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, names: Iterable[tuple[str | None, str]], *, handles: Iterable[tuple[str | None, str]] = ()
    ) -> Gazetteer:
        """From (name, entity type) pairs as the platform writes them; where one form has two types, the first stays.

        >>> Gazetteer.of([("iPhone 15", "product"), ("X", "product")], handles=[("@AnnaK", "person")]).names
        {'iphone15': 'product'}
        """
        by_form: dict[str, str] = {}
        beginnings: set[str] = set()
        for name, entity_type in names:
            form, words = normalize(name or ""), _bare_words(name or "")
            if len(form) >= _SHORTEST and 0 < len(words) <= _MOST_WORDS and form == "".join(words):
                by_form.setdefault(form, entity_type)
                beginnings.update(form[:n] for n in range(1, len(form) + 1))
        by_handle: dict[str, str] = {}
        for handle, entity_type in handles:
            if account := (handle or "").strip().lstrip("@").lower():
                by_handle.setdefault(account, entity_type)
        return cls(by_form, by_handle, frozenset(beginnings))

    @cached_property
    def model_id(self) -> str:
        """`gazetteer-` and a hash of its content."""
        content = json.dumps([sorted(self.names.items()), sorted(self.handles.items())])
        return f"gazetteer-{hashlib.sha256(content.encode()).hexdigest()[:12]}"

    def __bool__(self) -> bool:
        return bool(self.names or self.handles)


def find_names(text: str, gazetteer: Gazetteer) -> list[Entity]:
    """The known names in a text, in order and without overlap, the longest first where several begin at a word.

    A name of one word counts only if it is written as one: with a capital, a digit or a hashtag. Accounts count where they are
    mentioned.

    >>> known = Gazetteer.of([("iPhone 15", "product"), ("Wave", "product")], handles=[("AnnaK", "person")])
    >>> [(e.text, e.entity_type) for e in find_names("@annak waves: the #iPhone15 or iphone 15? Wave, no wave", known)]
    [('@annak', 'person'), ('#iPhone15', 'product'), ('iphone 15', 'product'), ('Wave', 'product')]
    """
    found: list[Entity] = []
    words = split_words(text)
    at = 0
    while at < len(words):
        match = _account(text, words, at, gazetteer) or _name(text, words, at, gazetteer)
        if match is None:
            at += 1
            continue
        entity, at = match
        found.append(entity)
    return found


def known_first(known: list[Entity], guessed: list[Entity]) -> list[Entity]:
    """Both lists in order; what a model guessed gives way where it overlaps with a known name."""
    kept = [g for g in guessed if all(g.end <= k.begin or k.end <= g.begin for k in known)]
    return sorted([*known, *kept])


def _account(text: str, words: list[Word], at: int, gazetteer: Gazetteer) -> tuple[Entity, int] | None:
    if words[at].text != "@" or at + 1 >= len(words) or words[at + 1].text != USER_WORD:
        return None
    begin, end = words[at].begin, words[at + 1].end
    account = text[words[at + 1].begin : end].lower()
    if account not in gazetteer.handles:
        return None
    return Entity(begin, end, text[begin:end], gazetteer.handles[account], normalize(account)), at + 2


def _name(text: str, words: list[Word], at: int, gazetteer: Gazetteer) -> tuple[Entity, int] | None:
    is_hashtag = words[at].text == "#" and at + 1 < len(words)
    first = at + 1 if is_hashtag else at
    form, last = "", None
    for stop in range(first, len(words)):
        part = _bare(words[stop])
        if not part and stop == first:
            return None
        form += part
        if form not in gazetteer.beginnings:
            break
        if part and form in gazetteer.names:
            last = stop, form
    if last is None:
        return None
    stop, form = last
    is_written_as_name = (
        is_hashtag or stop > first or words[first].text[0] in _MARKS or any(char.isdigit() for char in form)
    )
    if not is_written_as_name:
        return None
    begin, end = words[at].begin, words[stop].end
    return Entity(begin, end, text[begin:end], gazetteer.names[form], form), stop + 1


def _bare(word: Word) -> str:
    return "".join(char for char in word.text.lstrip(_MARKS) if char.isalnum())


def _bare_words(name: str) -> list[str]:
    return [bare for word in split_words(name) if (bare := _bare(word))]
