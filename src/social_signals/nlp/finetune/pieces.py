"""The word pieces an encoder reads, with their case, and batches of like length."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import lru_cache

from social_signals.nlp.wordpiece import split_pieces
from social_signals.nlp.words import CASE_MARKS, MAX_WORDS

WINDOW = MAX_WORDS + 2
"""Pieces read of a text, its two ends included."""
_ENDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


class Vocabulary:
    """Word pieces by greedy longest match, as BERT's WordPiece and Spark NLP's encoder have it.

    A cased word (`Tparis`) has an id of its own, `plain id + case * size`, so that case needs no second input.
    """

    def __init__(self, plain: Sequence[str]) -> None:
        """`plain`: the lines of vocab.txt. Raises ValueError where [PAD], [UNK], [CLS] or [SEP] is missing."""
        self.plain = list(plain)
        self.ids = {piece: i for i, piece in enumerate(self.plain)}
        if missing := [piece for piece in _ENDS if piece not in self.ids]:
            raise ValueError(f"the vocabulary has no {', '.join(missing)}")
        for case, mark in enumerate(CASE_MARKS, start=1):
            starts = ((i, piece) for i, piece in enumerate(self.plain) if piece.isalnum() and not piece.isdigit())
            self.ids.update({mark + piece: i + case * len(self.plain) for i, piece in starts})
        self.pad, self.unknown, self.start, self.end = (self.ids[piece] for piece in _ENDS)
        self._pieces = lru_cache(maxsize=200_000)(self._word_pieces)

    @property
    def lines(self) -> list[str]:
        """One line an id: the plain pieces, then the same under each case mark (a filler where a piece has no case)."""
        lines = ["[none]"] * (len(self.plain) * (1 + len(CASE_MARKS)))
        for piece, i in self.ids.items():
            lines[i] = piece
        return lines

    def encode(self, words: Sequence[str]) -> tuple[list[int], list[int]]:
        """Piece ids with both ends on, and for each word the position of its first piece (words past the window: none)."""
        ids, firsts = [self.start], []
        for word in words:
            if len(ids) > WINDOW - 2:
                break
            firsts.append(len(ids))
            ids.extend(self._pieces(word))
        return [*ids[: WINDOW - 1], self.end], firsts

    def _word_pieces(self, word: str) -> tuple[int, ...]:
        return tuple(self.ids[piece] for piece in split_pieces(word, self.ids)) or (self.unknown,)


def without_case(words: Sequence[str]) -> list[str]:
    """The same words in lower case: `Tparis` becomes `paris`."""
    return [word[1:] if word[0] in CASE_MARKS else word for word in words]


def batches(lengths: Sequence[int], size: int, rng: random.Random | None) -> Iterator[list[int]]:
    """Row numbers in batches of like length: shuffled with `rng`, longest first without."""
    order = list(range(len(lengths)))
    if rng is None:
        order.sort(key=lambda i: -lengths[i])
        yield from (order[i : i + size] for i in range(0, len(order), size))
        return
    rng.shuffle(order)
    pools = (order[i : i + 50 * size] for i in range(0, len(order), 50 * size))
    groups = [
        ranked[i : i + size]
        for pool in pools
        for ranked in [sorted(pool, key=lambda i: lengths[i])]
        for i in range(0, len(ranked), size)
    ]
    rng.shuffle(groups)
    yield from groups
