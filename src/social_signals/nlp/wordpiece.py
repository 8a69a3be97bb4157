"""Words to word pieces, as BERT's WordPiece and Spark NLP's encoder cut them."""

from __future__ import annotations

from collections.abc import Container


def split_pieces(word: str, known: Container[str]) -> list[str]:
    """The pieces of a word by greedy longest match, `##` before those inside it; none where it has no such pieces.

    >>> split_pieces("unhappy", {"un", "happy", "##happy", "##hap", "##py"})
    ['un', '##happy']
    >>> split_pieces("unhappy", {"un", "##hap"})
    []
    """
    pieces: list[str] = []
    begin = 0
    while begin < len(word):
        prefix = "##" if begin else ""
        for end in range(len(word), begin, -1):
            piece = prefix + word[begin:end]
            if piece in known:
                pieces.append(piece)
                begin = end
                break
        else:
            return []
    return pieces
