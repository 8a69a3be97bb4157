"""Labelled texts: read from lines or rows, told apart into what to train on and what to choose by."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple, TypeVar

from social_signals.core.errors import DataQualityError
from social_signals.evaluation.text import tagset_of
from social_signals.nlp.finetune.params import ID_COLUMN, LABEL_COLUMN, TEXT_COLUMN
from social_signals.nlp.words import split_words
from social_signals.tables.gold_texts import ENTITY_TYPES, SENTIMENTS

# With B-, though it doubles what serving formats: in the Broad Twitter Corpus a third of all names touch one of their type.
ENTITY_LABELS = ("O", *(f"{prefix}-{kind}" for kind in ENTITY_TYPES for prefix in "BI"))
# What a post, or what a person wrote, may be; the labels of a task, in the order of its head's outputs.
LEAVES = "leaves"
POST_LABELS: Mapping[str, tuple[str, ...]] = {"sentiment": SENTIMENTS, "churn_text": ("stays", LEAVES)}
# TweetEval writes numbers, SemEval words.
_SENTIMENT_NAMES = dict(zip("012", SENTIMENTS, strict=True)) | {name: name for name in SENTIMENTS}


class LabelledPost(NamedTuple):
    """A text and its sentiment: negative, neutral or positive; its id where there is one."""

    text: str
    label: str
    id: str | None = None


class LabelledSentence(NamedTuple):
    """Tokens, and the BIO tag of each in the words of its data set."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]


T = TypeVar("T", LabelledPost, LabelledSentence)


def sentiment_of_name(label: str) -> str | None:
    """Our name of a label (`0`, `1`, `2` as in TweetEval, or the name itself, in any case); null for anything else."""
    return _SENTIMENT_NAMES.get(label.strip().lower())


def parse_posts(lines: Iterable[str], *, columns: Sequence[str]) -> tuple[list[LabelledPost], int]:
    """The posts of TSV lines, in order, each id once, and how many lines had no known label; blank lines are nothing.

    A text may have tabs of its own.

    >>> parse_posts(["7\\tpositive\\twhat a day\\t", "8\\tmixed\\thm"], columns=["id", "label", "text"])
    ([LabelledPost(text='what a day', label='positive', id='7')], 1)
    """
    place = {name: i for i, name in enumerate(columns)}
    posts: list[LabelledPost] = []
    seen: set[str] = set()
    wrong = 0
    for line in lines:
        if not line.strip():
            continue
        parts = line.rstrip("\r\n").split("\t")
        more = len(parts) - len(columns)
        if more < 0:
            wrong += 1
            continue
        at = place[TEXT_COLUMN]
        fields = [*parts[:at], "\t".join(parts[at : at + more + 1]).strip("\t"), *parts[at + more + 1 :]]
        label = sentiment_of_name(fields[place[LABEL_COLUMN]])
        key = fields[place[ID_COLUMN]] if ID_COLUMN in place else None
        if label is None:
            wrong += 1
        elif key is None or key not in seen:
            posts.append(LabelledPost(fields[at], label, key))
            seen.update([key] if key is not None else [])
    return posts, wrong


def parse_sentences(lines: Iterable[str]) -> list[LabelledSentence]:
    """The sentences of CoNLL lines: the token first and the BIO tag last on a line, a blank line between sentences.

    Raises DataQualityError for a line without a tag.
    """
    blocks = (block for is_text, block in groupby(lines, key=lambda line: bool(line.strip())) if is_text)
    found: list[LabelledSentence] = []
    for block in blocks:
        # a token may be a blank of its own kind (U+200A), which only a tab tells from what parts columns
        words = [line.rstrip("\r\n").split("\t") if "\t" in line else line.split() for line in block]
        if any(len(word) < 2 or not word[-1] for word in words):
            raise DataQualityError(
                f"sentence {len(found)} has a line that is not token TAB tag",
                hint="each line is a token, a tab and a BIO tag; a blank line ends a sentence",
            )
        found.append(LabelledSentence(tuple(word[0] for word in words), tuple(word[-1].strip() for word in words)))
    return found


