"""The encoder both recipes fine-tune: a BERT-family folder with a case feature, and the word pieces it reads.

Words come from `social_signals.nlp.words.split_words`, the function that serving uses, with their case as a leading capital.
`Vocabulary` gives every cased word piece its own number, `plain id + case * size`; the graph takes the number apart again
and adds a small learned vector for the case, so a cased vocabulary costs three rows and no second input.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from transformers import BertModel

from social_signals.nlp.words import CASE_MARKS, MAX_WORDS

MAX_PIECES = MAX_WORDS


class Vocabulary:
    """Word pieces by greedy longest match, as BERT's WordPiece and Spark NLP's encoder have it."""

    def __init__(self, encoder: Path) -> None:
        self.plain = (encoder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        self.ids = {piece: i for i, piece in enumerate(self.plain)}
        for case, mark in enumerate(CASE_MARKS, start=1):
            starts = ((i, piece) for i, piece in enumerate(self.plain) if piece.isalnum() and not piece.isdigit())
            self.ids.update({mark + piece: i + case * len(self.plain) for i, piece in starts})
        self.pad, self.unknown, self.start, self.end = (self.ids[t] for t in ("[PAD]", "[UNK]", "[CLS]", "[SEP]"))
        self._pieces = lru_cache(maxsize=200_000)(self._word_pieces)

    def _word_pieces(self, word: str) -> tuple[int, ...]:
        pieces, begin = [], 0
        while begin < len(word):
            prefix = "##" if begin else ""
            for end in range(len(word), begin, -1):
                if (found := self.ids.get(prefix + word[begin:end])) is not None:
                    pieces.append(found)
                    begin = end
                    break
            else:
                return (self.unknown,)
        return tuple(pieces)

    def encode(self, words: Sequence[str]) -> tuple[list[int], list[int]]:
        """Piece ids with both ends on, and for each word the position of its first piece (words past the window: none)."""
        ids, firsts = [self.start], []
        for word in words:
            if len(ids) > MAX_PIECES:
                break
            firsts.append(len(ids))
            ids.extend(self._pieces(word))
        return [*ids[: MAX_PIECES + 1], self.end], firsts


class CasedEncoder(nn.Module):
    """A BERT model whose input ids carry case; gives the vectors of the last layer."""

    def __init__(self, encoder: Path) -> None:
        super().__init__()
        self.bert = BertModel.from_pretrained(str(encoder), add_pooling_layer=False)
        self.size = self.bert.config.vocab_size
        self.width = self.bert.config.hidden_size
        self.case = nn.Embedding(1 + len(CASE_MARKS), self.width)
        nn.init.zeros_(self.case.weight)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        words = self.bert.embeddings.word_embeddings(input_ids % self.size) + self.case(input_ids // self.size)
        return self.bert(
            inputs_embeds=words, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state


class PostClassifier(nn.Module):
    """Masked mean pooling, dropout, a linear head: one row of logits a post."""

    def __init__(self, encoder: Path, labels: int) -> None:
        super().__init__()
        self.encoder = CasedEncoder(encoder)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(self.encoder.width, labels)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        vectors = self.encoder(input_ids, attention_mask, token_type_ids)
        weights = attention_mask.unsqueeze(-1).to(vectors.dtype)
        mean = (vectors * weights).sum(1) / weights.sum(1).clamp(min=1.0)
        return self.head(self.dropout(mean))


class WordClassifier(nn.Module):
    """Dropout and a linear head on every piece: a row of logits a piece, read at the first piece of a word."""

    def __init__(self, encoder: Path, labels: int) -> None:
        super().__init__()
        self.encoder = CasedEncoder(encoder)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(self.encoder.width, labels)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        return self.head(self.dropout(self.encoder(input_ids, attention_mask, token_type_ids)))


def padded(rows: Sequence[Sequence[int]], pad: int) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, mask and (zero) token types of a batch, padded to its longest row."""
    ids = torch.full((len(rows), max(map(len, rows))), pad, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
    return ids, mask, torch.zeros_like(ids)


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


def optimizer(model: nn.Module, *, lr: float, head_lr: float, steps: int) -> tuple[torch.optim.Optimizer, object]:
    """AdamW with a tenth of warm-up and a linear way down; the new parts (head, case) learn faster than the encoder."""
    fresh = [p for name, p in model.named_parameters() if name.startswith("head") or ".case." in name]
    known = [p for name, p in model.named_parameters() if not (name.startswith("head") or ".case." in name)]
    adam = torch.optim.AdamW(
        [{"params": known, "lr": lr}, {"params": fresh, "lr": head_lr}],
        weight_decay=0.01,
        betas=(0.9, 0.98),
        fused=True,
    )
    warm = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        adam, lambda s: min((s + 1) / warm, max(0.0, (steps - s) / max(1, steps - warm)))
    )
    return adam, schedule


def seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
