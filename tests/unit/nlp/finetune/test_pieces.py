"""Word pieces, with case, and batches."""

from __future__ import annotations

import random

import pytest

from social_signals.nlp.finetune.pieces import WINDOW, Vocabulary, batches

PLAIN = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "play", "##ing", "paris", "!", "12"]


def test_a_cased_word_has_an_id_of_its_own_a_case_apart() -> None:
    vocabulary = Vocabulary(PLAIN)
    ids, firsts = vocabulary.encode(["Tparis", "playing", "zz", "!"])
    assert ids == [2, 6 + len(PLAIN), 4, 5, 1, 7, 3]
    assert firsts == [1, 2, 4, 5]
    assert vocabulary.lines[6 + len(PLAIN)] == "Tparis"
    assert len(vocabulary.lines) == 4 * len(PLAIN)


def test_a_long_text_ends_at_the_window() -> None:
    ids, firsts = Vocabulary(PLAIN).encode(["playing"] * 100)
    assert len(ids) == WINDOW
    assert ids[-1] == 3
    assert max(firsts) < WINDOW - 1


def test_a_vocabulary_without_ends_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no \[PAD\], \[UNK\]"):
        Vocabulary(["[CLS]", "[SEP]", "a"])


def test_batches_hold_every_row_once_and_neighbours_are_of_like_length() -> None:
    lengths = [random.Random(1).randrange(1, 100) for _ in range(1000)]
    groups = list(batches(lengths, 16, random.Random(7)))
    assert sorted(i for group in groups for i in group) == list(range(1000))
    assert groups == list(batches(lengths, 16, random.Random(7)))
    spread = [max(lengths[i] for i in group) - min(lengths[i] for i in group) for group in groups]
    assert sum(spread) / len(spread) < 10
