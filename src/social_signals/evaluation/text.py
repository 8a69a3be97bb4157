"""How good the text models are: pure functions of true and predicted labels, each with its definition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple


def macro_recall(truth: Sequence[str], predicted: Sequence[str]) -> float:
    """The mean, over the labels that occur in `truth`, of the share of their rows that were predicted as such.

    The measure of SemEval task 4 and TweetEval sentiment. A label that occurs only in `predicted` has no recall and does
    not count; no rows at all give NaN.

    >>> macro_recall(["negative", "negative", "neutral", "positive"], ["negative", "neutral", "neutral", "negative"])
    0.5
    """
    if len(truth) != len(predicted):
        raise ValueError(f"{len(truth)} true labels but {len(predicted)} predicted ones")
    recalls = []
    for label in sorted(set(truth)):
        hits = [p == label for t, p in zip(truth, predicted, strict=True) if t == label]
        recalls.append(sum(hits) / len(hits))
    return sum(recalls) / len(recalls) if recalls else float("nan")


class EntityScore(NamedTuple):
    """Strict precision, recall and F1 of entities, and how many there are in the truth."""

    precision: float
    recall: float
    f1: float
    support: int


def entity_spans(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """The entities of one sentence's BIO tags as (type, begin, end), end exclusive, in order.

    As conlleval and seqeval read them: an `I-` that continues nothing of its type starts an entity.

    >>> entity_spans(["B-person", "I-person", "O", "I-location", "B-location"])
    [('person', 0, 2), ('location', 3, 4), ('location', 4, 5)]
    """
    spans: list[tuple[str, int, int]] = []
    open_type, begin = "", 0
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, kind = tag.partition("-")
        continues = prefix == "I" and kind == open_type
        if open_type and not continues:
            spans.append((open_type, begin, i))
        if not continues:
            open_type, begin = (kind, i) if prefix in ("B", "I") else ("", i)
    return spans


def as_bio(tags: Sequence[str]) -> list[str]:
    """The same entities with `B-` on the first word of each, as IOB2 has it.

    >>> as_bio(["I-person", "I-person", "O", "I-group"])
    ['B-person', 'I-person', 'O', 'B-group']
    """
    found = ["O"] * len(tags)
    for kind, begin, end in entity_spans(tags):
        found[begin:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - begin - 1)]
    return found


def entity_f1(truth: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> EntityScore:
    """Micro-averaged over all sentences: an entity counts when type, begin and end are all right.

    precision = right / predicted, recall = right / true, f1 = 2 * right / (predicted + true). Nothing predicted gives
    precision 0, nothing true recall 0, neither f1 0.

    >>> truth = [["B-person", "I-person", "O"], ["O", "B-location"]]
    >>> entity_f1(truth, [["B-person", "O", "O"], ["O", "B-location"]])
    EntityScore(precision=0.5, recall=0.5, f1=0.5, support=2)
    """
    if [len(tags) for tags in truth] != [len(tags) for tags in predicted]:
        raise ValueError("true and predicted tags differ in their number of sentences or words")
    right = found = there = 0
    for true_tags, predicted_tags in zip(truth, predicted, strict=True):
        true_spans, predicted_spans = set(entity_spans(true_tags)), set(entity_spans(predicted_tags))
        right += len(true_spans & predicted_spans)
        found += len(predicted_spans)
        there += len(true_spans)
    return EntityScore(
        precision=right / found if found else 0.0,
        recall=right / there if there else 0.0,
        f1=2 * right / (found + there) if found + there else 0.0,
        support=there,
    )


_NAMES_ELSEWHERE = {
    "person": ("person", "per"),
    "location": ("location", "loc", "geo-loc", "gpe"),
    "organization": ("organization", "org", "corporation", "company"),
    "product": ("product",),
    "creative_work": ("creative_work", "creative-work", "work_of_art"),
    # a set without groups (Broad Twitter Corpus, CoNLL-2003) counts teams and bands as organisations
    "group": ("group", "org", "organization"),
}


def tagset_of(tags: Iterable[str]) -> dict[str, str]:
    """How our entity types are called in a data set, from the BIO tags seen in it; a type it does not label is missing.

    >>> tagset_of(["O", "B-PER", "I-ORG", "B-LOC"])
    {'person': 'PER', 'location': 'LOC', 'organization': 'ORG', 'group': 'ORG'}
    >>> tagset_of(["B-corporation", "B-creative-work", "B-group"])
    {'organization': 'corporation', 'creative_work': 'creative-work', 'group': 'group'}
    """
    seen = {kind.lower(): kind for kind in (tag.partition("-")[2] for tag in tags) if kind}
    named = {ours: next((seen[n] for n in names if n in seen), None) for ours, names in _NAMES_ELSEWHERE.items()}
    return {ours: theirs for ours, theirs in named.items() if theirs}


def tags_in_tagset(tags: Sequence[str], tagset: Mapping[str, str]) -> list[str]:
    """BIO tags of our types as tags of a data set; what it does not label becomes `O`.

    >>> tags_in_tagset(["B-group", "I-group", "B-product"], {"group": "ORG"})
    ['B-ORG', 'I-ORG', 'O']
    """
    split = [tag.partition("-") for tag in tags]
    return [f"{prefix}-{tagset[kind]}" if kind in tagset else "O" for prefix, _, kind in split]
