"""Fine-tune the entity model on WNUT-17 and the Broad Twitter Corpus together and measure it on the dev set of each.

    python train_entities.py --data DIR --encoder DIR --out checkpoint.pt

The sets label different things, so a word is trained towards the set of tags its source allows: Broad Twitter Corpus knows no
products and creative works (its `O` may be one), and its organisations may be our groups.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import random
import time
from pathlib import Path
from typing import NamedTuple

import torch
from encoder import Vocabulary, WordClassifier, batches, optimizer, padded, seed_everything
from torch import Tensor, nn

from social_signals.evaluation.text import entity_f1, tags_in_tagset, tagset_of
from social_signals.nlp.entities import tags_of_tokens
from social_signals.nlp.words import CASE_MARKS, split_words

TYPES = ("person", "location", "organization", "product", "creative_work", "group")
LABELS = ("O", *(f"{prefix}-{kind}" for kind in TYPES for prefix in "BI"))
TRAIN = {
    "wnut17": "wnut17/wnut17train.conll.gz",
    "btc": "broad_twitter_corpus/btc.train.conll.gz",
}
DEV = {
    "wnut17_dev": "wnut17/emerging.dev.conll.gz",
    "btc_dev": "broad_twitter_corpus/btc.dev.conll.gz",
}
# what a tag of a source may be among ours; a type that is not listed is ours by another name
ALLOWED = {
    "wnut17": {"O": ("O",), "corporation": ("organization",), "creative-work": ("creative_work",)},
    "btc": {
        "O": ("O", "product", "creative_work"),
        "PER": ("person",),
        "LOC": ("location",),
        "ORG": ("organization", "group"),
    },
}
logger = logging.getLogger(__name__)


class Sentence(NamedTuple):
    tokens: list[str]
    tags: list[str]


class Row(NamedTuple):
    """A sentence as the encoder reads it: words, and for each the number of its token."""

    words: list[str]
    owners: list[int]


def read_conll(path: Path) -> list[Sentence]:
    """Sentences of a file with `token TAB tag` a line; a line without a token ends one."""
    sentences, tokens, tags = [], [], []
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
        for line in [*lines, ""]:
            if not line.strip():
                if tokens:
                    sentences.append(Sentence(tokens, tags))
                tokens, tags = [], []
            else:
                token, tag = line.rstrip("\r\n").rsplit("\t", 1)
                tokens.append(token)
                tags.append(tag)
    return sentences


def as_row(sentence: Sentence) -> Row:
    """The words of a sentence's tokens joined by single blanks."""
    starts, position = {}, 0
    for i, token in enumerate(sentence.tokens):
        starts.update(dict.fromkeys(range(position, position + len(token)), i))
        position += len(token) + 1
    words = split_words(" ".join(sentence.tokens))
    return Row([w.text for w in words], [starts[w.begin] for w in words])


def allowed_labels(source: str, tag: str) -> list[int]:
    prefix, _, kind = tag.partition("-")
    names = ALLOWED[source].get(kind or "O", (kind,))
    prefixes = (prefix,) if kind else ("B", "I")
    return [LABELS.index(label) for n in names for label in (["O"] if n == "O" else [f"{p}-{n}" for p in prefixes])]


def targets_of(source: str, sentence: Sentence, row: Row) -> Tensor:
    """A row a word: 1 for each label it may have. Words after a token's first continue its entity."""
    targets = torch.zeros(len(row.words), len(LABELS))
    for i, owner in enumerate(row.owners):
        tag = sentence.tags[owner]
        if i and row.owners[i - 1] == owner and tag.startswith("B-"):
            tag = "I-" + tag[2:]
        targets[i, allowed_labels(source, tag)] = 1.0
    return targets


def word_logits(model: nn.Module, encoded: list[tuple[list[int], list[int]]], pad: int) -> list[Tensor]:
    """The logits at the first piece of each word, a tensor a row."""
    logits = model(*padded([ids for ids, _ in encoded], pad)).float()
    return [logits[i, firsts] for i, (_, firsts) in enumerate(encoded)]


