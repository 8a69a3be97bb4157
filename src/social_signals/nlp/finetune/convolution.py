"""What fine-tuning must beat, in PyTorch: a small convolutional network over word vectors, trained on the driver."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor, nn

from social_signals.core.errors import ConfigError
from social_signals.evaluation.text import entity_f1, macro_recall, tags_in_tagset, tagset_of
from social_signals.nlp.entities import tags_of_tokens
from social_signals.nlp.finetune.encoder import ConvolutionalClassifier
from social_signals.nlp.finetune.labelled import ENTITY_LABELS, LabelledPost, LabelledSentence, WordTargets
from social_signals.nlp.finetune.pieces import batches, without_case
from social_signals.nlp.words import split_words
from social_signals.tables.gold_texts import SENTIMENTS

WIDTH = 50
_PADDING, _UNKNOWN = 0, 1
_BATCH = 64


def convolutional_sentiment(
    train: Sequence[LabelledPost],
    valid: Sequence[LabelledPost],
    *,
    vectors: Path | None,
    epochs: int,
    seed: int,
    threads: int,
) -> float:
    """Macro recall on `valid`; labels weigh inversely to their frequency."""
    torch.manual_seed(seed)
    texts = [_plain(post.text) for post in train]
    ids, table = word_table(texts, vectors, seed=seed)
    targets = torch.tensor([SENTIMENTS.index(post.label) for post in train])
    counts = torch.bincount(targets, minlength=len(SENTIMENTS))
    loss_of = nn.CrossEntropyLoss(weight=(counts.sum() / (len(SENTIMENTS) * counts.clamp(min=1))).float())
    model = ConvolutionalClassifier(table, len(SENTIMENTS))
    rows = [_numbered(text, ids) for text in texts]

    def loss(group: list[int]) -> Tensor:
        return loss_of(model(_padded([rows[i] for i in group])), targets[group])

    _fit(model, rows, loss, epochs=epochs, seed=seed, threads=threads)
    kept = [_numbered(_plain(post.text), ids) for post in valid]
    said = [""] * len(kept)
    with torch.inference_mode():
        for group in batches([len(row) for row in kept], _BATCH, None):
            for i, best in zip(group, model(_padded([kept[i] for i in group])).argmax(-1).tolist(), strict=True):
                said[i] = SENTIMENTS[best]
    return macro_recall([post.label for post in valid], said)


def convolutional_entities(
    train: Sequence[WordTargets],
    valid: Sequence[Sequence[LabelledSentence]],
    *,
    vectors: Path | None,
    epochs: int,
    seed: int,
    threads: int,
) -> float:
    """Mean strict F1 on the sets of `valid`; a word's case is a word of its own before it."""
    torch.manual_seed(seed)
    examples = [example for example in train if example.words]
    texts = [_with_case(example.words) for example in examples]
    ids, table = word_table(texts, vectors, seed=seed)
    model = ConvolutionalClassifier(table, len(ENTITY_LABELS), per_word=True)
    rows = [_numbered(text, ids) for text in texts]
    allowed = [
        torch.tensor([[label in labels for label in ENTITY_LABELS] for labels in example.allowed])
        for example in examples
    ]

    def loss(group: list[int]) -> Tensor:
        logits = model(_padded([rows[i] for i in group]))
        # every second place is a case mark
        said = torch.cat([logits[n, 1 : 2 * len(allowed[i]) : 2] for n, i in enumerate(group)])
        chances = torch.log_softmax(said, -1)
        impossible = ~torch.cat([allowed[i] for i in group])
        return -torch.logsumexp(chances.masked_fill(impossible, -1e9), -1).mean()

    _fit(model, rows, loss, epochs=epochs, seed=seed, threads=threads)
    return sum(_entity_score(model, ids, part) for part in valid) / len(valid)


def word_table(texts: Sequence[Sequence[str]], vectors: Path | None, *, seed: int) -> tuple[dict[str, int], Tensor]:
    """A number for each word that occurs twice or has a vector, and the table of vectors; 0 pads, 1 is any other word."""
    seen: dict[str, int] = {}
    for word in chain.from_iterable(texts):
        seen[word] = seen.get(word, 0) + 1
    known = _vectors(vectors, set(seen)) if vectors is not None else {}
    words = [word for word, times in seen.items() if times > 1 or word in known]
    width = len(next(iter(known.values()))) if known else WIDTH
    generator = torch.Generator().manual_seed(seed)
    table = torch.randn(len(words) + 2, width, generator=generator) * 0.1
    table[_PADDING] = 0.0
    for i, word in enumerate(words, start=2):
        if word in known:
            table[i] = torch.tensor(known[word])
    return {word: i for i, word in enumerate(words, start=2)}, table


def _vectors(path: Path, wanted: set[str]) -> dict[str, list[float]]:
    if not path.is_file():
        raise ConfigError(
            f"there is no file {path}", hint="give a file of word vectors in baselines.word_vectors, or null"
        )
    unpack = gzip.open if path.suffix == ".gz" else open
    with unpack(path, "rt", encoding="utf-8") as lines:
        parts = (line.rstrip().split(" ") for line in lines)
        return {word: [float(n) for n in numbers] for word, *numbers in parts if word in wanted}


def _plain(text: str) -> list[str]:
    return without_case([word.text for word in split_words(text)])


def _with_case(words: Sequence[str]) -> list[str]:
    plain = without_case(words)
    marks = (f"[{word[0]}]" if word != bare else "[-]" for word, bare in zip(words, plain, strict=True))
    return list(chain.from_iterable(zip(marks, plain, strict=True)))


def _numbered(words: Sequence[str], ids: dict[str, int]) -> list[int]:
    return [ids.get(word, _UNKNOWN) for word in words] or [_UNKNOWN]


def _padded(rows: Sequence[Sequence[int]]) -> Tensor:
    ids = torch.full((len(rows), max(5, *map(len, rows))), _PADDING, dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
    return ids


def _fit(
    model: nn.Module,
    rows: Sequence[Sequence[int]],
    loss: Callable[[list[int]], Tensor],
    *,
    epochs: int,
    seed: int,
    threads: int,
) -> None:
    torch.set_num_threads(threads)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    rng = random.Random(seed)
    model.train()
    for _ in range(epochs):
        for group in batches([len(row) for row in rows], _BATCH, rng):
            loss(group).backward()
            adam.step()
            adam.zero_grad(set_to_none=True)
    model.eval()


def _entity_score(model: nn.Module, ids: dict[str, int], sentences: Sequence[LabelledSentence]) -> float:
    words = [[w.text for w in split_words(" ".join(s.tokens))] for s in sentences]
    rows = [_numbered(_with_case(sentence), ids) for sentence in words]
    tagset = tagset_of(tag for s in sentences for tag in s.tags)
    said: list[list[str]] = [[] for _ in sentences]
    with torch.inference_mode():
        for group in batches([len(row) for row in rows], _BATCH, None):
            logits = model(_padded([rows[i] for i in group])).argmax(-1)
            for n, i in enumerate(group):
                labels = [ENTITY_LABELS[best] for best in logits[n, 1 : 2 * len(words[i]) : 2].tolist()]
                said[i] = tags_in_tagset(tags_of_tokens(sentences[i].tokens, labels), tagset)
    return entity_f1([s.tags for s in sentences], said).f1