def words_key(text: str) -> tuple[str, ...]:
    """What makes two texts the same text for a model."""
    return tuple(word.text for word in split_words(text))


def text_of(example: LabelledPost | LabelledSentence) -> str:
    return example.text if isinstance(example, LabelledPost) else " ".join(example.tokens)


def held_out(examples: Sequence[T], *, fraction: float) -> tuple[list[T], list[T]]:
    """Train and validation: a text falls to validation by the hash of its words, so copies of a text never part."""

    def is_kept_apart(example: T) -> bool:
        digest = hashlib.sha256("\x1f".join(words_key(text_of(example))).encode()).digest()
        return int.from_bytes(digest[:8], "big") < fraction * 2**64

    apart = [is_kept_apart(example) for example in examples]
    return (
        [e for e, is_apart in zip(examples, apart, strict=True) if not is_apart],
        [e for e, is_apart in zip(examples, apart, strict=True) if is_apart],
    )


def without(examples: Sequence[T], *, valid: Iterable[T], ids: Collection[str] = ()) -> list[T]:
    """The examples that no validation text shares its words with, and whose id is not listed; those without words go."""
    taken = {words_key(text_of(example)) for example in valid} | {()}
    return [
        example
        for example in examples
        if words_key(text_of(example)) not in taken
        and not (isinstance(example, LabelledPost) and example.id in ids and example.id is not None)
    ]


class Tagset(NamedTuple):
    """Which of our labels each tag of a data set may stand for.

    A set that labels no products says nothing about them: its `O` may be one. Where teams count as organisations, `ORG` may
    be our group.
    """

    allowed: Mapping[str, frozenset[str]]

    @staticmethod
    def of(sentences: Iterable[LabelledSentence]) -> Tagset:
        """The tags of a data set, from its sentences.

        >>> tagset = Tagset.of([LabelledSentence(("Al", "in", "Rome"), ("B-PER", "O", "B-LOC"))])
        >>> sorted(tagset.allowed["B-PER"]), "B-product" in tagset.allowed["O"], "B-person" in tagset.allowed["O"]
        (['B-person'], True, False)
        """
        tags = {tag for sentence in sentences for tag in sentence.tags}
        names = tagset_of(sorted(tags))
        unlabelled = {f"{prefix}-{kind}" for kind in ENTITY_TYPES if kind not in names for prefix in "BI"}
        allowed: dict[str, set[str]] = {"O": {"O"} | unlabelled}
        for kind_of_set in {tag.partition("-")[2] for tag in tags} - {""}:
            ours = [kind for kind, theirs in names.items() if theirs == kind_of_set]
            for prefix in "BI":
                # a type that we do not have (MISC, event) is none of ours, but for those that have no name there
                allowed[f"{prefix}-{kind_of_set}"] = {f"{prefix}-{kind}" for kind in ours} or allowed["O"]
        return Tagset({tag: frozenset(labels) for tag, labels in allowed.items()})


class WordTargets(NamedTuple):
    """A sentence as the encoder reads it: words, and for each the labels it may have."""

    words: tuple[str, ...]
    allowed: tuple[frozenset[str], ...]


def word_targets(sentence: LabelledSentence, tagset: Tagset) -> WordTargets:
    """The words of a sentence's tokens joined by blanks; words after a token's first continue its entity."""
    owners = [i for i, token in enumerate(sentence.tokens) for _ in range(len(token) + 1)]
    words = split_words(" ".join(sentence.tokens))
    allowed: list[frozenset[str]] = []
    before = -1
    for word in words:
        owner = owners[word.begin]
        tag = sentence.tags[owner]
        allowed.append(tagset.allowed[f"I-{tag[2:]}" if owner == before and tag != "O" else tag])
        before = owner
    return WordTargets(tuple(word.text for word in words), tuple(allowed))