def predict(model: nn.Module, vocabulary: Vocabulary, sentences: list[Sentence]) -> list[list[str]]:
    """BIO tags of our types for each token: the tag of its first word, `O` past the window."""
    model.eval()
    rows = [as_row(s) for s in sentences]
    encoded = [vocabulary.encode(row.words) for row in rows]
    tags: list[list[str]] = [[] for _ in sentences]
    with torch.inference_mode():
        for batch in batches([len(ids) for ids, _ in encoded], 64, None):
            for i, logits in zip(batch, word_logits(model, [encoded[i] for i in batch], vocabulary.pad), strict=True):
                tags[i] = tags_of_tokens(sentences[i].tokens, [LABELS[best] for best in logits.argmax(-1).tolist()])
    return tags


def measure(model: nn.Module, vocabulary: Vocabulary, data: Path) -> dict[str, dict[str, float]]:
    """Strict entity scores on each dev set, our types renamed to the set's."""
    report = {}
    for name, path in DEV.items():
        sentences = read_conll(data / path)
        tagset = tagset_of(tag for s in sentences for tag in s.tags)
        predicted = [tags_in_tagset(tags, tagset) for tags in predict(model, vocabulary, sentences)]
        report[name] = {k: round(v, 4) for k, v in entity_f1([s.tags for s in sentences], predicted)._asdict().items()}
    return report


def without_case(words: list[str]) -> list[str]:
    return [word[1:] if word[0] in CASE_MARKS else word for word in words]


def train(args: argparse.Namespace) -> dict[str, object]:
    seed_everything(args.seed)
    vocabulary = Vocabulary(args.encoder)
    examples: list[tuple[Row, Tensor]] = []
    sizes = {}
    for source, path in TRAIN.items():
        sentences = read_conll(args.data / path)
        sizes[source] = len(sentences)
        rows = [as_row(s) for s in sentences]
        pairs = [(row, targets_of(source, s, row)) for s, row in zip(sentences, rows, strict=True) if row.words]
        examples += pairs * (args.wnut_times if source == "wnut17" else 1)
    logger.info("%d sentences an epoch from %s", len(examples), sizes)

    model = WordClassifier(args.encoder, len(LABELS))
    rng = random.Random(args.seed)
    steps_an_epoch = -(-len(examples) // args.batch_size)
    adam, schedule = optimizer(model, lr=args.lr, head_lr=args.head_lr, steps=args.epochs * steps_an_epoch)
    started, step = time.monotonic(), 0
    for epoch in range(args.epochs):
        model.train()
        for batch in batches([len(row.words) for row, _ in examples], args.batch_size, rng):
            encoded, targets = [], []
            for row, allowed in (examples[i] for i in batch):
                words = without_case(row.words) if rng.random() < args.case_dropout else row.words
                encoded.append(vocabulary.encode(words))
                targets.append(allowed[: len(encoded[-1][1])])
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = word_logits(model, encoded, vocabulary.pad)
            chances = torch.log_softmax(torch.cat(logits), -1)
            loss = -torch.logsumexp(chances.masked_fill(torch.cat(targets) == 0, -1e9), -1).mean()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            adam.step()
            schedule.step()
            adam.zero_grad(set_to_none=True)
            step += 1
            if step % 100 == 0:
                logger.info(
                    "step %d of %d, loss %.3f, %.0f s",
                    step,
                    args.epochs * steps_an_epoch,
                    loss.item(),
                    time.monotonic() - started,
                )
        logger.info("epoch %d: %s", epoch + 1, measure(model, vocabulary, args.data))
    torch.save(model.state_dict(), args.out)
    return {
        "task": "entities",
        "seed": args.seed,
        "params": {
            k: getattr(args, k) for k in ("epochs", "batch_size", "lr", "head_lr", "case_dropout", "wnut_times")
        },
        "train_sentences": sizes,
        "dev": measure(model, vocabulary, args.data),
        "seconds": round(time.monotonic() - started),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with wnut17 and broad_twitter_corpus")
    parser.add_argument("--encoder", type=Path, required=True, help="BERT-family folder: config, weights, vocab.txt")
    parser.add_argument(
        "--out", type=Path, required=True, help="checkpoint to write; its report goes beside it as .json"
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1.5e-4)
    parser.add_argument("--head-lr", type=float, default=1e-3)
    parser.add_argument("--case-dropout", type=float, default=0.1, help="share of sentences read without their case")
    parser.add_argument("--wnut-times", type=int, default=2, help="how often an epoch sees WNUT-17")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(args.threads)
    report = train(args)
    args.out.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
